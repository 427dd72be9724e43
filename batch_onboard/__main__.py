"""Where the process begins: `batch-onboard` and `python -m batch_onboard`.

A signal may come while Python still imports. Until the command has taken signals over, it ends the
process there and then, without a traceback: nothing has been sent, and a ledger survives worse.
What comes before signals are in hand is Python's own start and that of the script which pip makes:
the package and this module add but the import of `signal`.
"""

from __future__ import annotations

import gc
import os
import signal

_GARBAGE_THRESHOLD = 50_000
"""Objects more than before, after which Python looks for cycles among them. Its own 700 is reached
every few calls, and hardly any of those objects is in a cycle: a tenth of a run's CPU time."""


def main() -> None:
    """Be ready for signals, then run the command."""
    gc.set_threshold(_GARBAGE_THRESHOLD, 20, 20)
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _leave)

    from batch_onboard.cli.entry import main as enter  # noqa: PLC0415 - with signals in hand

    enter()


def _leave(number: int, _frame: object) -> None:
    if os.isatty(2):
        os.write(2, b"interrupted\n")
    os._exit(128 + number)


if __name__ == "__main__":
    main()
