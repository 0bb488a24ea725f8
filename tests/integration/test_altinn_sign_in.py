"""Signing in to Altinn as the settings say, at the sandbox's Maskinporten and exchange."""

import asyncio
from pathlib import Path

import httpx
import msgspec
import pytest

from bridge.auth.flow import BearerAuth
from bridge.auth.platform_token import PlatformAccessTokenAuth
from bridge.errors import ConfigurationError
from bridge.ports import Clock
from bridge.sandbox.server import Sandbox
from bridge.sandbox.sign_in.clients import ClientWithKey, new_client
from bridge.sandbox.sign_in.service import SignInPlan
from bridge.settings import Settings, load_settings
from bridge.sign_in import AltinnSigner, make_altinn_auth
from tests.support.clock import FakeClock
from tests.support.sign_in import RecordingObserver, claims_of, pem, rsa_key

API = "https://platform.example/notifications/api/v1/orders"
CLIENT = new_client("altinn-client", algorithm="RS256")


def sandbox_with(clock: Clock) -> Sandbox:
    return Sandbox(port=0, clock=clock, sign_in=SignInPlan(client=CLIENT))


def settings_for(sandbox: Sandbox, **more: str) -> Settings:
    given = {
        "BASE_URL": sandbox.altinn_url,
        "AUTH__ISSUER": sandbox.maskinporten_url,
        "AUTH__CLIENT_ID": CLIENT.client_id,
        **more,
    }
    return load_settings({f"BRIDGE_ALTINN__{name}": value for name, value in given.items()})


def put_key(file: Path, client: ClientWithKey) -> None:
    """The client's key in place of what the file holds, as Kubernetes puts it."""
    new = file.with_suffix(".new")
    new.write_bytes(msgspec.json.encode(client.jwk))
    new.replace(file)


def bearer(auth: AltinnSigner | None) -> BearerAuth:
    assert isinstance(auth, BearerAuth)
    return auth


async def carried(auth: AltinnSigner) -> httpx.Headers:
    """What a request to the API carries."""
    flow = auth.async_auth_flow(httpx.Request("GET", API))
    request = await anext(flow)
    await flow.aclose()
    return request.headers


async def test_however_many_requests_ask_they_share_one_token_of_altinns() -> None:
    clock, observer = FakeClock(), RecordingObserver()
    async with sandbox_with(clock) as sandbox:
        settings = settings_for(sandbox, AUTH__PRIVATE_KEY=msgspec.json.encode(CLIENT.jwk).decode())
        async with make_altinn_auth(settings, observer, clock) as auth:
            headers = await asyncio.gather(*[carried(bearer(auth)) for _ in range(50)])
        assert sandbox.sign_in.state().accepted == {"maskinporten": 1, "altinn": 1}
    (authorization,) = {each["Authorization"] for each in headers}
    assert claims_of(authorization.removeprefix("Bearer "))["urn:altinn:org"] == "ttd"
    assert not any("PlatformAccessToken" in each for each in headers)
    ((issuer, expires_at),) = observer.tokens
    assert (issuer, (expires_at - clock.now()).total_seconds()) == (sandbox.maskinporten_url, 1800)


async def test_a_key_in_a_file_is_exchanged_without_a_restart(tmp_path: Path) -> None:
    clock, observer, file = FakeClock(), RecordingObserver(), tmp_path / "key"
    put_key(file, CLIENT)
    async with sandbox_with(clock) as sandbox:
        settings = settings_for(sandbox, AUTH__PRIVATE_KEY_FILE=str(file))
        async with make_altinn_auth(settings, observer, clock) as auth:
            await bearer(auth).sign_in()
            newer = new_client("altinn-client", algorithm="RS256")
            sandbox.sign_in.register(newer.registration())
            put_key(file, newer)
            clock.advance(1801)
            await bearer(auth).sign_in()
        assert sandbox.sign_in.state().accepted == {"maskinporten": 2, "altinn": 2}
        assert sandbox.sign_in.state().refused == {}
    assert observer.troubles == []


async def test_a_key_in_pem_has_its_id_from_the_settings() -> None:
    clock, key = FakeClock(), rsa_key("altinn")
    jwk = {**key.as_dict(private=True), "kid": "2026-a"}
    client = ClientWithKey(client_id="altinn-client", jwk=jwk)
    async with sandbox_with(clock) as sandbox:
        sandbox.sign_in.register(client.registration())
        settings = settings_for(sandbox, AUTH__PRIVATE_KEY=pem(key), AUTH__KEY_ID="2026-a")
        async with make_altinn_auth(settings, RecordingObserver(), clock) as auth:
            await bearer(auth).sign_in()
        without_id = settings_for(sandbox, AUTH__PRIVATE_KEY=pem(key))
        with pytest.raises(ConfigurationError, match="has no key id"):
            async with make_altinn_auth(without_id, RecordingObserver(), clock):
                pass


async def test_a_platform_access_token_is_carried_alone_and_a_new_one_from_its_file_at_once(tmp_path: Path) -> None:
    clock, file = FakeClock(), tmp_path / "token"
    file.write_text("first\n")
    async with sandbox_with(clock) as sandbox:
        settings = settings_for(sandbox, AUTH__METHOD="platform-access-token", AUTH__TOKEN_FILE=str(file))
        async with make_altinn_auth(settings, RecordingObserver(), clock) as auth:
            assert isinstance(auth, PlatformAccessTokenAuth)
            before = await carried(auth)
            file.write_text("the-second\n")
            after = await carried(auth)
        assert sandbox.sign_in.state().accepted == {}
    assert (before["PlatformAccessToken"], after["PlatformAccessToken"]) == ("first", "the-second")
    assert "Authorization" not in before


async def test_a_sandbox_may_want_no_sign_in() -> None:
    settings = load_settings(
        {"BRIDGE_ALTINN__BASE_URL": "http://127.0.0.1:8085", "BRIDGE_ALTINN__AUTH__METHOD": "none"}
    )
    async with make_altinn_auth(settings, RecordingObserver(), FakeClock()) as auth:
        assert auth is None
