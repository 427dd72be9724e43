"""Mappings to validated settings, with every wrong key complained of at its place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from pydantic import BaseModel, ValidationError

from batch_onboard.manifest.explain import explain, nearest
from batch_onboard.manifest.models import ENCRYPTION_SPELLINGS, INSTANCE_SPELLINGS, Instance
from batch_onboard.manifest.nodes import MappingNode
from batch_onboard.manifest.wording import named

if TYPE_CHECKING:
    from batch_onboard.manifest.problems import Complaints

MAX_KEYS = 100
"""Keys of one mapping, labels too: keeps what is complained of in a hostile one small."""

_SIMPLE = Instance.model_fields.keys() - {"encryption", "labels"}
"""Keys that are spelled as they should be and whose values hold no keys."""

Settings_co = TypeVar("Settings_co", bound=BaseModel, covariant=True)
_Model = TypeVar("_Model", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Checked(Generic[Settings_co]):
    """What is right in a mapping.

    Attributes:
        settings: the settings, without those that were complained of.
        node: where they stand.
        doubtful: keys of the model that may have been meant by what was complained of, so that
            they are not missing, but wrong.
    """

    settings: Settings_co
    node: MappingNode
    doubtful: frozenset[str] = frozenset()


def check(model: type[_Model], node: MappingNode, complaints: Complaints) -> Checked[_Model]:
    """Validate a mapping, complain of what is wrong in it, and return the rest.

    Keys that are spelled as in the service's API get the manifest's own names.

    Raises:
        StopReading: it has far too many keys.
    """
    wrong = _prepare(node, complaints)
    try:
        return Checked(model.model_validate(_without(node, wrong)), node, _meant(model, wrong))
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            explain(model, node, detail, complaints)
            wrong.add(str(detail["loc"][0]))
    return Checked(model.model_validate(_without(node, wrong)), node, _meant(model, wrong))


def _meant(model: type[BaseModel], wrong: set[str]) -> frozenset[str]:
    meant = {key if key in model.model_fields else nearest(model, key) for key in wrong}
    if "arn" in meant:
        meant |= {"account_id", "region", "id"}
    return frozenset(key for key in meant if key is not None)


def _without(node: MappingNode, wrong: set[str]) -> dict[str, object]:
    if not wrong:
        return node
    return {key: value for key, value in node.items() if key not in wrong}


def _prepare(node: MappingNode, complaints: Complaints) -> set[str]:
    """Bring keys to one spelling, and return those whose values no model needs to see."""
    if node.keys() <= _SIMPLE:  # most instances
        return _refuse_empty(node, complaints)
    _refuse_giant(node, complaints)
    _respell(node, INSTANCE_SPELLINGS, complaints)
    encryption, labels = node.get("encryption"), node.get("labels")
    if isinstance(encryption, MappingNode):
        _refuse_giant(encryption, complaints)
        _respell(encryption, ENCRYPTION_SPELLINGS, complaints)
    if isinstance(labels, MappingNode):
        _refuse_giant(labels, complaints)
        _refuse_untexted(labels, complaints)
    return _refuse_empty(node, complaints)


def _refuse_giant(node: MappingNode, complaints: Complaints) -> None:
    if len(node) > MAX_KEYS:
        message = f"{len(node):,} keys in one mapping"
        complaints.stop(node.place, "too-many-keys", message, f"at most {MAX_KEYS} can be")


def _respell(node: MappingNode, spellings: dict[str, str], complaints: Complaints) -> None:
    if node.keys().isdisjoint(spellings):
        return
    for other, own in spellings.items():
        if other in node and own in node:
            first, second = sorted((other, own), key=list(node).index)
            place = node.key_place(second)
            line = node.key_place(first).seen_from(place)
            message = f"{second} is another name of {first}, already given in {line}"
            complaints.error(place, "duplicate-key", message, "keep one", subject=second)
            node.remove(second)
        if other in node:
            node.rename(other, own)


def _refuse_empty(node: MappingNode, complaints: Complaints) -> set[str]:
    if None not in node.values():
        return set()
    empty = {key for key, value in node.items() if value is None}
    for key in empty:
        hint = "give it a value, or remove the key"
        place = node.value_place(key)
        complaints.error(place, "empty-value", f"{named(key)} is empty", hint, subject=key)
    return empty


def _refuse_untexted(labels: MappingNode, complaints: Complaints) -> None:
    for name in labels.untexted:
        message = f"the label name {named(name)} is not text"
        complaints.error(labels.key_place(name), "not-text", message, "put it in quotes")
