"""Instances that are written alike are read by one pattern; what is said of them stays the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from batch_onboard.core.targets import Encryption
from batch_onboard.manifest import build, compose, recipes, runs
from batch_onboard.manifest.load import load_manifest
from tests.manifest.fuzzing import check_manifest

from .writing import HEAD, problems, targets, write

if TYPE_CHECKING:
    from pathlib import Path

ALIKE = {
    "flow": "  - {id: i-0-%d, region: eu-west-2, wave: 2, labels: {n: x%d}}\n",
    "json": '  - {"id": "i%d", "labels": {"n": "x%d"}}\n',
    "block": "- id: 'i%d'\n  region: eu-west-2\n  labels:\n    n: \"x%d\"\n",
    "crlf": "  - {id: i-0-%d, labels: {n: x%d}}\r\n",
    "bare": "  - arn:aws:connect:eu-west-2:111122223333:instance/i%d  \n",
    "arn": "  - arn: arn:aws:connect:eu-west-2:111122223333:instance/i%d\n    labels: {n: x%d}\n",
    "other words": '  - {instance_id: "i%d", "labels": {n: "é %d"}}\n',
}


def many(form: str, number: int) -> str:
    """Return so many instances."""
    return "".join(form % ((each,) * form.count("%d")) for each in range(number))


@pytest.mark.parametrize("form", ALIKE)
def test_all_but_the_first_and_the_last_are_read_by_a_pattern(tmp_path: Path, form: str) -> None:
    """Whatever style instances are written in, the parser sees few of them, and all are targets."""
    text = f"{HEAD}instances:\n{many(ALIKE[form], 30)}"
    found = runs.find_runs(text)
    assert sum(each.number for run in found for each in run.stretches) == 27
    path = tmp_path / "m.yaml"
    path.write_bytes(text.encode())
    loaded = load_manifest(path).targets
    assert len({target.key for target in loaded}) == len(loaded) == 30
    if "labels" in ALIKE[form]:
        assert [dict(target.labels)["n"][-2:].strip(" x") for target in loaded] == [
            str(each) for each in range(30)
        ]


def test_several_styles_may_take_turns(tmp_path: Path) -> None:
    """Instances of several styles, with comments and odd ones between, stay in their order."""
    lines = [
        f"  - {{id: i-0-{number}{', wave: 2' if number % 3 else ''}}}{' # odd' * (number % 5 == 4)}\n"
        for number in range(40)
    ]
    loaded = targets(tmp_path, f"{HEAD}instances:\n{''.join(lines)}")
    assert [target.key.instance_id for target in loaded] == [
        f"i-0-{number}" for number in range(40)
    ]
    assert [target.wave for target in loaded] == [1 + bool(number % 3) for number in range(40)]


def test_a_duplicate_names_the_first_line_in_whatever_file(tmp_path: Path) -> None:
    """Instances that are read by patterns are remembered with their lines and files."""
    items = many("  - {id: i-0-%d}\n", 9)
    text = f"{HEAD}sources: [s.jsonl]\ninstances:\n{items}  - {{id: i-0-5}}\n  - {{id: z}}\n"
    write(tmp_path, many('{"id": "j%d"}\n', 9) + '{"id": "j7"}\n{"id": "i-0-4"}\n', "s.jsonl")
    said = problems(write(tmp_path, text))
    same = "the same instance as in"
    assert [each.split(" (")[0] for each in said] == [
        f"manifest.yaml:14:5: {same} line 10",
        f"s.jsonl:10:1: {same} line 8",
        f"s.jsonl:11:1: {same} manifest.yaml:9",
    ]


def test_what_an_instance_says_itself_is_refused_where_it_stands(tmp_path: Path) -> None:
    """A role that is right for one account is refused for another one, at the line that names it."""
    role = "role_arn: arn:aws:iam::111122223333:role/R"
    form = f'  - {{account_id: "%s", region: us-west-2, id: i-0-%d, {role}}}\n'
    accounts = ["111122223333"] * 5 + ["444455556666"] + ["111122223333"] * 5
    items = "".join(form % (account, number) for number, account in enumerate(accounts))
    (said,) = problems(write(tmp_path, f"{HEAD}instances:\n{items}"))
    assert said.startswith(
        "manifest.yaml:9:74: role_arn is a role of account 111122223333, but used"
    )


def test_defaults_that_are_wrong_for_one_domain_are_told_once(tmp_path: Path) -> None:
    """What is wrong with the defaults for some of many targets is counted at its place."""
    head = "version: 1\ndefaults: {role_arn: 'arn:aws:iam::111122223333:role/R', encryption: {enabled: false}}\n"
    form = "  - arn:aws:connect:us-west-2:%s:instance/i%d\n"
    accounts = ["111122223333"] * 5 + ["444455556666"] * 3 + ["111122223333"] * 5
    items = "".join(form % (account, number) for number, account in enumerate(accounts))
    (said,) = problems(write(tmp_path, f"{head}instances:\n{items}"))
    assert said.startswith("manifest.yaml:2:22: role_arn is a role of account 111122223333")
    assert said.endswith("(and 2 more like this)")


def test_an_id_in_a_template_is_each_target_s_own(tmp_path: Path) -> None:
    """Targets of one domain don't share what is made of their ids."""
    head = (
        "version: 1\ndefaults: {account_id: '111122223333', region: us-west-2, "
        "encryption: {enabled: true, key_arn: 'arn:aws:kms:{region}:{account_id}:alias/{instance_id}'}}\n"
    )
    loaded = targets(tmp_path, f"{head}instances:\n{many('  - {id: i-0-%d}' + chr(10), 9)}")
    assert [target.encryption for target in loaded] == [
        Encryption(True, f"arn:aws:kms:us-west-2:111122223333:alias/i-0-{number}", "KMS")
        for number in range(9)
    ]


def test_what_is_remembered_is_bounded_and_may_be_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Batches of more waves, roles, domains and labels than are remembered are loaded all the same."""
    monkeypatch.setattr(recipes, "_MOST", 2)
    monkeypatch.setattr(build, "_MOST_LABELS", 2)
    monkeypatch.setattr(runs, "_MOST_RESTS", 4)
    form = (
        '{"account_id": "%012d", "region": "us-west-2", "id": "i%d", "wave": %d, '
        '"role_arn": "arn:aws:iam::%012d:role/R", "labels": {"n": "x%d"}}\n'
    )
    lines = [form % (n % 4, n, n % 3 + 1, n % 4, n) for n in range(60)]
    write(tmp_path, "".join(lines[30:]), "s.jsonl")
    items = "".join(f"  - {line}" for line in lines[:30])
    loaded = targets(tmp_path, f"{HEAD}sources: [s.jsonl]\ninstances:\n{items}")
    assert [
        (target.key.account_id, target.wave, target.identity.role_arn, dict(target.labels))
        for target in loaded
    ] == [
        (f"{n % 4:012}", n % 3 + 1, f"arn:aws:iam::{n % 4:012}:role/R", {"n": f"x{n}"})
        for n in range(60)
    ]


def test_more_domains_than_are_remembered_are_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of what many domains share some is worked out again, with the same outcome."""
    monkeypatch.setattr(recipes, "_MOST", 2)
    form = "arn:aws:connect:us-west-2:%012d:instance/i%d"
    items = "".join(f"  - {form % (n % 5, n)}\n" for n in range(30))
    loaded = targets(tmp_path, f"{HEAD}instances:\n{items}")
    assert [target.key.account_id for target in loaded] == [f"{n % 5:012}" for n in range(30)]


def test_what_stands_in_a_quoted_text_is_no_instance(tmp_path: Path) -> None:
    """Lines that look like instances, inside of something else, are left to the parser."""
    inside = many("  - {id: i-0-%d}\n", 5)
    said = problems(write(tmp_path, f'version: 1\nname: "\ninstances:\n{inside}  - x"\n'))
    assert said[0].startswith("manifest.yaml:1:1: no instances")


def test_values_that_the_parser_does_not_see_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A manifest with more values than the budget is refused where it is reached."""
    path = write(tmp_path, f"{HEAD}instances:\n{many('  - {id: i-0-%d}' + chr(10), 30)}")
    assert len(load_manifest(path).targets) == 30
    monkeypatch.setattr(compose, "MAX_NODES", 50)
    (said,) = problems(path)
    assert said.startswith("manifest.yaml:25:5: more than 50 values")


@pytest.mark.parametrize(
    "odd",
    [
        *(
            "? id",
            "[a, b]",
            "{id: &a x-y-z}",
            "{id: !x a-b-c}",
            "{id: [a]}",
            "- {id: a-b-c}",
            "|\n    x",
        ),
        *(
            "{id: a-b-c, id: b}",
            "{id: 1}",
            '{id: "\\u0041"}',
            "{id: a-b-c} # note",
            "{? id : a-b-c}",
        ),
        *(
            "{account_id: 111122223333, id: a-b-c}",
            "{id: {a: b}}",
            "{name: a-b-c}",
            "%",
            "{labels: x, id: a-b-c}",
        ),
        *(
            "{id: 'a}",
            "{id: a-b-c, id: ",
            "\t{id: a-b-c}",
            "{id: a-b-c,\n    wave: 1}\n  - {id: b-b-c,\n    wave: 1}",
        ),
    ],
)
def test_oddly_written_instances_have_no_shape(tmp_path: Path, odd: str) -> None:
    """What is not sure to be read alike is read by the parser, and what is wrong is said of each."""
    items = f"  - {odd}\n" * 2
    check_manifest(tmp_path, f"{HEAD}instances:\n{items}  - {{id: z}}\n".encode())
