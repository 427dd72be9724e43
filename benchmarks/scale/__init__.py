"""What a target costs in a large batch, in one process: loading, running, resuming, reporting.

Run it from the project's folder, with the project installed:

    python -m benchmarks.scale
    python -m benchmarks.scale --targets 10000 100000 1000000
    python -m benchmarks.scale --targets 1000 10000 --run-up-to 10000 --json

Each step is the real command in a process of its own, and each yardstick likewise:

- validate, yaml: a manifest of so many instances. Its yardstick is PyYAML's C loader alone
  (`yaml.load` with `CSafeLoader`) on the same file. Manifests end at 64 MiB, so there is no such
  step where the file would be larger.
- validate, jsonl, and validate, csv: the same instances in a source of JSON Lines, or of CSV,
  beside the same yardstick; where there is no such YAML file, beside that of the size before.
- plan, offline: with `--no-precheck` and no ledger, so that nothing is asked of anyone.
- plan and run: the whole of it, against a simulator in a process of its own, without throttles,
  whose jobs end at once. Only up to `--run-up-to` targets, since a run takes some milliseconds for
  each. What the simulator uses stands beside it.
- run, one call: the same with `--no-wait --no-precheck`, up to `--start-up-to` targets.
- resume, status, report: on a finished ledger with the lines that such a run writes, four for each
  target, and its checkpoint. Their yardstick is to read the same lines and decode each by msgspec,
  typed and untyped.
- opening: reading such a ledger, and no more; by lines: as if it had no checkpoint; in turn:
  medians of several times in one process, each after a decoding of the same lines.

`python -m benchmarks.scale.shards` plays such a run in one process, and in several side by side;
`python -m benchmarks.scale.fleet` beside workers of `--engine dask`.

Two instances share an account and Region. Every figure but those in turn is the difference to a
batch of one target, for each target: seconds of processor time, and highest resident memory.
"""
