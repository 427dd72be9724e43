"""A file of defaults alone, for manifests that are yet to be written."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from batch_onboard.manifest.agreement import check_agreement
from batch_onboard.manifest.checking import check
from batch_onboard.manifest.compose import compose
from batch_onboard.manifest.files import UnusableFileError, read_regular
from batch_onboard.manifest.models import Settings
from batch_onboard.manifest.nodes import MappingNode
from batch_onboard.manifest.problems import Complaints, ManifestError, Place, StopReading
from batch_onboard.manifest.text import decode
from batch_onboard.manifest.wording import described

if TYPE_CHECKING:
    from pathlib import Path

_MAX_BYTES = 1 << 20


def load_defaults(path: Path, *, allow_profiles: bool = False) -> dict[str, Any]:
    """Return what a file sets for all instances, as it stands there.

    Args:
        path: a YAML file whose keys are those of a manifest's `defaults`, but for `account_id`.
        allow_profiles: it may name a profile of the AWS configuration.

    Raises:
        ManifestError: it can't be used.
    """
    complaints = Complaints(str(path))
    with suppress(StopReading):  # the complaint is made
        node = _read(path, complaints)
        check_agreement(
            check(Settings, node, complaints), complaints, allow_profiles=allow_profiles
        )
        if not complaints.has_errors:
            return _plain(node)
    raise ManifestError(complaints.problems())


def _read(path: Path, complaints: Complaints) -> MappingNode:
    place = Place(str(path), 1, 1)
    try:
        data = read_regular(path, max_bytes=_MAX_BYTES).data
    except UnusableFileError as error:
        complaints.stop(place, "unusable-file", f"the defaults can't be used: {error}")
    node = compose(decode(data, str(path), complaints), str(path), complaints)
    if not isinstance(node, MappingNode):
        message = f"defaults are a mapping of keys; this is {described(node)}"
        complaints.stop(place, "wrong-value", message)
    return node


def _plain(node: MappingNode) -> dict[str, Any]:
    return {
        key: _plain(value) if isinstance(value, MappingNode) else value
        for key, value in node.items()
    }
