"""The results, for people and for programs."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from benchmarks.peers.measures import spreads

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.peers.measures import Measures, Spread
    from benchmarks.peers.roster import Peer
    from benchmarks.peers.work import Work

_COLUMNS = {
    "ratio": ("ratio", 2),
    "waste": ("waste %", 1),
    "lost": ("lost", 0),
    "cpu": ("CPU s", 1),
}
"""The heading of each measure, and how many decimals it has."""


def as_table(work: Work, results: Mapping[Peer, Sequence[Measures]]) -> str:
    """Return a Markdown table of medians, with the least and the most where they differ."""
    runs = max(len(measured) for measured in results.values())
    rows = [["peer", *(heading for heading, _ in _COLUMNS.values())]]
    for peer, measured in results.items():
        found = spreads(measured)
        rows.append([peer.title, *(_cell(found[name], name) for name in _COLUMNS)])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rows.insert(1, ["-" * width for width in widths])
    lines = ["| " + " | ".join(map(str.ljust, row, widths)) + " |" for row in rows]
    title = (
        f"quota {work.rate:g}/{work.burst:g}, N {work.number}, latency {work.latency * 1000:g} ms; "
        f"medians of {runs} (least to most)"
    )
    if any(run.lost for measured in results.values() for run in measured):
        lines += ["", "Where targets were lost, the ratio is that of a smaller batch."]
    return "\n".join([title, "", *lines])


def as_json(work: Work, results: Mapping[Peer, Sequence[Measures]]) -> str:
    """Return the same, and each run, as JSON."""
    peers = {
        peer.name: {
            "title": peer.title,
            "runs": [asdict(run) for run in measured],
            **{name: asdict(spread) for name, spread in spreads(measured).items()},
        }
        for peer, measured in results.items()
    }
    return json.dumps({"work": asdict(work), "peers": peers}, indent=2)


def _cell(spread: Spread, name: str) -> str:
    _, decimals = _COLUMNS[name]
    middle, least, most = (
        f"{value:.{decimals}f}" for value in (spread.median, spread.least, spread.most)
    )
    return middle if least == most else f"{middle} ({least} to {most})"
