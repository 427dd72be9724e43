import gc
import subprocess
import sys
from pathlib import Path

import pytest

from batch_onboard.manifest import compose
from batch_onboard.manifest.garbage import paused_collector
from batch_onboard.manifest.leaks import find_secrets
from batch_onboard.manifest.regions import regions_with_service

from .writing import HEAD, problems, targets, write


def test_the_regions_are_those_of_botocore() -> None:
    """Regions come from the endpoint data, without names that are no Regions."""
    regions = regions_with_service()
    assert {"us-east-1", "us-west-2", "eu-west-2"} <= regions
    assert not any(region.startswith("fips-") for region in regions)


@pytest.mark.parametrize("package", ["no_such_package_at_all", "email"])
def test_without_endpoint_data_no_region_is_known(package: str) -> None:
    """Where there is no endpoint data, nothing is claimed about Regions."""
    assert regions_with_service(package) == frozenset()


def test_reading_does_not_import_botocore(tmp_path: Path) -> None:
    """A manifest is validated without the time that importing botocore takes."""
    path = tmp_path / "m.yaml"
    path.write_text(HEAD + "instances: [{id: a}]")
    code = (
        "import sys; from pathlib import Path; "
        "from batch_onboard.manifest.load import load_manifest; "
        "load_manifest(Path(sys.argv[1])); print('botocore' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], check=True, capture_output=True, text=True
    )
    assert done.stdout == "False\n"


def test_the_collector_is_left_as_it_was(tmp_path: Path) -> None:
    """The garbage collector runs again after reading, if and only if it ran before."""
    targets(tmp_path, HEAD + "instances: [{id: a}]")
    assert gc.isenabled()
    gc.disable()
    try:
        with paused_collector():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


@pytest.mark.parametrize(
    "text",
    [
        "secret_key_rotation: yearly",
        "# never write an aws_session_token here",
        "id: AKIAIOSFODNN7EXAMPLES",
        "id: akiaiosfodnn7example",
        "key: wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    ],
)
def test_what_is_no_secret_is_left_alone(text: str) -> None:
    """Words about secrets, and texts that only resemble them, are no secrets."""
    assert not list(find_secrets(text))


@pytest.mark.parametrize(
    "text",
    [
        "aws_secret_access_key = x",
        '"SecretAccessKey": "x"',
        "AWS_SESSION_TOKEN: x",
        "id,aws_security_token",
    ],
)
def test_the_name_of_a_secret_with_a_value_is_one(text: str) -> None:
    """A secret key is known by its name, however it is spelled."""
    assert [secret.kind for secret in find_secrets(text)] == ["a secret"]


def test_values_are_counted_without_aliases_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A text with more values than the budget is refused at the first one beyond it."""
    monkeypatch.setattr(compose, "MAX_NODES", 10)
    path = write(tmp_path, HEAD + "instances: [a, b, c, d, e]")
    (said,) = problems(path)
    assert said.startswith("manifest.yaml:3:19: more than 10 values")
