from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch_onboard.core.shard import Shard, shard_of
from batch_onboard.core.targets import Domain


@pytest.mark.parametrize(
    ("account_id", "region", "of_8", "of_3"),
    [
        # The remainders of the first 16 digits of `printf %s 111122223333/eu-west-2 | sha256sum`.
        ("111122223333", "eu-west-2", 3, 2),  # 223d917fd9633cf3
        ("111122223333", "us-east-1", 5, 0),  # 885c9a1d055a8f1d
        ("444455556666", "eu-west-2", 0, 0),  # b367bb9a11238b08
    ],
)
def test_a_domain_stays_with_its_shard_for_ever(
    account_id: str, region: str, of_8: int, of_3: int
) -> None:
    """A later version that put it elsewhere would start what another ledger has started."""
    domain = Domain(account_id, region)
    assert (shard_of(domain, 8), shard_of(domain, 3), shard_of(domain, 1)) == (of_8, of_3, 0)


domains = st.builds(
    Domain,
    st.integers(0, 10**12 - 1).map(lambda number: f"{number:012}"),
    st.sampled_from(["eu-west-2", "us-east-1", "ap-southeast-2"]),
)


@given(st.lists(domains), st.integers(1, 50))
def test_each_domain_is_of_one_shard_whatever_else_there_is(
    found: list[Domain], count: int
) -> None:
    """Shards share nothing and leave nothing out."""
    for domain in found:
        (index,) = [index for index in range(count) if Shard(index, count).has(domain)]
        assert index == shard_of(domain, count)


@given(st.integers(0, 10**12 - 10_000), st.integers(2, 16))
def test_shards_are_of_about_the_same_size(first: int, count: int) -> None:
    """Also for accounts whose numbers follow each other: within 5 standard deviations."""
    number = 1000
    found = Counter(
        shard_of(Domain(f"{first + each:012}", "eu-west-2"), count) for each in range(number)
    )
    mean = number / count
    spread = 5 * (mean * (1 - 1 / count)) ** 0.5
    assert all(abs(found[index] - mean) <= spread for index in range(count))


def test_a_shard_is_named_as_array_jobs_number_it() -> None:
    """From 0, in its ledger's name and in words."""
    assert (Shard(2, 8).name, str(Shard(2, 8))) == ("shard-2-of-8", "shard 2 of 8")
