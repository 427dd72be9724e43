"""What people and programs read of a plan."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

from batch_onboard.app.planning import WORK
from batch_onboard.cli.causes import cause_lines
from batch_onboard.cli.texts import count, safe, span
from batch_onboard.core.calls import Operation
from batch_onboard.core.planning import Action
from batch_onboard.ledger.history import TargetInfo
from batch_onboard.report.results import result_of
from batch_onboard.report.summary import summarize

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from batch_onboard.app.planning import Item, Plan
    from batch_onboard.core.forecast import Forecast
    from batch_onboard.core.targets import Domain
    from batch_onboard.report.results import Result
    from batch_onboard.report.summary import Summary

_MOST_DOMAINS = 20
_STOPPED = frozenset({Action.DRIFTED, Action.BLOCKED})
_WORDS = {
    Action.START: "to start",
    Action.LATER: "left for later",
    Action.FOLLOW: "to follow",
    Action.CHECK: "to check",
    Action.DONE: "done",
    Action.DRIFTED: "drifted",
    Action.BLOCKED: "blocked",
}
_LEGEND = {
    Action.START: "nothing is there: a job is started",
    Action.LATER: "the same, but beyond --limit: left for a later run",
    Action.FOLLOW: "a job runs: it is followed to its end",
    Action.CHECK: "a Start may be on its way: read until it shows, else started",
    Action.DONE: "as the manifest asks",
    Action.DRIFTED: "onboarded otherwise than the manifest asks, or no longer",
    Action.BLOCKED: "a cause has to be mended, or a flag given",
}
_CALLS = {
    Operation.START: "starts",
    Operation.STATUS: "reads of a job's status",
    Operation.CONFIG: "reads of a config",
}
_STARTED = {
    "missing": "were onboarded once and no longer are",
    "unread": "are started unread (--no-precheck)",
}


def headline(plan: Plan) -> Iterator[str]:
    """Tell in one line what would be done and how long it would take, and in another why."""
    takes = f"  {span(plan.forecast.least, plan.forecast.most)}" if plan.work else ""
    yield f"Plan: {counts_told(plan.counts)}.{takes}"
    yield from slowest_lines(plan.forecast)


def counts_told(counts: Mapping[Action, int]) -> str:
    """Tell how many targets there are for each action: `3 to start, 1 drifted`."""
    return ", ".join(f"{number:,} {_WORDS[action]}" for action, number in counts.items())


def takes_lines(forecast: Forecast) -> Iterator[str]:
    """Tell how long something takes, and where it takes longest."""
    yield f"takes {span(forecast.least, forecast.most)}"
    yield from slowest_lines(forecast)


def slowest_lines(forecast: Forecast) -> Iterator[str]:
    """Tell which account and Region takes longest, and with what."""
    slowest = forecast.slowest
    if slowest is None:
        return
    what = count(slowest.number, "job")
    if slowest.operation is not None:
        what = f"{slowest.number:,} {_CALLS[slowest.operation]} at {slowest.rate:.3g}/s"
    yield f"  slowest {slowest.domain}: {what}"


def plan_lines(plan: Plan) -> Iterator[str]:
    """Tell what would be done, for people."""
    if not plan.items:
        yield "Plan: nothing, since no selected target falls to this shard."
        return
    yield from headline(plan)
    yield ""
    width = max(len(f"{number:,}") for number in plan.counts.values())
    for action, number in plan.counts.items():
        yield f"  {action:<8} {number:>{width},}  {_LEGEND[action]}"
        if action is Action.START:
            yield from _reason_lines(plan, width)
    yield ""
    yield from _domain_lines(plan)
    yield from cause_lines(_summary(plan))


def _reason_lines(plan: Plan, width: int) -> Iterator[str]:
    """Tell which Starts are out of the ordinary."""
    causes = Counter(
        item.planned.cause for item in plan.items if item.planned.action is Action.START
    )
    for cause, number in causes.items():
        if cause is not None and cause != "absent":
            what = _STARTED.get(cause, f"have a FAILED job ({safe(cause)}), deleted first")
            yield f"  {'':<8} {'':>{width}}  of these, {number:,} {what}"


def _domain_lines(plan: Plan) -> Iterator[str]:
    domains = _by_domain(plan)
    actions = list(plan.counts)
    width = max(len("account/Region"), *(len(str(domain)) for domain in domains))
    yield f"  {'account/Region':<{width}}" + "".join(f" {action:>8}" for action in actions)
    for domain, counts in list(domains.items())[:_MOST_DOMAINS]:
        numbers = "".join(f" {counts[action] or '-':>8}" for action in actions)
        yield f"  {domain!s:<{width}}{numbers}"
    more = len(domains) - _MOST_DOMAINS
    if more > 0:
        yield f"  ... {more:,} more; --output json has them all"


def _by_domain(plan: Plan) -> dict[Domain, Counter[Action]]:
    """Count actions for each domain; those with most to do go first."""
    domains: defaultdict[Domain, Counter[Action]] = defaultdict(Counter)
    for item in plan.items:
        domains[item.target.key.domain][item.planned.action] += 1

    def work(domain: Domain) -> tuple[int, Domain]:
        return -sum(domains[domain][action] for action in WORK), domain

    return {domain: domains[domain] for domain in sorted(domains, key=work)}


def _summary(plan: Plan) -> Summary:
    return summarize(_result(item) for item in plan.items if item.planned.action in _STOPPED)


def _result(item: Item) -> Result:
    return result_of(item.target.key, TargetInfo.of(item.target), item.record)


def plan_facts(plan: Plan) -> dict[str, Any]:
    """Tell the same for programs, and every target."""
    forecast = plan.forecast
    return {
        "made_at": plan.made_at,
        "counts": plan.counts,
        "forecast": {
            "least": round(forecast.least, 1),
            "most": round(forecast.most, 1),
            "slowest": None if forecast.slowest is None else forecast.slowest._asdict(),
        },
        "domains": [{**domain._asdict(), **counts} for domain, counts in _by_domain(plan).items()],
        "causes": _summary(plan).causes,
        "targets": [_target_facts(item) for item in plan.items],
    }


def _target_facts(item: Item) -> dict[str, Any]:
    result = _result(item)
    return {
        **item.target.key._asdict(),
        "api": item.target.api,
        "wave": item.target.wave,
        "labels": result.labels,
        "action": item.planned.action,
        "cause": item.planned.cause,
        "key": item.planned.key,
        "state": result.state,
        "message": result.message,
        "next_action": result.next_action if item.planned.action in _STOPPED else None,
    }
