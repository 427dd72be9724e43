"""Arguments, signals, printing and exit codes: a file a command."""
