"""What all commands share: lazy loading, suggestions, grouped help, durations."""

from __future__ import annotations

import math
import re
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

from batch_onboard.cli.helptext import HelpFormatter

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from click.shell_completion import CompletionItem

ENVIRONMENT_PREFIX = "BATCH_ONBOARD_"

_UNITS = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = r"(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>ms|s|m|h|d|)"


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
        match = re.fullmatch(_DURATION, str(value).strip(), re.ASCII)
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


class Context(click.Context):
    """A context whose help is laid out by this tool's own formatter."""

    formatter_class = HelpFormatter


class Command(click.Command):
    """A command whose help groups its options by their headings, and ends with examples.

    Args:
        examples: lines that can be typed as they are, once their files are there.
    """

    context_class = Context

    def __init__(self, *args: Any, examples: tuple[str, ...] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.examples = examples

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples, and what comes after them."""
        _write_examples(self.examples, formatter)
        super().format_epilog(ctx, formatter)

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


def _write_examples(examples: Sequence[str], formatter: click.HelpFormatter) -> None:
    """Write commands, each in one line however long, so that they can be copied."""
    with formatter.section("Examples"):
        formatter.write("".join(f"  {example}\n" for example in examples))


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called, not when they are listed."""

    context_class = Context

    def __init__(
        self,
        *args: Any,
        lazy: Mapping[str, tuple[str, str]],
        examples: tuple[str, ...],
        **kwargs: Any,
    ) -> None:
        """Make a group.

        Args:
            *args: of `click.Group`.
            lazy: for each command its place, `module:attribute`, and its short help.
            examples: lines that can be typed as they are.
            **kwargs: of `click.Group`.
        """
        super().__init__(*args, **kwargs)
        self._lazy = lazy
        self.examples = examples

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take the arguments, one of which must name a command where one is needed."""
        if not (args or self.invoke_without_command or ctx.resilient_parsing):
            ctx.fail(f"name one of {', '.join(self._lazy)}")
        return super().parse_args(ctx, args)

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

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples, and what comes after them."""
        _write_examples(self.examples, formatter)
        super().format_epilog(ctx, formatter)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete a command's name without importing any."""
        from click.shell_completion import CompletionItem

        found = [
            CompletionItem(name, help=short)
            for name, (_, short) in self._lazy.items()
            if name.startswith(incomplete)
        ]
        return found + click.Command.shell_complete(self, ctx, incomplete)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, short) for name, (_, short) in self._lazy.items()])


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """Return a question that names the nearest known word, or nothing."""
    from difflib import get_close_matches

    near = get_close_matches(word, known, n=1)
    return f"; did you mean {near[0]}?" if near else ""
