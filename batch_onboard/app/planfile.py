"""A plan in a file: what was approved, bound to the manifest that it was made of.

The digest in it shows that the file is as it was written. It is no signature: who may write to the
file can make another one, so it is kept like a change request, and the ledger keeps the digest of
the plan that a run was bound to.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime  # noqa: TC003 - msgspec reads the annotations while running
from typing import TYPE_CHECKING, Any

import msgspec

from batch_onboard.app.writing import write_whole
from batch_onboard.core.planning import Action, BoundCourse, Planned, count_actions
from batch_onboard.core.selection import Selection
from batch_onboard.core.shard import Shard  # noqa: TC001 - msgspec reads the annotations
from batch_onboard.core.targets import TargetKey
from batch_onboard.versions import tool_version

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from batch_onboard.app.planning import Plan
    from batch_onboard.app.settings import Settings
    from batch_onboard.core.course import Course
    from batch_onboard.core.polling import PollPlan
    from batch_onboard.core.record import Record
    from batch_onboard.core.steps import Rules
    from batch_onboard.core.targets import Target
    from batch_onboard.manifest.load import Manifest

FORMAT = 1
_MOST_BYTES = 1 << 30
_PRIVATE = 0o600


class PlanFileError(Exception):
    """A plan can't be used. `str()` says which, and why."""


class _Asked(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What the operator asked for, as far as it bears on what is done with which target."""

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    wave: tuple[int, ...] = ()
    limit: int | None = None
    precheck: bool = True
    retry_failed: bool = False
    clear_failed: bool = False
    recheck: bool = False
    restart_missing: bool = False
    shard: Shard | None = None

    @classmethod
    def of(cls, settings: Settings) -> _Asked:
        chosen, rules = settings.selection, settings.rules
        return cls(
            include=tuple(str(each) for each in chosen.include),
            exclude=tuple(str(each) for each in chosen.exclude),
            wave=tuple(sorted(settings.waves)),
            limit=settings.limit,
            precheck=rules.precheck,
            retry_failed=rules.retry_failed,
            clear_failed=rules.clear_failed,
            recheck=rules.recheck,
            restart_missing=rules.restart_missing,
            shard=settings.shard,
        )

    def applied_to(self, rules: Rules) -> Rules:
        return replace(
            rules,
            precheck=self.precheck,
            retry_failed=self.retry_failed,
            clear_failed=self.clear_failed,
            recheck=self.recheck,
            restart_missing=self.restart_missing,
        )


class _Line(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What is to be done about one target."""

    target: str
    action: Action
    key: str
    cause: str | None = None


class _File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    plan: int
    tool: str
    made_at: datetime
    manifest: str
    manifest_digest: str
    source_digests: tuple[str, ...]
    simulated: bool
    asked: _Asked
    targets: tuple[_Line, ...]
    digest: str = ""

    def sealed(self) -> _File:
        """Return the same with its digest."""
        plain = msgspec.json.encode(msgspec.structs.replace(self, digest=""))
        return msgspec.structs.replace(self, digest=hashlib.sha256(plain).hexdigest())


@dataclass(frozen=True, slots=True)
class Approved:
    """A plan that a run is bound to.

    Attributes:
        digest: its own.
        made_at: when it was made, in UTC.
        planned: what is to be done about each of its targets.
        asked: what was asked for, in the words of the options.
    """

    digest: str
    made_at: datetime
    planned: Mapping[TargetKey, Planned]
    asked: _Asked

    @property
    def counts(self) -> dict[Action, int]:
        """How many targets there are for each action that there is, in the order of `Action`."""
        return count_actions(self.planned.values())

    def among(self, targets: Iterable[Target]) -> list[Target]:
        """Return those of a manifest's targets that a run is to do something about, or to check."""
        return [each for each in targets if self._action(each.key) not in {None, Action.LATER}]

    def course(self, target: Target, record: Record, rules: Rules, lengths: PollPlan) -> Course:
        """Return the course that does what is planned about a target, and nothing else."""
        planned = self.planned[target.key]
        return BoundCourse(target, record, rules, lengths, planned=planned, since=self.made_at)

    def _action(self, key: TargetKey) -> Action | None:
        planned = self.planned.get(key)
        return None if planned is None else planned.action

    def bind(self, settings: Settings) -> Settings:
        """Return the settings with which the plan was made, as far as they bear on it.

        Raises:
            PlanFileError: something else is asked for besides.
        """
        asked, unasked = _Asked.of(settings), _Asked()
        for name in _Asked.__struct_fields__:
            now, then = getattr(asked, name), getattr(self.asked, name)
            a_part = name == "shard" and then is None  # of a plan for all
            if now not in (then, getattr(unasked, name)) and not a_part:
                option = name.replace("_", "-")
                raise PlanFileError(
                    f"--{option} contradicts the plan, which was made "
                    f"{'without it' if then == getattr(unasked, name) else f'with {_told(then)}'}: "
                    "leave it out, or make a new plan"
                )
        return replace(
            settings,
            rules=self.asked.applied_to(settings.rules),
            selection=Selection(),
            waves=frozenset(),
            limit=None,
            shard=self.asked.shard or settings.shard,
            approved=self,
        )


def save_plan(path: Path, plan: Plan, manifest: Manifest, settings: Settings) -> str:
    """Write a plan to a file that only its owner can read, and return its digest.

    Raises:
        UnwritableError: it can't be written; what was there is still there.
    """
    file = _File(
        plan=FORMAT,
        tool=tool_version(),
        made_at=plan.made_at,
        manifest=manifest.name,
        manifest_digest=manifest.digest,
        source_digests=tuple(source.digest for source in manifest.sources),
        simulated=settings.scenario is not None,
        asked=_Asked.of(settings),
        targets=tuple(
            _Line(str(item.target.key), planned.action, planned.key, planned.cause)
            for item in plan.items
            for planned in (item.planned,)
        ),
    ).sealed()
    data = msgspec.json.format(msgspec.json.encode(file), indent=1)
    write_whole(path, data + b"\n", mode=_PRIVATE)
    return file.digest


def load_plan(path: Path, manifest: Manifest, *, simulate: bool) -> Approved:
    """Read a plan, and see that it is whole and was made of this very manifest.

    Args:
        path: the file.
        manifest: what is to be run.
        simulate: whether that is a rehearsal.

    Raises:
        PlanFileError: it can't be used.
    """
    file = _read(path)
    _compare(path, file, manifest, simulate=simulate)
    return Approved(
        digest=file.digest,
        made_at=file.made_at,
        planned={
            TargetKey.parse(line.target): Planned(line.action, line.cause, line.key)
            for line in file.targets
        },
        asked=file.asked,
    )


def _read(path: Path) -> _File:
    try:
        with path.open("rb") as stream:
            data = stream.read(_MOST_BYTES)
    except OSError as error:
        raise PlanFileError(f"{path} can't be read: {error.strerror}") from error
    try:
        file = msgspec.json.decode(data, type=_File)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise PlanFileError(f"{path} is not a plan of batch-onboard: {error}") from error
    if file.plan != FORMAT:
        raise PlanFileError(f"{path} is of format {file.plan}, which this version does not read")
    if file.sealed().digest != file.digest:
        raise PlanFileError(f"{path} was altered since it was made: make a new plan")
    return file


def _compare(path: Path, file: _File, manifest: Manifest, *, simulate: bool) -> None:
    if file.manifest != manifest.name:
        raise PlanFileError(
            f"{path} is a plan for {file.manifest!r}, not for {manifest.name!r}: "
            "name the manifest that it was made of"
        )
    if file.manifest_digest != manifest.digest:
        raise PlanFileError(
            f"{manifest.path} has changed since {path} was made: look at it, and make a new plan"
        )
    if file.source_digests != tuple(source.digest for source in manifest.sources):
        raise PlanFileError(
            f"a source of {manifest.path} has changed since {path} was made: make a new plan"
        )
    if file.simulated is not simulate:
        made = "a rehearsal (--simulate)" if file.simulated else "a real run"
        raise PlanFileError(f"{path} is the plan of {made}: make one of its own for this")


def _told(value: Any) -> str:
    return " ".join(str(each) for each in value) if isinstance(value, tuple) else str(value)
