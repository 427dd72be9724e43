"""The versions that a run depends on, read from the packages' metadata without importing them."""

from __future__ import annotations

import platform
from importlib.metadata import version


def tool_version() -> str:
    """Return the version of this package."""
    return version("batch-onboard")


def versions() -> dict[str, str]:
    """Return the versions of the tool, Python and botocore."""
    return {
        "batch-onboard": tool_version(),
        "Python": platform.python_version(),
        "botocore": version("botocore"),
    }
