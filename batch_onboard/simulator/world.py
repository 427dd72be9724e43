"""The simulated AWS as one pure object: a call and the time go in, a reply comes out.

No clock, no waiting, and chance only from the scenario's seed. So a test of a thousand virtual
hours and a server on loopback play the same world. The order is that of a service: a fault at the
door, the throttle, the operation, a fault on the way out.
"""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING

from batch_onboard.core.targets import Domain
from batch_onboard.simulator.bucket import Throttles
from batch_onboard.simulator.campaigns import Campaigns
from batch_onboard.simulator.directory import Directory
from batch_onboard.simulator.faults import FaultPlan
from batch_onboard.simulator.kms import Kms
from batch_onboard.simulator.matching import Layers, Place
from batch_onboard.simulator.protocol import (
    ASSUME_ROLE,
    DESCRIBE_KEY,
    ORGANIZATIONS_OPERATIONS,
    DirectoryCall,
    KmsCall,
    RefusalError,
    Reply,
    StsCall,
    WorldCall,
)
from batch_onboard.simulator.seen import Seen
from batch_onboard.simulator.settings import Throttle
from batch_onboard.simulator.sts import Sts, account_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from batch_onboard.simulator.scenario import Scenario
    from batch_onboard.simulator.settings import Behaviour


class World:
    """Accounts, Regions and instances, as a scenario has them.

    Args:
        scenario: what there is and how it behaves.
        started_at: the time, in seconds, at which the world begins: windows of faults and the
            `days_ago` of the scenario count from it.

    Attributes:
        seen: what happened.
        sts: the credentials that this world knows.
    """

    def __init__(self, scenario: Scenario, *, started_at: float = 0.0) -> None:
        random = Random(scenario.seed)  # noqa: S311 - chance for rehearsals, not for secrets
        self.seen = Seen()
        self.sts = Sts(scenario.sts, scenario.callers, scenario.seed)
        self._kms = Kms(scenario.kms)
        self._behaviours: Layers[Behaviour] = Layers(scenario.defaults, scenario.instances)
        self._throttles = Throttles(scenario.throttle, scenario.throttle.overrides)
        self._sts_throttles = Throttles(scenario.sts.throttle)
        self._faults = FaultPlan(scenario.faults, started_at, random)
        self._campaigns = Campaigns(started_at, random)
        self._directory = Directory(scenario.organization, scenario.connect)
        organization = scenario.organization
        kept = organization.throttle.model_dump() if organization else {}
        self._organization_throttles = Throttles(Throttle(**kept))
        self._requests = 0

    def handle(self, call: WorldCall, now: float) -> Reply:
        """Answer a call to Connect Campaigns. `now` never goes back."""
        self.seen.received(call)
        place = Place(call.operation, *call.key, call.api)
        reply = self._faults.instead(place, now) or self._throttled(call, place, now)
        if reply is None:
            reply = self._faults.spoil(place, self._carry_out(call, place, now), now)
        self.seen.answered(call, reply, now)
        return self._identified(reply)

    def handle_sts(self, call: StsCall, now: float) -> Reply:
        """Answer a call to STS."""
        return self._play(_place_of(call), lambda: self._carry_out_sts(call, now), now)

    def _carry_out_sts(self, call: StsCall, now: float) -> Reply:
        caller = Place(call.operation, call.caller.account_id, call.region)
        throttled = self._sts_throttles.refuse(caller, now)
        return throttled or self.sts.carry_out(call, now)

    def handle_kms(self, call: KmsCall, now: float) -> Reply:
        """Answer a call to KMS."""
        place = Place(DESCRIBE_KEY, account_of(call.key_id), call.region)
        return self._play(place, lambda: self._kms.describe(call), now)

    def _play(self, place: Place, carry_out: Callable[[], Reply], now: float) -> Reply:
        self.seen.requests[place.operation] += 1
        reply = self._faults.instead(place, now)
        if reply is None:
            reply = self._faults.spoil(place, _reply_of(carry_out), now)
        if reply.code is not None:
            self.seen.errors[reply.code] += 1
        return self._identified(reply)

    def handle_directory(self, call: DirectoryCall, now: float) -> Reply:
        """Answer a call to Connect or Organizations."""
        self.seen.requests[call.operation] += 1
        place = Place(call.operation, call.account_id, call.region)
        reply = self._faults.instead(place, now) or self._throttle_directory(place, now)
        if reply is None:
            reply = self._faults.spoil(place, self._carry_out_directory(call), now)
        if reply.code is not None:
            self.seen.errors[reply.code] += 1
        return self._identified(reply)

    def _throttle_directory(self, place: Place, now: float) -> Reply | None:
        if place.operation in ORGANIZATIONS_OPERATIONS:
            return self._organization_throttles.refuse(place, now)
        reply = self._throttles.refuse(place, now)
        if reply is not None:
            self.seen.throttles[Domain(place.account_id, place.region)] += 1
        return reply

    def _carry_out_directory(self, call: DirectoryCall) -> Reply:
        try:
            return self._directory.carry_out(call)
        except RefusalError as refusal:
            return refusal.reply

    def refuse(self, refusal: RefusalError) -> Reply:
        """Answer a request that never became a call: its signature or its form was wrong."""
        self.seen.errors[refusal.code] += 1
        return self._identified(refusal.reply)

    def _throttled(self, call: WorldCall, place: Place, now: float) -> Reply | None:
        reply = self._throttles.refuse(place, now)
        if reply is not None:
            self.seen.throttles[call.key.domain] += 1
        return reply

    def _carry_out(self, call: WorldCall, place: Place, now: float) -> Reply:
        try:
            reply = self._campaigns.carry_out(call, self._behaviours.at(place), now)
        except RefusalError as refusal:
            return refusal.reply
        domain = call.key.domain
        self.seen.jobs_in_progress(domain, self._campaigns.in_progress.count(domain, now))
        return reply

    def _identified(self, reply: Reply) -> Reply:
        self._requests += 1
        return replace(reply, request_id=f"{self._requests:08x}-0000-4000-8000-51d0a7ed0000")


def _reply_of(carry_out: Callable[[], Reply]) -> Reply:
    try:
        return carry_out()
    except RefusalError as refusal:
        return refusal.reply


def _place_of(call: StsCall) -> Place:
    account_id = call.caller.account_id
    if call.operation == ASSUME_ROLE:
        account_id = account_of(call.role_arn)
    return Place(call.operation, account_id, call.region)
