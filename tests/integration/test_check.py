"""`bridge check` as people run it: a process, a table, an exit code."""

import asyncio
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import msgspec
import pytest
from click.testing import CliRunner

from bridge.check import run
from bridge.check.report import Report
from bridge.check.run import run_checks
from bridge.cli import main
from bridge.sandbox.faults import FaultKind, FaultRule
from bridge.sandbox.server import Sandbox
from bridge.sandbox.tcp_proxy import TcpProxy
from bridge.settings import Settings
from tests.support.altinn_platform import Platform, serving
from tests.support.broker import declare_queue
from tests.support.check import EXCHANGE, HER_IDS, Vhost, declare_all, environment, settings_for, told
from tests.support.system import running_system, until


class Ended(NamedTuple):
    exit_code: int
    output: str
    errors: str


async def bridge_check(environ: Mapping[str, str], *arguments: str, errors: int = asyncio.subprocess.PIPE) -> Ended:
    """`errors`: where standard error goes, if not into what is returned."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("BRIDGE_")}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "bridge", "check", *arguments),
        env={**inherited, "COLUMNS": "80", **environ},
        stdout=asyncio.subprocess.PIPE,
        stderr=errors,
    )
    output, told_errors = await process.communicate()
    return Ended(process.returncode or 0, output.decode(), (told_errors or b"").decode())


async def looked(settings: Settings) -> Report:
    return await run_checks(settings, on_progress=lambda _: None)


@pytest.fixture
def vhost(broker_vhost: str, broker_management_url: str, tmp_path: Path) -> Iterator[Vhost]:
    vhost = Vhost(broker_vhost, broker_management_url, tmp_path)
    yield vhost
    vhost.close()


def environ_of(directory: Path, vhost: Vhost, api_url: str, **more: str) -> dict[str, str]:
    broker = {"BROKER__URLS": vhost.url, "BROKER__MANAGEMENT_URL": vhost.management_url}
    return environment(directory, api_url=api_url, **broker, **more)


async def test_all_is_well_is_a_table_and_exit_code_0(tmp_path: Path, vhost: Vhost) -> None:
    await declare_all(vhost.url)
    await declare_queue(vhost.url, "audit", EXCHANGE, "#")
    async with Sandbox(port=0, her_ids=HER_IDS) as sandbox:
        ended = await bridge_check(environ_of(tmp_path, vhost, sandbox.nhn_url))
    overview = vhost.api.get("api/overview").json()
    *rows, empty, summary = ended.output.splitlines()
    assert rows == [
        f"ok  settings         the NHN source is on, at {urlsplit(sandbox.nhn_url).netloc}",
        "ok  settings         5 HER-ids in 1 stream",
        "ok  sign-in          not signed in: for a sandbox",
        "ok  API              answers for 5 HER-ids (1 request)",
        "ok  clock            within 30 s of the API's",
        f"ok  broker           {vhost.address}: signed in; RabbitMQ {overview['rabbitmq_version']}",
        f"ok  management API   answers for the cluster {overview['cluster_name']}",
        "ok  broker nodes     1 node running, no alarm",
        "ok  permissions      configure, write, read: on all that is needed",
        "ok  exchange         nhn.notifications: durable, type topic",
        "ok  parked exchange  bridge.parked: durable, type fanout",
        "ok  parked queue     bridge.parked: 0 of at most 100000 messages",
        "ok  event types      a queue is bound for each: new-message, refused,",
        "                     sent-state, apprec, delivery-state, other",
        "ok  store            bridge.db: not there yet: `bridge run` creates it",
        "ok  cursors          known for 0 of 5 HER-ids; 5 new, from BRIDGE_NHN__START:",
        "                     earliest",
        "ok  ops port         a free one is taken",
    ]
    assert empty == ""
    assert summary.startswith("All is well: 16 ok (bridge ")
    assert (ended.exit_code, ended.errors) == (0, "")


async def test_where_altinns_source_alone_is_on_nhn_is_not_looked_at(tmp_path: Path, vhost: Vhost) -> None:
    await declare_queue(vhost.url, "audit", "altinn.notifications", "#")
    async with serving(Platform()) as platform:
        altinn = {"ALTINN__BASE_URL": platform.url, "ALTINN__AUTH__METHOD": "none", "NHN__ENABLED": "off"}
        report = await looked(vhost.settings(**altinn))
    declared = "not there yet: `bridge run` declares it"
    overview = vhost.api.get("api/overview").json()
    assert [(finding.subject, finding.name, finding.found) for finding in report.findings] == [
        (
            "settings",
            "",
            (
                f"the Altinn source is on, at {urlsplit(platform.url).netloc}; "
                "events carry the recipient's e-mail address and organisation number"
            ),
        ),
        ("settings", "", "watched: those that the queue or `bridge orders add` names"),
        ("sign-in", "Altinn", "not signed in: for a sandbox"),
        ("API", "Altinn", "answers"),
        ("clock", "Altinn", "within 30 s of the API's"),
        ("broker", vhost.address, f"signed in; RabbitMQ {overview['rabbitmq_version']}"),
        ("management API", "", f"answers for the cluster {overview['cluster_name']}"),
        ("broker nodes", "", "1 node running, no alarm"),
        ("permissions", "", "configure, write, read: on all that is needed"),
        ("exchange", "altinn.notifications", "durable, type topic"),
        ("parked exchange", "bridge.parked", declared),
        ("parked queue", "bridge.parked", declared),
        ("registrations", "bridge.altinn.orders", declared),
        ("event types", "Altinn", "a queue is bound for each: email-status.*"),
        ("store", "bridge.db", "not there yet: `bridge run` creates it"),
        ("ops port", "", "a free one is taken"),
    ]
    assert report.is_well


async def test_both_sources_are_looked_at_at_the_same_time(tmp_path: Path, vhost: Vhost) -> None:
    async with Sandbox(port=0, her_ids=HER_IDS) as sandbox, serving(Platform()) as platform:
        altinn = {"ALTINN__BASE_URL": platform.url, "ALTINN__AUTH__METHOD": "none"}
        report = await looked(vhost.settings(NHN__BASE_URL=sandbox.nhn_url, **altinn))
    assert told(report.findings, "API") == [("ok", "answers for 5 HER-ids (1 request)"), ("ok", "Altinn: answers")]
    assert report.is_well


async def test_one_failure_is_exit_code_1_and_stops_no_other_check(tmp_path: Path, vhost: Vhost) -> None:
    faults = [FaultRule(kind=FaultKind.FORBIDDEN, her_id=7001)]
    async with Sandbox(port=0, her_ids=HER_IDS, faults=faults) as sandbox:
        ended = await bridge_check(environ_of(tmp_path, vhost, sandbox.nhn_url))
    lines = ended.output.splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("FAILED"))
    assert lines[start : start + 6] == [
        "FAILED   API              1 of 5 HER-ids is refused (403, error 1202:",
        "                          Forbidden): 7001",
        "                          Fix: It may lack its configuration at NHN, or its",
        "                          organisation has not delegated to this client. Mend",
        "                          that, or take it out of the HER-ids. The others are",
        "                          not held up by it.",
    ]
    assert lines[-1].startswith("Not all is well: 1 FAILED, 1 warning, ")
    assert ended.exit_code == 1


async def test_the_document_says_the_same_as_the_table(tmp_path: Path, vhost: Vhost) -> None:
    async with Sandbox(port=0, her_ids=HER_IDS) as sandbox:
        ended = await bridge_check(environ_of(tmp_path, vhost, sandbox.nhn_url), "--json")
    report = msgspec.json.decode(ended.output, type=Report)
    assert report.is_well
    assert told(report.findings, "API") == [("ok", "answers for 5 HER-ids (1 request)")]
    assert [verdict for verdict, _ in told(report.findings, "event types")] == ["warning"]
    assert (ended.exit_code, ended.errors) == (0, "")


async def test_warnings_and_what_cannot_be_verified_are_no_failures(tmp_path: Path, vhost: Vhost) -> None:
    async with Sandbox(port=0, her_ids=HER_IDS) as sandbox:
        report = await looked(settings_for(tmp_path, api_url=sandbox.nhn_url, BROKER__URLS=vhost.url))
    assert [verdict for verdict, _ in told(report.findings, "management API")] == ["not verifiable"]
    assert report.is_well


async def test_with_nothing_there_everything_is_told_in_time(tmp_path: Path) -> None:
    settings = settings_for(tmp_path / "none", api_url="http://127.0.0.1:1", BROKER__URLS="amqp://127.0.0.1:1/")
    async with asyncio.timeout(10):
        report = await looked(settings)
    failed = {finding.subject for finding in report.findings if finding.verdict.value == "failed"}
    assert failed == {"API", "broker", "store"}


async def test_nothing_is_changed_anywhere(tmp_path: Path, vhost: Vhost) -> None:
    before = vhost.contents()
    async with Sandbox(port=0, her_ids=HER_IDS) as sandbox:
        created = sandbox.nhn.state().created
        await looked(vhost.settings(NHN__BASE_URL=sandbox.nhn_url))
        assert sandbox.nhn.state().created == created
    assert vhost.contents() == before
    assert not any(tmp_path.iterdir())  # noqa: ASYNC240 - a directory on this machine


class TestWrongSettings:
    def ended(self, environ: Mapping[str, str]) -> tuple[int, str, list[str]]:
        result = CliRunner().invoke(main, ["check"], env=environ)
        return result.exit_code, result.stdout, result.stderr.splitlines()

    def test_they_are_told_all_at_once_with_exit_code_2(self, tmp_path: Path) -> None:
        environ = environment(tmp_path, NHN__PAGE_SIZE="0", BROKER__TOPOLOGY="declrae", NHN__HERIDS="1")
        exit_code, output, errors = self.ended(environ)
        assert (exit_code, output, len(errors)) == (2, "", 3)

    def test_without_a_source_there_is_nothing_to_check(self, tmp_path: Path) -> None:
        exit_code, output, errors = self.ended({"BRIDGE_STORE__URL": f"sqlite:///{tmp_path}/bridge.db"})
        assert (exit_code, output) == (2, "")
        assert errors[0].startswith("No source is on: set BRIDGE_NHN__HER_IDS")

    def test_a_key_that_is_none_is_a_wrong_setting(self, tmp_path: Path) -> None:
        key = {
            "NHN__AUTH__METHOD": "helseid",
            "NHN__AUTH__CLIENT_ID": "client",
            "NHN__AUTH__PRIVATE_KEY": '{"kty":"EC","d":"hunter2"}',
        }
        exit_code, output, errors = self.ended(environment(tmp_path, BROKER__URLS="amqp://127.0.0.1:1/", **key))
        assert (exit_code, output, len(errors)) == (2, "", 1)
        assert "hunter2" not in errors[0]

    def test_files_that_are_of_no_use_are_wrong_settings(self, tmp_path: Path) -> None:
        (tmp_path / "ca.pem").write_text("no certificate")
        named = {"BROKER__TLS__CA_FILE": str(tmp_path / "ca.pem"), "BROKER__URLS": "amqps://127.0.0.1:1/"}
        exit_code, output, errors = self.ended(environment(tmp_path, **named))
        assert (exit_code, output) == (2, "")
        assert errors == [f"BRIDGE_BROKER__TLS__CA_FILE {tmp_path / 'ca.pem'}: must hold PEM certificates"]


class TestTerminal:
    def printed(self, environ: Mapping[str, str]) -> str:
        return CliRunner().invoke(main, ["check"], env=environ, color=True).stdout

    def test_verdicts_are_coloured_unless_that_is_not_wanted(self, tmp_path: Path) -> None:
        environ = environment(tmp_path, BROKER__URLS="amqp://127.0.0.1:1/")
        assert "\x1b[31mFAILED\x1b[0m" in self.printed(environ)
        assert "\x1b" not in self.printed({**environ, "NO_COLOR": "1"})

    async def test_progress_is_shown_where_a_person_may_look_and_wiped_away(self, tmp_path: Path) -> None:
        reader, terminal = os.openpty()
        try:
            ended = await bridge_check(environment(tmp_path, BROKER__URLS="amqp://127.0.0.1:1/"), errors=terminal)
            shown = os.read(reader, 10_000).decode()
        finally:
            os.close(reader)
            os.close(terminal)
        assert shown.startswith("\r\x1b[KLooking at the store, NHN's API, the broker, the ops port …\r\x1b[K")
        assert shown.endswith("\r\x1b[K")
        assert "Looking" not in ended.output


async def test_a_bridge_that_runs_is_not_disturbed_and_is_named(tmp_path: Path, vhost: Vhost) -> None:
    async with running_system(tmp_path, vhost.url, total=50) as system:
        await system.until_all_committed()
        settings = {"BRIDGE_BROKER__MANAGEMENT_URL": vhost.management_url, **system.bridge._environment}
        ended = await bridge_check(settings, "--json")
        status = await system.bridge.status()
    findings = msgspec.json.decode(ended.output, type=Report).findings
    assert "a bridge is running at " in told(findings, "ops port")[0][1]
    assert told(findings, "store") == [("ok", "bridge.db: its schema is up to date (0004)")]
    assert told(findings, "cursors") == [("ok", "known for 5 of 5 HER-ids")]
    assert status is not None
    assert status["is_ready"]
    assert ended.exit_code == 0


async def test_a_broker_that_says_nothing_is_given_up(
    tmp_path: Path, vhost: Vhost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "BROKER_S", 0.3)
    parts = urlsplit(vhost.url)
    async with TcpProxy(parts.hostname or "", parts.port or 5672) as proxy, Sandbox(port=0, her_ids=HER_IDS) as sandbox:
        proxy.pause()
        url = parts._replace(netloc=f"guest:guest@127.0.0.1:{proxy.port}").geturl()
        settings = settings_for(tmp_path, api_url=sandbox.nhn_url, BROKER__URLS=url)
        report = await looked(settings)
    assert told(report.findings, "broker") == [("failed", "not done within 0.3 s")]
    assert told(report.findings, "API") == [("ok", "answers for 5 HER-ids (1 request)")]


async def test_it_is_told_what_is_still_being_looked_at(tmp_path: Path) -> None:
    progress: list[tuple[str, ...]] = []
    await run_checks(
        settings_for(tmp_path, BROKER__URLS="amqp://127.0.0.1:1/"),
        on_progress=lambda subjects: progress.append(tuple(subjects)),
    )
    await until(lambda: progress[-1] == ())
    assert progress[0] == ("the store", "NHN's API", "the broker", "the ops port")
