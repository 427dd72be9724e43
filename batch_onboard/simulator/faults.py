"""Faults: which of a scenario's rules strikes a call, and what it does to it.

Two kinds: those that come instead of the call, before any throttle, so that nothing is applied; and
those that spoil the answer to a call that was carried out. The latter touch successful answers
only, and a fault that a call has no place for (a foreign id in an answer without an id) doesn't
strike and isn't counted.
"""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from batch_onboard.core.calls import JobStatus
from batch_onboard.simulator.faultrules import FaultKind, FaultRule
from batch_onboard.simulator.principals import CAMPAIGNS_CODES, EXPIRED_MESSAGE, STS_CODES
from batch_onboard.simulator.protocol import (
    STS_OPERATIONS,
    Delivery,
    Payload,
    RefusalError,
    Reply,
    shaped,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from random import Random

    from batch_onboard.simulator.matching import Place

FOREIGN_INSTANCE_ID = "an-instance-of-somebody-else"
UNKNOWN_STATUS = "PAUSED"
UNKNOWN_FAILURE_CODE = "MOON_IN_THE_WRONG_PHASE"


class FaultPlan:
    """The faults of a scenario, and how often each has struck."""

    def __init__(self, rules: Iterable[FaultRule], began_at: float, random: Random) -> None:
        plan = [_Fault(rule) for rule in rules]
        self._instead = [fault for fault in plan if fault.rule.kind in _INSTEAD]
        self._spoiling = [fault for fault in plan if fault.rule.kind not in _INSTEAD]
        self._began_at = began_at
        self._random = random

    def instead(self, place: Place, now: float) -> Reply | None:
        """Return what happens instead of the call, or None if nothing does."""
        for fault in self._instead:
            if fault.covers(place, now - self._began_at) and fault.strikes(self._random):
                return _INSTEAD[fault.rule.kind](fault.rule, place)
        return None

    def spoil(self, place: Place, reply: Reply, now: float) -> Reply:
        """Return an answer as it leaves, spoilt or not."""
        if reply.status != HTTPStatus.OK:
            return reply
        for fault in self._spoiling:
            if not fault.covers(place, now - self._began_at):
                continue
            spoilt = _SPOILT[fault.rule.kind](reply, fault.rule)
            if spoilt is not None and fault.strikes(self._random):
                return spoilt
        return reply


class _Fault:
    """A rule and the number of times that it has left."""

    def __init__(self, rule: FaultRule) -> None:
        self.rule = rule
        self._left = rule.times

    def covers(self, place: Place, elapsed: float) -> bool:
        window = self.rule.window
        return window.from_ <= elapsed < window.to and self.rule.match.covers(place)

    def strikes(self, random: Random) -> bool:
        if self._left == 0 or random.random() >= self.rule.probability:
            return False
        if self._left is not None:
            self._left -= 1
        return True


def _error(rule: FaultRule, _place: Place) -> Reply:
    reply = Reply(status=rule.status, code=rule.code, message=rule.message)
    return shaped(reply, rule.shape)


def _expired_token(_rule: FaultRule, place: Place) -> Reply:
    codes = STS_CODES if place.operation in STS_OPERATIONS else CAMPAIGNS_CODES
    return RefusalError(codes.expired, EXPIRED_MESSAGE).reply


def _redirect(rule: FaultRule, _place: Place) -> Reply:
    return Reply(
        status=HTTPStatus.TEMPORARY_REDIRECT,
        headers=(("Location", rule.location),),
        payload=Payload.EMPTY,
    )


_INSTEAD: dict[FaultKind, Callable[[FaultRule, Place], Reply]] = {
    FaultKind.ERROR: _error,
    FaultKind.EXPIRED_TOKEN: _expired_token,
    FaultKind.REDIRECT: _redirect,
    FaultKind.DROP_BEFORE: lambda _rule, _place: Reply(delivery=Delivery.DROPPED),
    FaultKind.HANG: lambda _rule, _place: Reply(delivery=Delivery.NEVER),
}


def _with_foreign_id(reply: Reply, _rule: FaultRule) -> Reply | None:
    if not all("connectInstanceId" in inner for inner in reply.body.values()):
        return None
    return _with_members(reply, {"connectInstanceId": FOREIGN_INSTANCE_ID})


def _with_bad_status(reply: Reply, _rule: FaultRule) -> Reply | None:
    if "connectInstanceOnboardingJobStatus" not in reply.body:
        return None
    return _with_members(reply, {"status": UNKNOWN_STATUS})


def _with_bad_failure_code(reply: Reply, _rule: FaultRule) -> Reply | None:
    job = reply.body.get("connectInstanceOnboardingJobStatus", {})
    if job.get("status") != JobStatus.FAILED:
        return None
    return _with_members(reply, {"failureCode": UNKNOWN_FAILURE_CODE})


def _with_members(reply: Reply, members: dict[str, str]) -> Reply | None:
    """Change members of the one structure that an answer of Connect Campaigns consists of."""
    body: dict[str, Any] = {name: {**inner, **members} for name, inner in reply.body.items()}
    return replace(reply, body=body) if body else None


_SPOILT: dict[FaultKind, Callable[[Reply, FaultRule], Reply | None]] = {
    FaultKind.DROP_AFTER: lambda reply, _: replace(reply, delivery=Delivery.DROPPED),
    FaultKind.DELAY: lambda reply, rule: replace(reply, delay=rule.seconds),
    FaultKind.CUT_BODY: lambda reply, _: replace(reply, payload=Payload.CUT),
    FaultKind.EMPTY_BODY: lambda reply, _: replace(reply, payload=Payload.EMPTY),
    FaultKind.HTML_BODY: lambda reply, _: replace(reply, payload=Payload.HTML),
    FaultKind.FOREIGN_ID: _with_foreign_id,
    FaultKind.BAD_STATUS: _with_bad_status,
    FaultKind.BAD_FAILURE_CODE: _with_bad_failure_code,
}
