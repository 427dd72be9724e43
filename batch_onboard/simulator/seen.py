"""What the simulator saw: the figures by which a run is judged.

`double_starts` and `starts_accepted` are exact for every target. A Start stands from the moment it
made a job until its failed job is deleted or its instance offboarded. Another one accepted in that
time is a double start; another one merely received is a repeated start, whatever was answered: a
well-behaved caller sends none.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from batch_onboard.core.calls import Operation
from batch_onboard.simulator.protocol import Delivery

if TYPE_CHECKING:
    from batch_onboard.core.targets import Domain, TargetKey
    from batch_onboard.simulator.protocol import Reply, WorldCall


@dataclass(slots=True)
class TargetSeen:
    """What happened to one target.

    Attributes:
        requests: calls of any kind.
        starts_received: Starts that arrived, whatever became of them.
        starts_accepted: Starts that made a job.
        starts_unanswered: of these, the ones whose answer a fault swallowed.
        repeated_starts: Starts that arrived while an accepted one stood.
        double_starts: Starts that were accepted while an accepted one stood.
        standing: an accepted Start stands.
    """

    requests: int = 0
    starts_received: int = 0
    starts_accepted: int = 0
    starts_unanswered: int = 0
    repeated_starts: int = 0
    double_starts: int = 0
    standing: bool = False


@dataclass(slots=True)
class Seen:
    """All that was seen.

    Attributes:
        requests: calls by operation, those of STS included, and those that were refused.
        errors: error answers by code, and refused signatures.
        throttles: throttled calls by account and Region.
        most_jobs_in_progress: the most that ran at once, by account and Region.
        targets: what happened to each target.
        connections: that were made to the server.
        accepted_starts: when, in the world's seconds, which Start was accepted.
    """

    requests: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    throttles: Counter[Domain] = field(default_factory=Counter)
    most_jobs_in_progress: dict[Domain, int] = field(default_factory=dict)
    targets: dict[TargetKey, TargetSeen] = field(default_factory=dict)
    connections: int = 0
    accepted_starts: list[tuple[float, TargetKey]] = field(default_factory=list)

    @property
    def double_starts(self) -> int:
        """Double starts of all targets."""
        return sum(target.double_starts for target in self.targets.values())

    @property
    def repeated_starts(self) -> int:
        """Repeated starts of all targets."""
        return sum(target.repeated_starts for target in self.targets.values())

    def accounts_of(self, instance_id: str) -> frozenset[str]:
        """Return the accounts in which an instance was called for: one, if all is well."""
        return frozenset(key.account_id for key in self.targets if key.instance_id == instance_id)

    def received(self, call: WorldCall) -> None:
        """Note that a call arrived."""
        self.requests[call.operation] += 1
        target = self.targets.get(call.key)
        if target is None:
            target = self.targets[call.key] = TargetSeen()
        target.requests += 1
        if call.operation == Operation.START:
            target.starts_received += 1
            target.repeated_starts += target.standing

    def answered(self, call: WorldCall, reply: Reply, now: float) -> None:
        """Note what became of it."""
        if reply.code is not None:
            self.errors[reply.code] += 1
        elif reply.applied and call.operation == Operation.START:
            self._accepted(call.key, reply, now)
        elif reply.applied:
            self.targets[call.key].standing = False

    def _accepted(self, key: TargetKey, reply: Reply, now: float) -> None:
        target = self.targets[key]
        target.starts_accepted += 1
        target.double_starts += target.standing
        target.starts_unanswered += reply.delivery is not Delivery.ANSWERED
        target.standing = True
        self.accepted_starts.append((now, key))

    def jobs_in_progress(self, domain: Domain, count: int) -> None:
        """Note how many jobs run in an account and Region."""
        self.most_jobs_in_progress[domain] = max(count, self.most_jobs_in_progress.get(domain, 0))

    def as_json(self) -> dict[str, Any]:
        """Return the same as plain JSON values; targets and domains are named by their `str()`."""
        return {
            "requests": dict(self.requests),
            "errors": dict(self.errors),
            "throttles": {str(domain): count for domain, count in self.throttles.items()},
            "most_jobs_in_progress": {
                str(domain): count for domain, count in self.most_jobs_in_progress.items()
            },
            "connections": self.connections,
            "double_starts": self.double_starts,
            "repeated_starts": self.repeated_starts,
            "in_several_accounts": self._in_several_accounts(),
            "targets": {str(key): asdict(target) for key, target in self.targets.items()},
            "accepted_starts": [[at, str(key)] for at, key in self.accepted_starts],
        }

    def _in_several_accounts(self) -> dict[str, list[str]]:
        accounts: dict[str, set[str]] = {}
        for key in self.targets:
            accounts.setdefault(key.instance_id, set()).add(key.account_id)
        return {
            instance_id: sorted(found) for instance_id, found in accounts.items() if len(found) > 1
        }
