"""What a client would understand of a reply, had it come over HTTP through botocore.

A body that is cut, empty or HTML is an empty answer to botocore, and an error without a readable
body has its HTTP status for a code.
"""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from batch_onboard.core.calls import Answer, JobStatus, Meaning, Operation, meaning_of
from batch_onboard.core.targets import Encryption
from batch_onboard.simulator.protocol import Delivery, Payload

if TYPE_CHECKING:
    from collections.abc import Mapping

    from batch_onboard.simulator.protocol import Reply

UNREADABLE = Answer(
    Meaning.UNCLEAR,
    error_code="unreadable",
    message="the answer does not name what was asked for",
)

_LONGEST_RETRY_AFTER = 300.0
_SILENCE = {
    Delivery.NEVER: Answer(Meaning.UNCLEAR, error_code="timeout", message="no answer came in time"),
    Delivery.DROPPED: Answer(
        Meaning.UNCLEAR,
        error_code="connection_lost",
        message="the connection was closed before an answer came",
    ),
}


def answer_of(operation: Operation, instance_id: str, reply: Reply) -> Answer:
    """Return what the answer to a call for an instance proves."""
    failure = failure_of(reply)
    if failure is not None:
        return failure
    if operation is Operation.DELETE:
        return Answer(Meaning.OK, request_id=reply.request_id)
    if operation is Operation.CONFIG:
        return _config_answer(instance_id, reply)
    return _job_answer(instance_id, reply)


def failure_of(reply: Reply) -> Answer | None:
    """Return what a reply proves that is no success, or None for one that is."""
    if reply.delivery is not Delivery.ANSWERED:
        return _SILENCE[reply.delivery]
    if reply.status < 300:
        return None
    if reply.status < 400:
        return _unclear(reply, "redirect", "the answer is a redirect, which is never followed")
    intact = reply.payload is Payload.INTACT
    code = reply.code if intact else str(reply.status)
    return Answer(
        meaning_of(reply.status, code),
        error_code=code,
        message=reply.message if intact else HTTPStatus(reply.status).phrase,
        request_id=reply.request_id,
        retry_after=_retry_after(dict(reply.headers)),
    )


def members_of(reply: Reply) -> Mapping[str, Any]:
    """Return the members of a successful answer that can be read."""
    return reply.body if reply.payload is Payload.INTACT else {}


def _job_answer(instance_id: str, reply: Reply) -> Answer:
    job = members_of(reply).get("connectInstanceOnboardingJobStatus", {})
    if job.get("connectInstanceId") != instance_id:
        return replace(UNREADABLE, request_id=reply.request_id)
    try:
        status = JobStatus(job["status"])
    except ValueError:
        return _unclear(reply, "unknown_status", f"the job's status is {job['status']}")
    return Answer(
        Meaning.OK, job=status, failure_code=job.get("failureCode"), request_id=reply.request_id
    )


def _config_answer(instance_id: str, reply: Reply) -> Answer:
    config = members_of(reply).get("connectInstanceConfig", {})
    if config.get("connectInstanceId") != instance_id:
        return replace(UNREADABLE, request_id=reply.request_id)
    live = config["encryptionConfig"]
    encryption = Encryption(live["enabled"], live.get("keyArn"), live.get("encryptionType"))
    return Answer(Meaning.OK, encryption=encryption, request_id=reply.request_id)


def _unclear(reply: Reply, error_code: str, message: str) -> Answer:
    return Answer(
        Meaning.UNCLEAR, error_code=error_code, message=message, request_id=reply.request_id
    )


def _retry_after(headers: dict[str, str]) -> float | None:
    """Return the seconds to wait. Dates are left out: the world has no wall clock."""
    for name, seconds_each in (("x-amz-retry-after", 0.001), ("Retry-After", 1.0)):
        try:
            seconds = float(headers.get(name, "")) * seconds_each
        except ValueError:
            continue
        if seconds >= 0:
            return min(seconds, _LONGEST_RETRY_AFTER)
    return None
