"""What `discover` says at its end: how much was found, what was not covered, what has gone."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from batch_onboard.cli.texts import count, duration, safe
from batch_onboard.core.calls import Meaning
from batch_onboard.exits import Exit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from batch_onboard.core.calls import Answer
    from batch_onboard.core.targets import Domain
    from batch_onboard.discovery.inventory import Inventory

_SHOWN = 3
_REMEDIES: dict[str | Meaning, str] = {
    "account_not_allowed": "name the account in allowed_accounts, or leave it out",
    "role_not_allowed": "name the role in allowed_roles, or another one with --role-arn",
    Meaning.DENIED: "grant connect:ListInstances and ds:DescribeDirectories to the role",
    Meaning.CREDENTIALS: "enable the Region in these accounts, or leave it out with --region",
    Meaning.NO_IDENTITY: "mend the role, or take the account out of the list",
    Meaning.WRONG_ACCOUNT: "give each account its own role: --role-arn with {account_id}",
}
_RUN_AGAIN = "run it again: what was read is kept"


@dataclass(frozen=True, slots=True)
class Told:
    """What is told.

    Attributes:
        inventory: what was found.
        written: where the manifest is; None if there was nothing to write.
        kept: where the state is, if something is not covered and there is a file.
        elapsed: seconds.
    """

    inventory: Inventory
    written: str | None
    kept: str | None
    elapsed: float

    @property
    def exit_code(self) -> Exit:
        """The contract's."""
        return Exit.UNFINISHED if self.inventory.refused else Exit.OK

    def as_json(self) -> dict[str, Any]:
        """Return it for programs."""
        found = self.inventory
        return {
            "exit_code": self.exit_code.value,
            "reason": self._reason(),
            "manifest": self.written,
            "instances": sum(1 for _ in found.new()),
            "accounts": len(found.accounts),
            "regions": found.regions,
            "covered": len(found.covered),
            "not_covered": [
                {**domain._asdict(), "code": _code(answer), "message": answer.message}
                for domain, answer in sorted(found.refused.items())
            ],
            "closed_accounts": dict(found.closed_accounts()),
            "idle_instances": dict(found.idle_instances()),
            "gone": [key._asdict() for key in found.gone()],
            "elapsed": round(self.elapsed, 3),
        }

    def lines(self) -> Iterator[str]:
        """Yield it for people."""
        found = self.inventory
        for what, counts in (
            ("account", found.closed_accounts()),
            ("instance", found.idle_instances()),
        ):
            for state, number in sorted(counts.items()):
                yield f"left out: {count(number, what)}, {safe(state)}"
        for key in found.gone():
            yield f"gone: {key}"
        yield from _not_covered(found.refused)
        if found.refused:
            yield f"When that is done, {_RUN_AGAIN}{f' in {self.kept}' if self.kept else ''}"
        yield f"{self._reason()} in {duration(self.elapsed)} (exit {self.exit_code.value})"

    def _reason(self) -> str:
        found = self.inventory
        new = "" if found.known is None else "new "
        instances = count(sum(1 for _ in found.new()), f"{new}instance")
        pairs = count(len(found.covered), "pair")
        where = f"in {pairs} of account and Region"
        lacking = f", {count(len(found.refused), 'pair')} not covered" if found.refused else ""
        written = f": {self.written}" if self.written else ": no manifest written"
        return f"{instances} {where}{lacking}{written}"


def tell(told: Told, *, form: str, quiet: bool, to_stderr: bool) -> None:
    """Say it.

    Args:
        told: what.
        form: `text` or `json`.
        quiet: say nothing if all is well.
        to_stderr: stdout is the manifest's.
    """
    if form == "json":
        import msgspec

        click.echo(msgspec.json.encode(told.as_json()).decode())
    elif not (quiet and told.exit_code is Exit.OK):
        for line in told.lines():
            click.echo(line, err=to_stderr)


def _not_covered(refused: dict[Domain, Answer] | Any) -> Iterator[str]:
    """Yield each cause once, with the pairs that it concerns."""
    causes: defaultdict[tuple[str, Meaning], list[Domain]] = defaultdict(list)
    for domain, answer in sorted(refused.items()):
        causes[_code(answer), answer.meaning].append(domain)
    for (code, meaning), domains in causes.items():
        yield f"not covered: {safe(code)}: {count(len(domains), 'pair')}"
        yield f"    why:  {safe(refused[domains[0]].message or code)}"
        remedy = _REMEDIES.get(code) or _REMEDIES.get(meaning)
        if remedy is not None:
            yield f"    do:   {remedy}"
        more = len(domains) - _SHOWN
        shown = ", ".join(map(str, domains[:_SHOWN]))
        yield f"    e.g.  {shown}{f' and {more:,} more' if more > 0 else ''}"


def _code(answer: Answer) -> str:
    return answer.error_code or answer.meaning.value
