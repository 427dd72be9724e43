"""Where workers come from, by the options: what goes together, and what would be a way in."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from batch_onboard.fleet.addresses import Address

if TYPE_CHECKING:
    from batch_onboard.fleet.dask import DaskSettings

_SHARDS_FOR_MANY = 32
"""Shards where nobody can tell yet how many workers there will be."""
_FOR_DASK = ("workers", "listen", "scheduler_address", "tls_ca_file", "tls_cert", "tls_key")
_TLS = ("tls_ca_file", "tls_cert", "tls_key")


def check_engine(options: dict[str, Any]) -> None:
    """Refuse options that don't go together, or would let strangers hand programs to workers.

    Raises:
        click.UsageError: there are such.
    """
    named = {name: _flag(name) for name in _FOR_DASK if options[name] is not None}
    if options["engine"] != "dask":
        if named:
            raise click.UsageError(f"{next(iter(named.values()))} goes with --engine dask")
        return
    if options["shard_index"] is not None:
        raise click.UsageError("--shard-index is one part, --engine dask does all of them")
    if options["scheduler_address"] is not None and named.keys() & {"workers", "listen"}:
        raise click.UsageError(
            "--scheduler-address has workers of its own: not with --workers or --listen"
        )
    missing = [_flag(name) for name in _TLS if options[name] is None]
    if 0 < len(missing) < len(_TLS):
        raise click.UsageError(f"the --tls options go together: {missing[0]} is missing")
    _check_address(options, certified=not missing)


def _check_address(options: dict[str, Any], *, certified: bool) -> None:
    for name, address in _addresses(options).items():
        try:
            parsed = Address.parse(address)
        except ValueError as error:
            raise click.UsageError(f"{_flag(name)}: {error}") from error
        if parsed.is_encrypted and not certified:
            raise click.UsageError(
                f"{_flag(name)} {address} needs certificates: --tls-ca-file, --tls-cert and "
                "--tls-key"
            )
        if not (parsed.is_encrypted or parsed.is_loopback):
            raise click.UsageError(
                f"{_flag(name)} {address}: whoever can reach it can have programs run, so outside "
                "this machine it must be tls://, with client certificates"
            )


def is_elsewhere(options: dict[str, Any]) -> bool:
    """Say whether workers may be on other machines."""
    return any(not Address.parse(each).is_loopback for each in _addresses(options).values())


def own_workers(options: dict[str, Any]) -> int:
    """Return how many workers there are to be on this machine."""
    if options["workers"] is not None:
        return int(options["workers"])
    return 0 if _addresses(options) else os.cpu_count() or 1


def shards_by_default(options: dict[str, Any]) -> int:
    """Return how many shards there are where neither ledgers nor anybody says.

    One for each worker, if all are of this machine: they begin at once, so that more would make no
    run faster, and each has a ledger, connections and role sessions of its own.
    """
    return _SHARDS_FOR_MANY if _addresses(options) else own_workers(options)


def _addresses(options: dict[str, Any]) -> dict[str, str]:
    """Return where workers other than our own may come from, by the option that says so."""
    names = "listen", "scheduler_address"
    return {name: options[name] for name in names if options[name] is not None}


def dask_settings(options: dict[str, Any], shards: int) -> DaskSettings:
    """Return where workers come from.

    Args:
        options: of the command.
        shards: how many there are; each worker has room for all, as it may be the last one, and
            there are no more workers of this machine than that.
    """
    from batch_onboard.fleet.dask import DaskSettings

    files = {name: None if options[name] is None else str(options[name]) for name in _TLS}
    return DaskSettings(
        address=options["scheduler_address"],
        listen=options["listen"],
        workers=min(own_workers(options), shards),
        threads=shards,
        ca_file=files["tls_ca_file"],
        cert=files["tls_cert"],
        key=files["tls_key"],
        silence=options["worker_timeout"],
    )


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"
