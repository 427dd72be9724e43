"""What the operator asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from batch_onboard.core.allowance import Allowance
from batch_onboard.core.redaction import Secrets
from batch_onboard.core.selection import Selection
from batch_onboard.core.steps import Rules
from batch_onboard.core.tolerance import Tolerance

if TYPE_CHECKING:
    from collections.abc import Callable

    from batch_onboard.app.planfile import Approved
    from batch_onboard.core.shard import Shard
    from batch_onboard.core.targets import TargetKey
    from batch_onboard.simulator.scenario import Scenario


@dataclass(frozen=True, slots=True)
class Settings:
    """What the operator asked for. Durations in seconds.

    Attributes:
        rules: what bears on a single target.
        selection: which targets the run is about.
        allowance: which accounts and roles the operator allows.
        shard: the part of the batch that this process does; None: all of it.
        only: the targets that are selected, by whoever has looked at the whole batch; None: what
            is selected is decided here.
        waves: of these, those of which waves; empty: of all.
        tolerance: how many failures are borne.
        canary: how many targets that need a Start go first, to their end; 0: none.
        limit: how many targets may be started; None: all.
        max_duration: after how long no further call is begun; None: never.
        concurrency: calls in flight.
        rate: requests a second for each domain and operation; None: learned.
        burst: requests at once, likewise.
        drain_timeout: how long calls under way may take to finish when stopping.
        lock_timeout: how long to wait for another run to end.
        allow_profiles: targets may name profiles, which can run programs.
        scenario: run against a simulator of this run's own that plays it; None: against AWS.
        simulator_url: where that simulator is served already; None: the run serves it.
        change_ref: kept in the ledger, for audits.
        approved: a plan, which the run does and nothing else; None: the run does what is due.
        arguments: the command line, for the ledger.
        secrets: is told of what must not be shown; whoever shows anything asks it.
        notify: is told, in a sentence, of what was done otherwise than asked for.
    """

    rules: Rules = field(default_factory=Rules)
    selection: Selection = field(default_factory=Selection)
    allowance: Allowance = field(default_factory=Allowance)
    shard: Shard | None = None
    only: frozenset[TargetKey] | None = None
    waves: frozenset[int] = frozenset()
    tolerance: Tolerance = field(default_factory=Tolerance)
    canary: int = 0
    limit: int | None = None
    max_duration: float | None = None
    concurrency: int = 128
    rate: float | None = None
    burst: float | None = None
    drain_timeout: float = 20.0
    lock_timeout: float = 0.0
    allow_profiles: bool = False
    scenario: Scenario | None = None
    simulator_url: str | None = None
    change_ref: str | None = None
    approved: Approved | None = None
    arguments: tuple[str, ...] = ()
    notify: Callable[[str], None] = field(default=lambda _: None, repr=False)
    secrets: Secrets = field(default_factory=Secrets, repr=False)
