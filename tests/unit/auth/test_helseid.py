"""Signing in to HelseID: what is asked, in which order, and what a failure means."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

from bridge.auth.assertions import Organisation
from bridge.auth.diagnosis import Problem, SignInError
from bridge.auth.helseid import HelseId, HelseIdConfig
from bridge.auth.keys import KeyConfig
from bridge.errors import ConfigurationError
from tests.support.clock import FakeClock
from tests.support.sign_in import (
    EC_JWK,
    ISSUER,
    ModelIssuer,
    RecordingObserver,
    claims_of,
    dated,
    ec_jwk,
    header_of,
    jwk,
    raising,
    refusing,
    rsa_key,
)


class Bench:
    """A HelseID client and the issuer that it signs in to."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.observer = RecordingObserver()
        self.issuer = ModelIssuer(self.clock)
        self.key = ec_jwk(kid="key-1")

    @asynccontextmanager
    async def helseid(self, config: HelseIdConfig | None = None) -> AsyncIterator[HelseId]:
        ids = (f"id-{number}" for number in itertools.count(1))
        async with HelseId(
            config or self.config(),
            clock=self.clock,
            observer=self.observer,
            transport=self.issuer.transport,
            new_id=lambda: next(ids),
        ) as helseid:
            yield helseid

    def config(self) -> HelseIdConfig:
        return HelseIdConfig(client_id="client-1", key=KeyConfig(read=lambda: self.key), issuer=ISSUER)

    async def problem(self) -> Problem:
        async with self.helseid() as helseid:
            with pytest.raises(SignInError) as caught:
                await helseid.auth().sign_in()
        return caught.value.diagnosis.problem


@pytest.fixture
def bench() -> Bench:
    return Bench()


async def test_signing_in_is_discovery_then_a_request_without_and_one_with_the_nonce(bench: Bench) -> None:
    async with bench.helseid() as helseid:
        expires_at = await helseid.auth().sign_in()
    assert expires_at == datetime(2026, 4, 14, 6, 10, tzinfo=UTC)
    assert bench.observer.tokens == [(ISSUER, expires_at)]
    assert bench.issuer.discoveries == 1
    assert [str(request.url) for request in bench.issuer.requests] == [f"{ISSUER}/connect/token"] * 2
    assert "nonce" not in claims_of(bench.issuer.proof(0))
    assert claims_of(bench.issuer.proof(1))["nonce"] == "nonce-1"


async def test_a_token_request_has_exactly_the_documented_fields(bench: Bench) -> None:
    async with bench.helseid() as helseid:
        await helseid.auth().sign_in()
    form = bench.issuer.form(0)
    assertion = form.pop("client_assertion")
    assert form == {
        "grant_type": "client_credentials",
        "client_id": "client-1",
        "scope": "nhn:msh/api",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    }
    assert header_of(assertion) == {"alg": "ES256", "kid": "key-1", "typ": "client-authentication+jwt"}
    assert claims_of(assertion)["aud"] == ISSUER
    jwt.decode(assertion, ECKey.import_key(dict(EC_JWK)), algorithms=["ES256"])


async def test_the_request_with_the_nonce_has_a_new_assertion_and_a_new_proof(bench: Bench) -> None:
    async with bench.helseid() as helseid:
        await helseid.auth().sign_in()
    ids = [
        claims_of(token)["jti"]
        for index in (0, 1)
        for token in (bench.issuer.assertion(index), bench.issuer.proof(index))
    ]
    assert ids == ["id-1", "id-2", "id-3", "id-4"]


async def test_an_issuer_that_wants_no_nonce_is_asked_once(bench: Bench) -> None:
    bench.issuer.answers = [lambda _: bench.issuer.token()]
    async with bench.helseid() as helseid:
        await helseid.auth().sign_in()
    assert len(bench.issuer.requests) == 1


@pytest.mark.parametrize("nonce", ["", "n" * 1025])
async def test_a_demand_for_a_nonce_that_brings_no_usable_one_is_a_refusal(nonce: str, bench: Bench) -> None:
    bench.issuer.answers = [
        lambda _: httpx.Response(400, json={"error": "use_dpop_nonce"}, headers={"DPoP-Nonce": nonce})
    ]
    assert await bench.problem() is Problem.DPOP
    assert len(bench.issuer.requests) == 1


async def test_a_second_demand_for_a_nonce_is_a_refusal(bench: Bench) -> None:
    demand = httpx.Response(400, json={"error": "use_dpop_nonce"}, headers={"DPoP-Nonce": "n"})
    bench.issuer.answers = [lambda _: demand] * 3
    assert await bench.problem() is Problem.DPOP
    assert len(bench.issuer.requests) == 2


@pytest.mark.parametrize(
    ("error", "problem"),
    [
        ("invalid_client", Problem.CLIENT_OR_KEY),
        ("invalid_scope", Problem.SCOPE),
        ("invalid_dpop_proof", Problem.DPOP),
        ("unauthorized_client", Problem.NOT_ALLOWED),
        ("surprise", Problem.REFUSED),
    ],
)
async def test_a_refusal_is_diagnosed(error: str, problem: Problem, bench: Bench) -> None:
    bench.issuer.answers = [refusing(error)]
    assert await bench.problem() is problem


async def test_a_refusal_is_put_down_to_a_clock_that_is_off(bench: Bench) -> None:
    late = dated(refusing("invalid_client")(httpx.Request("POST", ISSUER)), bench.clock.now() + timedelta(seconds=90))
    bench.issuer.answers = [lambda _: late]
    assert await bench.problem() is Problem.CLOCK
    assert bench.observer.problems == [Problem.CLOCK]


async def test_an_issuer_of_another_name_gets_no_assertion(bench: Bench) -> None:
    bench.issuer.metadata["issuer"] = "https://evil.example"
    assert await bench.problem() is Problem.ISSUER
    assert bench.issuer.requests == []


async def test_an_issuer_that_is_down_says_so(bench: Bench) -> None:
    bench.issuer.answers = [raising(httpx.ConnectError("refused"))]
    assert await bench.problem() is Problem.UNAVAILABLE


async def test_the_organisation_is_in_every_assertion(bench: Bench) -> None:
    config = HelseIdConfig(client_id="client-1", key=KeyConfig(read=ec_jwk), issuer=ISSUER, tenancy="multi")
    async with bench.helseid(config) as helseid:
        await helseid.auth(Organisation("111222333", "222333444")).sign_in()
    for index in (0, 1):
        details = claims_of(bench.issuer.assertion(index))["assertion_details"]
        assert details["practitioner_role"]["organization"]["identifier"]["value"] == "NO:ORGNR:111222333:222333444"


async def test_each_organisation_has_its_own_token_and_one_only(bench: Bench) -> None:
    config = HelseIdConfig(client_id="client-1", key=KeyConfig(read=ec_jwk), issuer=ISSUER, tenancy="multi")
    async with bench.helseid(config) as helseid:
        organisations = [Organisation("111222333"), Organisation("444555666"), Organisation("111222333")] * 5
        await asyncio.gather(*(helseid.auth(organisation).sign_in() for organisation in organisations))
    assert bench.issuer.given == 2
    assert bench.issuer.discoveries == 1


async def test_numbers_that_do_not_fit_the_tenancy_are_a_mistake_of_configuration(bench: Bench) -> None:
    config = HelseIdConfig(client_id="client-1", key=KeyConfig(read=ec_jwk), issuer=ISSUER, tenancy="multi")
    async with bench.helseid(config) as helseid:
        with pytest.raises(ConfigurationError, match="multi-tenant"):
            helseid.auth()


def test_a_key_that_is_no_good_is_a_mistake_of_configuration(bench: Bench) -> None:
    bench.key = "{}"
    with pytest.raises(ConfigurationError, match="the private key is not of the type RSA or EC"):
        HelseId(bench.config(), clock=bench.clock, observer=bench.observer)


async def test_an_rsa_key_that_names_no_algorithm_signs_with_ps256(bench: Bench) -> None:
    bench.key = jwk(rsa_key())
    async with bench.helseid() as helseid:
        await helseid.auth().sign_in()
    assert header_of(bench.issuer.assertion(0))["alg"] == "PS256"
    assert header_of(bench.issuer.proof(0))["alg"] == "PS256"


async def test_a_changed_key_signs_the_next_token_request(bench: Bench) -> None:
    async with bench.helseid() as helseid:
        auth = helseid.auth()
        await auth.sign_in()
        bench.key = ec_jwk(kid="key-2")
        bench.clock.advance(600)
        await auth.sign_in()
    kids = [header_of(bench.issuer.assertion(index))["kid"] for index in range(4)]
    assert kids == ["key-1", "key-1", "key-2", "key-2"]


async def test_a_broken_key_keeps_the_last_good_one_signing(bench: Bench) -> None:
    async with bench.helseid() as helseid:
        bench.key = ec_jwk(kid="key-2")[:40]
        await helseid.auth().sign_in()
    assert header_of(bench.issuer.assertion(0))["kid"] == "key-1"
    assert bench.observer.problems == [Problem.UNREADABLE]
