from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from batch_onboard.ledger.errors import LedgerDamagedError, LedgerError, LedgerFormatError
from batch_onboard.ledger.file import read_history
from batch_onboard.ledger.history import Cut
from batch_onboard.ledger.lines import FORMAT
from batch_onboard.ledger.reading import lines_of
from batch_onboard.ledger.repair import make_durable
from batch_onboard.ledger.scan import Scan
from tests.ledger.building import (
    ROOT,
    intent,
    key,
    opened,
    raw_ledger,
    run_line,
)

if TYPE_CHECKING:
    from pathlib import Path

# The last group, lines 4 to 6, may be unfinished: nothing after it calls it durable.
LINES = raw_ledger([run_line()], [intent(1)], [intent(2), intent(3), intent(4)])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the ledger of a test is, or will be."""
    return tmp_path / "emea.ledger.jsonl"


def names(path: Path) -> list[str]:
    """Return what is in the ledger's folder, without the ledger's own name."""
    return sorted(each.name.removeprefix(path.name) for each in path.parent.iterdir())


def told_by(path: Path) -> list[dict[str, object]]:
    """Return the lines of a ledger, as any JSON reader has them."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_new_ledger_has_its_header_alone(path: Path) -> None:
    """Opening creates a private ledger whose header names tool and manifest, and no other litter."""
    with opened(path) as ledger:
        assert ledger.created
        assert ledger.warnings == ()
        assert ledger.history.cut is None
    (header,) = told_by(path)
    assert (header["type"], header["format"], header["manifest"]) == ("ledger", FORMAT, "emea")
    assert header["tool"] == "0.1.0"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert names(path) == ["", ".lock"]


def test_what_a_crash_left_of_a_creation_is_replaced(path: Path) -> None:
    """A temporary file of a creation that was killed hinders nobody."""
    path.with_name(f"{path.name}.new").write_bytes(b"half a hea")
    with opened(path) as ledger:
        assert ledger.created
    assert names(path) == ["", ".lock"]


@pytest.mark.parametrize("end", range(len(LINES[0]), sum(map(len, LINES)), 7))
def test_a_tail_is_kept_and_cut_wherever_it_begins(path: Path, end: int) -> None:
    """A cut file opens with its whole lines; the rest is beside it, byte for byte, and recorded."""
    data = b"".join(LINES)[:end]
    whole = data[: data.rindex(b"\n") + 1]
    path.write_bytes(data)
    path.chmod(0o600)
    with opened(path) as ledger:
        cut = ledger.history.cut
        cuts = ledger.history.cuts
    if whole == data:
        assert cut is None
        assert path.read_bytes() == data
        return
    assert cut == Cut(
        len(data) - len(whole), path.with_name(f"{path.name}.tail-20261122T200000Z-1")
    )
    assert cut.kept.read_bytes() == data[len(whole) :]
    assert stat.S_IMODE(cut.kept.stat().st_mode) == 0o600
    assert path.read_bytes().startswith(whole)
    assert [(line["type"], line["size"]) for line in told_by(path)[whole.count(b"\n") :]] == [
        ("cut", cut.size)
    ]
    history = read_history(path)
    assert history.cut is None
    assert history.cuts == cuts or [each.kept for each in history.cuts] == [cut.kept.name]


def test_a_tail_of_zeros_before_intact_lines_is_cut_whole(path: Path) -> None:
    """Intact lines after a hole in an unfinished group are cut off with it, and kept."""
    tail = bytes(len(LINES[3])) + LINES[4] + LINES[5]
    path.write_bytes(b"".join(LINES[:3]) + tail)
    path.chmod(0o600)
    with opened(path) as ledger:
        assert ledger.history.cut is not None
        assert ledger.history.cut.kept.read_bytes() == tail
        assert ledger.history.records.keys() == {key(1)}


def test_tails_never_overwrite_one_another(path: Path) -> None:
    """A second tail of the same second gets a name of its own."""
    for number in (1, 2):
        with opened(path):
            pass
        with path.open("ab") as file:
            file.write(b"torn %d" % number)
        with opened(path) as ledger:
            cut = ledger.history.cut
        assert cut is not None
        assert cut.kept.name.endswith(f"Z-{number}")
        assert cut.kept.read_bytes() == b"torn %d" % number
    assert len(read_history(path).cuts) == 2


def test_a_large_tail_is_kept_whole(path: Path) -> None:
    """A tail of many blocks is copied to its last byte."""
    with opened(path):
        pass
    tail = b"x" * 3_000_001
    with path.open("ab") as file:
        file.write(tail)
    with opened(path) as ledger:
        assert ledger.history.cut is not None
        assert ledger.history.cut.kept.read_bytes() == tail


def test_reading_repairs_nothing(path: Path) -> None:
    """Reading passes over an unfinished tail and leaves every byte, and the folder, as they are."""
    data = b"".join(LINES)[:-5]
    path.write_bytes(data)
    history = read_history(path)
    assert history.records.keys() == {key(1), key(2), key(3)}
    assert history.cut is None
    assert path.read_bytes() == data
    assert names(path) == [""]


def test_reading_sees_the_file_as_it_was_when_it_began(path: Path) -> None:
    """What a run appends meanwhile does not make a half-written line look like damage."""
    data = b"".join(LINES)
    path.write_bytes(data[:-5])
    with path.open("r+b", buffering=0) as file:
        lines = lines_of(file.fileno())
        first = next(lines)
        with path.open("ab") as writer:
            writer.write(data[-5:] + b"more\n")
        assert b"".join([first, *lines]) == data[:-5]


def test_what_no_line_vouches_for_is_written_anew_on_opening(path: Path) -> None:
    """After a failed fsync a second may succeed falsely, so those bytes are made to count again."""
    path.write_bytes(b"".join(LINES))
    proven = sum(map(len, LINES[:3]))
    descriptor = os.open(path, os.O_RDWR)
    os.utime(descriptor, (0, 0))
    make_durable(descriptor, len(b"".join(LINES)))
    assert path.stat().st_mtime == 0
    make_durable(descriptor, proven)
    os.close(descriptor)
    assert path.stat().st_mtime > 0
    assert path.read_bytes() == b"".join(LINES)
    scan = Scan(LINES, "x.jsonl")
    assert list(scan)
    assert scan.proven == proven


@pytest.mark.skipif(shutil.which("strace") is None, reason="NOT TESTED HERE: strace is missing")
def test_the_bytes_are_written_anew_before_the_fsync_that_makes_them_durable(path: Path) -> None:
    """Opening writes from the last mark to the end, in its place, and only then calls fsync."""
    path.write_bytes(b"".join(LINES))
    path.chmod(0o600)
    trace = path.with_name("trace")
    code = (
        f'from tests.ledger.building import opened; from pathlib import Path;opened(Path("{path}"))'
    )
    calls = "trace=pwrite64,fsync,fcntl"
    subprocess.run(
        ["strace", "-y", "-s", "1", "-o", trace, "-e", calls, sys.executable, "-c", code],
        check=True,
        cwd=ROOT,
    )
    proven, size = sum(map(len, LINES[:3])), sum(map(len, LINES))
    of_ledger = [line for line in trace.read_text().splitlines() if f"{path}>" in line]
    written, synced, appending = of_ledger
    assert written.startswith("pwrite64(")
    assert written.endswith(f"{size - proven}, {proven}) = {size - proven}")
    assert synced.startswith("fsync(")
    assert "F_SETFL, O_RDONLY|O_APPEND" in appending
    assert path.read_bytes() == b"".join(LINES)


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", LedgerFormatError),
        (b"version: 1\n", LedgerFormatError),
        (b"".join(LINES).replace(b"\n", b"\r\n"), LedgerFormatError),
        (b"\xef\xbb\xbf" + b"".join(LINES), LedgerFormatError),
        (b"".join(LINES)[1:], LedgerFormatError),
        (b"".join(LINES).replace(b"emea", b"apac"), LedgerDamagedError),
        (LINES[0] + b"".join(LINES[2:]), LedgerDamagedError),
    ],
)
def test_what_is_no_whole_ledger_is_left_untouched(
    path: Path, data: bytes, error: type[LedgerError]
) -> None:
    """A file that can't be trusted is refused and left as it is, and the lock is free again."""
    path.write_bytes(data)
    path.chmod(0o600)
    for _ in range(2):
        with pytest.raises(error, match=r"emea\.ledger\.jsonl"):
            opened(path)
        with pytest.raises(error, match="Nothing was changed"):
            read_history(path)
    assert path.read_bytes() == data
    assert names(path) == ["", ".lock"]
