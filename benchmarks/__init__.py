"""Measurements: each package here is a command, run with `python -m`."""
