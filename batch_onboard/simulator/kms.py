"""KMS: which key an alias names. Keys themselves are not simulated."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING
from uuid import NAMESPACE_URL, uuid5

from batch_onboard.simulator.protocol import DESCRIBE_KEY, RefusalError, Reply

if TYPE_CHECKING:
    from batch_onboard.simulator.protocol import KmsCall
    from batch_onboard.simulator.scenario import AliasRule, KmsSettings


class Kms:
    """The aliases of all accounts and Regions."""

    def __init__(self, settings: KmsSettings) -> None:
        self._rules = settings.aliases

    def describe(self, call: KmsCall) -> Reply:
        """Tell the key's ARN. The answer's members are named as in the service model.

        Raises:
            RefusalError: KMS refuses.
        """
        place, _, alias = call.key_id.partition(":alias/")
        if not alias:
            return _described(call.key_id)
        rule = self._rule(call.key_id)
        if rule is not None and not rule.allow:
            raise RefusalError(
                "AccessDeniedException",
                f"User: {call.caller.arn} is not authorized to perform: kms:{DESCRIBE_KEY}"
                f" on resource: {call.key_id}",
            )
        if rule is not None and not rule.exists:
            raise RefusalError("NotFoundException", f"Alias {call.key_id} is not found.")
        key_id = rule.key_id if rule is not None else None
        return _described(f"{place}:key/{key_id or uuid5(NAMESPACE_URL, call.key_id)}")

    def _rule(self, alias: str) -> AliasRule | None:
        return next((rule for rule in self._rules if fnmatchcase(alias, rule.alias)), None)


def _described(key_arn: str) -> Reply:
    key_id = key_arn.rpartition("/")[2]
    return Reply(body={"KeyMetadata": {"KeyId": key_id, "Arn": key_arn}})
