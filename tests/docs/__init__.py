"""The documentation, as its readers use it: what stands there is typed, and what it shows appears."""
