import os
from pathlib import Path

import pytest

from batch_onboard.manifest.files import UnusableFileError, read_regular

from .writing import problems


def test_a_missing_manifest_is_a_problem(tmp_path: Path) -> None:
    """A path without a file is reported as any other problem."""
    assert problems(tmp_path / "none.yaml") == [
        (
            "none.yaml:1:1: the manifest can't be used: "
            "it can't be read: No such file or directory; check the path"
        )
    ]


def test_a_pipe_as_manifest_does_not_hang(tmp_path: Path) -> None:
    """A pipe that nobody writes to is refused at once."""
    os.mkfifo(tmp_path / "m.yaml")
    assert "it is not a regular file" in problems(tmp_path / "m.yaml")[0]


def test_a_path_with_nul_is_a_problem(tmp_path: Path) -> None:
    """A path that no file can have is reported, not raised."""
    assert "NUL character" in problems(tmp_path / "a\0b.yaml")[0]


def test_a_file_that_lies_about_its_size_is_refused() -> None:
    """A file whose size differs from what is read has changed in between, or is no real one."""
    with pytest.raises(UnusableFileError, match="changed while it was read"):
        read_regular(Path("/proc/self/status"), max_bytes=1 << 20)
