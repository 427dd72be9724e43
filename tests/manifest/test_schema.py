import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # it has no types

from batch_onboard.manifest.compose import compose
from batch_onboard.manifest.load import load_manifest
from batch_onboard.manifest.problems import Complaints, ManifestError, StopReading
from batch_onboard.manifest.scalars import Numeral
from batch_onboard.manifest.schema import json_schema
from batch_onboard.manifest.text import decode

from .writing import HEAD, write

CORPUS = Path(__file__).parent / "corpus"
CONFIGS = Path(__file__).parents[2] / "configs"
VALIDATOR = Draft202012Validator(json_schema())
BEYOND_A_SCHEMA = {
    "sessions-without-role": "the role may come from another mapping",
    "tables": "the sources are other files",
}


def test_the_schema_is_json_schema_2020_12() -> None:
    """The schema names its dialect, and can be printed as JSON."""
    schema = json.loads(json.dumps(json_schema()))
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["required"] == ["version"]
    assert '"null"' not in json.dumps(schema)


def test_the_schema_has_both_spellings() -> None:
    """Editors accept the API's own names of keys, but not both names at once."""
    definitions = json.loads(json.dumps(json_schema()))["$defs"]
    encryption = definitions["EncryptionSettings"]
    assert encryption["properties"]["keyArn"] == encryption["properties"]["key_arn"]
    assert {"not": {"required": ["key_arn", "keyArn"]}} in encryption["allOf"]
    assert "encryptionConfig" in definitions["Defaults"]["properties"]
    assert "instance_id" in definitions["Instance"]["properties"]
    assert "instance_id" not in definitions["Defaults"]["properties"]


def test_instances_may_be_arns() -> None:
    """An instance is the text of an ARN, or a mapping."""
    schema = json.loads(json.dumps(json_schema()))
    arn, mapping = schema["properties"]["instances"]["items"]["anyOf"]
    assert arn["type"] == "string"
    assert mapping == {"$ref": "#/$defs/Instance"}


def as_an_editor_reads(value: Any) -> Any:
    """Return a node as the JSON that a schema is applied to."""
    if isinstance(value, dict):
        return {key: as_an_editor_reads(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [as_an_editor_reads(inner) for inner in value]
    return 0.5 if isinstance(value, Numeral) else value


def passes(path: Path) -> bool:
    """Say whether the schema finds nothing wrong with a file that an editor can read."""
    complaints = Complaints(str(path))
    try:
        node = compose(decode(path.read_bytes(), str(path), complaints), str(path), complaints)
    except StopReading:
        return False
    return bool(VALIDATOR.is_valid(as_an_editor_reads(node)))


def test_the_schema_passes_of_the_corpus_only_what_it_cannot_see() -> None:
    """What validation refuses the editor underlines, but for what JSON Schema can't say."""
    passed = {path.stem for path in CORPUS.glob("*.yaml") if passes(path)}
    assert passed == set(BEYOND_A_SCHEMA)


@pytest.mark.parametrize("path", [CONFIGS / "manifest.yaml", CONFIGS / "demo.yaml"])
def test_the_schema_passes_what_validation_does(path: Path) -> None:
    """An editor underlines nothing in a good manifest."""
    assert load_manifest(path).targets
    assert passes(path)


@pytest.mark.parametrize(
    "text",
    [
        "version: 1\ninstances: []\n",
        "version: 1\nsources: []\n",
        "version: 1\ninstances: []\nsources: []\n",
        f"{HEAD}instances: [{{region: us-west-2}}]\n",
        f"{HEAD}instances: [{{id: ..}}]\n",
        f"{HEAD}instances: ['arn:aws:connect:us-west-2:111122223333:instance/.']\n",
        f"{HEAD}instances: [{{id: a, profile: p, role_arn: 'arn:aws:iam::111122223333:role/R'}}]\n",
        f"{HEAD}instances: [{{id: a, role_arn: 'arn:aws:iam::{{account}}:role/R'}}]\n",
        f"{HEAD}instances: [{{id: a, role_arn: 'arn:aws:iam::{{account_id}}:role/{{x}}'}}]\n",
        f"{HEAD}instances: [{{id: a, role_arn: 'arn:aws:iam::{{account_id}}:user/U'}}]\n",
        f"{HEAD}instances: [{{id: a, external_id: 'a b'}}]\n",
        f"{HEAD}instances: [{{id: a, encryption: {{enabled: true}}}}]\n",
        f"{HEAD}instances: [{{id: a, encryption: {{enabled: true, keyArn: x}}}}]\n",
        f"{HEAD}instances: [{{id: a, labels: {{{', '.join(f'l{n}: x' for n in range(101))}}}}}]\n",
        f"{HEAD}sources: [a.txt]\n",
        f"{HEAD}sources: [/a.csv]\n",
        f"{HEAD}sources: [a.csv, a.csv]\n",
    ],
)
def test_both_refuse_the_same_single_mistake(tmp_path: Path, text: str) -> None:
    """The schema knows of rules beyond types: emptiness, forms of ARNs, keys that go together."""
    path = write(tmp_path, text)
    assert not passes(path)
    with pytest.raises(ManifestError):
        load_manifest(path)


@pytest.mark.parametrize(
    "text",
    [
        "instances: [{id: a}]\nsources: []\n",
        "instances: []\nsources: [more.csv]\n",
        "instances: [{id: a, role_arn: none}]\n",
        "instances: [{id: a, role_arn: 'arn:aws:iam::{account_id}:role/p/{region}-R'}]\n",
        "instances: [{id: a, role_arn: 'arn:aws-cn:iam::111122223333:role/R', external_id: 'x{region}'}]\n",
        "instances: [{id: a, encryptionConfig: {enabled: true, keyArn: 'arn:aws:kms:{region}:{account_id}:alias/k'}}]\n",
    ],
)
def test_both_accept_the_same(tmp_path: Path, text: str) -> None:
    """What is right in an unusual way is not underlined."""
    (tmp_path / "more.csv").write_text("id\nb\n")
    path = write(tmp_path, HEAD + text)
    assert load_manifest(path).targets
    assert passes(path)
