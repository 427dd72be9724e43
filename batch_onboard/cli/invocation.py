"""What one invocation of the command has of its own: click's context object."""

from __future__ import annotations

from typing import TYPE_CHECKING

from batch_onboard.core.redaction import Secrets

if TYPE_CHECKING:
    from batch_onboard.cli.talk import Talk


class Invocation:
    """One invocation of the command.

    Attributes:
        secrets: what must not be shown, as far as it is known.
        talk: how the command speaks on stderr, once it has said so.
    """

    __slots__ = ("secrets", "talk")

    def __init__(self) -> None:
        self.secrets = Secrets()
        self.talk: Talk | None = None
