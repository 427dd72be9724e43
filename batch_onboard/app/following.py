"""Reading a ledger on while a run of another process writes it, wherever it is."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from batch_onboard.app.ledgers import segments_at
from batch_onboard.ledger.follower import Follower
from batch_onboard.ledger.lock import glance
from batch_onboard.ledger.row import Timing
from batch_onboard.ledger.segment_follower import SegmentFollower

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from batch_onboard.app.ledgers import Place
    from batch_onboard.ledger.history import History
    from batch_onboard.ledger.lines import Line

_LOOK_EVERY = 0.5


@dataclass(frozen=True, slots=True)
class Followed:
    """A ledger that is followed.

    Attributes:
        catch_up: takes in what is new, and returns all that the ledger knows.
        is_held: says whether a run holds it, as far as can be told.
        every: seconds between two looks; in S3 each one costs a call.
    """

    catch_up: Callable[[], History]
    is_held: Callable[[], bool]
    every: float


@contextmanager
def followed(place: Place, watch: Callable[[Line], None]) -> Iterator[Followed]:
    """Open a ledger to follow it. Nothing is changed or locked.

    Args:
        place: where it is.
        watch: is told of each line once it is taken in.

    Raises:
        LedgerError: it can't be read.
    """
    if isinstance(place, Path):
        with Follower(place, watch) as follower:
            yield Followed(follower.catch_up, lambda: glance(place)[0], _LOOK_EVERY)
        return
    with segments_at(place) as segments:
        timing = Timing()
        reader = SegmentFollower(segments, watch, timing)
        yield Followed(reader.catch_up, reader.is_held, timing.step)
