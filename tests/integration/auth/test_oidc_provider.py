"""Signing in against a server of independent making, which demands all that HelseID demands."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc.jwk import ECKey

from bridge.auth import assertions, dpop
from bridge.auth.assertions import Organisation
from bridge.auth.diagnosis import Problem, SignInError
from bridge.auth.helseid import HelseId, HelseIdConfig
from bridge.auth.keys import KeyConfig, parse_key
from bridge.clock import SystemClock
from bridge.settings.fields import check_private_key
from bridge.settings.files import Secret
from tests.support.oidc import OidcServer, client_record, oidc_server
from tests.support.sign_in import RecordingObserver, claims_of, jwk, pem, rsa_key

# the first run installs the server's packages
pytestmark = pytest.mark.timeout(120)

PS256, RS256 = rsa_key("ps256"), rsa_key("rs256")
ES256, ES256_NEXT, ES512 = ECKey.generate_key("P-256"), ECKey.generate_key("P-256"), ECKey.generate_key("P-521")
CLIENTS = [
    client_record("ps256", "PS256", {"key-1": PS256}),
    client_record("rs256", "RS256", {"key-1": RS256}),
    client_record("es256", "ES256", {"key-1": ES256, "key-2": ES256_NEXT}),
    client_record("es512", "ES512", {"key-1": ES512}),
]


@pytest.fixture(scope="module")
def running() -> Iterator[OidcServer]:
    with oidc_server(CLIENTS) as server:
        yield server


@pytest.fixture
def server(running: OidcServer) -> OidcServer:
    """One server for all tests that need no other; it counts anew for each."""
    running.reset_tally()
    return running


def config(
    server: OidcServer, client_id: str, read: Callable[[], str], *, algorithm: str | None = None, **fields: Any
) -> HelseIdConfig:
    key = KeyConfig(read=read, key_id="key-1", algorithm=algorithm)
    return HelseIdConfig(client_id=client_id, key=key, issuer=server.issuer, timeout_s=10, **fields)


@asynccontextmanager
async def signed_in(
    config: HelseIdConfig, organisation: Organisation = assertions.NOBODY_ELSE
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the API."""
    clock = SystemClock()
    async with (
        HelseId(config, clock=clock, observer=RecordingObserver()) as helseid,
        httpx.AsyncClient(auth=helseid.auth(organisation)) as client,
    ):
        yield client


async def problem(config: HelseIdConfig) -> Problem:
    async with HelseId(config, clock=SystemClock(), observer=RecordingObserver()) as helseid:
        with pytest.raises(SignInError) as caught:
            await helseid.auth().sign_in()
    return caught.value.diagnosis.problem


@pytest.mark.parametrize(
    ("client_id", "text", "algorithm"),
    [
        ("ps256", jwk(PS256, alg="PS256", kid="key-1"), None),
        ("ps256", pem(PS256), None),
        ("rs256", pem(RS256), "RS256"),
        ("es256", jwk(ES256), None),
        ("es256", pem(ES256), None),
        ("es512", pem(ES512), None),
    ],
)
async def test_each_kind_of_key_signs_in_and_proves_its_possession(
    client_id: str, text: str, algorithm: str | None, server: OidcServer
) -> None:
    async with signed_in(config(server, client_id, lambda: text, algorithm=algorithm)) as client:
        assert (await client.get(server.api, params={"HerIds": [1, 2], "Offset": 0})).status_code == 200
    tally = server.tally()
    assert (tally["tokens"], tally["tokenRefusals"]) == (1, {"use_dpop_nonce": 1})
    assert (tally["apiOk"], tally["apiRefusals"]) == (1, {})


async def test_requests_at_once_share_a_token_and_no_proof_is_taken_for_a_replay(server: OidcServer) -> None:
    async with signed_in(config(server, "es256", lambda: pem(ES256))) as client:
        responses = await asyncio.gather(*(client.get(server.api) for _ in range(50)))
    tally = server.tally()
    assert {response.status_code for response in responses} == {200}
    assert (tally["tokens"], tally["apiOk"], tally["apiRefusals"]) == (1, 50, {})


async def test_the_server_refuses_a_proof_that_it_has_seen(server: OidcServer) -> None:
    """So that the tests beside this one show something."""
    async with signed_in(config(server, "es256", lambda: pem(ES256))) as client:
        sent = (await client.get(server.api)).request
    async with httpx.AsyncClient() as thief:
        replayed = await thief.get(server.api, headers={name: sent.headers[name] for name in ("Authorization", "DPoP")})
    assert replayed.status_code == 401
    assert 'error="invalid_dpop_proof"' in replayed.headers["WWW-Authenticate"]


async def test_an_api_that_wants_nonces_gets_them_and_old_ones_are_exchanged() -> None:
    with oidc_server(CLIENTS, api_nonce=True) as server:
        async with signed_in(config(server, "es256", lambda: pem(ES256))) as client:
            statuses = [(await client.get(server.api)).status_code for _ in range(3)]
            server.turn_nonce()
            statuses += [(await client.get(server.api)).status_code for _ in range(3)]
        tally = server.tally()
    assert statuses == [200] * 6
    assert (tally["tokens"], tally["apiRefusals"]) == (1, {"use_dpop_nonce": 2})


async def test_a_token_that_the_api_refuses_is_replaced_and_nobody_notices(server: OidcServer) -> None:
    async with signed_in(config(server, "es256", lambda: pem(ES256))) as client:
        await client.get(server.api)
        server.refuse_tokens()
        responses = await asyncio.gather(*(client.get(server.api) for _ in range(10)))
    assert {response.status_code for response in responses} == {200}
    assert server.tally()["tokens"] == 2


async def test_tokens_of_two_seconds_are_renewed_under_load_and_no_request_fails() -> None:
    with oidc_server(CLIENTS, token_life_s=2) as server:
        async with signed_in(config(server, "es256", lambda: pem(ES256))) as client:
            loop = asyncio.get_running_loop()
            deadline = loop.time() + 3
            statuses: list[int] = []
            while loop.time() < deadline:
                statuses += [
                    each.status_code for each in await asyncio.gather(*(client.get(server.api) for _ in range(5)))
                ]
        tally = server.tally()
    assert set(statuses) == {200}
    assert tally["tokens"] >= 3


async def test_a_key_in_a_file_is_rotated_without_a_restart_and_no_request_fails(tmp_path: Path) -> None:
    file = tmp_path / "key.json"
    file.write_text(jwk(ES256, kid="key-1"))
    read = Secret.in_file(file, check_private_key).get
    with oidc_server(CLIENTS, token_life_s=2) as server:
        async with signed_in(config(server, "es256", read)) as client:
            assert (await client.get(server.api)).status_code == 200
            file.write_text(jwk(ES256_NEXT, kid="key-2")[:-30])
            assert (await client.get(server.api)).status_code == 200
            file.write_text(jwk(ES256_NEXT, kid="key-2"))
            async with asyncio.timeout(10):
                while "key-2" not in server.tally()["keyIds"]:
                    assert (await client.get(server.api)).status_code == 200
            assert (await client.get(server.api)).status_code == 200
        assert sorted(set(server.tally()["keyIds"])) == ["key-1", "key-2"]


async def test_the_organisation_asked_for_reaches_the_token(server: OidcServer) -> None:
    supplier = config(server, "es256", lambda: pem(ES256), tenancy="multi")
    async with signed_in(supplier, Organisation("111222333", "222333444")) as client:
        sent = (await client.get(server.api)).request
    token = sent.headers["Authorization"].removeprefix("DPoP ")
    assert claims_of(token)["details"]["practitioner_role"]["organization"]["identifier"] == {
        "system": "urn:oid:1.0.6523",
        "type": "ENH",
        "value": "NO:ORGNR:111222333:222333444",
    }


@pytest.mark.parametrize(
    ("client_id", "text", "scope", "expected"),
    [
        # a key that is not registered, one with another algorithm, a client that is not there
        ("es256", pem(ECKey.generate_key("P-256")), "nhn:msh/api", Problem.CLIENT_OR_KEY),
        ("ps256", jwk(PS256, alg="RS256"), "nhn:msh/api", Problem.CLIENT_OR_KEY),
        ("nobody", pem(ES256), "nhn:msh/api", Problem.CLIENT_OR_KEY),
        ("es256", pem(ES256), "nhn:other/api", Problem.SCOPE),
    ],
)
async def test_a_refused_sign_in_is_diagnosed(
    client_id: str, text: str, scope: str, expected: Problem, server: OidcServer
) -> None:
    assert await problem(config(server, client_id, lambda: text, scope=scope)) is expected


async def test_an_issuer_written_with_a_slash_too_many_is_named(server: OidcServer) -> None:
    key = KeyConfig(read=lambda: pem(ES256))
    wrong = HelseIdConfig(client_id="es256", key=key, issuer=f"{server.issuer}/", timeout_s=10)
    assert await problem(wrong) is Problem.ISSUER


@pytest.mark.parametrize(
    ("fault", "error"), [(None, None), ("replayed", "invalid_client"), ("audience", "invalid_client")]
)
async def test_the_server_refuses_assertions_that_are_replayed_or_meant_for_another(
    fault: str | None, error: str | None, server: OidcServer
) -> None:
    """So that the tests beside this one show something."""
    key = parse_key(pem(ES256), key_id="key-1", algorithm="PS256")
    url = f"{server.issuer}/connect/token"

    def asked(name: str, nonce: str | None) -> dict[str, Any]:
        now = SystemClock().now()
        assertion = assertions.client_assertion(
            key,
            client_id="es256",
            audience="https://other.example" if fault == "audience" else server.issuer,
            issued_at=now,
            assertion_id="same" if fault == "replayed" else f"{fault}-{name}",
        )
        proof = dpop.proof(key, method="POST", url=url, issued_at=now, proof_id=f"{fault}-{name}-proof", nonce=nonce)
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": assertion,
        }
        return {"data": form, "headers": {"DPoP": proof}}

    async with httpx.AsyncClient() as client:
        first = await client.post(url, **asked("first", None))
        second = await client.post(url, **asked("second", first.headers.get("DPoP-Nonce")))
    assert json.loads(second.content).get("error") == error


def test_a_machine_without_node_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    with pytest.raises(RuntimeError, match=r"need Node\.js 22 or newer with npm"), oidc_server([]):
        pass
