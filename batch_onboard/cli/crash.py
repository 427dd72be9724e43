"""How a bug of the tool is told: one line for people, and a traceback for those who mend it.

Where events are logged, the traceback is a field of the last one, since a container's files are
gone when somebody looks. Elsewhere it goes to a file that only its owner may read.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from batch_onboard.cli.invocation import Invocation


def tell_crash(error: Exception, invocation: Invocation) -> None:
    """Tell of an exception that nobody expected, without any secret."""
    redact = invocation.secrets.redact
    first = _first(error)
    what = redact(" ".join(f"{type(first).__name__}: {first}".split()))
    talk = invocation.talk
    if talk is not None and talk.events:
        talk.fail("crashed", f"unexpected error: {what}; please report it", traceback=_trace(error))
        return
    kept = _keep(redact(_trace(error)))
    also = "" if kept is None else f", with {kept}"
    print(f"unexpected error: {what}; please report it{also}", file=sys.stderr)  # noqa: T201


def _first(error: Exception) -> Exception:
    """Return what lies in a group of exceptions, which says nothing by itself."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error


def _trace(error: Exception) -> str:
    import traceback

    return "".join(traceback.format_exception(error))


def _keep(trace: str) -> str | None:
    """Write a traceback to a new file of mode 0600, and return its name; None if that fails."""
    import tempfile

    try:
        descriptor, name = tempfile.mkstemp(prefix="batch-onboard-crash-", suffix=".txt")
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(trace)
    except OSError:
        return None
    return name
