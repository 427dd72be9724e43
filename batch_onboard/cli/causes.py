"""What people read of how a batch stands: counts, and what stopped targets, with what to do."""

from __future__ import annotations

import shlex
import shutil
import sys
import textwrap
from typing import TYPE_CHECKING

from batch_onboard.cli.texts import count, safe
from batch_onboard.core.lifecycle import State
from batch_onboard.core.selectable import OF_RECORDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from batch_onboard.app.ledgers import Place
    from batch_onboard.report.summary import Cause, Summary

MOST_CAUSES = 10
"""How many causes are told one by one."""
_INDENT = 10
_FLAGS = ("--retry-failed", "--clear-failed")
_SELECTORS = frozenset({"--include", "--exclude"})


def summary_lines(
    summary: Summary, ledger: Place | None, arguments: Sequence[str]
) -> Iterator[str]:
    """Tell how many targets stand in which state, and what stopped the others.

    Args:
        summary: the batch in figures.
        ledger: where all of it stands; None if that is in several places.
        arguments: the command line of the latest run, if there was one.
    """
    for state in State:
        if state in summary.states:
            accepted = state is State.DRIFTED and summary.accepted
            note = f"  ({summary.accepted:,} accepted)" if accepted else ""
            yield f"  {state:<18}{summary.states[state]:>9,}{note}"
    yield from cause_lines(summary, ledger, arguments)


def cause_lines(
    summary: Summary, ledger: Place | None = None, arguments: Sequence[str] = ()
) -> Iterator[str]:
    """Tell what stopped targets, and what to do; nothing if none was.

    Args:
        summary: the batch in figures.
        ledger: where all of it stands; None if it stands in none, or in several places.
        arguments: the command line of the latest run, if there was one.
    """
    if not summary.causes:
        return
    yield ""
    yield "What stopped targets, and what to do:"
    for cause in summary.causes[:MOST_CAUSES]:
        yield from _cause_lines(cause, ledger, arguments)
    more = len(summary.causes) - MOST_CAUSES
    if more > 0:
        where = "--output json has them" if ledger is None else _listing(ledger)
        yield f"  and {more} more causes: {where}"


def run_again(arguments: Sequence[str], *more: str) -> str:
    """Return the command of a run once more, with further words that it does not have yet."""
    kept = [word for word in arguments if word not in {"-q", "--quiet"}]
    return shlex.join(["batch-onboard", *kept, *(word for word in more if word not in kept)])


def unbound(arguments: Sequence[str]) -> Sequence[str]:
    """Return a command line; that of a new plan, if it was bound to one, which is done with now."""
    words = [word for word in arguments if not word.startswith("--plan=")]
    if "--plan" in words:
        at = words.index("--plan")
        del words[at : at + 2]
    return words if len(words) == len(arguments) else ["plan", *words[1:]]


def next_command(cause: Cause, arguments: Sequence[str]) -> str | None:
    """Return the command that tries the targets behind a cause again, once it is mended.

    None where no command does: a drift is settled in the manifest.
    """
    if not arguments or cause.state is State.DRIFTED:
        return None
    asked = [flag for flag in _FLAGS if flag in (cause.next_action or "")]
    again = run_again(list(unselected(unbound(arguments))), *asked)
    return f"{again} {shlex.join(['--include', f'{_kind(cause)}={safe(cause.code)}'])}"


def unselected(arguments: Sequence[str]) -> Iterator[str]:
    """Leave out what selects by earlier runs: it would contradict what selects by this one."""
    words = iter(arguments)
    for word in words:
        flag, equals, selector = word.partition("=")
        if flag not in _SELECTORS:
            yield word
            continue
        parts = (word,) if equals else (word, next(words, ""))
        if (selector or parts[-1]).partition("=")[0] not in OF_RECORDS:
            yield from parts


def _kind(cause: Cause) -> str:
    if cause.code == cause.state:
        return "state"
    return "failure_code" if cause.state is State.FAILED else "error_code"


def _cause_lines(cause: Cause, ledger: Place | None, arguments: Sequence[str]) -> Iterator[str]:
    state = f" ({cause.state})" if cause.code != cause.state else ""
    where = f"{count(cause.targets, 'target')} in {count(cause.accounts, 'account')}"
    yield f"  {safe(cause.code)}{state}: {where}"
    if cause.message:
        yield from _field("why:", safe(cause.message))
    if cause.next_action:
        yield from _field("do:", cause.next_action)
    if command := next_command(cause, arguments):
        yield f"    then: {command}"
    more = cause.targets - len(cause.examples)
    shown = ", ".join(cause.examples)
    yield from _field("e.g.", f"{shown}, ... {more:,} more" if more > 0 else shown)
    if more > 0 and ledger is not None:
        yield f"    all:  {_listing(ledger)} | grep {shlex.quote(_cells(cause))}"


def _listing(ledger: Place) -> str:
    return shlex.join(["batch-onboard", "report", str(ledger), "--format", "csv"])


def _cells(cause: Cause) -> str:
    """Return what stands in the rows of a CSV report for the targets behind a cause."""
    if cause.code == cause.state:
        return f",{cause.state},"
    separator = "," if cause.state is State.FAILED else ",,"
    return f",{cause.state}{separator}{safe(cause.code)},"


def _field(name: str, text: str) -> Iterator[str]:
    """Put a text beside its name; on a terminal as wide as that is, between its words."""
    first = f"    {name}".ljust(_INDENT)
    if not sys.stdout.isatty():
        yield first + text
        return
    yield from textwrap.wrap(
        text,
        max(shutil.get_terminal_size().columns, 2 * _INDENT),
        initial_indent=first,
        subsequent_indent=" " * _INDENT,
        break_long_words=False,
        break_on_hyphens=False,
    )
