"""Manifests and sources whose instances are written alike, but for a slip here and there."""

from __future__ import annotations

from hypothesis import strategies as st

_IDS = ["a-b-c", "0f1e2d3c-1111-4222-8333-444455556666", "1e3", "7", "..", "a", "x" * 257, "null"]
_ACCOUNTS = ["111122223333", "000000000001", "444455556666", "11112222333", "{account_id}"]
_REGIONS = ["us-west-2", "eu-west-2", "us-wset-2", "US-WEST-2", "a" * 30 + "-b-1", "xx-yy-1"]
_WORDS = ["x1", "true", "Null", "12", "1_0", "north west", "a: b", "Zürich", "a # b", "", "é\u2028", "\\", "'", '"', "FILL-IN", "~", "AKIA" + "Z" * 16]  # fmt: skip
_ROLES = ["arn:aws:iam::{account_id}:role/R", "arn:aws:iam::111122223333:role/R", "none", "{x}"]
_KEYS = ["arn:aws:kms:us-west-2:111122223333:key/k", "arn:aws:kms:{region}:{account_id}:key/k"]
_ROOM = {
    "account_id": _ACCOUNTS,
    "region": _REGIONS,
    "id": _IDS,
    "role_arn": _ROLES,
    "external_id": ["abc", "12", "a", "{instance_id}"],
    "wave": ["1", "2", "0", "x", "-0", "1e1"],
    "api": ["v1", "v2", "v3"],
    "accept_drift": _WORDS,
    "label": _WORDS,
    "key": _KEYS,
    "profile": ["p", "q"],
}
_TEMPLATES = [
    '{account_id: "%(account_id)s", region: %(region)s, id: %(id)s}',
    '{"account_id": "%(account_id)s", "region": "%(region)s", "id": "%(id)s", "wave": %(wave)s}',
    "{account_id: '%(account_id)s', region: %(region)s, id: %(id)s, labels: {n: \"%(label)s\"}}",
    "{id: %(id)s, wave: %(wave)s, labels: {n: %(label)s, m: '%(label)s'}, api: %(api)s}",
    '{instance_id: "%(id)s", role_arn: "%(role_arn)s", external_id: "%(external_id)s"}',
    '{id: %(id)s, region: %(region)s, encryption: {enabled: true, key_arn: "%(key)s"}}',
    "{id: %(id)s, profile: %(profile)s, accept_drift: %(accept_drift)s}",
    '{arn: "arn:aws:connect:%(region)s:%(account_id)s:instance/%(id)s", wave: %(wave)s}',
    "arn:aws:connect:%(region)s:%(account_id)s:instance/%(id)s",
    '"arn:aws:connect:%(region)s:%(account_id)s:instance/%(id)s"',
    "id: %(id)s\n    region: %(region)s\n    labels:\n      n: %(label)s\n    wave: %(wave)s",
    "id: %(id)s\n    account_id: '%(account_id)s'\n",
]
_JSON = [
    '{"account_id": "%(account_id)s", "region": "%(region)s", "id": "%(id)s"}',
    '{"id": "%(id)s", "wave": %(wave)s, "labels": {"n": "%(label)s"}}',
    '{"id":"%(id)s","role_arn":"%(role_arn)s","encryption":{"enabled":true,"key_arn":"%(key)s"}}',
    '"arn:aws:connect:%(region)s:%(account_id)s:instance/%(id)s"',
]
_HEADS = [
    "",
    'defaults: {account_id: "111122223333", region: us-west-2, encryption: {enabled: false}, labels: {n: base, z: z}}\n',
    "defaults: {role_arn: 'arn:aws:iam::{account_id}:role/R', encryption: {enabled: true, key_arn: 'arn:aws:kms:{region}:{account_id}:key/k'}}\n",
    "defaults: {region: us-west-2, role_arn: 'arn:aws:iam::111122223333:role/R', encryption: {enabled: false}}\n",
    'defaults: {encryption: {enabled: false}}\naccounts: {"111122223333": {wave: 3, labels: {n: own}}}\n',
]
_ODD = [" # note", "\n      more", "\n", " &a", "\n  - |\n    text", "\n  - 'open", "\n...", "\n---", "\r", "\t"]  # fmt: skip
_TAILS = ["name: x", "*a", "sources: []", "  - x: [", "instances: []"]
_RIGHT = st.integers(0, 19).map(bool)
"""Whether something is as it should be."""


@st.composite
def _values(draw: st.DrawFn, number: int) -> dict[str, str]:
    """Draw values; the first two of each kind are right."""
    drawn = {
        name: draw(st.sampled_from(values[:2] if draw(_RIGHT) else values))
        for name, values in _ROOM.items()
    }
    return drawn | {"id": f"{number}-0-{drawn['id']}"} if draw(_RIGHT) else drawn


@st.composite
def _instances(draw: st.DrawFn, templates: list[str]) -> list[str]:
    few = draw(st.lists(st.sampled_from(templates), min_size=1, max_size=2))
    return [
        draw(st.sampled_from(few)) % draw(_values(number))
        for number in range(draw(st.sampled_from([1, 4, 6, 8, 8])))
    ]


@st.composite
def alike_yaml(draw: st.DrawFn) -> bytes:
    """A manifest."""
    end, indent = "\n" if draw(_RIGHT) else "\r\n", draw(st.sampled_from(["  ", "", " "]))
    odd = ["" if draw(_RIGHT) else draw(st.sampled_from(_ODD)) for _ in range(8)]
    items = zip(draw(_instances(_TEMPLATES)), odd, strict=False)
    text = "".join(f"  - {item}{after}\n" for item, after in items)
    text = f"\n{text}".replace("\n  ", f"\n{indent}")
    head = draw(st.sampled_from([*_HEADS, *[_HEADS[1]] * 5]))  # with which most instances are right
    tail = "" if draw(_RIGHT) else draw(st.sampled_from(_TAILS))
    return f"version: 1\n{head}instances:{text}{tail}".replace("\n", end).encode()


@st.composite
def alike_sources(draw: st.DrawFn) -> tuple[str, str]:
    """The suffix and the text of a source."""
    if draw(st.booleans()):
        return ".jsonl", "\n".join(draw(_instances(_JSON)))
    columns = [
        "id",
        *draw(st.lists(st.sampled_from([*_ROOM][:2] + [*_ROOM][3:]), max_size=4, unique=True)),
    ]
    names = {"label": "labels.n", "key": "encryption.key_arn"}
    rows = [draw(_values(number)) for number in range(draw(st.integers(0, 8)))]
    cells = [[each[name] if draw(_RIGHT) else "" for name in columns] for each in rows]
    header = ",".join(names.get(name, name) for name in columns)
    return ".csv", "\n".join([header, *map(",".join, cells)])
