"""The reference of the library, made from its docstrings: `python -m tests.docs.reference`."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import batch_onboard
from batch_onboard import library

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = Path(__file__).parent.parent.parent / "docs" / "library.md"
BEGIN, END = "<!-- reference -->\n", "<!-- end of reference -->"


def reference() -> str:
    """Return the reference as Markdown: first what can be called, then what that takes and gives."""
    names = sorted(library.__all__, key=lambda name: (name[0].isupper(), name))
    return "\n".join(line for name in names for line in _entry(name, getattr(batch_onboard, name)))


def _entry(name: str, thing: Any) -> Iterator[str]:
    yield f"### `{name}`\n"
    if inspect.isfunction(thing):
        yield _text(f"{name}{_signature(thing)}", thing)
        return
    base = thing.__mro__[1]
    yield _text(f"class {name}" + (f"({base.__name__})" if base is not object else ""), thing)
    for method, value in vars(thing).items():
        if not method.startswith("_") and (told := _method(f"{name}.{method}", value)):
            yield told


def _method(name: str, value: Any) -> str | None:
    if isinstance(value, property):
        return _text(f"{name}: {value.fget.__annotations__['return']}", value)
    value = value.__func__ if isinstance(value, classmethod) else value
    if not inspect.isfunction(value):
        return None
    kind = "async " if inspect.iscoroutinefunction(value) else ""
    return _text(f"{kind}{name}{_signature(value)}", value)


def _signature(function: Any) -> str:
    parameters = inspect.signature(function).parameters
    kept = [value for name, value in parameters.items() if name not in {"self", "cls"}]
    shown = str(inspect.signature(function).replace(parameters=kept)).replace("'", "")
    if hasattr(function, "__wrapped__"):  # of all functions here, only context managers are
        shown = shown.replace("Iterator[", "AbstractContextManager[")
    return shown


def _text(head: str, thing: Any) -> str:
    doc = inspect.getdoc(thing) or ""
    return f"```text\n{head}\n\n{re.sub(r'(?m)^(?=.)', '    ', doc)}\n```\n"


if __name__ == "__main__":
    before, begin, rest = PAGE.read_text().partition(BEGIN)
    PAGE.write_text(before + begin + reference() + rest[rest.index(END) :])
