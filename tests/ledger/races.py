"""Processes that race for one lock: there must never be two holders.

The short form runs as a test. The long form is a command:

    python -m tests.ledger.races --rounds 10000
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from batch_onboard.ledger.errors import LedgerLockedError
from batch_onboard.ledger.lock import LedgerLock
from tests.ledger.building import AT, ROOT

RACERS = 4


def race(ledger: Path, holds: int) -> int:
    """Take and release a lock so many times, as fast as others allow.

    Returns:
        How often it was found held.

    Raises:
        FileExistsError: another held it too.
    """
    flag = ledger.with_name("held")
    refused = 0
    while holds:
        try:
            lock = LedgerLock(ledger, AT)
        except LedgerLockedError:
            refused += 1
            continue
        # Only one holder at a time can make this file.
        os.close(os.open(flag, os.O_CREAT | os.O_EXCL))
        os.sched_yield()  # so that the others try meanwhile
        flag.unlink()
        lock.release()
        holds -= 1
    return refused


def run(folder: Path, rounds: int) -> int:
    """Let processes race, and return how often one was refused.

    Raises:
        subprocess.CalledProcessError: two held the lock at once.
    """
    command = [sys.executable, "-m", "tests.ledger.races", "--folder", str(folder), "--racer"]
    racers = [
        subprocess.Popen(
            [*command, str(rounds // RACERS)], stdout=subprocess.PIPE, text=True, cwd=ROOT
        )
        for _ in range(RACERS)
    ]
    refused = 0
    for racer in racers:
        out = racer.communicate()[0]
        if racer.returncode:
            raise subprocess.CalledProcessError(racer.returncode, racer.args)
        refused += int(out)
    return refused


def main() -> None:
    """Run the races, or one racer, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10_000)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--racer", type=int, metavar="HOLDS", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.racer is not None:
        sys.stdout.write(str(race(options.folder / "raced.jsonl", options.racer)))
        return
    began = time.monotonic()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        refused = run(Path(folder), options.rounds)
    sys.stdout.write(
        f"{options.rounds:,} holds by {RACERS} processes, {refused:,} refusals, never two holders; "
        f"{time.monotonic() - began:.0f} s\n"
    )


if __name__ == "__main__":
    main()
