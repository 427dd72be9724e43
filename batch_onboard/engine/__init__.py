"""Works targets through: lanes, workers, polling, stopping. It sees ports, never adapters."""
