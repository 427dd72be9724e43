"""Manifests for tests, written to files as a user would."""

from pathlib import Path
from textwrap import dedent

from batch_onboard.core.targets import Target
from batch_onboard.manifest.load import load_manifest
from batch_onboard.manifest.problems import ManifestError

HEAD = 'version: 1\ndefaults: {account_id: "111122223333", region: us-west-2, encryption: {enabled: false}}\n'


def write(folder: Path, text: str, name: str = "manifest.yaml") -> Path:
    """Write a file and return its path."""
    path = folder / name
    path.write_text(dedent(text))
    return path


def targets(folder: Path, text: str, *, allow_profiles: bool = False) -> tuple[Target, ...]:
    """Return the targets of a manifest that is all right."""
    return load_manifest(write(folder, text), allow_profiles=allow_profiles).targets


def problems(path: Path) -> list[str]:
    """Return what is said about a manifest that can't be used, without its folder."""
    try:
        load_manifest(path)
    except ManifestError as error:
        return [line.replace(f"{path.parent}/", "") for line in str(error).splitlines()]
    raise AssertionError("nothing was said")
