"""What a batch adds up to: targets per state, and what stopped the others, by cause."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from batch_onboard.core.lifecycle import State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from batch_onboard.report.results import Result

_TROUBLED = frozenset({State.FAILED, State.REJECTED, State.DRIFTED, State.UNRESOLVED})
_EXAMPLES = 3


@dataclass(frozen=True, slots=True)
class Cause:
    """One thing that stopped targets.

    Attributes:
        state: where it left them.
        code: the failure code, the error code, or the state where there is neither.
        targets: how many it stopped.
        accounts: in how many accounts.
        next_action: what a person does about it.
        message: the service's words, or the tool's, for the first of them.
        examples: the first of them, by `account/region/instance`.
    """

    state: State
    code: str
    targets: int
    accounts: int
    next_action: str | None
    message: str | None
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Summary:
    """A batch in figures.

    Attributes:
        states: targets per state; they add up to all targets.
        causes: what stopped targets, the most frequent first.
        started_here: targets that this ledger's Starts onboarded, or that run because of them.
        accepted: of those that drifted, how many the manifest accepts as they are.
    """

    states: dict[State, int]
    causes: tuple[Cause, ...]
    started_here: int
    accepted: int = 0

    @property
    def targets(self) -> int:
        """All targets."""
        return sum(self.states.values())

    def counts(self) -> str:
        """Return the counts as `state=number` words, in the order of a target's life."""
        return " ".join(f"{state}={self.states[state]}" for state in State if state in self.states)


def summarize(results: Iterable[Result]) -> Summary:
    """Add results up."""
    states: Counter[State] = Counter()
    stopped: dict[tuple[State, str, str | None], _Behind] = {}
    started_here = accepted = 0
    for result in results:
        states[result.state] += 1
        started_here += result.started_here
        accepted += result.accepted
        if result.state in _TROUBLED and result.next_action is not None:
            stopped.setdefault(_what_stopped(result), _Behind()).add(result)
    causes = (_cause(*what, behind) for what, behind in stopped.items())
    ordered = sorted(causes, key=lambda cause: (-cause.targets, cause.code))
    return Summary(dict(states), tuple(ordered), started_here, accepted)


def number_of_cause(summary: Summary) -> Callable[[Result], int]:
    """Return what tells by which of a summary's causes a target was stopped, from 1; 0: by none."""
    numbers = {
        (cause.state, cause.code, cause.next_action): number
        for number, cause in enumerate(summary.causes, start=1)
    }
    return lambda result: numbers.get(_what_stopped(result), 0)


def _what_stopped(result: Result) -> tuple[State, str, str | None]:
    code = result.failure_code or result.error_code or result.state.value
    return result.state, code, result.next_action


class _Behind:
    """The targets behind one cause, of which only the first are kept."""

    def __init__(self) -> None:
        self.targets = 0
        self.accounts: set[str] = set()
        self.first: list[Result] = []

    def add(self, result: Result) -> None:
        self.targets += 1
        self.accounts.add(result.account_id)
        if len(self.first) < _EXAMPLES:
            self.first.append(result)


def _cause(state: State, code: str, next_action: str | None, behind: _Behind) -> Cause:
    return Cause(
        state=state,
        code=code,
        targets=behind.targets,
        accounts=len(behind.accounts),
        next_action=next_action,
        message=behind.first[0].message,
        examples=tuple(
            f"{result.account_id}/{result.region}/{result.instance_id}" for result in behind.first
        ),
    )
