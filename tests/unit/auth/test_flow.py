"""How requests to the API are signed, and what a 401 does: the flows driven by hand, without any network."""

from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest

from bridge.auth.diagnosis import Problem, SignInError
from bridge.auth.flow import MAX_DISCARDED_BYTES
from bridge.auth.helseid import HelseId, HelseIdAuth, HelseIdConfig
from bridge.auth.keys import KeyConfig
from tests.support.clock import FakeClock
from tests.support.sign_in import (
    API,
    ISSUER,
    ModelIssuer,
    RecordingObserver,
    claims_of,
    dated,
    ec_jwk,
    header_of,
    jwk,
    refusing,
    rsa_key,
)

UNAUTHORIZED = httpx.codes.UNAUTHORIZED


class Desk:
    """An auth of HelseID with a model issuer behind it."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.issuer = ModelIssuer(self.clock)
        self.key = ec_jwk(kid="key-1")

    def helseid(self) -> HelseId:
        return HelseId(
            HelseIdConfig(client_id="client-1", key=KeyConfig(read=lambda: self.key), issuer=ISSUER),
            clock=self.clock,
            observer=RecordingObserver(),
            transport=self.issuer.transport,
        )


class Flow:
    """One request on its way through an auth flow: `send` gives it an answer and takes what it does next."""

    def __init__(self, auth: httpx.Auth) -> None:
        self._flow = auth.async_auth_flow(httpx.Request("GET", f"{API}/notifications?HerIds=1&Offset=0"))

    async def start(self) -> httpx.Headers:
        return (await anext(self._flow)).headers.copy()

    async def send(self, response: httpx.Response) -> httpx.Headers:
        """The headers of the next attempt."""
        return (await self._flow.asend(response)).headers.copy()

    async def finish(self, response: httpx.Response) -> None:
        """The response is the last."""
        with pytest.raises(StopAsyncIteration):
            await self._flow.asend(response)


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
async def auth(desk: Desk) -> AsyncIterator[HelseIdAuth]:
    async with desk.helseid() as helseid:
        yield helseid.auth()


def nonce_wanted(nonce: str) -> httpx.Response:
    headers = {"WWW-Authenticate": 'DPoP error="use_dpop_nonce"', "DPoP-Nonce": nonce}
    return httpx.Response(UNAUTHORIZED, headers=headers)


async def test_a_request_carries_the_token_and_a_proof_for_itself(auth: HelseIdAuth, desk: Desk) -> None:
    headers = await Flow(auth).start()
    assert headers["Authorization"] == "DPoP token-1"
    claims = claims_of(headers["DPoP"])
    assert len(claims.pop("jti")) == 36
    assert claims == {
        "htm": "GET",
        "htu": "https://api.example/notifications",
        "iat": 1776146400,
        # SHA-256 of "token-1"
        "ath": "PwiqzhIu4jaEMsHKI6BJvGQLr78A_fM6UkKfOLoS2_k",
    }


async def test_every_attempt_of_every_request_has_a_proof_of_its_own(auth: HelseIdAuth) -> None:
    first, second = Flow(auth), Flow(auth)
    proofs = [(await first.start())["DPoP"], (await second.start())["DPoP"]]
    proofs.append((await first.send(nonce_wanted("n-1")))["DPoP"])
    proofs.append((await first.send(httpx.Response(UNAUTHORIZED)))["DPoP"])
    assert len({claims_of(proof)["jti"] for proof in proofs}) == 4


async def test_the_nonce_of_an_answer_is_in_the_next_proof(auth: HelseIdAuth) -> None:
    flow = Flow(auth)
    assert "nonce" not in claims_of((await flow.start())["DPoP"])
    await flow.finish(httpx.Response(200, headers={"DPoP-Nonce": "n-1"}))
    assert claims_of((await Flow(auth).start())["DPoP"])["nonce"] == "n-1"


async def test_a_401_that_wants_a_nonce_is_repeated_with_it_and_the_same_token(auth: HelseIdAuth, desk: Desk) -> None:
    flow = Flow(auth)
    await flow.start()
    headers = await flow.send(nonce_wanted("n-1"))
    assert headers["Authorization"] == "DPoP token-1"
    assert claims_of(headers["DPoP"])["nonce"] == "n-1"
    await flow.finish(httpx.Response(200))
    assert desk.issuer.given == 1


async def test_an_old_nonce_is_exchanged_for_the_new_one(auth: HelseIdAuth, desk: Desk) -> None:
    for nonce in ("n-1", "n-2"):
        flow = Flow(auth)
        await flow.start()
        headers = await flow.send(nonce_wanted(nonce))
        assert claims_of(headers["DPoP"])["nonce"] == nonce
        await flow.finish(httpx.Response(200))
    assert desk.issuer.given == 1


async def test_a_401_brings_a_new_token_and_one_more_try(auth: HelseIdAuth) -> None:
    flow = Flow(auth)
    await flow.start()
    headers = await flow.send(httpx.Response(UNAUTHORIZED))
    assert headers["Authorization"] == "DPoP token-2"
    await flow.finish(httpx.Response(200))


async def test_a_401_to_a_fresh_token_is_an_error_of_authentication(auth: HelseIdAuth) -> None:
    flow = Flow(auth)
    await flow.start()
    await flow.send(httpx.Response(UNAUTHORIZED))
    with pytest.raises(SignInError) as caught:
        await flow.send(httpx.Response(UNAUTHORIZED, headers={"WWW-Authenticate": 'DPoP error="invalid_token"'}))
    assert caught.value.diagnosis.problem is Problem.API
    assert "https://api.example refuses a fresh token" in str(caught.value)


async def test_a_request_tries_two_tokens_and_no_more_however_long_it_takes(auth: HelseIdAuth, desk: Desk) -> None:
    flow = Flow(auth)
    await flow.start()
    desk.clock.advance(60)
    await flow.send(httpx.Response(UNAUTHORIZED))
    desk.clock.advance(60)
    with pytest.raises(SignInError):
        await flow.send(httpx.Response(UNAUTHORIZED))
    assert desk.issuer.given == 2


async def test_a_token_that_worked_is_replaced_at_once_when_it_is_refused_later(auth: HelseIdAuth, desk: Desk) -> None:
    for _ in range(3):
        flow = Flow(auth)
        await flow.start()
        await flow.send(httpx.Response(UNAUTHORIZED))
        await flow.finish(httpx.Response(200))
    assert desk.issuer.given == 4


async def test_an_endless_demand_for_nonces_ends(auth: HelseIdAuth, desk: Desk) -> None:
    flow = Flow(auth)
    await flow.start()
    await flow.send(nonce_wanted("n-1"))
    await flow.send(nonce_wanted("n-2"))
    with pytest.raises(SignInError):
        await flow.send(nonce_wanted("n-3"))
    assert desk.issuer.given == 2


async def exhaust(flow: Flow) -> None:
    while True:
        await flow.send(httpx.Response(UNAUTHORIZED))


async def test_an_api_that_accepts_no_token_does_not_flood_the_issuer(auth: HelseIdAuth, desk: Desk) -> None:
    for _ in range(100):
        flow = Flow(auth)
        await flow.start()
        with pytest.raises(SignInError):
            await exhaust(flow)
    assert desk.issuer.given == 2


@pytest.mark.parametrize("status", [200, 204, 400, 403, 404, 429, 500, 503])
async def test_every_other_answer_goes_back_to_the_caller(status: int, auth: HelseIdAuth, desk: Desk) -> None:
    flow = Flow(auth)
    await flow.start()
    await flow.finish(httpx.Response(status))
    assert desk.issuer.given == 1


async def test_a_401_is_put_down_to_a_clock_that_is_off(auth: HelseIdAuth, desk: Desk) -> None:
    flow = Flow(auth)
    await flow.start()
    await flow.send(httpx.Response(UNAUTHORIZED))
    with pytest.raises(SignInError) as caught:
        await flow.send(dated(httpx.Response(UNAUTHORIZED), desk.clock.now() - timedelta(seconds=30)))
    assert caught.value.diagnosis.problem is Problem.CLOCK


async def test_without_a_token_nothing_is_sent_to_the_api(auth: HelseIdAuth, desk: Desk) -> None:
    desk.issuer.answers = [refusing("invalid_client")]
    with pytest.raises(SignInError) as caught:
        await Flow(auth).start()
    assert caught.value.diagnosis.problem is Problem.CLIENT_OR_KEY


async def test_a_token_stays_with_the_key_it_is_bound_to_when_the_key_changes(auth: HelseIdAuth, desk: Desk) -> None:
    await Flow(auth).start()
    desk.key = jwk(rsa_key(), kid="key-2")
    proof = (await Flow(auth).start())["DPoP"]
    assert header_of(proof)["alg"] == "ES256"
    desk.clock.advance(600)
    proof = (await Flow(auth).start())["DPoP"]
    assert header_of(proof)["alg"] == "PS256"


async def test_the_body_of_a_401_is_read_only_so_far(auth: HelseIdAuth) -> None:
    """Left alone, httpx reads the body of an answer that is followed by another request whole."""
    read = 0

    class Endless(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            nonlocal read
            while True:
                read += 10_000
                yield b"x" * 10_000

    answers = [httpx.Response(UNAUTHORIZED, stream=Endless()), httpx.Response(200, content=b"fine")]
    transport = httpx.MockTransport(lambda _: answers.pop(0))
    async with httpx.AsyncClient(transport=transport, auth=auth) as client:
        response = await client.get(f"{API}/notifications")
    assert (response.status_code, response.content) == (200, b"fine")
    assert read == 70_000
    assert len(response.history[0].content) == MAX_DISCARDED_BYTES


async def test_an_error_of_signing_in_passes_through_httpx(auth: HelseIdAuth, desk: Desk) -> None:
    desk.issuer.answers = [refusing("invalid_scope")]
    transport = httpx.MockTransport(lambda _: httpx.Response(200))
    async with httpx.AsyncClient(transport=transport, auth=auth) as client:
        with pytest.raises(SignInError) as caught:
            await client.get(f"{API}/notifications")
    assert caught.value.diagnosis.problem is Problem.SCOPE


def test_a_synchronous_client_sends_nothing_unsigned(desk: Desk) -> None:
    sent: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(200)

    auth = desk.helseid().auth()
    with (
        httpx.Client(transport=httpx.MockTransport(answer), auth=auth) as client,
        pytest.raises(RuntimeError, match="AsyncClient"),
    ):
        client.get(API)
    assert sent == []
