"""The types of lines that a ledger is made of.

A line is drafted without a place; it gets its sequence number, durable mark and checksum when it
is written (`codec.Seal`). Fields that have their default value are left out of the file.
"""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - msgspec reads the annotations while running
from typing import ClassVar, Literal, cast

import msgspec

from batch_onboard.core.calls import Operation  # noqa: TC001 - msgspec reads the annotations
from batch_onboard.core.lifecycle import Event
from batch_onboard.core.shard import Shard  # noqa: TC001 - msgspec reads the annotations
from batch_onboard.core.targets import Api  # noqa: TC001 - msgspec reads the annotations

FORMAT = 2
"""The format of new ledgers, which is the newest that this version reads.

Format 2 has the lines `known`, `checkpoint`, `salvaged`, `rewritten`, `merged`, `paced`, `claim`,
`heartbeat`, `released`, `moved` and `origin` besides those of format 1. A ledger of format 1 is
read as it is, and a run goes on with it in that format.
"""

OLDEST_FORMAT = 1
"""The oldest format that this version reads."""

READING = 1
"""Raised whenever lines are added, or add up to something else than before.

A checkpoint says what lines added up to for the version that wrote it. A version that reads them in
another way passes it over, and reads the lines themselves.
"""


class Line(
    msgspec.Struct,
    tag_field="type",
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    forbid_unknown_fields=True,
    gc=False,
):
    """What every line has.

    Attributes:
        at: when it was written, by the wall clock, in UTC.
        seq: its sequence number, from 1 and without gaps; 0 while it has no place.
        durable: the highest sequence number known to be on disk when it was written.
        crc: its checksum, checked before a line is ever decoded.
    """

    at: datetime
    seq: int = 0
    durable: int = 0
    crc: str = ""


class HeaderLine(Line, tag="ledger", frozen=True, kw_only=True):
    """The first line. Its shape and its checksum stay the same in every later format.

    Attributes:
        format: the format of the lines that follow.
        id: 32 random hexadecimal digits, which seed the checksum of every line.
        tool: the version of batch-onboard that created the ledger.
        manifest: the name of the manifest that it was created for.
    """

    format: int
    id: str
    tool: str
    manifest: str


class RunLine(Line, tag="run", frozen=True, kw_only=True):
    """A run began: who ran what.

    Attributes:
        run: the run's id.
        tool: the version of batch-onboard.
        python: the version of Python.
        botocore: the version of botocore.
        host: the machine.
        pid: the process.
        user: the user, as the operating system names it.
        arguments: the command line, without secrets.
        manifest: the manifest's path or address.
        digests: a digest of the manifest and of each source, by path or address.
        caller: the ARN of the caller's own identity, where it is known.
        change_ref: what `--change-ref` said.
        plan: the digest of the plan that it was bound to, where it was.
        simulated: it ran against a simulator of its own, so nothing that it did is so.
        shard: the part of the batch that it did; None if it did all of it.
    """

    run: str
    tool: str
    python: str
    botocore: str
    host: str
    pid: int
    user: str
    arguments: tuple[str, ...]
    manifest: str
    digests: dict[str, str]
    caller: str | None = None
    change_ref: str | None = None
    plan: str | None = None
    simulated: bool = False
    shard: Shard | None = None


class RunEndedLine(Line, tag="run_ended", frozen=True, kw_only=True):
    """A run ended by itself. A run without such a line was killed.

    Attributes:
        run: the run's id.
        exit_code: what the process was about to return.
        reason: why it ended, for people.
    """

    run: str
    exit_code: int
    reason: str


class TargetLine(Line, tag="target", frozen=True, kw_only=True):
    """A target stands in the manifest for the first time, or with other attributes than before."""

    target: str
    api: Api
    encryption: str
    wave: int = 1
    labels: dict[str, str] = {}
    accept_drift: str | None = None


class GoneLine(Line, tag="gone", frozen=True, kw_only=True):
    """A target no longer stands in the manifest."""

    target: str


class CutLine(Line, tag="cut", frozen=True, kw_only=True):
    """An unfinished tail was cut off when the ledger was opened.

    Attributes:
        size: how much, in bytes.
        kept: the name of the file beside the ledger that has those bytes.
    """

    size: int
    kept: str


class SalvagedLine(CutLine, tag="salvaged", frozen=True, kw_only=True):
    """This ledger was built from the intact lines of a damaged one.

    It is a cut in the middle: `size` bytes of the damaged file, whose name is `kept`, were left
    out, and an intent may have stood there.

    Attributes:
        lost: numbers of lines that are missing, as pairs of the first and the last.
        tool: the version of batch-onboard that built it.
    """

    lost: tuple[tuple[int, int], ...]
    tool: str


class RewrittenLine(Line, tag="rewritten", frozen=True, kw_only=True):
    """The last line of a ledger that was written as one whole: all lines above are on disk.

    Attributes:
        why: the command that did it.
        lines: how many lines the ledger had before.
        tool: the version of batch-onboard.
    """

    why: Literal["compact", "salvage", "merge"]
    lines: int
    tool: str


class MergedLine(Line, tag="merged", frozen=True, kw_only=True):
    """This ledger was made of several, and is no shard's, though the runs before may have been.

    Attributes:
        ledgers: their names.
        missing: the shards of which none was there, as far as the others tell.
        tool: the version of batch-onboard that made it.
    """

    ledgers: tuple[str, ...]
    missing: tuple[Shard, ...] = ()
    tool: str


class ClaimLine(Line, tag="claim", frozen=True, kw_only=True):
    """A ledger without a lock's file has a new holder: whoever held it before writes no more.

    Attributes:
        id: 16 random hexadecimal digits, so that no two claims are of the same bytes.
        host: the holder's machine.
        pid: the holder's process.
    """

    id: str
    host: str
    pid: int


class HeartbeatLine(Line, tag="heartbeat", frozen=True, kw_only=True):
    """The holder lives, and had nothing else to write."""


class ReleasedLine(Line, tag="released", frozen=True, kw_only=True):
    """The holder writes no more: the next run need not wait."""


class MovedLine(Line, tag="moved", frozen=True, kw_only=True):
    """The ledger is closed: it goes on under another name.

    Attributes:
        to: that name.
    """

    to: str


class OriginLine(Line, tag="origin", frozen=True, kw_only=True):
    """This ledger goes on with another one, once the next `released` says that that is closed.

    Attributes:
        of: the other one's name.
    """

    of: str


class LearnedLine(Line, tag="learned", frozen=True, kw_only=True):
    """What a run found out about one quota: a prior for the next run.

    Attributes:
        domain: the account and Region, by `str(Domain)`.
        operation: the operation.
        rate: requests a second.
        burst: requests at once.
        confidence: how far it is to be trusted, from 0 to 1, when it was written.
        sent: calls that the run made.
        throttled: how many of them were throttled.
    """

    domain: str
    operation: Operation
    rate: float
    burst: float
    confidence: float
    sent: int
    throttled: int


class PacedLine(Line, tag="paced", frozen=True, kw_only=True):
    """How fast a run went in a stretch of time that ended now: what reports draw.

    Attributes:
        run: the run's id.
        seconds: how long the stretch was.
        calls: calls that were answered in it.
        throttled: how many of them were throttled.
        rates: requests a second that were allowed at its end, by account and Region (`str(Domain)`)
            and operation, for the slowest of those that met throttles.
    """

    run: str
    seconds: float
    calls: int
    throttled: int
    rates: tuple[tuple[str, Operation, float], ...] = ()


class CheckpointLine(Line, tag="checkpoint", frozen=True, kw_only=True):
    """The lines right above, of type `known`, say all that was known when it was written.

    Whoever finds the same bytes above it need not read what they say line by line.

    Attributes:
        first: the number of the first of those lines.
        begin: where that one begins, in bytes.
        digest: SHA-256 of all bytes above this line, in hexadecimal digits.
        reading: the `READING` of the version that wrote it.
    """

    first: int
    begin: int
    digest: str
    reading: int


class EntryLine(Line, frozen=True, kw_only=True):
    """One thing that happened to one target: `core.record.Entry` as a line.

    It has all attributes of an entry, `target` standing for the key, so that a record can take in
    either. Every event has a class of its own, whose tag is the event's value.
    """

    event: ClassVar[Event]

    target: str
    failure_code: str | None = None
    error_code: str | None = None
    message: str | None = None
    request_id: str | None = None
    encryption: str | None = None
    alias: str | None = None
    identity: str | None = None
    clean: bool = False
    hold: float | None = None
    ours: bool = False
    automatic: bool = False


def _entry_line(event: Event) -> type[EntryLine]:
    name = "".join(word.title() for word in event.value.split("_")) + "Line"
    made = msgspec.defstruct(
        name,
        [],
        bases=(EntryLine,),
        namespace={"__annotations__": {"event": ClassVar[Event]}, "event": event},
        tag=event.value,
        frozen=True,
        kw_only=True,
    )
    return cast("type[EntryLine]", made)


ENTRY_LINES = {event: _entry_line(event) for event in Event}
"""The class of the lines that tell of an event."""
