"""Where the ledgers of a batch's shards are, how many there are, and what they know together."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from batch_onboard.app.clock import now_utc
from batch_onboard.app.histories import keep_apart
from batch_onboard.app.ledgers import find_history
from batch_onboard.app.s3segments import folders_in
from batch_onboard.app.several import SUFFIX
from batch_onboard.core.s3place import S3Place
from batch_onboard.core.shard import Shard
from batch_onboard.ledger.combine import Part as Known
from batch_onboard.ledger.combine import check_alike, check_disjoint, combine
from batch_onboard.ledger.errors import LedgerUnusableError
from batch_onboard.ledger.whole import new_header
from batch_onboard.versions import tool_version

if TYPE_CHECKING:
    from batch_onboard.app.ledgers import Place
    from batch_onboard.ledger.history import History

_SHARD = re.compile(r"\.shard-(\d+)-of-(\d+)", re.ASCII)
_PRIVATE = 0o700


@dataclass(frozen=True, slots=True)
class Home:
    """The folder of a batch's ledgers, which have the names that `--shard-index` gives them.

    Attributes:
        folder: where they are.
        stem: what their names begin with.
        count: how many shards there are.
        created: there was no ledger yet when it was looked at.
    """

    folder: Place
    stem: str
    count: int
    created: bool

    @property
    def shards(self) -> tuple[Shard, ...]:
        """All shards."""
        return tuple(Shard(index, self.count) for index in range(self.count))

    def ledger(self, shard: Shard) -> Place:
        """Return where the ledger of a shard is."""
        return self.folder / f"{self.stem}.{shard.name}{SUFFIX}"

    def make(self) -> None:
        """Make the folder, where there is none yet.

        Raises:
            LedgerUnusableError: it can't be made.
        """
        if isinstance(self.folder, Path):
            try:
                self.folder.mkdir(mode=_PRIVATE, exist_ok=True)
            except OSError as error:
                raise LedgerUnusableError(
                    f"{self.folder} can't be made a folder for ledgers: {error.strerror}"
                ) from error

    def read(self, manifest_name: str, *, simulate: bool) -> History:
        """Return what the ledgers know together. Changes and locks nothing.

        Raises:
            LedgerError: one of them can't be read, or they are not of one batch.
        """
        parts = []
        for shard in self.shards:
            place = self.ledger(shard)
            history = find_history(place)
            if history is not None:
                keep_apart(history, place, simulate=simulate, shard=shard)
                parts.append(Known(str(place), history))
        new = new_header(manifest_name, tool_version(), now_utc())
        if parts:
            check_alike(parts)
            check_disjoint(parts)
        return combine(parts, parts[0].history.header if parts else new)


def find_home(manifest: Place, given: Place | None, *, simulate: bool, count: Counts) -> Home:
    """Find the ledgers of a manifest's shards, or say where they will be.

    Args:
        manifest: where the manifest is.
        given: the folder that `--ledger` names; None: one beside the manifest.
        simulate: whether they are a rehearsal's.
        count: how many shards are asked for, and how many it is where nobody asks.

    Raises:
        LedgerUnusableError: they can't be used: a ledger of the whole batch is there, they are of
            several numbers of shards, or of another than is asked for.
    """
    kind = ".simulated" if simulate else ""
    stem = f"{manifest.stem}{kind}"
    folder = _folder(given, manifest, f"{stem}.ledgers")
    names = _names(folder)
    _refuse_whole(folder, manifest.with_name(f"{stem}{SUFFIX}"), names)
    if given is None and isinstance(manifest, Path):
        _refuse_beside(manifest.parent.absolute(), stem)
    there = _counts(names, stem)
    asked, otherwise = count
    if len(there) > 1:
        raise LedgerUnusableError(
            f"{folder} has ledgers of {' and of '.join(map(str, sorted(there)))} shards: make one "
            "of all with batch-onboard ledger merge, or name another folder with --ledger"
        )
    found = next(iter(there), None)
    if found is not None and asked not in {None, found}:
        raise LedgerUnusableError(
            f"{folder} has ledgers of {found} shards, not of {asked}: leave --shard-count out, or "
            "make one ledger of all with batch-onboard ledger merge"
        )
    return Home(folder, stem, found or asked or otherwise, created=found is None)


Counts: TypeAlias = tuple[int | None, int]
"""How many shards are asked for, and how many it is where nobody asks."""


def _folder(given: Place | None, manifest: Place, name: str) -> Place:
    if given is None:
        if isinstance(manifest, S3Place):
            return manifest.with_name(f"{name}/")
        return manifest.with_name(name).absolute()
    if isinstance(given, S3Place):
        if not given.is_folder:
            raise LedgerUnusableError(
                f"{given} can't be used: with --engine dask each shard has a ledger of its own, "
                "so name a folder, with / at its end"
            )
        return given
    if given.exists() and not given.is_dir():
        raise LedgerUnusableError(
            f"{given} is a file: with --engine dask each shard has a ledger of its own, so name "
            "a folder with --ledger"
        )
    return given.absolute()


def _names(folder: Place) -> list[str]:
    if isinstance(folder, S3Place):
        return folders_in(folder)
    return [path.name for path in folder.glob(f"*{SUFFIX}")]


def _counts(names: list[str], stem: str) -> set[int]:
    return {
        int(match[2])
        for name in names
        if name.startswith(stem) and name.endswith(SUFFIX)
        if (match := _SHARD.fullmatch(name[len(stem) : -len(SUFFIX)]))
    }


def _refuse_whole(folder: Place, beside: Place, names: list[str]) -> None:
    """Refuse to begin anew beside what knows what was started: nobody would look into it.

    Args:
        folder: where the shards' ledgers are.
        beside: where the ledger of the whole batch is by default.
        names: of ledgers in that folder.
    """
    place = folder / beside.name if beside.name in names else None
    if place is None and isinstance(beside, Path) and beside.exists():
        place = beside
    if place is not None:
        raise LedgerUnusableError(
            f"{place} is of the whole batch, and shards would not know of it: go on without "
            "--engine, or move it away if nothing of it may still be under way"
        )


def _refuse_beside(beside: Path, stem: str) -> None:
    if _counts(_names(beside), stem):
        raise LedgerUnusableError(
            f"{beside} has ledgers of shards: go on with them by --ledger {beside}"
        )
