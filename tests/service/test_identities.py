"""How credentials are had: once, checked, renewed, and shared. Over real HTTP with a small STS."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from batch_onboard.core.calls import Answer, Meaning, Operation
from batch_onboard.core.targets import Identity, RoleSession
from batch_onboard.service.credentials import Caller
from tests.service.stub import (
    OTHER_ACCOUNT,
    OWN_ACCOUNT,
    REGION,
    assumed_xml,
    identity_xml,
    open_stubbed,
    reply,
    role,
    sts_error,
    target,
)

if TYPE_CHECKING:
    from aiohttp import web

    from tests.service.stub import Reply, Stub


START = Operation.START


def expired() -> Reply:
    """The service says that the credentials are too old."""
    return reply(403, {"message": "old"}, x_amzn_ErrorType="ExpiredTokenException")


def gives(response: web.Response) -> Reply:
    """A reply that is ready."""

    async def answer(_: web.Request) -> web.Response:
        return response

    return answer


@pytest.mark.asyncio
async def test_the_caller_is_named() -> None:
    """The run can say whose credentials it started with."""
    async with open_stubbed() as (_, service):
        caller = await service.caller()
    assert caller == Caller(f"arn:aws:iam::{OWN_ACCOUNT}:user/me", OWN_ACCOUNT)


@pytest.mark.asyncio
async def test_an_unknown_caller_is_an_answer() -> None:
    """If STS refuses to say who calls, the run gets the reason, not an exception."""
    async with open_stubbed() as (stub, service):
        stub.sts.append(sts_error(403, "InvalidClientTokenId", "no such token"))
        caller = await service.caller()
    assert isinstance(caller, Answer)
    assert (caller.meaning, caller.error_code) == (Meaning.NO_IDENTITY, "InvalidClientTokenId")
    assert "no such token" in str(caller.message)


@pytest.mark.asyncio
async def test_a_role_is_assumed_once_for_all_targets() -> None:
    """A hundred targets that wait for a role cost one AssumeRole; so does all that follows."""
    async with open_stubbed() as (stub, service):
        identity = role(OTHER_ACCOUNT, external_id="ext-1")
        wanted = target(OTHER_ACCOUNT, identity=identity)
        assert await asyncio.gather(*(service.prepare(wanted) for _ in range(100))) == [None] * 100
        await service.send(START, wanted)
        assert stub.sts_calls == ["GetCallerIdentity", "AssumeRole"]
        form = stub.seen[1].form
        assert stub.campaign_calls[0].access_key_id == f"ASIA{OTHER_ACCOUNT}-1"
        assert stub.campaign_calls[0].headers["X-Amz-Security-Token"].startswith("token-")
    assert form["RoleSessionName"] == "bo-r1"
    assert form["DurationSeconds"] == "3600"
    assert form["ExternalId"] == "ext-1"


@pytest.mark.asyncio
async def test_accounts_side_by_side_do_not_mix() -> None:
    """Calls for many accounts through one client are each signed by their own account."""
    accounts = [f"{number:012}" for number in range(30)]
    async with open_stubbed() as (stub, service):
        targets = [target(account, identity=role(account)) for account in accounts]
        await asyncio.gather(*(service.send(START, each) for each in targets))
        signers = sorted(seen.access_key_id[4:16] for seen in stub.campaign_calls)
    assert signers == accounts


@pytest.mark.asyncio
@pytest.mark.parametrize("identity", [Identity(), role(OWN_ACCOUNT)], ids=["own", "role"])
async def test_another_accounts_credentials_send_nothing(identity: Identity) -> None:
    """Credentials of another account are named as such, by prepare and by send."""
    wanted = target(OTHER_ACCOUNT, identity=identity)
    async with open_stubbed() as (stub, service):
        answers = [await service.prepare(wanted), await service.send(START, wanted)]
        assert stub.campaign_calls == []
    for answer in answers:
        assert answer is not None
        assert answer.meaning is Meaning.WRONG_ACCOUNT
        assert OWN_ACCOUNT in str(answer.message)
        assert OTHER_ACCOUNT in str(answer.message)


@pytest.mark.asyncio
async def test_the_account_is_what_sts_says_not_what_the_role_is_called() -> None:
    """A session of another account than its role's name says is refused."""
    async with open_stubbed() as (stub, service):
        await service.caller()
        foreign = assumed_xml(OTHER_ACCOUNT, "Onboarder", "ASIAFOREIGN", stub.life)
        stub.sts.append(gives(foreign))
        answer = await service.send(START, target(identity=role(OWN_ACCOUNT)))
        assert stub.campaign_calls == []
    assert answer.meaning is Meaning.WRONG_ACCOUNT


@pytest.mark.asyncio
async def test_a_denied_role_is_asked_for_once() -> None:
    """A denied role is one call for thousands of targets, and the message says what to grant."""
    denied = target(OTHER_ACCOUNT, identity=role(OTHER_ACCOUNT, external_id="ext-1"))
    async with open_stubbed() as (stub, service):
        await service.caller()
        stub.sts.append(sts_error(403, "AccessDenied"))
        answers = await asyncio.gather(*(service.prepare(denied) for _ in range(50)))
        answers.append(await service.send(START, denied))
        assert stub.sts_calls.count("AssumeRole") == 1
        assert await service.prepare(target()) is None
    for answer in answers:
        assert answer is not None
        assert (answer.meaning, answer.error_code) == (Meaning.NO_IDENTITY, "AccessDenied")
        assert f"arn:aws:iam::{OWN_ACCOUNT}:user/me may not assume" in str(answer.message)
        assert "sts:AssumeRole" in str(answer.message)
        assert "ext-1" not in str(answer.message)


@pytest.mark.asyncio
async def test_a_throttled_sts_is_waited_for() -> None:
    """Throttles of STS cost time, at a pace that it bears, and never a target."""
    async with open_stubbed() as (stub, service):
        stub.sts.extend([sts_error(400, "Throttling")] * 3)
        assert await service.prepare(target()) is None
        assert len(stub.sts_calls) == 4


@pytest.mark.asyncio
async def test_an_sts_that_only_throttles_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A quota of nothing does not hold a target for ever."""
    monkeypatch.setattr("batch_onboard.service.sts.MAX_THROTTLES", 3)
    async with open_stubbed() as (stub, service):
        stub.sts.extend([sts_error(400, "Throttling")] * 9)
        answer = await service.prepare(target())
        assert len(stub.sts_calls) == 3
    assert answer is not None
    assert (answer.meaning, answer.error_code) == (Meaning.UNSENT, "Throttling")


@pytest.mark.asyncio
async def test_trouble_of_sts_is_tried_again_by_who_has_the_call() -> None:
    """STS that is down is asked once for all who wait: the tries are the target's, in one layer."""
    async with open_stubbed() as (stub, service):
        stub.sts.append(sts_error(500, "InternalFailure"))
        answers = await asyncio.gather(*(service.prepare(target()) for _ in range(10)))
        assert len(stub.sts_calls) == 1
        assert stub.campaign_calls == []
    for answer in answers:
        assert answer is not None
        assert (answer.meaning, answer.error_code) == (Meaning.UNSENT, "InternalFailure")
        assert "the account of the caller's own credentials is not known" in str(answer.message)


@pytest.mark.asyncio
async def test_a_silent_sts_is_given_up() -> None:
    """STS that does not answer costs one call timeout, and sends nothing."""
    async with open_stubbed(call_timeout=1.0) as (stub, service):
        await service.caller()
        stub.sts.append(stub.hang)
        answer = await service.prepare(target(OTHER_ACCOUNT, identity=role(OTHER_ACCOUNT)))
        assert stub.sts_calls.count("AssumeRole") == 1
    assert answer is not None
    assert (answer.meaning, answer.error_code) == (Meaning.UNSENT, "timeout")


@pytest.mark.asyncio
async def test_send_without_ready_credentials_keeps_its_timeout() -> None:
    """A send that would wait too long for credentials says that nothing was sent."""
    async with open_stubbed(call_timeout=0.2) as (stub, service):
        stub.sts.append(stub.hang)
        answer = await service.send(START, target())
        assert stub.campaign_calls == []
    assert (answer.meaning, answer.error_code) == (Meaning.UNSENT, "timeout")


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "answer",
    [
        "<GetCallerIdentityResponse/>",
        "<R><GetCallerIdentityResult><Account>1</Account></GetCallerIdentityResult></R>",
    ],
)
async def test_an_identity_that_is_not_told_sends_nothing(answer: str) -> None:
    """An answer of STS without an account counts as no identity."""
    async with open_stubbed() as (stub, service):
        stub.sts.extend([reply(200, answer)] * 4)
        prepared = await service.prepare(target())
    assert prepared is not None
    assert (prepared.meaning, prepared.error_code) == (Meaning.UNSENT, "unreadable")


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "lost", ["<Arn>.*</Arn>", "arn:aws:sts::.*assumed", "<SessionToken>.*</SessionToken>"]
)
async def test_a_session_that_is_not_told_whole_sends_nothing(lost: str) -> None:
    """AssumeRole has to give credentials and to say whose they are."""
    async with open_stubbed() as (stub, service):
        await service.caller()
        whole = assumed_xml(OTHER_ACCOUNT, "Onboarder", "ASIA", stub.life).text or ""
        text = re.sub(lost, "", whole)
        stub.sts.append(reply(200, text))
        prepared = await service.prepare(target(OTHER_ACCOUNT, identity=role(OTHER_ACCOUNT)))
    assert prepared is not None
    assert (prepared.meaning, prepared.error_code) == (Meaning.UNSENT, "unreadable")


@pytest.mark.asyncio
async def test_a_role_that_expired_is_assumed_once_more() -> None:
    """Many calls refused for the same old session cost one new AssumeRole."""
    wanted = target(OTHER_ACCOUNT, identity=role(OTHER_ACCOUNT))
    async with open_stubbed() as (stub, service):
        await service.prepare(wanted)
        stub.campaigns.extend([expired()] * 20)
        answers = await asyncio.gather(*(service.send(START, wanted) for _ in range(20)))
        assert {answer.meaning for answer in answers} == {Meaning.EXPIRED}
        retried = await asyncio.gather(*(service.send(START, wanted) for _ in range(20)))
        assert {answer.meaning for answer in retried} == {Meaning.OK}
        assert stub.sts_calls.count("AssumeRole") == 2


@pytest.mark.asyncio
async def test_a_late_report_of_expiry_drops_nothing_newer() -> None:
    """A call that was refused for the old session leaves the new one alone."""
    wanted = target(OTHER_ACCOUNT, identity=role(OTHER_ACCOUNT))
    late, arrived = asyncio.Event(), asyncio.Event()

    async def expired_late(request: web.Request) -> web.StreamResponse:
        arrived.set()
        await late.wait()
        return await expired()(request)

    async with open_stubbed() as (stub, service):
        stub.campaigns.append(expired_late)
        slow = asyncio.create_task(service.send(START, wanted))
        await arrived.wait()
        stub.campaigns.append(expired())
        assert (await service.send(START, wanted)).meaning is Meaning.EXPIRED
        assert (await service.send(START, wanted)).meaning is Meaning.OK
        late.set()
        assert (await slow).meaning is Meaning.EXPIRED
        assert (await service.send(START, wanted)).meaning is Meaning.OK
        assert stub.sts_calls.count("AssumeRole") == 2


@pytest.mark.asyncio
async def test_own_credentials_that_expired_are_said_to_be() -> None:
    """Static credentials that have expired end as no identity, not in endless retries."""
    async with open_stubbed() as (stub, service):
        await service.prepare(target())
        stub.campaigns.append(expired())
        stub.sts.append(sts_error(403, "ExpiredToken"))
        assert (await service.send(START, target())).meaning is Meaning.EXPIRED
        answer = await service.send(START, target())
    assert (answer.meaning, answer.error_code) == (Meaning.NO_IDENTITY, "ExpiredToken")


@pytest.mark.asyncio
@pytest.mark.parametrize("lasting", [False, True])
async def test_a_role_is_assumed_again_if_the_lender_had_expired(lasting: bool) -> None:
    """If own credentials turn out to be expired at AssumeRole, they are renewed, once."""
    wanted = target(OTHER_ACCOUNT, identity=role(OTHER_ACCOUNT))
    async with open_stubbed() as (stub, service):
        await service.caller()
        stub.sts.append(sts_error(403, "ExpiredToken"))
        if lasting:
            stub.sts.extend([gives(identity_xml(OWN_ACCOUNT)), sts_error(403, "ExpiredToken")])
        answer = await service.prepare(wanted)
    if lasting:
        assert answer is not None
        assert (answer.meaning, answer.error_code) == (Meaning.NO_IDENTITY, "ExpiredToken")
    else:
        assert answer is None


@pytest.mark.asyncio
async def test_a_role_without_a_lender_has_the_lenders_reason() -> None:
    """If own credentials are refused, roles say so instead of their own failure."""
    async with open_stubbed() as (stub, service):
        stub.sts.extend([sts_error(403, "InvalidClientTokenId")] * 2)
        answer = await service.prepare(target(OTHER_ACCOUNT, identity=role(OTHER_ACCOUNT)))
        assert stub.sts_calls == ["GetCallerIdentity"] * 2  # there, and at home
    assert answer is not None
    assert (answer.meaning, answer.error_code) == (Meaning.NO_IDENTITY, "InvalidClientTokenId")


def soon(seconds: float) -> str:
    """A time as STS writes it."""
    return (datetime.now(UTC) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@pytest.mark.asyncio
async def test_a_session_near_its_end_is_renewed_before() -> None:
    """A role session is replaced in time, not when the service refuses it."""
    wanted = target(OTHER_ACCOUNT, identity=role(OTHER_ACCOUNT))
    async with open_stubbed() as (stub, service):
        stub.life = soon(-1)
        await service.prepare(wanted)
        stub.life = soon(3600)
        await service.send(START, wanted)
        await service.send(START, wanted)
        assert [seen.access_key_id[-1] for seen in stub.campaign_calls] == ["2", "2"]
        assert stub.sts_calls.count("AssumeRole") == 2


@pytest.mark.asyncio
async def test_a_failed_renewal_keeps_what_still_works() -> None:
    """While STS has trouble, calls go on with the session at hand, and it is not asked each time."""
    wanted = target(OTHER_ACCOUNT, identity=role(OTHER_ACCOUNT))
    async with open_stubbed() as (stub, service):
        stub.life = soon(-1)
        await service.prepare(wanted)
        stub.sts.extend([sts_error(403, "AccessDenied")])
        answers = [await service.send(START, wanted) for _ in range(3)]
        assert {answer.meaning for answer in answers} == {Meaning.OK}
        assert stub.sts_calls.count("AssumeRole") == 2


@pytest.mark.asyncio
async def test_a_renewal_keeps_nobody_waiting() -> None:
    """While one call renews a session, the others go on with the old one."""
    wanted = target(OTHER_ACCOUNT, identity=role(OTHER_ACCOUNT))
    async with open_stubbed() as (stub, service):
        stub.life = soon(-1)
        await service.prepare(wanted)
        stub.sts.append(stub.hang)
        renewing = asyncio.create_task(service.send(START, wanted))
        await stub.hanging.wait()
        others = await asyncio.gather(*(service.send(START, wanted) for _ in range(5)))
        assert {answer.meaning for answer in others} == {Meaning.OK}
        assert not renewing.done()
        renewing.cancel()
        await asyncio.wait([renewing])


@pytest.mark.asyncio
async def test_a_cancelled_wait_hands_over_to_the_next() -> None:
    """If the one who asks STS is cancelled, another of those who wait asks instead."""
    async with open_stubbed() as (stub, service):
        stub.sts.append(stub.hang)
        first = asyncio.create_task(service.prepare(target()))
        await stub.hanging.wait()
        second = asyncio.create_task(service.prepare(target()))
        await asyncio.sleep(0)
        first.cancel()
        assert await second is None
        assert first.cancelled()


@pytest.mark.asyncio
async def test_profiles_need_leave() -> None:
    """A profile in a manifest is not touched without --allow-profiles."""
    async with open_stubbed() as (stub, service):
        answer = await service.prepare(target(identity=Identity(profile="prod")))
        assert stub.seen == []
    assert answer is not None
    assert (answer.meaning, answer.error_code) == (Meaning.NO_IDENTITY, "profiles_not_allowed")
    assert "--allow-profiles" in str(answer.message)


@pytest.mark.asyncio
async def test_against_a_simulator_no_profile_is_read() -> None:
    """With static credentials a profile stands for them: no program of the config is run."""
    async with open_stubbed(allow_profiles=True) as (stub, service):
        assert await service.prepare(target(identity=Identity(profile="prod"))) is None
        assert stub.seen[0].access_key_id == "AKIDOWN"


@pytest.mark.asyncio
async def test_against_a_simulator_the_aws_config_counts_for_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A rehearsal works whatever AWS_PROFILE and the proxies of the machine say."""
    monkeypatch.setenv("AWS_PROFILE", "nowhere")
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.invalid:3128")
    async with open_stubbed() as (_, service):
        assert (await service.send(START, target())).meaning is Meaning.OK


def regions(stub: Stub) -> list[str]:
    """The Regions that calls were signed for, in order."""
    return [seen.headers["Authorization"].split("/")[2] for seen in stub.seen]


@pytest.mark.asyncio
async def test_another_region_is_asked_apart() -> None:
    """A refusal by the STS of one Region does not count in another."""
    async with open_stubbed() as (stub, service):
        stub.sts.append(sts_error(403, "AccessDenied"))
        there = target()
        elsewhere = target(key=there.key._replace(region="us-west-2"))
        assert await service.prepare(there) is not None
        assert await service.prepare(elsewhere) is None
        assert regions(stub) == [REGION, "us-west-2"]


DENIED_BY_SCP = sts_error(
    403, "AccessDenied", "not authorized with an explicit deny in a service control policy"
)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "closed",
    [
        sts_error(403, "RegionDisabledException"),
        sts_error(403, "InvalidClientTokenId"),
        DENIED_BY_SCP,
    ],
    ids=["disabled", "unknown", "scp"],
)
async def test_where_sts_is_closed_it_is_asked_at_home(closed: Reply) -> None:
    """A Region whose STS does not know the caller costs one call more, once for all its roles."""
    accounts = ["333333333333", "444444444444"]
    async with open_stubbed() as (stub, service):
        await service.caller()
        stub.sts.append(closed)
        for account in accounts:
            wanted = target(account, identity=role(account))
            assert (await service.send(START, wanted)).meaning is Meaning.OK
        home = "us-east-1"
        assert regions(stub) == [home, REGION, home, REGION, home, REGION]


@pytest.mark.asyncio
async def test_a_role_that_an_scp_denies_everywhere_is_said_to_be() -> None:
    """If home refuses as well, the service control policy is named, in IAM's words."""
    async with open_stubbed() as (stub, service):
        await service.caller()
        stub.sts.extend([DENIED_BY_SCP] * 2)
        answer = await service.prepare(target(OTHER_ACCOUNT, identity=role(OTHER_ACCOUNT)))
    assert answer is not None
    assert (answer.meaning, answer.error_code) == (Meaning.NO_IDENTITY, "denied_by_scp")
    assert "explicit deny" in str(answer.message)


@pytest.mark.asyncio
async def test_a_session_is_asked_for_as_the_manifest_says() -> None:
    """Duration, tags and source identity go to STS; without them nothing but the duration does."""
    session = RoleSession(7200, (("team", "telephony"),), "ops-bot")
    async with open_stubbed() as (stub, service):
        for identity in (role(OTHER_ACCOUNT, session=session), role(OTHER_ACCOUNT)):
            assert await service.prepare(target(OTHER_ACCOUNT, identity=identity)) is None
        _, asked, plain = (seen.form for seen in stub.seen)
    assert (asked["DurationSeconds"], plain["DurationSeconds"]) == ("7200", "3600")
    assert asked["SourceIdentity"] == "ops-bot"
    assert (asked["Tags.member.1.Key"], asked["Tags.member.1.Value"]) == ("team", "telephony")
    assert not {"SourceIdentity", "Tags.member.1.Key"} & plain.keys()


@pytest.mark.asyncio
async def test_a_session_that_is_too_long_is_an_hour() -> None:
    """What the role does not allow is asked for once, told, and an hour from then on."""
    told: list[str] = []
    too_long = sts_error(
        400,
        "ValidationError",
        "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
    )
    identity = role(OTHER_ACCOUNT, session=RoleSession(7200))
    wanted = target(OTHER_ACCOUNT, identity=identity)
    async with open_stubbed(notify=told.append) as (stub, service):
        await service.caller()
        stub.sts.append(too_long)
        stub.life = soon(-1)
        assert await service.prepare(wanted) is None
        assert await service.prepare(wanted) is None
        asked = [seen.form.get("DurationSeconds") for seen in stub.seen[1:]]
    assert asked == ["7200", "3600", "3600"]
    (sentence,) = told
    assert "7,200 s" in sentence
    assert "MaxSessionDuration" in sentence


@pytest.mark.asyncio
async def test_a_denied_session_names_all_that_it_needs() -> None:
    """Tags and a source identity need permissions of their own, so a refusal names them."""
    session = RoleSession(3600, (("team", "telephony"),), "ops-bot")
    async with open_stubbed() as (stub, service):
        await service.caller()
        stub.sts.append(sts_error(403, "AccessDenied"))
        answer = await service.prepare(
            target(OTHER_ACCOUNT, identity=role(OTHER_ACCOUNT, session=session))
        )
    assert answer is not None
    needs = "needs sts:AssumeRole and sts:TagSession and sts:SetSourceIdentity on that role"
    assert needs in str(answer.message)
