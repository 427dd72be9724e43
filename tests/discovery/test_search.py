"""The search on virtual time, against a directory that plays what it is told."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import anyio
import pytest

from batch_onboard.core.adaptive import AdaptiveLimiter
from batch_onboard.core.calls import Answer, Meaning
from batch_onboard.core.catalogue import Account, FoundInstance, Page, Unit
from batch_onboard.core.targets import Domain, Identity
from batch_onboard.discovery.organization import ListingError, Organization
from batch_onboard.discovery.paced import STOPPED, Paced
from batch_onboard.discovery.search import Errand, Search
from batch_onboard.simulator.bucket import TokenBucket
from tests.virtual import run_virtual

if TYPE_CHECKING:
    from collections.abc import Callable

DESK = FoundInstance("desk", "", "ACTIVE", True)
DOWN = Answer(Meaning.UNSENT, error_code="connection", message="no connection")
DENIED = Answer(Meaning.DENIED, error_code="AccessDeniedException", message="not yours")
THROTTLED = Answer(Meaning.THROTTLED)
BROKEN = Answer(Meaning.UNCLEAR, error_code="500")


@dataclass
class Played:
    """A directory: `answer` says what a pair is answered at a time; else it has one instance."""

    answer: Callable[[Domain, float], Answer | None] = lambda _domain, _now: None
    pages: int = 1
    calls: Counter[Domain] = field(default_factory=Counter)
    most_in_flight: int = 0
    in_flight: int = 0

    async def enter(self, identity: Identity, account_id: str) -> Answer | None:
        """Everybody may."""
        assert identity == Identity(role_arn=account_id)
        return None

    async def instances(
        self, identity: Identity, domain: Domain, token: str | None
    ) -> Page[FoundInstance] | Answer:
        """Answer after a tenth of a second."""
        assert identity.role_arn == domain.account_id
        self.calls[domain] += 1
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        await anyio.sleep(0.1)
        self.in_flight -= 1
        number = int(token or 1)
        following = str(number + 1) if number < self.pages else None
        return self.answer(domain, anyio.current_time()) or Page((DESK,), following)

    async def roots(self, token: str | None) -> Page[Unit] | Answer:
        """One root, on a second page."""
        return Page((), "more") if token is None else Page((Unit("r-root", "Root"),))

    async def unit(self, unit_id: str) -> Unit | Answer:
        """Every unit is there."""
        return Unit(unit_id, "Chosen")

    async def units(self, parent_id: str, token: str | None) -> Page[Unit] | Answer:
        """A unit under the root, and one under that."""
        assert token is None
        below = {"r-root": Unit("ou-1", "Retail"), "ou-1": Unit("ou-2", "EMEA")}
        return Page((below[parent_id],)) if parent_id in below else Page(())

    async def accounts(self, parent_id: str, token: str | None) -> Page[Account] | Answer:
        """An account under each."""
        assert token is None
        number = {"r-root": "1", "ou-1": "2", "ou-2": "3"}[parent_id]
        return Page((Account(number * 12),))

    async def tags(self, account_id: str, token: str | None) -> Page[tuple[str, str]] | Answer:
        """Not for everybody."""
        assert token is None
        return DENIED if account_id.startswith("2") else Page((("stage", "prod"),))


@dataclass
class Done:
    """What became of a search."""

    found: dict[Domain, int]
    refused: dict[Domain, Answer]
    calls: int
    throttled: int
    seconds: float


def search(
    played: Played, *, accounts: int = 1, regions: str = "a", stop_at: float | None = None
) -> Done:
    """Search accounts `0`, `1` and so on, to the end or until a time."""

    async def main() -> Done:
        found: dict[Domain, int] = {}
        paced = Paced(16, lambda: 0.5)
        begun = Search(
            played,
            paced,
            lambda: AdaptiveLimiter(lambda: 0.5),
            lambda domain, instances: found.__setitem__(domain, len(instances)),
            chance=lambda: 0.5,
            concurrency=16,
        )
        errands = [
            Errand(str(number), Identity(role_arn=str(number)), tuple(regions))
            for number in range(accounts)
        ]
        async with anyio.create_task_group() as group:
            if stop_at is not None:
                group.start_soon(_stop, paced, stop_at)
            await begun.run(errands)
        return Done(found, begun.refused, paced.calls, paced.throttled, anyio.current_time())

    return run_virtual(main)


async def _stop(paced: Paced, at: float) -> None:
    await anyio.sleep(at)
    paced.stop()


def test_every_pair_is_read_once_and_no_more_calls_fly_than_allowed() -> None:
    """Wide is the ordinary case: it is bound by the way to the service, not by a quota."""
    played = Played()
    done = search(played, accounts=100, regions="abcde")
    assert set(done.found.values()) == {1}
    assert len(done.found) == done.calls == 500
    assert played.most_in_flight == 16
    assert done.seconds < 500 / 16 * 0.1 * 1.5


def test_many_pages_of_one_pair_are_paced_like_any_operation() -> None:
    """A burst of five, then two a second: at the quota of ListInstances hardly a call is refused."""
    bucket = TokenBucket(2.0, 5.0, 0.0)
    done = search(Played(lambda _domain, now: None if bucket.take(now) else THROTTLED, pages=45))
    assert done.found == {Domain("0", "a"): 45}
    assert (45 - 5) / 2 <= done.seconds < (45 - 5) / 2 * 1.1
    assert done.throttled <= 2


def test_throttled_pages_are_asked_for_again() -> None:
    """Nothing is lost for being throttled."""
    throttles = iter([THROTTLED] * 3)
    done = search(Played(lambda _domain, _now: next(throttles, None), pages=3))
    assert (done.found, done.throttled) == ({Domain("0", "a"): 3}, 3)


def test_an_identity_that_is_refused_costs_two_calls() -> None:
    """The second one confirms it in another Region; all others have that cause."""
    played = Played(lambda _domain, _now: DENIED)
    done = search(played, regions="abcdefgh")
    assert done.calls == 2
    assert set(done.refused.values()) == {DENIED}
    assert len(done.refused) == 8


def test_a_refusal_after_one_was_let_in_is_its_regions_own() -> None:
    """Who is let in somewhere is asked for everywhere."""
    done = search(
        Played(lambda domain, _now: DENIED if domain.region == "c" else None), regions="abcd"
    )
    assert len(done.found) == 3
    assert done.refused == {Domain("0", "c"): DENIED}


def test_a_region_that_is_down_for_a_while_holds_nobody_up_and_is_read_later() -> None:
    """A trial now and then finds out when it is over; until then the others are read."""
    played = Played(lambda domain, now: DOWN if domain.region == "s" and now < 60 else None)
    done = search(played, accounts=200, regions="abs")
    assert not done.refused
    assert len(done.found) == 600
    assert done.seconds < 150
    wasted = done.calls - 600
    assert wasted < 60, wasted


def test_a_region_that_stays_down_is_given_up() -> None:
    """After five minutes its pairs are not covered, with what was last answered."""
    played = Played(lambda domain, _now: DOWN if domain.region == "s" else None)
    done = search(played, accounts=50, regions="as")
    assert len(done.found) == 50
    assert set(done.refused) == {Domain(str(number), "s") for number in range(50)}
    assert 300 <= done.seconds < 420


def test_one_pair_that_always_fails_is_given_up_alone() -> None:
    """It takes several accounts to put a Region off."""
    played = Played(lambda domain, _now: BROKEN if domain.account_id == "3" else None)
    done = search(played, accounts=10)
    assert done.refused == {Domain("3", "a"): BROKEN}
    assert played.calls[Domain("3", "a")] == 6


def test_a_list_that_never_ends_is_not_followed() -> None:
    """A token that comes back is no progress."""

    async def main() -> list[int] | Answer:
        paced = Paced(1, lambda: 0.5)

        async def ask(_token: str | None) -> Page[int] | Answer:
            return Page((1,), "same")

        return await paced.pages(AdaptiveLimiter(lambda: 0.5), ask)

    answer = run_virtual(main)
    assert isinstance(answer, Answer)
    assert answer.error_code == "unreadable"


@pytest.mark.parametrize("seconds", [0.05, 0.25, 3.0])
def test_a_stopped_search_finishes_its_calls_and_begins_no_other(seconds: float) -> None:
    """What was under way is kept; the rest is neither found nor refused."""
    played = Played(pages=50)
    done = search(played, accounts=40, stop_at=seconds)
    assert done.seconds <= seconds + 0.1 + 1e-6
    assert not done.refused
    assert sum(played.calls.values()) == done.calls


def listing(units: tuple[str, ...] = (), tags: tuple[tuple[str, str], ...] = ()) -> list[Account]:
    """The accounts of the played organization."""

    async def main() -> list[Account]:
        limiter = AdaptiveLimiter(lambda: 0.5)
        organization = Organization(Played(), Paced(4, lambda: 0.5), lambda _: limiter)
        return await organization.accounts(units, tags)

    return run_virtual(main)


def test_the_tree_of_an_organization_is_walked_from_its_root() -> None:
    """Each account has the path of units above it."""
    assert [(each.account_id[0], each.ou) for each in listing()] == [
        ("1", ""),
        ("2", "Retail"),
        ("3", "Retail/EMEA"),
    ]


def test_an_account_under_two_chosen_units_counts_once() -> None:
    """It keeps the longer path, whatever the order."""
    for chosen in (("ou-1", "ou-2"), ("ou-2", "ou-1", "r-root")):
        found = {each.account_id[0]: each.ou for each in listing(chosen)}
        assert found["3"] in {"Chosen/EMEA", "Retail/EMEA"}


def test_tags_that_can_not_be_read_end_the_listing() -> None:
    """To take them for missing would leave accounts out unseen."""
    with pytest.raises(ListingError, match="organizations:ListTagsForResource: AccessDenied"):
        listing(tags=(("stage", "prod"),))


def test_the_answer_of_a_call_that_is_not_made_tells_nothing() -> None:
    """It is no refusal."""
    assert STOPPED.meaning is Meaning.UNSENT
