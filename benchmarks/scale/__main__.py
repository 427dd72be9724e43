"""`python -m benchmarks.scale`: the package's docstring says what it measures."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import benchmarks.scale
from benchmarks.scale.steps import Use, in_turn, play

_BESIDE = {
    "validate, yaml": "yaml alone",
    "validate, jsonl": "yaml alone",
    "validate, csv": "yaml alone",
    "opening": "lines, typed",
    "opening by lines": "lines, typed",
    "status": "lines, typed",
    "report": "lines, typed",
    "resume": "lines, typed",
}
"""What is compared with which yardstick."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one more target costs in a step.

    Attributes:
        microseconds: of processor time.
        bytes: of memory; None: not measured.
        times: how many times its yardstick's processor time that is; None: it has none.
    """

    microseconds: float
    bytes: float | None
    times: float | None = None


def costs(
    targets: int,
    one: dict[str, Use],
    many: dict[str, Use],
    before: dict[str, Cost] | None = None,
) -> dict[str, Cost]:
    """Say what each target beyond the first has cost, step by step.

    Args:
        targets: how many there were.
        one: what a batch of one target has used.
        many: what this one has used.
        before: what a target has cost in a smaller one, for yardsticks that are missing.
    """
    more = targets - 1
    cpu = {name: each.microseconds for name, each in (before or {}).items()}
    cpu |= {name: (use.cpu - one[name].cpu) / more * 1e6 for name, use in many.items()}
    found = {}
    for name, use in many.items():
        beside = cpu.get(_BESIDE.get(name, ""))
        times = cpu[name] / beside if beside and beside > 0 else None
        found[name] = Cost(cpu[name], (use.memory - one[name].memory) / more, times)
    return found


def main() -> None:
    """Take all steps for each size, and print what a target costs."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.scale",
        description=benchmarks.scale.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    sizes, longest = [10_000, 100_000], 1_000
    parser.add_argument(
        "--targets", type=int, nargs="+", default=sizes, metavar="N", help="default: 10000 100000"
    )
    parser.add_argument(
        "--run-up-to", type=int, default=longest, metavar="N", help=f"default: {longest}"
    )
    parser.add_argument(
        "--start-up-to", type=int, default=longest, metavar="N", help=f"default: {longest}"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    asked = parser.parse_args()
    if min(asked.targets) < 2:
        parser.error("it takes at least 2 targets to say what one more costs")
    found = _measure(asked.targets, asked.run_up_to, asked.start_up_to)
    if asked.json:
        shown = {
            size: {name: asdict(each) for name, each in steps.items()}
            for size, steps in found.items()
        }
        print(json.dumps(shown, indent=2))
    else:
        print("\n\n".join(_table(size, steps) for size, steps in found.items()))


def _measure(sizes: list[int], run: int, start: int) -> dict[int, dict[str, Cost]]:
    with TemporaryDirectory() as text:
        folder, least = Path(text), min(sizes)
        one = play(1, folder / "1", run=least <= run, start=least <= start)
        found: dict[int, dict[str, Cost]] = {}
        before: dict[str, Cost] = {}
        for size in sizes:
            many = play(size, folder / f"{size}", run=size <= run, start=size <= start)
            found[size] = costs(size, one, many, before)
            before |= found[size]
            found[size]["opening, in turn"] = _in_turn(size, folder / f"{size}")
        return found


def _in_turn(targets: int, folder: Path) -> Cost:
    turns = in_turn(folder)
    return Cost(turns.seconds / targets * 1e6, None, turns.times)


def _table(targets: int, steps: dict[str, Cost]) -> str:
    rows = [f"{f'{targets:,} targets':20}{'CPU/target':>14}{'memory/target':>16}{'beside':>9}"]
    for name, each in steps.items():
        times = "" if each.times is None else f"{each.times:.2f}x"
        cpu, memory = (
            f"{each.microseconds:,.1f} us",
            "" if each.bytes is None else f"{each.bytes:,.0f} B",
        )
        rows.append(f"{name:20}{cpu:>14}{memory:>16}{times:>9}".rstrip())
    return "\n".join(rows)


if __name__ == "__main__":
    main()
