"""What all commands share: lazy loading, suggestions, grouped help, durations, settings files."""

from __future__ import annotations

import difflib
import math
import re
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

from batch_onboard.core.s3place import SCHEME

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

ENVIRONMENT_PREFIX = "BATCH_ONBOARD_"

ALLOWED = f"{__name__}.allowed"
"""In click's `Context.meta`: the accounts and roles that only a settings file may allow."""

_ALLOWED = ("allowed_accounts", "allowed_roles")
_UNITS = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>ms|s|m|h|d|)", re.ASCII)


class Duration(click.ParamType[float]):
    """Seconds, or a number with a unit: `30s`, `50m`, `2h`.

    Args:
        positive: whether nothing is too short.
    """

    name = "duration"

    def __init__(self, *, positive: bool = False) -> None:
        self._positive = positive

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return seconds."""
        if isinstance(value, float):
            return value
        match = _DURATION.fullmatch(str(value).strip())
        if match is None:
            self.fail(f"{value!r} is no duration: write seconds, or 30s, 50m, 2h", param, ctx)
        seconds = float(match["number"]) * _UNITS[match["unit"]]
        if not math.isfinite(seconds):
            self.fail(f"{match['number'][:20]}... is too long", param, ctx)
        if self._positive and not seconds:
            self.fail("it must be longer than 0 s", param, ctx)
        return seconds


class Number(click.ParamType[float]):
    """A finite number.

    Args:
        least: it must be at least this, or more than 0 where this is 0.
    """

    name = "number"

    def __init__(self, least: float = 0.0) -> None:
        self._least = least

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return the number."""
        bound = f"of at least {self._least:g}" if self._least else "above 0"
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not math.isfinite(number) or number < self._least or number == 0:
            self.fail(f"{value!r} is not a number {bound}", param, ctx)
        return number


class Option(click.Option):
    """An option that stands under a heading in the help, and may be set by environment or file.

    Args:
        section: the heading.
        settable: also by an environment variable and the settings file.
    """

    def __init__(
        self, *args: Any, section: str = "Common", settable: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.section = section
        self.settable = settable
        if settable and self.name:
            self.envvar = ENVIRONMENT_PREFIX + self.name.upper()
            self.show_envvar = True
        if self.show_default is None:
            self.show_default = True


class Command(click.Command):
    """A command whose help groups its options by their headings."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, a section each."""
        sections: dict[str, list[tuple[str, str]]] = {}
        options = [each for each in self.get_params(ctx) if isinstance(each, click.Option)]
        for option in sorted(options, key=lambda each: not isinstance(each, Option)):
            record = option.get_help_record(ctx)
            if record is not None:
                heading = option.section if isinstance(option, Option) else "Other"
                sections.setdefault(heading, []).append(record)
        for heading, rows in sections.items():
            with formatter.section(heading):
                formatter.write_dl(rows)


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called, not when they are listed."""

    def __init__(self, *args: Any, lazy: Mapping[str, tuple[str, str]], **kwargs: Any) -> None:
        """Make a group.

        Args:
            *args: of `click.Group`.
            lazy: for each command its place, `module:attribute`, and its short help.
            **kwargs: of `click.Group`.
        """
        super().__init__(*args, **kwargs)
        self._lazy = lazy

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names, in the order in which they were given."""
        del ctx
        return list(self._lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        del ctx
        if cmd_name not in self._lazy:
            return None
        module, attribute = self._lazy[cmd_name][0].split(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or name the nearest one."""
        if args and args[0] not in self._lazy and not args[0].startswith("-"):
            ctx.fail(f"no command {args[0]!r}{did_you_mean(args[0], list(self._lazy))}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, short) for name, (_, short) in self._lazy.items()])


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """Return a question that names the nearest known word, or nothing."""
    near = difflib.get_close_matches(word, known, n=1)
    return f"; did you mean {near[0]}?" if near else ""


def load_settings(ctx: click.Context, param: click.Parameter, path: Path | None) -> Path | None:
    """Take the options' defaults from a YAML file: the callback of `--config`."""
    if path is None:
        return None
    settings = _read_settings(path, param)
    ctx.meta[ALLOWED] = {
        key: _globs(path, key, settings.pop(key), ctx, param) for key in _ALLOWED if key in settings
    }
    options = {
        option.name: option
        for option in ctx.command.params
        if isinstance(option, Option) and option.name
    }
    known = [name for name, option in options.items() if option.settable] + [*_ALLOWED]
    for key in settings:
        if key not in known:
            why = f"unknown setting {key!r}{did_you_mean(key, known)}"
            if key in options:
                why = f"{key!r} is a flag only: it is given for each run"
            raise click.BadParameter(f"{path}: {why}", ctx, param)
    ctx.default_map = {
        key: _setting(path, options[key], value, ctx, param) for key, value in settings.items()
    }
    return path


def _globs(
    path: Path, key: str, value: object, ctx: click.Context, param: click.Parameter
) -> tuple[str, ...]:
    globs = value if isinstance(value, list) else [value]
    if not all(isinstance(glob, str) and glob for glob in globs):
        raise click.BadParameter(f"{path}: {key} must be a list of globs", ctx, param)
    return tuple(globs)


def _setting(
    path: Path, option: Option, value: object, ctx: click.Context, param: click.Parameter
) -> str | list[str]:
    """Return what a file says for one option; paths in it start from its own folder."""
    values = value if option.multiple and isinstance(value, list) else [value]
    texts = [each for each in values if isinstance(each, str)]
    if len(texts) < len(values):
        what = "one value or a list of values" if option.multiple else "one value"
        raise click.BadParameter(f"{path}: {option.name} must be {what}", ctx, param)
    if isinstance(option.type, click.Path):
        streams = {"-"} if option.type.allow_dash else set()
        texts = [
            each if each in streams or each.startswith(SCHEME) else str(path.parent / each)
            for each in texts
        ]
    return texts if option.multiple else texts[0]


def _read_settings(path: Path, param: click.Parameter) -> dict[str, Any]:
    import yaml

    try:
        # All values stay text, so that each means the same as in the environment.
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)  # noqa: S506 - it makes only text, lists and mappings
    except OSError as error:
        raise click.BadParameter(f"{path}: {error.strerror}", param=param) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        summary = " ".join(str(error).split())
        raise click.BadParameter(f"{path}: is not YAML: {summary}", param=param) from error
    if not content:
        return {}
    if not isinstance(content, dict):
        raise click.BadParameter(f"{path}: must be a mapping of settings", param=param)
    return {key.replace("-", "_"): value for key, value in content.items()}
