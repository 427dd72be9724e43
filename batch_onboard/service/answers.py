"""Readable answers to `Answer`: only what names the right instance is believed.

botocore parses a cut or empty body with status 200 to an empty dict, without an error. So a missing
member proves nothing, and neither does another instance's id.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from batch_onboard.core.calls import Answer, JobStatus, Meaning, Operation
from batch_onboard.core.targets import Encryption
from batch_onboard.service.failures import words

if TYPE_CHECKING:
    from collections.abc import Mapping

    from batch_onboard.core.redaction import Secrets

_MEMBERS = {
    Operation.START: "connectInstanceOnboardingJobStatus",
    Operation.STATUS: "connectInstanceOnboardingJobStatus",
    Operation.CONFIG: "connectInstanceConfig",
}


def answer_to_result(operation: Operation, instance_id: str, result: Mapping[str, Any]) -> Answer:
    """Say what a successful result means.

    Args:
        operation: that was called.
        instance_id: for which it was called.
        result: as botocore has parsed it.
    """
    request_id = result.get("ResponseMetadata", {}).get("RequestId")
    if operation is Operation.DELETE:
        return Answer(Meaning.OK, request_id=request_id)
    member = result.get(_MEMBERS[operation]) or {}
    named = member.get("connectInstanceId")
    if named is None:
        return _unclear("unreadable", "the answer names no instance", request_id)
    if named != instance_id:
        return _unclear(
            "unreadable", f"the answer is about the instance {words(named)}", request_id
        )
    if operation is Operation.CONFIG:
        return _config(member, request_id)
    return _job(member, request_id)


def without_secrets(answer: Answer, secrets: Secrets) -> Answer:
    """Return an answer whose texts show no secret: a service may echo what it was sent.

    From here they go to ledger, logs and reports.
    """

    def clean(text: str | None) -> str | None:
        return None if text is None else secrets.redact(text)

    return replace(
        answer,
        failure_code=clean(answer.failure_code),
        error_code=clean(answer.error_code),
        message=clean(answer.message),
        request_id=clean(answer.request_id),
    )


def _job(member: Mapping[str, Any], request_id: str | None) -> Answer:
    status, failure_code = member.get("status", ""), member.get("failureCode")
    try:
        job = JobStatus(status)
    except ValueError:
        return _unclear("unknown_status", f"the job has the status {words(status)!r}", request_id)
    if not _are_texts(failure_code):
        return _unclear("unreadable", "the job has no readable failure code", request_id)
    return Answer(Meaning.OK, job=job, failure_code=failure_code, request_id=request_id)


def _config(member: Mapping[str, Any], request_id: str | None) -> Answer:
    config = member.get("encryptionConfig") or {}
    key_arn, encryption_type = config.get("keyArn"), config.get("encryptionType")
    if "enabled" not in config or not _are_texts(key_arn, encryption_type):
        return _unclear("unreadable", "the answer does not tell the encryption", request_id)
    encryption = Encryption(config["enabled"], key_arn, encryption_type)
    return Answer(Meaning.OK, encryption=encryption, request_id=request_id)


def _are_texts(*values: object) -> bool:
    return all(value is None or isinstance(value, str) for value in values)


def _unclear(code: str, message: str, request_id: str | None) -> Answer:
    return Answer(Meaning.UNCLEAR, error_code=code, message=message, request_id=request_id)
