"""The file that `--config` names: defaults for options, each checked where it stands."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import click

from batch_onboard.cli.framework import Option, did_you_mean
from batch_onboard.exits import Exit

if TYPE_CHECKING:
    from pathlib import Path

    from batch_onboard.manifest.nodes import MappingNode
    from batch_onboard.manifest.problems import Complaints, Place, Problem

ALLOWED = f"{__name__}.allowed"
"""In click's `Context.meta`: the accounts and roles that only a settings file may allow."""

_ALLOWED = ("allowed_accounts", "allowed_roles")
_MAX_BYTES = 1 << 20


class WrongSettingsError(click.ClickException):
    """A settings file can't be used."""

    exit_code = Exit.USAGE

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self._problems = problems

    def show(self, file: Any = None) -> None:
        """Tell the problems on stderr."""
        del file
        from batch_onboard.cli.problems import print_problems

        print_problems(self._problems[0].file, self._problems)


def load_settings(ctx: click.Context, param: click.Parameter, path: Path | None) -> Path | None:
    """Take the options' defaults from a YAML file: the callback of `--config`.

    Raises:
        WrongSettingsError: the file can't be used.
    """
    del param
    if path is None:
        return None
    from batch_onboard.manifest.problems import Complaints, StopReading

    complaints = Complaints(str(path))
    with suppress(StopReading):  # the complaint is made
        settings = _Settings(ctx, path.parent, complaints)
        node = _read(path, complaints)
        for key in node:
            settings.take(node, key)
        if not complaints.has_errors:
            ctx.default_map = settings.defaults
            ctx.meta[ALLOWED] = settings.allowed
            return path
    raise WrongSettingsError(complaints.problems())


def _read(path: Path, complaints: Complaints) -> MappingNode:
    """Return what a file holds.

    All values stay text, so that each means the same as in the environment.
    """
    from batch_onboard.manifest.compose import compose
    from batch_onboard.manifest.files import UnusableFileError, read_regular
    from batch_onboard.manifest.nodes import MappingNode, Spot
    from batch_onboard.manifest.problems import Place
    from batch_onboard.manifest.text import decode

    start = Place(str(path), 1, 1)
    try:
        data = read_regular(path, max_bytes=_MAX_BYTES).data
    except UnusableFileError as error:
        complaints.stop(start, "unusable-file", f"the settings can't be used: {error}")
    node = compose(decode(data, str(path), complaints), str(path), complaints, plain=str)
    if node is None:
        return MappingNode(str(path), Spot(0, 0))
    if not isinstance(node, MappingNode):
        message = "the settings must be a mapping, such as rate: 2"
        complaints.stop(start, "wrong-value", message)
    return node


class _Settings:
    """What a file sets, as far as it is right.

    Attributes:
        defaults: for options, in the form of click's `default_map`.
        allowed: the accounts and roles that may be used, by setting.
    """

    def __init__(self, ctx: click.Context, folder: Path, complaints: Complaints) -> None:
        self.defaults: dict[str, str | list[str]] = {}
        self.allowed: dict[str, tuple[str, ...]] = {}
        self._ctx = ctx
        self._folder = folder
        self._complaints = complaints
        self._options = {
            str(each.name): each for each in ctx.command.params if isinstance(each, Option)
        }

    def take(self, node: MappingNode, key: str) -> None:
        """Take one setting, or complain of it."""
        name, place = key.replace("-", "_"), node.key_place(key)
        option = self._options.get(name)
        if name in self.defaults or name in self.allowed:
            message = f"{key} is given twice, once with - and once with _"
            self._complaints.error(place, "duplicate-key", message, "keep one of them")
        elif name in _ALLOWED:
            self.allowed[name] = tuple(text for text, _ in self._texts(node, key, many=True))
        elif option is None:
            hint = did_you_mean(name, self._known()).removeprefix("; ")
            hint = (hint or f"known are {', '.join(self._known())}").replace("_", "-")
            self._complaints.error(place, "unknown-key", f"unknown setting {key!r}", hint)
        elif not option.settable:
            hint = "give it on the command line, for each run"
            self._complaints.error(place, "flag-only", f"{key!r} is a flag only", hint)
        else:
            self._take_option(option, name, node, key)

    def _known(self) -> list[str]:
        return [name for name, option in self._options.items() if option.settable] + [*_ALLOWED]

    def _take_option(self, option: Option, name: str, node: MappingNode, key: str) -> None:
        """Take an option's default."""
        texts = []
        for text, place in self._texts(node, key, many=option.multiple):
            try:
                option.type.convert(text, option, self._ctx)
            except click.BadParameter as error:
                message = f"{key}: {error.message.rstrip('.')}"
                self._complaints.error(place, "wrong-value", message, subject=key)
            texts.append(self._from_here(option, text))
        if texts:
            self.defaults[name] = texts if option.multiple else texts[0]

    def _from_here(self, option: Option, text: str) -> str:
        """Return a value, whose path, if it is one, starts from the file's own folder."""
        from batch_onboard.core.s3place import SCHEME

        kind = option.type
        if not isinstance(kind, click.Path) or (kind.allow_dash and text == "-"):
            return text
        if text.startswith(SCHEME):
            return text
        return str(self._folder / text)

    def _texts(self, node: MappingNode, key: str, *, many: bool) -> list[tuple[str, Place]]:
        """Return the texts of one setting and where each stands."""
        from batch_onboard.manifest.nodes import SequenceNode

        value, place = node[key], node.value_place(key)
        found = [(value, place)]
        if many and isinstance(value, SequenceNode):
            found = [(each, value.item_place(index)) for index, each in enumerate(value)]
        if all(isinstance(text, str) and text for text, _ in found):
            return found
        message = f"{key} must be one value{' or a list of values' if many else ''}, not empty"
        self._complaints.error(place, "wrong-value", message, subject=key)
        return []
