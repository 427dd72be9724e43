"""A limiter that finds out what a service allows, and uses it up without running into it.

The service keeps a token bucket of a rate and a burst that nobody tells, and answers 429 when it
is empty. Two things follow. Time is lost only while that bucket is *full*, so it need not be kept
empty, only from being full. And nothing short of a refusal shows where its bottom is, so each
refusal has to tell as much as it can, and there should be few.

**Mirror.** The limiter keeps a bucket of its own, with the rate and burst that `Estimate` believes
in: calls take tokens, time brings them back. A refusal sets it right: there was less than one
token when that call was sent, and since then it has gained so much and calls have taken so many.

**Rest.** Usually a call goes when the mirror holds a token and a small reserve. The reserve is
what a neighbour in the same account lives on, and what absorbs the jitter of the way there.

**Dip.** From time to time, after a rest of so many accepted calls, the limiter goes *ahead*: it
spends the reserve and then one call that the mirror has no token for. Refused, as it should be, it
measures the rate anew and sets the mirror right, at the price of one call. Let through, there is
more than was believed: one call more in flight for each that was let through, doubling each round
trip, later a fifth of what the dip has found, so that when the bottom comes what overshoots is a
small share of what was gained. Calls ahead are also kept apart, so that a near service, whose
answers are back at once, does not make the growth blind.

**Opening.** The beginning is a dip too: the documented burst goes at once, and once all of it has
been let through, one call ahead. At the documented quota that call is the only 429 of the first
70 calls; an account that allows more is found within a few round trips. If the bucket has been
drained as the prior foretold, the rest is long; if not, short, and longer with the evidence.

**Change.** A quota that was cut shows as refusals too close together, which leave no rate that
fits old and new moments alike: the old ones are dropped. One that was raised shows in the next
dip.

**Neighbours.** The rate that is measured is what others leave, and the reserve is for them: one who
calls evenly finds a token nearly each time. Two copies would each keep the share they happen to
have. So a refusal that the mirror does not explain, allowing for what is not known of the rate, for
how wrong the mirror last was and for calls that overtake one another, is taken for somebody else's
doing, and so is one within the documented burst. Then `Yielding` sets the pace, giving way at each
refusal and climbing in between, until a refusal comes just when a bucket of our own would have been
empty. From then on calls are jittered: of two that keep time with one bucket, one may find each
token and the other none.

**What it does not do.** It never looks at latency: a bucket that refuses at once has no queue. The
429s of one flight are one signal; timeouts, resets and 5xx are none. A bucket of a single token is
used below its rate: a call ahead of it is always refused and so tells nothing. A window, which
refuses for a while after a burst, is taken for a slower bucket until a dip finds more.
"""

from __future__ import annotations

from itertools import takewhile
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from batch_onboard.core.estimate import Estimate, Learned, Refusal
from batch_onboard.core.limiter import DEFAULT_BURST, LimiterStatistics
from batch_onboard.core.yielding import Yielding

if TYPE_CHECKING:
    from collections.abc import Callable

LONGEST_RETRY_AFTER = 300.0  # seconds: after that even a service that asks for more is asked

_TOLERANCE = 1e-9  # of tokens: two refills of half a token are one, whatever floats say


class _Flight(NamedTuple):
    """A call without an answer: when it was sent, what the mirror held, and if it was ahead."""

    at: float
    level: float
    ahead: bool


class AdaptiveLimiter:
    """Paces the calls to one bucket; `benchmarks/limiter --ablate` shows what its constants do."""

    REST: ClassVar[float] = 64.0
    """Accepted calls between two dips, once the rate is known well: about 1.5 % of calls."""
    CAUTION: ClassVar[float] = 8.0
    """Accepted calls to rest for each call of evidence, before the rate is known well."""
    WINDOW: ClassVar[float] = 5.0
    """Calls in flight ahead of the mirror to which a dip grows freely."""
    SHARE: ClassVar[float] = 0.2
    """Beyond that, their share in the calls that the dip has found."""
    SPACING: ClassVar[float] = 0.08
    """Seconds over which the calls of one window are spread, however near the service is."""
    RESERVE: ClassVar[float] = 0.1
    """Tokens left in the bucket while resting, as a share of its burst; at most one."""
    JITTER: ClassVar[float] = 0.25
    """Tokens by which a call may come later once others were met, as RESERVE."""
    GIVE: ClassVar[float] = 0.7
    """Share of the pace that is kept at a refusal, where the bucket is shared."""
    CLIMB: ClassVar[float] = 0.01
    """What the root of that pace gains each second, for each second without a refusal."""
    HASTE: ClassVar[float] = 30.0
    """Seconds by which a newcomer's climb is ahead, so that it finds its share soon."""
    WAY: ClassVar[float] = 0.04
    """Seconds by which calls may overtake one another on their way to the service."""
    __slots__ = (
        "_ahead",
        "_ahead_at",
        "_at",
        "_dip_since",
        "_epoch",
        "_estimate",
        "_flights",
        "_found",
        "_level",
        "_lost",
        "_newest",
        "_not_before",
        "_rest",
        "_sent",
        "_slack",
        "_throttled",
        "_yielding",
    )

    def __init__(self, chance: Callable[[], float], prior: Learned | None = None) -> None:
        """Start from the documented quota, or from what an earlier run knew.

        Args:
            chance: draws a number from 0 up to 1, for the jitter.
            prior: what it learned, aged (`Learned.aged`). Its rate is used at once as far as it is
                trusted; its burst once the documented one is through.
        """
        self._estimate = Estimate(prior)
        self._level = min(DEFAULT_BURST, self._estimate.burst)  # tokens that the mirror holds
        self._rest = self._level  # accepted calls until the next dip
        self._at = float("-inf")
        self._flights: dict[int, _Flight] = {}
        self._sent = self._throttled = self._lost = 0
        self._newest = 0  # the last ticket that was refused
        self._epoch = 0  # the last ticket of the flight in which a refusal was first heard of
        self._ahead = 0  # calls in flight that the mirror had no token for
        self._found = 0  # calls that this dip sent ahead and that were let through
        self._ahead_at = self._not_before = float("-inf")
        self._dip_since = 0.0
        self._slack = 0.0  # tokens by which the mirror last was wrong
        self._yielding = Yielding(chance, give=self.GIVE, climb=self.CLIMB)

    def ready_at(self, now: float) -> float:
        """Return the time from which the next call may go."""
        self._refill(now)
        return max(self._not_before, now, self._earliest(now))

    def send(self, now: float) -> int:
        """Take note that a call goes out now, and return its ticket."""
        if self._sent == 0:
            self._dip_since = now
        self._refill(now)
        ahead = self._level < 1.0 - _TOLERANCE
        if ahead:
            self._ahead += 1
            self._ahead_at = now
        self._sent += 1
        self._flights[self._sent] = _Flight(now, self._level, ahead)
        self._level -= 1.0
        self._yielding.sent(now)
        return self._sent

    def accepted(self, ticket: int, now: float) -> None:
        """Take note that the call was let through."""
        flight = self._land(ticket)
        if ticket <= self._epoch:
            return
        if self._epoch and (self._level >= 1.0 if self._yielding.active else self._rest > 0):
            self._dip_since = now
        self._rest -= 1.0
        self._found += flight.ahead

    def throttled(self, ticket: int, now: float, retry_after: float | None) -> None:
        """Take note that the call was refused, and set the mirror right.

        Args:
            ticket: the call's.
            now: when the answer came.
            retry_after: seconds to wait, if asked to; more than 300 are taken for 300.
        """
        flight = self._land(ticket)
        if retry_after is not None:
            wait = min(max(retry_after, 0.0), LONGEST_RETRY_AFTER)
            self._not_before = max(self._not_before, now + wait)
        self._estimate.recount(ticket)
        if ticket > self._newest:
            self._newest = ticket
            self._refill(now)
            self._learn(ticket, flight)
            self._set_right(ticket, flight, now)
        self._throttled += 1
        if ticket > self._epoch:
            self._begin_rest()
        if ticket <= DEFAULT_BURST:
            self._come_late(now)

    def lost(self, ticket: int, now: float) -> None:
        """Take note that nothing can be learned from the call; its token counts as spent."""
        del now
        self._land(ticket)
        self._lost += 1

    def withdrawn(self, ticket: int, now: float) -> None:
        """Take note that the call was not sent after all: its token is still there."""
        self._refill(now)
        self._land(ticket)
        self._level = min(self._estimate.burst, self._level + 1.0)
        self._lost += 1

    def statistics(self) -> LimiterStatistics:
        """Return what is believed, how firmly, and what was counted."""
        known = self._estimate
        return LimiterStatistics(
            known.rate, known.burst, self._sent, self._throttled, known.confidence
        )

    def learned(self) -> Learned | None:
        """Return what the next run may begin with; None if no refusal has taught anything."""
        known = self._estimate
        return Learned(known.rate, known.burst, known.confidence) if known.tested else None

    def _earliest(self, now: float) -> float:
        if self._yielding.active:
            return self._yielding.ready_at
        needed = 1.0
        if self._rest > 0:
            needed += self._reserve()
        else:
            found = self._found
            window = min(1.0 + found, max(self.WINDOW, found * self.SHARE))
            if self._ahead < window:
                return self._ahead_at + self.SPACING / window
        missing = min(needed, self._estimate.burst) - self._level
        return now + missing / self._estimate.rate if missing > _TOLERANCE else now

    def _reserve(self) -> float:
        if not self._estimate.tested:
            return 0.0
        spare = self._estimate.burst - 1.0
        jitter = min(1.0, self.JITTER * spare) if self._yielding.met else 0.0
        return min(1.0, self.RESERVE * spare) + self._yielding.delay * jitter

    def _begin_rest(self) -> None:
        self._epoch = self._sent
        self._found = 0
        self._rest = min(self.REST, self.CAUTION * self._estimate.evidence)

    def _learn(self, ticket: int, flight: _Flight) -> None:
        first = ticket > self._epoch
        if first or self._estimate.guessed:
            seen = self._refusal(ticket, flight)
            known = self._estimate
            doubt = self._slack + known.doubt(seen) + self.WAY * known.rate
            known.refused(seen, first=first)
            if first:
                self._give_way(seen.level - 1.0 + _TOLERANCE, doubt)

    def _give_way(self, surprise: float, doubt: float) -> None:
        """Begin to share, or go on, or end, by the tokens above one that the mirror held."""
        known, shared = self._estimate, self._yielding
        if shared.active:
            alone = doubt <= 1.0 and -2.0 - doubt <= surprise < 0
            shared.refused(self._at, alone=alone)
            if alone:
                known.rate = max(known.rate, shared.pace)
        elif surprise >= doubt:
            shared.begin(self._at, known.rate)

    def _come_late(self, now: float) -> None:
        """Begin low, and climb soon: of the documented burst somebody has had a part."""
        known, shared = self._estimate, self._yielding
        self._rest = min(self._rest, self.CAUTION * known.evidence)
        if not shared.active:
            shared.begin(now, known.rate, quiet=self.HASTE)

    def _refusal(self, ticket: int, flight: _Flight) -> Refusal:
        return Refusal(
            at=flight.at,
            ticket=ticket,
            spent=ticket - 1 - self._throttled - self._lost,
            pending=sum(1 for _ in takewhile(ticket.__gt__, self._flights)),
            lost=self._lost,
            level=flight.level,
            since=self._dip_since,
        )

    def _set_right(self, ticket: int, flight: _Flight, now: float) -> None:
        """Set the mirror to less than one token at the time when the refused call was sent."""
        known = self._estimate
        believed = flight.level if flight.level < 1.0 - _TOLERANCE else 0.0
        self._slack = abs(believed)
        since = known.rate * (now - flight.at) - (self._sent - ticket)
        self._level = min(known.burst, max(0.0, max(0.0, believed) + since))

    def _land(self, ticket: int) -> _Flight:
        flight = self._flights.pop(ticket)
        self._ahead -= flight.ahead
        return flight

    def _refill(self, now: float) -> None:
        if self._sent and now > self._at:
            gained = (now - self._at) * self._estimate.rate
            self._level = min(self._estimate.burst, self._level + gained)
        self._at = now
