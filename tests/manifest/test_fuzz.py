"""Whatever stands in a manifest is loaded or refused; `python -m tests.faults --long` asks for hours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings

from tests.manifest.alike import alike_sources, alike_yaml
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


@given(alike_yaml())
@settings(max_examples=80, deadline=None)
def test_instances_that_are_written_alike_are_read_as_each_by_itself(
    folder: Path, data: bytes
) -> None:
    """Reading many instances by one pattern means what reading each of them means, right or wrong."""
    check_manifest(folder, data)


@given(alike_sources())
@settings(max_examples=80, deadline=None)
def test_lines_that_are_written_alike_are_read_as_each_by_itself(
    folder: Path, source: tuple[str, str]
) -> None:
    """So does reading lines of a source by one pattern."""
    check_source(folder, source)
