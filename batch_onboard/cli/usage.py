"""A command that was typed wrong, told in one line: what is wrong, and where help is."""

from __future__ import annotations

import click
from click.core import ParameterSource

from batch_onboard.cli.framework import ENVIRONMENT_PREFIX, did_you_mean


def usage_line(error: click.UsageError) -> str:
    """Return one line that says what was typed wrong."""
    message = _said(error)
    if error.ctx is None:
        return message
    return f"{message} (see {error.ctx.command_path} --help)"


def _said(error: click.UsageError) -> str:
    if isinstance(error, click.NoSuchOption):
        return f"no option {error.option_name}{did_you_mean(error.option_name, _options(error))}"
    message = error.message.rstrip(".")
    if isinstance(error, click.MissingParameter) and error.param is not None:
        return f"{_spelled(error.param)} is missing"
    if isinstance(error, click.BadParameter) and error.param is not None and error.ctx is not None:
        return f"{_named(error.param, error.ctx)}: {message}"
    return message[:1].lower() + message[1:]


def _options(error: click.UsageError) -> list[str]:
    params = error.ctx.command.params if error.ctx is not None else []
    return [each for param in params for each in (*param.opts, *param.secondary_opts)]


def _named(param: click.Parameter, ctx: click.Context) -> str:
    """Name a parameter as whoever gave it did: by its variable, if it came from there."""
    name = param.name or ""
    if ctx.get_parameter_source(name) is ParameterSource.ENVIRONMENT:
        return f"{ENVIRONMENT_PREFIX}{name.upper()}"
    return _spelled(param)


def _spelled(param: click.Parameter) -> str:
    is_argument = isinstance(param, click.Argument)
    return param.human_readable_name if is_argument else max(param.opts, key=len)
