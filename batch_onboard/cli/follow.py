"""Following a run of another process by its ledger, until it ends."""

from __future__ import annotations

import json
import signal
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from batch_onboard.app.following import followed
from batch_onboard.cli.progress import ProgressMode, pause_after
from batch_onboard.cli.telling import progress_facts, progress_line
from batch_onboard.report.following import Following

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from batch_onboard.app.ledgers import Place
    from batch_onboard.core.picture import Picture
    from batch_onboard.ledger.history import History

_COST = 0.05
"""The share of a core that looks may take: they become rare where targets are very many."""


class StoppedError(Exception):
    """A signal came.

    Attributes:
        number: the signal's.
    """

    def __init__(self, number: int) -> None:
        super().__init__(signal.strsignal(number))
        self.number = number


def follow(ledger: Place, mode: ProgressMode, every: float, say: Callable[[str], None]) -> History:
    """Tell where the run of a ledger stands, until it has ended or was cut off.

    Args:
        ledger: its place. A holder in S3 counts as cut off once it was silent for too long.
        mode: in which form; `auto` must be resolved.
        every: seconds between two lines, for the forms that do not renew themselves.
        say: prints a line.

    Returns:
        What the ledger knows in the end.

    Raises:
        LedgerError: it can't be read.
        StoppedError: a signal came.
    """
    following = Following()
    with _signals_raised(), followed(ledger, following.take) as found:
        history = found.catch_up()
        latest = len(history.runs) - 1
        under_way = latest >= 0 and history.runs[latest].ended is None
        watched = latest if under_way else latest + 1

        def picture() -> Picture:
            return following.picture(history, datetime.now(UTC))

        with _teller(picture, mode, every, say) as tell:
            while found.is_held() and not _has_ended(history, watched):
                began = time.thread_time()
                tell()
                time.sleep(max(found.every, pause_after(began, _COST)))
                history = found.catch_up()
            # What was written between the last look and the end of the holder.
            history = found.catch_up()
        return history


def _has_ended(history: History, watched: int) -> bool:
    return len(history.runs) > watched and history.runs[watched].ended is not None


@contextmanager
def _teller(
    picture: Callable[[], Picture], mode: ProgressMode, every: float, say: Callable[[str], None]
) -> Iterator[Callable[[], None]]:
    """Give what tells how the run stands now, if it is time for that."""
    if mode is ProgressMode.BAR:
        from batch_onboard.cli.screen import Screen

        with Screen(picture) as screen:
            yield screen.renew
        return
    due = float("inf") if mode is ProgressMode.NONE else time.monotonic()

    def tell() -> None:
        nonlocal due
        if time.monotonic() >= due:
            due = time.monotonic() + every
            seen = picture()
            as_json = mode is ProgressMode.JSON
            say(json.dumps(progress_facts(seen)) if as_json else progress_line(seen))

    yield tell


@contextmanager
def _signals_raised() -> Iterator[None]:
    """Let signals that are to end the command be exceptions, so that the terminal is left clean."""

    def stop(number: int, _frame: object) -> None:
        raise StoppedError(number)

    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, stop) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
