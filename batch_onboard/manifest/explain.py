"""pydantic's findings in words for people, at the place where the value stands."""

from __future__ import annotations

import difflib
import re
from functools import lru_cache
from typing import TYPE_CHECKING

from batch_onboard.manifest.models import (
    ENCRYPTION_SPELLINGS,
    INSTANCE_SPELLINGS,
    Defaults,
    EncryptionSettings,
    Head,
    Instance,
)
from batch_onboard.manifest.placeholder import PLACEHOLDER
from batch_onboard.manifest.scalars import Numeral
from batch_onboard.manifest.wording import described, named, quoted

if TYPE_CHECKING:
    from pydantic import BaseModel
    from pydantic_core import ErrorDetails

    from batch_onboard.manifest.nodes import MappingNode
    from batch_onboard.manifest.problems import Complaints


def explain(
    model: type[BaseModel], node: MappingNode, detail: ErrorDetails, complaints: Complaints
) -> None:
    """Complain of one finding about a mapping that was validated as `model`."""
    *path, key = map(str, detail["loc"])
    for part in path:
        node = node[part]
    if path == ["encryption"]:
        model = EncryptionSettings
    if detail["type"] == "missing":
        message = f"{key} is missing; add {key}: {model.model_fields[key].description}"
        complaints.error(node.place, message)
    elif detail["type"] == "extra_forbidden":
        complaints.error(node.key_place(key), _remedy(model, key))
    elif path == ["labels"]:
        message = _refusal(f"the label {named(key)}", "a text in quotes", detail)
        complaints.error(node.value_place(key), message)
    else:
        expected = model.model_fields[key].description or ""
        complaints.error(node.value_place(key), _refusal(key, expected, detail))


def account_id_is_number(written: str) -> str:
    """Say that an account id stands without quotes, as YAML reads some of those otherwise."""
    if re.fullmatch("[0-9]{12}", written) is None:
        return "account id is a number, and not one of 12 digits; write its 12 digits in quotes"
    lost = ", its leading zero may be lost" if written.startswith("0") else ""
    return f'account id is a number{lost}; write "{written}"'


def _refusal(name: str, expected: str, detail: ErrorDetails) -> str:
    value = detail["input"]
    if value == PLACEHOLDER:
        return (
            f"{name} is still {PLACEHOLDER}: discover can't know it; fill in {expected}, or run "
            "discover with --defaults"
        )
    is_number = isinstance(value, int | Numeral) and not isinstance(value, bool)
    if name == "account_id" and is_number:
        return account_id_is_number(str(value))
    if name == "account_id" and isinstance(value, str) and re.fullmatch("[0-9]{9,11}", value):
        return (
            f"account_id has {len(value)} digits, but must have 12; leading zeros may have been "
            "lost, as spreadsheets do"
        )
    if name == "external_id":  # half a secret: it isn't repeated
        return f"external_id must be {expected}, in quotes if it looks like a number"
    if detail["type"] == "string_type" and is_number:
        return f"{name} is a number, not text; write {quoted(str(value))}"
    return f"{name} is {described(value)}, but must be {expected}"


def _remedy(model: type[BaseModel], key: str) -> str:
    if model is Head and key in Defaults.model_fields:
        return f"{key} can't stand at the top; put it under defaults"
    if key in Instance.model_fields and issubclass(Instance, model):
        return f"{key} can't be set here, only for an instance"
    near = nearest(model, key)
    if near is not None:
        return f"unknown key {named(key)}; did you mean {near}?"
    return f"unknown key {named(key)}; known here are {', '.join(model.model_fields)}"


def nearest(model: type[BaseModel], key: str) -> str | None:
    """Return the key of a model that an unknown one was probably meant for."""
    return _nearest(key, tuple(model.model_fields)) if len(key) <= 40 else None


@lru_cache(maxsize=1024)
def _nearest(key: str, known: tuple[str, ...]) -> str | None:
    spellings = {**INSTANCE_SPELLINGS, **ENCRYPTION_SPELLINGS}
    names = {name: name for name in known}
    names |= {other: own for other, own in spellings.items() if own in names}
    near = difflib.get_close_matches(key, names, n=1)
    return names[near[0]] if near else None
