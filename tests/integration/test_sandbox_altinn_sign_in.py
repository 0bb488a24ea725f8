"""Altinn's API with sign-in: the bridge's own, raw tokens, and a platform access token."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import msgspec
from joserfc.jwk import RSAKey

from bridge.auth.keys import KeyConfig
from bridge.auth.maskinporten import Maskinporten, MaskinportenConfig
from bridge.auth.platform_token import PlatformAccessTokenAuth
from bridge.clock import SystemClock
from bridge.sandbox.altinn.records import OrderWish
from bridge.sandbox.server import Sandbox
from bridge.sandbox.sign_in.clients import new_client
from bridge.sandbox.sign_in.service import SignInPlan
from bridge.sandbox.sign_in.switches import Switches
from tests.support.sign_in import RecordingObserver
from tests.unit.sandbox.sign_in.makers import grant

CLIENT = new_client("altinn-client", algorithm="RS256")
PLATFORM_TOKENS = {"ours": "ttd", "theirs": "skd"}
FEED = "/notifications/api/v1/future/shipment/feed"


def sandbox() -> Sandbox:
    switches = Switches(platform_access_tokens=PLATFORM_TOKENS)
    return Sandbox(port=0, sign_in=SignInPlan(altinn_client=CLIENT, switches=switches))


@asynccontextmanager
async def signed_in(server: Sandbox, **config: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A client that signs in as the bridge does."""
    settings = MaskinportenConfig(
        client_id=server.altinn_client.client_id,
        key=KeyConfig(read=lambda: json.dumps(server.altinn_client.jwk)),
        issuer=server.maskinporten_url,
        platform_url=server.altinn_url,
        **config,
    )
    async with (
        Maskinporten(settings, clock=SystemClock(), observer=RecordingObserver()) as maskinporten,
        httpx.AsyncClient(base_url=server.altinn_url, timeout=10, auth=maskinporten.auth()) as http,
    ):
        yield http


async def test_the_bridge_signs_in_and_sees_its_organisations_orders() -> None:
    async with sandbox() as server, signed_in(server) as http:
        order = server.altinn.create(OrderWish())[0]
        theirs = server.altinn.create(OrderWish(organisation="skd"))[0]
        path = "/notifications/api/v1/orders/{}/notifications/email"
        assert (await http.get(path.format(order.id))).json()["orderId"] == order.id
        assert (await http.get(path.format(theirs.id))).status_code == 404
        assert (await http.get(FEED)).json() == []
        assert server.sign_in.state().accepted == {"maskinporten": 1, "altinn": 1, "altinn-api": 3}


async def test_a_request_without_a_token_is_401_and_says_nothing() -> None:
    async with sandbox() as server, httpx.AsyncClient(base_url=server.altinn_url) as http:
        for path in (
            FEED,
            "/notifications/api/v1/future/shipment/x",
            "/notifications/api/v1/orders/x/notifications/email",
        ):
            response = await http.get(path)
            assert (response.status_code, response.content) == (401, b"")
        assert server.sign_in.state().refused == {"altinn-api unsigned": 3}
        assert server.altinn.state().statuses == {"401": 3}


async def test_a_maskinporten_token_is_401_until_it_is_exchanged() -> None:
    now = int(SystemClock().now().timestamp())
    async with sandbox() as server, httpx.AsyncClient(base_url=server.altinn_url) as http:
        assertion = grant(
            header={"kid": CLIENT.jwk["kid"]},
            key=RSAKey.import_key(dict(CLIENT.jwk)),
            aud=server.maskinporten_url,
            iss=CLIENT.client_id,
            iat=now,
            exp=now + 60,
        )
        form = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": assertion}
        raw = (await http.post(f"{server.maskinporten_url}token", data=form)).json()["access_token"]
        refused = await http.get(FEED, headers={"Authorization": f"Bearer {raw}"})
        exchange = "/authentication/api/v1/exchange/maskinporten"
        token = (await http.get(exchange, headers={"Authorization": f"Bearer {raw}"})).text
        taken = await http.get(FEED, headers={"Authorization": f"Bearer {token}"})
    assert (refused.status_code, refused.content, taken.status_code) == (401, b"", 200)


async def test_a_token_of_no_service_owner_is_403() -> None:
    registration = msgspec.structs.replace(CLIENT.registration(), scope="altinn:instances.read")
    async with sandbox() as server:
        server.sign_in.register(registration)
        async with signed_in(server, scope="altinn:instances.read") as http:
            refused = await http.get(FEED)
    assert (refused.status_code, refused.content) == (403, b"")


async def test_a_platform_access_token_signs_in_alone_and_decides_where_both_come() -> None:
    async with sandbox() as server:
        theirs = server.altinn.create(OrderWish(organisation="skd"))[0]
        path = f"/notifications/api/v1/future/shipment/{theirs.id}"
        ours = PlatformAccessTokenAuth(lambda: "ours", clock=SystemClock(), observer=RecordingObserver())
        async with httpx.AsyncClient(base_url=server.altinn_url, auth=ours) as http:
            assert (await http.get(FEED)).status_code == 200
            assert (await http.get(path)).status_code == 404
        async with signed_in(server) as http:
            assert (await http.get(path)).status_code == 404
            assert (await http.get(path, headers={"PlatformAccessToken": "theirs"})).status_code == 200
            assert (await http.get(path, headers={"PlatformAccessToken": "unknown"}, auth=None)).status_code == 401


async def test_the_client_for_maskinporten_is_made_when_it_is_first_asked_for() -> None:
    async with Sandbox(port=0, sign_in=SignInPlan()) as server, signed_in(server) as http:
        assert (await http.get(FEED)).status_code == 200
        assert server.altinn_client.client_id == "bridge-sandbox-altinn"
        assert server.altinn_client.jwk["kty"] == "RSA"
