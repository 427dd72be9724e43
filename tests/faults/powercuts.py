"""Power cuts: a file system on a loop device is shut down under a writer, without its cache.

    unshare -m python -m tests.faults.powercuts ext4|xfs CUTS SEED [lying]

The ioctl FS_IOC_SHUTDOWN without a flush of the log leaves what a power cut would: what had been
synced, and whatever else had happened to reach the disk. With `lying`, strace turns each fdatasync
into one that does nothing but says that all is well: then losses must be seen, or else this program
sees none that are there.

Prints, as JSON, how often power was cut, in how many cuts something acknowledged was lost, and how
many unfinished tails were cut off.
"""

from __future__ import annotations

import fcntl
import json
import os
import random
import signal
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from batch_onboard.ledger.errors import LedgerDamagedError
from tests.ledger.building import ROOT, key, opened

FS_IOC_SHUTDOWN = 0x8004587D
WITHOUT_FLUSH = 2
SIZES = {"ext4": "32m", "xfs": "320m"}
LYING = (
    *("strace", "-f", "-qq", "-o", "/dev/null"),
    *("-e", "trace=fdatasync", "-e", "inject=fdatasync:retval=0"),
)


class Disk:
    """A file system in a file, mounted in a folder."""

    def __init__(self, folder: Path, kind: str) -> None:
        self._image = folder / "image"
        self.mounted = folder / "disk"
        self.mounted.mkdir()
        _do("truncate", "-s", SIZES[kind], str(self._image))
        _do(f"mkfs.{kind}", "-q", str(self._image))

    def mount(self) -> None:
        """Mount it; what its log holds is played back."""
        _do("mount", "-o", "loop", str(self._image), str(self.mounted))

    def unmount(self) -> None:
        """Unmount it."""
        _do("umount", str(self.mounted))

    def cut_power(self) -> None:
        """Let nothing reach the disk any more that is not there."""
        descriptor = os.open(self.mounted, os.O_RDONLY)
        try:
            fcntl.ioctl(descriptor, FS_IOC_SHUTDOWN, struct.pack("I", WITHOUT_FLUSH))
        finally:
            os.close(descriptor)


def _do(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


def cut_once(disk: Disk, chance: random.Random, *, lying: bool) -> int:
    """Cut the power under a writer, and return what it was told last to be safe.

    Args:
        disk: where it writes; unmounted before and after.
        chance: when the power goes.
        lying: whether fsync lies.
    """
    disk.mount()
    path = disk.mounted / "wave.ledger.jsonl"
    wrapper = LYING if lying else ()
    command = [*wrapper, sys.executable, "-m", "tests.faults.writer", str(path)]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout is not None
        told = [process.stdout.readline() for _ in range(chance.randint(1, 40))]
        time.sleep(chance.random() * 0.01)
        os.killpg(process.pid, signal.SIGSTOP)
        disk.cut_power()
        os.killpg(process.pid, signal.SIGKILL)
        told += process.stdout.readlines()
    disk.unmount()
    return int(told[-1])


def cut_often(kind: str, cuts: int, seed: int, *, lying: bool = False) -> dict[str, int]:
    """Cut the power again and again, and count what is lost."""
    chance = random.Random(seed)
    told = {"cuts": 0, "losses": 0, "tails": 0}
    with tempfile.TemporaryDirectory() as name:
        disk = Disk(Path(name), kind)
        for _ in range(cuts):
            safe = cut_once(disk, chance, lying=lying)
            told["cuts"] += 1
            disk.mount()
            lost, tail = _lost(disk.mounted / "wave.ledger.jsonl", safe)
            told["losses"] += lost
            told["tails"] += tail
            if lost or told["cuts"] % 25 == 0:  # on with a new ledger
                for each in disk.mounted.glob("wave*"):
                    each.unlink()
            disk.unmount()
    return told


def _lost(path: Path, safe: int) -> tuple[bool, bool]:
    """Say whether anything acknowledged is gone, and whether a tail was cut off."""
    if not path.exists():
        return True, False
    try:
        with opened(path) as ledger:
            history = ledger.history
            missing = {key(number) for number in range(safe)} - history.records.keys()
            return bool(missing), history.cut is not None
    except LedgerDamagedError:
        return True, False


if __name__ == "__main__":
    given = sys.argv[1:]
    counts = cut_often(given[0], int(given[1]), int(given[2]), lying="lying" in given)
    print(json.dumps(counts))  # noqa: T201 - what this program is for
