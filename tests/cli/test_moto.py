from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from moto.server import ThreadedMotoServer

from batch_onboard.exits import Exit
from tests.cli.conftest import Shell, instance, manifest

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def moto() -> Iterator[str]:
    """The URL of moto's server on a free port."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def test_roles_of_several_accounts_are_assumed_and_v1_started_on_moto(
    shell: Shell, moto: str
) -> None:
    """What moto models works end to end: AssumeRole, v1 Start, and the config that it then has."""
    lines = [instance(f"i-{i}", f"{i:012}") for i in range(1, 6)]
    shell.write("wave.yaml", manifest(*lines, instance("own", "123456789012")))
    ended = shell.run(
        "run",
        "wave.yaml",
        "--yes",
        "--no-wait",
        "--no-precheck",
        "--concurrency=1",  # moto's server makes its parts when first called, and not twice at once
        AWS_ENDPOINT_URL=moto,
        AWS_ACCESS_KEY_ID="testing",
        AWS_SECRET_ACCESS_KEY="testing",
    )
    assert ended.code == Exit.OK, ended.out + ended.err
    targets = shell.run("report", "wave.ledger.jsonl").json["targets"]
    # moto's jobs succeed at once, and nothing was read before: so nobody claims to have done it.
    assert {target["state"] for target in targets} == {"already_onboarded"}
    assert {target["attempts"] for target in targets} == {1}


def test_an_instance_of_another_account_is_not_called_with_our_own_credentials(
    shell: Shell, moto: str
) -> None:
    """The guard compares the account of GetCallerIdentity with the target's."""
    text = manifest(instance("theirs", "000000000007")).replace("role_arn", "# role_arn")
    shell.write("wave.yaml", text)
    ended = shell.run(
        "run",
        "wave.yaml",
        "--yes",
        "--no-precheck",
        AWS_ENDPOINT_URL=moto,
        AWS_ACCESS_KEY_ID="testing",
        AWS_SECRET_ACCESS_KEY="testing",
    )
    assert ended.code == Exit.UNFINISHED
    (target,) = shell.run("report", "wave.ledger.jsonl").json["targets"]
    assert (target["state"], target["error_code"]) == ("unresolved", "wrong_account")
    assert target["attempts"] == 0
