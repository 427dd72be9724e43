"""Output that may go away, and that shows no secret: no end of a pipe or a disk ends a run."""

from __future__ import annotations

import codecs
import errno
import io
import os
import sys
from typing import TYPE_CHECKING, Any, TextIO

from batch_onboard.cli.characters import readable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from batch_onboard.core.redaction import Secrets


class Lasting:
    """A text stream that goes on in silence once it can't be written any more.

    Args:
        stream: where the text goes.
        clean: what is done to each text before.

    Attributes:
        failure: why it can't be, once it can't.
        shown_in: the encoding of whoever reads along.
    """

    def __init__(self, stream: TextIO, clean: Callable[[str], str] | None = None) -> None:
        self.failure: OSError | None = None
        self.shown_in = _prepare(stream)
        self._stream = stream
        self._clean = clean

    def write(self, text: str) -> int:
        """Write, or drop what can't be written."""
        if self.failure is None:
            try:
                cleaned = text if self._clean is None else self._clean(text)
                self._stream.write(readable(cleaned, self.shown_in))
            except OSError as error:
                self.failure = error
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write lines, until one can't be written."""
        for line in lines:
            if self.failure is not None:
                return
            self.write(line)

    def flush(self) -> None:
        """Flush, or drop what can't be flushed."""
        if self.failure is None:
            try:
                self._stream.flush()
            except OSError as error:
                self.failure = error

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def make_streams_last(secrets: Secrets) -> tuple[Lasting, Lasting]:
    """Put lasting streams in the place of stdout and stderr, and return them.

    Whatever is said on stderr, by a log, a library or a traceback, goes past `secrets`. What
    stdout is given is data, and was cleaned where it came in.

    What goes to a file or a pipe is UTF-8 whatever the locale says, so that a report is the same
    under cron; a terminal keeps its encoding, and shows what that lacks as plainer characters or
    escapes.
    """
    _open_missing()
    out, err = Lasting(sys.stdout), Lasting(sys.stderr, secrets.redact)
    sys.stdout, sys.stderr = out, err
    return out, err


def _prepare(stream: TextIO) -> str:
    """Make a stream write whatever it is given, and return the encoding in which that is shown.

    An ASCII terminal is given ASCII alone, by a stream that says UTF-8: click would take one that
    says ASCII for a mistake, and write past all that is done here.
    """
    shown_in = stream.encoding if stream.isatty() else "utf-8"
    if isinstance(stream, io.TextIOWrapper):
        is_ascii = codecs.lookup(shown_in).name == "ascii"
        encoding = "utf-8" if is_ascii else shown_in
        stream.reconfigure(encoding=encoding, errors="backslashreplace")
    return shown_in


def _open_missing() -> None:
    """Give what was closed before we began to nobody, lest a file of ours takes its number."""
    for number, mode in ((0, "r"), (1, "w"), (2, "w")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
        name = ("stdin", "stdout", "stderr")[number]
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, mode, encoding="utf-8"))


def explain_loss(out: Lasting) -> str | None:
    """Flush a stream for the last time, and say what was lost; None if nothing, or nobody reads."""
    out.flush()
    lost = out.failure
    if lost is None or lost.errno == errno.EPIPE:
        return None
    return f"stdout can't be written: {lost.strerror}"
