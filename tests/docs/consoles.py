"""The commands that a page of the documentation shows, and what it shows of their output."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

BLOCK = re.compile(r"^```console\n(.+?)^```", re.MULTILINE | re.DOTALL)
PROMPT = re.compile(r"[$#] ")
NOTE = re.compile(r"\s{2,}#.*$", re.MULTILINE)
CODE = re.compile(r"\(exit (\d+)\)")


@dataclass(frozen=True, slots=True)
class Shown:
    """A command of a page.

    Attributes:
        text: what is typed, without the notes at the ends of its lines.
        output: the lines that are shown of what it prints. `...` stands for anything in a line,
            and alone for any lines.
    """

    text: str
    output: tuple[str, ...]

    @property
    def code(self) -> int:
        """The exit code that is to be expected: the one shown, or 0."""
        told = CODE.findall("\n".join(self.output)) or CODE.findall(self.text)
        return int(told[-1]) if told else 0


def commands(page: str) -> Iterator[Shown]:
    """Yield the commands of a page, in its order."""
    for block in BLOCK.findall(page):
        for part in re.split(r"^(?=[$#] )", block, flags=re.MULTILINE):
            if PROMPT.match(part):
                yield _shown(part[2:].splitlines())


def appears(output: tuple[str, ...], text: str) -> bool:
    """Say whether what a page shows is what was printed."""
    if not output:
        return True
    lines = [".*(?:\n.*)*" if line == "..." else _line(line) for line in output]
    return re.fullmatch("\n".join(lines), text.strip("\n")) is not None


def _shown(lines: list[str]) -> Shown:
    typed = 1
    while lines[typed - 1].endswith("\\"):
        typed += 1
    output = tuple(line.rstrip() for line in lines[typed:])
    while output and not output[-1]:
        output = output[:-1]
    return Shown(NOTE.sub("", "\n".join(lines[:typed])), output)


def _line(line: str) -> str:
    return ".*".join(re.escape(part) for part in line.split("..."))
