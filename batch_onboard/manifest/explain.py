"""pydantic's findings in words for people, at the place where the value stands."""

from __future__ import annotations

import difflib
import re
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

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
        hint = f"add {key}: {model.model_fields[key].description}"
        complaints.error(node.place, "missing-key", f"{key} is missing", hint, subject=key)
    elif detail["type"] == "extra_forbidden":
        complaints.error(node.key_place(key), *_misplaced(model, key), subject=key)
    elif path == ["labels"]:
        refusal = _refusal(f"the label {named(key)}", "a text in quotes", detail)
        complaints.error(node.value_place(key), *refusal, subject=key)
    else:
        refusal = _refusal(key, model.model_fields[key].description or "", detail)
        complaints.error(node.value_place(key), *refusal, subject=key)


class _Finding(NamedTuple):
    """A problem without its place: its code, what is wrong, and how to mend it."""

    code: str
    message: str
    hint: str = ""


def account_id_is_number(written: str) -> tuple[str, str]:
    """Say that an account id stands without quotes, as YAML reads some of those otherwise."""
    if re.fullmatch("[0-9]{12}", written) is None:
        return "account id is a number, and not one of 12 digits", "write its 12 digits in quotes"
    lost = ", its leading zero may be lost" if written.startswith("0") else ""
    return f"account id is a number{lost}", f'write "{written}"'


def _refusal(name: str, expected: str, detail: ErrorDetails) -> _Finding:
    value = detail["input"]
    if value == PLACEHOLDER:
        message = f"{name} is still {PLACEHOLDER}: discover can't know it"
        hint = f"fill in {expected}, or run discover with --defaults"
        return _Finding("fill-in", message, hint)
    is_number = isinstance(value, int | Numeral) and not isinstance(value, bool)
    if name == "account_id" and is_number:
        return _Finding("number-as-account-id", *account_id_is_number(str(value)))
    if name == "account_id" and isinstance(value, str) and re.fullmatch("[0-9]{9,11}", value):
        message = f"account_id has {len(value)} digits, but must have 12"
        hint = "leading zeros may have been lost, as spreadsheets do"
        return _Finding("short-account-id", message, hint)
    if name == "external_id":  # half a secret: it isn't repeated
        message = f"external_id must be {expected}, in quotes if it looks like a number"
        return _Finding("wrong-value", message)
    if detail["type"] == "string_type" and is_number:
        return _Finding("not-text", f"{name} is a number, not text", f"write {quoted(str(value))}")
    return _Finding("wrong-value", f"{name} is {described(value)}, but must be {expected}")


def _misplaced(model: type[BaseModel], key: str) -> _Finding:
    if model is Head and key in Defaults.model_fields:
        hint = "put it under defaults"
        return _Finding("misplaced-key", f"{key} can't stand at the top", hint)
    if key in Instance.model_fields and issubclass(Instance, model):
        return _Finding("misplaced-key", f"{key} can't be set here, only for an instance")
    near = nearest(model, key)
    known = f"known here are {', '.join(model.model_fields)}"
    hint = known if near is None else f"did you mean {near}?"
    return _Finding("unknown-key", f"unknown key {named(key)}", hint)


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
