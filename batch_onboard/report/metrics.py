"""A batch as Prometheus metrics, in the text format.

The number of series is bounded: quotas are told for at most 200 domains, since thousands of
accounts times four operations would burden whoever stores them. Totals are over all domains.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from batch_onboard.core.lifecycle import State

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from prometheus_client import Metric

    from batch_onboard.core.calls import Operation
    from batch_onboard.core.limiter import LimiterStatistics
    from batch_onboard.core.targets import Domain
    from batch_onboard.ledger.history import History

MOST_DOMAINS = 200
"""Domains whose quotas are told one by one."""

Quota = tuple["Domain", "Operation", "LimiterStatistics"]


@dataclass(frozen=True, slots=True)
class Ending:
    """When a run ended, in seconds since 1970, and with which exit code."""

    at: float
    exit_code: int


@dataclass(frozen=True, slots=True)
class Reading:
    """What is known of a batch at one moment.

    Attributes:
        batch: its name.
        active: a run is under way.
        states: targets per state.
        starts: Starts that this run has sent.
        calls: calls of this run.
        throttled: how many of them were throttled.
        domains: how many domains this run has called.
        quotas: of which what is told one by one.
        last: how the latest run that ended did so; None if none did.
        success: when a run last ended with 0, in seconds since 1970; None if none did.
    """

    batch: str
    active: bool
    states: Mapping[State, int]
    starts: int
    calls: int
    throttled: int
    domains: int
    quotas: Sequence[Quota]
    last: Ending | None
    success: float | None


def last_ending(history: History) -> Ending | None:
    """Return how the latest run that ended did so."""
    ended = [run.ended for run in history.runs if run.ended is not None]
    return Ending(ended[-1].at.timestamp(), ended[-1].exit_code) if ended else None


def last_success(history: History) -> float | None:
    """Return when a run last ended with 0, in seconds since 1970."""
    ended = [run.ended for run in history.runs if run.ended is not None]
    return max((each.at.timestamp() for each in ended if each.exit_code == 0), default=None)


def metrics_text(reading: Reading) -> bytes:
    """Return a reading in the text format."""
    registry = CollectorRegistry()
    registry.register(_Batch(reading))
    return generate_latest(registry)


class _Batch(Collector):
    def __init__(self, reading: Reading) -> None:
        self._reading = reading

    def collect(self) -> Iterator[Metric]:
        seen = self._reading
        for name, meaning, value in _gauges(seen):
            gauge = GaugeMetricFamily(f"batch_onboard_{name}", meaning, labels=["batch"])
            gauge.add_metric([seen.batch], value)
            yield gauge
        for name, meaning, value in _counters(seen):
            counter = CounterMetricFamily(f"batch_onboard_{name}", meaning, labels=["batch"])
            counter.add_metric([seen.batch], value)
            yield counter
        yield _targets(seen)
        yield from _quotas(seen)


def _gauges(seen: Reading) -> Iterator[tuple[str, str, float]]:
    yield "run_active", "1 while a run is under way, as far as it could tell.", seen.active
    yield (
        "last_success_timestamp_seconds",
        "When a run of this ledger last ended with exit code 0, in seconds since 1970; 0: never.",
        seen.success or 0,
    )
    if seen.last is not None:
        yield (
            "last_run_end_timestamp_seconds",
            "When a run of this ledger last ended by itself, in seconds since 1970.",
            seen.last.at,
        )
        yield "last_run_exit_code", "The exit code of that run.", seen.last.exit_code
    yield (
        "domains",
        f"Accounts times Regions that this run has called; {MOST_DOMAINS} at most have series.",
        seen.domains,
    )


def _counters(seen: Reading) -> Iterator[tuple[str, str, float]]:
    yield "starts", "Starts that this run has sent and that were answered.", seen.starts
    yield "answers", "Calls of this run that were answered, over all domains.", seen.calls
    yield "throttles", "Calls of this run that were throttled, over all domains.", seen.throttled


def _targets(seen: Reading) -> Metric:
    targets = GaugeMetricFamily(
        "batch_onboard_targets",
        "Targets of the manifest in each state; they add up to all of them.",
        labels=["batch", "state"],
    )
    for state in State:
        targets.add_metric([seen.batch, state.value], seen.states.get(state, 0))
    return targets


def _quotas(seen: Reading) -> Iterator[Metric]:
    labels = ["batch", "account_id", "region", "operation"]
    which = f"For at most {MOST_DOMAINS} domains, those that met throttles first."
    rate = GaugeMetricFamily(
        "batch_onboard_quota_rate",
        f"Requests a second that are allowed now. {which}",
        labels=labels,
    )
    sent = CounterMetricFamily(
        "batch_onboard_quota_calls", f"Calls of this run. {which}", labels=labels
    )
    throttled = CounterMetricFamily(
        "batch_onboard_quota_throttles", f"Throttled calls of this run. {which}", labels=labels
    )
    for domain, operation, known in seen.quotas:
        values = [seen.batch, domain.account_id, domain.region, operation.value]
        rate.add_metric(values, known.rate)
        sent.add_metric(values, known.sent)
        throttled.add_metric(values, known.throttled)
    return iter((rate, sent, throttled))
