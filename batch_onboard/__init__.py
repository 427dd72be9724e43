"""Onboard many Amazon Connect instances to outbound campaigns: paced, resumable, safe.

The names of `batch_onboard.library` can be had from here; they are imported when one is first used,
so that the command line, which needs few of them, starts at once.
"""

from __future__ import annotations

TYPE_CHECKING = False  # as type checkers read it; typing takes longer to import than all before it
if TYPE_CHECKING:
    from batch_onboard.library import *  # noqa: F403 - each name of its __all__
else:

    def __getattr__(name: str) -> object:
        from importlib import import_module  # noqa: PLC0415 - when a name is asked for

        library = None if name.startswith("_") else import_module(f"{__name__}.library")
        if library is None or name not in library.__all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(library, name)
