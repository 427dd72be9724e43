"""What the tests of the served simulator share: real clients, and requests signed by hand."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import aioboto3
from aiobotocore.config import AioConfig
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from multidict import CIMultiDict

from batch_onboard.simulator.scenario import CALLER_ACCESS_KEY_ID, CALLER_SECRET_ACCESS_KEY
from batch_onboard.simulator.signatures import SignedRequest
from tests.simulator.helpers import REGION

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

CALLER = Credentials(CALLER_ACCESS_KEY_ID, CALLER_SECRET_ACCESS_KEY)
HOST = "127.0.0.1:1"
JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@asynccontextmanager
async def client(
    service: str, url: str, credentials: dict[str, Any] | None = None, region: str = REGION
) -> AsyncIterator[Any]:
    """Open a real client without retries, by default with the simulator's caller."""
    keys = credentials or {
        "AccessKeyId": CALLER_ACCESS_KEY_ID,
        "SecretAccessKey": CALLER_SECRET_ACCESS_KEY,
    }
    session: Any = aioboto3.Session()
    config = AioConfig(retries={"total_max_attempts": 1})
    async with session.client(
        service,
        region_name=region,
        endpoint_url=url,
        config=config,
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys.get("SessionToken"),
    ) as opened:
        yield opened


def signed(
    method: str,
    path: str,
    body: bytes = b"",
    *,
    service: str = "connect-campaigns",
    credentials: Credentials = CALLER,
    headers: dict[str, str] | None = None,
) -> SignedRequest:
    """Sign a request as a client would, now."""
    request = AWSRequest(method, f"http://{HOST}{path}", headers or {}, body)
    SigV4Auth(credentials, service, REGION).add_auth(request)
    arrived = CIMultiDict([*request.headers.items(), ("Host", HOST)])
    return SignedRequest(method, path, arrived, body)
