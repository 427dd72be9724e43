"""The durable record over all runs of one manifest."""
