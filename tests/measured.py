"""What of the tests is measured by coverage, which doubles the time of all that it watches.

A test that is marked `no_cover` is not, nor are the processes that it starts: it repeats what others run
through line by line. A server that a test speaks to has tests of its own.
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

# By these a process that Python begins learns that it is to be measured (coverage's patch `subprocess`).
VARIABLES = ("COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG")


@contextmanager
def unmeasured_processes() -> Iterator[None]:
    """Leave processes that are started within the block unmeasured."""
    kept = {name: os.environ.pop(name) for name in VARIABLES if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(kept)


def begin_measuring() -> None:
    """Measure this process from now on, if its variables say so."""
    if any(name in os.environ for name in VARIABLES):
        from coverage import process_startup  # noqa: PLC0415 - most processes have begun with it

        process_startup()


def stop_measuring_thread() -> None:
    """Leave what this thread does from now on unmeasured."""
    sys.settrace(None)
