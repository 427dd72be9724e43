"""One batch on many machines: shards that an engine places, and a coordinator that decides."""
