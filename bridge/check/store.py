"""The store, looked at without making, migrating or locking it: its place, its schema, the cursors in it."""

import os
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from sqlalchemy import create_engine
from sqlalchemy.engine import URL

from bridge.check.file_systems import NETWORK_FILE_SYSTEMS, file_system_of
from bridge.check.report import Finding, failed, not_verifiable, ok, plural, warning
from bridge.check.store_server import name_of, server_findings, unreachable_finding
from bridge.errors import BridgeError, ConfigurationError, InvariantViolation, StoreUnavailable
from bridge.ports import Clock
from bridge.settings import Settings
from bridge.store import Database, NhnStore, ReceiverOffset
from bridge.store.migrations import current_revision, head
from bridge.store.postgresql import postgresql_engine
from bridge.store.server import look_at_server
from bridge.store.transactions import LoopTransactions, ThreadTransactions
from bridge.store.url import parse_url

SUBJECT = "store"
TIMEOUT_S = 5.0
"""For one look into a file."""
SERVER_TIMEOUT_S = 8.0
"""For one look into a server, connecting included."""
CURSORS_UNSEEN = not_verifiable("cursors", "the store cannot be read")
LOCAL_DISK = "Name a file on a local disk in BRIDGE_STORE__URL, in a directory that outlives the process"


class StoreSeen(NamedTuple):
    """What the store showed."""

    findings: list[Finding]
    receivers: Sequence[ReceiverOffset]
    """Nothing where there is no store yet, or none that can be read."""


class _Content(NamedTuple):
    revision: str | None
    receivers: Sequence[ReceiverOffset]


async def check_store(
    settings: Settings, wanted: Mapping[str, frozenset[int]], *, clock: Clock, tls: ssl.SSLContext | None = None
) -> StoreSeen:
    """The store that `STORE__URL` names. `wanted`: tenant → its HER-ids. `tls`: towards a server."""
    url = parse_url(settings.store.url_source.get())
    if url.get_backend_name() == "sqlite":
        return await _check_file(Path(url.database or ""), settings, wanted, clock)
    return await _check_server(url, settings, wanted, clock, tls)


async def _check_server(
    url: URL, settings: Settings, wanted: Mapping[str, frozenset[int]], clock: Clock, tls: ssl.SSLContext | None
) -> StoreSeen:
    name = name_of(url)
    database = Database(LoopTransactions(postgresql_engine(url, tls=tls)), timeout_s=SERVER_TIMEOUT_S)
    try:
        server = await look_at_server(database)
        if server.lacking:
            return StoreSeen([*server_findings(url, server, is_migrated=True), CURSORS_UNSEEN], [])
        revision = await current_revision(database)
        is_migrated = revision == head()
        findings = [*server_findings(url, server, is_migrated=is_migrated), schema_finding(name, revision, head())]
        receivers = await NhnStore(database, clock=clock).receivers() if is_migrated else []
    except StoreUnavailable as error:
        return StoreSeen([unreachable_finding(url, error), CURSORS_UNSEEN], [])
    finally:
        await database.close()
    return StoreSeen([*findings, cursors_finding(receivers, wanted, settings)], receivers)


async def _check_file(path: Path, settings: Settings, wanted: Mapping[str, frozenset[int]], clock: Clock) -> StoreSeen:
    obstacle = obstacle_at(path)
    if obstacle is not None:
        return StoreSeen([obstacle, *_unseen(settings)], [])
    disk = disk_findings(path.parent)
    if _is_new(path):
        new = ok(SUBJECT, "not there yet: `bridge run` creates it", name=path.name)
        return StoreSeen([new, *disk, *_cursors([], wanted, settings)], [])
    try:
        content = await _read(path, clock)
    except (ConfigurationError, StoreUnavailable, InvariantViolation) as error:
        unreadable = failed(SUBJECT, str(error), name=path.name, fix=_mending(error))
        return StoreSeen([unreadable, *disk, *_unseen(settings)], [])
    schema = schema_finding(path.name, content.revision, head())
    return StoreSeen([schema, *disk, *_cursors(content.receivers, wanted, settings)], content.receivers)


def _unseen(settings: Settings) -> list[Finding]:
    return [CURSORS_UNSEEN] if settings.nhn.is_on else []


def _cursors(
    receivers: Sequence[ReceiverOffset], wanted: Mapping[str, frozenset[int]], settings: Settings
) -> list[Finding]:
    return [cursors_finding(receivers, wanted, settings)] if settings.nhn.is_on else []


def _mending(error: BridgeError) -> str:
    if isinstance(error, StoreUnavailable):
        return "Run the check again; if it stays, see who else has the file open, and whether its disk is well."
    return f"{LOCAL_DISK}, or restore it from a backup."


def obstacle_at(path: Path) -> Finding | None:
    """Why no store can be at the path."""
    directory = path.parent
    if not directory.is_dir():
        return failed(SUBJECT, f"there is no directory {directory}", fix=f"Create it. {LOCAL_DISK}.")
    if path.is_dir():
        return failed(SUBJECT, f"{path} is a directory", fix=f"{LOCAL_DISK}.")
    if not os.access(directory, os.W_OK | os.X_OK):
        fix = "Let the bridge's user write there: SQLite keeps its log beside its file."
        return failed(SUBJECT, f"the directory {directory} cannot be written", fix=fix)
    if path.exists() and not os.access(path, os.R_OK | os.W_OK):
        return failed(SUBJECT, f"{path} cannot be read and written", fix="Give the file to the bridge's user.")
    return None


def _is_new(path: Path) -> bool:
    return not path.exists()


def disk_findings(directory: Path) -> list[Finding]:
    """What is wrong with the disk that the directory is on."""
    kind = file_system_of(directory)
    if kind not in NETWORK_FILE_SYSTEMS:
        return []
    found = f"{directory} is on {kind}, a network file system, where SQLite's locks may not hold"
    return [warning(SUBJECT, found, fix=f"{LOCAL_DISK}; in Kubernetes, on a block volume.")]


def schema_finding(name: str, revision: str | None, newest: str) -> Finding:
    """What `bridge run` will do to the schema. `newest`: the revision that this program works with."""
    if revision == newest:
        return ok(SUBJECT, f"its schema is up to date ({revision})", name=name)
    if revision is None:
        return ok(SUBJECT, f"has no tables of a bridge yet: `bridge run` creates them ({newest})", name=name)
    if revision.isdecimal() and int(revision) < int(newest):
        return ok(SUBJECT, f"`bridge run` migrates its schema from {revision} to {newest}", name=name)
    found = f"its schema is revision {revision}, this program knows none after {newest}"
    return failed(SUBJECT, found, name=name, fix="Run the newer version of the bridge that made it.")


def cursors_finding(
    receivers: Sequence[ReceiverOffset], wanted: Mapping[str, frozenset[int]], settings: Settings
) -> Finding:
    """For how many receivers there is a cursor, and where the others start."""
    known = {(each.tenant, each.her_id) for each in receivers}
    asked = {(tenant, her_id) for tenant, her_ids in wanted.items() for her_id in her_ids}
    new, left = len(asked - known), len(known - asked)
    found = f"known for {len(asked & known)} of {plural(len(asked), 'HER-id')}"
    if new:
        found += f"; {new} new, from BRIDGE_NHN__START: {settings.nhn.start}"
    if left:
        found += f"; {left} no longer wanted, kept for a return"
    return ok("cursors", found)


async def _read(path: Path, clock: Clock) -> _Content:
    async with _opened(path) as database:
        revision = await current_revision(database)
        receivers = await NhnStore(database, clock=clock).receivers() if revision == head() else []
        return _Content(revision, receivers)


@asynccontextmanager
async def _opened(path: Path) -> AsyncIterator[Database]:
    """The file as it is. Where nobody has it open there is no write-ahead log, and the file alone says it all: SQLite
    is told so (`immutable`), or it would leave a log and its index behind, with our user as their owner.
    """
    has_log = path.with_name(f"{path.name}-wal").exists()
    how = {"mode": "ro"} if has_log else {"immutable": "1"}
    url = URL.create("sqlite", database=f"file:{quote(str(path))}", query={**how, "uri": "true"})
    database = Database(ThreadTransactions(create_engine(url, hide_parameters=True)), timeout_s=TIMEOUT_S)
    try:
        yield database
    finally:
        await database.close()
