"""Which results are believed."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch_onboard.core.calls import JobStatus, Meaning, Operation
from batch_onboard.core.targets import Encryption
from batch_onboard.service.answers import answer_to_result

OWN = {"connectInstanceId": "i-1"}
METADATA = {"ResponseMetadata": {"RequestId": "req-1"}}


def job(**member: Any) -> dict[str, Any]:
    """A result of Start or status."""
    return {"connectInstanceOnboardingJobStatus": {**OWN, **member}, **METADATA}


def config(**member: Any) -> dict[str, Any]:
    """A result of GetConnectInstanceConfig."""
    return {"connectInstanceConfig": {**OWN, **member}, **METADATA}


@pytest.mark.parametrize("operation", [Operation.START, Operation.STATUS])
@pytest.mark.parametrize("status", list(JobStatus))
def test_a_job_is_told_by_its_status(operation: Operation, status: JobStatus) -> None:
    """Each status of the service model is understood, of a Start and of a read."""
    answer = answer_to_result(operation, "i-1", job(status=status.value))
    assert (answer.meaning, answer.job, answer.request_id) == (Meaning.OK, status, "req-1")


def test_an_unknown_failure_code_is_kept() -> None:
    """A failure code that the service model lacks is kept as it is spelled."""
    answer = answer_to_result(
        Operation.STATUS, "i-1", job(status="FAILED", failureCode="QUOTA_of_Tomorrow")
    )
    assert answer.failure_code == "QUOTA_of_Tomorrow"


@pytest.mark.parametrize("status", ["PAUSED", "", 7, {}, None])
def test_an_unknown_status_is_named(status: object) -> None:
    """A status that the service model lacks is unclear, and named."""
    answer = answer_to_result(Operation.STATUS, "i-1", job(status=status))
    assert (answer.meaning, answer.error_code) == (Meaning.UNCLEAR, "unknown_status")
    assert str(status or "") in str(answer.message)


@pytest.mark.parametrize(
    ("operation", "result"),
    [
        (Operation.STATUS, job(status="FAILED", failureCode=7)),
        (Operation.CONFIG, config()),
        (Operation.CONFIG, config(encryptionConfig={})),
        (Operation.CONFIG, config(encryptionConfig={"enabled": True, "keyArn": 7})),
        (Operation.CONFIG, config(encryptionConfig={"enabled": True, "encryptionType": []})),
    ],
)
def test_members_of_another_type_are_not_believed(
    operation: Operation, result: dict[str, Any]
) -> None:
    """A member that lacks, or is no text, makes the answer unreadable."""
    answer = answer_to_result(operation, "i-1", result)
    assert (answer.meaning, answer.error_code) == (Meaning.UNCLEAR, "unreadable")


def test_disabled_encryption_is_understood() -> None:
    """A config without a key of its own is an encryption, too."""
    answer = answer_to_result(Operation.CONFIG, "i-1", config(encryptionConfig={"enabled": False}))
    assert answer.encryption == Encryption(enabled=False)


@given(
    operation=st.sampled_from([Operation.START, Operation.STATUS, Operation.CONFIG]),
    named=st.one_of(st.none(), st.text(), st.integers()),
)
def test_only_its_own_instance_is_believed(operation: Operation, named: object) -> None:
    """No answer that names nothing, or another instance, is a success."""
    member = {"connectInstanceId": named, "status": "SUCCEEDED"}
    for name in ("connectInstanceOnboardingJobStatus", "connectInstanceConfig"):
        answer = answer_to_result(operation, "i-1", {name: member})
        assert answer.meaning is Meaning.UNCLEAR
