"""What a plain scalar means: the YAML 1.2 core schema, without its guesses about numbers.

An account id written without quotes is a number to YAML, in one of several bases: `012345670123`
is octal in YAML 1.1 and decimal in 1.2, `1111_2222_3333` and `190:20:30` are numbers in 1.1. What
looks like any such number, and is not a decimal integer that every reader takes for the same,
stays as it was written and is known not to be text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_NUMERAL_STARTS = frozenset("0123456789+-.")
_PLAIN_INTEGER = re.compile(r"0|-?[1-9][0-9]{0,17}")
_NUMERAL = re.compile(
    r"""
    [-+]? (?:
        0[box][0-9a-fA-F_]+                                             # other bases
      | [0-9][0-9_]* (?: :[0-5]?[0-9] )+ (?: \.[0-9_]* )?               # base 60
      | (?: \.[0-9][0-9_]* | [0-9][0-9_]* (?: \.[0-9_]* )? ) (?: [eE][-+]?[0-9]+ )?
      | \.(?: inf | Inf | INF )
    )
    | \.(?: nan | NaN | NAN )
    """,
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Numeral:
    """A number as it was written, where reading it as one could change it.

    Attributes:
        text: what was written.
    """

    text: str

    def __str__(self) -> str:
        return self.text


def typed(text: str) -> str | int | bool | Numeral | None:
    """Return what a plain (unquoted) scalar stands for.

    `yes`, `no`, `on`, `off` and dates are text, as in YAML 1.2.
    """
    if text in _WORDS:
        return _WORDS[text]
    if text[0] in _NUMERAL_STARTS:
        return numeral(text)
    return text


def numeral(text: str) -> str | int | Numeral:
    """Return the integer that a text is, or the number that it looks like, or else the text."""
    if _PLAIN_INTEGER.fullmatch(text):
        return int(text)
    return Numeral(text) if _NUMERAL.fullmatch(text) else text
