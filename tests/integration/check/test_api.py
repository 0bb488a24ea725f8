"""`bridge check` and the API: each fault of the sandbox, each way of not reaching it, and signing in."""

import re
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from bridge.check import api, nhn
from bridge.check.nhn import nhn_findings
from bridge.check.report import Finding
from bridge.clock import SystemClock
from bridge.sandbox.faults import FaultKind, FaultRule
from bridge.sandbox.server import Sandbox
from bridge.sandbox.tcp_proxy import TcpProxy
from bridge.store import ReceiverOffset
from tests.support.certificates import Authority
from tests.support.check import HER_IDS, look_at_nhn, settings_for, told
from tests.support.clock import FakeClock

FORBIDDEN, LOCKED = FaultKind.FORBIDDEN, FaultKind.LOCKED


async def findings_with(directory: Path, *faults: FaultRule, **settings: str) -> list[Finding]:
    """What is found at a sandbox with these faults."""
    async with Sandbox(port=0, her_ids=HER_IDS, faults=faults) as sandbox:
        return await look_at_nhn(settings_for(directory, api_url=sandbox.nhn_url, **settings))


class TestSandbox:
    async def test_an_api_that_answers_is_well(self, tmp_path: Path) -> None:
        findings = await findings_with(tmp_path)
        assert told(findings, "sign-in") == [("ok", "not signed in: for a sandbox")]
        assert told(findings, "API") == [("ok", "answers for 5 HER-ids (1 request)")]
        assert told(findings, "clock") == [("ok", "within 30 s of the API's")]

    async def test_it_asks_once_for_each_1500_her_ids_and_for_one_notification(self, tmp_path: Path) -> None:
        her_ids = range(1, 3002)
        async with Sandbox(port=0, her_ids=her_ids) as sandbox:
            wanted = ",".join(map(str, her_ids))
            findings = await look_at_nhn(settings_for(tmp_path, api_url=sandbox.nhn_url, NHN__HER_IDS=wanted))
            polls = [request.poll for request in sandbox.nhn.state().recent_requests]
        assert told(findings, "API") == [("ok", "answers for 3001 HER-ids (3 requests)")]
        assert [poll and (len(poll.her_ids), poll.offset, poll.limit) for poll in polls] == [
            (1500, 0, 1),
            (1500, 0, 1),
            (1, 0, 1),
        ]

    async def test_it_asks_from_where_the_store_says_that_they_stand(self, tmp_path: Path) -> None:
        standing = [
            ReceiverOffset(
                tenant="default",
                her_id=her_id,
                stream="nhn/default/1",
                state="sharing",
                offset=9,
                updated_at=datetime.now(UTC),
            )
            for her_id in HER_IDS
        ]
        async with Sandbox(port=0, her_ids=HER_IDS) as sandbox:
            settings = settings_for(tmp_path, api_url=sandbox.nhn_url)
            await nhn_findings(settings, {"default": frozenset(HER_IDS)}, standing, clock=SystemClock())
            (request,) = sandbox.nhn.state().recent_requests
        assert request.poll is not None
        assert request.poll.offset == 9

    async def test_her_ids_that_it_refuses_are_named_by_reason(self, tmp_path: Path) -> None:
        faults = [
            FaultRule(kind=FORBIDDEN, her_id=7001),
            FaultRule(kind=FORBIDDEN, her_id=7003),
            FaultRule(kind=LOCKED, her_id=7002),
        ]
        assert told(await findings_with(tmp_path, *faults), "API") == [
            ("failed", "2 of 5 HER-ids are refused (403, error 1202: Forbidden): 7001, 7003"),
            ("failed", "1 of 5 HER-ids is refused (423, error 1210: Locked): 7002"),
        ]

    async def test_the_only_her_id_is_named_too(self, tmp_path: Path) -> None:
        findings = await findings_with(tmp_path, FaultRule(kind=FORBIDDEN, her_id=7001), NHN__HER_IDS="7001")
        assert told(findings, "API") == [("failed", "1 of 1 HER-id is refused (403, error 1202: Forbidden): 7001")]

    async def test_where_every_her_id_is_refused_the_request_is_suspected(self, tmp_path: Path) -> None:
        findings = await findings_with(tmp_path, FaultRule(kind=FaultKind.BAD_REQUEST))
        assert told(findings, "API") == [("failed", "every HER-id is refused: 400, error 1001: Bad Request")]

    async def test_too_many_refused_to_name_are_told_as_that(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(api, "SEARCH_S", 0.001)
        findings = await findings_with(tmp_path, FaultRule(kind=FORBIDDEN, her_id=7001))
        assert told(findings, "API") == [
            (
                "failed",
                "some of 5 HER-ids are refused (403, error 1202: Forbidden), too many to name in 0.001 s",
            )
        ]

    async def test_a_request_that_is_too_long_for_a_gateway_is_parted(self, tmp_path: Path) -> None:
        findings = await findings_with(tmp_path, FaultRule(kind=FaultKind.URI_TOO_LONG, above_her_ids=2))
        assert told(findings, "API") == [("ok", "answers for 5 HER-ids (1 request)")]

    @pytest.mark.parametrize(
        ("kind", "found", "fix"),
        [
            ("401", "the API does not accept our sign-in (401, error 0: Unauthorized)", "Let the bridge sign in"),
            (
                "404-html",
                "the API rejects the request itself (404): check URL and settings",
                "Set BRIDGE_NHN__BASE_URL",
            ),
            ("429", "the API answered 429", "Wait and run the check again"),
            ("500", "the API answered 500", "Run the check again later"),
            ("503", "the API answered 503", "Run the check again later"),
            ("connection-reset", "the connection broke off", "Run the check again. If it stays"),
            ("html", "the API's answer is no JSON, so it is no page", "Correct BRIDGE_NHN__BASE_URL, and look at what"),
            (
                "wrong-content-type",
                "the API's answer is no JSON, so it is no page",
                "Correct BRIDGE_NHN__BASE_URL, and",
            ),
            ("body-cut", "the answer was cut off or is no HTTP", "Correct BRIDGE_NHN__BASE_URL, and look at what"),
            (
                "nested-json",
                "a page of one notification cannot be taken in: nested too deeply",
                "Correct BRIDGE_NHN__BASE_URL, and look at what is in",
            ),
            (
                "oversized-body",
                "a page of one notification cannot be taken in: the body is over 300000 bytes",
                "Correct BRIDGE_NHN__BASE_URL, and look at what is",
            ),
        ],
    )
    async def test_each_fault_is_told_with_what_to_do(
        self, tmp_path: Path, kind: FaultKind, found: str, fix: str
    ) -> None:
        rule = FaultRule(kind=FaultKind(kind), size_bytes=400_000)
        findings = await findings_with(tmp_path, rule, HTTP__MAX_BODY_BYTES="300000")
        (finding,) = [each for each in findings if each.subject == "API"]
        assert finding.verdict.value == "failed"
        assert finding.found.startswith(found)
        assert finding.fix is not None
        assert finding.fix.startswith(fix)

    async def test_an_api_that_does_not_answer_is_given_up(self, tmp_path: Path) -> None:
        findings = await findings_with(tmp_path, FaultRule(kind=FaultKind.TIMEOUT), HTTP__TIMEOUT_S="0.1")
        assert told(findings, "API") == [("failed", "no answer in time")]
        assert told(findings, "clock") == [("not verifiable", "no answer of the API says what time it is")]

    async def test_a_tenant_has_so_much_time_and_no_more(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(nhn, "TENANT_S", 0.2)
        findings = await findings_with(tmp_path, FaultRule(kind=FaultKind.TIMEOUT))
        assert told(findings, "API") == [("failed", "not done within 0.2 s")]

    @pytest.mark.parametrize(("ahead_s", "which"), [(100, "ahead of"), (-100, "behind")])
    async def test_a_clock_that_is_off_is_seen_in_the_answers(self, tmp_path: Path, ahead_s: int, which: str) -> None:
        clock = FakeClock(start=datetime.now(UTC) + timedelta(seconds=ahead_s))
        async with Sandbox(port=0, her_ids=HER_IDS) as sandbox:
            findings = await look_at_nhn(settings_for(tmp_path, api_url=sandbox.nhn_url), clock=clock)
        ((verdict, found),) = told(findings, "clock")
        assert verdict == "warning"
        assert re.fullmatch(rf"(9[89]|10[012]) s {which} the API's", found)

    async def test_each_tenant_is_told_by_itself_and_the_same_answers_together(self, tmp_path: Path) -> None:
        tenants = '[{"name":"acme","her_ids":"7001"},{"name":"beta","her_ids":"7002"},{"name":"zeta","her_ids":"7003"}]'
        findings = await findings_with(tmp_path, FaultRule(kind=FORBIDDEN, her_id=7002), NHN__TENANTS=tenants)
        assert told(findings, "API") == [
            ("ok", "acme: answers for 1 HER-id (1 request)"),
            ("failed", "beta: 1 of 1 HER-id is refused (403, error 1202: Forbidden): 7002"),
            ("ok", "zeta: answers for 1 HER-id (1 request)"),
        ]


def in_front_of(sandbox: Sandbox, tls: ssl.SSLContext) -> TcpProxy:
    return TcpProxy("127.0.0.1", urlsplit(sandbox.nhn_url).port or 0, tls=tls)


class TestTheWayThere:
    @pytest.mark.parametrize(
        ("url", "found"),
        [
            ("http://127.0.0.1:1", "nothing listens there"),
            ("http://api.invalid", "the host name is not known"),
        ],
    )
    async def test_an_api_that_is_not_there_is_told_by_its_cause(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str, found: str
    ) -> None:
        monkeypatch.setenv("NO_PROXY", "*")
        findings = await look_at_nhn(settings_for(tmp_path, api_url=url))
        assert told(findings, "API") == [("failed", found)]

    async def test_tls_where_none_is_spoken_is_told(self, tmp_path: Path) -> None:
        async with Sandbox(port=0) as sandbox:
            url = sandbox.nhn_url.replace("http:", "https:")
            findings = await look_at_nhn(settings_for(tmp_path, api_url=url))
        assert told(findings, "API") == [("failed", "it does not speak TLS as we do")]

    async def test_a_certificate_that_is_not_trusted_is_told_and_one_that_is_named_is_trusted(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        authority = Authority(tmp_path)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*authority.issue("127.0.0.1"))
        async with Sandbox(port=0, her_ids=HER_IDS) as sandbox, in_front_of(sandbox, context) as proxy:
            settings = settings_for(tmp_path, api_url=f"https://127.0.0.1:{proxy.port}")
            before = await look_at_nhn(settings)
            monkeypatch.setenv("SSL_CERT_FILE", str(authority.ca_file))
            after = await look_at_nhn(settings)
        assert told(before, "API") == [("failed", "its certificate is not trusted or is for another name")]
        assert told(after, "API") == [("ok", "answers for 5 HER-ids (1 request)")]
