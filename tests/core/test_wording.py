from __future__ import annotations

import pytest

from batch_onboard.core.wording import count, duration, safe


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("é 漢", "é 漢"),
        ("a\nb\x1b[2J", "a\\nb\\x1b[2J"),
        ("invoice\u202egnp.exe", "invoice\\u202egnp.exe"),
        ("\u2028", "\\u2028"),
    ],
)
def test_what_would_move_or_turn_text_is_shown_as_escapes(text: str, shown: str) -> None:
    """Letters of all scripts stay; what has an effect and no shape is spelt out."""
    assert safe(text) == shown


def test_numbers_and_durations_are_written_as_people_do() -> None:
    """One thing has no plural, thousands are grouped, and a duration has no empty parts before."""
    assert [count(number, "target") for number in (0, 1, 3120)] == [
        "0 targets",
        "1 target",
        "3,120 targets",
    ]
    assert [duration(each) for each in (0.4, 59.6, 3661)] == ["0s", "1m00s", "1h01m01s"]
