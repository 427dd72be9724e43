import json

from batch_onboard.manifest.schema import json_schema


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
