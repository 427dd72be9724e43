"""What a run says on stderr at its end, to those who only read the log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from batch_onboard.cli.texts import safe
from batch_onboard.exits import Exit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from batch_onboard.app.batch import Batch
    from batch_onboard.app.outcome import Outcome
    from batch_onboard.cli.talk import Talk
    from batch_onboard.report.summary import Summary

_MOST_CAUSES = 20


def say_lost(outcome: Outcome, talk: Talk) -> None:
    """Say what could not be written down, so that nothing known is lost."""
    if outcome.saved:
        return
    import msgspec

    talk.fail("ledger", f"{outcome.reason}; what may not be in the ledger:")
    for entry in outcome.lost:
        told = msgspec.to_builtins(entry)
        talk.fail("lost", msgspec.json.encode(entry).decode(), entry=told)


def note_end(
    batch: Batch,
    outcome: Outcome,
    summary: Summary,
    elapsed: float,
    advice: Sequence[str],
    talk: Talk,
) -> None:
    """Tell what stdout says: the causes, how it ended, and what to type next."""
    for cause in summary.causes[:_MOST_CAUSES]:
        talk.note(
            "cause",
            well=False,
            state=cause.state.value,
            code=safe(cause.code),
            targets=cause.targets,
            accounts=cause.accounts,
            next_action=cause.next_action,
        )
    talk.note(
        "ended",
        well=outcome.exit_code is Exit.OK,
        exit_code=outcome.exit_code.value,
        reason=outcome.reason,
        elapsed=round(elapsed, 3),
        states={state.value: number for state, number in summary.states.items()},
        ledger=str(batch.ledger.path),
        advice=advice,
    )
