"""Which targets of a manifest a run is about: `--include`, `--exclude` and `--wave`."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from batch_onboard.core.selectable import FACTS, KEYS, LABEL, OF_RECORDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from batch_onboard.core.record import Record
    from batch_onboard.core.targets import Target


class SelectionError(Exception):
    """A selector is not one, or selects nothing. `str()` says which, and how to mend it."""


@dataclass(frozen=True, slots=True)
class Selector:
    """One `KEY=GLOB`.

    Attributes:
        key: a name of `KEYS`, or `labels.` and a label's name.
        glob: what the value has to look like, in upper and lower case as it stands; a target
            without such a value has an empty one.
    """

    key: str
    glob: str

    @classmethod
    def parse(cls, text: str) -> Selector:
        """Make a selector of a text.

        Raises:
            SelectionError: it is none.
        """
        key, equals, glob = text.partition("=")
        if not equals:
            raise SelectionError(f"{text!r} is not of the form KEY=GLOB, as in region=eu-*")
        if key not in FACTS and not (key.startswith(LABEL) and len(key) > len(LABEL)):
            near = get_close_matches(key, [*FACTS, LABEL], 1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(KEYS)}"
            raise SelectionError(f"{text!r}: there is no key {key!r}; {hint}")
        return cls(key, glob)

    def matches(self, target: Target, record: Record) -> bool:
        """Say whether a target's value looks like the glob."""
        fact = FACTS.get(self.key)
        if fact is not None:
            value = fact(target, record)
        else:
            value = dict(target.labels).get(self.key.removeprefix(LABEL))
        return fnmatchcase(value or "", self.glob)

    def __str__(self) -> str:
        return f"{self.key}={self.glob}"


@dataclass(frozen=True, slots=True)
class Selection:
    """What a run is about.

    Attributes:
        include: of selectors with the same key one has to match, and so for each key.
        exclude: none may match.
    """

    include: tuple[Selector, ...] = ()
    exclude: tuple[Selector, ...] = ()

    def of(self, targets: Sequence[Target], record_of: Callable[[Target], Record]) -> list[Target]:
        """Return the targets that are selected, in their order.

        Args:
            targets: of the manifest.
            record_of: returns what is known of a target.

        Raises:
            SelectionError: nothing is selected, or an `include` matches no target at all.
        """
        if not (self.include or self.exclude):
            return list(targets)
        unused = set(self.include)
        for target in targets:
            record = record_of(target)
            unused -= {one for one in unused if one.matches(target, record)}
        if unused:
            unmet = _first(self.include, unused)
            raise SelectionError(
                f"--include {unmet} matches no target (upper and lower case count)"
            )
        chosen = self.among(targets, record_of)
        if not chosen:
            raise SelectionError("no target is selected: --include and --exclude leave nothing")
        return chosen

    def among(
        self, targets: Iterable[Target], record_of: Callable[[Target], Record]
    ) -> list[Target]:
        """Return the targets that are selected, in their order, though it may be none."""
        by_key: defaultdict[str, list[Selector]] = defaultdict(list)
        for selector in self.include:
            by_key[selector.key].append(selector)
        return [
            target
            for target in targets
            if self._selects(by_key.values(), target, record_of(target))
        ]

    @property
    def of_manifest(self) -> Selection:
        """What of it the manifest alone decides, whatever a ledger knows."""
        include, exclude = (
            tuple(one for one in each if one.key not in OF_RECORDS)
            for each in (self.include, self.exclude)
        )
        return Selection(include, exclude)

    def _selects(
        self, alternatives: Iterable[list[Selector]], target: Target, record: Record
    ) -> bool:
        return all(
            any(one.matches(target, record) for one in each) for each in alternatives
        ) and not any(one.matches(target, record) for one in self.exclude)


def _first(selectors: Iterable[Selector], among: set[Selector]) -> Selector:
    return next(one for one in selectors if one in among)
