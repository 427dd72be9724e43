"""The options that say who does the work: this process, or workers on this machine or many."""

from __future__ import annotations

import click

from batch_onboard.cli.arguments import FILE, SOME_TIME, option

engine_options = (
    option(
        "Engine",
        "--engine",
        type=click.Choice(["asyncio", "dask"]),
        default="asyncio",
        help="Who does the work: this process, or workers of Dask, each a part of the batch, with "
        "one coordinator. It needs the extra [dask].",
    ),
    option(
        "Engine",
        "--workers",
        metavar="N",
        type=click.IntRange(min=1),
        help="With --engine dask: worker processes on this machine. Default: one for each core, or "
        "none where --listen or --scheduler-address says where workers come from.",
    ),
    option(
        "Engine",
        "--listen",
        metavar="tls://HOST:PORT",
        help="With --engine dask: where workers (dask worker tls://...) may join.",
    ),
    option(
        "Engine",
        "--scheduler-address",
        metavar="tls://HOST:PORT",
        help="With --engine dask: a Dask scheduler that runs already, with workers of its own.",
    ),
    option(
        "Engine",
        "--tls-ca-file",
        type=FILE,
        help="The certificate of the authority that has signed those of all machines, in PEM.",
    ),
    option("Engine", "--tls-cert", type=FILE, help="This machine's certificate."),
    option("Engine", "--tls-key", type=FILE, help="Its private key."),
    option(
        "Engine",
        "--worker-timeout",
        type=SOME_TIME,
        default="60s",
        help="How long nothing may be heard of a worker until another one goes on with its shards.",
    ),
)
