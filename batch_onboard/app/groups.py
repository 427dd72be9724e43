"""What several tasks have raised at once, and which of it is told."""

from __future__ import annotations


def first_of(kind: type[Exception], group: ExceptionGroup) -> Exception:
    """Return the exception of a kind that workers have raised, or the group if there is none."""
    found: Exception = group.subgroup(kind) or group
    while found is not group and isinstance(found, ExceptionGroup):
        found = found.exceptions[0]
    return found
