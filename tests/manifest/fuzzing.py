"""Manifests that nobody would write, and what must hold for whatever is said of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from batch_onboard.cli.problems import problem_facts, problem_lines
from batch_onboard.cli.terminals import Terminal
from batch_onboard.manifest import shapes
from batch_onboard.manifest.leaks import find_secrets
from batch_onboard.manifest.load import Manifest, load_manifest
from batch_onboard.manifest.problems import ManifestError, Problem
from tests.manifest.alike import alike_sources, alike_yaml

if TYPE_CHECKING:
    from collections.abc import Sequence

HERE = Path(__file__).parent
GOOD = [
    path.read_bytes()
    for path in (
        *sorted((HERE.parent.parent / "configs").glob("*.yaml")),
        *sorted((HERE / "corpus").glob("*.yaml")),
    )
]
WORDS = [
    *("version", "name", "defaults", "accounts", "instances", "sources", "encryption", "enabled"),
    *("id", "arn", "account_id", "region", "api", "wave", "labels", "role_arn", "external_id"),
    *("session_tags", "profile", "key_arn", "keyArn", "encryptionConfig", "accept_drift", "regoin"),
    *(
        "1",
        "true",
        "null",
        "v1",
        "v2",
        "us-west-2",
        "012345678901",
        "0o17",
        "1e3",
        ".nan",
        "..",
        "",
    ),
    *('"111122223333"', "'it''s'", '"\\u2028"', '"\\ud800"', "{region}", "{x}", "FILL-IN", "漢字"),
    *("arn:aws:connect:us-west-2:111122223333:instance/a", "AKIA" + "Z" * 16, "a: b", "\u202e"),
    *(
        "arn:aws:iam::{account_id}:role/R",
        "arn:aws:kms:{region}:{account_id}:key/k",
        "<<",
        "e\u0301",
    ),
]
TOKENS = [
    *WORDS,
    *(*"[]{}:,-?|>#&*!%@`'\"\\", "\n", "\n  ", "\t", "---\n", "...\n", "&a ", "*a", "!!str ", "\r"),
    *("\x00", "\x1b[31m", "\ufeff", "\x85", "\u2028", "\U0001f600"),
]

raw = st.one_of(
    st.binary(max_size=300),
    st.lists(st.sampled_from(TOKENS), max_size=60).map(lambda each: "".join(each).encode()),
)
"""Bytes, and pieces of YAML in any order."""


def _mapping(values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    pairs = st.lists(st.tuples(st.sampled_from(WORDS), values), max_size=5)
    return pairs.map(lambda each: "{" + ", ".join(f"{key}: {value}" for key, value in each) + "}")


def _marked(values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    marks = st.sampled_from(["", "", "", "&a ", "!x ", "!!int "])
    return st.tuples(marks, values).map("".join)


_values = st.recursive(
    _marked(st.sampled_from([*WORDS, "*a"])),
    lambda inner: _marked(
        st.one_of(_mapping(inner), st.lists(inner, max_size=5).map(lambda x: f"[{', '.join(x)}]"))
    ),
    max_leaves=20,
)
grammar = st.lists(st.tuples(st.sampled_from(WORDS), _values), max_size=8).map(
    lambda pairs: "".join(f"{key}: {value}\n" for key, value in pairs).encode(errors="ignore")
)
"""YAML, of a manifest's words in any order."""


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A manifest that was good, or nearly, before somebody's hand slipped."""
    data = draw(st.sampled_from(GOOD))
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(data)))
        cut = draw(st.sampled_from([0, 0, 1, 3, 40, 400]))
        token = draw(st.sampled_from(TOKENS)).encode()
        data = data[:at] + token * draw(st.sampled_from([0, 1, 1, 1, 30])) + data[at + cut :]
    return data


_HEADS = {".csv": "id,api,labels.a\n", ".jsonl": ""}
sources = st.tuples(
    st.sampled_from([".csv", ".jsonl"]),
    st.one_of(
        st.lists(st.sampled_from([*TOKENS, "id,", '{"id":', "}\n"]), max_size=40).map("".join),
        st.text(max_size=80),
    ),
).map(lambda drawn: (drawn[0], _HEADS[drawn[0]] + drawn[1]))
"""The suffix and the text of a source."""


def check_manifest(folder: Path, data: bytes) -> None:
    """Load a manifest of these bytes, and check all that is said of it.

    It must be the same when each instance is read by itself, whatever others are written like it.
    """
    path = folder / "m.yaml"
    path.write_bytes(data)
    loaded = _loaded(path)
    with mock.patch.object(shapes, "MAX_SHAPES", 0):
        assert _loaded(path) == loaded
    check_problems(loaded.warnings if isinstance(loaded, Manifest) else loaded)


def check_source(folder: Path, source: tuple[str, str]) -> None:
    """Load a manifest with one source, and check all that is said of it."""
    suffix, text = source
    (folder / f"s{suffix}").write_bytes(text.encode(errors="replace"))
    defaults = (
        '{account_id: "111122223333", region: us-west-2, encryption: {enabled: false}, '
        "labels: {n: base, z: z}}"
    )
    check_manifest(folder, f"version: 1\ndefaults: {defaults}\nsources: [s{suffix}]\n".encode())


def _loaded(path: Path) -> Manifest | tuple[Problem, ...]:
    try:
        return load_manifest(path)
    except ManifestError as error:
        return error.problems


def check_problems(problems: Sequence[Problem]) -> None:
    """Check that problems can be shown anywhere: placed, in one line, and without a secret."""
    json.dumps([problem_facts(problem) for problem in problems])
    for problem in problems:
        assert problem.line >= 1
        assert 1 <= problem.column < problem.end
        assert str(problem).isprintable()
        assert not any(find_secrets(problem.source or ""))
    assert bool(list(problem_lines(problems, None))) == bool(problems)
    for terminal in (Terminal(24, "ascii"), Terminal(80, "utf-8")):
        for line in problem_lines(problems, terminal):
            is_excerpt = line[5:8] == " | "
            assert not is_excerpt or cell_len(line) <= terminal.width


KINDS: dict[str, st.SearchStrategy[Any]] = {
    "bytes": raw,
    "yaml": grammar,
    "mutated": mutated(),
    "source": sources,
    "alike": alike_yaml(),
    "alike, source": alike_sources(),
}
A_BATCH = 500


def check_many(folder: Path, strategy: st.SearchStrategy[Any], number: int) -> None:
    """Check a batch of drawn manifests or sources.

    Args:
        folder: where their files are written.
        strategy: one of `KINDS`.
        number: the seed of all that is drawn.

    Raises:
        AssertionError: one was not loaded, nor refused as it should be; it is the smallest found.
    """

    @seed(number)
    @settings(
        max_examples=A_BATCH, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(strategy)
    def check(drawn: Any) -> None:
        if isinstance(drawn, bytes):
            check_manifest(folder, drawn)
        else:
            check_source(folder, drawn)

    try:
        check()
    except Exception as error:
        raise AssertionError(f"seed {number}: {error!r} {error.__notes__}") from error
