"""A list of accounts: an id a line, or CSV with the columns account_id and, perhaps, name."""

from __future__ import annotations

import csv
import re

from batch_onboard.core.catalogue import Account

_ACCOUNT_ID = re.compile(r"[0-9]{12}")


class AccountListError(Exception):
    """A list of accounts can't be used. `str()` names each line, and what is wrong there."""


def read_accounts(text: str, file: str) -> list[Account]:
    """Return the accounts of a list, in the order of their ids.

    Empty lines and those that begin with `#` count for nothing; an account may stand there twice.

    Args:
        text: the list.
        file: its name, for messages.

    Raises:
        AccountListError: a line is wrong, or there is no account in it.
    """
    lines = [
        (number, line)
        for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), 1)
        if line.strip() and not line.lstrip().startswith("#")
    ]
    columns = ["account_id"]
    if lines and "account_id" in (header := _cells(lines[0][1])):
        columns, lines = header, lines[1:]
    accounts: dict[str, Account] = {}
    problems = []
    for number, line in lines:
        row = dict(zip(columns, _cells(line), strict=False))
        account_id = row["account_id"]
        if _ACCOUNT_ID.fullmatch(account_id) is None:
            problems.append(f"{file}:{number}: {_wrong(account_id)}")
        accounts[account_id] = Account(account_id, row.get("name", ""))
    if not accounts:
        problems.append(f"{file}: no accounts: write one id a line, or CSV with a row of columns")
    if problems:
        raise AccountListError("\n".join(problems))
    return [accounts[account_id] for account_id in sorted(accounts)]


def _cells(line: str) -> list[str]:
    (cells,) = csv.reader([line], skipinitialspace=True)
    return [cell.strip() for cell in cells]


def _wrong(account_id: str) -> str:
    if account_id.isdecimal() and len(account_id) < 12:
        return (
            f"an account id has 12 digits, not {len(account_id)}; leading zeros may have been "
            "lost, as spreadsheets do"
        )
    return f"{account_id[:40]!a} is no account id; write its 12 digits, and nothing else"
