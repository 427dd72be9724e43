"""What one invocation of the command has of its own: click's context object."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from batch_onboard.core.redaction import Secrets

if TYPE_CHECKING:
    from batch_onboard.cli.talk import Talk


@dataclass(slots=True)
class Invocation:
    """One invocation of the command.

    Attributes:
        secrets: what must not be shown, as far as it is known.
        talk: how the command speaks on stderr, once it has said so.
    """

    secrets: Secrets = field(default_factory=Secrets)
    talk: Talk | None = None
