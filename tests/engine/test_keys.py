"""Keys that a manifest names by an alias: what is sent, recorded, compared and asked for."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from batch_onboard.core.calls import Meaning, Operation
from batch_onboard.core.lifecycle import Event
from batch_onboard.core.opening import Opening, opening
from batch_onboard.core.steps import Rules
from batch_onboard.core.targets import Encryption
from tests.engine.examples import Stage, targets

if TYPE_CHECKING:
    from batch_onboard.core.targets import Target

_PLACE = "arn:aws:kms:eu-west-2:000000000001"
_ALIAS, _OTHER = f"{_PLACE}:alias/campaigns", f"{_PLACE}:alias/other"
_KEY = f"{_PLACE}:key/1111"
_QUICK: dict[str, Any] = {
    "defaults": {"job_duration": {"min": 20, "max": 20}},
    "throttle": {"rate": None},
}
_KNOWN = _QUICK | {"kms": {"aliases": [{"alias": _ALIAS, "key_id": "1111"}]}}


def _named_by(alias: str, number: int = 1) -> list[Target]:
    return targets(number, encryption=Encryption(True, alias, "KMS"))


def _onboarded_with(key_arn: str) -> dict[str, Any]:
    encryption = {"enabled": True, "key_arn": key_arn, "encryption_type": "KMS"}
    return {"instances": [{"initial": "onboarded", "encryption": encryption}]}


def test_the_key_is_sent_and_recorded_in_place_of_its_alias() -> None:
    """The service is told the key's own ARN, the ledger has it with the alias, KMS is asked once."""
    stage = Stage(_KNOWN)
    stage.run(_named_by(_ALIAS, 5))
    assert set(stage.states().values()) == {"succeeded"}
    intended = [entry for entry in stage.journal.entries if entry.event is Event.INTENDED]
    assert {(entry.encryption, entry.alias) for entry in intended} == {(_KEY, _ALIAS)}
    assert stage.world.seen.requests["DescribeKey"] == 1


def test_a_done_target_is_not_read_again_for_its_alias() -> None:
    """Alias in the manifest and key in the ledger: the same; another alias or key: a read."""
    stage = Stage(_KNOWN)
    stage.run(_named_by(_ALIAS))
    (target,), (record,) = _named_by(_ALIAS), stage.records.values()

    def begins(key_arn: str) -> Opening:
        wanted = replace(target, encryption=Encryption(True, key_arn, "KMS"))
        return opening(wanted, record, Rules())

    assert [begins(_ALIAS), begins(_KEY)] == [Opening.NOTHING] * 2
    assert [begins(_OTHER), begins(f"{_PLACE}:key/2222")] == [Opening.LOOK] * 2


@pytest.mark.parametrize(("live", "state"), [(_KEY, "already_onboarded"), ("other", "drifted")])
def test_the_key_behind_the_alias_is_compared(live: str, state: str) -> None:
    """An instance with the alias' key is onboarded as asked; with another key it has drifted."""
    key_arn = live if live == _KEY else f"{_PLACE}:key/{live}"
    stage = Stage(_KNOWN | _onboarded_with(key_arn))
    stage.run(_named_by(_ALIAS))
    (record,) = stage.records.values()
    assert record.state == state
    assert record.encryption == key_arn
    assert record.alias == (_ALIAS if live == _KEY else None)


@pytest.mark.parametrize(
    ("rule", "code"),
    [({"allow": False}, "key_denied"), ({"exists": False}, "key_not_found")],
)
def test_a_key_that_is_not_told_is_never_drift(rule: dict[str, Any], code: str) -> None:
    """Its targets are unresolved with that cause, and those with a key of their own are not."""
    world = _QUICK | {"kms": {"aliases": [{"alias": _ALIAS, **rule}]}}
    stage = Stage(world | _onboarded_with(_KEY))
    others = [replace(each, key=each.key._replace(instance_id="own")) for each in targets(1)]
    stage.run([*_named_by(_ALIAS, 3), *others])
    states = stage.states()
    assert states.pop("own") == "drifted"
    assert set(states.values()) == {"unresolved"}
    codes = {record.error_code for record in stage.records.values()}
    assert codes == {code, None}
    assert Operation.START not in stage.world.seen.requests


def test_a_kms_that_fails_for_now_is_asked_again() -> None:
    """Throttles and errors of KMS cost time, and no target."""
    match = {"operation": "DescribeKey"}
    faults = [
        {"match": match, "kind": "error", "status": 400, "code": "ThrottlingException", "times": 1},
        {"match": match, "kind": "error", "status": 500, "times": 1},
        {"match": match, "kind": "expired_token", "times": 1},
        {"match": match, "kind": "empty_body", "times": 1},
    ]
    stage = Stage(_KNOWN | {"faults": faults})
    stage.run(_named_by(_ALIAS, 2))
    assert set(stage.states().values()) == {"succeeded"}
    assert stage.world.seen.requests["DescribeKey"] == 5


def test_a_job_is_followed_without_its_key() -> None:
    """A run that takes a job up again asks for no key, since nothing is sent or compared."""
    stage = Stage(_KNOWN)
    stage.run(_named_by(_ALIAS), rules=Rules(wait=False))
    assert set(stage.states().values()) == {"in_progress"}
    stage.run(_named_by(_ALIAS))
    assert set(stage.states().values()) == {"succeeded"}
    assert stage.world.seen.requests["DescribeKey"] == 1


def test_a_job_that_another_alias_asks_for_is_compared() -> None:
    """If the manifest names another alias while the job runs, its end is compared: drift."""
    stage = Stage(_KNOWN)
    stage.run(_named_by(_ALIAS), rules=Rules(wait=False))
    stage.run(_named_by(_OTHER))
    assert set(stage.states().values()) == {"drifted"}


def test_no_key_is_no_answer_of_the_service() -> None:
    """A Start that waits for its key was never intended: there is nothing to withdraw."""
    stage = Stage(_QUICK | {"kms": {"aliases": [{"allow": False}]}})
    stage.run(_named_by(_ALIAS), rules=Rules(precheck=False))
    assert [entry.event for entry in stage.journal.entries] == [Event.GAVE_UP]
    assert [each.answer.meaning for each in stage.witness.happenings] == [Meaning.NO_KEY]
