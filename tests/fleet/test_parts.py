"""What the coordinator is made of: dealing, books, the ledgers' home, pictures, orders that stand."""

from __future__ import annotations

import pickle
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch_onboard.app.outcome import Outcome
from batch_onboard.app.settings import Settings
from batch_onboard.core.forecast import Forecast
from batch_onboard.core.lifecycle import State
from batch_onboard.core.opening import Opening
from batch_onboard.core.picture import Outlook, Picture, Slow
from batch_onboard.core.redaction import Secrets
from batch_onboard.core.s3place import S3Place
from batch_onboard.core.shard import Shard
from batch_onboard.core.targets import Domain
from batch_onboard.exits import Exit
from batch_onboard.fleet.addresses import Address
from batch_onboard.fleet.home import Home, find_home
from batch_onboard.fleet.parts import Parts
from batch_onboard.fleet.port import Order
from batch_onboard.fleet.stages import Canaries, Work, deal, waves
from batch_onboard.fleet.standing import Standing
from batch_onboard.fleet.view import View
from batch_onboard.ledger.errors import LedgerUnusableError
from tests.app.examples import history, manifest, target
from tests.cli.test_shards import shard_ledger
from tests.fleet.world import targets
from tests.ledger.building import key
from tests.ledger.test_merge import stands

if TYPE_CHECKING:
    from tests.s3 import Bucket


@given(st.integers(0, 200), st.dictionaries(st.integers(0, 20), st.integers(0, 30)))
def test_shares_add_up_and_nobody_gets_more_than_is_wanted(
    number: int, wanted: dict[int, int]
) -> None:
    """What is dealt out is all there is, or all that is wanted."""
    shares = deal(number, wanted)
    assert sum(shares.values()) == min(number, sum(wanted.values()))
    assert all(0 <= shares[each] <= wanted[each] for each in wanted)


def test_shares_are_in_proportion() -> None:
    """Who wants twice as much gets twice as much, and what is left goes to the largest rests."""
    assert deal(6, {0: 4, 1: 8, 2: 0}) == {0: 2, 1: 4, 2: 0}
    assert deal(5, {0: 3, 1: 3, 2: 3}) == {0: 2, 1: 2, 2: 1}


def test_canaries_are_of_different_accounts_until_enough_were_started() -> None:
    """Each that needed no Start makes room for another; those whose job runs are none."""
    works = [Work(each, Opening.LOOK) for each in targets(4, accounts=2)]
    works.append(Work(target("runs", account="9" * 12), Opening.FOLLOW))
    canaries = Canaries(works, 2)
    first = canaries.choose()
    assert {work.target.key.account_id for work in first} == {"000000000001", "000000000002"}
    canaries.over(first, {first[0].target.key})
    (second,) = canaries.choose()
    canaries.over([second], {second.target.key})
    assert canaries.choose() == []


def test_waves_ascend_and_nothing_has_none() -> None:
    """Whatever the manifest's order."""
    works = [Work(target("b", wave=2), Opening.LOOK), Work(target("a"), Opening.LOOK)]
    assert [[work.target.key.instance_id for work in wave] for wave in waves(works)] == [
        ["a"],
        ["b"],
    ]
    assert list(waves([])) == []


def test_a_part_can_be_sent_and_has_no_secret_and_only_its_own_targets() -> None:
    """It is pickled, so nothing in it may hang on this process; gates are the coordinator's."""
    whole = targets(20)
    home = Home(Path("/ledgers"), "wave", 4, created=True)
    secrets = Secrets()
    secrets.learn("very-secret-external-id")
    given_settings = Settings(canary=3, limit=9, max_duration=5.0, secrets=secrets)
    parts = Parts(
        manifest(*whole), home, given_settings, history(), run="r1", least=30, silence=60.0
    )
    shard = Shard(1, 4)
    part = parts.make(shard, frozenset({whole[0].key}), 2)
    sent = pickle.loads(pickle.dumps(part))  # noqa: S301 - of this very test
    assert sent.settings.limit == 2
    assert (sent.settings.canary, sent.settings.max_duration) == (0, None)
    assert sent.ledger == Path("/ledgers/wave.shard-1-of-4.ledger.jsonl")
    assert list(sent.manifest.targets) == shard.own(whole)
    assert b"very-secret" not in pickle.dumps(part)
    sent.settings.notify("whatever")
    assert parts.make(shard, frozenset(), None).number == part.number + 1


# The home of the ledgers.


def counts(asked: int | None = None) -> tuple[int | None, int]:
    """What is asked for, and eight otherwise."""
    return asked, 8


def test_new_ledgers_have_a_folder_beside_the_manifest(tmp_path: Path) -> None:
    """Rehearsals have another; the folder is private, and made when it is needed."""
    home = find_home(tmp_path / "emea.yaml", None, simulate=True, count=counts())
    assert home == Home(tmp_path / "emea.simulated.ledgers", "emea.simulated", 8, created=True)
    assert not home.folder.exists()  # type: ignore[union-attr]  # a path
    home.make()
    assert (tmp_path / "emea.simulated.ledgers").stat().st_mode & 0o777 == 0o700
    home.make()
    assert find_home(tmp_path / "emea.yaml", None, simulate=False, count=counts(3)).count == 3


def test_ledgers_that_are_there_say_how_many_shards_there_are(tmp_path: Path) -> None:
    """It is bound for ever; another number is refused, with the way out."""
    folder = tmp_path / "ledgers"
    folder.mkdir()
    shard_ledger(folder, 0, 4, stands(key(0)))
    home = find_home(tmp_path / "emea.yaml", folder, simulate=False, count=counts())
    assert (home.count, home.created) == (4, False)
    with pytest.raises(LedgerUnusableError, match="has ledgers of 4 shards, not of 5"):
        find_home(tmp_path / "emea.yaml", folder, simulate=False, count=counts(5))
    shard_ledger(folder, 0, 2, stands(key(0)))
    with pytest.raises(LedgerUnusableError, match="of 2 and of 4 shards: make one of all"):
        find_home(tmp_path / "emea.yaml", folder, simulate=False, count=counts())


def test_a_ledger_that_nobody_would_look_into_is_refused(tmp_path: Path) -> None:
    """What knows of Starts is never left aside: of the whole batch, or of shards elsewhere."""
    manifest_file = tmp_path / "emea.yaml"
    shard_ledger(tmp_path, 0, 4, stands(key(0)))
    with pytest.raises(LedgerUnusableError, match=f"go on with them by --ledger {tmp_path}"):
        find_home(manifest_file, None, simulate=False, count=counts())
    assert find_home(manifest_file, tmp_path, simulate=False, count=counts()).count == 4
    (tmp_path / "emea.ledger.jsonl").touch()
    for place in (None, tmp_path):
        with pytest.raises(LedgerUnusableError, match="is of the whole batch"):
            find_home(manifest_file, place, simulate=False, count=counts())


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    """Nor is a place in S3 without a slash at its end, nor what can't be made one."""
    file = tmp_path / "file"
    file.touch()
    manifest_file = tmp_path / "emea.yaml"
    for place in (file, S3Place("bucket", "ledgers")):
        with pytest.raises(LedgerUnusableError, match="name a folder"):
            find_home(manifest_file, place, simulate=False, count=counts())
    with pytest.raises(LedgerUnusableError, match="can't be made a folder for ledgers"):
        Home(file / "below", "emea", 1, created=True).make()


def test_ledgers_in_s3_are_found(bucket: Bucket) -> None:
    """Nothing is made there beforehand."""
    folder = S3Place(bucket.name, "waves/")
    home = find_home(Path("emea.yaml"), folder, simulate=False, count=counts())
    assert (home.count, home.created) == (8, True)
    home.make()
    assert home.ledger(Shard(1, 8)) == S3Place(bucket.name, "waves/emea.shard-1-of-8.ledger.jsonl")
    assert home.read("emea", simulate=False).targets == {}


def test_what_all_ledgers_know_is_read_as_one(tmp_path: Path) -> None:
    """A shard without a ledger knows nothing; one of another shard is refused."""
    home = Home(tmp_path, "emea", 4, created=False)
    shard_ledger(tmp_path, 0, 4, stands(key(0)))
    shard_ledger(tmp_path, 2, 4, stands(key(1)))
    assert len(home.read("emea", simulate=False).targets) == 2
    with pytest.raises(LedgerUnusableError, match="tells of real runs"):
        home.read("emea", simulate=True)


# Pictures.


def seen(**facts: object) -> Picture:
    """Make a picture of a shard."""
    told: dict[str, object] = {
        "elapsed": 1.0,
        "states": {State.SUCCEEDED: 2},
        "over": 2,
        "selected": 3,
        "jobs": 0,
        "held": 1,
        "in_flight": 2,
        "calls": 10,
        "starts": 3,
        "throttled": 1,
        "rate": 4.0,
        "throttles": 1,
        "outlook": Outlook(Forecast(1.0, 9.0), (slow("1", 3.0), slow("2", 9.0))),
        "out": ("eu-west-2",),
    }
    return Picture(**told | facts)  # type: ignore[arg-type]  # a test names real ones


def slow(account: str, seconds: float | None) -> Slow:
    """Make a domain of which something is left."""
    return Slow(Domain(account * 12, "eu-west-2"), 1, seconds, 2.0, None)


def test_pictures_of_shards_add_up() -> None:
    """Counts are summed, the longest decides, and launches that are over keep what they counted."""
    one, other = Shard(0, 2), Shard(1, 2)
    view = View(
        {one: {State.PENDING: 3}, other: {State.PENDING: 4}}, 7, lambda: 5, lambda: Forecast(1, 2)
    )
    assert view.picture(0.0).outlook == Outlook(None)
    view.see(1, one, seen())
    view.gone(1)
    view.gone(1)
    view.see(2, one, seen(states={State.SUCCEEDED: 3}))
    view.see(3, other, seen(states={State.IN_PROGRESS: 4}, calls=None, in_flight=None))
    whole = view.picture(8.0)
    assert whole.states == {State.SUCCEEDED: 3, State.IN_PROGRESS: 4}
    assert (whole.elapsed, whole.over, whole.selected, whole.jobs) == (8.0, 5, 7, 4)
    assert (whole.calls, whole.starts, whole.throttled) == (20, 9, 3)
    assert (whole.in_flight, whole.held, whole.rate, whole.throttles) == (2, 2, 8.0, 2)
    assert whole.out == ("eu-west-2",)
    assert whole.outlook.forecast == Forecast(2.0, 11.0)
    assert [each.seconds for each in whole.outlook.slowest] == [9.0, 9.0, 3.0]
    view.see(4, other, seen(outlook=Outlook()))
    assert view.picture(9.0).outlook.forecast is None


def test_nothing_is_left_to_foretell_when_all_are_over() -> None:
    """Between the last end and the folding of the ledgers nobody is told that it is learning."""
    view = View({}, 7, lambda: 7, Forecast)
    assert view.picture(1.0).outlook.forecast == Forecast()


# Orders.


def test_the_order_that_was_heard_last_stands() -> None:
    """A part that begins late hears it too; without a word it is to go on."""
    clock = [100.0]
    standing = Standing(lambda: clock[0])
    assert standing.order("r1") == Order()
    stop = Order(Outcome(Exit.INTERRUPTED, "interrupted"), signal.SIGINT)
    standing.hear("r1", stop)
    assert standing.order("r1") == stop
    assert standing.order("r2") == Order()


def test_silence_is_counted_from_the_last_word_or_from_the_begin() -> None:
    """What was heard before a part began does not count against it; old runs are forgotten."""
    clock = [100.0]
    standing = Standing(lambda: clock[0])
    assert standing.silent_for("r1", standing.now()) == 0.0
    standing.hear("r1", Order())
    clock[0] = 130.0
    assert standing.silent_for("r1", 90.0) == 30.0
    assert standing.silent_for("r1", 120.0) == 10.0
    for number in range(20):
        standing.hear(f"other-{number}", Order())
    assert standing.silent_for("r1", 90.0) == 40.0


# Addresses.


@pytest.mark.parametrize(
    ("text", "loopback"),
    [
        ("tls://127.0.0.1:8786", True),
        ("tcp://localhost:1", True),
        ("tls://[::1]:8786", True),
        ("tls://10.0.0.5:8786", False),
        ("tls://scheduler.example.internal:8786", False),
        ("tls://0.0.0.0:8786", False),
    ],
)
def test_an_address_says_who_can_reach_it(text: str, loopback: bool) -> None:
    """All that is not loopback for sure counts as outside."""
    address = Address.parse(text)
    assert address.is_loopback is loopback
    assert address.is_encrypted is text.startswith("tls")


@pytest.mark.parametrize("text", ["10.0.0.5:8786", "tls://10.0.0.5", "http://a:1", "tls://:1", ""])
def test_what_is_no_address_is_told(text: str) -> None:
    """With how to write one."""
    with pytest.raises(ValueError, match="write tls://host:port"):
        Address.parse(text)
