"""Joins the rooms to a run: the only place that picks concrete parts. See `batch`."""
