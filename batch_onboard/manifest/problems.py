"""What is wrong with a manifest, and where: the only way in which this room complains."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple, NoReturn

from batch_onboard.manifest.leaks import redact

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_PROBLEMS = 1000
"""A manifest with more problems than this has one cause, and nobody reads on."""


class Place(NamedTuple):
    """A place in a file, as editors count: lines and columns from 1, columns in characters."""

    file: str
    line: int
    column: int

    def seen_from(self, other: Place) -> str:
        """Name this place for a message at another one: the file only where it differs."""
        if self.file == other.file:
            return f"line {self.line}"
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, or looks wrong, in a manifest or one of its sources.

    Attributes:
        file: the file, as the user gave its path.
        line: the line, from 1.
        column: the column in characters, from 1.
        message: what is wrong and how to mend it.
        severity: an "error" keeps the manifest from being used, a "warning" does not.
    """

    file: str
    line: int
    column: int
    message: str
    severity: Literal["error", "warning"] = "error"

    def __str__(self) -> str:
        kind = "warning: " if self.severity == "warning" else ""
        return f"{self.file}:{self.line}:{self.column}: {kind}{self.message}"


class ManifestError(Exception):
    """A manifest can't be used. `str()` is one line for each problem.

    Attributes:
        problems: all that was found, warnings too, in the order of the files and their lines.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


class StopReading(Exception):  # noqa: N818 - it ends the reading of a file; the error is a Problem
    """A file can't be read any further. The complaint about it has been made."""


class Complaints:
    """Collects problems while files are read.

    A complaint about a setting that many targets share, such as a role in `defaults`, comes once
    for each of them. It is kept once, and counted.

    Args:
        file: the manifest, whose problems come first.
    """

    def __init__(self, file: str) -> None:
        self._problems: dict[tuple[Place, str], Problem] = {}
        self._repeats: dict[tuple[Place, str], int] = {}
        self._files = {file: 0}

    def error(self, place: Place, message: str, *, kind: str = "") -> None:
        """Complain of something that must be mended.

        Args:
            place: where it is.
            message: what is wrong and how to mend it.
            kind: complaints of one kind at one place are one, whose first message is shown.
        """
        self._add(place, message, kind or message, "error")

    def warning(self, place: Place, message: str, *, kind: str = "") -> None:
        """Point at something that may be a mistake. The arguments are those of `error`."""
        self._add(place, message, kind or message, "warning")

    def stop(self, place: Place, message: str) -> NoReturn:
        """Complain of something after which the rest of the file can't be read.

        Raises:
            StopReading: always.
        """
        self.error(place, message)
        raise StopReading

    def _add(
        self, place: Place, message: str, kind: str, severity: Literal["error", "warning"]
    ) -> None:
        complaint = (place, kind)
        if complaint in self._problems:
            self._repeats[complaint] = self._repeats.get(complaint, 0) + 1
            return
        self._files.setdefault(place.file, len(self._files))
        if len(self._problems) == MAX_PROBLEMS:
            message = f"too many problems: checking stopped here, after {MAX_PROBLEMS:,}"
            self._problems[complaint] = Problem(*place, message)
        if len(self._problems) > MAX_PROBLEMS:
            raise StopReading
        self._problems[complaint] = Problem(*place, redact(message), severity)

    @property
    def has_errors(self) -> bool:
        """Whether something must be mended."""
        return any(problem.severity == "error" for problem in self._problems.values())

    def problems(self) -> tuple[Problem, ...]:
        """Return all problems, the manifest's first, then file by file, by line and column."""
        found = [self._counted(complaint) for complaint in self._problems]
        found.sort(key=lambda problem: (self._files[problem.file], problem.line, problem.column))
        return tuple(found)

    def _counted(self, complaint: tuple[Place, str]) -> Problem:
        problem = self._problems[complaint]
        repeats = self._repeats.get(complaint, 0)
        if not repeats:
            return problem
        message = f"{problem.message} (and {repeats:,} more like this)"
        return Problem(*complaint[0], message, problem.severity)
