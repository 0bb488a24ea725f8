"""The bridge's own sign-in against a sandbox, as one client of it."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from bridge.auth.assertions import NOBODY_ELSE, Organisation
from bridge.auth.diagnosis import Diagnosis, SignInError
from bridge.auth.helseid import HelseId, HelseIdConfig
from bridge.auth.keys import KeyConfig
from bridge.clock import SystemClock
from bridge.ports import Clock
from bridge.sandbox.server import Sandbox
from bridge.sandbox.sign_in.clients import ClientWithKey
from tests.support.sandbox_client import HEADERS
from tests.support.sign_in import RecordingObserver


@asynccontextmanager
async def signed_in(
    sandbox: Sandbox,
    *,
    client: ClientWithKey | None = None,
    organisation: Organisation = NOBODY_ELSE,
    clock: Clock | None = None,
    **config: Any,
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of NHN's API that signs its requests."""
    who = client or sandbox.client
    settings = HelseIdConfig(
        **{
            "client_id": who.client_id,
            "key": KeyConfig(read=lambda: json.dumps(who.jwk)),
            "issuer": sandbox.issuer_url,
            "tenancy": who.tenancy,
            **config,
        }
    )
    async with (
        HelseId(settings, clock=clock or SystemClock(), observer=RecordingObserver()) as helseid,
        httpx.AsyncClient(
            base_url=sandbox.nhn_url, headers=HEADERS, timeout=10, auth=helseid.auth(organisation)
        ) as http,
    ):
        yield http


async def diagnosis(sandbox: Sandbox, **options: Any) -> Diagnosis:
    """What the bridge makes of a sign-in that fails."""
    async with signed_in(sandbox, **options) as http:
        with pytest.raises(SignInError) as caught:
            await http.get("/notifications?HerIds=6789&Offset=0")
    return caught.value.diagnosis
