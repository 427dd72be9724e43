"""Whatever stands in a manifest is loaded or refused; `python -m tests.faults --long` asks for hours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings

from tests.manifest.fuzzing import check_manifest, check_source, grammar, mutated, raw, sources

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for all examples."""
    return tmp_path_factory.mktemp("fuzz")


@given(raw)
@settings(max_examples=100, deadline=None)
def test_bytes_are_loaded_or_refused(folder: Path, data: bytes) -> None:
    """No byte makes a traceback, and what is said of it can be shown."""
    check_manifest(folder, data)


@given(grammar)
@settings(max_examples=50, deadline=None)
def test_yaml_is_loaded_or_refused(folder: Path, data: bytes) -> None:
    """Neither does any YAML."""
    check_manifest(folder, data)


@given(mutated())
@settings(max_examples=100, deadline=None)
def test_a_damaged_manifest_is_loaded_or_refused(folder: Path, data: bytes) -> None:
    """Nor any slip in a manifest that was good."""
    check_manifest(folder, data)


@given(sources)
@settings(max_examples=100, deadline=None)
def test_a_source_is_loaded_or_refused(folder: Path, source: tuple[str, str]) -> None:
    """Nor anything in a source."""
    check_source(folder, source)
