"""Identities and keys in whole runs of the real command: what is refused stays where it belongs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from batch_onboard.exits import Exit
from tests.cli.conftest import instance, manifest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cli.conftest import Shell, Simulated

FAST = "defaults: {job_duration: {min: 0.2, max: 0.4}}\nthrottle: {rate: null}\n"
QUICK = ("--yes", "--rate", "200", "--burst", "200")
WORLD = """
sts:
  roles:
    - {role_arn: "*222222222222*", allow: false}
    - {role_arn: "*333333333333*", max_seconds: 3600}
    - {role_arn: "*777777777777*", account_id: "111111111111"}
kms:
  aliases: [{alias: "*555555555555*", allow: false}]
faults:
  - {match: {account_id: "444444444444", region: us-west-2}, kind: error, status: 403, code: UnrecognizedClientException}
  - {match: {account_id: "666666666666"}, kind: error, status: 403, code: RequestTimeTooSkewed}
"""


def outcomes(shell: Shell) -> dict[str, tuple[str, str | None]]:
    """Return the state and the cause of each instance."""
    targets = shell.run("report", "wave.ledger.jsonl").json["targets"]
    return {each["instance_id"]: (each["state"], each["error_code"]) for each in targets}


def test_each_trouble_with_an_identity_stays_its_own(
    shell: Shell, simulate: Callable[[str], Simulated]
) -> None:
    """A denied role, a closed Region, a clock, a key, a foreign session: each costs its targets."""
    simulator = simulate(FAST + WORLD)
    alias = '{enabled: true, key_arn: "arn:aws:kms:eu-west-2:{account_id}:alias/x"}'
    lines = [
        instance("fine", encryption=alias),
        instance("denied", "222222222222"),
        instance("long", "333333333333", session_duration="7200"),
        instance("closed", "444444444444", region="us-west-2"),
        instance("open", "444444444444"),
        instance("key", "555555555555", encryption=alias),
        instance("clock", "666666666666"),
        instance("foreign", "777777777777"),
    ]
    shell.write("wave.yaml", manifest(*lines))
    ended = shell.run("run", "wave.yaml", *QUICK)
    assert ended.code == Exit.UNFINISHED, ended.err
    assert outcomes(shell) == {
        "fine": ("succeeded", None),
        "denied": ("unresolved", "AccessDenied"),
        "long": ("succeeded", None),
        "closed": ("unresolved", "UnrecognizedClientException"),
        "open": ("succeeded", None),
        "key": ("unresolved", "key_denied"),
        "clock": ("unresolved", "RequestTimeTooSkewed"),
        "foreign": ("unresolved", "wrong_account"),
    }
    for told in ("kms:DescribeKey", "set this machine's clock right", "enable the Region"):
        assert told in ended.out
    assert "MaxSessionDuration" in ended.err
    assert not any("777777777777" in key for key in simulator.seen()["targets"])


def test_sessions_that_end_midway_are_renewed(
    shell: Shell, simulate: Callable[[str], Simulated]
) -> None:
    """Jobs that outlive their role's session are followed to their end with new ones."""
    jobs = "defaults: {job_duration: {min: 1.5, max: 1.6}}\nthrottle: {rate: null}\n"
    simulator = simulate(jobs + "sts: {session_seconds: 1}\n")
    shell.write("wave.yaml", manifest(*[instance(f"i-{n}") for n in range(5)]))
    ended = shell.run("run", "wave.yaml", *QUICK)
    assert ended.code == Exit.OK, ended.out + ended.err
    assert simulator.seen()["requests"]["AssumeRole"] >= 2


def test_an_sts_of_few_calls_a_second_costs_time_alone(
    shell: Shell, simulate: Callable[[str], Simulated]
) -> None:
    """With AssumeRole at 5 a second, accounts wait for their roles, and none is given up."""
    simulator = simulate(FAST + "sts: {throttle: {rate: 5, burst: 5}}\n")
    shell.write("wave.yaml", manifest(*[instance("i", f"{n + 1:012}") for n in range(12)]))
    ended = shell.run("run", "wave.yaml", *QUICK)
    assert ended.code == Exit.OK, ended.out + ended.err
    assert simulator.seen()["double_starts"] == 0


def test_a_profile_with_a_chain_is_the_callers_own(
    shell: Shell, simulate: Callable[[str], Simulated]
) -> None:
    """AWS_PROFILE may name a role of another profile; targets without a role are of its account."""
    settings = simulate(FAST).settings
    keys = {name: shell.environment.pop(name) for name in settings if "KEY" in name}
    shell.write(
        "no-aws-config",
        "[profile base]\n"
        + "".join(f"{name.lower()} = {value}\n" for name, value in keys.items())
        + "[profile work]\nsource_profile = base\n"
        "role_arn = arn:aws:iam::111111111111:role/Chained\n",
    )
    text = manifest(instance("ours"), instance("theirs", "222222222222"))
    shell.write("wave.yaml", text.replace("role_arn:", "# role_arn:"))
    ended = shell.run("run", "wave.yaml", *QUICK, AWS_PROFILE="work")
    assert ended.code == Exit.UNFINISHED, ended.err
    assert outcomes(shell) == {
        "ours": ("succeeded", None),
        "theirs": ("unresolved", "wrong_account"),
    }
