"""Manifests wherever they are: in a file, or in S3 with their sources."""

from __future__ import annotations

import hashlib
import posixpath
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from batch_onboard.app.s3 import reached, told_as_os_error
from batch_onboard.core.redaction import Secrets
from batch_onboard.core.s3place import SCHEME, S3Place
from batch_onboard.ledger.row import Timing, patiently
from batch_onboard.manifest.files import Content, UnusableFileError
from batch_onboard.manifest.folder import Found
from batch_onboard.manifest.garbage import kept_to_the_end
from batch_onboard.manifest.load import load_from, load_manifest

if TYPE_CHECKING:
    from batch_onboard.app.ledgers import Place
    from batch_onboard.manifest.load import Manifest
    from batch_onboard.service.objects import Objects


def load_any_manifest(
    place: Place, *, allow_profiles: bool = False, secrets: Secrets | None = None
) -> Manifest:
    """Read and check a manifest and its sources, as `load_manifest` does, for a command's time.

    Args:
        place: where it is.
        allow_profiles: it may name profiles of the AWS configuration.
        secrets: is told of the credentials that reach it, where it is in S3.

    Raises:
        ManifestError: it can't be used.
    """
    with kept_to_the_end():
        if isinstance(place, Path):
            return load_manifest(place, allow_profiles=allow_profiles)
        with reached(secrets or Secrets(), "manifest") as objects:
            return load_from(S3Folder(place, objects), allow_profiles=allow_profiles)


class S3Folder:
    """What is beneath the prefix of a manifest in S3; conforms to `manifest.folder.Folder`.

    Each object is asked for once: what is checked is what has the digest.

    Args:
        place: the manifest's.
        objects: reach S3.
    """

    def __init__(self, place: S3Place, objects: Objects) -> None:
        self._place = place
        self._objects = objects

    @property
    def manifest(self) -> Found:
        """The manifest."""
        return self._found(self._place)

    def find(self, name: str) -> Found:
        """Return a source: the object that a copy of the manifest's folder has there.

        Raises:
            UnusableFileError: it is not beneath the manifest's prefix.
        """
        if name.startswith((SCHEME, "/")):
            raise UnusableFileError("name it relative to the manifest's folder")
        plain = posixpath.normpath(name)
        if plain.startswith("../"):
            raise UnusableFileError("it is outside of the manifest's folder; move it there")
        try:
            return self._found(S3Place.parse(str(self._place.with_name(plain))))
        except ValueError as error:
            raise UnusableFileError(str(error)) from error

    def _found(self, place: S3Place) -> Found:
        return Found(place, place, partial(self._read, place))

    def _read(self, place: S3Place, max_bytes: int) -> Content:
        if place.is_folder:
            raise UnusableFileError("it is a folder; name a manifest in it")
        timing = Timing()
        try:
            data = patiently(partial(self._get, place, max_bytes), timing, timing.first_patience)
        except OSError as error:
            raise UnusableFileError(str(error)) from error
        if data is None:
            raise UnusableFileError("there is no such object; check bucket and key")
        return Content(data, hashlib.sha256(data).hexdigest())

    def _get(self, place: S3Place, max_bytes: int) -> bytes | None:
        with told_as_os_error():
            return self._objects.get_all([place], max_bytes)[0]
