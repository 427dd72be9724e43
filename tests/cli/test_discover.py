"""`discover` as people run it, against a simulator in a process of its own."""

from __future__ import annotations

import json
import signal
import time
from typing import TYPE_CHECKING, Any

import pytest

from batch_onboard.exits import Exit
from batch_onboard.manifest.load import load_manifest

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

    from tests.cli.conftest import Shell, Simulated

ROLE = "arn:aws:iam::{account_id}:role/Reader"
DEFAULTS = "encryption: {enabled: false}\nrole_arn: arn:aws:iam::{account_id}:role/Onboarder\n"
HOSTILE = 'a", id: evil} # \u202e\x07 {account_id}'
LOOK = ("discover", "-o", "found.yaml", "--region", "eu-west-2", "--region", "us-east-1")
ORGANIZATION = ("--organization", "--role-arn", ROLE)


def account(number: int, **facts: Any) -> dict[str, Any]:
    """An account of the organization, `000000000001` and so on."""
    return {"id": f"{number:012}", "name": f"Account {number}", **facts}


def there(number: int, name: str, region: str = "eu-west-2", **facts: Any) -> dict[str, Any]:
    """An instance of an account."""
    return {"account_id": f"{number:012}", "region": region, "id": name, **facts}


def world(accounts: list[dict[str, Any]], instances: list[dict[str, Any]], **more: Any) -> str:
    """The text of a scenario (JSON is YAML too)."""
    units = [
        {"id": "ou-sim0-retail00", "name": "Retail"},
        {"id": "ou-sim0-emea0000", "name": "EMEA", "parent": "ou-sim0-retail00"},
    ]
    organization = {"accounts": accounts, "units": units}
    return json.dumps({"organization": organization, "connect": instances, **more})


def fault(code: str, message: str = "no", **match: str) -> dict[str, Any]:
    """A refusal of ListInstances."""
    where = {"operation": "ListInstances", **match}
    return {"match": where, "kind": "error", "status": 403, "code": code, "message": message}


def found_in(shell: Shell, name: str = "found.yaml") -> dict[str, dict[str, str]]:
    """The labels of each target of a manifest."""
    manifest = load_manifest(shell.folder / name)
    return {str(target.key): dict(target.labels) for target in manifest.targets}


def test_what_an_organization_has_is_found_and_can_be_onboarded(
    shell: Shell, simulate: Callable[[str], Simulated]
) -> None:
    """Pages, OUs, hostile names and idle instances: the manifest passes validate and run."""
    many = [there(1, f"desk-{i:02}", alias=f"desk{i}") for i in range(12)]
    simulated = simulate(
        world(
            [
                account(1, name=HOSTILE, ou="ou-sim0-emea0000"),
                account(2),
                account(3, state="SUSPENDED"),
            ],
            [
                *many,
                there(2, "012345", "us-east-1", outbound_calls=False),
                there(2, "half-made", status="CREATION_IN_PROGRESS"),
                there(3, "closed"),
            ],
            defaults={"job_duration": {"min": 0, "max": 0}},
            throttle={"rate": 50, "burst": 50},
        )
    )
    shell.write("defaults.yaml", DEFAULTS)
    ended = shell.run(*LOOK, *ORGANIZATION, "--defaults", "defaults.yaml")
    assert ended.code == Exit.OK, ended.err
    assert "left out: 1 account, SUSPENDED" in ended.out
    assert "left out: 1 instance, CREATION_IN_PROGRESS" in ended.out
    labels = found_in(shell)
    assert len(labels) == 13
    assert labels["000000000001/eu-west-2/desk-11"] == {
        "account_name": HOSTILE,
        "alias": "desk11",
        "ou": "Retail/EMEA",
    }
    assert labels["000000000002/us-east-1/012345"] == {
        "account_name": "Account 2",
        "outbound_calls": "no",
    }
    assert simulated.seen()["requests"]["ListInstances"] == 5  # four pairs, one of two pages
    assert [path.name for path in shell.folder.glob("*.discovery.jsonl")] == []
    assert shell.run("run", "found.yaml", "--yes", "--job-timeout=5s").code == Exit.OK


def test_the_same_findings_are_the_same_lines(
    shell: Shell, simulate: Callable[[str], Simulated]
) -> None:
    """Only the time in the first line differs, so a diff shows what has changed in the world."""
    simulate(world([account(2), account(1)], [there(2, "b"), there(2, "a"), there(1, "c")]))
    assert shell.run(*LOOK, *ORGANIZATION).code == Exit.OK
    first = (shell.folder / "found.yaml").read_text().splitlines()
    assert shell.run(*LOOK, *ORGANIZATION, "--force").code == Exit.OK
    assert (shell.folder / "found.yaml").read_text().splitlines()[1:] == first[1:]


def test_an_encryption_that_nobody_named_is_a_placeholder_that_validate_refuses_by_name(
    shell: Shell, simulate: Callable[[str], Simulated]
) -> None:
    """Nothing is onboarded with an encryption that was guessed."""
    simulate(world([account(1)], [there(1, "desk")]))
    assert shell.run(*LOOK, *ORGANIZATION).code == Exit.OK
    ended = shell.run("validate", "found.yaml")
    assert ended.code == Exit.USAGE
    assert "encryption is still FILL-IN" in ended.err
    assert ended.err.count("found.yaml:") == 2  # this, and the sum


def test_what_can_not_be_read_is_listed_and_costs_next_to_nothing(
    shell: Shell, simulate: Callable[[str], Simulated]
) -> None:
    """A role that can't be assumed: one call. One without the right: two. A Region: one."""
    by_scp = "with an explicit deny in a service control policy"
    simulated = simulate(
        world(
            [account(number) for number in range(1, 6)],
            [there(5, "desk"), there(3, "desk", "us-east-1"), there(4, "desk", "us-east-1")],
            sts={"roles": [{"role_arn": "*:000000000001:*", "allow": False}]},
            faults=[
                fault("AccessDeniedException", account_id="000000000002"),
                fault("AccessDeniedException", by_scp, account_id="000000000003", region="eu-*"),
                fault("UnrecognizedClientException", account_id="000000000004", region="eu-*"),
            ],
        )
    )
    look = (*LOOK, "--region", "us-west-2", *ORGANIZATION)
    ended = shell.run(*look, "--output", "json")
    assert ended.code == Exit.UNFINISHED, ended.err
    told = ended.json
    assert [
        (each["account_id"][-1], each["region"], each["code"]) for each in told["not_covered"]
    ] == [
        ("1", "eu-west-2", "AccessDenied"),
        ("1", "us-east-1", "AccessDenied"),
        ("1", "us-west-2", "AccessDenied"),
        ("2", "eu-west-2", "AccessDeniedException"),
        ("2", "us-east-1", "AccessDeniedException"),
        ("2", "us-west-2", "AccessDeniedException"),
        ("3", "eu-west-2", "AccessDeniedException"),
        ("4", "eu-west-2", "UnrecognizedClientException"),
    ]
    assert (told["instances"], told["covered"]) == (3, 7)
    seen = simulated.seen()
    assert seen["requests"]["AssumeRole"] == 5
    assert seen["requests"]["ListInstances"] == 2 + 3 + 3 + 3
    assert "# Not covered: 000000000004/eu-west-2" in (shell.folder / "found.yaml").read_text()

    again = shell.run(*look)
    assert again.code == Exit.UNFINISHED  # the manifest is ours and unchanged: no --force needed
    assert "grant connect:ListInstances" in again.out
    assert simulated.seen()["requests"]["ListInstances"] == 11 + 4  # what was read is known
    with (shell.folder / "found.yaml").open("a") as file:
        file.write("# edited\n")
    refused = shell.run(*look)
    assert (refused.code, "--force" in refused.err) == (Exit.USAGE, True)


def test_what_the_operator_does_not_allow_is_not_covered_and_not_assumed(
    shell: Shell, simulate: Callable[[str], Simulated]
) -> None:
    """The settings file's lists hold before any role is assumed, and over what was read before."""
    simulated = simulate(
        world(
            [account(number) for number in (1, 2, 3)],
            [there(number, f"desk-{number}") for number in (1, 2, 3)],
            sts={"roles": [{"role_arn": "*:000000000002:*", "allow": False}]},
        )
    )
    assert shell.run(*LOOK, *ORGANIZATION).code == Exit.UNFINISHED
    shell.write(
        "discover.yaml",
        "organization: true\nallowed_accounts: ['*1', '*2']\nallowed_roles: ['*:000000000001:*']\n",
    )
    again = (*LOOK, "--config", "discover.yaml")
    ended = shell.run(*again, BATCH_ONBOARD_ROLE_ARN=ROLE)
    assert ended.code == Exit.UNFINISHED, ended.err
    assert "allowed_accounts does not allow the account: nothing was sent" in ended.out
    assert "allowed_roles does not allow arn:aws:iam::000000000002:role/Reader" in ended.out
    assert "name the role in allowed_roles" in ended.out
    assert "1 instance in 2 pairs of account and Region, 4 pairs not covered" in ended.out
    assert 'Not covered: 000000000003/eu-west-2: "account_not_allowed"' in (
        (shell.folder / "found.yaml").read_text()
    )
    assert simulated.seen()["requests"]["AssumeRole"] == 3  # all of them in the first run


def test_units_and_tags_narrow_the_search(
    shell: Shell, simulate: Callable[[str], Simulated]
) -> None:
    """A unit counts with all below it; an account needs all tags."""
    prod = {"stage": "prod", "team": "voice"}
    simulate(
        world(
            [
                account(1, ou="ou-sim0-emea0000", tags=prod),
                account(2, ou="ou-sim0-emea0000", tags={"stage": "prod"}),
                account(3, tags=prod),
            ],
            [there(number, f"desk-{number}") for number in (1, 2, 3)],
        )
    )
    tags = ("--tag", "stage=prod", "--tag", "team=voice", "--defaults", "defaults.yaml")
    shell.write("defaults.yaml", DEFAULTS)
    ended = shell.run(*LOOK, *ORGANIZATION, "--ou", "ou-sim0-retail00", *tags)
    assert ended.code == Exit.OK, ended.err
    assert list(found_in(shell)) == ["000000000001/eu-west-2/desk-1"]
    none = shell.run(*LOOK, *ORGANIZATION, "--force", "--tag", "stage=test")
    assert (none.code, "check --ou and --tag" in none.err) == (Exit.USAGE, True)
    unknown = shell.run(*LOOK, *ORGANIZATION, "--force", "--ou", "ou-sim0-nowhere0")
    assert "OrganizationalUnitNotFoundException" in unknown.err


def test_a_list_names_accounts_and_the_own_one_needs_no_role(
    shell: Shell, simulate: Callable[[str], Simulated]
) -> None:
    """CSV, with names; the manifest can go to stdout, and then nothing else does."""
    simulated = simulate(world([], [there(0, "own"), there(7, "other", alias="other")]))
    shell.write("accounts.csv", "account_id,name\n000000000000,\n000000000007,Seven\n")
    look = (*LOOK[:2], "-", *LOOK[3:], "--accounts", "accounts.csv", "--role-arn", ROLE)
    ended = shell.run(*look)
    assert ended.code == Exit.OK
    assert "2 instances in 4 pairs" in ended.err
    assert (
        '"000000000007", region: eu-west-2, id: "other", labels: {account_name: "Seven"'
        in ended.out
    )
    assert '"000000000000": {role_arn: "none"}' in ended.out
    assert simulated.seen()["requests"]["AssumeRole"] == 1
    alone = shell.run(*LOOK, "-q")
    assert (alone.code, alone.out, alone.err) == (Exit.OK, "", "")
    assert 'id: "own"' in (shell.folder / "found.yaml").read_text()


def test_against_a_manifest_only_what_is_new_is_written_and_what_has_gone_is_told(
    shell: Shell, simulate: Callable[[str], Simulated]
) -> None:
    """What was not looked at has not gone."""
    simulate(world([account(1)], [there(1, "old"), there(1, "new")]))
    shell.write("defaults.yaml", DEFAULTS)
    shell.write(
        "old.yaml",
        "version: 1\ndefaults: {encryption: {enabled: false}, region: eu-west-2}\ninstances:\n"
        '  - {account_id: "000000000001", id: old}\n'
        '  - {account_id: "000000000001", id: gone}\n'
        '  - {account_id: "000000000009", id: not-looked-at}\n',
    )
    against = ("--against", "old.yaml", "--defaults", "defaults.yaml")
    ended = shell.run(*LOOK, *ORGANIZATION, *against)
    assert ended.code == Exit.OK, ended.err
    assert "gone: 000000000001/eu-west-2/gone\n" in ended.out
    assert "1 new instance in 2 pairs" in ended.out
    assert list(found_in(shell)) == ["000000000001/eu-west-2/new"]
    nothing = ("--against", "found.yaml", "--region", "us-east-1")
    ended = shell.run(*LOOK[:2], "more.yaml", *nothing, *ORGANIZATION)
    assert (ended.code, "no manifest written" in ended.out) == (Exit.OK, True)
    assert not (shell.folder / "more.yaml").exists()


@pytest.fixture
def slow(shell: Shell, simulate: Callable[[str], Simulated]) -> subprocess.Popen[str]:
    """A discovery that has read one Region of an account and never gets an answer in another."""
    hang = {"operation": "ListInstances", "account_id": "000000000002"}
    simulate(
        world(
            [account(1), account(2)],
            [there(1, "one"), there(2, "two")],
            faults=[{"match": hang, "kind": "hang", "times": 1}],
        )
    )
    process = shell.start(*LOOK, *ORGANIZATION, "--timeout=5m")
    state = shell.folder / "found.yaml.discovery.jsonl"
    while not state.exists() or state.read_text().count('"read"') < 2:
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    return process


@pytest.mark.no_cover
def test_a_killed_discovery_goes_on_where_it_was(shell: Shell, slow: subprocess.Popen[str]) -> None:
    """After kill -9 nothing that was read is read again, and the manifest is complete."""
    slow.kill()
    slow.communicate(timeout=20)
    state = shell.folder / "found.yaml.discovery.jsonl"
    assert state.stat().st_mode & 0o777 == 0o600
    with state.open("a") as file:
        file.write('{"type":"read","account')  # the end of a write that was cut off
    ended = shell.run(*LOOK, *ORGANIZATION)
    assert ended.code == Exit.OK, ended.err
    assert "going on: 2 pairs are known" in ended.err
    assert (shell.folder / "found.yaml").read_text().count("  - {account_id") == 2
    assert not state.exists()


def test_a_call_that_is_never_answered_is_made_again(
    shell: Shell, simulate: Callable[[str], Simulated]
) -> None:
    """It costs its timeout, and meanwhile progress is told as events of a log."""
    hang = {"match": {"operation": "ListInstances"}, "kind": "hang", "times": 1}
    simulate(world([account(1)], [there(1, "one")], faults=[hang]))
    ended = shell.run(*LOOK, *ORGANIZATION, "--timeout=1s", "--progress-every=20ms")
    assert ended.code == Exit.OK, ended.err
    assert "1 instance in 2 pairs" in ended.out
    events = [json.loads(line) for line in ended.err.splitlines()]
    told = [event for event in events if event["event"] == "progress"]
    assert any((event["read"], event["total"]) == (0, 2) for event in told)


@pytest.mark.no_cover
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_discovery_saves_and_says_how_to_go_on(
    shell: Shell, slow: subprocess.Popen[str], number: signal.Signals, code: int
) -> None:
    """The first signal drains, the second stops at once; no manifest is half-written."""
    slow.send_signal(number)
    assert slow.stderr is not None
    assert "again to stop now" in slow.stderr.readline()
    slow.send_signal(number)
    _, err = slow.communicate(timeout=60)
    assert slow.returncode == code, err
    assert "2 pairs read and saved. To go on: batch-onboard discover -o found.yaml" in err
    assert not (shell.folder / "found.yaml").exists()


def test_a_state_that_is_damaged_held_or_of_another_world_is_not_used(
    shell: Shell, slow: subprocess.Popen[str]
) -> None:
    """Exit 11 while another discovery is at work, else 5, with a way out."""
    held = shell.run(*LOOK, *ORGANIZATION)
    assert (held.code, "another discovery is at work" in held.err) == (Exit.LOCKED, True)
    slow.kill()
    slow.communicate(timeout=20)
    foreign = shell.run(*LOOK, "--simulate")
    assert (foreign.code, "is not of a discovery of a simulator" in foreign.err) == (
        Exit.LEDGER,
        True,
    )
    real = shell.run(*LOOK, AWS_ENDPOINT_URL="")
    assert (real.code, "is not of a discovery of AWS:" in real.err) == (Exit.LEDGER, True)
    state = shell.folder / "found.yaml.discovery.jsonl"
    state.write_text(state.read_text().replace('"type":"read"', '"type":"rad"', 1))
    damaged = shell.run(*LOOK, *ORGANIZATION)
    assert damaged.code == Exit.LEDGER
    assert ".discovery.jsonl:2: is damaged" in damaged.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--organization",), "other accounts need a role"),
        (("--organization", "--accounts", "x", "--role-arn", ROLE), "exclude each other"),
        (("--tag", "a=b"), "go with --organization"),
        (("--tag", "a"), "write KEY=VALUE"),
        (("--ou", "retail"), "is not the id of an organizational unit"),
        (("--region", "../etc"), "is not a Region"),
        (("--external-id", "abc"), "--external-id goes with --role-arn"),
        (("--role-arn", "reader"), "must look like"),
        (("--organization", "--role-arn", "arn:aws:iam::111111111111:role/R"), "must look like"),
        (("--accounts", "missing", "--role-arn", ROLE), "missing: it can't be read"),
        (("--accounts", "found.yaml", "--role-arn", ROLE), "found.yaml:1: "),
        (("--accounts", "latin.txt", "--role-arn", ROLE), "is not UTF-8"),
        (("--defaults", "missing"), "the defaults can't be used"),
        (("--defaults", "accounts.txt"), "defaults are a mapping"),
        (("--against", "missing"), "the manifest can't be used"),
        (("--scenario", "x"), "goes with --simulate"),
        (("--simulate", "--scenario", "missing"), "can't be read"),
        (("--simulate", "--organization", "--role-arn", ROLE), "AWSOrganizationsNotInUseException"),
        (("--simulate",), "found.yaml is there"),
        ((), "no AWS credentials were found"),
    ],
)
def test_what_can_not_be_done_is_said_before_anything_is_written(
    shell: Shell, arguments: tuple[str, ...], said: str
) -> None:
    """Exit 2 and a sentence, and no file is left behind."""
    name = "found.yaml" if said.startswith("found.yaml") else "new.yaml"
    shell.write("found.yaml", "mine\n")
    shell.write("accounts.txt", "111111111111\n")
    (shell.folder / "latin.txt").write_bytes(b"\xe9\n")
    before = sorted(shell.folder.iterdir())
    ended = shell.run("discover", "-o", name, *arguments)
    assert ended.code == Exit.USAGE
    assert said in ended.err
    assert "Traceback" not in ended.err
    assert sorted(shell.folder.iterdir()) == before
