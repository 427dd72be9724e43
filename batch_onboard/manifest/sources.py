"""The files that a manifest names for further instances, kept inside of its own folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from batch_onboard.manifest.files import UnusableFileError
from batch_onboard.manifest.jsonl import read_jsonl
from batch_onboard.manifest.problems import StopReading
from batch_onboard.manifest.table import read_csv
from batch_onboard.manifest.text import decode
from batch_onboard.manifest.wording import described, quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from batch_onboard.manifest.folder import Address, Folder, Found
    from batch_onboard.manifest.nodes import SequenceNode
    from batch_onboard.manifest.problems import Complaints
    from batch_onboard.manifest.shapes import Written

MAX_SOURCE_BYTES = 256 << 20
"""The size of one source: about two million instances."""

_READERS = {".csv": read_csv, ".jsonl": read_jsonl}


@dataclass(frozen=True, slots=True)
class Source:
    """A file of further instances.

    Attributes:
        path: where it is, as far as the user gave it: the manifest's folder and the source's name.
        digest: the SHA-256 of its bytes, in hex.
    """

    path: Address
    digest: str


class SourceReader:
    """Reads the sources of one manifest.

    Attributes:
        sources: those that were read.
    """

    def __init__(self, folder: Folder, complaints: Complaints) -> None:
        self.sources: list[Source] = []
        self._folder = folder
        self._complaints = complaints
        self._seen: dict[Address, str] = {
            folder.manifest.real: "it is the manifest itself; name another file"
        }

    def read(self, names: SequenceNode) -> Iterator[Written]:
        """Yield the instances of all sources, complaining of those that can't be used."""
        for index, name in enumerate(names):
            place = names.item_place(index)
            if not isinstance(name, str):
                message = f"a source is {described(name)}, but must be the path of a file"
                self._complaints.error(place, "wrong-value", message, subject="sources")
                continue
            try:
                yield from self._instances(name)
            except UnusableFileError as error:
                message = f"the source {quoted(name)} can't be used: {error}"
                self._complaints.error(place, "unusable-file", message)
            except StopReading:
                continue  # complained of; the other sources may have problems too

    def _instances(self, name: str) -> Iterator[Written]:
        read = _READERS.get(PurePosixPath(name).suffix.lower())
        if read is None:
            raise UnusableFileError("its name must end in .csv or .jsonl")
        found = self._find(name)
        yield from read(self._text(found), str(found.shown), self._complaints)

    def _text(self, found: Found) -> str:
        content = found.read(MAX_SOURCE_BYTES)
        self.sources.append(Source(found.shown, content.digest))
        return decode(content.data, str(found.shown), self._complaints)

    def _find(self, name: str) -> Found:
        """Return a source that was not named before.

        Raises:
            UnusableFileError: it was, or is outside of the manifest's folder.
        """
        found = self._folder.find(name)
        if found.real in self._seen:
            raise UnusableFileError(self._seen[found.real])
        self._seen[found.real] = "it is named twice; keep one of them"
        return found
