"""The exit codes, each with its meaning, for help, documentation and scripts."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """What the process says when it ends. Scripts treat an unknown code as failure."""

    OK = 0
    ERROR = 1
    USAGE = 2
    UNFINISHED = 3
    STOPPED = 4
    LEDGER = 5
    WORK_TO_DO = 6
    WORK_LEFT = 10
    LOCKED = 11
    INTERRUPTED = 130
    TERMINATED = 143


MEANINGS = {
    Exit.OK: (
        "all selected targets are succeeded, already_onboarded or accepted "
        "(or, with --no-wait, in_progress)"
    ),
    Exit.ERROR: "unexpected error",
    Exit.USAGE: "usage, manifest or plan",
    Exit.UNFINISHED: "finished, some targets failed, rejected, drifted or unresolved",
    Exit.STOPPED: "stopped by a failure limit or the canary",
    Exit.LEDGER: "the ledger can't be read or written",
    Exit.WORK_TO_DO: "plan --detailed-exitcode: something to do",
    Exit.WORK_LEFT: "--max-duration or --limit reached, work left",
    Exit.LOCKED: "another run holds the ledger",
    Exit.INTERRUPTED: "interrupted (SIGINT), drained and saved",
    Exit.TERMINATED: "terminated (SIGTERM), drained and saved",
}


def exit_codes_help() -> str:
    """Return the table of exit codes, as help shows it."""
    rows = "\n".join(f"  {code.value:>3}  {meaning}" for code, meaning in MEANINGS.items())
    return f"\b\nExit codes (treat an unknown code as failure):\n{rows}"
