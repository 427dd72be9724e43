"""The one folder that a manifest and its sources are in. Nothing outside of it is read."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeAlias

from batch_onboard.core.s3place import SCHEME, S3Place
from batch_onboard.manifest.files import UnusableFileError, read_regular

if TYPE_CHECKING:
    from collections.abc import Callable

    from batch_onboard.manifest.files import Content

Address: TypeAlias = Path | S3Place
"""Where a manifest or a source is."""


@dataclass(frozen=True, slots=True)
class Found:
    """A file of the folder, or what stands for one.

    Attributes:
        shown: where it is, as far as the user gave it; complaints name it so.
        real: where it is, the same however it was named.
        read: returns its bytes, given how many they may be; raises `UnusableFileError`.
    """

    shown: Address
    real: Address
    read: Callable[[int], Content]


class Folder(Protocol):
    """Where a manifest and its sources are."""

    @property
    def manifest(self) -> Found:
        """The manifest."""
        ...

    def find(self, name: str) -> Found:
        """Return the source of a name.

        Raises:
            UnusableFileError: it would be outside of the folder.
        """
        ...


class DiskFolder:
    """The folder of a manifest's file.

    Args:
        path: the manifest, as the user named it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def manifest(self) -> Found:
        """The manifest. It may itself be a link."""
        try:
            real = Path(os.path.realpath(self._path))
        except (OSError, ValueError):  # reading it tells why: the folder that we are in is gone ...
            real = self._path
        return Found(self._path, real, partial(_read, self._path))

    def find(self, name: str) -> Found:
        """Return a source.

        Links inside of the folder are followed: Kubernetes mounts each file of a ConfigMap as one.

        Raises:
            UnusableFileError: it is outside of the manifest's folder.
        """
        if "\0" in name:
            raise UnusableFileError("its name holds a NUL character; remove it")
        if Path(name).is_absolute() or name.startswith(SCHEME):
            raise UnusableFileError("name it relative to the manifest's folder")
        shown = self._path.parent / name
        real = Path(os.path.realpath(shown))
        if not real.is_relative_to(os.path.realpath(self._path.parent)):
            raise UnusableFileError("it is outside of the manifest's folder; move it there")
        # The real path holds no symbolic link, so none may be followed any more.
        return Found(shown, real, partial(_read, real, follow=False))


def _read(path: Path, max_bytes: int, *, follow: bool = True) -> Content:
    return read_regular(path, max_bytes=max_bytes, follow=follow)
