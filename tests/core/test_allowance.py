from __future__ import annotations

from dataclasses import replace

import pytest

from batch_onboard.core.allowance import Allowance
from batch_onboard.core.targets import Identity
from tests.engine.examples import targets

TARGETS = targets(5, accounts=2)


@pytest.mark.parametrize(
    "allowance",
    [
        Allowance(),
        Allowance(("00000000000[12]",)),
        Allowance(("x", "0*"), ("arn:aws:iam::*:role/Onboarder",)),
    ],
)
def test_what_matches_any_glob_is_allowed(allowance: Allowance) -> None:
    """No list allows all; a list allows what any of its globs matches."""
    assert allowance.refusal(TARGETS) is None


def test_what_is_not_allowed_is_listed_with_its_accounts() -> None:
    """Each account is named with the number of its targets, then each role."""
    allowance = Allowance(("*1",), ("*:role/Other",))
    assert allowance.refusal(TARGETS) == (
        "allowed_accounts does not allow 000000000002 (2); allowed_roles does not allow "
        "arn:aws:iam::000000000001:role/Onboarder for 000000000001 (3): nothing was sent"
    )


def test_an_empty_list_allows_nothing_and_long_answers_are_cut() -> None:
    """Thousands of accounts don't fill the terminal."""
    refusal = Allowance(()).refusal(targets(50, accounts=50))
    assert refusal is not None
    assert "000000000019 (1), 000000000020 (1) and 30 more: nothing was sent" in refusal


def test_a_list_that_just_fits_is_not_cut() -> None:
    """Of twenty accounts all are named, of twenty-one all but one."""
    twenty, one_more = (str(Allowance(()).refusal(targets(n, accounts=n))) for n in (20, 21))
    assert twenty.endswith("000000000020 (1): nothing was sent")
    assert one_more.endswith("000000000020 (1) and 1 more: nothing was sent")


def test_a_list_of_roles_allows_own_credentials_and_no_profiles() -> None:
    """The caller's credentials are the operator's choice; a profile's role is not known."""
    own, profile = (
        replace(TARGETS[0], identity=each) for each in (Identity(), Identity(profile="p"))
    )
    assert Allowance(roles=()).refusal([own]) is None
    assert "profile p for 000000000001" in str(Allowance(roles=("*",)).refusal([profile]))
    assert Allowance(("*",)).refusal([profile]) is None


def test_the_list_that_bars_an_identity_is_named() -> None:
    """Accounts go first: what is not allowed there needs no role."""
    allowance = Allowance(("*1",), ("*:role/Other",))
    identity = TARGETS[0].identity
    assert allowance.bars(identity, "000000000002") == "allowed_accounts"
    assert allowance.bars(identity, "000000000001") == "allowed_roles"
    assert allowance.bars(Identity(), "000000000001") is None
