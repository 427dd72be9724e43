"""Which calls a rule of the scenario covers, and how layered rules become one setting."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict, field_validator

from batch_onboard.simulator.protocol import (
    CAMPAIGNS_OPERATIONS,
    CONNECT_OPERATIONS,
    KMS_OPERATIONS,
    ORGANIZATIONS_OPERATIONS,
    STS_OPERATIONS,
)

if TYPE_CHECKING:
    from collections.abc import Iterable


class Section(BaseModel):
    """A mapping of the scenario file: unknown keys are errors, and nothing changes it later."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Place(NamedTuple):
    """Where a call goes. Only Connect Campaigns knows instances and versions of its API."""

    operation: str
    account_id: str
    region: str
    instance_id: str = ""
    api: str = ""


class Match(Section):
    """Which calls a rule covers: globs, compared with case.

    Attributes:
        operation: None: all operations of Connect Campaigns, but none of other services.
        account_id: whose instance, or role, it is.
        region: the Region that is called.
        instance_id: of the Connect instance.
        api: `v1` or `v2`.
    """

    operation: str | None = None
    account_id: str = "*"
    region: str = "*"
    instance_id: str = "*"
    api: str = "*"

    @field_validator("operation")
    @classmethod
    def _is_known(cls, pattern: str | None) -> str | None:
        known = (
            *CAMPAIGNS_OPERATIONS,
            *STS_OPERATIONS,
            *KMS_OPERATIONS,
            *CONNECT_OPERATIONS,
            *ORGANIZATIONS_OPERATIONS,
        )
        if pattern is not None and not any(fnmatchcase(name, pattern) for name in known):
            raise ValueError(f"matches none of {', '.join(known)}")
        return pattern

    def covers(self, place: Place) -> bool:
        """Say whether a call is covered."""
        return (
            self._covers_operation(place.operation)
            and _glob(self.account_id, place.account_id)
            and _glob(self.region, place.region)
            and _glob(self.instance_id, place.instance_id)
            and _glob(self.api, place.api)
        )

    def _covers_operation(self, operation: str) -> bool:
        if self.operation is None:
            return operation in CAMPAIGNS_OPERATIONS
        return _glob(self.operation, operation)


def _glob(pattern: str, text: str) -> bool:
    return pattern == "*" or fnmatchcase(text, pattern)


class Rule(Protocol):
    """Settings of which only the keys that were set count, and the calls that they hold for."""

    @property
    def match(self) -> Match:
        """The calls."""
        ...

    @property
    def model_fields_set(self) -> set[str]:
        """The names of the keys that were set."""
        ...


SettingsT = TypeVar("SettingsT", bound=Section)


class Layers(Generic[SettingsT]):
    """Settings that hold for all calls, and rules over them.

    For each key, the first rule that covers a call and sets that key wins; a key that no such rule
    sets has the value of the base. Calls covered by the same rules share one settings object.
    """

    def __init__(self, base: SettingsT, rules: Iterable[Rule]) -> None:
        self._rules = tuple((rule.match, _keys_set_by(rule)) for rule in rules)
        self._base = base
        self._merged: dict[tuple[int, ...], SettingsT] = {(): base}

    def at(self, place: Place) -> SettingsT:
        """Return the settings for a call."""
        covering = tuple(
            index for index, (match, _) in enumerate(self._rules) if match.covers(place)
        )
        settings = self._merged.get(covering)
        if settings is None:
            settings = self._merged[covering] = self._merge(covering)
        return settings

    def _merge(self, covering: tuple[int, ...]) -> SettingsT:
        keys: dict[str, Any] = {}
        for index in reversed(covering):
            keys |= self._rules[index][1]
        return self._base.model_copy(update=keys)


def _keys_set_by(rule: Rule) -> dict[str, Any]:
    return {name: getattr(rule, name) for name in rule.model_fields_set - {"match"}}
