"""Results of many seeds as a table for people, and as JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from statistics import median
from typing import TYPE_CHECKING

from benchmarks.limiter.targets import limits

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.limiter.scenarios import Scenario
    from benchmarks.limiter.simulate import Result

_EPSILON = 1e-9


@dataclass(frozen=True, slots=True)
class Cell:
    """What one limiter did in one scenario, over all seeds."""

    scenario: Scenario
    limiter: str
    results: tuple[Result, ...]

    def misses(self, over: Callable[[Sequence[float]], float]) -> list[str]:
        """Return which targets are missed, and by what, for the median or the worst seed."""
        found = []
        for measure, limit in limits(self.scenario):
            value = over(self.values(measure))
            if value > limit + _EPSILON:
                found.append(f"{measure} {value:.3f}>{limit:g}")
        return found

    def values(self, measure: str) -> list[float]:
        """Return one measure of all seeds."""
        return [getattr(result, measure) for result in self.results]

    def verdict(self) -> str:
        """Say whether the targets are met: PASS, or MISS with the measures and their limits."""
        if not list(limits(self.scenario)):
            return "-"
        if misses := self.misses(median):
            return "MISS " + ", ".join(misses)
        worst = self.misses(max)
        return "PASS" + (f" (worst {', '.join(worst)})" if worst else "")

    def for_json(self) -> dict[str, object]:
        """Return medians and worst values as plain data."""
        measures = asdict(self.results[0])
        return {
            "scenario": self.scenario.name,
            "limiter": self.limiter,
            "median": {name: median(self.values(name)) for name in measures},
            "worst": {name: max(self.values(name)) for name in measures},
            "verdict": self.verdict(),
        }


def heading(limiters: Sequence[str]) -> str:
    """Return the table's first line."""
    columns = "".join(f"{name:>24}" for name in limiters)
    return f"{'ratio, waste %: median/worst':<34}{columns}  targets (ours)"


def line(cells: Sequence[Cell]) -> str:
    """Return a scenario's line: each limiter's ratio and waste, and the verdict on the first."""
    columns = "".join(f"{_figures(cell):>24}" for cell in cells)
    extra = _extra(cells[0])
    return f"{cells[0].scenario.name:<34}{columns}  {extra}{cells[0].verdict()}"


def _figures(cell: Cell) -> str:
    ratio, waste = cell.values("ratio"), [100 * share for share in cell.values("waste")]
    return f"{median(ratio):.2f}/{max(ratio):.2f} {median(waste):.1f}/{max(waste):.1f}"


def _extra(cell: Cell) -> str:
    """Return what else was measured where that is what the scenario is about."""
    scenario = cell.scenario
    measure = (
        "adapted"
        if scenario.change is not None
        else "unfair"
        if scenario.copies > 1
        else "harm"
        if scenario.co_tenant
        else None
    )
    if measure is None:
        return ""
    values = cell.values(measure)
    return f"{measure} {median(values):.3f}/{max(values):.3f} "
