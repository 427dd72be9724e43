"""Values as YAML that every reader takes for the same: flow style, every text in double quotes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_ESCAPES = {'"': '\\"', "\\": "\\\\"}


def quoted(text: str) -> str:
    r"""Return a text in double quotes; what is not printable is escaped (YAML 1.2, 5.7).

    Half a surrogate pair, which is no character, becomes U+FFFD.
    """
    if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    return f'"{"".join(_escaped(letter) for letter in text)}"'


def flow(value: object) -> str:
    """Return a value: a mapping, a text, a boolean or an integer.

    Args:
        value: as a manifest's `defaults` has them; nested mappings too.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return mapping({str(key): flow(inner) for key, inner in value.items()})
    return quoted(value) if isinstance(value, str) else str(value)


def mapping(values: Mapping[str, str]) -> str:
    """Return a mapping in one line.

    Args:
        values: by key, as YAML already.
    """
    inside = ", ".join(f"{_key(key)}: {value}" for key, value in values.items())
    return f"{{{inside}}}"


def _key(key: str) -> str:
    return key if key.isidentifier() and key.isascii() else quoted(key)


def _escaped(letter: str) -> str:
    if letter in _ESCAPES:
        return _ESCAPES[letter]
    if letter.isprintable():
        return letter
    code = ord(letter)
    return "\ufffd" if 0xD800 <= code <= 0xDFFF else f"\\U{code:08x}"
