"""The file of `--metrics-file`: written at the start, renewed while the run lasts, and at its end.

Metrics are for those who watch, and no run ends because of them: a file that can't be written is
warned of, once for each cause, and tried again at the next turn.
"""

from __future__ import annotations

import os
import secrets
import stat
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import PurePath
from typing import TYPE_CHECKING

from batch_onboard.core.calls import Operation

if TYPE_CHECKING:
    from pathlib import Path

    from batch_onboard.app.batch import Batch
    from batch_onboard.app.ledgers import Place
    from batch_onboard.cli.talk import Talk
    from batch_onboard.engine.limiters import Limiters
    from batch_onboard.exits import Exit
    from batch_onboard.fleet.fleet import Fleet
    from batch_onboard.report.metrics import Quota

_MODE = 0o644
"""node_exporter reads it as a user of its own, and no secret stands in it."""


class Metrics:
    """The metrics file of one run.

    Args:
        path: where it is; None if none is wanted.
        batch: what it tells of.
        talk: is told when it can't be written.
        simulated: whether the run is a rehearsal, which the batch's name then says.
    """

    def __init__(
        self, path: Path | None, batch: Batch | Fleet, talk: Talk, *, simulated: bool
    ) -> None:
        self._path = path
        self._batch = batch
        self._talk = talk
        name = batch.ledger.history.header.manifest
        name = name if batch.shard is None else f"{name} ({batch.shard})"
        self._name = f"{name} (simulated)" if simulated else name
        self._warned: str | None = None

    async def renew(self, every: float) -> None:
        """Write the file again and again, until cancelled.

        Args:
            every: seconds between two times.
        """
        import anyio

        while self._path is not None:
            await self._write(self._path, None)
            await anyio.sleep(every)

    async def end(self, exit_code: Exit) -> None:
        """Write the file for the last time."""
        if self._path is not None:
            await self._write(self._path, exit_code)

    async def _write(self, path: Path, exit_code: Exit | None) -> None:
        from anyio import to_thread

        text = self._text(exit_code)
        try:
            await to_thread.run_sync(replace_file, path, text)
        except OSError as error:
            if error.strerror != self._warned:
                sentence = f"the metrics file {path} can't be written: {error.strerror}"
                self._talk.warn("metrics", sentence)
            self._warned = error.strerror

    def _text(self, exit_code: Exit | None) -> bytes:
        from batch_onboard.report.metrics import (
            MOST_DOMAINS,
            Ending,
            Reading,
            last_ending,
            last_success,
            metrics_text,
        )

        batch = self._batch
        counted = batch.tally.statistics()
        history = batch.ledger.history
        last, success = last_ending(history), last_success(history)
        if exit_code is not None:
            last = Ending(datetime.now(UTC).timestamp(), exit_code)
            success = success if exit_code else last.at
        return metrics_text(
            Reading(
                batch=self._name,
                active=exit_code is None,
                states=counted.states,
                starts=counted.starts,
                calls=counted.calls,
                throttled=counted.throttled,
                domains=batch.lanes.limiters.domains,
                quotas=_quotas(batch.lanes.limiters, MOST_DOMAINS),
                last=last,
                success=success,
            )
        )


def _quotas(limiters: Limiters, most: int) -> list[Quota]:
    """Return what is known of the quotas of some domains, those that met throttles first."""
    known = limiters.statistics()
    ordered = list(dict.fromkeys(domain for domain, _ in known))
    return [
        (domain, operation, known[domain, operation])
        for domain in ordered[:most]
        for operation in Operation
        if (domain, operation) in known
    ]


def unfit_place(path: Path, ledger: Place, manifest: Place) -> str | None:
    """Say why no metrics file may ever be put at a place; None if it may."""
    for other, what in ((ledger, "ledger"), (manifest, "manifest")):
        if isinstance(other, PurePath) and path.resolve() == other.resolve():
            return f"{path} is the {what} itself: name another file"
    try:
        mode = path.lstat().st_mode
    except OSError:
        return None
    return None if stat.S_ISREG(mode) else f"{path} is not a regular file: name another one"


def replace_file(path: Path, content: bytes) -> None:
    """Put a file in its place at once, so that nobody reads half of it.

    The temporary file beside it is made anew, never opened: who else may write to that folder
    can't lead it elsewhere by a link.

    Raises:
        OSError: it can't be written; what stood there still does.
    """
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _MODE)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, _MODE)
            file.write(content)
        beside.replace(path)
    except OSError:
        with suppress(OSError):
            beside.unlink()
        raise
