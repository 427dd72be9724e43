"""The manifest's shape, as pydantic models: what validation and the JSON Schema are made from.

The description of each field completes the sentence "... must be": messages quote it.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

INSTANCE_SPELLINGS = {"encryptionConfig": "encryption", "instance_id": "id"}
"""Other names of an instance's keys: those of the service's API and of reports."""

ENCRYPTION_SPELLINGS = {"encryptionType": "encryption_type", "keyArn": "key_arn"}
"""Other names of the keys of `encryption`: those of the service's API."""

ACCOUNT_ID = r"^[0-9]{12}$"
REGION = r"^[a-z]{2,}(-[a-z]+)+-[0-9]+$"
INSTANCE_ID = r"^[a-zA-Z0-9_.-]{1,256}$"
SOURCE_IDENTITY = r"^[a-zA-Z0-9_+=,.@-]{2,64}$"
INSTANCE_ARN = (
    r"^arn:aws(-[a-z]+)*:connect:[a-z]{2,}(-[a-z]+)+-[0-9]+:[0-9]{12}"
    r":instance/[a-zA-Z0-9_.-]{1,256}$"
)


class Strict(BaseModel):
    """No conversions and no unknown keys: nothing in a manifest is guessed or passed over."""

    model_config = ConfigDict(strict=True, extra="forbid", defer_build=True)


class EncryptionSettings(Strict):
    """How an instance's campaign data is encrypted (`EncryptionConfig` of the service model)."""

    enabled: Annotated[bool, Field(description="true or false")]
    encryption_type: Annotated[Literal["KMS"] | None, Field(description="KMS")] = None
    key_arn: Annotated[
        str | None,
        Field(
            max_length=500,
            description="the ARN of a KMS key or alias, of at most 500 characters",
        ),
    ] = None


class Settings(Strict):
    """What may be set for one instance, for an account, or as a default."""

    region: Annotated[
        str | None,
        Field(pattern=REGION, max_length=32, description="an AWS Region, such as eu-west-2"),
    ] = None
    api: Annotated[Literal["v1", "v2"] | None, Field(description="v1 or v2")] = None
    role_arn: Annotated[
        str | None,
        Field(
            max_length=2048,
            description="the ARN of a role, such as arn:aws:iam::{account_id}:role/NAME, or none "
            "for the caller's own credentials",
        ),
    ] = None
    external_id: Annotated[
        str | None,
        Field(
            min_length=2,
            max_length=1224,
            description="an external id for AssumeRole, of 2 to 1224 characters",
        ),
    ] = None
    session_duration: Annotated[
        int | None,
        Field(ge=900, le=43_200, description="a number of seconds from 900 to 43200"),
    ] = None
    session_tags: Annotated[
        dict[str, str] | None,
        Field(max_length=50, description="a mapping of at most 50 names to texts"),
    ] = None
    source_identity: Annotated[
        str | None,
        Field(
            pattern=SOURCE_IDENTITY,
            description="2 to 64 letters, digits and characters of _ + = , . @ -",
        ),
    ] = None
    profile: Annotated[
        str | None,
        Field(min_length=1, max_length=256, description="a profile of the AWS configuration"),
    ] = None
    encryption: Annotated[
        EncryptionSettings | None,
        Field(description="a mapping such as {enabled: true, key_arn: ...} or {enabled: false}"),
    ] = None
    labels: Annotated[dict[str, str] | None, Field(description="a mapping of names to texts")] = (
        None
    )
    wave: Annotated[int | None, Field(ge=1, description="a whole number from 1")] = None
    accept_drift: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=1000,
            description="the reason why a drift is accepted, of at most 1000 characters",
        ),
    ] = None


class Defaults(Settings):
    """What may be set for all instances: every key but `id` and `arn`."""

    account_id: Annotated[
        str | None, Field(pattern=ACCOUNT_ID, description="12 digits, in quotes")
    ] = None


class Instance(Defaults):
    """One instance: by its ARN, or by its account, Region and id."""

    arn: Annotated[
        str | None,
        Field(
            pattern=INSTANCE_ARN,
            description="the ARN of an Amazon Connect instance, such as "
            "arn:aws:connect:eu-west-2:111122223333:instance/ID",
        ),
    ] = None
    id: Annotated[
        str | None,
        Field(
            pattern=INSTANCE_ID,
            description="an instance's id: 1 to 256 letters, digits and characters of - _ .",
        ),
    ] = None


class Title(Strict):
    """What a manifest says of itself."""

    version: Annotated[Literal[1] | None, Field(description="1, the version of this format")] = None
    name: Annotated[
        str | None,
        Field(min_length=1, max_length=256, description="a name of at most 256 characters"),
    ] = None


class Head(Title):
    """The manifest's own keys. Its large parts are only opened here, and validated one by one."""

    defaults: Annotated[dict[str, Any] | None, Field(description="a mapping of keys")] = None
    accounts: Annotated[dict[str, Any] | None, Field(description="a mapping of account ids")] = None
    instances: Annotated[list[Any] | None, Field(description="a list of instances")] = None
    sources: Annotated[list[Any] | None, Field(description="a list of files")] = None
