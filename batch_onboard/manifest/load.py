"""A manifest, from its file to validated targets: one pass that finds every problem."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from batch_onboard.manifest.build import TargetBuilder
from batch_onboard.manifest.document import read_base, read_head
from batch_onboard.manifest.files import UnusableFileError
from batch_onboard.manifest.folder import DiskFolder
from batch_onboard.manifest.garbage import paused_collector
from batch_onboard.manifest.nodes import SequenceNode
from batch_onboard.manifest.problems import Complaints, ManifestError, Place, StopReading
from batch_onboard.manifest.sources import SourceReader
from batch_onboard.manifest.text import decode

if TYPE_CHECKING:
    from pathlib import Path

    from batch_onboard.core.targets import Target
    from batch_onboard.manifest.checking import Checked
    from batch_onboard.manifest.folder import Address, Folder
    from batch_onboard.manifest.layers import Base
    from batch_onboard.manifest.models import Head
    from batch_onboard.manifest.nodes import MappingNode
    from batch_onboard.manifest.problems import Problem
    from batch_onboard.manifest.runs import Runs
    from batch_onboard.manifest.sources import Source

MAX_MANIFEST_BYTES = 64 << 20
"""The size of a manifest: about half a million instances. More belong into sources."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What is to be onboarded, checked.

    Attributes:
        name: its name, or else the file's without its ending.
        path: the file, as the user named it, or its place in S3.
        targets: what is to be onboarded, in the order of the manifest and then of its sources.
        digest: the SHA-256 of the file's bytes, in hex.
        sources: the files of further instances.
        warnings: what may be a mistake.
    """

    name: str
    path: Address
    targets: tuple[Target, ...]
    digest: str
    sources: tuple[Source, ...]
    warnings: tuple[Problem, ...]


def load_manifest(path: Path, *, allow_profiles: bool = False) -> Manifest:
    """Read and check a manifest and its sources, without the network.

    Args:
        path: the manifest's file.
        allow_profiles: it may name profiles of the AWS configuration, which can run programs.

    Raises:
        ManifestError: it can't be used, for whatever is in the file, or because there is none.
    """
    return load_from(DiskFolder(path), allow_profiles=allow_profiles)


def load_from(folder: Folder, *, allow_profiles: bool = False) -> Manifest:
    """Read and check a manifest and its sources, wherever they are.

    Args:
        folder: where.
        allow_profiles: it may name profiles of the AWS configuration, which can run programs.

    Raises:
        ManifestError: it can't be used, for whatever is in it, or because there is none.
    """
    loading = _Loading(folder, allow_profiles=allow_profiles)
    with suppress(StopReading), paused_collector():  # the complaint is made
        return loading.load()
    raise ManifestError(loading.complaints.problems())


class _Loading:
    """One pass over a manifest and its sources.

    Attributes:
        complaints: what is wrong so far.
    """

    def __init__(self, folder: Folder, *, allow_profiles: bool) -> None:
        self._folder = folder
        self._manifest = folder.manifest
        self._file = str(self._manifest.shown)
        self._allow_profiles = allow_profiles
        self.complaints = Complaints(self._file)

    def load(self) -> Manifest:
        """Return the manifest.

        Raises:
            StopReading: it can't be used.
        """
        text, digest = self._read()
        head, runs = read_head(text, self._file, self.complaints)
        base = read_base(head.node, self.complaints, allow_profiles=self._allow_profiles)
        builder = TargetBuilder(base, self.complaints, allow_profiles=self._allow_profiles)
        sources = SourceReader(self._folder, self.complaints)
        self._add_instances(head.node, runs, builder, sources)
        self._check_whole(head, base, builder)
        if self.complaints.has_errors:
            raise StopReading
        return Manifest(
            name=head.settings.name or self._manifest.shown.stem,
            path=self._manifest.shown,
            targets=tuple(builder.targets),
            digest=digest,
            sources=tuple(sources.sources),
            warnings=self.complaints.problems(),
        )

    def _read(self) -> tuple[str, str]:
        """Return the manifest's text and digest; its bytes are let go."""
        try:
            content = self._manifest.read(MAX_MANIFEST_BYTES)
        except UnusableFileError as error:
            message = f"the manifest can't be used: {error}"
            self.complaints.stop(Place(self._file, 1, 1), "unusable-file", message)
        return decode(content.data, self._file, self.complaints), content.digest

    def _add_instances(
        self, root: MappingNode, runs: Runs, builder: TargetBuilder, sources: SourceReader
    ) -> None:
        instances, names = root.get("instances"), root.get("sources")
        if isinstance(instances, SequenceNode):
            builder.add_all(runs.added_to(instances))
        if isinstance(names, SequenceNode):
            builder.add_all(sources.read(names))

    def _check_whole(self, head: Checked[Head], base: Base, builder: TargetBuilder) -> None:
        """Complain of what shows only when everything was read."""
        root = head.node
        builder.warn_of_regions()
        if self.complaints.has_errors:
            return
        if not builder.instances:
            place = root.value_place("instances") if "instances" in root else root.place
            hint = "list them under instances, or in files named under sources"
            self.complaints.error(place, "no-instances", "no instances", hint)
        for account_id in base.accounts.keys() - builder.accounts():
            message = f"no instance is of account {account_id}"
            place, hint = root["accounts"].key_place(account_id), "check it, or remove its settings"
            self.complaints.warning(place, "unused-account", message, hint)
