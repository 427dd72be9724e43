"""What there is to see of a run from its ledger alone, as it grows.

A ledger knows each Start and what became of it. It does not know of reads, of calls under way, of
what a domain waits for, nor which targets a run was told to leave alone: all of the manifest count.
"""

from __future__ import annotations

from collections import Counter, deque
from typing import TYPE_CHECKING

from batch_onboard.core.calls import THROTTLING_CODES, Operation
from batch_onboard.core.forecast import JobLength, Pace, Work
from batch_onboard.core.lifecycle import Event, State
from batch_onboard.core.limiter import DEFAULT_BURST, DEFAULT_RATE
from batch_onboard.core.picture import Outlook, Picture, look_ahead
from batch_onboard.core.record import Record
from batch_onboard.core.targets import Domain
from batch_onboard.ledger.lines import EntryLine, RunLine

if TYPE_CHECKING:
    from datetime import datetime

    from batch_onboard.ledger.history import History
    from batch_onboard.ledger.lines import Line

_RATE_SPAN, _THROTTLES_SPAN = 10.0, 60.0
_JOBS = 64
"""How many of the jobs that have ended lately are asked how long they took."""
_OPEN = frozenset({State.PENDING, State.SUBMITTING, State.IN_PROGRESS})
_UNTOUCHED = Record()
_FULL = Pace(DEFAULT_RATE, DEFAULT_BURST)


class Following:
    """Takes the lines of a ledger, in order, and gives pictures of the run that writes them."""

    def __init__(self) -> None:
        self._begin(0.0)

    def take(self, line: Line) -> None:
        """Take in a line."""
        if isinstance(line, RunLine):
            self._begin(line.at.timestamp())
        elif isinstance(line, EntryLine):
            self._take_entry(line)

    def picture(self, history: History, now: datetime) -> Picture:
        """Return how the latest run stands.

        Args:
            history: what all lines that were taken in add up to.
            now: by the wall clock, which the lines' times are of too.
        """
        counts = _counts(history)
        states: Counter[State] = Counter()
        for (_, state), number in counts.items():
            states[state] += number
        left = sum(states[state] for state in _OPEN)
        elapsed = max(0.0, now.timestamp() - self._began)
        return Picture(
            elapsed=elapsed,
            states=states,
            over=len(history.targets) - left,
            selected=len(history.targets),
            jobs=states[State.IN_PROGRESS],
            held=0,
            in_flight=None,
            calls=None,
            starts=self._started,
            throttled=self._refused,
            rate=_number_since(self._starts, now, _RATE_SPAN) / max(1.0, min(_RATE_SPAN, elapsed)),
            throttles=_number_since(self._throttles, now, _THROTTLES_SPAN),
            outlook=self._outlook(history, counts),
        )

    def _begin(self, at: float) -> None:
        self._began = at
        self._started = self._refused = 0
        self._starts: deque[float] = deque()
        self._throttles: deque[float] = deque()
        self._intended: dict[str, float] = {}
        self._lengths: deque[float] = deque(maxlen=_JOBS)

    def _take_entry(self, line: EntryLine) -> None:
        at = line.at.timestamp()
        if line.event is Event.INTENDED:
            self._started += 1
            self._starts.append(at)
            self._intended[line.target] = at
        elif line.event is Event.REFUSED and _is_throttle(line.error_code):
            self._refused += 1
            self._throttles.append(at)
        elif line.event is Event.JOB_SUCCEEDED and line.target in self._intended:
            self._lengths.append(at - self._intended[line.target])

    def _outlook(self, history: History, counts: Counter[tuple[Domain, State]]) -> Outlook:
        def pace_of(domain: Domain, operation: Operation) -> Pace:
            known = history.learned.get((str(domain), operation))
            return Pace(known.rate, known.burst) if known else _FULL

        works = {
            domain: Work(
                reads=counts[domain, State.PENDING],
                perhaps=counts[domain, State.PENDING],
                following=counts[domain, State.SUBMITTING] + counts[domain, State.IN_PROGRESS],
            )
            for domain in {domain for domain, state in counts if state in _OPEN}
        }
        jobs = JobLength.of(self._lengths) if self._lengths else None
        return look_ahead(works, pace_of, jobs, lambda _: None)


def _counts(history: History) -> Counter[tuple[Domain, State]]:
    records = history.records
    triples = Counter(
        (key[0], key[1], records.get(key, _UNTOUCHED).state) for key in history.targets
    )
    return Counter(
        {
            (Domain(account_id, region), state): number
            for (account_id, region, state), number in triples.items()
        }
    )


def _is_throttle(code: str | None) -> bool:
    return code in THROTTLING_CODES or code == "429"


def _number_since(times: deque[float], now: datetime, span: float) -> int:
    """Count the times of the last seconds, and forget those before."""
    while times and times[0] <= now.timestamp() - span:
        times.popleft()
    return len(times)
