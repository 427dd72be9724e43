"""Connect Campaigns: what each operation does to an instance, and what it answers.

The semantics are those that AWS's documentation states, and settings of the scenario where it is
silent. A config decides whether an instance is onboarded; jobs are only the history of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from batch_onboard.core.calls import JobStatus, Operation
from batch_onboard.simulator.jobs import Instance, Job, JobsInProgress, first_seen, new_job
from batch_onboard.simulator.protocol import OFFBOARD, RefusalError, Reply
from batch_onboard.simulator.settings import Behaviour, Initial, OnStart

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from batch_onboard.core.targets import Encryption, TargetKey
    from batch_onboard.simulator.protocol import WorldCall

_NO_ACCESS = {
    Initial.MISSING: ("ResourceNotFoundException", "There is no such Connect instance."),
    Initial.DENIED: ("AccessDeniedException", "You are not authorized to perform this operation."),
    Initial.INVALID: ("ValidationException", "This Connect instance can't have campaigns."),
}


class Campaigns:
    """All instances of all accounts and Regions, made when they are first called for."""

    def __init__(self, began_at: float, random: Random) -> None:
        self._began_at = began_at
        self._random = random
        self._instances: dict[TargetKey, Instance] = {}
        self.in_progress = JobsInProgress()
        self._operations: dict[str, Callable[[WorldCall, Instance, Behaviour, float], Reply]] = {
            Operation.START: self._start,
            Operation.STATUS: self._status,
            Operation.CONFIG: self._config,
            Operation.DELETE: self._delete,
            OFFBOARD: self._offboard,
        }

    def carry_out(self, call: WorldCall, behaviour: Behaviour, now: float) -> Reply:
        """Do what is asked.

        Raises:
            RefusalError: the service refuses; nothing has changed.
        """
        if behaviour.initial in _NO_ACCESS:
            raise RefusalError(*_NO_ACCESS[behaviour.initial])
        instance = self._instance(call.key, behaviour, now)
        instance.settle(now)
        return self._operations[call.operation](call, instance, behaviour, now)

    def _instance(self, key: TargetKey, behaviour: Behaviour, now: float) -> Instance:
        instance = self._instances.get(key)
        if instance is None:
            instance = first_seen(behaviour, self._began_at, self._random)
            self._instances[key] = instance
            if instance.job is not None and instance.job.ends_at > now:
                self.in_progress.add(key.domain, instance.job.ends_at)
        return instance

    def _start(
        self, call: WorldCall, instance: Instance, behaviour: Behaviour, now: float
    ) -> Reply:
        if call.encryption is None:
            raise RefusalError("ValidationException", "'encryptionConfig' must not be null")
        standing = _standing_answer(call.key, instance, behaviour, now)
        if standing is not None:
            return standing
        limit = behaviour.max_jobs_in_progress
        if limit is not None and self.in_progress.count(call.key.domain, now) >= limit:
            raise RefusalError("ConflictException", "Another job of this account is in progress.")
        job = new_job(behaviour, call.encryption, instance.jobs_made, now, self._random)
        instance.start(job)
        self.in_progress.add(call.key.domain, job.ends_at)
        return Reply(body=_job_body(call.key, JobStatus.IN_PROGRESS), applied=True)

    def _status(
        self, call: WorldCall, instance: Instance, behaviour: Behaviour, now: float
    ) -> Reply:
        job = instance.job
        if job is None or now < job.visible_at or job.days_since_end(now) >= behaviour.status_days:
            raise RefusalError("ResourceNotFoundException", "There is no onboarding job.")
        return _job_reply(call.key, job, now)

    def _config(
        self, call: WorldCall, instance: Instance, _behaviour: Behaviour, _now: float
    ) -> Reply:
        if instance.config is None:
            raise RefusalError("ResourceNotFoundException", "There is no instance config.")
        return Reply(body=_config_body(call.key, instance.config))

    def _delete(
        self, _call: WorldCall, instance: Instance, behaviour: Behaviour, now: float
    ) -> Reply:
        job = instance.job
        kept_days = max(behaviour.status_days, behaviour.failed_sticky_days)
        if job is None or job.days_since_end(now) >= kept_days:
            raise RefusalError("ResourceNotFoundException", "There is no onboarding job.")
        if job.status(now) is not JobStatus.FAILED:
            raise RefusalError("InvalidStateException", "Only a failed job can be deleted.")
        instance.job = None
        return Reply(applied=True)

    def _offboard(
        self, _call: WorldCall, instance: Instance, _behaviour: Behaviour, now: float
    ) -> Reply:
        if instance.config is None:
            raise RefusalError("ResourceNotFoundException", "There is no instance config.")
        if instance.job is not None and instance.job.status(now) is JobStatus.IN_PROGRESS:
            raise RefusalError("InvalidStateException", "An onboarding job is in progress.")
        instance.config = None
        return Reply(applied=True)


def _standing_answer(
    key: TargetKey, instance: Instance, behaviour: Behaviour, now: float
) -> Reply | None:
    """Return what a Start meets that makes no job, or None if it makes one."""
    job = instance.job
    status = None if job is None else job.status(now)
    if job is not None and status is JobStatus.IN_PROGRESS:
        if behaviour.start_on_in_progress is OnStart.CONFLICT:
            raise RefusalError("ConflictException", "An onboarding job is in progress.")
        return _unless_accepted(behaviour.start_on_in_progress, _job_reply(key, job, now))
    if instance.config is not None:
        if behaviour.start_on_done is OnStart.CONFLICT:
            raise RefusalError("ConflictException", "The instance is already onboarded.")
        done = Reply(body=_job_body(key, JobStatus.SUCCEEDED))
        return _unless_accepted(behaviour.start_on_done, done)
    if job is not None and status is JobStatus.FAILED:
        sticks = job.days_since_end(now) < behaviour.failed_sticky_days
        return _job_reply(key, job, now) if sticks else None
    return None


def _unless_accepted(on_start: OnStart, reply: Reply) -> Reply | None:
    return None if on_start is OnStart.ACCEPT else reply


def _job_reply(key: TargetKey, job: Job, now: float) -> Reply:
    status = job.status(now)
    code = job.failure_code if status is JobStatus.FAILED else None
    return Reply(body=_job_body(key, status, code))


def _job_body(key: TargetKey, status: JobStatus, failure_code: str | None = None) -> dict[str, Any]:
    body = {"connectInstanceId": key.instance_id, "status": status.value}
    if failure_code is not None:
        body["failureCode"] = failure_code
    return {"connectInstanceOnboardingJobStatus": body}


def _config_body(key: TargetKey, encryption: Encryption) -> dict[str, Any]:
    settings: dict[str, Any] = {"enabled": encryption.enabled}
    if encryption.encryption_type is not None:
        settings["encryptionType"] = encryption.encryption_type
    if encryption.key_arn is not None:
        settings["keyArn"] = encryption.key_arn
    role = (
        f"arn:aws:iam::{key.account_id}:role/aws-service-role/"
        "connect-campaigns.amazonaws.com/AWSServiceRoleForConnectCampaigns"
    )
    return {
        "connectInstanceConfig": {
            "connectInstanceId": key.instance_id,
            "serviceLinkedRoleArn": role,
            "encryptionConfig": settings,
        }
    }
