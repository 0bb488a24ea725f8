"""`bridge check` and Altinn: signing in for real, and each answer of the API that keeps the bridge from its work."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from aiohttp import web

from bridge.check import altinn
from bridge.check.altinn import altinn_findings
from bridge.check.report import Finding
from bridge.clock import SystemClock
from bridge.ports import Clock
from bridge.sandbox.server import Sandbox
from bridge.sandbox.sign_in.clients import ClientWithKey, new_client
from bridge.sandbox.sign_in.service import SignInPlan
from bridge.settings import load_settings
from tests.support.altinn_platform import KNOWN_ORDER, Platform, serving
from tests.support.check import told
from tests.support.clock import FakeClock
from tests.support.sign_in import unsigned_jwt

CLIENT = new_client("altinn-client", algorithm="RS256")
OTHER_ORDER = "00000000-1111-4222-8333-444444444444"


async def found(url: str, more: Mapping[str, str] | None = None, *, clock: Clock | None = None) -> list[Finding]:
    """What is found with these settings of the source, without sign-in unless they say otherwise."""
    given = {"BASE_URL": url, "AUTH__METHOD": "none", **(more or {})}
    settings = load_settings({f"BRIDGE_ALTINN__{name}": value for name, value in given.items()})
    return await altinn_findings(settings, clock=clock or SystemClock())


async def found_with(answer: Callable[[web.Request], web.Response], more: Mapping[str, str] | None = None) -> Finding:
    """The one finding of the API where it answers everything so."""
    platform = Platform()
    platform.every = answer
    async with serving(platform):
        findings = await found(platform.url, more)
    (finding,) = [each for each in findings if each.subject == "API"]
    return finding


class TestAsking:
    async def test_altinns_own_no_such_shipment_proves_address_and_rights(self) -> None:
        async with serving(Platform()) as platform:
            findings = await found(platform.url)
        assert told(findings, "sign-in") == [("ok", "Altinn: not signed in: for a sandbox")]
        assert told(findings, "API") == [("ok", "Altinn: answers")]
        assert told(findings, "clock") == [("ok", "Altinn: within 30 s of the API's")]
        assert [path for path, _ in platform.asked] == [
            "/notifications/api/v1/future/shipment/00000000-0000-4000-8000-000000000000"
        ]

    async def test_the_feed_is_read_where_it_is_followed(self) -> None:
        async with serving(Platform()) as platform:
            findings = await found(platform.url, {"DISCOVERY": "feed"})
        assert told(findings, "API") == [("ok", "Altinn: answers; its status feed can be read")]
        assert platform.asked[1][0] == "/notifications/api/v1/future/shipment/feed?pageSize=1"

    async def test_orders_of_the_settings_are_asked_for_and_those_that_it_does_not_know_are_named(self) -> None:
        async with serving(Platform()) as platform:
            findings = await found(platform.url, {"ORDERS": f"{KNOWN_ORDER},{OTHER_ORDER}"})
        assert told(findings, "API") == [
            ("ok", "Altinn: answers; it knows 1 of 2 orders asked for"),
            ("warning", f"Altinn: it knows no order {OTHER_ORDER}"),
        ]

    async def test_of_many_orders_a_few_are_asked_for(self) -> None:
        orders = ",".join(f"{number:08}-0000-4000-8000-000000000000" for number in range(1, 1001))
        async with serving(Platform()) as platform:
            await found(platform.url, {"ORDERS": orders})
        assert len(platform.asked) == 6

    async def test_a_feed_that_is_none_is_a_failure(self) -> None:
        platform = Platform()
        platform.feed = lambda _: web.json_response({"rows": []})
        async with serving(platform):
            findings = await found(platform.url, {"DISCOVERY": "feed"})
        assert told(findings, "API") == [("failed", "Altinn: the answer is no page of the status feed")]

    @pytest.mark.parametrize(
        ("answer", "what", "fix"),
        [
            (
                lambda _: web.Response(status=401),
                "Altinn does not accept our sign-in (401)",
                "Let the bridge sign in (BRIDGE_ALTINN__AUTH__METHOD=maskinporten)",
            ),
            (
                lambda _: web.Response(status=403),
                "Altinn refuses our rights (403)",
                "Let the bridge sign in (BRIDGE_ALTINN__AUTH__METHOD=maskinporten)",
            ),
            (
                lambda _: web.Response(status=404, text="<html>Not here</html>", content_type="text/html"),
                "there is no Altinn Notifications (404 without its problem details)",
                "Set BRIDGE_ALTINN__BASE_URL to Altinn's platform alone",
            ),
            (
                lambda _: web.json_response({"statusCode": 404, "message": "Resource not found"}, status=404),
                "there is no Altinn Notifications (404 without its problem details)",
                "Set BRIDGE_ALTINN__BASE_URL to Altinn's platform alone",
            ),
            (
                lambda _: web.Response(text="<html>Sign in</html>", content_type="text/html"),
                "the answer is not Altinn's own: it has what cannot be there",
                "Correct BRIDGE_ALTINN__BASE_URL, and look at what is in between",
            ),
            (
                lambda _: web.Response(status=302, headers={"Location": "https://sso.example.no/"}),
                "the API answered 302",
                "Correct BRIDGE_ALTINN__BASE_URL, and look at what is in between",
            ),
            (
                lambda _: web.Response(status=400),
                "the API rejects the request itself (400)",
                "Correct BRIDGE_ALTINN__BASE_URL, and look at what is in between",
            ),
            (
                lambda _: web.Response(status=429, headers={"Retry-After": "7"}),
                "the API answered 429",
                "Wait and run the check again",
            ),
            (lambda _: web.Response(status=503), "the API answered 503", "Run the check again later"),
        ],
    )
    async def test_each_other_answer_is_told_with_what_to_do(
        self, answer: Callable[[web.Request], web.Response], what: str, fix: str
    ) -> None:
        finding = await found_with(answer)
        assert (finding.verdict.value, finding.name, finding.found) == ("failed", "Altinn", what)
        assert finding.fix is not None
        assert finding.fix.startswith(fix)

    async def test_an_api_that_does_not_answer_is_given_up(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(altinn, "ASK_S", 0.0)
        async with serving(Platform()) as platform:
            findings = await found(platform.url)
        assert told(findings, "API") == [("failed", "Altinn: not done within 0 s")]
        assert told(findings, "clock") == [("not verifiable", "Altinn: no answer of the API says what time it is")]

    @pytest.mark.parametrize(
        ("url", "what", "fix"),
        [
            ("http://127.0.0.1:1", "nothing listens there", "Correct host and port in BRIDGE_ALTINN__BASE_URL."),
            ("http://api.invalid", "the host name is not known", "Correct the host in BRIDGE_ALTINN__BASE_URL"),
        ],
    )
    async def test_an_api_that_is_not_there_is_told_by_its_cause(
        self, monkeypatch: pytest.MonkeyPatch, url: str, what: str, fix: str
    ) -> None:
        monkeypatch.setenv("NO_PROXY", "*")
        (finding,) = [each for each in await found(url) if each.subject == "API"]
        assert finding.found == what
        assert finding.fix is not None
        assert finding.fix.startswith(fix)


@asynccontextmanager
async def signing_in(clock: Clock | None = None) -> AsyncIterator[tuple[Sandbox, Platform]]:
    """Maskinporten, and a platform that exchanges its tokens."""
    plan = SignInPlan(client=CLIENT)
    async with Sandbox(port=0, sign_in=plan, clock=clock) as sandbox, serving(Platform(sandbox)) as platform:
        yield sandbox, platform


def maskinporten(sandbox: Sandbox, *, client: ClientWithKey = CLIENT, **more: str) -> dict[str, str]:
    """Settings that sign in there."""
    return {
        "AUTH__METHOD": "maskinporten",
        "AUTH__ISSUER": sandbox.maskinporten_url,
        "AUTH__CLIENT_ID": client.client_id,
        "AUTH__PRIVATE_KEY": msgspec.json.encode(client.jwk).decode(),
        **more,
    }


class TestMaskinporten:
    async def test_a_token_is_fetched_and_exchanged_and_the_api_asked_with_it(self) -> None:
        async with signing_in() as (sandbox, platform):
            findings = await found(platform.url, maskinporten(sandbox))
            assert sandbox.sign_in.state().accepted == {"maskinporten": 1, "altinn": 1}
        assert told(findings, "sign-in") == [("ok", "Altinn: Maskinporten gives a token, and Altinn exchanges it")]
        assert told(findings, "API") == [("ok", "Altinn: answers")]
        assert [headers["Authorization"][:10] for _, headers in platform.asked] == ["Bearer eyJ"]

    @pytest.mark.parametrize(
        ("client", "more", "said", "fix"),
        [
            (
                new_client("nobody", algorithm="RS256"),
                {},
                "does not know the client nobody",
                "Check the client id, and that it is of this environment.",
            ),
            (
                new_client("altinn-client", algorithm="RS256"),
                {},
                "does not accept the key (kid ",
                "Use the registered one, or register this one: a registration can expire.",
            ),
            (
                CLIENT,
                {"AUTH__SCOPE": "altinn:other"},
                "does not grant the scope altinn:other",
                "Check its spelling, and add it to the client altinn-client.",
            ),
        ],
    )
    async def test_what_maskinporten_refuses_is_told_with_what_to_do_and_the_api_is_not_asked(
        self, client: ClientWithKey, more: dict[str, str], said: str, fix: str
    ) -> None:
        async with signing_in() as (sandbox, platform):
            findings = await found(platform.url, maskinporten(sandbox, client=client, **more))
        (finding,) = [each for each in findings if each.subject == "sign-in"]
        assert (finding.verdict.value, finding.name, finding.fix) == ("failed", "Altinn", fix)
        assert said in finding.found
        assert told(findings, "API") == [("not verifiable", "Altinn: not asked, as there is no token for it")]
        assert platform.asked == []

    async def test_an_issuer_that_is_none_is_told(self) -> None:
        async with signing_in() as (sandbox, platform):
            findings = await found(platform.url, maskinporten(sandbox, AUTH__ISSUER=f"{sandbox.nhn_url}/nowhere/"))
        (finding,) = [each for each in findings if each.subject == "sign-in"]
        assert "answers 404 instead of a discovery document" in finding.found
        assert finding.fix is not None
        assert finding.fix.startswith("Check the issuer, http://127.0.0.1:")

    async def test_a_clock_that_is_off_is_told(self) -> None:
        clock = FakeClock(start=datetime.now(UTC) - timedelta(seconds=300))
        async with signing_in() as (sandbox, platform):
            findings = await found(platform.url, maskinporten(sandbox), clock=clock)
        (finding, warning) = [each for each in findings if each.subject == "sign-in"]
        assert (finding.verdict.value, finding.fix) == ("failed", "Set this machine's clock by NTP.")
        assert (warning.verdict.value, warning.name) == ("warning", "Altinn")
        assert warning.found.startswith("This machine's clock is ")

    async def test_a_token_that_is_not_exchanged_is_told(self) -> None:
        async with signing_in() as (sandbox, _), serving(Platform()) as other_environment:
            findings = await found(other_environment.url, maskinporten(sandbox))
        (finding,) = [each for each in findings if each.subject == "sign-in"]
        assert "does not exchange the token that Maskinporten has just given (it answered 401)" in finding.found
        assert finding.fix == "Check that both belong to the same environment, test or production."

    async def test_an_issuer_that_is_not_there_is_told(self) -> None:
        async with signing_in() as (sandbox, platform):
            findings = await found(platform.url, maskinporten(sandbox, AUTH__ISSUER="http://127.0.0.1:1/"))
        (finding,) = [each for each in findings if each.subject == "sign-in"]
        assert finding.found.startswith("http://127.0.0.1:1 cannot be reached")
        assert finding.fix == "Correct BRIDGE_ALTINN__AUTH__… where that is wrong; else run the check again later."

    @pytest.mark.parametrize(
        ("scope", "fix"),
        [
            (
                "altinn:serviceowner/notifications.create",
                "Altinn knows the client's organisation as no service owner: have it registered",
            ),
            (
                "altinn:instances.read",
                "Set BRIDGE_ALTINN__AUTH__SCOPE to altinn:serviceowner/notifications.create, and have it granted",
            ),
        ],
    )
    async def test_a_token_without_rights_is_told_by_what_it_lacks(self, scope: str, fix: str) -> None:
        async with signing_in() as (sandbox, platform):
            sandbox.sign_in.register(msgspec.structs.replace(CLIENT.registration(), scope=scope))
            platform.every = lambda _: web.Response(status=403)
            findings = await found(platform.url, maskinporten(sandbox, AUTH__SCOPE=scope))
        (finding,) = [each for each in findings if each.subject == "API"]
        assert (finding.verdict.value, finding.found) == ("failed", "Altinn refuses our rights (403)")
        assert finding.fix is not None
        assert finding.fix.startswith(fix)

    async def test_a_fresh_token_that_the_api_refuses_is_told(self) -> None:
        async with signing_in() as (sandbox, platform):
            platform.every = lambda _: web.Response(status=401)
            findings = await found(platform.url, maskinporten(sandbox))
        ((verdict, what),) = told(findings, "API")
        assert (verdict, what) == ("failed", f"Altinn: {platform.url} refuses a fresh token")

    async def test_no_finding_holds_a_secret(self) -> None:
        async with signing_in() as (sandbox, platform):
            platform.every = lambda _: web.Response(status=401)
            text = repr(await found(platform.url, maskinporten(sandbox)))
        tokens = [headers["Authorization"].removeprefix("Bearer ") for _, headers in platform.asked]
        assert tokens
        assert [secret for secret in (*tokens, CLIENT.jwk["d"]) if secret in text] == []


class TestPlatformAccessToken:
    @pytest.mark.parametrize(
        ("token", "verdict", "what"),
        [
            ("opaque", "not verifiable", "Altinn: a platform access token that does not say when it ends"),
            (
                unsigned_jwt({"exp": 4102444800}),
                "ok",
                "Altinn: a platform access token, valid until 2100-01-01T00:00:00Z",
            ),
            (
                unsigned_jwt({"exp": 1776146400}),
                "failed",
                "Altinn: the platform access token expired at 2026-04-14T06:00:00Z",
            ),
        ],
    )
    async def test_it_says_itself_when_it_ends(self, token: str, verdict: str, what: str) -> None:
        async with serving(Platform()) as platform:
            findings = await found(platform.url, {"AUTH__METHOD": "platform-access-token", "AUTH__TOKEN": token})
        assert told(findings, "sign-in") == [(verdict, what)]
        sent = [headers.get("PlatformAccessToken") for _, headers in platform.asked]
        assert sent == ([] if verdict == "failed" else [token])

    @pytest.mark.parametrize(
        ("status", "what", "fix"),
        [
            (
                401,
                "refuses the platform access token",
                "It has expired or is another environment's: give a new one.",
            ),
            (
                403,
                "Altinn refuses our rights (403)",
                (
                    "Use a platform access token that Altinn gave to a service owner or its app in this environment, "
                    "or sign in with BRIDGE_ALTINN__AUTH__METHOD=maskinporten."
                ),
            ),
        ],
    )
    async def test_one_that_is_refused_is_told(self, status: int, what: str, fix: str) -> None:
        finding = await found_with(
            lambda _: web.Response(status=status), {"AUTH__METHOD": "platform-access-token", "AUTH__TOKEN": "opaque"}
        )
        assert finding.found.endswith(what)
        assert finding.fix == fix
