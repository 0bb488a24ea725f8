"""`bridge check` and a PostgreSQL store: what is wrong there, in words a person can act on, and nothing changed."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from bridge.check.store import StoreSeen, check_store
from bridge.check.store_server import server_findings
from bridge.checkpoints import Enrol
from bridge.store.server import ServerSeen
from bridge.store.url import parse_url
from tests.support.check import HER_IDS, settings_for, told
from tests.support.clock import FakeClock
from tests.support.postgres import execute, run_apart
from tests.support.postgres_tls import serving_tls
from tests.support.stores import open_nhn_store

WANTED = {"default": frozenset(HER_IDS)}
UNSEEN = [("not verifiable", "the store cannot be read")]


@pytest.fixture
def user(own_postgres_url: str) -> Iterator[str]:
    """URL of the database for a user without any rights that PUBLIC has not."""
    parts = urlsplit(own_postgres_url)
    name = f"u{parts.path[6:]}"
    run_apart(execute(own_postgres_url, f"CREATE ROLE {name} LOGIN PASSWORD 'hunter2'"))
    yield parts._replace(netloc=f"{name}:hunter2@{parts.hostname}:{parts.port}").geturl()
    run_apart(execute(own_postgres_url, f"DROP OWNED BY {name}", f"DROP ROLE {name}"))


async def looked(directory: Path, url: str) -> StoreSeen:
    return await check_store(settings_for(directory, STORE__URL=url), WANTED, clock=FakeClock())


def fixes(seen: StoreSeen) -> list[str]:
    return [finding.fix for finding in seen.findings if finding.verdict.value == "failed" and finding.fix]


def address(url: str) -> str:
    return url.rpartition("@")[2].partition("?")[0]


async def test_a_store_that_is_well_tells_its_version_its_schema_and_its_cursors(
    tmp_path: Path, postgres_url: str
) -> None:
    async with open_nhn_store(postgres_url) as store:
        cursors = dict.fromkeys((6789, 7001, 9999), 40)
        await store.commit(Enrol(stream="nhn/default/1", tenant="default", cursors=cursors))
    seen = await looked(tmp_path, postgres_url)
    (server, schema) = told(seen.findings, "store")
    assert server[0] == "ok"
    assert server[1].startswith(f"{address(postgres_url)}: PostgreSQL ")
    assert server[1].endswith("in plain text")
    assert schema == ("ok", f"{address(postgres_url)}: its schema is up to date (0004)")
    assert told(seen.findings, "cursors") == [
        (
            "ok",
            "known for 2 of 5 HER-ids; 3 new, from BRIDGE_NHN__START: earliest; 1 no longer wanted, kept for a return",
        )
    ]
    assert {each.her_id: each.offset for each in seen.receivers} == {6789: 40, 7001: 40, 9999: 40}


async def test_an_empty_database_will_get_its_tables_and_gets_none_from_looking(
    tmp_path: Path, own_postgres_url: str
) -> None:
    seen = await looked(tmp_path, own_postgres_url)
    assert told(seen.findings, "store")[1] == (
        "ok",
        f"{address(own_postgres_url)}: has no tables of a bridge yet: `bridge run` creates them (0004)",
    )
    tables = "SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
    assert await execute(own_postgres_url, tables) == [(0,)]


async def test_a_wrong_password_is_told_and_not_shown(tmp_path: Path, postgres_url: str) -> None:
    parts = urlsplit(postgres_url)
    seen = await looked(tmp_path, parts._replace(netloc=f"bridge:hunter2@{parts.hostname}:{parts.port}").geturl())
    assert told(seen.findings, "store") == [("failed", f"{address(postgres_url)}: refuses the user's password")]
    assert fixes(seen) == ["Correct user and password in BRIDGE_STORE__URL."]
    assert told(seen.findings, "cursors") == UNSEEN


async def test_a_database_that_is_not_there_is_told_with_how_to_make_it(tmp_path: Path, postgres_url: str) -> None:
    seen = await looked(tmp_path, urlsplit(postgres_url)._replace(path="/none").geturl())
    assert [found.partition(": ")[2] for _, found in told(seen.findings, "store")] == ["has no such database"]
    assert fixes(seen) == ['Correct BRIDGE_STORE__URL, or create it: CREATE DATABASE "none".']


async def test_a_user_who_may_not_come_in_is_told(tmp_path: Path, own_postgres_url: str, user: str) -> None:
    await execute(own_postgres_url, f"REVOKE CONNECT ON DATABASE {urlsplit(user).path[1:]} FROM PUBLIC")
    seen = await looked(tmp_path, user)
    assert [found.partition(": ")[2] for _, found in told(seen.findings, "store")] == ["does not let the user in"]


async def test_a_user_who_may_not_make_tables_is_told_where_there_are_none(tmp_path: Path, user: str) -> None:
    (_, rights, _) = told((await looked(tmp_path, user)).findings, "store")
    assert rights == ("failed", f"{address(user)}: the user may not make tables")


async def test_a_user_who_may_not_use_the_tables_is_told_which(
    tmp_path: Path, own_postgres_url: str, user: str
) -> None:
    async with open_nhn_store(own_postgres_url):
        pass
    name = urlsplit(user).username
    await execute(
        own_postgres_url,
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {name}",
        f"REVOKE DELETE ON nhn_recent FROM {name}",
        f"REVOKE ALL ON nhn_stream FROM {name}",
    )
    seen = await looked(tmp_path, user)
    assert told(seen.findings, "store")[1:] == [
        ("failed", f"{address(user)}: the user may not read and write nhn_recent, nhn_stream")
    ]
    assert told(seen.findings, "cursors") == UNSEEN


async def test_a_host_that_is_not_known_is_told(tmp_path: Path) -> None:
    seen = await looked(tmp_path, "postgresql://bridge@nowhere.invalid/bridge?sslmode=disable")
    assert told(seen.findings, "store") == [("failed", "nowhere.invalid:5432/bridge: the host name is not known")]


async def test_a_port_where_nothing_listens_is_told(tmp_path: Path, unused_tcp_port: int) -> None:
    seen = await looked(tmp_path, f"postgresql://bridge@127.0.0.1:{unused_tcp_port}/bridge")
    assert told(seen.findings, "store") == [("failed", f"127.0.0.1:{unused_tcp_port}/bridge: nothing listens there")]


async def test_a_server_without_tls_where_tls_is_asked_for_is_told(tmp_path: Path, postgres_url: str) -> None:
    async with serving_tls(postgres_url, None) as url:
        seen = await looked(tmp_path, url)
    assert told(seen.findings, "store") == [("failed", f"{address(url)}: it offers no TLS, or is not PostgreSQL")]


@pytest.mark.parametrize(
    ("seen", "verdict", "found"),
    [
        (ServerSeen(110022, "bridge", False, True, True, ()), "failed", "is PostgreSQL 11.22, which is too old"),
        (ServerSeen(150018, "bridge", True, True, True, ()), "failed", "is read-only: a standby, or set so"),
        (ServerSeen(150018, "bridge", False, False, True, ()), "warning", "does not wait for its disk (fsync is off)"),
        (ServerSeen(150018, "bridge", False, True, False, ()), "failed", "the user may not make tables"),
    ],
)
def test_what_is_wrong_with_a_server_is_told(seen: ServerSeen, verdict: str, found: str) -> None:
    url = parse_url("postgresql://bridge@db/bridge")
    findings = told(server_findings(url, seen, is_migrated=False), "store")
    assert (verdict, f"db:5432/bridge: {found}") in findings
