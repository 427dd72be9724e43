"""Places in S3, as people write them: `s3://bucket/key`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

SCHEME = "s3://"

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html, general purpose
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", re.ASCII)
_LONGEST_KEY = 900
"""Characters; S3 takes 1,024 bytes, and a ledger's segments add names of their own."""


@dataclass(frozen=True, slots=True)
class S3Place:
    """An object, a ledger (a row of objects beneath its key) or, with a last slash, a folder.

    Attributes:
        bucket: its name.
        key: all after the bucket and a slash.
    """

    bucket: str
    key: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `s3://bucket/key`.

        Raises:
            ValueError: it is none; the text says why, and what to write.
        """
        bucket, _, key = text.removeprefix(SCHEME).partition("/")
        if not text.startswith(SCHEME) or not _BUCKET.fullmatch(bucket) or ".." in bucket:
            raise ValueError(f"{text!r} names no bucket: write s3://bucket/name")
        if problem := _problem(key):
            raise ValueError(f"{text!r} {problem}")
        return cls(bucket, key)

    @property
    def is_folder(self) -> bool:
        """It stands for what is beneath it."""
        return self.key.endswith("/")

    @property
    def name(self) -> str:
        """The last part of its key."""
        return self.key.rstrip("/").rpartition("/")[2]

    @property
    def stem(self) -> str:
        """The last part of its key, without its ending."""
        return self.name.rpartition(".")[0] or self.name

    def with_name(self, name: str) -> S3Place:
        """Return the place of this name beside it."""
        folder, slash, _ = self.key.rstrip("/").rpartition("/")
        return S3Place(self.bucket, f"{folder}{slash}{name}")

    def __truediv__(self, name: str) -> S3Place:
        """Return the place of this name beneath it."""
        return S3Place(self.bucket, f"{self.key.rstrip('/')}/{name}")

    def __str__(self) -> str:
        return f"{SCHEME}{self.bucket}/{self.key}"


def _problem(key: str) -> str | None:
    if not key:
        return "names the whole bucket: add a name, as in s3://bucket/name"
    if len(key) > _LONGEST_KEY:
        return f"is too long: a name has at most {_LONGEST_KEY} characters"
    if not key.isprintable():
        return "has characters that can't be printed"
    parts = key.removesuffix("/").split("/")
    if {"", ".", ".."} & set(parts):
        return "has an empty part, '.' or '..' between slashes"
    return None
