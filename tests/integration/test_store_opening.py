"""Opening a store: which URLs and files are refused, how the schema gets there, what an error says."""

import asyncio
import errno
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, create_engine, exc, text

from bridge.checkpoints import Enrol
from bridge.errors import BridgeError, ConfigurationError, InvariantViolation, StoreUnavailable
from bridge.store import migrations, open_database, open_store
from bridge.store.errors import NoAnswer, classify
from bridge.store.tables import metadata
from bridge.store.url import parse_url, uses_tls
from tests.support.clock import FakeClock

PASSWORD = "hunter2"


async def refusal(url: str, *, is_owner: bool = True) -> str:
    with pytest.raises(ConfigurationError) as caught:
        async with open_store(url, clock=FakeClock(), is_owner=is_owner):
            pass
    return str(caught.value)


class TestUrl:
    @pytest.mark.parametrize(
        "url",
        [
            "sqlite://",
            "sqlite:///",
            "sqlite:///:memory:",
            "sqlite://bridge.db",
            "sqlite:///bridge.db?mode=ro",
            "sqlite+pysqlite:///bridge.db",
            f"mysql://bridge:{PASSWORD}@db/bridge",
            f"postgresql+psycopg://bridge:{PASSWORD}@db/bridge",
            f"postgresql://bridge:{PASSWORD}@db:port/bridge",
            f"postgresql://bridge:{PASSWORD}@db",
            f"postgresql://bridge:{PASSWORD}@/bridge",
            f"postgresql://bridge:{PASSWORD}@db/bridge?sslmode=prefer",
            f"postgresql://bridge:{PASSWORD}@db/bridge?sslmode=allow",
            f"postgresql://bridge:{PASSWORD}@db/bridge?sslrootcert=ca.pem",
            f"postgresql://bridge:{PASSWORD}@db/bridge?host=elsewhere",
            f"bridge:{PASSWORD}@db",
            "",
        ],
    )
    def test_a_url_that_cannot_be_a_store_is_refused_without_being_repeated(self, url: str) -> None:
        with pytest.raises(ConfigurationError, match="BRIDGE_STORE__URL") as caught:
            parse_url(url)
        assert PASSWORD not in str(caught.value)
        assert caught.value.__cause__ is None

    def test_sqlite_gets_its_asyncio_driver(self) -> None:
        assert parse_url("sqlite:///data/bridge.db").render_as_string() == "sqlite:///data/bridge.db"

    @pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+asyncpg"])
    def test_postgresql_gets_its_asyncio_driver(self, scheme: str) -> None:
        url = parse_url(f"{scheme}://bridge:{PASSWORD}@db/bridge")
        assert url.render_as_string(hide_password=False) == f"postgresql+asyncpg://bridge:{PASSWORD}@db/bridge"

    @pytest.mark.parametrize(
        ("url", "is_encrypted"),
        [
            ("postgresql://db.example.no/bridge", True),
            ("postgresql://10.0.0.7/bridge", True),
            ("postgresql://localhost.example.no/bridge", True),
            ("postgresql://db/bridge?sslmode=require", True),
            ("postgresql://localhost/bridge?sslmode=verify-full", True),
            ("postgresql://db/bridge?sslmode=disable", False),
            ("postgresql://localhost/bridge", False),
            ("postgresql://127.0.0.1:5433/bridge", False),
            ("postgresql://[::1]/bridge", False),
        ],
    )
    def test_only_a_way_within_this_machine_or_one_that_is_said_to_be_is_plain_text(
        self, url: str, *, is_encrypted: bool
    ) -> None:
        assert uses_tls(parse_url(url)) is is_encrypted


class TestFile:
    async def test_a_directory_that_is_not_there_is_named(self, tmp_path: Path) -> None:
        assert "there is no directory" in await refusal(f"sqlite:///{tmp_path}/none/bridge.db")

    async def test_a_directory_is_no_file(self, tmp_path: Path) -> None:
        assert "is a directory" in await refusal(f"sqlite:///{tmp_path}")

    async def test_a_file_that_is_no_database_is_left_as_it_is(self, tmp_path: Path) -> None:
        path = tmp_path / "bridge.db"
        path.write_text("her_ids: [101, 102]\n" * 100)
        assert "is not an SQLite database" in await refusal(f"sqlite:///{path}")
        assert path.read_text() == "her_ids: [101, 102]\n" * 100

    async def test_who_only_looks_makes_no_store(self, tmp_path: Path) -> None:
        path = tmp_path / "bridge.db"
        assert "there is no store" in await refusal(f"sqlite:///{path}", is_owner=False)
        assert not path.exists()


class TestSchema:
    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        return tmp_path / "bridge.db"

    @pytest.fixture
    def url(self, path: Path) -> str:
        return f"sqlite:///{path}"

    async def test_a_new_store_is_migrated_to_the_head_by_itself(self, url: str) -> None:
        async with open_database(url) as database:
            assert await migrations.current_revision(database) is None
            await migrations.migrate(database)
            assert await migrations.current_revision(database) == migrations.head() == "0004"

    async def test_a_store_that_is_up_to_date_is_left_as_it_is(self, url: str) -> None:
        for _ in range(2):
            async with open_store(url, clock=FakeClock()) as stores:
                assert list(await stores.nhn.streams("acme")) == []

    async def test_a_schema_newer_than_this_program_is_refused_and_both_versions_named(
        self, url: str, path: Path
    ) -> None:
        async with open_store(url, clock=FakeClock()):
            pass
        with closing(sqlite3.connect(path)) as newer, newer:
            newer.execute("UPDATE bridge_schema SET version_num = '0999'")
        for is_owner in (True, False):
            message = await refusal(url, is_owner=is_owner)
            assert "0999" in message
            assert "0004" in message

    async def test_who_only_looks_does_not_migrate(self, url: str) -> None:
        async with open_database(url):
            pass
        assert "`bridge run` makes them" in await refusal(url, is_owner=False)
        async with open_database(url) as database:
            assert await migrations.current_revision(database) is None

    async def test_a_migration_that_fails_leaves_nothing_behind(self, url: str, path: Path) -> None:
        with closing(sqlite3.connect(path)) as other, other:
            other.execute("CREATE TABLE nhn_recent (id INTEGER)")
        with pytest.raises(InvariantViolation):
            async with open_store(url, clock=FakeClock()):
                pass
        with closing(sqlite3.connect(path)) as other:
            assert other.execute("SELECT name FROM sqlite_master").fetchall() == [("nhn_recent",)]

    async def test_migrations_and_tables_agree(self, url: str) -> None:
        async with open_store(url, clock=FakeClock()):
            pass
        migrated, declared = create_engine(url), create_engine("sqlite://")
        metadata.create_all(declared)
        with migrated.connect() as one, declared.connect() as other:
            context = MigrationContext.configure(one, opts={"version_table": migrations.VERSION_TABLE})
            assert compare_metadata(context, metadata) == []
            # Checks and constraint names, which Alembic does not compare.
            assert schema(one) == schema(other)
        migrated.dispose()
        declared.dispose()


def schema(connection: Connection) -> dict[str, list[str]]:
    """What SQLite was told, by table or index, as its clauses in any order.

    A column that was added later stands behind the last one, on its line.
    """
    rows = connection.execute(text("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"))
    return {
        name: sorted(clause for line in re.split(r"\n|, (?=\w+ [A-Z]+,)", sql) if (clause := line.strip(" ,()\t")))
        for name, sql in rows
        if name != migrations.VERSION_TABLE
    }


class TestErrors:
    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("SQLITE_ERROR", InvariantViolation),
            ("SQLITE_INTERNAL", InvariantViolation),
            ("SQLITE_PERM", StoreUnavailable),
            ("SQLITE_ABORT", StoreUnavailable),
            ("SQLITE_BUSY", StoreUnavailable),
            ("SQLITE_LOCKED", StoreUnavailable),
            ("SQLITE_NOMEM", StoreUnavailable),
            ("SQLITE_READONLY", StoreUnavailable),
            ("SQLITE_INTERRUPT", StoreUnavailable),
            ("SQLITE_IOERR", StoreUnavailable),
            ("SQLITE_CORRUPT", InvariantViolation),
            ("SQLITE_NOTFOUND", InvariantViolation),
            ("SQLITE_FULL", StoreUnavailable),
            ("SQLITE_CANTOPEN", StoreUnavailable),
            ("SQLITE_PROTOCOL", StoreUnavailable),
            ("SQLITE_EMPTY", InvariantViolation),
            ("SQLITE_SCHEMA", StoreUnavailable),
            ("SQLITE_TOOBIG", InvariantViolation),
            ("SQLITE_CONSTRAINT", InvariantViolation),
            ("SQLITE_MISMATCH", InvariantViolation),
            ("SQLITE_MISUSE", InvariantViolation),
            ("SQLITE_NOLFS", StoreUnavailable),
            ("SQLITE_AUTH", InvariantViolation),
            ("SQLITE_FORMAT", InvariantViolation),
            ("SQLITE_RANGE", InvariantViolation),
            ("SQLITE_NOTADB", ConfigurationError),
            # Extended codes count as their primary one.
            ("SQLITE_BUSY_SNAPSHOT", StoreUnavailable),
            ("SQLITE_IOERR_FSYNC", StoreUnavailable),
            ("SQLITE_READONLY_DBMOVED", StoreUnavailable),
            ("SQLITE_CONSTRAINT_PRIMARYKEY", InvariantViolation),
        ],
    )
    def test_every_result_code_of_sqlite_is_mapped(self, name: str, expected: type[BridgeError]) -> None:
        driver_error = sqlite3.OperationalError("near 101: secret")
        driver_error.sqlite_errorcode = getattr(sqlite3, name)
        driver_error.sqlite_errorname = name
        wrapped = exc.OperationalError("UPDATE nhn_stream SET cursor = 60", {"cursor": 60}, driver_error)
        for error in (driver_error, wrapped):
            mapped = classify(error)
            assert type(mapped) is expected
            assert name in str(mapped)
            assert "secret" not in str(mapped)
            assert "UPDATE" not in str(mapped)

    @pytest.mark.parametrize(
        ("error", "expected"),
        [
            (exc.TimeoutError("QueuePool limit"), NoAnswer),
            (TimeoutError(), NoAnswer),
            (OSError(errno.ECONNREFUSED, "postgresql://bridge:hunter2@db"), NoAnswer),
            (exc.OperationalError("SELECT 1", {}, Exception("postgresql://bridge:hunter2@db")), NoAnswer),
            (exc.InterfaceError("SELECT 1", {}, Exception("hunter2")), NoAnswer),
            (exc.InternalError("SELECT 1", {}, Exception("hunter2")), NoAnswer),
            (exc.NotSupportedError("SELECT 1", {}, Exception("cached plan must not change")), NoAnswer),
            (exc.IntegrityError("INSERT", {}, Exception("hunter2")), InvariantViolation),
            (exc.ProgrammingError("SELECT", {}, Exception("hunter2")), InvariantViolation),
            (OverflowError("Python int too large to convert to SQLite INTEGER"), InvariantViolation),
        ],
    )
    def test_what_has_no_code_is_mapped_by_its_class(self, error: Exception, expected: type[BridgeError]) -> None:
        mapped = classify(error)
        assert type(mapped) is expected
        assert PASSWORD not in str(mapped)

    async def test_a_cursor_that_no_64_bits_hold_is_an_invariant_broken(self, tmp_path: Path) -> None:
        async with open_store(f"sqlite:///{tmp_path / 'bridge.db'}", clock=FakeClock()) as stores:
            with pytest.raises(InvariantViolation):
                await stores.nhn.commit(
                    Enrol(stream="nhn/acme/0", tenant="acme", cursors={101: 9_223_372_036_854_775_808})
                )
            assert list(await stores.nhn.streams("acme")) == []

    async def test_a_store_that_is_closed_leaves_no_task_behind(self, tmp_path: Path) -> None:
        async with open_store(f"sqlite:///{tmp_path / 'bridge.db'}", clock=FakeClock()) as stores:
            await stores.nhn.commit(Enrol(stream="nhn/acme/0", tenant="acme", cursors={101: 0}))
        assert asyncio.all_tasks() == {asyncio.current_task()}
