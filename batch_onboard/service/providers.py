"""The providers of botocore's chain that must not hold a run up: programs, and MFA codes.

They take their place in the chain through its public methods; all else in it is botocore's.
"""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
from aiobotocore.credentials import (
    AioAssumeRoleProvider,
    AioCanonicalNameCredentialSourcer,
    AioContainerProvider,
    AioEnvProvider,
    AioInstanceMetadataProvider,
    AioProcessProvider,
    AioProfileProviderBuilder,
)
from aiobotocore.utils import create_nested_client
from botocore.credentials import CredentialProvider

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiobotocore.session import AioSession

_REAPING = 5.0
"""Seconds: longer than a killed process takes to be gone, on any machine that still works."""


class MfaNeededError(Exception):
    """A profile asks for an MFA code, and nobody is there to type one."""


class Programs:
    """The programs (credential_process) that a chain has started."""

    def __init__(self) -> None:
        self._started: list[asyncio.subprocess.Process] = []

    async def start(self, *command: str, **options: Any) -> asyncio.subprocess.Process:
        """Start one, with a process group of its own: what `AioProcessProvider` calls `popen`."""
        process = await asyncio.create_subprocess_exec(*command, **options, process_group=0)
        self._started.append(process)
        return process

    async def end(self) -> None:
        """Kill those that still run, and what they have started: nobody waits for them any more."""
        running = [each for each in self._started if each.returncode is None]
        self._started.clear()
        for process in running:
            with suppress(ProcessLookupError):  # it has ended just now
                os.killpg(process.pid, signal.SIGKILL)
        with anyio.move_on_after(_REAPING, shield=True):
            for process in running:
                await process.communicate()


def tame(session: AioSession, programs: Programs) -> None:
    """Let a session's chain start programs where they can be ended, and ask nobody for a code.

    Raises:
        ProfileNotFound: the AWS config has no such profile.
    """
    profile = session.get_config_variable("profile") or "default"
    chain = session.get_component("credential_provider")
    lenders = [
        AioEnvProvider(),  # not in the chain of a profile, but a profile may name it all the same
        chain.get_provider(AioContainerProvider.METHOD),
        chain.get_provider(AioInstanceMetadataProvider.METHOD),
    ]
    role = AioAssumeRoleProvider(
        lambda: session.full_config,
        partial(create_nested_client, session),  # type: ignore[arg-type]  # the stubs forgot async
        {},
        profile,
        credential_sourcer=AioCanonicalNameCredentialSourcer(lenders),
        profile_provider_builder=_SourceProfiles(session, programs),
    )
    for ours in (_program(session, profile, programs), role):
        chain.insert_after(ours.METHOD, ours)
        chain.remove(ours.METHOD)  # the first of that name: botocore's
    chain.insert_before(role.METHOD, _NoMfa(session, profile))


def _program(session: AioSession, profile: str, programs: Programs) -> AioProcessProvider:
    return AioProcessProvider(profile, lambda: session.full_config, popen=programs.start)


class _SourceProfiles(AioProfileProviderBuilder):
    """Makes the providers of a `source_profile`, whose program is no less apt to hang."""

    def __init__(self, session: AioSession, programs: Programs) -> None:
        super().__init__(session, cache={})
        self._own_session = session
        self._programs = programs

    def providers(self, profile_name: str, disable_env_vars: bool = False) -> list[Any]:
        """Return them, in botocore's order."""
        ours = _program(self._own_session, profile_name, self._programs)
        theirs = super().providers(profile_name, disable_env_vars)
        return [ours if each.METHOD == ours.METHOD else each for each in theirs]


class _NoMfa(CredentialProvider):
    """Refuses a profile, at the moment when botocore would ask on the terminal and wait."""

    METHOD = "no-mfa"

    def __init__(self, session: AioSession, profile: str) -> None:
        super().__init__()
        self._session = session
        self._profile = profile

    async def load(self) -> None:
        profiles = self._session.full_config["profiles"]
        name, seen = self._profile, set[str]()
        while name not in seen and _assumes(found := profiles.get(name, {})):
            if "mfa_serial" in found:
                raise MfaNeededError(name)
            seen.add(name)
            name = found.get("source_profile", name)


def _assumes(profile: Mapping[str, str]) -> bool:
    return "role_arn" in profile and "web_identity_token_file" not in profile
