"""The files that a manifest names for further instances, kept inside of its own folder."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from batch_onboard.manifest.files import UnusableFileError, read_regular
from batch_onboard.manifest.jsonl import read_jsonl
from batch_onboard.manifest.problems import StopReading
from batch_onboard.manifest.table import read_csv
from batch_onboard.manifest.text import decode
from batch_onboard.manifest.wording import described, quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from batch_onboard.manifest.nodes import SequenceNode
    from batch_onboard.manifest.problems import Complaints, Place

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

    path: Path
    digest: str


class SourceReader:
    """Reads the sources of one manifest.

    Attributes:
        sources: those that were read.
    """

    def __init__(self, manifest: Path, complaints: Complaints) -> None:
        self.sources: list[Source] = []
        self._folder = manifest.parent
        self._complaints = complaints
        self._seen: dict[Path, str] = {}
        with suppress(OSError):  # the folder that we are in may be gone, and then so is the file
            itself = Path(os.path.realpath(manifest))
            self._seen[itself] = "it is the manifest itself; name another file"

    def read(self, names: SequenceNode) -> Iterator[tuple[object, Place]]:
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

    def _instances(self, name: str) -> Iterator[tuple[object, Place]]:
        path = self._folder / name
        read = _READERS.get(path.suffix.lower())
        if read is None:
            raise UnusableFileError("its name must end in .csv or .jsonl")
        # The real path holds no symbolic link, so none may be followed any more.
        content = read_regular(self._inside(name), max_bytes=MAX_SOURCE_BYTES, follow=False)
        self.sources.append(Source(path, content.digest))
        text = decode(content.data, str(path), self._complaints)
        yield from read(text, str(path), self._complaints)

    def _inside(self, name: str) -> Path:
        """Return the real path of a source.

        Links inside of the folder are followed: Kubernetes mounts each file of a ConfigMap as one.

        Raises:
            UnusableFileError: it is outside of the manifest's folder, or was named before.
        """
        if "\0" in name:
            raise UnusableFileError("its name holds a NUL character; remove it")
        if Path(name).is_absolute():
            raise UnusableFileError("name it relative to the manifest's folder")
        real = Path(os.path.realpath(self._folder / name))
        if not real.is_relative_to(os.path.realpath(self._folder)):
            raise UnusableFileError("it is outside of the manifest's folder; move it there")
        if real in self._seen:
            raise UnusableFileError(self._seen[real])
        self._seen[real] = "it is named twice; keep one of them"
        return real
