from __future__ import annotations

import pytest

from batch_onboard.core.s3place import S3Place


def test_a_place_is_written_as_it_was_read() -> None:
    """It has a bucket, a key, and names as a path has."""
    place = S3Place.parse("s3://my-bucket/waves/emea.jsonl")
    assert (place.bucket, place.key) == ("my-bucket", "waves/emea.jsonl")
    assert str(place) == "s3://my-bucket/waves/emea.jsonl"
    assert (place.name, place.stem) == ("emea.jsonl", "emea")
    assert not place.is_folder
    assert str(place.with_name("apac")) == "s3://my-bucket/waves/apac"
    assert str(place / "0000000001.jsonl") == f"{place}/0000000001.jsonl"


def test_a_last_slash_makes_a_folder() -> None:
    """It stands for what is beneath it; a name beside or beneath it has one slash."""
    folder = S3Place.parse("s3://my-bucket/waves/")
    assert folder.is_folder
    assert (folder.name, folder.stem) == ("waves", "waves")
    assert str(folder / "emea") == "s3://my-bucket/waves/emea"
    assert str(folder.with_name("other")) == "s3://my-bucket/other"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("waves/emea", "names no bucket"),
        ("s3://", "names no bucket"),
        ("s3:///emea", "names no bucket"),
        ("s3://My_Bucket/emea", "names no bucket"),
        ("s3://a..b/emea", "names no bucket"),
        ("s3://my-bucket", "names the whole bucket"),
        ("s3://my-bucket/", "names the whole bucket"),
        ("s3://my-bucket//emea", "an empty part"),
        ("s3://my-bucket/a/../b", "an empty part"),
        ("s3://my-bucket/./b", "an empty part"),
        ("s3://my-bucket/a\nb", "can't be printed"),
        (f"s3://my-bucket/{'a' * 901}", "too long"),
    ],
)
def test_what_is_no_place_is_refused_with_the_reason(text: str, problem: str) -> None:
    """Nothing is guessed, and nothing goes into a URL that could change its meaning."""
    with pytest.raises(ValueError, match=problem):
        S3Place.parse(text)
