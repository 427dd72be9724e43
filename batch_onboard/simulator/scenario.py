"""The scenario: the world that the simulator plays, and the YAML file that says it.

Every key has a default, so `Scenario()` is a world in which every instance exists and is fresh.
`configs/scenario.yaml` shows all keys.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Annotated, Any

import yaml
from pydantic import Field, ValidationError

from batch_onboard.simulator.faultrules import FaultRule  # noqa: TC001 - pydantic reads it
from batch_onboard.simulator.landscape import (  # noqa: TC001 - pydantic reads them
    AccountId,
    ConnectInstance,
    OrganizationSettings,
)
from batch_onboard.simulator.matching import Section
from batch_onboard.simulator.settings import (
    Behaviour,
    InstanceRule,
    Throttle,
    ThrottleSettings,
)

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic_core import ErrorDetails

CALLER_ACCESS_KEY_ID = "SIMULATEDCALLER00000"
CALLER_SECRET_ACCESS_KEY = "made-up-secret-of-the-simulated-caller"  # noqa: S105 - opens nothing
CALLER_ACCOUNT_ID = "000000000000"
CALLER_ARN = f"arn:aws:iam::{CALLER_ACCOUNT_ID}:user/simulated-caller"


class RoleRule(Section):
    """How AssumeRole treats the roles that it matches. The first rule that matches a role counts.

    Attributes:
        role_arn: a glob.
        allow: False: AccessDenied.
        external_id: the one that must be given. None: any or none.
        account_id: hand out credentials of this account instead of the role's own.
        max_seconds: the role's MaxSessionDuration; a longer session is refused.
    """

    role_arn: str = "*"
    allow: bool = True
    external_id: str | None = None
    account_id: AccountId | None = None
    max_seconds: Annotated[int, Field(ge=3600)] = 43_200


class StsSettings(Section):
    """STS.

    Attributes:
        session_seconds: life of all temporary credentials, whatever the caller asks for.
        roles: exceptions from 'every role may be assumed by everyone'.
        throttle: for each calling account, Region and operation.
    """

    session_seconds: Annotated[float, Field(gt=0)] | None = None
    roles: tuple[RoleRule, ...] = ()
    throttle: ThrottleSettings = ThrottleSettings(rate=None)


class AliasRule(Section):
    """What KMS says of the aliases that it matches. The first rule that matches counts.

    Attributes:
        alias: a glob over the alias' ARN.
        key_id: of the key that it names. None: one made up from the alias.
        exists: False: NotFoundException.
        allow: False: AccessDeniedException.
    """

    alias: str = "*"
    key_id: str | None = None
    exists: bool = True
    allow: bool = True


class KmsSettings(Section):
    """KMS.

    Attributes:
        aliases: exceptions from 'every alias names a key of its own, and all may know which'.
    """

    aliases: tuple[AliasRule, ...] = ()


class Caller(Section):
    """Long-lived credentials that the simulator knows."""

    access_key_id: str = CALLER_ACCESS_KEY_ID
    secret_access_key: str = Field(default=CALLER_SECRET_ACCESS_KEY, repr=False)
    account_id: AccountId = CALLER_ACCOUNT_ID
    arn: str = CALLER_ARN


class Scenario(Section):
    """The whole of it. `seed` decides everything that is drawn by chance.

    `connect` lists the instances that ListInstances tells of; Connect Campaigns knows every
    well-formed id, listed or not.
    """

    seed: int = 0
    defaults: Behaviour = Behaviour()
    instances: tuple[InstanceRule, ...] = ()
    throttle: Throttle = Throttle()
    faults: tuple[FaultRule, ...] = ()
    sts: StsSettings = StsSettings()
    kms: KmsSettings = KmsSettings()
    callers: Annotated[tuple[Caller, ...], Field(min_length=1)] = (Caller(),)
    organization: OrganizationSettings | None = None
    connect: tuple[ConnectInstance, ...] = ()


class ScenarioError(Exception):
    """A scenario file can't be used. The message names each place and what is wrong there."""


def load_scenario(path: Path) -> Scenario:
    """Read a scenario from a YAML file.

    Raises:
        ScenarioError: it can't be read, or isn't a scenario.
    """
    try:
        text = path.read_text(encoding="utf-8")
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        content = yaml.safe_load(text)
        return Scenario.model_validate({} if content is None else content)
    except OSError as error:
        raise ScenarioError(f"{path}: can't be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ScenarioError(f"{path}: is not UTF-8 text") from error
    except RecursionError as error:
        raise ScenarioError(f"{path}: is nested too deeply") from error
    except yaml.YAMLError as error:
        raise ScenarioError(_yaml_complaint(path, error)) from error
    except ValidationError as error:
        raise ScenarioError(
            "\n".join(_complaint(path, root, detail) for detail in error.errors())
        ) from error
    except ValueError as error:  # a date or number that only looks like one
        raise ScenarioError(f"{path}: {error}") from error


def _yaml_complaint(path: Path, error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    where = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else str(path)
    return f"{where}: is not YAML: {getattr(error, 'problem', None) or error}"


def _complaint(path: Path, root: yaml.Node | None, detail: ErrorDetails) -> str:
    keys, message = detail["loc"], detail["msg"]
    unknown = detail["type"] == "extra_forbidden"
    if unknown:
        message = f"unknown key; {_remedy(str(keys[-1]))}"
    elif detail["type"] == "string_type":
        message = "must be text: put it in quotes"
    find = _key_at if unknown else _node_at
    mark = find(root, keys).start_mark if root is not None else None
    where = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else str(path)
    named = ".".join(map(str, keys)) or "the file"
    return f"{where}: {named}: {message}"


def _remedy(key: str) -> str:
    """Return the key that an unknown one was probably meant for, or where all are shown."""
    schema = Scenario.model_json_schema()
    models = [schema, *schema["$defs"].values()]
    known = {name for model in models for name in model.get("properties", ())}
    near = difflib.get_close_matches(key, sorted(known), n=1)
    return f"did you mean {near[0]}?" if near else "configs/scenario.yaml shows all that there are"


def _key_at(root: yaml.Node, keys: tuple[int | str, ...]) -> yaml.Node:
    """Find a key itself, not its value."""
    mapping = _node_at(root, keys[:-1])
    found = (name for name, _ in mapping.value if name.value == keys[-1])
    return next(found, mapping)


def _node_at(node: yaml.Node, keys: tuple[int | str, ...]) -> yaml.Node:
    """Follow keys into a document as far as they lead; its last step may be a key that lacks."""
    for key in keys:
        children: dict[Any, yaml.Node] = {}
        if isinstance(node, yaml.MappingNode):
            children = {name.value: value for name, value in node.value}
        elif isinstance(node, yaml.SequenceNode):
            children = dict(enumerate(node.value))
        if key not in children:
            return node
        node = children[key]
    return node
