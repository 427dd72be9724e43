"""What stands in a manifest for what its writer could not know: a person has to fill it in."""

from __future__ import annotations

PLACEHOLDER = "FILL-IN"
"""The value of a key that `discover` could not fill in. No setting may have it."""
