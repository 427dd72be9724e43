import json
import string
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batch_onboard.core.targets import TargetKey
from batch_onboard.manifest.leaks import find_secrets
from batch_onboard.manifest.load import Manifest, load_manifest
from batch_onboard.manifest.scalars import Numeral, typed


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder for all examples of all properties."""
    return tmp_path_factory.mktemp("properties")


def load(folder: Path, data: bytes) -> Manifest:
    """Load a manifest that has these bytes."""
    path = folder / "m.yaml"
    path.write_bytes(data)
    return load_manifest(path)


account_ids = st.text("0123456789", min_size=12, max_size=12)
regions = st.sampled_from(["us-west-2", "eu-west-2", "us-gov-west-1", "ap-southeast-2"])
instance_ids = st.text(string.ascii_letters + string.digits + "-_.", min_size=1).filter(
    lambda text: text not in {".", ".."} and not list(find_secrets(f'"{text}",'))
)
keys = st.builds(TargetKey, account_ids, regions, instance_ids)
# What looks like a secret, be it by its name alone, is refused, which another test shows.
label_texts = st.text(st.characters(categories=["L", "N", "P", "Zs"]), max_size=20).filter(
    lambda text: not list(find_secrets(f"{text}: {text}"))
)


@st.composite
def instances(draw: st.DrawFn) -> dict[str, object]:
    """Draw an instance as a manifest has it."""
    key = draw(keys)
    return draw(
        st.fixed_dictionaries(
            {
                "account_id": st.just(key.account_id),
                "region": st.just(key.region),
                "id": st.just(key.instance_id),
            },
            optional={
                "api": st.sampled_from(["v1", "v2"]),
                "wave": st.integers(1, 99),
                "labels": st.dictionaries(label_texts, label_texts, max_size=3),
                "accept_drift": st.just("because"),
            },
        )
    )


@given(
    st.lists(
        instances(),
        min_size=1,
        max_size=8,
        unique_by=lambda one: (one["account_id"], one["region"], one["id"]),
    )
)
@settings(max_examples=50, deadline=None)
def test_a_valid_manifest_round_trips(folder: Path, drawn: list[dict[str, object]]) -> None:
    """What a valid manifest says of its instances is what its targets hold, in its order."""
    manifest = {
        "version": 1,
        "defaults": {"encryption": {"enabled": False}},
        "instances": drawn,
    }
    targets = load(folder, json.dumps(manifest, ensure_ascii=False).encode()).targets
    assert [
        {
            "account_id": target.key.account_id,
            "region": target.key.region,
            "id": target.key.instance_id,
            "api": target.api.value,
            "wave": target.wave,
            "labels": dict(target.labels),
            "accept_drift": target.accept_drift,
        }
        for target in targets
    ] == [{"api": "v1", "wave": 1, "labels": {}, "accept_drift": None, **one} for one in drawn]


@given(st.from_regex(r"[-+.0-9_:boxeE]{1,14}", fullmatch=True))
def test_a_number_is_never_changed_by_reading(text: str) -> None:
    """A plain scalar that is read as a number shows as it was written."""
    value = typed(text)
    assert isinstance(value, str | int | Numeral)
    assert str(value) == text
