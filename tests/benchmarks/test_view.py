from __future__ import annotations

import sys

import pytest

from benchmarks.view.__main__ import cost
from benchmarks.view.terminal import COLUMNS, cpu_of


def test_the_view_is_set_beside_both_runs_without_it() -> None:
    """Rounds are compared each by itself, so that a machine that grows busier changes nothing."""
    rounds = [
        {"bar": 1.02, "none": 1.0, "none again": 1.0},
        {"bar": 4.08, "none": 3.8, "none again": 4.2},
        {"bar": 2.04, "none": 2.0, "none again": 2.0},
    ]
    found = cost(rounds)
    assert found.percent == pytest.approx(2.0)
    assert found.chance == pytest.approx(0.0)
    assert found.seconds == {"bar": 2.04, "none": 2.0, "none again": 2.0}


def test_a_command_has_a_terminal_for_stderr_whose_output_is_read() -> None:
    """It is as wide as is said, and a command that says much does not wait for a reader."""
    program = (
        "import os, sys; assert os.isatty(2); sys.stderr.write('x' * 1_000_000); "
        f"sys.exit(os.get_terminal_size(2).columns != {COLUMNS})"
    )
    assert cpu_of([sys.executable, "-c", program], {}) > 0


def test_a_command_that_fails_ends_the_measurement_with_what_it_said() -> None:
    """A figure of a run that broke off would be worth nothing."""
    program = "import sys; print('no such thing', file=sys.stderr); sys.exit(3)"
    with pytest.raises(SystemExit, match=r"ended with 3:\nno such thing"):
        cpu_of([sys.executable, "-c", program], {})
