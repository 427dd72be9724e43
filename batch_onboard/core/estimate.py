"""What a service's token bucket holds, inferred from the moments at which it was empty.

A refusal says one thing for certain: at that moment the bucket held less than one token. Between
two such moments it can only have given what it gained, so calls let through over time elapsed is
its rate, to within one call either way (the policer inference of Flach et al., "An Internet-Wide
Analysis of Traffic Policing", SIGCOMM 2016). This holds unless the bucket was full in between; a
limiter that had to go further ahead than a whole burst before it was refused knows that it was.

Before there are two moments, the rate is a guess. A bucket that gave more than the prior explains
is taken to hold half a second's worth of the surplus. One that gave less is believed only down to
half the prior: others may have emptied it a moment before.

Times are those at which calls were *sent*. The way to the service shifts all of them alike, so
latency cancels out and need not be known. Its jitter does not, but it matters less the longer the
time between two moments is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

from batch_onboard.core.limiter import DEFAULT_BURST, DEFAULT_RATE

SLOWEST = 0.25
"""Calls a second below which no rate is believed: four seconds of silence are enough."""

_PRIOR_EVIDENCE = 16.0  # calls that the prior is worth, once a first refusal agrees with it
_HALF_TRUST = 64.0  # calls observed at which an estimate is trusted by half
_HALF_LIFE = 86_400.0  # seconds in which the knowledge of an earlier run loses half its worth
_SURPLUS = 0.5  # seconds' worth of a surplus rate that an unknown bucket is taken to hold
_FULL = 0.6  # of a burst: who goes so much further than was believed found a full bucket
_ANCHORS = 3  # moments remembered
_SHORTEST = 1e-3  # seconds between two moments, for a division


@dataclass(frozen=True, slots=True)
class Learned:
    """What a limiter knows of a quota, for the ledger and the next run.

    Attributes:
        rate: calls a second.
        burst: calls at once.
        confidence: how far it is to be trusted, from 0 to 1.
    """

    rate: float
    burst: float
    confidence: float

    def aged(self, seconds: float) -> Learned:
        """Return what it is worth that much later: the confidence halves each day."""
        left = 2.0 ** -(max(0.0, seconds) / _HALF_LIFE)
        return replace(self, confidence=self.confidence * left)


class Refusal(NamedTuple):
    """A moment at which the bucket was empty.

    Attributes:
        at: when the refused call was sent.
        ticket: its number.
        spent: calls before it that were let through, taking those without an answer for such.
        pending: how many of them have no answer.
        lost: calls so far of which it will never be known.
        level: the tokens that the limiter believed to be there; below 0, it had gone ahead.
        since: when the limiter began to go ahead; at first, when it began.
    """

    at: float
    ticket: int
    spent: int
    pending: int
    lost: int
    level: float
    since: float


class _Draught(NamedTuple):
    """What a full bucket gave until it was empty, and what had been believed of it before."""

    ticket: int
    spent: float
    seconds: float
    rate: float
    burst: float

    @property
    def surplus(self) -> float:
        return self.spent - self.burst - self.rate * self.seconds

    @property
    def unlikely(self) -> bool:
        """What had been believed does not explain it."""
        return abs(self.surplus) > max(1.01, self.burst / 10)

    def guess(self) -> float:
        """Return the rate that explains it best."""
        if self.surplus > 0:
            return self.rate + self.surplus / (_SURPLUS + self.seconds)
        return max(self.rate / 2, self.spent / (self.burst / self.rate + self.seconds))


class Estimate:
    """The rate and burst of one bucket. Starts from a prior, and is told of each refusal.

    Attributes:
        rate: calls a second.
        burst: calls at once.
        evidence: calls let through over which the rate was measured.
    """

    __slots__ = ("_anchors", "_draught", "_guessed", "_least_evidence", "burst", "evidence", "rate")

    def __init__(self, prior: Learned | None = None) -> None:
        """Start from the documented quota, and as far towards the prior as that is trusted."""
        trust = 0.0 if prior is None else min(1.0, max(0.0, prior.confidence))
        known = prior or Learned(DEFAULT_RATE, DEFAULT_BURST, 0.0)
        self.rate = max(SLOWEST, DEFAULT_RATE + trust * (known.rate - DEFAULT_RATE))
        self.burst = max(1.0, DEFAULT_BURST + trust * (known.burst - DEFAULT_BURST))
        self.evidence = _PRIOR_EVIDENCE
        self._least_evidence = _PRIOR_EVIDENCE  # until something contradicts the prior
        self._anchors: tuple[Refusal, ...] = ()
        self._draught: _Draught | None = None
        self._guessed = False

    @property
    def tested(self) -> bool:
        """The bucket was seen empty, so that more than the prior is known."""
        return self._draught is not None

    @property
    def guessed(self) -> bool:
        """The rate is a guess, which further refusals of the same flight improve."""
        return self._guessed

    @property
    def confidence(self) -> float:
        """How far the estimate is to be trusted, from 0 to 1."""
        return self.evidence / (self.evidence + _HALF_TRUST) if self.tested else 0.0

    def doubt(self, seen: Refusal) -> float:
        """Return by how many tokens the mirror may be wrong, for want of evidence."""
        if not self._anchors or seen.spent <= self._anchors[-1].spent:
            return float("inf")
        return self.rate * (seen.at - self._anchors[-1].at) / self.evidence

    def recount(self, ticket: int) -> None:
        """Correct what was taken for let through before later moments: this call was refused."""
        self._anchors = tuple(
            one._replace(spent=one.spent - 1) if one.ticket > ticket else one
            for one in self._anchors
        )
        if self._draught is not None and self._draught.ticket > ticket:
            self._draught = self._draught._replace(spent=self._draught.spent - 1)
            if len(self._anchors) == 1 and not self._guessed and self._draught.unlikely:
                self._guess(self._draught)

    def refused(self, seen: Refusal, *, first: bool) -> None:
        """Learn from a refusal.

        Args:
            seen: the moment.
            first: it is the first of its flight.
        """
        draught = self._draught
        if draught is None:
            draught = self._drain(seen, seen.spent)
            if draught.unlikely:
                self._guess(draught)
        elif first and seen.level < min(-2.0, _FULL * (1.0 - self.burst)):
            # It was full before it, so only the draught from there on tells anything.
            given = self.burst + self.rate * (seen.at - seen.since) - seen.level
            self._anchors = ()
            draught = self._drain(seen, given)
            self._guess(draught)
        else:
            draught = self._measure(seen, draught, first=first)
        self._draught = draught
        self.burst = max(1.0, draught.spent - self.rate * draught.seconds)
        if not self._anchors or seen.spent > self._anchors[-1].spent:
            self._anchors = (*self._anchors[1 - _ANCHORS :], seen)

    def _drain(self, seen: Refusal, given: float) -> _Draught:
        return _Draught(seen.ticket, given, seen.at - seen.since, self.rate, self.burst)

    def _guess(self, draught: _Draught) -> None:
        self._guessed = True
        self.evidence, self._least_evidence = 1.0, 0.0
        self.rate = max(SLOWEST, draught.guess())

    def _measure(self, seen: Refusal, draught: _Draught, *, first: bool) -> _Draught:
        if not first:
            self.rate = draught.guess()
        self._guessed = not first
        low, high = self._bounds(seen)
        while first and low > high and len(self._anchors) > 1:
            # The oldest moment belongs to another quota, or there were other callers then.
            self._anchors = self._anchors[1:]
            self._least_evidence = 0.0
            draught = draught._replace(spent=self.burst, seconds=0.0)
            low, high = self._bounds(seen)
        low = min(low, high)
        if high < 3 * low:
            middle = (low + high) / 2
            self.rate = middle if self.rate > high else max(self.rate, middle)
        else:
            self.rate = min(max(self.rate, low), high)
        self.rate = max(SLOWEST, self.rate)
        self.evidence = max(self._least_evidence, 1.0, seen.spent - self._anchors[0].spent)
        return draught

    def _bounds(self, seen: Refusal) -> tuple[float, float]:
        """Return the lowest and the highest rate that fit what passed since each moment."""
        low, high = 0.0, float("inf")
        for anchor in self._anchors:
            elapsed = max(seen.at - anchor.at, _SHORTEST)
            passed = max(0, seen.spent - anchor.spent)
            low = max(low, (passed - seen.pending - 1) / elapsed)
            high = min(high, (passed + 1 + seen.lost - anchor.lost) / elapsed)
        return low, high
