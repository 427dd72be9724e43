"""`discover` against moto: somebody else's idea of Organizations, STS and Connect."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3  # type: ignore[import-untyped]  # it has no types
import pytest
from moto.server import ThreadedMotoServer

from batch_onboard.exits import Exit
from batch_onboard.manifest.load import load_manifest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cli.conftest import Shell

OWN = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}


@pytest.fixture
def moto() -> Iterator[str]:
    """The URL of moto's server on a free port."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def a_client(service: str, url: str, **keys: str) -> Any:
    """A client of moto's server."""
    made: Any = boto3
    return made.client(service, endpoint_url=url, region_name="eu-west-2", **(keys or OWN))


def new_account(url: str, name: str, parent: str | None = None) -> str:
    """Make an account in the organization, under a unit, and return its id."""
    organizations = a_client("organizations", url)
    made = organizations.create_account(
        Email=f"{name}@example.com", AccountName=name, Tags=[{"Key": "stage", "Value": name}]
    )
    account_id: str = made["CreateAccountStatus"]["AccountId"]
    if parent is not None:
        root = organizations.list_roots()["Roots"][0]["Id"]
        organizations.move_account(
            AccountId=account_id, SourceParentId=root, DestinationParentId=parent
        )
    return account_id


def new_instances(url: str, account_id: str, number: int) -> None:
    """Make instances in an account, the first one without outbound calls."""
    role = f"arn:aws:iam::{account_id}:role/Maker"
    lent = a_client("sts", url).assume_role(RoleArn=role, RoleSessionName="maker")["Credentials"]
    connect = a_client(
        "connect",
        url,
        aws_access_key_id=lent["AccessKeyId"],
        aws_secret_access_key=lent["SecretAccessKey"],
        aws_session_token=lent["SessionToken"],
    )
    for i in range(number):
        connect.create_instance(
            IdentityManagementType="CONNECT_MANAGED",
            InstanceAlias=f"desk{i}",
            InboundCallsEnabled=True,
            OutboundCallsEnabled=i > 0,
        )


@pytest.mark.no_cover
def test_the_instances_of_an_organization_on_moto_are_found(shell: Shell, moto: str) -> None:
    """Accounts by unit and tag, a role in each, more than one page, and labels for all."""
    organizations = a_client("organizations", moto)
    organizations.create_organization(FeatureSet="ALL")
    root = organizations.list_roots()["Roots"][0]["Id"]
    unit = organizations.create_organizational_unit(ParentId=root, Name="Retail")
    prod = new_account(moto, "prod", unit["OrganizationalUnit"]["Id"])
    test = new_account(moto, "test")
    new_instances(moto, prod, 12)
    new_instances(moto, test, 1)
    shell.write("defaults.yaml", "encryption: {enabled: false}\n")
    look = (
        *("discover", "-o", "all.yaml", "--organization", "--region", "eu-west-2"),
        *("--role-arn", "arn:aws:iam::{account_id}:role/Reader", "--defaults", "defaults.yaml"),
        "--concurrency=1",  # moto's server makes its parts when first called, and not twice at once
    )
    environment = {
        "AWS_ENDPOINT_URL": moto,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
    }
    ended = shell.run(*look, **environment)
    assert ended.code == Exit.OK, ended.err
    targets = load_manifest(shell.folder / "all.yaml").targets
    assert sorted(each.key.account_id for each in targets) == sorted([*[prod] * 12, test])
    labels = [dict(each.labels) for each in targets if each.key.account_id == prod]
    assert {each["ou"] for each in labels} == {"Retail"}
    assert {each["account_name"] for each in labels} == {"prod"}
    assert [each["alias"] for each in labels if "outbound_calls" in each] == ["desk0"]

    tagged = shell.run(*look, "--force", "--tag", "stage=test", **environment)
    assert tagged.code == Exit.OK, tagged.err
    (target,) = load_manifest(shell.folder / "all.yaml").targets
    assert (target.key.account_id, target.identity.role_arn) == (
        test,
        f"arn:aws:iam::{test}:role/Reader",
    )
