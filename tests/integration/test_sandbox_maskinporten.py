"""The sandbox as Maskinporten and as Altinn's exchange, met by the bridge's own sign-in and by bare HTTP."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import httpx
import msgspec
import pytest
from joserfc.jwk import RSAKey

from bridge.auth.diagnosis import Diagnosis, Problem, SignInError
from bridge.auth.keys import KeyConfig
from bridge.auth.maskinporten import Maskinporten, MaskinportenConfig
from bridge.clock import SystemClock
from bridge.ports import Clock
from bridge.sandbox.server import Sandbox
from bridge.sandbox.sign_in.clients import ClientWithKey, new_client
from bridge.sandbox.sign_in.service import SignInPlan
from bridge.sandbox.sign_in.switches import Switches
from tests.support.clock import FakeClock
from tests.support.sign_in import RecordingObserver, claims_of, jwk, rsa_key
from tests.unit.sandbox.sign_in.makers import grant

GRANT_TYPE = "urn:ietf:params:oauth:grant-type:jwt-bearer"
SCOPE = "altinn:serviceowner/notifications.create"
CLIENT = new_client("altinn-client", algorithm="RS256")


def sandbox_with(*, clock: Clock | None = None, **switches: Any) -> Sandbox:
    return Sandbox(port=0, clock=clock, sign_in=SignInPlan(client=CLIENT, switches=Switches(**switches)))


def maskinporten(sandbox: Sandbox, *, client: ClientWithKey = CLIENT, clock: Clock, **config: Any) -> Maskinporten:
    settings = MaskinportenConfig(
        **{
            "client_id": client.client_id,
            "key": KeyConfig(read=lambda: json.dumps(client.jwk)),
            "issuer": sandbox.maskinporten_url,
            "platform_url": sandbox.altinn_url,
            **config,
        }
    )
    return Maskinporten(settings, clock=clock, observer=RecordingObserver())


async def diagnosis(sandbox: Sandbox, *, clock: Clock | None = None, **options: Any) -> Diagnosis:
    async with maskinporten(sandbox, clock=clock or SystemClock(), **options) as subject:
        with pytest.raises(SignInError) as caught:
            await subject.auth().sign_in()
    return caught.value.diagnosis


@pytest.mark.parametrize("quotes", [True, False, None])
async def test_the_bridge_gets_an_altinn_token_and_its_life_in_quotes_or_not(quotes: bool | None) -> None:
    clock = FakeClock()
    async with (
        sandbox_with(clock=clock, exchange_quotes=quotes, altinn_token_life_s=900) as sandbox,
        maskinporten(sandbox, clock=clock) as subject,
    ):
        expires_at = await subject.auth().sign_in()
        assert (expires_at - clock.now()).total_seconds() == 900
        assert sandbox.sign_in.state().accepted == {"maskinporten": 1, "altinn": 1}


async def test_a_token_is_renewed_when_its_life_ends() -> None:
    clock = FakeClock()
    async with sandbox_with(clock=clock) as sandbox, maskinporten(sandbox, clock=clock) as subject:
        for _ in range(3):
            await subject.auth().sign_in()
            clock.advance(1801)
        assert sandbox.sign_in.state().accepted == {"maskinporten": 3, "altinn": 3}


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"client": new_client("nobody", algorithm="RS256")}, Problem.UNKNOWN_CLIENT),
        ({"client": new_client("altinn-client", algorithm="RS256")}, Problem.WRONG_KEY),
        ({"key": KeyConfig(read=lambda: jwk(rsa_key(), kid="other"))}, Problem.WRONG_KEY),
        ({"scope": "altinn:other"}, Problem.SCOPE),
    ],
)
async def test_each_refusal_is_diagnosed(options: dict[str, Any], problem: Problem) -> None:
    async with sandbox_with() as sandbox:
        assert (await diagnosis(sandbox, **options)).problem is problem


async def test_an_issuer_without_its_slash_is_diagnosed() -> None:
    async with sandbox_with() as sandbox:
        said = await diagnosis(sandbox, issuer=sandbox.maskinporten_url.rstrip("/"))
    assert said.problem is Problem.ISSUER


@pytest.mark.parametrize("ahead_s", [30, -30])
async def test_a_clock_that_is_off_is_diagnosed(ahead_s: int) -> None:
    clock = FakeClock()
    async with sandbox_with(clock=clock, clock_ahead_s=ahead_s) as sandbox:
        assert (await diagnosis(sandbox, clock=clock)).problem is Problem.CLOCK


class Asker:
    """Bare HTTP."""

    def __init__(self, sandbox: Sandbox, http: httpx.AsyncClient) -> None:
        self.sandbox = sandbox
        self.http = http
        self._key = RSAKey.import_key(dict(CLIENT.jwk))

    def grant(self, **claims: Any) -> str:
        now = int(SystemClock().now().timestamp())
        right = {"aud": self.sandbox.maskinporten_url, "iss": CLIENT.client_id, "jti": uuid4().hex}
        times = {"iat": now, "exp": now + 60}
        return grant(header={"kid": CLIENT.jwk["kid"]}, key=self._key, **{**right, **times, **claims})

    async def token(self, assertion: str | None = None, grant_type: str = GRANT_TYPE) -> httpx.Response:
        form = {"grant_type": grant_type, "assertion": assertion or self.grant()}
        return await self.http.post(f"{self.sandbox.maskinporten_url}token", data=form)

    async def exchange(self, token: str, scheme: str = "Bearer", **headers: str) -> httpx.Response:
        return await self.http.get(
            f"{self.sandbox.altinn_url}/authentication/api/v1/exchange/maskinporten",
            headers={"Authorization": f"{scheme} {token}", **headers},
        )


@asynccontextmanager
async def asking(clock: Clock | None = None) -> AsyncIterator[Asker]:
    async with sandbox_with(clock=clock) as sandbox, httpx.AsyncClient(timeout=10) as http:
        yield Asker(sandbox, http)


async def test_a_token_answer_has_what_is_documented() -> None:
    async with asking() as asker:
        answer = (await asker.token()).json()
    assert claims_of(answer.pop("access_token"))["consumer"] == {
        "authority": "iso6523-actorid-upis",
        "ID": "0192:310000000",
    }
    assert answer == {"token_type": "Bearer", "expires_in": 119, "scope": SCOPE}


@pytest.mark.parametrize("claims", [{}, {"jti": "same"}])
async def test_a_grant_is_taken_once(claims: dict[str, str]) -> None:
    async with asking() as asker:
        text = asker.grant(**claims)
        assert (await asker.token(text)).status_code == 200
        again = await asker.token(text)
    assert (again.status_code, again.json()) == (
        400,
        {"error": "invalid_grant", "error_description": "Invalid assertion. The grant was used before (jti)."},
    )


@pytest.mark.parametrize(
    ("claims", "error"),
    [({"nbf": 1}, "invalid_grant"), ({"aud": "x"}, "invalid_grant"), ({"scope": "x"}, "invalid_scope")],
)
async def test_a_grant_against_the_rules_is_refused(claims: dict[str, Any], error: str) -> None:
    async with asking() as asker:
        response = await asker.token(asker.grant(**claims))
    assert (response.status_code, response.json()["error"]) == (400, error)


async def test_another_grant_type_is_refused() -> None:
    async with asking() as asker:
        response = await asker.token(grant_type="client_credentials")
    assert (response.status_code, response.json()["error"]) == (400, "unsupported_grant_type")


async def test_the_exchange_keeps_the_claims_and_adds_altinns_own() -> None:
    async with asking(FakeClock()) as asker:
        now = 1776146400
        given = (await asker.token(asker.grant(iat=now, exp=now + 60))).json()["access_token"]
        plain, quoted = await asker.exchange(given), await asker.exchange(given, Accept="application/json")
    assert plain.headers["content-type"].startswith("text/plain")
    assert claims_of(quoted.json())["urn:altinn:org"] == "ttd"
    before, after = claims_of(given), claims_of(plain.text)
    assert after == {
        **{name: before[name] for name in ("client_id", "token_type", "consumer", "scope", "jti")},
        "urn:altinn:org": "ttd",
        "urn:altinn:orgNumber": "310000000",
        "urn:altinn:authenticatemethod": "maskinporten",
        "urn:altinn:authlevel": 3,
        "iss": after["iss"],
        "iat": 1776146400,
        "nbf": 1776146400,
        "exp": 1776148200,
    }


async def test_who_is_no_service_owner_gets_a_token_without_an_owner() -> None:
    registration = msgspec.structs.replace(CLIENT.registration(), scope="altinn:instances.read")
    async with asking() as asker:
        asker.sandbox.sign_in.register(registration)
        given = (await asker.token(asker.grant(scope="altinn:instances.read"))).json()["access_token"]
        claims = claims_of((await asker.exchange(given)).text)
    assert "urn:altinn:org" not in claims
    assert claims["urn:altinn:orgNumber"] == "310000000"


async def test_the_discovery_document_says_where_everything_is() -> None:
    async with asking() as asker:
        issuer = asker.sandbox.maskinporten_url
        document = (await asker.http.get(f"{issuer}.well-known/oauth-authorization-server")).json()
        keys = (await asker.http.get(document["jwks_uri"])).json()["keys"]
    assert (document["issuer"], document["token_endpoint"]) == (issuer, f"{issuer}token")
    assert [set(key) for key in keys] == [{"kty", "crv", "x", "y", "kid", "use", "alg"}]


async def test_the_exchange_answers_401_with_nothing_in_it_to_whatever_is_wrong() -> None:
    clock = FakeClock()
    async with asking(clock) as asker:
        now = 1776146400
        given = (await asker.token(asker.grant(iat=now, exp=now + 60))).json()["access_token"]
        altinns = (await asker.exchange(given)).text
        wrong = [
            await asker.exchange("a.b.c"),
            await asker.exchange(asker.grant()),
            await asker.exchange(altinns),
            await asker.exchange(given, scheme="DPoP"),
        ]
        clock.advance(120)
        wrong.append(await asker.exchange(given))
        gone = await asker.exchange(given, **{"X-Altinn-EnterpriseUser-Authentication": "x"})
    assert [(response.status_code, response.content) for response in wrong] == [(401, b"")] * 5
    assert gone.status_code == 410
