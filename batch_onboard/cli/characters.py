"""Text for terminals that do not show all of Unicode."""

from __future__ import annotations

_PLAINER = str.maketrans(
    {
        "\N{HORIZONTAL ELLIPSIS}": "...",
        "\N{EN DASH}": "-",
        "\N{EM DASH}": "-",
        "\N{RIGHT SINGLE QUOTATION MARK}": "'",
        "\N{MULTIPLICATION SIGN}": "x",
        "\N{RIGHTWARDS ARROW}": "->",
        "\N{MIDDLE DOT}": ".",
        "\N{BOX DRAWINGS HEAVY HORIZONTAL}": "-",
        "\N{BOX DRAWINGS HEAVY LEFT}": "-",
        "\N{BOX DRAWINGS HEAVY RIGHT}": " ",
    }
)


def readable(text: str, encoding: str) -> str:
    """Return a text in characters that an encoding has: plainer ones, or else escapes."""
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        plainer = text.translate(_PLAINER)
        return plainer.encode(encoding, "backslashreplace").decode(encoding)
    return text
