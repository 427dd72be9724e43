"""Makes faults in their long form, and prints what came of them.

    python -m tests.faults --long [--only NAME] [--seed N] [--hours H]

Each form runs to its number, or for its share of the hours. What needs a tool or a right that is
not here is said to have been left out. The exit code is 1 if anything was lost or done twice.
"""

from __future__ import annotations

import argparse
import importlib.util
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from tests.faults import longforms, workers_on_s3
from tests.faults.kills_on_s3 import random_kills_on_s3
from tests.faults.lab import needs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pytest

ELSEWHERE = ("tests.ledger.damage", "tests.ledger.races")


@dataclass(frozen=True, slots=True)
class Form:
    """A long form.

    Attributes:
        trials: makes its trials, given a seed.
        number: how many are enough.
        mark: says what is missing here, if anything is.
    """

    trials: Callable[[int], Iterator[str]]
    number: int
    mark: pytest.MarkDecorator | None = None


def _cuts(kind: str, number: int, *, lying: bool = False) -> Form:
    tools = ("unshare", "mount", f"mkfs.{kind}", *(["strace"] if lying else []))
    trials = partial(longforms.power_cuts, kind, lying=lying)
    return Form(trials, number, needs(13 if lying else 12, *tools, root=True))


FORMS = {
    "kills": Form(longforms.random_kills, 2000),
    "kills-s3": Form(random_kills_on_s3, 500),
    "workers-s3": Form(workers_on_s3.losses, 60),
    "partitions": Form(workers_on_s3.partitions, 40, needs(51, "ip", "openssl", root=True)),
    "points": Form(longforms.kills_at_each_point, 10**6, needs(2, "strace")),
    "errors": Form(longforms.errors_at_each_point, 10**6, needs(8, "strace")),
    "power-ext4": _cuts("ext4", 500),
    "power-xfs": _cuts("xfs", 500),
    "power-control-ext4": _cuts("ext4", 10, lying=True),
    "power-control-xfs": _cuts("xfs", 10, lying=True),
    "steps": Form(longforms.every_step, 10**6),
    "worlds": Form(longforms.random_worlds, 10_000),
    "manifests": Form(longforms.odd_manifests, 200_000),
    "credentials": Form(longforms.credential_mixes, 100_000),
}


def make(name: str, form: Form, seed: int, seconds: float) -> bool:
    """Run one form, print its row, and say whether all went well."""
    if form.mark is not None and form.mark.args[0]:
        print(f"{name:20} LEFT OUT  {form.mark.kwargs['reason']}", flush=True)  # noqa: T201
        return True
    until, counts = time.monotonic() + seconds, Counter[str]()
    problem = ""
    try:
        for came in form.trials(seed):
            counts[came] += 1
            if counts.total() >= form.number or time.monotonic() > until:
                break
    except AssertionError as error:
        problem = f"  FAILED after that: {error}"
    told = ", ".join(f"{came} {count:,}" for came, count in counts.items())
    print(f"{name:20} {counts.total():>9,}  {told}{problem}", flush=True)  # noqa: T201
    return not problem


def make_elsewhere(module: str) -> bool:
    """Run a long form that lives beside what it is about, if it is there."""
    if importlib.util.find_spec(module) is None:
        return True
    print(f"{module}:", flush=True)  # noqa: T201
    return subprocess.run([sys.executable, "-m", module], check=False).returncode == 0


def main() -> int:
    """Do what the arguments say."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--long", action="store_true", required=True, help="yes, the long forms")
    parser.add_argument("--only", choices=[*FORMS, *ELSEWHERE], help="this form alone")
    parser.add_argument("--seed", type=int, default=0, help="where all chance begins")
    parser.add_argument("--hours", type=float, default=8.0, help="for all forms together")
    given = parser.parse_args()
    forms = [name for name in FORMS if given.only in {None, name}]
    seconds = given.hours * 3600 / max(1, len(forms))
    fine = [make(name, FORMS[name], given.seed, seconds) for name in forms]
    fine += [make_elsewhere(module) for module in ELSEWHERE if given.only in {None, module}]
    return 0 if all(fine) else 1


if __name__ == "__main__":
    sys.exit(main())
