from hashlib import sha256
from pathlib import Path

import pytest

from batch_onboard.core.targets import Api, Encryption, Identity, RoleSession, TargetKey
from batch_onboard.manifest.load import load_manifest

from .writing import HEAD, problems, targets, write

EXAMPLE = """\
    version: 1
    name: emea-wave-1
    defaults:
      region: eu-west-2
      role_arn: arn:aws:iam::{account_id}:role/ConnectOnboarder
      external_id: "for-{account_id}"
      encryption: {enabled: true, key_arn: "arn:aws:kms:{region}:{account_id}:key/1111"}
      labels: {business_unit: retail, pilot: "no"}
    accounts:
      "111122223333": {role_arn: "arn:aws:iam::{account_id}:role/Other", encryption: {enabled: false}}
    instances:
      - arn:aws:connect:us-west-2:111122223333:instance/0f1e
      - {account_id: "444455556666", id: 9a8b, region: eu-west-2, wave: 2, labels: {pilot: "yes"}}
      - {arn: "arn:aws:connect:eu-west-2:444455556666:instance/77", api: v2, encryptionConfig: {enabled: true, encryptionType: KMS, keyArn: "arn:aws:kms:eu-west-2:444455556666:alias/mine"}}
      - {arn: "arn:aws:connect:eu-west-2:444455556666:instance/88", accept_drift: "keeps its old key, CHG-1234"}
    """


def test_an_arn_alone_is_an_instance(tmp_path: Path) -> None:
    """An ARN says which instance it is; account settings hold over the defaults."""
    first = targets(tmp_path, EXAMPLE)[0]
    assert first.key == TargetKey("111122223333", "us-west-2", "0f1e")
    assert first.identity == Identity("arn:aws:iam::111122223333:role/Other", "for-111122223333")
    assert first.encryption == Encryption(enabled=False)
    assert (first.api, first.wave, first.accept_drift) == (Api.V1, 1, None)


def test_an_instance_goes_over_its_account_and_the_defaults(tmp_path: Path) -> None:
    """What an instance says itself holds, its labels beside those of the defaults."""
    second = targets(tmp_path, EXAMPLE)[1]
    assert second.labels == (("business_unit", "retail"), ("pilot", "yes"))
    assert second.wave == 2
    key_arn = "arn:aws:kms:eu-west-2:444455556666:key/1111"
    assert second.encryption == Encryption(True, key_arn, "KMS")


def test_the_spelling_of_the_api_is_accepted(tmp_path: Path) -> None:
    """`encryptionConfig` is `encryption`, and replaces that of the defaults as a whole."""
    third = targets(tmp_path, EXAMPLE)[2]
    assert third.api is Api.V2
    assert third.encryption.key_arn == "arn:aws:kms:eu-west-2:444455556666:alias/mine"


def test_equal_settings_are_shared(tmp_path: Path) -> None:
    """Targets with equal identities, encryptions and labels hold the same objects."""
    *_, third, fourth = targets(tmp_path, EXAMPLE)
    assert fourth.accept_drift == "keeps its old key, CHG-1234"
    assert third.identity is fourth.identity
    assert third.labels is fourth.labels


def test_a_manifest_knows_its_name_and_bytes(tmp_path: Path) -> None:
    """The digest is that of the file's bytes; a manifest without a name has its file's."""
    path = write(tmp_path, EXAMPLE)
    manifest = load_manifest(path)
    assert manifest.name == "emea-wave-1"
    assert manifest.path == path
    assert manifest.digest == sha256(path.read_bytes()).hexdigest()
    assert load_manifest(write(tmp_path, HEAD + "instances: [{id: a}]", "b.yaml")).name == "b"


def test_json_and_a_byte_order_mark_are_fine(tmp_path: Path) -> None:
    """JSON is YAML, and a byte order mark before it is no matter."""
    path = tmp_path / "m.json"
    path.write_bytes(
        b'\xef\xbb\xbf{"version": 1, "defaults": {"encryption": {"enabled": false}},'
        b' "instances": ["arn:aws:connect:us-west-2:111122223333:instance/a"]}'
    )
    assert load_manifest(path).targets[0].key.instance_id == "a"


def test_aliases_work(tmp_path: Path) -> None:
    """A value, a list or a mapping that is anchored can be used again."""
    text = """\
        version: 1
        defaults: {region: &here us-west-2, encryption: &off {enabled: false}}
        accounts:
          "111122223333": {encryption: *off, region: *here}
        instances: [{account_id: "111122223333", id: a}, {account_id: "111122223333", id: b}]
        """
    first, second = targets(tmp_path, text)
    assert first.encryption is second.encryption


PROFILES = """\
    version: 1
    defaults:
      {region: us-west-2, encryption: {enabled: false}, profile: "for-{account_id}"}
    accounts:
      "111122223333": {role_arn: "arn:aws:iam::{account_id}:role/a/path/X", external_id: abc}
    instances:
      - {account_id: "111122223333", id: a}
      - {account_id: "111122223333", id: b, profile: mine}
      - {account_id: "444455556666", id: c}
    """


def test_the_more_specific_of_role_and_profile_holds(tmp_path: Path) -> None:
    """A role takes the place of a profile from below, and a profile that of a role."""
    identities = [target.identity for target in targets(tmp_path, PROFILES, allow_profiles=True)]
    assert identities == [
        Identity(role_arn="arn:aws:iam::111122223333:role/a/path/X", external_id="abc"),
        Identity(profile="mine"),
        Identity(profile="for-444455556666"),
    ]


NO_ROLE = """\
    version: 1
    defaults:
      region: us-west-2
      encryption: {enabled: false}
      role_arn: arn:aws:iam::{account_id}:role/X
      external_id: for-{account_id}
      session_duration: 7200
    accounts:
      "111122223333": {role_arn: none}
    instances:
      - {account_id: "111122223333", id: a}
      - {account_id: "111122223333", id: b, role_arn: "arn:aws:iam::{account_id}:role/Y"}
      - {account_id: "444455556666", id: c, role_arn: none}
    """


def test_none_takes_a_role_away(tmp_path: Path) -> None:
    """With its external id and session: what is left is the caller's own credentials."""
    text = NO_ROLE + "sources: [more.csv]\n"
    (tmp_path / "more.csv").write_text("account_id,id,role_arn\n444455556666,d,none\n")
    identities = [target.identity for target in targets(tmp_path, text)]
    other = Identity(role_arn="arn:aws:iam::111122223333:role/Y")
    assert identities == [Identity(), other, Identity(), Identity()]


def test_none_takes_a_profile_away_too(tmp_path: Path) -> None:
    """The caller's own credentials, not those of a profile from below."""
    text = PROFILES.replace('"arn:aws:iam::{account_id}:role/a/path/X", external_id: abc', "none")
    first, second, third = targets(tmp_path, text, allow_profiles=True)
    assert first.identity == Identity()
    assert (second.identity.profile, third.identity.profile) == ("mine", "for-444455556666")


def test_an_external_id_without_a_role_is_refused(tmp_path: Path) -> None:
    """Whoever sets one expects a role."""
    text = NO_ROLE.replace("role_arn: none}", "role_arn: none, external_id: abc}", 1)
    (said,) = problems(write(tmp_path, text))
    assert "external_id has no effect without a role_arn" in said


def test_profiles_need_a_flag(tmp_path: Path) -> None:
    """A manifest that names a profile is refused, naming the flag, unless the operator allows it."""
    said = problems(write(tmp_path, PROFILES))
    assert len(said) == 2
    assert all("--allow-profiles" in line for line in said)


def test_without_role_or_profile_the_caller_is_the_identity(tmp_path: Path) -> None:
    """No role means the caller's own credentials."""
    assert targets(tmp_path, HEAD + "instances: [{id: a}]")[0].identity == Identity()


def test_a_region_without_the_service_is_a_warning(tmp_path: Path) -> None:
    """A Region that is not known to have the service is pointed at once, with a count."""
    path = write(
        tmp_path,
        HEAD
        + "instances: [{id: a}, {id: b, region: xx-moon-1}, {id: c, region: xx-moon-1},"
        + " {id: d, region: mx-central-1}]",
    )
    first, second = load_manifest(path).warnings
    assert str(first).startswith(
        f"{path}:3:22: warning: outbound campaigns are not known to exist in xx-moon-1 (2 instances)"
    )
    assert "mx-central-1 (1 instance)" in second.message


def test_settings_of_an_account_without_instances_are_a_warning(tmp_path: Path) -> None:
    """An account under `accounts` that no instance is of may be a typing error."""
    path = write(tmp_path, HEAD + 'accounts: {"999999999999": {wave: 2}}\ninstances: [{id: a}]')
    (warning,) = load_manifest(path).warnings
    assert (warning.line, warning.column, warning.severity) == (3, 12, "warning")


def test_a_wrong_default_is_one_problem(tmp_path: Path) -> None:
    """A default that is wrong is reported once, and what it may have meant is not missed."""
    text = """\
        version: 1
        defaults: {regoin: us-west-2, encryption: {enabled: false}}
        instances: [{account_id: "111122223333", id: a}, {account_id: "111122223333", id: b}]
        """
    assert problems(write(tmp_path, text)) == [
        "manifest.yaml:2:12: unknown key regoin; did you mean region?"
    ]


@pytest.mark.parametrize("size", [101, 5_000])
def test_mappings_with_very_many_keys_are_refused(tmp_path: Path, size: int) -> None:
    """A mapping far larger than any could be is one problem, not thousands."""
    labels = ", ".join(f"l{number}: 1" for number in range(size))
    said = problems(write(tmp_path, f"{HEAD}instances: [{{id: a, labels: {{{labels}}}}}]"))
    assert said == [f"manifest.yaml:3:29: {size:,} keys in one mapping; at most 100 can be"]


def test_checking_stops_after_very_many_problems(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More problems than anyone can use end with a line that says that there may be more."""
    monkeypatch.setattr("batch_onboard.manifest.problems.MAX_PROBLEMS", 50)
    said = problems(write(tmp_path, HEAD + "instances: [" + "a, " * 200 + "]"))
    assert len(said) == 51
    assert said[-1].endswith("too many problems: checking stopped here, after 50")


def test_a_key_that_grows_too_long_is_refused(tmp_path: Path) -> None:
    """A key ARN of more than 500 characters after substitution is refused at its template."""
    key = "arn:aws" + "-x" * 120 + ":kms:us-west-2:111122223333:key/{instance_id}"
    said = problems(
        write(
            tmp_path,
            f"{HEAD}instances: [{{id: {'a' * 250}, encryption: {{enabled: true, key_arn: '{key}'}}}}]",
        )
    )
    assert len(said) == 1
    assert "at most 500 characters" in said[0]


def test_an_id_that_is_no_path_but_dots_is_fine(tmp_path: Path) -> None:
    """Only `.` and `..` are paths; other ids may hold dots."""
    assert targets(tmp_path, HEAD + "instances: [{id: ...}, {id: a.b}]")[0].key.instance_id == "..."


@pytest.mark.parametrize("text", ["instances: [{id: ...}]", "instances: [{instance_id: a}]"])
def test_instance_id_is_another_name_of_id(tmp_path: Path, text: str) -> None:
    """The key that reports use is understood too."""
    assert len(targets(tmp_path, HEAD + text)) == 1


def test_a_session_is_asked_for_as_set(tmp_path: Path) -> None:
    """Duration, tags and source identity are the role's; a profile takes their place too."""
    text = """\
    version: 1
    defaults:
      region: eu-west-2
      encryption: {enabled: false}
      role_arn: arn:aws:iam::{account_id}:role/X
      session_duration: 7200
      session_tags: {team: telephony, "cost centre": "12"}
      source_identity: ops-bot
    instances:
      - {account_id: "111122223333", id: a}
      - {account_id: "111122223333", id: b, session_duration: 900}
      - {account_id: "111122223333", id: c, profile: ops}
    """
    sessions = [each.identity.session for each in targets(tmp_path, text, allow_profiles=True)]
    tags = (("cost centre", "12"), ("team", "telephony"))
    assert sessions == [
        RoleSession(7200, tags, "ops-bot"),
        RoleSession(900, tags, "ops-bot"),
        RoleSession(),
    ]


def test_a_manifest_says_which_version_it_is_of(tmp_path: Path) -> None:
    """One that does not is told to, beside whatever else is wrong."""
    said = problems(write(tmp_path, "name: wave\ninstances: []\n"))
    assert any("version is missing" in each for each in said)
