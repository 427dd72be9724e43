"""How many calls may be under way at once, with the files that the system lets a process open."""

from __future__ import annotations

import resource
from dataclasses import replace
from math import inf
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from batch_onboard.app.settings import Settings

OWN = 24
"""Descriptors of other things than calls: streams, ledger, event loop, STS, name look-ups."""


def affordable(concurrency: int, *, each: int = 1) -> int:
    """Raise the limit on open files as far as is needed and allowed, and say what it suffices for.

    Beyond it, calls fail as if the service could not be reached, and the ledger may not open.

    Args:
        concurrency: how many calls are wanted at once.
        each: how many descriptors a call takes; two where this process is its own server.

    Returns:
        That many, or fewer; one at least.
    """
    wanted = OWN + each * concurrency
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    least, most = (inf if limit == resource.RLIM_INFINITY else limit for limit in (soft, hard))
    if least < wanted:
        least = min(most, wanted)
        resource.setrlimit(resource.RLIMIT_NOFILE, (int(least), hard))
    return concurrency if least >= wanted else max(1, (int(least) - OWN) // each)


def within_descriptors(settings: Settings) -> Settings:
    """Return settings with no more calls at once than the process has descriptors for."""
    calls = affordable(settings.concurrency, each=1 if settings.scenario is None else 2)
    if calls < settings.concurrency:
        settings.notify(
            f"--concurrency is {calls} instead of {settings.concurrency}, since this process may "
            "open so few files: raise the limit (ulimit -n)"
        )
    return replace(settings, concurrency=calls)
