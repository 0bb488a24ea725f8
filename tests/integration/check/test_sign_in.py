"""`bridge check` and signing in: a real token from an issuer, before the API is asked."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from aiohttp import web

from bridge.check.report import Finding
from bridge.ports import Clock
from bridge.sandbox.server import Sandbox
from bridge.sandbox.sign_in.clients import ClientWithKey, new_client
from bridge.sandbox.sign_in.service import SignInPlan
from bridge.sandbox.sign_in.switches import Switches
from tests.support.check import HER_IDS, look_at_nhn, settings_for, told
from tests.support.clock import FakeClock
from tests.support.sign_in import jwk, rsa_key


@asynccontextmanager
async def issuer(answers: Sequence[tuple[int, dict[str, object]]]) -> AsyncIterator[str]:
    """An issuer that answers token requests with these, one after the other. Its URL."""
    left = list(answers)

    async def metadata(request: web.Request) -> web.Response:
        url = str(request.url.origin())
        return web.json_response({"issuer": url, "token_endpoint": f"{url}/token"})

    async def token(_request: web.Request) -> web.Response:
        status, body = left.pop(0)
        return web.json_response(body, status=status)

    application = web.Application()
    application.add_routes([web.get("/.well-known/openid-configuration", metadata), web.post("/token", token)])
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


TOKEN: tuple[int, dict[str, object]] = (200, {"access_token": "opaque", "token_type": "DPoP", "expires_in": 600})


class TestSigningIn:
    async def signed_in(
        self,
        directory: Path,
        *answers: tuple[int, dict[str, object]],
        clock: Clock | None = None,
        **settings: str,
    ) -> list[Finding]:
        async with Sandbox(port=0, her_ids=HER_IDS) as sandbox, issuer(answers) as url:
            return await look_at_nhn(
                settings_for(
                    directory,
                    api_url=sandbox.nhn_url,
                    NHN__AUTH__METHOD="helseid",
                    NHN__AUTH__ISSUER=url,
                    NHN__AUTH__CLIENT_ID="client",
                    NHN__AUTH__PRIVATE_KEY=jwk(rsa_key()),
                    **settings,
                ),
                clock=clock,
            )

    async def test_a_token_is_fetched_and_the_api_asked_with_it(self, tmp_path: Path) -> None:
        findings = await self.signed_in(tmp_path, TOKEN)
        assert told(findings, "sign-in") == [("ok", "HelseID gives a token")]
        assert told(findings, "API") == [("ok", "answers for 5 HER-ids (1 request)")]

    async def test_without_a_token_the_api_is_not_asked(self, tmp_path: Path) -> None:
        findings = await self.signed_in(tmp_path, (400, {"error": "invalid_scope"}))
        ((verdict, found),) = told(findings, "sign-in")
        assert verdict == "failed"
        assert "does not grant the scope nhn:msh/api" in found
        assert told(findings, "API") == [("not verifiable", "not asked, as there is no token for it")]

    async def test_a_clock_that_is_off_is_a_warning_while_tokens_still_come(self, tmp_path: Path) -> None:
        clock = FakeClock(start=datetime.now(UTC) + timedelta(seconds=100))
        findings = await self.signed_in(tmp_path, TOKEN, clock=clock)
        (signed_in, off) = [finding for finding in findings if finding.subject == "sign-in"]
        assert (signed_in.verdict.value, off.verdict.value) == ("ok", "warning")
        assert off.found.startswith("This machine's clock is ")
        assert off.fix == "Set it by NTP before sign-in fails."

    async def test_each_tenant_has_a_token_of_its_own(self, tmp_path: Path) -> None:
        tenants = (
            '[{"name":"acme","her_ids":"7001","orgnr_parent":"999999999"},'
            '{"name":"beta","her_ids":"7002","orgnr_parent":"888888888"}]'
        )
        findings = await self.signed_in(
            tmp_path, TOKEN, (400, {"error": "invalid_request"}), NHN__TENANTS=tenants, NHN__AUTH__TENANCY="multi"
        )
        assert sorted(verdict for verdict, _ in told(findings, "sign-in")) == ["failed", "ok"]
        assert sorted(verdict for verdict, _ in told(findings, "API")) == ["not verifiable", "ok"]


OWNER = new_client()
REFUSED = "999999999"


class TestWhatIsWrong:
    """Each against the sandbox, which issues tokens and checks them as HelseID and NHN do."""

    async def told(
        self, directory: Path, *, client: ClientWithKey = OWNER, clock: Clock | None = None, **more: str
    ) -> tuple[Finding, list[Finding]]:
        """The finding of signing in, and all of them."""
        plan = SignInPlan(client=OWNER, switches=Switches(refused_organisations=frozenset({REFUSED})))
        async with Sandbox(port=0, her_ids=HER_IDS, sign_in=plan) as sandbox:
            given = {
                "NHN__AUTH__METHOD": "helseid",
                "NHN__AUTH__ISSUER": sandbox.issuer_url,
                "NHN__AUTH__CLIENT_ID": client.client_id,
                "NHN__AUTH__PRIVATE_KEY": msgspec.json.encode(client.jwk).decode(),
                **more,
            }
            settings = settings_for(directory, api_url=sandbox.nhn_url, **given)
            findings = await look_at_nhn(settings, clock=clock)
        return next(each for each in findings if each.subject == "sign-in"), findings

    async def test_nothing(self, tmp_path: Path) -> None:
        finding, findings = await self.told(tmp_path)
        assert (finding.verdict.value, finding.found) == ("ok", "HelseID gives a token")
        assert told(findings, "API") == [("ok", "answers for 5 HER-ids (1 request)")]

    @pytest.mark.parametrize(
        ("client", "more", "found", "fix"),
        [
            (
                new_client("nobody"),
                {},
                "does not know the client nobody",
                "Check the client id, and that it is of this environment.",
            ),
            (
                new_client(),
                {},
                "does not accept the key (kid ",
                "Use the registered one, or register this one: a registration can expire.",
            ),
            (
                OWNER,
                {"NHN__AUTH__SCOPE": "nhn:nothing"},
                "does not grant the scope nhn:nothing",
                "Check its spelling, and add it to the client bridge-sandbox.",
            ),
            (
                OWNER,
                {"NHN__AUTH__ORGNR_CHILD": REFUSED},
                "gives the client bridge-sandbox no token for this organisation",
                ("Check its numbers and the tenancy, and that it has delegated to the supplier in Altinn."),
            ),
        ],
    )
    async def test_what_the_issuer_refuses(
        self, tmp_path: Path, client: ClientWithKey, more: dict[str, str], found: str, fix: str
    ) -> None:
        finding, findings = await self.told(tmp_path, client=client, clock=None, **more)
        assert (finding.verdict.value, finding.fix) == ("failed", fix)
        assert found in finding.found
        assert told(findings, "API") == [("not verifiable", "not asked, as there is no token for it")]

    async def test_the_issuer(self, tmp_path: Path) -> None:
        async with issuer([]) as other:
            finding, _ = await self.told(tmp_path, NHN__AUTH__ISSUER=f"{other}/realm")
        assert finding.verdict.value == "failed"
        assert "answers 404 instead of a discovery document" in finding.found
        assert finding.fix == f"Check the issuer, {other}/realm."

    async def test_the_clock(self, tmp_path: Path) -> None:
        clock = FakeClock(start=datetime.now(UTC) + timedelta(seconds=300))
        finding, _ = await self.told(tmp_path, clock=clock)
        assert (finding.verdict.value, finding.fix) == ("failed", "Set this machine's clock by NTP.")

    async def test_the_proof(self, tmp_path: Path) -> None:
        async with issuer([(400, {"error": "invalid_dpop_proof"})]) as url:
            finding, _ = await self.told(tmp_path, NHN__AUTH__ISSUER=url)
        assert finding.verdict.value == "failed"
        assert "does not accept our DPoP proof" in finding.found
        assert finding.fix == (
            "Set the client bridge-sandbox up for DPoP, and let no proxy change the URL or the headers."
        )
