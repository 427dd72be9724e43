from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch_onboard.core.calls import NOT_ACCEPTED, NOT_SENT, Meaning, meaning_of
from batch_onboard.core.catalogue import Account, Page
from batch_onboard.core.lifecycle import Event
from batch_onboard.core.ports import JournalError
from batch_onboard.core.record import Entry
from batch_onboard.core.targets import Comparison, Encryption, Identity, TargetKey
from tests.core.examples import ALIAS, KEY, NOON, OFF, OTHER, WANTED


def test_a_key_is_read_back_as_it_was_written() -> None:
    """The text of a target's key names account, Region and instance, and reads back equal."""
    assert str(KEY) == "111122223333/eu-west-2/0f1e2d3c"
    assert TargetKey.parse(str(KEY)) == KEY
    assert str(KEY.domain) == "111122223333/eu-west-2"


@pytest.mark.parametrize("text", ["", "a/b", "a/b/c/d"])
def test_a_text_without_three_parts_is_no_key(text: str) -> None:
    """Anything but three parts is refused."""
    with pytest.raises(ValueError, match="unpack"):
        TargetKey.parse(text)


@pytest.mark.parametrize(
    ("wanted", "live", "expected"),
    [
        (WANTED, WANTED, Comparison.SAME),
        (OFF, Encryption(enabled=False, encryption_type="KMS"), Comparison.SAME),
        (WANTED, OTHER, Comparison.DIFFERENT),
        (WANTED, OFF, Comparison.DIFFERENT),
        (OFF, WANTED, Comparison.DIFFERENT),
        (Encryption(enabled=True, key_arn=ALIAS), WANTED, Comparison.UNKNOWN),
        (WANTED, Encryption(enabled=True, key_arn=ALIAS), Comparison.UNKNOWN),
        (WANTED, Encryption(enabled=True), Comparison.UNKNOWN),
    ],
)
def test_encryption_differs_only_where_the_keys_are_known_to(
    wanted: Encryption, live: Encryption, expected: Comparison
) -> None:
    """Two exact keys are the same or different; with an alias or no key nobody knows."""
    assert wanted.compare(live) is expected


def test_an_encryption_is_shown_by_its_key() -> None:
    """People see the key's ARN, or that there is no encryption of their own."""
    assert str(WANTED) == WANTED.key_arn
    assert str(OFF) == "disabled"
    assert str(Encryption(enabled=True)) == "enabled"


def test_an_identity_is_shown_by_what_it_uses() -> None:
    """People see the role, the profile, or that it is the caller's own credentials."""
    assert str(Identity(role_arn="arn:aws:iam::1:role/x")) == "arn:aws:iam::1:role/x"
    assert str(Identity(profile="prod")) == "profile prod"
    assert str(Identity()) == "the caller's own credentials"


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (429, "ThrottlingException", Meaning.THROTTLED),
        (429, "429", Meaning.THROTTLED),
        (400, "Throttling", Meaning.THROTTLED),
        (400, "RequestLimitExceeded", Meaning.THROTTLED),
        (503, "SlowDown", Meaning.UNCLEAR),
        (409, "ConflictException", Meaning.CONFLICT),
        (409, "InvalidStateException", Meaning.CONFLICT),
        (409, None, Meaning.CONFLICT),
        (404, "ResourceNotFoundException", Meaning.ABSENT),
        (404, None, Meaning.UNCLEAR),
        (404, "404", Meaning.UNCLEAR),
        (403, "AccessDeniedException", Meaning.DENIED),
        (403, None, Meaning.DENIED),
        (403, "ExpiredTokenException", Meaning.EXPIRED),
        (400, "ExpiredToken", Meaning.EXPIRED),
        (403, "UnrecognizedClientException", Meaning.CREDENTIALS),
        (403, "RequestTimeTooSkewed", Meaning.CREDENTIALS),
        (400, "ValidationException", Meaning.REJECTED),
        (400, "SomethingNew", Meaning.REJECTED),
        (413, None, Meaning.UNCLEAR),
        (401, "401", Meaning.UNCLEAR),
        (400, "400", Meaning.UNCLEAR),
        (400, None, Meaning.UNCLEAR),
        (408, None, Meaning.UNCLEAR),
        (500, "InternalServerException", Meaning.UNCLEAR),
        (502, "502", Meaning.UNCLEAR),
        (307, None, Meaning.UNCLEAR),
        (200, None, Meaning.UNCLEAR),
    ],
)
def test_an_error_means_what_its_code_or_status_says(
    status: int, code: str | None, expected: Meaning
) -> None:
    """Codes come first, since a throttle may be a 400; a bare status is enough where none is."""
    assert meaning_of(status, code) is expected


@given(status=st.integers(500, 599), code=st.none() | st.text())
def test_no_server_error_proves_that_a_start_was_not_accepted(
    status: int, code: str | None
) -> None:
    """Whatever a 5xx says, the Start may have been accepted."""
    assert meaning_of(status, code) is Meaning.UNCLEAR


def test_what_is_not_told_of_an_account_is_not_made_up() -> None:
    """An account of a list is taken for an active one at the root; a page alone is the last."""
    account = Account("111122223333")
    assert (account.name, account.ou, account.state) == ("", "", "ACTIVE")
    assert Page((account,)).token is None


def test_a_journal_says_which_entries_may_be_lost() -> None:
    """None, where it is not said."""
    entry = Entry(Event.RUNNING, KEY, NOON)
    assert JournalError("disk full", (entry,)).lost == (entry,)
    assert (str(JournalError("disk full")), JournalError("disk full").lost) == ("disk full", ())


def test_what_was_not_sent_and_what_was_not_accepted_are_told_apart() -> None:
    """An unclear answer is neither, so its Start stays open."""
    assert not NOT_SENT & NOT_ACCEPTED
    assert Meaning.UNCLEAR not in NOT_SENT | NOT_ACCEPTED
