"""What goes to disk and comes from it: the manifest's text, the state, lists of accounts."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch_onboard.app.discovery import DiscoverySettings
from batch_onboard.app.manifests import manifest_defaults, manifest_text
from batch_onboard.app.writing import UnwritableError, digest_of, write_whole
from batch_onboard.core.catalogue import Account, FoundInstance
from batch_onboard.core.redaction import Secrets
from batch_onboard.core.targets import Domain, Identity
from batch_onboard.discovery.inventory import Inventory
from batch_onboard.discovery.lists import AccountListError, read_accounts
from batch_onboard.discovery.render import Title, manifest_lines
from batch_onboard.discovery.state import State, StateError, open_state
from batch_onboard.discovery.yamltext import flow
from batch_onboard.manifest.load import load_manifest

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
PAIR = Domain("111111111111", "eu-west-2")
DESK = FoundInstance("desk", "", "ACTIVE", True)
ROLE_ARN = f"arn:aws:iam::{PAIR.account_id}:role/R"
PLAIN = {"encryption": {"enabled": False}}


def inventory(*, name: str = "", alias: str = "", instance_id: str = "desk") -> Inventory:
    """One instance."""
    found = FoundInstance(instance_id, alias, "ACTIVE", True)
    return Inventory((Account(PAIR.account_id, name),), (PAIR.region,), {PAIR: (found,)})


@given(name=st.text(), alias=st.text(alphabet=st.characters(exclude_categories=())))
def test_whatever_names_are_like_the_manifest_is_valid_and_has_them_as_labels(
    tmp_path_factory: pytest.TempPathFactory, name: str, alias: str
) -> None:
    """No name can become anything but the text of its label."""
    path = tmp_path_factory.mktemp("found") / "found.yaml"
    found = inventory(name=name, alias=alias)
    text = manifest_text(found, PLAIN, name=name[:200] or "n", by=name, against=alias)
    path.write_text(text, encoding="utf-8")
    (target,) = load_manifest(path).targets
    readable = "".join("\ufffd" if 0xD800 <= ord(each) <= 0xDFFF else each for each in alias)
    for key, wanted in (("account_name", name), ("alias", readable)):
        assert dict(target.labels).get(key, "") in {wanted, "[redacted]"}


@pytest.mark.parametrize("name", ["AKIAIOSFODNN7EXAMPLE", "Secret Key", "session token", "x:\n- y"])
def test_a_name_that_looks_like_a_secret_does_not_make_the_manifest_unusable(
    tmp_path: Path, name: str
) -> None:
    """It is replaced: validate would refuse the whole manifest for it."""
    path = tmp_path / "found.yaml"
    path.write_text(manifest_text(inventory(name=name), PLAIN, name="n", by="b", against=None))
    (target,) = load_manifest(path).targets
    assert dict(target.labels)["account_name"] in {"[redacted]", name}


@pytest.mark.parametrize("instance_id", ["012345", "1e3", "true", "null", "0x10", "-", "~"])
def test_ids_that_look_like_other_things_stay_texts(instance_id: str) -> None:
    """YAML guesses; quotes don't."""
    lines = list(
        manifest_lines(Title("n", "t", NOON, "b"), {}, {}, inventory(instance_id=instance_id), str)
    )
    assert lines[-1].endswith(f'id: "{instance_id}"}}')


def test_defaults_are_written_as_they_were_given_and_else_filled_in() -> None:
    """What the operator says goes first; the reading role is only a suggestion."""
    settings = DiscoverySettings((), Secrets(), role_arn="reader", external_id="shared-1")
    assert manifest_defaults(settings, {}) == {
        "role_arn": "reader",
        "external_id": "shared-1",
        "encryption": "FILL-IN",
    }
    assert manifest_defaults(settings, {**PLAIN, "role_arn": "own"}) == {**PLAIN, "role_arn": "own"}
    assert flow({"enabled": True, "odd key": 'a"b', "wave": 2}) == (
        '{enabled: true, "odd key": "a\\"b", wave: 2}'
    )


@pytest.mark.parametrize(
    ("own_account", "role_arn", "identity"),
    [
        (PAIR.account_id, "arn:aws:iam::{account_id}:role/R", Identity()),
        (PAIR.account_id, "none", Identity()),
        ("222222222222", ROLE_ARN, Identity(role_arn=ROLE_ARN)),
        (None, ROLE_ARN, Identity(role_arn=ROLE_ARN)),
    ],
)
def test_the_callers_own_account_keeps_the_callers_own_credentials(
    tmp_path: Path, own_account: str | None, role_arn: str, identity: Identity
) -> None:
    """It was read with them, and is onboarded with them; the defaults' role is the others'."""
    path = tmp_path / "found.yaml"
    found = replace(inventory(), own_account=own_account)
    defaults = {**PLAIN, "role_arn": role_arn}
    path.write_text(manifest_text(found, defaults, name="n", by="b", against=None))
    loaded = load_manifest(path)
    assert [target.identity for target in loaded.targets] == [identity]
    assert loaded.warnings == ()


def test_a_state_keeps_what_was_read_and_forgets_an_unfinished_line(tmp_path: Path) -> None:
    """Cut at any byte, the whole lines before it count."""
    path = tmp_path / "state"
    with open_state(path, "AWS") as state:
        state.keep(PAIR, [DESK])
        state.keep_digest("abc")
    whole = path.read_bytes()
    assert whole.count(b"\n") == 3
    for size in range(len(whole) + 1):
        path.write_bytes(whole[:size])
        with open_state(path, "AWS") as state:
            lines = whole[:size].count(b"\n")
            assert state.covered == ({PAIR: (DESK,)} if lines >= 2 else {})
            assert state.wrote == ("abc" if lines == 3 else None)
        assert path.exists() is (lines >= 2)


def test_a_state_that_can_not_be_used_says_so(tmp_path: Path) -> None:
    """The sentence names the file; a device or pipe is never read."""
    for place in (tmp_path / "no" / "state", tmp_path, Path("/dev/zero")):
        with (
            pytest.raises(StateError, match=f"{place} can't be opened"),
            open_state(place, "AWS"),
        ):
            pytest.fail("it was opened")
    path = tmp_path / "state"
    path.touch()
    descriptor = os.open(path, os.O_RDONLY)
    with pytest.raises(StateError, match="state can't be written"):
        State(path, descriptor).keep(PAIR, [DESK])
    os.close(descriptor)


def test_a_list_of_accounts_is_read_in_either_form() -> None:
    """Empty lines and comments count for nothing, and the order is that of ids."""
    plain = "\ufeff# ours\n222222222222\n\n111111111111\r\n111111111111\n"
    assert [each.account_id[0] for each in read_accounts(plain, "f")] == ["1", "2"]
    table = 'name,account_id\n"Smith, Jones",111111111111\n'
    assert read_accounts(table, "f") == [Account("111111111111", "Smith, Jones")]


def test_each_wrong_line_of_a_list_is_named() -> None:
    """All problems in one pass, by line."""
    with pytest.raises(AccountListError) as raised:
        read_accounts("account_id,name\n12345,x\nnonsense,y\n,z\n", "f.csv")
    lines = str(raised.value).splitlines()
    assert [line.partition(" ")[0] for line in lines] == ["f.csv:2:", "f.csv:3:", "f.csv:4:"]
    assert "12 digits, not 5" in lines[0]
    with pytest.raises(AccountListError, match="f: no accounts"):
        read_accounts("\n# none\n", "f")


def test_a_file_is_replaced_as_a_whole_or_not_at_all(tmp_path: Path) -> None:
    """A link is followed, and what fails leaves nothing behind."""
    path, link = tmp_path / "a", tmp_path / "link"
    link.symlink_to(path)
    write_whole(link, b"1")
    assert (path.read_bytes(), link.is_symlink()) == (b"1", True)
    assert digest_of(tmp_path / "none") is None
    for use in (digest_of, lambda place: write_whole(place, b"2")):
        with pytest.raises(UnwritableError, match="can't be written"):
            use(tmp_path)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a", "link"]
