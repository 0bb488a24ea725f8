"""Several `bridge run` processes on one PostgreSQL, with everything around them, and the history of what they did."""

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from bridge.clock import SystemClock
from bridge.demo.process import BridgeProcess
from bridge.sandbox.records import Creation
from bridge.sandbox.server import Sandbox
from bridge.sandbox.supply import SupplyPlan
from bridge.store import open_store
from tests.support.broker import collect, declare_queue, ready_count
from tests.support.history import Arrival, Commit, History, Offer, violations
from tests.support.postgres import execute
from tests.support.system import EXCHANGE, QUEUE, until

COMMIT_FIELDS = ("stream", "cursor", "owner", "epoch")
WAIT_S = 60.0

RECORD_COMMITS = (
    "CREATE TABLE history (id bigserial, stream text, cursor bigint, owner text, epoch bigint)",
    """CREATE FUNCTION record() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
         INSERT INTO history (stream, cursor, owner, epoch)
         SELECT NEW.name, NEW.cursor, owner, epoch FROM lease WHERE name = NEW.name;
         RETURN NULL; END $$""",
    "CREATE TRIGGER record AFTER UPDATE OF cursor ON nhn_stream FOR EACH ROW EXECUTE FUNCTION record()",
)
"""By the database, whatever the bridge says of itself; in the order of the commits, as the stream's row is locked."""


class Event(msgspec.Struct):
    """What of an event is looked at."""

    id: str
    partitionkey: str
    sequence: str


def her_ids_of(tenant: int) -> tuple[int, ...]:
    """Four receivers."""
    return tuple(range(7001 + 10 * tenant, 7005 + 10 * tenant))


class Cluster:
    """Made by `cluster`."""

    def __init__(
        self,
        sandbox: Sandbox,
        url: str,
        store: str,
        add: Callable[[Mapping[str, str]], BridgeProcess],
        settings: Mapping[str, str],
    ) -> None:
        self.sandbox = sandbox
        self.settings = settings
        """Of the replicas, as a command would find them."""
        self.replicas: list[BridgeProcess] = []
        self._url = url
        self._store = store
        self._add = add
        self._arrivals: list[Arrival] = []

    async def start(self, count: int = 1, **settings: str) -> None:
        """More replicas, with other settings where they are given."""
        for _ in range(count):
            self.replicas.append(self._add(settings))
            await self.replicas[-1].start()

    def create(self, count: int) -> None:
        """More notifications, for all receivers in turn."""
        self.sandbox.nhn.create(Creation(count=count))

    async def owned(self, replica: BridgeProcess) -> int:
        """How many streams a replica says it owns; -1 while it says nothing."""
        status = await replica.status()
        if status is None:
            return -1
        return sum(each["is_here"] for each in status["owners"] if not each["name"].endswith("/receivers"))

    async def until_shared(self, counts: Collection[int], among: Sequence[BridgeProcess] | None = None) -> None:
        """Return once each of these replicas owns so many streams."""

        async def are_shared() -> bool:
            return {await self.owned(replica) for replica in among or self.replicas} == set(counts)

        await self._until(are_shared)

    async def until_all_committed(self) -> None:
        """Return once every stream's cursor stands at the last notification of its receivers."""

        async def are_committed() -> bool:
            last: dict[int, int] = {offer.her_id: offer.offset for offer in self.offers()}
            rows = await execute(
                self._store,
                "SELECT coalesce(r.cursor, s.cursor), r.her_id"
                " FROM nhn_receiver r JOIN nhn_stream s ON s.name = r.stream",
            )
            known = {her_id for _, her_id in rows}
            return last.keys() <= known and all(
                cursor >= last.get(her_id, 0)
                for cursor, her_id in rows
                if isinstance(her_id, int) and isinstance(cursor, int)
            )

        await self._until(are_committed)

    async def commit_count(self) -> int:
        """How often a cursor moved."""
        ((count,),) = await execute(self._store, "SELECT count(*) FROM history")
        assert isinstance(count, int)
        return count

    def offers(self) -> list[Offer]:
        """Everything that the API has."""
        found: list[Offer] = []
        after = 0
        while page := self.sandbox.nhn.created(after=after):
            found += [Offer(str(each.id), each.her_id, each.position) for each in page]
            after = page[-1].position
        return found

    async def history(self) -> History:
        """All that happened so far."""
        for message in await collect(self._url, QUEUE, await ready_count(self._url, QUEUE), timeout_s=30):
            event = msgspec.json.decode(message.body, type=Event)
            self._arrivals.append(Arrival(event.id, int(event.partitionkey), int(event.sequence), message.body))
        rows = await execute(self._store, "SELECT stream, cursor, owner, epoch FROM history ORDER BY id")
        commits = [msgspec.convert(dict(zip(COMMIT_FIELDS, row, strict=True)), Commit) for row in rows]
        return History(self.offers(), list(self._arrivals), commits)

    async def check(self, *, repeats: int | None = None) -> History:
        """No rule is broken, and there are at most so many repeats."""
        history = await self.history()
        broken = violations(history)
        assert not broken, f"{len(broken)} violations, the first: {broken[:3]}"
        logs = "\n\n".join(replica.end_of_log() for replica in self.replicas)
        assert repeats is None or history.repeats <= repeats, f"{history.repeats} repeats; the logs end:\n{logs}"
        return history

    async def _until(self, condition: Callable[[], object]) -> None:
        try:
            await until(condition, timeout_s=WAIT_S)
        except AssertionError as error:
            logs = "\n\n".join(replica.end_of_log() for replica in self.replicas)
            raise AssertionError(f"{error}; the replicas' logs end:\n{logs}") from error


MakeCluster = Callable[..., AbstractAsyncContextManager[Cluster]]


@asynccontextmanager
async def cluster(
    directory: Path, url: str, store: str, count: int, *, tenants: int = 3, total: int = 40, **settings: str
) -> AsyncIterator[Cluster]:
    """`count` replicas that serve `tenants` of four receivers each; `settings` without their prefix."""
    await declare_queue(url, QUEUE, EXCHANGE, "#")
    async with open_store(store, clock=SystemClock()):
        pass
    await execute(store, *RECORD_COMMITS)
    her_ids = tuple(her_id for tenant in range(tenants) for her_id in her_ids_of(tenant))
    names = [{"name": f"t{tenant}", "her_ids": list(her_ids_of(tenant))} for tenant in range(tenants)]
    async with AsyncExitStack() as running:
        sandbox = await running.enter_async_context(Sandbox(port=0, her_ids=her_ids, supply=SupplyPlan(total=total)))
        environment = {
            "NHN__BASE_URL": sandbox.nhn_url,
            "NHN__AUTH__METHOD": "none",
            "NHN__SOURCE_SYSTEM": "tests, v1",
            "NHN__TENANTS": msgspec.json.encode(names).decode(),
            "NHN__POLL_INTERVAL_S": "0.2",
            "BROKER__URLS": urlsplit(url).geturl(),
            "STORE__URL": store,
            **settings,
        }

        def add(own: Mapping[str, str]) -> BridgeProcess:
            log = directory / f"bridge-{len(made.replicas)}.log"
            replica = BridgeProcess(_named({**environment, **own}), log)
            running.push_async_callback(replica.close)
            return replica

        made = Cluster(sandbox, url, store, add, _named(environment))
        await made.start(count)
        yield made


def _named(settings: Mapping[str, str]) -> dict[str, str]:
    return {f"BRIDGE_{name}": value for name, value in settings.items()}
