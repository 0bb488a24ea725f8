"""Any sequence of checkpoints leaves the fake and each real store in the same state, or is refused by both."""

import asyncio
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.checkpoints import Advance, Detach, Enrol, Join, NhnCheckpoint, RecentPage, StreamState
from bridge.errors import InvariantViolation
from bridge.ports import Store
from bridge.store import open_store
from tests.support.clock import FakeClock
from tests.support.fake_store import FakeStore
from tests.support.postgres import Databases

# Few of everything, so that checkpoints often meet what they name.
STREAMS = {"nhn/a/0": "a", "nhn/a/1": "a", "nhn/b/0": "b"}
HER_IDS = st.integers(1, 6)
CURSORS = st.integers(-1, 4)
ITEMS = st.frozensets(st.tuples(HER_IDS, st.sampled_from(["x", "y"])), max_size=2)
MOMENTS = st.sampled_from([0.5, 1.0, 1.5, 2.0])
PAGES = st.builds(RecentPage, MOMENTS, st.lists(st.integers(0, 2**62), min_size=1, unique=True).map(sorted).map(tuple))

Step = NhnCheckpoint | tuple[str, frozenset[int]] | Mapping[str, Mapping[int, int]]
"""A checkpoint, who is retired of a tenant, or who is moved."""


@st.composite
def steps(draw: st.DrawFn, states: dict[str, StreamState]) -> Step:
    """What may come next, given the state: in most cases what fits it, in some whatever it is."""
    stream = draw(st.sampled_from(["nhn/a/0", "nhn/a/0", "nhn/a/0", "nhn/a/1", "nhn/b/0"]))
    state = states.get(stream) or StreamState(name=stream, tenant=STREAMS[stream], cursor=0, receivers={})
    is_fitting = draw(st.sampled_from([True, True, True, False]))
    kind = draw(st.sampled_from([Enrol, Advance, Advance, Detach, Join, "retire", "seek"]))
    cursor = state.cursor if is_fitting else draw(CURSORS)
    own = draw(st.sampled_from(sorted({at for at in state.receivers.values() if at is not None}) or [cursor]))
    sharing, straggling, joining = (
        frozenset(her_id for her_id, at in state.receivers.items() if at == place) for place in (None, own, cursor)
    )
    anybody = st.frozensets(HER_IDS, max_size=3)
    if kind is Enrol:
        newcomers = draw(anybody) - state.receivers.keys() if is_fitting else draw(anybody)
        tenant = state.tenant if is_fitting else draw(st.sampled_from(["a", "b"]))
        return Enrol(stream=stream, tenant=tenant, cursors={her_id: draw(CURSORS) for her_id in newcomers})
    if kind is Advance:
        stragglers = draw(st.sampled_from([None, straggling])) if is_fitting else draw(st.none() | anybody)
        previous = cursor if stragglers is None else own
        return Advance(
            stream=stream,
            stragglers=stragglers,
            previous=previous,
            cursor=previous + draw(st.sampled_from([0, 1, 1, 2, -1])),
            unnumbered_added=draw(ITEMS),
            unnumbered_gone=draw(ITEMS),
            recent=tuple(draw(st.lists(PAGES, max_size=2))),
            forget_recent_before=draw(st.just(0.0) | MOMENTS),
        )
    if kind is Detach:
        return Detach(stream=stream, her_ids=sharing if is_fitting else draw(anybody), cursor=cursor)
    if kind is Join:
        return Join(stream=stream, her_ids=joining if is_fitting else draw(anybody), cursor=cursor)
    if kind == "seek":
        return draw(st.dictionaries(st.sampled_from(["a", "b"]), st.dictionaries(HER_IDS, CURSORS, max_size=4)))
    return state.tenant, frozenset({draw(HER_IDS)})


async def take(store: Store, step: Step) -> str:
    try:
        if isinstance(step, tuple):
            await store.retire(*step)
        elif isinstance(step, Mapping):
            await store.seek(step)
        else:
            await store.commit(step)
    except InvariantViolation:
        return "refused"
    return "taken"


async def everything(store: Store) -> object:
    return [(list(await store.streams(tenant)), await store.retired(tenant)) for tenant in ("a", "b")]


async def compare(url: str, data: st.DataObject) -> None:
    fake = FakeStore()
    async with open_store(url, clock=FakeClock(), is_owner=False) as stores:
        real = stores.nhn
        for store in (fake, real):
            await store.commit(Enrol(stream="nhn/a/0", tenant="a", cursors={1: 1, 2: 1, 3: 2, 4: 2}))
        for _ in range(data.draw(st.integers(5, 25), label="steps")):
            states = {state.name: state for tenant in ("a", "b") for state in await fake.streams(tenant)}
            step = data.draw(steps(states))
            assert await take(real, step) == await take(fake, step)
        assert await everything(real) == await everything(fake)


@pytest.mark.timeout(400)  # For the shrinking of what it finds; without, it takes seconds.
@settings(max_examples=50)
@given(data=st.data())
def test_any_sequence_of_checkpoints_has_the_same_outcome_on_sqlite(migrated_store: Path, data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory(dir=migrated_store.parent) as directory:
        path = Path(shutil.copy(migrated_store, directory))
        asyncio.run(compare(f"sqlite:///{path}", data))


@pytest.mark.timeout(400)
@settings(max_examples=30)
@given(data=st.data())
def test_any_sequence_of_checkpoints_has_the_same_outcome_on_postgresql(
    postgres_databases: Databases, data: st.DataObject
) -> None:
    asyncio.run(compare(postgres_databases.emptied(), data))
