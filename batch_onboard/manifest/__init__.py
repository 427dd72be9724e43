"""Text to validated targets: a YAML manifest is read, checked and reported on in one pass."""
