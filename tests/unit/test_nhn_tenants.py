"""Tenants begin and end as the settings name them (G4), on a clock that no test waits for."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from bridge.nhn_tenants import LOOK_S, NhnTenants
from bridge.settings import Tenant
from tests.support.clock import PatientClock


class World:
    """The source with tenants that do nothing but note that they are served."""

    def __init__(self) -> None:
        self.clock = PatientClock()
        self.stop = asyncio.Event()
        self.wanted: list[Tenant] = []
        self.with_streams: set[str] = set()
        self.told: list[str] = []
        self.served: dict[str, str] = {}
        """Tenant → whom it signs in for."""
        self.source = NhnTenants(
            lambda: self.wanted,
            self._serve,
            has_streams=lambda name: name in self.with_streams,
            observer=self,
            clock=self.clock,
        )

    async def _serve(self, tenant: Tenant, stop: asyncio.Event) -> None:
        assert tenant.name not in self.served, "served twice"
        self.served[tenant.name] = tenant.orgnr_parent
        try:
            await stop.wait()
            await self.clock.sleep(0.1)  # what is in flight
        finally:
            del self.served[tenant.name]

    def tenant_began(self, tenant: str) -> None:
        self.told.append(f"{tenant} began")

    def tenant_ended(self, tenant: str) -> None:
        self.told.append(f"{tenant} ended")

    async def look(self, times: int = 1) -> None:
        """Let it look so often."""
        await self.clock.sleep(times * LOOK_S + 0.2)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(world.source.run(world.stop))
        yield world
        world.stop.set()
    assert world.served == {}, "all have drained"


def tenant(name: str, orgnr: str = "311111111") -> Tenant:
    return Tenant(name=name, her_ids=frozenset({1}), orgnr_parent=orgnr)


async def test_one_that_is_named_is_served_until_the_end(world: World) -> None:
    world.wanted = [tenant("a"), tenant("b")]
    await world.look(5)
    assert world.served.keys() == {"a", "b"}
    assert world.told == ["a began", "b began"]


async def test_one_that_is_not_named_any_more_is_served_until_its_receivers_have_left_their_streams(
    world: World,
) -> None:
    world.wanted, world.with_streams = [tenant("a"), tenant("b")], {"a", "b"}
    await world.look()
    world.wanted = [tenant("b")]
    await world.look(3)
    assert world.served.keys() == {"a", "b"}
    world.with_streams = {"b"}
    await world.look(2)
    assert world.served.keys() == {"b"}
    assert world.told[-1] == "a ended"


async def test_one_that_returns_is_served_again(world: World) -> None:
    world.wanted = [tenant("a")]
    await world.look()
    world.wanted = []
    await world.look(2)
    world.wanted = [tenant("a")]
    await world.look()
    assert world.told == ["a began", "a ended", "a began"]


async def test_one_that_signs_in_for_another_organisation_drains_and_begins_anew(world: World) -> None:
    world.wanted, world.with_streams = [tenant("a")], {"a"}
    await world.look()
    world.wanted = [tenant("a", "322222222")]
    await world.look(3)
    assert world.served == {"a": "322222222"}


async def test_other_receivers_are_no_reason_to_begin_anew(world: World) -> None:
    world.wanted = [tenant("a")]
    await world.look()
    world.wanted = [tenant("a").model_copy(update={"her_ids": frozenset({1, 2})})]
    await world.look(3)
    assert world.told == ["a began"]
