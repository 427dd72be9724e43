"""Templates: settings that name the target's account, Region or id.

Substitution is literal. `str.format` would let a manifest reach into objects, and fail on any
other brace.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from batch_onboard.core.targets import TargetKey

_WORD = re.compile(r"\{[^{}]*\}")
KNOWN = ("{account_id}", "{region}", "{instance_id}")
"""What is substituted."""


def unknown_words(template: str) -> list[str]:
    """Return the words in braces that nothing is substituted for."""
    return [word for word in _WORD.findall(template) if word not in KNOWN]


def fill(template: str, key: TargetKey) -> str:
    """Put a target's account, Region and id into a template."""
    if "{" not in template:
        return template
    template = template.replace("{account_id}", key.account_id).replace("{region}", key.region)
    return template.replace("{instance_id}", key.instance_id)
