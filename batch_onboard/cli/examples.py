"""What to type: the examples of each command's help."""

from __future__ import annotations

_ROLE = "arn:aws:iam::{account_id}:role/ConnectReader"

EXAMPLES: dict[str, tuple[str, ...]] = {
    "": (
        "batch-onboard validate emea.yaml",
        "batch-onboard plan emea.yaml",
        "batch-onboard run emea.yaml",
    ),
    "validate": (
        "batch-onboard validate emea.yaml",
        "batch-onboard validate emea.yaml --output json | jq -r '.problems[].message'",
    ),
    "plan": (
        "batch-onboard plan emea.yaml",
        "batch-onboard plan emea.yaml -o emea.plan.json",
        "batch-onboard plan emea.yaml --output json | jq .counts",
    ),
    "run": (
        "batch-onboard run emea.yaml --simulate",
        "batch-onboard run emea.yaml --plan emea.plan.json --yes",
        "batch-onboard run emea.yaml --canary 5 --max-failures 2%",
        "batch-onboard run emea.yaml --include labels.pilot=yes --yes",
        "batch-onboard run emea.yaml --retry-failed --max-duration 4h",
        "batch-onboard run emea.yaml --engine dask --workers 8",
    ),
    "status": (
        "batch-onboard status emea.ledger.jsonl",
        "batch-onboard status emea.ledger.jsonl --follow",
        "batch-onboard status emea.ledger.jsonl --output json | jq .summary.states",
    ),
    "report": (
        "batch-onboard report emea.ledger.jsonl -o emea.html",
        "batch-onboard report emea.ledger.jsonl -o emea.csv",
        "batch-onboard report emea.ledger.jsonl --format jsonl | grep KMS_ACCESS_DENIED",
    ),
    "policy": (
        "batch-onboard policy emea.yaml",
        "batch-onboard policy emea.yaml --kind run --account 111122223333 > run-policy.json",
    ),
    "discover": (
        "batch-onboard discover -o emea.yaml --simulate",
        "batch-onboard discover -o emea.yaml --organization --role-arn '" + _ROLE + "'",
        "batch-onboard discover -o new.yaml --against emea.yaml --region eu-west-2",
    ),
    "simulate": (
        "batch-onboard simulate",
        "batch-onboard simulate --scenario scenario.yaml --port 4566",
    ),
    "schema": ("batch-onboard schema > batch-onboard.schema.json",),
    "completion": (
        'eval "$(batch-onboard completion bash)"    # in ~/.bashrc',
        'eval "$(batch-onboard completion zsh)"     # in ~/.zshrc, after compinit',
        "batch-onboard completion fish > ~/.config/fish/completions/batch-onboard.fish",
    ),
    "ledger verify": ("batch-onboard ledger verify emea.ledger.jsonl",),
    "ledger salvage": (
        "batch-onboard ledger salvage emea.ledger.jsonl -o saved.ledger.jsonl",
        "batch-onboard ledger salvage s3://waves/emea -o s3://waves/saved",
    ),
    "ledger compact": (
        "batch-onboard ledger compact emea.ledger.jsonl",
        "batch-onboard ledger compact s3://waves/emea -o s3://waves/emea-2",
    ),
    "ledger merge": (
        "batch-onboard ledger merge ledgers/ -o emea.ledger.jsonl",
        "batch-onboard ledger merge emea.shard-*-of-8.ledger.jsonl -o emea.ledger.jsonl",
    ),
    "ledger unlock": ("batch-onboard ledger unlock emea.ledger.jsonl",),
    "ledger": ("batch-onboard ledger verify emea.ledger.jsonl",),
}
"""By command, without the program's own name. Each line can be typed once its files are there."""
