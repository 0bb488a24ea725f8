"""The sandbox's HelseID over bare HTTP, and the switches of its stand-ins."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import httpx
import pytest
from joserfc.jwk import ECKey

from bridge.clock import SystemClock
from bridge.sandbox.server import Sandbox
from bridge.sandbox.sign_in.service import SignInPlan
from tests.unit.sandbox.sign_in.makers import ABSENT, EC, OTHER_EC, assertion, proof


class Asker:
    """Asks for a token, right but for what a test changes."""

    def __init__(self, sandbox: Sandbox, http: httpx.AsyncClient) -> None:
        self.sandbox = sandbox
        self._http = http
        self._key = ECKey.import_key(dict(sandbox.client.jwk))
        self.url = f"{sandbox.issuer_url}/connect/token"

    def assertion(self, **claims: Any) -> str:
        now, client_id = int(SystemClock().now().timestamp()), self.sandbox.client.client_id
        right = {"iss": client_id, "sub": client_id, "aud": self.sandbox.issuer_url, "jti": uuid4().hex}
        times = {"iat": now, "nbf": now, "exp": now + 30}
        return assertion(header={"kid": self.sandbox.client.jwk["kid"]}, key=self._key, **{**right, **times, **claims})

    def proof(self, **claims: Any) -> str:
        now = int(SystemClock().now().timestamp())
        right = {"htm": "POST", "htu": self.url, "iat": now, "jti": uuid4().hex}
        return proof(key=self._key, **{**right, **claims})

    async def nonce(self) -> str:
        return (await self.ask()).headers["DPoP-Nonce"]

    async def ask(self, proof: str | None = None, **fields: Any) -> httpx.Response:
        form = {
            "grant_type": "client_credentials",
            "client_id": self.sandbox.client.client_id,
            "scope": "nhn:msh/api",
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": self.assertion(),
            **fields,
        }
        sent = {name: value for name, value in form.items() if value is not ABSENT}
        return await self._http.post(self.url, data=sent, headers={"DPoP": proof or self.proof()})

    async def refusal(self, **options: Any) -> tuple[str, str]:
        response = await self.ask(**options)
        assert (response.status_code, response.headers["cache-control"]) == (400, "no-store")
        return response.json()["error"], response.json()["error_description"]


@asynccontextmanager
async def asking() -> AsyncIterator[Asker]:
    async with Sandbox(port=0, sign_in=SignInPlan()) as sandbox, httpx.AsyncClient(timeout=10) as http:
        yield Asker(sandbox, http)


async def test_the_discovery_document_says_where_everything_is() -> None:
    async with asking() as asker, httpx.AsyncClient() as http:
        issuer = asker.sandbox.issuer_url
        document = (await http.get(f"{issuer}/.well-known/openid-configuration")).json()
        keys = (await http.get(document["jwks_uri"])).json()["keys"]
    assert (document["issuer"], document["token_endpoint"]) == (issuer, f"{issuer}/connect/token")
    assert [set(key) for key in keys] == [{"kty", "crv", "x", "y", "kid", "use", "alg"}]


async def test_a_token_answer_has_what_is_documented() -> None:
    async with asking() as asker:
        response = await asker.ask(proof=asker.proof(nonce=await asker.nonce()))
    assert response.status_code == 200
    answer = response.json()
    assert len(answer.pop("access_token").split(".")) == 3
    assert answer == {"expires_in": 600, "token_type": "DPoP", "scope": "nhn:msh/api"}


async def test_the_first_request_is_answered_with_a_nonce() -> None:
    async with asking() as asker:
        response = await asker.ask()
    assert (response.status_code, response.json()["error"]) == (400, "use_dpop_nonce")
    assert response.headers["dpop-nonce"]


async def test_without_a_scope_all_of_the_clients_own_are_granted() -> None:
    async with asking() as asker:
        response = await asker.ask(proof=asker.proof(nonce=await asker.nonce()), scope=ABSENT)
    assert response.json()["scope"] == "nhn:msh/api"


async def test_an_assertion_is_taken_once() -> None:
    async with asking() as asker:
        text = asker.assertion()
        nonce = (await asker.ask(client_assertion=text)).headers["DPoP-Nonce"]
        assert await asker.refusal(client_assertion=text, proof=asker.proof(nonce=nonce)) == (
            "invalid_client",
            "The client assertion was used before (jti): make a new one for each request.",
        )


async def test_a_proof_is_taken_once() -> None:
    async with asking() as asker:
        text = asker.proof(nonce=await asker.nonce())
        assert (await asker.ask(proof=text)).status_code == 200
        assert await asker.refusal(proof=text) == (
            "invalid_dpop_proof",
            "The DPoP proof was used before (jti): make a new one for each request.",
        )


async def test_an_old_nonce_is_answered_with_a_new_one() -> None:
    async with asking() as asker:
        old = await asker.nonce()
        asker.sandbox.sign_in.turn_nonces()
        response = await asker.ask(proof=asker.proof(nonce=old))
    assert response.json()["error"] == "use_dpop_nonce"
    assert response.headers["dpop-nonce"] != old


@pytest.mark.parametrize(
    ("fields", "error", "why"),
    [
        ({"grant_type": "password"}, "unsupported_grant_type", "The grant_type must be client_credentials."),
        ({"grant_type": ABSENT}, "invalid_request", "The parameter grant_type is missing."),
        ({"client_assertion": ABSENT}, "invalid_request", "The parameter client_assertion is missing."),
        (
            {"client_assertion_type": "jwt"},
            "invalid_request",
            "The client_assertion_type must be urn:ietf:params:oauth:client-assertion-type:jwt-bearer.",
        ),
        (
            {"client_id": "other"},
            "invalid_client",
            "The client assertion's iss and sub must both be the client_id of the request.",
        ),
        ({"scope": "openid"}, "invalid_scope", "The client may not ask for the scope, or there is none of this name."),
        ({"scope": " "}, "invalid_scope", "The client may not ask for the scope, or there is none of this name."),
    ],
)
async def test_a_form_against_the_rules_is_refused(fields: Mapping[str, Any], error: str, why: str) -> None:
    async with asking() as asker:
        assert await asker.refusal(proof=asker.proof(nonce=await asker.nonce()), **fields) == (error, why)


async def test_a_proof_of_another_url_is_refused() -> None:
    async with asking() as asker:
        assert await asker.refusal(proof=asker.proof(htu=asker.sandbox.issuer_url)) == (
            "invalid_dpop_proof",
            "The DPoP proof's htu is not the URL of the request without its query.",
        )


async def test_the_stand_ins_are_switched_and_inspected_over_http() -> None:
    async with asking() as asker, httpx.AsyncClient(base_url=f"{asker.sandbox.nhn_url}/sandbox") as control:
        changed = await control.post("sign-in", json={"token_life_s": 5, "refused_organisations": ["310000000"]})
        assert (changed.status_code, changed.json()["token_life_s"]) == (200, 5)
        fault = await control.post("sign-in/faults", json={"kind": "503"})
        assert (fault.status_code, (await asker.ask()).status_code) == (201, 503)
        assert (await control.delete("sign-in/faults")).json() == {"cleared": 1}
        nonce = await asker.nonce()
        assert (await asker.refusal(proof=asker.proof(nonce=nonce)))[1].startswith("HID-1001")
        assert (await control.post("sign-in/nonces/turn")).json() == {"nonces_turned": True}
        assert (await asker.refusal(proof=asker.proof(nonce=nonce)))[0] == "use_dpop_nonce"
        state = (await control.get("sign-in")).json()
    assert (state["accepted"], state["refused"]) == (
        {},
        {"helseid use_dpop_nonce": 2, "helseid invalid_request": 1},
    )
    assert [refusal["error"] for refusal in state["recent_refusals"]] == ["invalid_request"]


async def test_a_fault_that_has_no_number_cannot_be_cleared() -> None:
    async with asking() as asker, httpx.AsyncClient(base_url=f"{asker.sandbox.nhn_url}/sandbox") as control:
        assert (await control.delete("sign-in/faults?id=x")).status_code == 400


async def test_a_refusal_is_told_once_however_often_it_comes() -> None:
    told: list[str] = []
    async with (
        Sandbox(port=0, sign_in=SignInPlan(), on_notice=told.append) as sandbox,
        httpx.AsyncClient(timeout=10) as http,
    ):
        asker = Asker(sandbox, http)
        for _ in range(3):
            await asker.ask(client_assertion="x")
    assert told == ["Refused by helseid: The client assertion is no JWT of three parts."]


async def test_a_client_is_registered_over_http() -> None:
    async with asking() as asker, httpx.AsyncClient(base_url=f"{asker.sandbox.nhn_url}/sandbox") as control:
        keys = [EC.as_dict(private=False, kid="a"), OTHER_EC.as_dict(private=False, kid="b")]
        answer = await control.post("sign-in/clients", json={"client_id": "mine", "jwks": {"keys": keys}})
    assert (answer.status_code, answer.json()) == (201, {"client_id": "mine", "keys": 2})


@pytest.mark.parametrize(
    ("path", "body", "error"),
    [
        ("", {"token_life_s": 0}, "Expected `int` >= 1 - at `$.token_life_s`"),
        ("", {"token_lief_s": 5}, "Object contains unknown field `token_lief_s`"),
        ("", [], "Expected `object`, got `array`"),
        ("/clients", {"client_id": "x"}, "Object missing required field `jwks`"),
        (
            "/clients",
            {"client_id": "x", "jwks": {"keys": [EC.as_dict(private=True)]}},
            "a key has private members",
        ),
        (
            "/faults",
            {"kind": "403"},
            "403 is no fault of issuers; there are: 429, 500, 503, timeout, slow-drip, connection-reset, html",
        ),
        ("/faults", {"kind": "503", "her_id": 1}, "a request to an issuer is for no HER-id"),
    ],
)
async def test_a_wish_that_makes_no_sense_is_refused_with_the_reason(path: str, body: Any, error: str) -> None:
    async with asking() as asker, httpx.AsyncClient(base_url=f"{asker.sandbox.nhn_url}/sandbox") as control:
        before = asker.sandbox.sign_in.state()
        response = await control.post(f"sign-in{path}", content=json.dumps(body))
        assert (response.status_code, response.json()) == (400, {"error": error})
        assert asker.sandbox.sign_in.state() == before
