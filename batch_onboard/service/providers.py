"""Two providers of botocore's chain that must not hold a run up: programs, and MFA codes.

Both take their place in the chain through its public methods; all else in it is botocore's.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import anyio
from aiobotocore.credentials import AioProcessProvider
from botocore.credentials import CredentialProvider

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiobotocore.session import AioSession

_ASSUME_ROLE = "assume-role"
_REAPING = 5.0
"""Seconds: longer than a killed process takes to be gone, on any machine that still works."""


class MfaNeededError(Exception):
    """A profile asks for an MFA code, and nobody is there to type one."""


class Programs:
    """The programs (credential_process) that a chain has started."""

    def __init__(self) -> None:
        self._started: list[asyncio.subprocess.Process] = []

    async def start(self, *command: str, **options: Any) -> asyncio.subprocess.Process:
        """Start one: what `AioProcessProvider` takes for its `popen`."""
        process = await asyncio.create_subprocess_exec(*command, **options)
        self._started.append(process)
        return process

    async def end(self) -> None:
        """Kill those that still run: nobody waits for them any more."""
        running = [each for each in self._started if each.returncode is None]
        self._started.clear()
        for process in running:
            process.kill()
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
    ours = AioProcessProvider(profile, lambda: session.full_config, popen=programs.start)
    chain.insert_after(ours.METHOD, ours)
    chain.remove(ours.METHOD)  # the first of that name: the one that keeps its processes to itself
    chain.insert_before(_ASSUME_ROLE, _NoMfa(session, profile))


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
