"""What is wrong with a manifest, and where: the only way in which this room complains."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, NamedTuple, NoReturn

from batch_onboard.manifest.leaks import redact
from batch_onboard.manifest.marking import Marker

if TYPE_CHECKING:
    from collections.abc import Iterable

    from batch_onboard.manifest.marking import Form

MAX_PROBLEMS = 100_000
"""A manifest with more problems than this has one cause, and no program reads on either."""

Severity = Literal["error", "warning"]


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
        end: the column after what is wrong there.
        code: what kind of problem it is, for programs. It stays when messages change.
        subject: the key or word that it is about, where the kind has many.
        message: what is wrong.
        hint: how to mend it, where the message doesn't say it.
        severity: an "error" keeps the manifest from being used, a "warning" does not.
        repeats: how many more times the same place is wrong, as for many targets that share it.
        source: the line that it is in, where that may be shown.
    """

    file: str
    line: int
    column: int
    end: int
    code: str
    subject: str
    message: str
    hint: str = ""
    severity: Severity = "error"
    repeats: int = 0
    source: str | None = None

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.sentence()}"

    def sentence(self) -> str:
        """Return all but the place: how bad it is, what is wrong and how to mend it."""
        kind = "warning: " if self.severity == "warning" else ""
        hint = f"; {self.hint}" if self.hint else ""
        more = f" (and {self.repeats:,} more like this)" if self.repeats else ""
        return f"{kind}{self.message}{hint}{more}"


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

    Attributes:
        made: how many complaints were made, each repeat counted.
    """

    def __init__(self, file: str) -> None:
        self.made = 0
        self._problems: dict[tuple[Place, str, str], Problem] = {}
        self._repeats: dict[tuple[Place, str, str], int] = {}
        self._files = {file: 0}
        self._marker = Marker()

    def reads(self, file: str, text: str, form: Form) -> None:
        """Take note of a text that is about to be read, for showing the lines that are wrong."""
        self._marker.reads(file, text, form)

    def error(
        self, place: Place, code: str, message: str, hint: str = "", *, subject: str = ""
    ) -> None:
        """Complain of something that must be mended.

        Args:
            place: where it is. Complaints of one code and subject at one place are one.
            code: what kind of problem it is.
            message: what is wrong.
            hint: how to mend it.
            subject: the key or word that it is about; tells problems of one code apart.
        """
        self._add(place, Problem(*place, 0, code, subject, message, hint))

    def warning(
        self, place: Place, code: str, message: str, hint: str = "", *, subject: str = ""
    ) -> None:
        """Point at something that may be a mistake. The arguments are those of `error`."""
        self._add(place, Problem(*place, 0, code, subject, message, hint, "warning"))

    def stop(self, place: Place, code: str, message: str, hint: str = "") -> NoReturn:
        """Complain of something after which the rest of the file can't be read.

        Raises:
            StopReading: always.
        """
        self.error(place, code, message, hint)
        raise StopReading

    def _add(self, place: Place, problem: Problem) -> None:
        self.made += 1
        complaint = (place, problem.code, problem.subject)
        if complaint in self._problems:
            self._repeats[complaint] = self._repeats.get(complaint, 0) + 1
            return
        if len(self._problems) > MAX_PROBLEMS:
            raise StopReading
        self._files.setdefault(place.file, len(self._files))
        self._marker.complained_of(place.file)
        if len(self._problems) == MAX_PROBLEMS:
            message = f"too many problems: checking stopped here, after {MAX_PROBLEMS:,}"
            problem = Problem(*place, 0, "too-many-problems", "", message)
        self._problems[complaint] = replace(
            problem,
            subject=redact(problem.subject),
            message=redact(problem.message),
            hint=redact(problem.hint),
        )

    @property
    def has_errors(self) -> bool:
        """Whether something must be mended."""
        return any(problem.severity == "error" for problem in self._problems.values())

    def problems(self) -> tuple[Problem, ...]:
        """Return all problems, the manifest's first, then file by file, by line and column."""
        found = [
            replace(problem, repeats=self._repeats.get(complaint, 0))
            for complaint, problem in self._problems.items()
        ]
        found.sort(key=lambda problem: (self._files[problem.file], problem.line, problem.column))
        return self._marker.marked(found)
