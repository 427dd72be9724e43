"""Makes parts of a batch: what a worker needs to know of it to do one shard."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING

from batch_onboard.core.redaction import Secrets
from batch_onboard.core.selection import Selection
from batch_onboard.core.shard import Shard, shard_of
from batch_onboard.core.tolerance import Tolerance
from batch_onboard.fleet.port import Part
from batch_onboard.versions import tool_version

if TYPE_CHECKING:
    from collections.abc import Iterable

    from batch_onboard.app.settings import Settings
    from batch_onboard.core.targets import TargetKey
    from batch_onboard.fleet.home import Home
    from batch_onboard.fleet.stages import Work
    from batch_onboard.ledger.history import History
    from batch_onboard.manifest.load import Manifest


class Parts:
    """Makes the parts of one run.

    Attributes:
        shards: all that there are.
        simulator_url: where a simulator is served, once it is.

    Args:
        manifest: what the run is about.
        home: where the ledgers are.
        settings: what the operator asked for.
        history: what the ledgers knew before.
        run: the run's id.
        least: the level of `logging` from which on lines are told.
        silence: seconds without a word of the coordinator after which a shard drains and ends.
    """

    def __init__(
        self,
        manifest: Manifest,
        home: Home,
        settings: Settings,
        history: History,
        *,
        run: str,
        least: int,
        silence: float,
    ) -> None:
        self.shards = home.shards
        self.simulator_url: str | None = None
        self._home = home
        self._history = history
        self._run = run
        self._least = least
        self._silence = silence
        self._numbers = count(1)
        self._settings = replace(
            settings,
            selection=Selection(),
            waves=frozenset(),
            tolerance=Tolerance(same_cause=None),
            canary=0,
            max_duration=None,
            lock_timeout=0.0,
            notify=_unheard,
            secrets=Secrets(),
        )
        own = defaultdict(list)
        for target in manifest.targets:
            own[shard_of(target.key.domain, home.count)].append(target)
        self._manifests = {
            shard: replace(manifest, targets=tuple(own[shard.index]), warnings=())
            for shard in home.shards
        }

    def by_shard(self, works: Iterable[Work]) -> dict[Shard, list[Work]]:
        """Return what there is to do, by the shards that do it."""
        found: defaultdict[Shard, list[Work]] = defaultdict(list)
        for work in works:
            index = shard_of(work.target.key.domain, self._home.count)
            found[Shard(index, self._home.count)].append(work)
        return found

    def make(self, shard: Shard, keys: frozenset[TargetKey], limit: int | None) -> Part:
        """Make a part.

        Args:
            shard: whose.
            keys: its targets that are to be worked through.
            limit: how many of them may be started; None: all.
        """
        records = self._history.records
        known = ((key, records[key].attempts) for key in keys if key in records)
        return Part(
            number=next(self._numbers),
            run=self._run,
            tool=tool_version(),
            manifest=self._manifests[shard],
            ledger=self._home.ledger(shard),
            settings=self._restricted(shard, keys, limit),
            attempts={key: attempts for key, attempts in known if attempts},
            least=self._least,
            silence=self._silence,
        )

    def _restricted(self, shard: Shard, keys: frozenset[TargetKey], limit: int | None) -> Settings:
        approved = self._settings.approved
        if approved is not None:
            planned = {key: approved.planned[key] for key in keys}
            approved = replace(approved, planned=planned)
        return replace(
            self._settings,
            shard=shard,
            only=keys,
            limit=limit,
            approved=approved,
            simulator_url=self.simulator_url,
        )


def _unheard(sentence: str) -> None:
    """Let a notice pass: the worker puts a way to the coordinator in this place."""
    del sentence
