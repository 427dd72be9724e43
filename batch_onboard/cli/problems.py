"""What is wrong with a manifest, told: to people each mistake once, to programs all of it."""

from __future__ import annotations

import json
import sys
import textwrap
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from batch_onboard.cli.terminals import Terminal, terminal_of
from batch_onboard.cli.texts import count
from batch_onboard.exits import Exit

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from batch_onboard.cli.talk import Talk
    from batch_onboard.manifest.problems import Problem

MOST_ALIKE = 5
"""So many problems of one kind are all shown. Of more, only the first few are."""

SHOWN_ALIKE = 3
MOST_SHOWN = 100
"""Problems of all kinds. Nobody reads on, and `--output json` has them all."""


class Rest(NamedTuple):
    """Problems that are only counted.

    Attributes:
        number: how many.
        sentence: tells how many, and where they are.
    """

    number: int
    sentence: str


def chosen(problems: Sequence[Problem]) -> Iterator[Problem | Rest]:
    """Choose which problems to show: of one kind in one file a few, and not too many in all."""
    kinds: dict[tuple[str, ...], list[int]] = {}
    for index, problem in enumerate(problems):
        kind = (problem.file, problem.severity, problem.code, problem.subject)
        kinds.setdefault(kind, []).append(index)
    shown: dict[int, Rest | None] = {}
    for alike in kinds.values():
        few = alike if len(alike) <= MOST_ALIKE else alike[:SHOWN_ALIKE]
        shown |= dict.fromkeys(few)
        if few is not alike:
            shown[few[-1]] = _rest([problems[index] for index in alike[SHOWN_ALIKE:]])
    order = sorted(shown)
    for index in order[:MOST_SHOWN]:
        yield problems[index]
        rest = shown[index]
        if rest is not None:
            yield rest
    left = [shown[index] for index in order[MOST_SHOWN:]]
    if left:
        more = len(left) + sum(rest.number for rest in left if rest is not None)
        yield Rest(more, f"... and {more:,} more of other kinds; --output json shows all")


def _rest(alike: Sequence[Problem]) -> Rest:
    first, last = alike[0], alike[-1]
    lines = f"line {first.line}" if first.line == last.line else f"lines {first.line}-{last.line}"
    return Rest(len(alike), f"{first.file}: ... and {len(alike):,} more like it, {lines}")


def problem_lines(problems: Sequence[Problem], terminal: Terminal | None) -> Iterator[str]:
    """Tell problems in lines: one each, or on a terminal with the source and carets below."""
    for each in chosen(problems):
        if isinstance(each, Rest):
            yield each.sentence
        elif terminal is None:
            yield str(each)
        else:
            yield from _explained(each, terminal)


def _explained(problem: Problem, terminal: Terminal) -> Iterator[str]:
    yield from textwrap.wrap(
        str(problem),
        terminal.width,
        subsequent_indent="    ",
        break_long_words=False,
        break_on_hyphens=False,
    )
    if problem.source is not None:
        from batch_onboard.cli.excerpts import excerpt

        yield from excerpt(
            problem.source, problem.line, problem.column, problem.end, terminal=terminal
        )


def closing_line(file: str, problems: Sequence[Problem]) -> str:
    """Say how many problems there are."""
    errors = sum(problem.severity == "error" for problem in problems)
    warnings = len(problems) - errors
    also = f", and {count(warnings, 'warning')}" if warnings else ""
    return f"{file}: {count(errors, 'problem')} to mend{also}"


def print_problems(file: str, problems: Sequence[Problem]) -> None:
    """Tell on stderr why a file can't be used."""
    for line in problem_lines(problems, terminal_of(sys.stderr)):
        click.echo(line, err=True)
    click.echo(closing_line(file, problems), err=True)


def say_problems(talk: Talk, file: str, problems: Sequence[Problem], event: str) -> None:
    """Say why a file can't be used, or, if it can be, what may be a mistake in it."""
    unusable = any(problem.severity == "error" for problem in problems)
    say = talk.fail if unusable else talk.warn
    if not talk.events:
        for line in problem_lines(problems, terminal_of(sys.stderr)):
            say(event, line)
    else:
        for each in chosen(problems):
            if isinstance(each, Rest):
                say(event, each.sentence, problems=each.number)
            else:
                say(event, str(each), line=each.line, column=each.column, code=each.code)
    if unusable:
        say(event, closing_line(file, problems))


def print_refusal(problems: Sequence[Problem]) -> None:
    """Print, for programs, that a command did nothing because of its manifest."""
    told = {
        "exit_code": Exit.USAGE.value,
        "reason": "the manifest can't be used",
        "problems": [problem_facts(problem) for problem in problems],
    }
    click.echo(json.dumps(told, ensure_ascii=False))


def problem_facts(problem: Problem) -> dict[str, Any]:
    """Return a problem for programs."""
    names = ("file", "line", "column", "end", "severity", "code", "subject", "message", "hint")
    return {name: getattr(problem, name) for name in (*names, "repeats")}
