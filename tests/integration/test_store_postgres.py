"""The store on a PostgreSQL server: signing in, TLS, its sessions, migrations, and what a restart of it does."""

import asyncio
import ssl
import sys
from asyncio.subprocess import PIPE
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, event, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.util import await_only

from bridge.checkpoints import Advance, Enrol, StreamState
from bridge.errors import InvariantViolation, StoreUnavailable
from bridge.store import NhnStore, migrations, open_database
from bridge.store.tables import metadata
from bridge.tls import client_context
from tests.integration.test_store_sqlite import OPEN_WHEN_TOLD
from tests.support.certificates import Authority
from tests.support.postgres import count_bridge_connections, end_bridge_connections, execute, pg_ctl
from tests.support.postgres_tls import serving_tls
from tests.support.stores import open_nhn_store

ENROL = Enrol(stream="nhn/acme/0", tenant="acme", cursors={101: 40})
ADVANCE = Advance(stream="nhn/acme/0", previous=40, cursor=60)
ADVANCED = StreamState(name="nhn/acme/0", tenant="acme", cursor=60, receivers={101: None})


async def setting(store: NhnStore, name: str) -> object:
    def work(connection: Connection) -> object:
        return connection.execute(text("SELECT current_setting(:name)"), {"name": name}).scalar_one()

    return await store._database.write(work)


async def refusal(url: str, tls: ssl.SSLContext | None = None) -> str:
    with pytest.raises(StoreUnavailable) as caught:
        async with open_nhn_store(url, tls=tls):
            pass
    return str(caught.value)


def certified(authority: Authority, host: str) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*authority.issue(host))
    return context


class TestSession:
    async def test_the_server_ends_what_takes_too_long_or_falls_silent(self, postgres_url: str) -> None:
        async with open_nhn_store(postgres_url) as store:
            assert await setting(store, "statement_timeout") == "10s"
            assert await setting(store, "idle_in_transaction_session_timeout") == "5s"
            assert await setting(store, "application_name") == "notification-bridge"

    async def test_a_commit_is_on_disk_even_where_the_server_would_not_wait_for_it(self, own_postgres_url: str) -> None:
        name = urlsplit(own_postgres_url).path[1:]
        await execute(own_postgres_url, f"ALTER DATABASE {name} SET synchronous_commit = off")
        async with open_nhn_store(own_postgres_url) as store:
            assert await setting(store, "synchronous_commit") == "on"

    async def test_commits_of_many_streams_at_once_all_arrive_over_few_connections(self, postgres_url: str) -> None:
        async with open_nhn_store(postgres_url) as store:
            async with asyncio.TaskGroup() as group:
                for number in range(30):
                    group.create_task(
                        store.commit(Enrol(stream=f"nhn/acme/{number:02}", tenant="acme", cursors={number: number}))
                    )
            assert [state.cursor for state in await store.streams("acme")] == list(range(30))
            assert await count_bridge_connections(postgres_url) == 5

    async def test_two_commits_of_one_stream_from_two_processes_are_one_and_a_refusal(self, postgres_url: str) -> None:
        async with (
            open_nhn_store(postgres_url) as one,
            open_nhn_store(postgres_url) as other,
        ):
            await one.commit(ENROL)
            outcomes = await asyncio.gather(one.commit(ADVANCE), other.commit(ADVANCE), return_exceptions=True)
            assert [type(outcome) for outcome in outcomes if outcome is not None] == [InvariantViolation]
            assert list(await one.streams("acme")) == [ADVANCED]


class TestSignIn:
    async def test_a_wrong_password_is_told_and_not_shown(self, postgres_url: str) -> None:
        parts = urlsplit(postgres_url)
        message = await refusal(parts._replace(netloc=f"bridge:hunter2@{parts.hostname}:{parts.port}").geturl())
        assert "it refuses the login" in message
        assert "hunter2" not in message

    async def test_a_database_that_is_not_there_is_told(self, postgres_url: str) -> None:
        assert "it has no such database" in await refusal(urlsplit(postgres_url)._replace(path="/none").geturl())

    async def test_a_port_where_nothing_listens_is_told(self, unused_tcp_port: int) -> None:
        assert "nothing listens there" in await refusal(f"postgresql://bridge@127.0.0.1:{unused_tcp_port}/bridge")

    async def test_a_password_that_was_exchanged_is_used_for_the_next_connection(self, own_postgres_url: str) -> None:
        parts = urlsplit(own_postgres_url)
        user, address = f"u{parts.path[6:]}", f"{parts.hostname}:{parts.port}"

        def url(password: str) -> str:
            return parts._replace(netloc=f"{user}:{password}@{address}").geturl()

        await execute(own_postgres_url, f"CREATE ROLE {user} LOGIN SUPERUSER PASSWORD 'one'")
        try:
            given = [url("one")]
            async with open_nhn_store(url("one"), read_url=lambda: given[0]) as store:
                await execute(own_postgres_url, f"ALTER ROLE {user} PASSWORD 'two'")
                await store._database._transactions.close()
                with pytest.raises(StoreUnavailable, match="it refuses the login"):
                    await store.streams("acme")
                given[0] = url("two")
                assert list(await store.streams("acme")) == []
        finally:
            await execute(own_postgres_url, f"REASSIGN OWNED BY {user} TO bridge", f"DROP ROLE {user}")

    async def test_a_user_without_rights_to_the_tables_is_told(self, own_postgres_url: str) -> None:
        async with open_nhn_store(own_postgres_url):
            pass
        parts = urlsplit(own_postgres_url)
        user = f"u{parts.path[6:]}"
        url = parts._replace(netloc=f"{user}:one@{parts.hostname}:{parts.port}").geturl()
        await execute(own_postgres_url, f"CREATE ROLE {user} LOGIN PASSWORD 'one'")
        try:
            assert "the user lacks a right" in await refusal(url)
        finally:
            await execute(own_postgres_url, f"DROP ROLE {user}")


class TestTls:
    @pytest.fixture
    def authority(self, tmp_path: Path) -> Authority:
        return Authority(tmp_path)

    async def test_a_certificate_of_the_authority_that_is_trusted_is_accepted(
        self, postgres_url: str, authority: Authority
    ) -> None:
        tls = client_context("BRIDGE_STORE__TLS", ca_file=authority.ca_file)
        async with (
            serving_tls(postgres_url, certified(authority, "127.0.0.1")) as url,
            open_nhn_store(url, tls=tls) as store,
        ):
            assert list(await store.streams("acme")) == []

    async def test_a_certificate_of_another_authority_is_refused(self, postgres_url: str, authority: Authority) -> None:
        async with serving_tls(postgres_url, certified(authority, "127.0.0.1")) as url:
            assert "its certificate is not trusted" in await refusal(url)

    async def test_a_certificate_for_another_host_is_refused(self, postgres_url: str, authority: Authority) -> None:
        tls = client_context("BRIDGE_STORE__TLS", ca_file=authority.ca_file)
        async with serving_tls(postgres_url, certified(authority, "127.0.0.2")) as url:
            assert "its certificate is not trusted or is for another name" in await refusal(url, tls)

    async def test_a_server_without_tls_is_never_spoken_to_in_plain_text_instead(self, postgres_url: str) -> None:
        async with serving_tls(postgres_url, None) as url:
            assert "does not offer what BRIDGE_STORE__URL asks for (TLS)" in await refusal(url)


class TestSchema:
    @pytest.mark.timeout(90)  # Each process imports everything first.
    async def test_processes_that_start_at_once_on_an_empty_database_all_find_a_store(
        self, own_postgres_url: str
    ) -> None:
        processes = [
            await asyncio.create_subprocess_exec(
                sys.executable, "-c", OPEN_WHEN_TOLD, own_postgres_url, stdin=PIPE, stdout=PIPE, cwd=Path.cwd()
            )
            for _ in range(3)
        ]
        for process in processes:
            assert process.stdout is not None
            assert await process.stdout.readline() == b"ready\n"
        answers = await asyncio.gather(*(process.communicate(b"go\n") for process in processes))
        assert [output for output, _ in answers] == [b"0\n", b"0\n", b"0\n"]

    async def test_a_migration_waits_for_the_one_that_is_under_way(self, own_postgres_url: str) -> None:
        async with open_database(own_postgres_url) as one, open_database(own_postgres_url) as other:
            locked, done = asyncio.Event(), asyncio.Event()

            def hold(connection: Connection) -> None:
                connection.execute(text(f"SELECT pg_advisory_xact_lock({migrations.ADVISORY_LOCK})"))
                locked.set()
                await_only(done.wait())

            holding = asyncio.create_task(one.write(hold))
            await locked.wait()
            migrating = asyncio.create_task(migrations.migrate(other))
            assert await asyncio.wait({migrating}, timeout=0.3) == (set(), {migrating})
            done.set()
            await holding
            await migrating
            assert await migrations.current_revision(one) == migrations.head()

    async def test_a_migration_that_fails_leaves_nothing_behind(self, own_postgres_url: str) -> None:
        await execute(own_postgres_url, "CREATE TABLE nhn_recent (id int)")
        with pytest.raises(InvariantViolation):
            async with open_nhn_store(own_postgres_url):
                pass
        tables = "SELECT relname::text FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        assert await execute(own_postgres_url, tables) == [("nhn_recent",)]

    async def test_migrations_and_tables_agree(self, postgres_url: str) -> None:
        def differences(connection: Connection) -> object:
            context = MigrationContext.configure(connection, opts={"version_table": migrations.VERSION_TABLE})
            return compare_metadata(context, metadata)

        async with open_database(postgres_url) as database:
            assert await database.read(differences) == []


class TestServerGoesAway:
    async def test_a_connection_that_the_server_ended_is_replaced_unnoticed(self, postgres_url: str) -> None:
        async with open_nhn_store(postgres_url) as store:
            await store._database._transactions.close()
            is_gone = asyncio.Event()
            engine = store._database.engine
            event.listen(engine, "connect", lambda made, _: _on_end(made, is_gone), once=True)
            await store.commit(ENROL)
            await end_bridge_connections(postgres_url)
            await is_gone.wait()
            await store.commit(ADVANCE)
            assert list(await store.streams("acme")) == [ADVANCED]

    @pytest.mark.faults
    async def test_after_a_crash_and_restart_of_the_server_the_store_goes_on_with_all_that_was_committed(
        self, postgres_url: str, pg_ctl_command: str
    ) -> None:
        async with open_nhn_store(postgres_url) as store:
            await store.commit(ENROL)
            await store.commit(ADVANCE)
            await pg_ctl(pg_ctl_command, "stop", "-m", "immediate")
            try:
                with pytest.raises(StoreUnavailable):
                    await store.streams("acme")
            finally:
                await pg_ctl(pg_ctl_command, "start", "-w")
            assert list(await store.streams("acme")) == [ADVANCED]


def _on_end(made: DBAPIConnection, is_gone: asyncio.Event) -> None:
    driver = made.driver_connection
    assert driver is not None
    driver.add_termination_listener(lambda _connection: is_gone.set())
