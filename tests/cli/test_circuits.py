"""What people and programs are told of what is out of order, by the real command."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from batch_onboard.exits import Exit
from tests.cli.conftest import instance, manifest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cli.conftest import Shell, Simulated

FAST = "defaults: {job_duration: {min: 0.2, max: 0.4}}\nthrottle: {rate: null}\n"
QUICK = ("--yes", "--rate", "200", "--burst", "200")


def test_a_refused_account_is_told_once_and_costs_two_calls(
    shell: Shell, simulate: Callable[[str], Simulated]
) -> None:
    """Thirty targets of it are unresolved with one cause and what to grant; the other one is done."""
    simulator = simulate(
        FAST + 'faults: [{match: {account_id: "222222222222"}, kind: error, status: 403,'
        " code: AccessDeniedException, message: not authorized}]\n"
    )
    refused = [instance(f"r-{i}", "222222222222") for i in range(30)]
    shell.write("wave.yaml", manifest(*refused, instance("fine")))
    ended = shell.run("run", "wave.yaml", *QUICK, "--concurrency", "1")
    assert ended.code == Exit.UNFINISHED
    assert "30 targets in 1 account" in ended.out
    assert "grant the identity the connect-campaigns actions" in ended.out
    (event,) = [json.loads(line) for line in ended.err.splitlines() if '"refused"' in line]
    assert event["scope"].endswith("in eu-west-2")
    assert "was denied connect-campaigns:GetInstanceOnboardingJobStatus" in event["message"]
    assert sum(simulator.seen()["requests"].values()) < 15
    report = shell.run("report", "wave.ledger.jsonl").json
    assert report["summary"] | {"unresolved": 30, "succeeded": 1} == report["summary"]


def test_an_outage_and_its_end_are_told_to_people(
    shell: Shell, simulate: Callable[[str], Simulated]
) -> None:
    """Ten 500s in a row are an outage; when it is over, that is said, and all targets succeed."""
    simulate(
        FAST
        + 'faults: [{match: {account_id: "222222222222"}, times: 8, kind: error, status: 500}]\n'
    )
    shell.write("wave.yaml", manifest(*(instance(f"r-{i}", "222222222222") for i in range(6))))
    ended = shell.run("run", "wave.yaml", *QUICK, "--log-format", "console")
    assert ended.code == Exit.OK, ended.err
    assert "222222222222/eu-west-2 is out of order, a trial goes now and then" in ended.err
    assert "222222222222/eu-west-2 answers again" in ended.err


def test_people_are_told_of_the_first_of_many_that_meet_the_same(
    shell: Shell, simulate: Callable[[str], Simulated]
) -> None:
    """Without credentials five roles can't be used: three are told with the cause, the log has all."""
    simulate(FAST)
    accounts = [f"{number}" * 12 for number in range(1, 6)]
    shell.write("wave.yaml", manifest(*(instance("i", account) for account in accounts)))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        del shell.environment[name]
    ended = shell.run("run", "wave.yaml", *QUICK, "--log-format", "console")
    assert ended.code == Exit.UNFINISHED
    lines = [line for line in ended.err.splitlines() if "can't be used" in line]
    assert [": no AWS credentials were found" in line for line in lines] == [True] * 3 + [False]
    assert lines[3].endswith(", as above; others are not told one by one")
    logged = shell.run("run", "wave.yaml", *QUICK, "--ledger", "again.jsonl")
    events = [json.loads(line) for line in logged.err.splitlines() if '"refused"' in line]
    assert {event["scope"] for event in events} == {
        f"arn:aws:iam::{account}:role/Onboarder" for account in accounts
    }
