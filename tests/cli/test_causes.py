from __future__ import annotations

import shutil
import sys
from dataclasses import replace
from os import terminal_size
from pathlib import Path

import pytest

from batch_onboard.cli.causes import next_command, run_again, summary_lines, unbound
from batch_onboard.core.lifecycle import State
from batch_onboard.report.summary import Cause, Summary

LEDGER = Path("emea.ledger.jsonl")
RUN = ("run", "emea.yaml", "--yes", "-q")
KMS = Cause(
    state=State.FAILED,
    code="KMS_ACCESS_DENIED",
    targets=483,
    accounts=3,
    next_action="grant kms:CreateGrant to the caller, then run --retry-failed",
    message="The key's policy does not let us in.",
    examples=("a/r/1", "a/r/2", "a/r/3"),
)


def told(*causes: Cause) -> list[str]:
    """What is told of targets that these causes have stopped."""
    number = sum(cause.targets for cause in causes)
    return list(summary_lines(Summary({State.FAILED: number}, causes, 0), LEDGER, RUN))


def test_a_cause_comes_with_remedy_targets_and_the_next_command() -> None:
    """Each command can be copied as it stands."""
    command = "batch-onboard run emea.yaml --yes --retry-failed"
    listing = "batch-onboard report emea.ledger.jsonl --format csv"
    assert told(KMS) == [
        "  failed                  483",
        "",
        "What stopped targets, and what to do:",
        "  KMS_ACCESS_DENIED (failed): 483 targets in 3 accounts",
        "    why:  The key's policy does not let us in.",
        "    do:   grant kms:CreateGrant to the caller, then run --retry-failed",
        f"    then: {command} --include failure_code=KMS_ACCESS_DENIED",
        "    e.g.  a/r/1, a/r/2, a/r/3, ... 480 more",
        f"    all:  {listing} | grep ,failed,KMS_ACCESS_DENIED,",
    ]


def test_drifts_that_are_accepted_are_told_apart() -> None:
    """Else their number would be larger than that of the causes below it."""
    drifted = Summary({State.DRIFTED: 2}, (), 0, accepted=1)
    assert list(summary_lines(drifted, LEDGER, RUN)) == [
        "  drifted                   2  (1 accepted)"
    ]
    none = Summary({State.DRIFTED: 2}, (), 0)
    assert list(summary_lines(none, LEDGER, RUN)) == ["  drifted                   2"]


def test_a_long_list_of_causes_is_capped() -> None:
    """The most frequent are told, and how many more there are."""
    lines = told(*(replace(KMS, code=f"CODE_{i}") for i in range(25)))
    assert lines[-1] == (
        "  and 15 more causes: batch-onboard report emea.ledger.jsonl --format csv"
    )


@pytest.mark.parametrize(
    ("state", "code", "action", "command"),
    [
        (State.UNRESOLVED, "throttled", "run again later", "--include error_code=throttled"),
        (State.UNRESOLVED, "unresolved", "run again", "--include state=unresolved"),
        (
            State.REJECTED,
            "ValidationException",
            "correct the target, then run --retry-failed",
            "--retry-failed --include error_code=ValidationException",
        ),
        (
            State.FAILED,
            "X",
            "look at its cause, then run --clear-failed",
            "--clear-failed --include failure_code=X",
        ),
    ],
)
def test_the_next_command_is_about_the_targets_behind_the_cause(
    state: State, code: str, action: str, command: str
) -> None:
    """It has the flags that the remedy names, and selects by what the ledger knows."""
    cause = replace(KMS, state=state, code=code, next_action=action)
    assert next_command(cause, RUN) == f"batch-onboard run emea.yaml --yes {command}"


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        (["--include", "labels.pilot=yes"], "--include labels.pilot=yes "),
        (["--exclude=region=us-*", "--yes"], "'--exclude=region=us-*' --yes "),
        (["--include", "state=failed", "--exclude", "error_code=t*", "--yes"], "--yes "),
        (["--include=failure_code=KMS_*", "-q", "--retry-failed"], "--retry-failed "),
    ],
)
def test_the_next_command_selects_by_this_run_not_by_earlier_ones(
    typed: list[str], kept: str
) -> None:
    """Selectors of states and codes are replaced by the cause's; those of the manifest stay."""
    cause = replace(KMS, state=State.UNRESOLVED, code="tls", next_action="set AWS_CA_BUNDLE")
    command = next_command(cause, ["run", "emea.yaml", *typed])
    assert command == f"batch-onboard run emea.yaml {kept}--include error_code=tls"


def test_no_command_settles_a_drift() -> None:
    """A person decides in the manifest; and where nothing ran, nothing can run again."""
    drifted = replace(KMS, state=State.DRIFTED, code="drifted")
    assert (next_command(drifted, RUN), next_command(KMS, ())) == (None, None)
    assert told(drifted)[-1].endswith("| grep ,drifted,")
    unresolved = replace(KMS, state=State.UNRESOLVED, code="tls")
    assert told(unresolved)[-1].endswith("| grep ,unresolved,,tls,")


def test_few_targets_are_named_without_a_way_to_list_them() -> None:
    """There is nothing more to list."""
    assert told(replace(KMS, targets=3))[-1] == "    e.g.  a/r/1, a/r/2, a/r/3"


def test_a_flag_is_not_given_twice() -> None:
    """The command of a run that had it already stays as it was; quiet is for scripts."""
    assert run_again((*RUN, "--retry-failed"), "--retry-failed") == (
        "batch-onboard run emea.yaml --yes --retry-failed"
    )


def test_on_a_terminal_long_lines_break_between_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """But never a command, which is to be copied."""
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setattr(shutil, "get_terminal_size", lambda: terminal_size((40, 24)))
    lines = told(KMS)
    assert lines[6:8] == ["    do:   grant kms:CreateGrant to the", "          caller, then run"]
    assert any(line.startswith("    then: ") and len(line) > 80 for line in lines)


@pytest.mark.parametrize(
    ("typed", "next_one"),
    [
        (["run", "w.yaml", "--yes"], ["run", "w.yaml", "--yes"]),
        (["run", "w.yaml", "--plan", "p.json", "--yes"], ["plan", "w.yaml", "--yes"]),
        (["run", "--plan=p.json", "w.yaml"], ["plan", "w.yaml"]),
    ],
)
def test_what_is_mended_after_a_bound_run_needs_a_new_plan(
    typed: list[str], next_one: list[str]
) -> None:
    """The plan that was approved says nothing of it, and contradicts further selectors."""
    assert unbound(typed) == next_one
