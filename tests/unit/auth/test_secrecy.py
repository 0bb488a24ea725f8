"""No secret is in a log, a repr, an error or what caused it, however signing in fails."""

import logging
import traceback
from collections.abc import Callable, Iterator
from urllib.parse import parse_qsl

import httpx
import pytest

from bridge.auth.diagnosis import SignInError
from bridge.auth.helseid import HelseId, HelseIdConfig
from bridge.auth.keys import KeyConfig
from bridge.auth.maskinporten import Maskinporten, MaskinportenConfig
from bridge.auth.platform_token import PlatformAccessTokenAuth
from tests.support.clock import FakeClock
from tests.support.sign_in import (
    API,
    EC_JWK,
    ISSUER,
    ModelIssuer,
    RecordingObserver,
    ec_jwk,
    jwk,
    raising,
    refusing,
    rsa_key,
    unsigned_jwt,
)

Answerer = Callable[[httpx.Request], httpx.Response]


def chain(error: BaseException) -> Iterator[BaseException]:
    """The error and all that led to it, shown or not."""
    yield error
    for earlier in {error.__cause__, error.__context__} - {None}:
        if earlier is not None:
            yield from chain(earlier)


def words_of(error: BaseException) -> str:
    shown = "".join(traceback.format_exception(error))
    requests = [repr(getattr(each, "_request", None)) for each in chain(error)]
    return "\n".join([shown, *requests, *(repr(each) for each in chain(error)), *(str(each) for each in chain(error))])


def echoing(request: httpx.Request) -> httpx.Response:
    """An issuer that repeats what it was sent."""
    said = f"{request.content.decode()} {request.headers['DPoP']}"
    return httpx.Response(400, json={"error": "invalid_client", "error_description": said})


@pytest.mark.parametrize(
    "answer",
    [
        echoing,
        refusing("invalid_client"),
        raising(httpx.ConnectError("refused")),
        raising(httpx.ReadTimeout("late")),
        lambda _: httpx.Response(200, text="t0p-secret-token"),
        lambda _: httpx.Response(200, json={"access_token": "t0p-secret-token", "token_type": "DPoP"}),
        lambda _: httpx.Response(200, json={"access_token": "t0p-secret-token", "token_type": "x", "expires_in": 9}),
        lambda _: httpx.Response(500, text="t0p-secret-token"),
    ],
)
async def test_a_failed_sign_in_tells_no_secret(answer: Answerer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    issuer, observer = ModelIssuer(FakeClock()), RecordingObserver()
    issuer.answers = [answer]
    config = HelseIdConfig(client_id="client-1", key=KeyConfig(read=ec_jwk), issuer=ISSUER)
    async with HelseId(config, clock=issuer.clock, observer=observer, transport=issuer.transport) as helseid:
        with pytest.raises(SignInError) as caught:
            await helseid.auth().sign_in()
        shown = words_of(caught.value) + caplog.text + repr(observer.troubles) + repr(vars(helseid))
    secrets = [EC_JWK["d"], issuer.assertion(0), issuer.proof(0), "t0p-secret-token"]
    signatures = [token.rsplit(".", 1)[-1] for token in secrets[1:3]]
    assert [secret for secret in (*secrets, *signatures) if secret in shown] == []


async def test_a_refused_request_tells_neither_token_nor_proof(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    issuer = ModelIssuer(FakeClock())
    sent: list[httpx.Headers] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request.headers.copy())
        said = f'DPoP error="invalid_token", error_description="{request.headers["DPoP"]}"'
        return httpx.Response(401, headers={"WWW-Authenticate": said})

    config = HelseIdConfig(client_id="client-1", key=KeyConfig(read=ec_jwk), issuer=ISSUER)
    async with (
        HelseId(config, clock=issuer.clock, observer=RecordingObserver(), transport=issuer.transport) as helseid,
        httpx.AsyncClient(transport=httpx.MockTransport(answer), auth=helseid.auth()) as client,
    ):
        with pytest.raises(SignInError) as caught:
            await client.get(f"{API}/notifications")
    shown = words_of(caught.value) + caplog.text
    secrets = ["token-1", "token-2", *(headers["DPoP"].rsplit(".", 1)[-1] for headers in sent)]
    assert len(sent) == 2
    assert [secret for secret in secrets if secret in shown] == []


MASKINPORTEN, PLATFORM = "https://maskinporten.example/", "https://platform.example"
GRANTED = {"access_token": "t0p-maskinporten", "token_type": "Bearer", "expires_in": 120, "scope": "altinn:a"}


def echo_of_form(request: httpx.Request) -> httpx.Response:
    """Maskinporten, repeating what it was sent."""
    return httpx.Response(400, json={"error": "invalid_grant", "error_description": request.content.decode()})


def echo_of_token(request: httpx.Request) -> httpx.Response:
    """The exchange, repeating what it was sent."""
    return httpx.Response(401, text=request.headers["Authorization"], headers=request.headers)


@pytest.mark.parametrize(
    ("grant", "exchange"),
    [
        (echo_of_form, echo_of_token),
        (raising(httpx.ReadTimeout("late")), echo_of_token),
        (lambda _: httpx.Response(200, text="t0p-maskinporten"), echo_of_token),
        (lambda _: httpx.Response(200, json=GRANTED), echo_of_token),
        (lambda _: httpx.Response(200, json=GRANTED), raising(httpx.ReadError("gone"))),
        (lambda _: httpx.Response(200, json=GRANTED), lambda _: httpx.Response(200, text="t0p-altinn")),
        (
            lambda _: httpx.Response(200, json=GRANTED),
            lambda _: httpx.Response(200, text=unsigned_jwt({"exp": 1, "t0p": "altinn"})),
        ),
    ],
)
async def test_a_failed_sign_in_to_altinn_tells_no_secret(
    grant: Answerer, exchange: Answerer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    observer = RecordingObserver()
    assertions: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/.well-known/oauth-authorization-server":
            return httpx.Response(200, json={"issuer": MASKINPORTEN, "token_endpoint": f"{MASKINPORTEN}token"})
        if request.url.path != "/token":
            return exchange(request)
        assertions.append(dict(parse_qsl(request.content.decode()))["assertion"])
        return grant(request)

    config = MaskinportenConfig(
        client_id="client-1",
        key=KeyConfig(read=lambda: jwk(rsa_key(), kid="key-1")),
        issuer=MASKINPORTEN,
        scope="altinn:a",
        platform_url=PLATFORM,
    )
    transport = httpx.MockTransport(answer)
    async with Maskinporten(config, clock=FakeClock(), observer=observer, transport=transport) as maskinporten:
        auth = maskinporten.auth()
        with pytest.raises(SignInError) as caught:
            await auth.sign_in()
        shown = words_of(caught.value) + caplog.text + repr(observer.troubles) + repr(vars(maskinporten))
    altinns = unsigned_jwt({"exp": 1, "t0p": "altinn"})
    secrets = [rsa_key().as_dict(private=True)["d"], "t0p-maskinporten", "t0p-altinn", altinns, *assertions]
    signatures = [assertion.rsplit(".", 1)[-1] for assertion in assertions]
    assert assertions
    assert [secret for secret in (*secrets, *signatures) if str(secret) in shown] == []


@pytest.mark.parametrize("status", [401, 403])
async def test_a_refused_request_to_altinn_does_not_tell_the_platform_access_token(
    status: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    token, observer = unsigned_jwt({"exp": 1, "t0p": "secret"}), RecordingObserver()
    texts = [token, token, f"{token} and more", token]
    auth = PlatformAccessTokenAuth(lambda: texts.pop() if texts else token, clock=FakeClock(), observer=observer)

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(status, headers={"WWW-Authenticate": f'error="{request.headers["PlatformAccessToken"]}"'})

    shown = ""
    async with httpx.AsyncClient(transport=httpx.MockTransport(answer), auth=auth) as client:
        try:
            await client.get(f"{PLATFORM}/x")
        except SignInError as error:
            shown = words_of(error)
    shown += caplog.text + repr(observer.troubles) + repr(observer.tokens) + repr(auth) + repr(vars(auth))
    assert len(observer.troubles) == 1
    assert token not in shown
