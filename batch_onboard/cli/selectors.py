"""What options say of targets: `KEY=GLOB`, and how many may fail."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import click

from batch_onboard.core.selectable import KEYS

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from batch_onboard.core.selection import Selector


class FailureLimit(click.ParamType[tuple[int | None, float | None]]):
    """A number of targets, or a share of them: `5`, `2.5%`."""

    name = "N|N%"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int | None, float | None]:
        """Return the number or the percentage; the other one is None."""
        text = str(value).strip()
        match = re.fullmatch(r"(?P<number>\d+)|(?P<percent>\d+(\.\d+)?)\s*%", text, re.ASCII)
        if match is None or float(match["percent"] or 0) > 100:
            message = f"{value!r} is neither a number of targets nor a percentage: write 5 or 2.5%"
            self.fail(message, param, ctx)
        if match["number"] is not None:
            return int(match["number"]), None
        return None, float(match["percent"])


class SelectorType(click.ParamType["Selector"]):
    """`KEY=GLOB`."""

    name = "KEY=GLOB"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Selector:
        """Return the selector."""
        from batch_onboard.core.selection import SelectionError, Selector

        try:
            return Selector.parse(value)
        except SelectionError as error:
            self.fail(str(error), param, ctx)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Complete the key, and after it a state or an API."""
        from click.shell_completion import CompletionItem

        del ctx, param
        key = incomplete.partition("=")[0]
        words = [f"{key}={value}" for value in _values(key)]
        words += [f"{name}=" for name in KEYS if not name.endswith("NAME")]
        return [
            CompletionItem(word)
            for word in words
            if word.startswith(incomplete) and word != incomplete
        ]


def _values(key: str) -> list[str]:
    """Return what a key's value can be, if those are few."""
    from batch_onboard.core.lifecycle import State
    from batch_onboard.core.targets import Api

    return {"state": [state.value for state in State], "api": [api.value for api in Api]}.get(
        key, []
    )


SELECTOR = SelectorType()
