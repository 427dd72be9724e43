"""How what nobody expected is told: a bug of the tool, or a machine that has run short.

A bug gets one line for people, and a traceback for those who mend it. Where events are logged, the
traceback is a field of the last one, since a container's files are gone when somebody looks.
Elsewhere it goes to a file that only its owner may read.
"""

from __future__ import annotations

import errno
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from batch_onboard.cli.invocation import Invocation
    from batch_onboard.cli.talk import Talk


def tell_crash(error: Exception, invocation: Invocation) -> None:
    """Tell of an exception that nobody expected, without any secret."""
    redact = invocation.secrets.redact
    talk = invocation.talk
    first = _first(error)
    if (scarcity := _scarcity(first)) is not None:
        _tell_scarcity(scarcity, talk)
        return
    what = redact(" ".join(f"{type(first).__name__}: {first}".split()))
    if talk is not None and talk.events:
        talk.fail("crashed", f"unexpected error: {what}; please report it", traceback=_trace(error))
        return
    kept = _keep(redact(_trace(error)))
    also = "" if kept is None else f", with {kept}"
    print(f"unexpected error: {what}; please report it{also}", file=sys.stderr)  # noqa: T201


def _scarcity(error: Exception) -> str | None:
    """Say what the machine has run out of, which is no bug; None if that is not the cause."""
    if isinstance(error, MemoryError):
        return "out of memory: what was saved is safe; run again with more, or with fewer targets"
    if isinstance(error, OSError) and error.errno in {errno.EMFILE, errno.ENFILE}:
        return "too many files are open: raise the limit (ulimit -n), then run again"
    return None


def _tell_scarcity(sentence: str, talk: Talk | None) -> None:
    if talk is None:
        print(sentence, file=sys.stderr)  # noqa: T201
    else:
        talk.fail("out_of_resources", sentence)


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
