"""The files that a process may open bound how many calls it makes at once."""

from __future__ import annotations

import resource

import pytest

from batch_onboard.app.descriptors import affordable

ENDLESS = resource.RLIM_INFINITY


@pytest.mark.parametrize(
    ("limits", "each", "calls", "left_at"),
    [
        ((1024, 4096), 1, 100, 1024),
        ((124, 4096), 1, 100, 124),
        ((123, 4096), 1, 100, 124),
        ((123, ENDLESS), 1, 100, 124),
        ((ENDLESS, ENDLESS), 1, 100, None),
        ((32, 32), 1, 8, 32),
        ((32, 64), 1, 40, 64),
        ((32, 32), 2, 4, 32),
        ((224, 224), 2, 100, 224),
        ((25, 25), 2, 1, 25),
        ((10, 10), 1, 1, 10),
    ],
)
def test_calls_at_once_are_as_many_as_descriptors_allow(
    monkeypatch: pytest.MonkeyPatch,
    limits: tuple[int, int],
    each: int,
    calls: int,
    left_at: int | None,
) -> None:
    """24 are kept for the process itself; the limit is raised as far as is needed and allowed."""
    now = [limits]
    monkeypatch.setattr(resource, "getrlimit", lambda _: now[-1])
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: now.append(limits))
    assert affordable(100, each=each) == calls
    assert now[-1] == (ENDLESS if left_at is None else left_at, limits[1])
