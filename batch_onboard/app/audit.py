"""Who runs what: the line with which a run begins in the ledger."""

from __future__ import annotations

import os
import pwd
import socket
from typing import TYPE_CHECKING

from batch_onboard.app.clock import now_utc
from batch_onboard.ledger.lines import RunLine
from batch_onboard.versions import versions

if TYPE_CHECKING:
    from batch_onboard.app.settings import Settings
    from batch_onboard.manifest.load import Manifest


def run_line(run_id: str, manifest: Manifest, settings: Settings, caller: str | None) -> RunLine:
    """Return who runs what, from where, with which versions.

    Args:
        run_id: the run's id.
        manifest: what it is about.
        settings: what the operator asked for.
        caller: the ARN of the caller's own identity, where it is known.
    """
    found = versions()
    redact = settings.secrets.redact
    sources = {str(source.path): source.digest for source in manifest.sources}
    return RunLine(
        at=now_utc(),
        run=run_id,
        tool=found["batch-onboard"],
        python=found["Python"],
        botocore=found["botocore"],
        host=socket.gethostname(),
        pid=os.getpid(),
        user=_user(),
        arguments=tuple(redact(word) for word in settings.arguments),
        manifest=str(manifest.path),
        digests={str(manifest.path): manifest.digest, **sources},
        caller=caller,
        change_ref=None if settings.change_ref is None else redact(settings.change_ref),
        plan=None if settings.approved is None else settings.approved.digest,
        simulated=settings.scenario is not None,
        shard=settings.shard,
    )


def _user() -> str:
    """Return who runs this, by the system's user database: the environment can say anything."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())
