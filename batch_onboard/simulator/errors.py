"""How serving the simulator may fail; apart, so that a real run need not import the server."""

from __future__ import annotations


class SimulatorError(Exception):
    """The simulator can't be served. The message says why."""
