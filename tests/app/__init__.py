"""Joining the parts: what a run is about, and how it ends."""
