"""Texts made to exhaust a reader, in a process of its own with little time and memory."""

import resource
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.no_cover  # a limit on memory and time is for the reader alone

LOAD = """
import sys
from pathlib import Path
from batch_onboard.manifest.load import load_manifest
from batch_onboard.manifest.problems import ManifestError
try:
    load_manifest(Path(sys.argv[1]))
except ManifestError as error:
    print(error)
"""
# An address space of 400 MB lets a process of this size use less than 200 MB of memory itself.
MEMORY = 400 << 20
CPU_SECONDS = 5


def alias_bomb() -> str:
    """Return lists of lists by alias: nine to the twentieth values."""
    lines = ["version: 1", "x0: &x0 [a, a, a, a, a, a, a, a, a]"]
    lines += [f"x{n}: &x{n} [{', '.join([f'*x{n - 1}'] * 9)}]" for n in range(1, 20)]
    return "\n".join(lines)


HOSTILE = {
    "flow sequences": ("[" * 100_000, "nested more than 32 levels deep"),
    "flow mappings": ("{" * 100_000, "a key must be a text"),
    "nested values": ("{a: " * 100_000, "nested more than 32 levels deep"),
    "block sequences": ("- " * 100_000, "nested more than 32 levels deep"),
    "block keys": ("? " * 100_000, "a key must be a text"),
    "aliases": (alias_bomb(), "more than 4,000,000 values"),
    "one late alias": (
        alias_bomb().split("\nx9")[0] + "\n",
        "more than 4,000,000 values",
    ),
    "tag directives": (
        "".join(f"%TAG !{n}! x\n" for n in range(50_000)),
        "YAML directives (%) are not allowed",
    ),
    "unknown keys": (
        "version: 1\n" + "".join(f"key{n}: 1\n" for n in range(50_000)),
        "50,001 keys in one mapping",
    ),
    "digits": (f"version: {'1' * 500_000}", "version is 1"),
    "anchors": ("version: 1\ninstances: [" + "&a *a, " * 10_000 + "]", "this is not YAML"),
    "a long key": (f"version: 1\n? {'k' * 200_000}\n: 1\n", "unknown key"),
}


def limit() -> None:
    """Limit the process that is about to start."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_text_is_an_error_within_limits(tmp_path: Path, name: str) -> None:
    """Bombs and deep nesting are problems with a place, without much time or memory."""
    text, said = HOSTILE[name]
    path = tmp_path / "m.yaml"
    path.write_text(text)
    done = subprocess.run(
        [sys.executable, "-c", LOAD, str(path)],
        check=False,
        capture_output=True,
        text=True,
        preexec_fn=limit,
    )
    assert done.stderr == ""
    assert done.stdout.startswith(f"{path}:")
    assert said in done.stdout
