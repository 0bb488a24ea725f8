"""Signing in to Maskinporten, and the exchange to the token that Altinn takes."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from urllib.parse import parse_qsl

import httpx
import pytest
from joserfc import jwt

from bridge.auth.diagnosis import Problem, SignInError
from bridge.auth.keys import KeyConfig
from bridge.auth.maskinporten import Maskinporten, MaskinportenConfig
from bridge.errors import ConfigurationError
from tests.support.clock import FakeClock
from tests.support.sign_in import (
    RecordingObserver,
    claims_of,
    ec_jwk,
    header_of,
    jwk,
    pem,
    refusing,
    rsa_key,
    unsigned_jwt,
)

ISSUER = "https://maskinporten.example/"
PLATFORM = "https://platform.example"
NOW_S = 1776146400


class Site:
    """Maskinporten and Altinn's platform. `answers` are given first, one a request that is no discovery."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.requests: list[httpx.Request] = []
        self.answers: list[Callable[[httpx.Request], httpx.Response]] = []
        self.altinn_tokens: list[str] = []
        self.form = '"{}"'

    def answer(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/.well-known/oauth-authorization-server":
            return httpx.Response(200, json={"issuer": ISSUER, "token_endpoint": f"{ISSUER}token"})
        self.requests.append(request)
        if self.answers:
            return self.answers.pop(0)(request)
        if request.url.path == "/token":
            fields = {
                "access_token": "mp-t0ken",
                "token_type": "Bearer",
                "expires_in": 120,
                "scope": "altinn:a altinn:b",
            }
            return httpx.Response(200, json=fields)
        now_s = self.clock.now().timestamp()
        token = unsigned_jwt({"iat": now_s, "exp": now_s + 1800, "n": len(self.altinn_tokens)})
        self.altinn_tokens.append(token)
        return httpx.Response(200, text=self.form.format(token))


class Bench:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.observer = RecordingObserver()
        self.site = Site(self.clock)
        self.key = jwk(rsa_key(), kid="key-1")

    @asynccontextmanager
    async def maskinporten(self) -> AsyncIterator[Maskinporten]:
        async with Maskinporten(
            self.config(),
            clock=self.clock,
            observer=self.observer,
            transport=httpx.MockTransport(self.site.answer),
            new_id=lambda: "id-1",
        ) as maskinporten:
            yield maskinporten

    def config(self, platform_url: str = f"{PLATFORM}/") -> MaskinportenConfig:
        return MaskinportenConfig(
            client_id="client-1",
            key=KeyConfig(read=lambda: self.key),
            issuer=ISSUER,
            scope="altinn:a altinn:b",
            platform_url=platform_url,
        )

    async def problem(self) -> Problem:
        async with self.maskinporten() as maskinporten:
            with pytest.raises(SignInError) as caught:
                await maskinporten.auth().sign_in()
        return caught.value.diagnosis.problem


@pytest.fixture
def bench() -> Bench:
    return Bench()


async def test_signing_in_is_a_grant_and_an_exchange(bench: Bench) -> None:
    async with bench.maskinporten() as maskinporten:
        expires_at = await maskinporten.auth().sign_in()
    grant, exchange = bench.site.requests
    assert str(grant.url) == "https://maskinporten.example/token"
    assert (exchange.method, str(exchange.url)) == (
        "GET",
        "https://platform.example/authentication/api/v1/exchange/maskinporten",
    )
    assert exchange.headers["Authorization"] == "Bearer mp-t0ken"
    assert expires_at == datetime(2026, 4, 14, 6, 30, tzinfo=UTC)
    assert bench.observer.tokens == [(ISSUER, expires_at)]


async def test_the_grant_is_signed_and_has_only_allowed_claims(bench: Bench) -> None:
    async with bench.maskinporten() as maskinporten:
        await maskinporten.auth().sign_in()
    form = dict(parse_qsl(bench.site.requests[0].content.decode()))
    assertion = form.pop("assertion")
    assert form == {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer"}
    assert header_of(assertion) == {"alg": "RS256", "kid": "key-1"}
    assert claims_of(assertion) == {
        "aud": "https://maskinporten.example/",
        "iss": "client-1",
        "scope": "altinn:a altinn:b",
        "iat": NOW_S,
        "exp": NOW_S + 60,
        "jti": "id-1",
    }
    jwt.decode(assertion, rsa_key(), algorithms=["RS256"])


@pytest.mark.parametrize("form", ['"{}"', "{}", "{}\n"])
async def test_a_request_carries_the_altinn_token_as_bearer(form: str, bench: Bench) -> None:
    bench.site.form = form
    async with bench.maskinporten() as maskinporten:
        flow = maskinporten.auth().async_auth_flow(httpx.Request("GET", f"{PLATFORM}/x"))
        request = await anext(flow)
    assert request.headers["Authorization"] == f"Bearer {bench.site.altinn_tokens[0]}"
    assert "DPoP" not in request.headers
    assert "PlatformAccessToken" not in request.headers


async def test_all_requests_share_one_token_until_its_own_exp_comes_near(bench: Bench) -> None:
    async with bench.maskinporten() as maskinporten:
        for elapsed_s in (0, 1439, 1800):
            bench.clock.advance(elapsed_s - bench.clock.monotonic())
            await maskinporten.auth().sign_in()
    assert len(bench.site.altinn_tokens) == 2


async def test_a_401_brings_a_new_altinn_token_and_one_more_try(bench: Bench) -> None:
    async with bench.maskinporten() as maskinporten:
        flow = maskinporten.auth().async_auth_flow(httpx.Request("GET", f"{PLATFORM}/x"))
        await anext(flow)
        request = await flow.asend(httpx.Response(401))
        assert request.headers["Authorization"] == f"Bearer {bench.site.altinn_tokens[1]}"
        with pytest.raises(SignInError) as caught:
            await flow.asend(httpx.Response(401))
    assert caught.value.diagnosis.problem is Problem.API
    assert bench.site.altinn_tokens[1] not in str(caught.value)


@pytest.mark.parametrize(
    ("description", "problem"),
    [
        ("Invalid assertion. Client authentication failed. MP-100: Client not found", Problem.UNKNOWN_CLIENT),
        ("MP-124: Invalid JWT signature", Problem.WRONG_KEY),
        ("MP-110: Invalid JWT claim aud", Problem.ISSUER),
        ("MP-130: JWT is expired", Problem.CLOCK),
    ],
)
async def test_maskinportens_refusal_is_diagnosed(description: str, problem: Problem, bench: Bench) -> None:
    bench.site.answers = [refusing("invalid_grant", description)]
    assert await bench.problem() is problem


@pytest.mark.parametrize(
    ("response", "problem"),
    [
        (httpx.Response(401), Problem.API),
        (httpx.Response(503), Problem.UNAVAILABLE),
        (httpx.Response(200, text="<html>"), Problem.UNUSABLE),
    ],
)
async def test_a_failed_exchange_is_diagnosed(response: httpx.Response, problem: Problem, bench: Bench) -> None:
    token = {"access_token": "mp-t0ken", "token_type": "Bearer", "expires_in": 120, "scope": "altinn:a altinn:b"}
    bench.site.answers = [lambda _: httpx.Response(200, json=token), lambda _: response]
    assert await bench.problem() is problem


@pytest.mark.parametrize(
    ("key", "mistakes"),
    [
        (
            ec_jwk(kid="key-1"),
            ("the private key signs with ES256; Maskinporten takes RS256, RS384, RS512",),
        ),
        (
            jwk(rsa_key(), kid="key-1", alg="PS256"),
            ("the private key signs with PS256; Maskinporten takes RS256, RS384, RS512",),
        ),
        (
            pem(rsa_key()),
            (
                (
                    "the private key has no key id (`kid`), and none is set; Maskinporten shows it where the key is"
                    " registered"
                ),
            ),
        ),
    ],
)
def test_a_key_that_maskinporten_does_not_take_is_a_mistake_of_configuration(
    key: str, mistakes: tuple[str, ...], bench: Bench
) -> None:
    bench.key = key
    with pytest.raises(ConfigurationError) as caught:
        Maskinporten(bench.config(), clock=bench.clock, observer=bench.observer)
    assert caught.value.mistakes == mistakes


def test_a_platform_that_is_no_url_is_a_mistake_of_configuration(bench: Bench) -> None:
    with pytest.raises(ConfigurationError, match="platform must be an absolute URL"):
        Maskinporten(bench.config("platform.example"), clock=bench.clock, observer=bench.observer)
