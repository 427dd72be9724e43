"""Settings of one mapping that must agree with one another, whatever target they are used for."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from batch_onboard.manifest.templates import KNOWN, unknown_words
from batch_onboard.manifest.wording import quoted

if TYPE_CHECKING:
    from batch_onboard.manifest.checking import Checked
    from batch_onboard.manifest.models import EncryptionSettings, Settings
    from batch_onboard.manifest.nodes import MappingNode
    from batch_onboard.manifest.problems import Complaints

_CONCERNED = frozenset({"role_arn", "external_id", "profile", "encryption"})


def check_agreement(
    checked: Checked[Settings], complaints: Complaints, *, allow_profiles: bool
) -> None:
    """Complain of settings that can't hold together, and of templates with unknown words.

    Args:
        checked: the settings of one mapping.
        complaints: where to complain.
        allow_profiles: the operator lets the manifest name profiles.
    """
    settings, node = checked.settings, checked.node
    if settings.model_fields_set.isdisjoint(_CONCERNED):
        return
    _check_templates(
        node,
        {
            "role_arn": settings.role_arn,
            "external_id": settings.external_id,
            "profile": settings.profile,
        },
        complaints,
    )
    if settings.profile is not None:
        _check_profile(checked, complaints, allow_profiles=allow_profiles)
    if settings.encryption is not None:
        _check_encryption(settings.encryption, node["encryption"], complaints)


def _check_templates(
    node: MappingNode, templates: dict[str, str | None], complaints: Complaints
) -> None:
    for key, template in templates.items():
        for word in unknown_words(template or ""):
            message = f"{quoted(word)} in {key} stands for nothing"
            near = difflib.get_close_matches(word, KNOWN, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(KNOWN)}"
            place = node.value_place(key)
            complaints.error(place, "unknown-placeholder", message, hint, subject=word)


def _check_profile(
    checked: Checked[Settings], complaints: Complaints, *, allow_profiles: bool
) -> None:
    place = checked.node.key_place("profile")
    if checked.settings.role_arn is not None:
        role = checked.node.key_place("role_arn").seen_from(place)
        message = f"profile and role_arn ({role}) exclude each other"
        complaints.error(place, "profile-and-role", message, "keep one")
    if not allow_profiles:
        message = (
            "a profile can run programs, so the manifest may name one only with --allow-profiles"
        )
        hint = "use role_arn, or run with that flag if you trust the manifest"
        complaints.error(place, "profile-not-allowed", message, hint)


def _check_encryption(
    encryption: EncryptionSettings, node: MappingNode, complaints: Complaints
) -> None:
    _check_templates(node, {"key_arn": encryption.key_arn}, complaints)
    if encryption.enabled and encryption.key_arn is None:
        message = "encryption is enabled, but key_arn is missing"
        complaints.error(node.place, "no-key", message, "add the KMS key's ARN")
    elif not encryption.enabled and encryption.key_arn is not None:
        message, hint = (
            "key_arn has no effect while enabled is false",
            "remove it, or enable encryption",
        )
        complaints.warning(node.key_place("key_arn"), "no-effect", message, hint, subject="key_arn")
