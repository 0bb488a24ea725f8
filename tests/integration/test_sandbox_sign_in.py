"""The sandbox as HelseID and as an API that demands its tokens, met by the bridge's own sign-in."""

import asyncio
import json
from typing import Any

import httpx
import pytest

from bridge.auth.assertions import Organisation
from bridge.auth.diagnosis import Problem, SignInError
from bridge.auth.keys import KeyConfig
from bridge.sandbox.faults import FaultKind, FaultRule
from bridge.sandbox.server import Sandbox
from bridge.sandbox.sign_in.clients import ClientWithKey, KeySet, Registration, new_client
from bridge.sandbox.sign_in.service import SignInPlan
from bridge.sandbox.sign_in.switches import Switches
from tests.support.clock import FakeClock
from tests.support.sandbox_client import EXAMPLE, HEADERS, only, poll
from tests.support.sandbox_sign_in import diagnosis, signed_in
from tests.support.sign_in import claims_of


def sandbox_with(client: ClientWithKey | None = None, **switches: Any) -> Sandbox:
    return Sandbox(port=0, sign_in=SignInPlan(client=client, switches=Switches(**switches)))


@pytest.mark.parametrize("algorithm", ["ES256", "ES512", "RS256", "PS256"])
async def test_the_bridge_signs_in_and_is_served(algorithm: str) -> None:
    async with sandbox_with(new_client(algorithm=algorithm)) as sandbox, signed_in(sandbox) as http:
        responses = await asyncio.gather(*(poll(http) for _ in range(20)))
        state = sandbox.sign_in.state()
    assert {response.status_code for response in responses} == {200}
    assert responses[0].json() == {"notifications": [EXAMPLE]}
    assert (state.accepted, state.refused) == ({"helseid": 1, "api": 20}, {"helseid use_dpop_nonce": 1})


async def test_a_request_without_a_token_is_answered_with_a_challenge() -> None:
    async with sandbox_with() as sandbox, httpx.AsyncClient(base_url=sandbox.nhn_url, headers=HEADERS) as http:
        response = await poll(http)
        recorded = sandbox.nhn.state().recent_requests[-1]
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == ('DPoP algs="RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512"')
    assert (response.json()["status"], response.json()["detail"]) == (401, "The request has no Authorization header.")
    assert (recorded.status, recorded.errors) == ("401", ("The request has no Authorization header.",))


async def test_a_token_is_renewed_when_its_life_ends() -> None:
    clock = FakeClock()
    plan = SignInPlan(switches=Switches(token_life_s=5))
    async with Sandbox(port=0, sign_in=plan, clock=clock) as sandbox, signed_in(sandbox, clock=clock) as http:
        for _ in range(4):
            assert (await poll(http)).status_code == 200
            clock.advance(6)
        assert sandbox.sign_in.state().accepted == {"helseid": 4, "api": 4}


async def test_an_expired_token_is_refused_with_the_reason() -> None:
    clock = FakeClock()
    async with Sandbox(port=0, sign_in=SignInPlan(), clock=clock) as sandbox, signed_in(sandbox, clock=clock) as http:
        sent = (await poll(http)).request
        clock.advance(600)
        async with httpx.AsyncClient() as bare:
            response = await bare.get(sent.url, headers=sent.headers)
    assert response.status_code == 401
    assert (
        'error="invalid_token", error_description="The access token has expired."'
        in (response.headers["www-authenticate"])
    )


async def test_a_valid_token_that_is_refused_once_is_replaced() -> None:
    async with sandbox_with() as sandbox, signed_in(sandbox) as http:
        sandbox.nhn.add_fault(only(FaultKind.UNAUTHORIZED)[0])
        assert (await poll(http)).status_code == 200
        assert sandbox.sign_in.state().accepted == {"helseid": 2, "api": 2}


async def test_a_request_that_was_seen_is_refused() -> None:
    async with sandbox_with() as sandbox, signed_in(sandbox) as http, httpx.AsyncClient() as bare:
        sent = (await poll(http)).request
        response = await bare.get(sent.url, headers=sent.headers)
    assert response.status_code == 401
    assert response.json()["detail"] == "The DPoP proof was used before (jti)."


async def test_the_bridge_honours_a_nonce_of_the_api_and_a_new_one() -> None:
    async with sandbox_with(api_nonce=True) as sandbox, signed_in(sandbox) as http:
        for _ in range(2):
            assert [(await poll(http)).status_code for _ in range(3)] == [200, 200, 200]
            sandbox.sign_in.turn_nonces()
        state = sandbox.sign_in.state()
    assert (state.accepted, state.refused) == (
        {"helseid": 1, "api": 6},
        {"helseid use_dpop_nonce": 1, "api use_dpop_nonce": 2},
    )


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"client": new_client("nobody")}, Problem.UNKNOWN_CLIENT),
        ({"client": new_client()}, Problem.WRONG_KEY),
        ({"scope": "nhn:nothing"}, Problem.SCOPE),
        ({"scope": "nhn:msh/api nhn:other/api"}, Problem.SCOPE),
        ({"tenancy": "multi", "organisation": Organisation("311111111")}, Problem.ORGANISATION),
    ],
)
async def test_each_refusal_of_the_issuer_is_diagnosed(options: dict[str, Any], problem: Problem) -> None:
    async with sandbox_with() as sandbox:
        assert (await diagnosis(sandbox, **options)).problem is problem


async def test_an_issuer_with_a_slash_too_many_is_diagnosed() -> None:
    async with sandbox_with() as sandbox:
        assert (await diagnosis(sandbox, issuer=f"{sandbox.issuer_url}/")).problem is Problem.ISSUER


@pytest.mark.parametrize(
    ("ahead_s", "words"),
    [(120, "This machine's clock is 120 s behind"), (-120, "120 s ahead of")],
)
async def test_a_clock_that_is_off_is_diagnosed_by_the_issuers_date(ahead_s: int, words: str) -> None:
    clock = FakeClock()
    plan = SignInPlan(switches=Switches(clock_ahead_s=ahead_s))
    async with Sandbox(port=0, sign_in=plan, clock=clock) as sandbox:
        said = await diagnosis(sandbox, clock=clock)
    assert said.problem is Problem.CLOCK
    assert words.lower() in said.sentence.lower()


async def test_a_clock_that_goes_wrong_while_the_token_lives_is_diagnosed_at_the_api() -> None:
    clock = FakeClock()
    async with Sandbox(port=0, sign_in=SignInPlan(), clock=clock) as sandbox, signed_in(sandbox, clock=clock) as http:
        assert (await poll(http)).status_code == 200
        sandbox.sign_in.switches = Switches(clock_ahead_s=20)
        with pytest.raises(SignInError) as caught:
            await poll(http)
    assert caught.value.diagnosis.problem is Problem.CLOCK


@pytest.mark.parametrize("child", [None, "312222222"])
async def test_a_supplier_signs_in_for_those_who_have_delegated(child: str | None) -> None:
    async with (
        sandbox_with(new_client(tenancy="multi"), refused_organisations=frozenset({"319999999"})) as sandbox,
        signed_in(sandbox, organisation=Organisation("311111111", child)) as http,
    ):
        sent = (await poll(http)).request
        claims = claims_of(sent.headers["Authorization"].removeprefix("DPoP "))
        assert claims["helseid://claims/client/claims/orgnr_parent"] == "311111111"
        assert claims.get("helseid://claims/client/claims/orgnr_child") == child
        refused = await diagnosis(sandbox, organisation=Organisation("319999999", child))
    assert refused.problem is Problem.ORGANISATION
    assert "HID-1001" in refused.sentence


async def test_a_token_that_lacks_the_apis_scope_is_diagnosed() -> None:
    client = new_client("other")
    async with sandbox_with() as sandbox:
        known = client.registration()
        sandbox.sign_in.register(Registration(client_id="other", jwks=known.jwks, scope="nhn:other/api"))
        said = await diagnosis(sandbox, client=client, scope="nhn:other/api")
    assert said.problem is Problem.API
    assert "insufficient_scope" in said.sentence


async def test_a_proxy_that_changes_the_address_is_diagnosed() -> None:
    async with sandbox_with() as sandbox, signed_in(sandbox) as http:
        http.headers["Host"] = "api.example"
        with pytest.raises(SignInError) as caught:
            await poll(http)
    assert caught.value.diagnosis.problem is Problem.DPOP


@pytest.mark.parametrize(
    ("kind", "problem", "words"),
    [
        (FaultKind.SERVER_ERROR, Problem.UNAVAILABLE, "answered 500"),
        (FaultKind.UNAVAILABLE, Problem.UNAVAILABLE, "answered 503"),
        (FaultKind.TOO_MANY_REQUESTS, Problem.UNAVAILABLE, "answered 429"),
        (FaultKind.HTML, Problem.UNUSABLE, "a 200 that is no token answer"),
        (FaultKind.TIMEOUT, Problem.UNAVAILABLE, "gave no"),
        (FaultKind.SLOW_DRIP, Problem.UNAVAILABLE, "gave no complete answer"),
        (FaultKind.CONNECTION_RESET, Problem.UNAVAILABLE, "lost the connection"),
    ],
)
async def test_an_issuer_in_trouble_stops_nobody_for_long(kind: FaultKind, problem: Problem, words: str) -> None:
    """The discovery document is read before: each fault meets a token request."""
    clock = FakeClock()
    async with (
        Sandbox(port=0, sign_in=SignInPlan(), clock=clock) as sandbox,
        signed_in(sandbox, clock=clock, timeout_s=0.5) as http,
    ):
        assert (await poll(http)).status_code == 200
        clock.advance(600)
        sandbox.sign_in.add_fault(FaultRule(kind=kind, count=1))
        with pytest.raises(SignInError) as caught:
            await poll(http)
        clock.advance(60)
        assert (await poll(http)).status_code == 200
    assert caught.value.diagnosis.problem is problem
    assert words in caught.value.diagnosis.sentence


async def test_a_key_is_exchanged_while_the_bridge_runs() -> None:
    clock = FakeClock()
    old, new = new_client(), new_client()
    current = old
    async with Sandbox(port=0, sign_in=SignInPlan(client=old), clock=clock) as sandbox:

        def read() -> str:
            return json.dumps(current.jwk)

        def register(*clients: ClientWithKey) -> None:
            jwks = tuple(jwk for client in clients for jwk in client.registration().jwks.keys)
            sandbox.sign_in.register(Registration(client_id=old.client_id, jwks=KeySet(keys=jwks)))

        async with signed_in(sandbox, clock=clock, key=KeyConfig(read=read)) as http:
            assert (await poll(http)).status_code == 200
            register(old, new)
            current = new
            clock.advance(600)
            assert (await poll(http)).status_code == 200
            register(new)
            clock.advance(600)
            assert (await poll(http)).status_code == 200
        assert (await diagnosis(sandbox, clock=clock, client=old)).problem is Problem.WRONG_KEY


async def test_ping_needs_no_token() -> None:
    async with sandbox_with() as sandbox, httpx.AsyncClient() as http:
        assert (await http.get(f"{sandbox.nhn_url}/ping")).status_code == 200


def test_a_sandbox_without_sign_in_has_no_client() -> None:
    with pytest.raises(RuntimeError, match="this sandbox was made without sign_in"):
        _ = Sandbox(port=0).client
