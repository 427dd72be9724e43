"""A simulated AWS: a pure world, served over HTTP on loopback or spoken to in memory."""
