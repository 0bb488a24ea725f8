"""Moving receivers in the store, while whoever runs their streams has handed them over."""

import asyncio
from collections.abc import Mapping, Sequence

from bridge.composition.ownership import visited_store
from bridge.errors import BridgeError
from bridge.nhn_service import enrolment_of
from bridge.offsets.moves import Move, cursors_of
from bridge.ownership import BEATS_OF_A_LEASE
from bridge.ports import Clock
from bridge.settings import Settings
from bridge.store import ReceiverOffset
from bridge.tenure import HAND_OVER_S


class NotHandedOver(BridgeError):
    """A replica did not give a stream up in time."""


async def require_free(settings: Settings, clock: Clock) -> None:
    """Raise ConfigurationError where another bridge owns a store that only one can have."""
    async with visited_store(settings, clock, is_owner=False):
        pass


async def apply(settings: Settings, moves: Sequence[Move], clock: Clock, *, is_owner: bool) -> None:
    """Move the receivers, all of them or none. `is_owner`: make or migrate the store first, where that is needed.

    First nobody enrols receivers of these tenants, then their streams stand still; who runs them drains before, and
    starts from the store afterwards. Raises ConfigurationError where a bridge runs on a store that only one can have,
    NotHandedOver and StoreUnavailable.
    """
    cursors = cursors_of(moves)
    patience_s = HAND_OVER_S + 2 * BEATS_OF_A_LEASE * settings.cluster.heartbeat_s
    async with visited_store(settings, clock, is_owner=is_owner) as (stores, ownership):
        try:
            async with (
                asyncio.timeout(patience_s),
                ownership.called([enrolment_of(tenant) for tenant in cursors]),
                ownership.called(_streams(await stores.nhn.receivers(), cursors)),
            ):
                await stores.nhn.seek(cursors)
        except TimeoutError:
            raise NotHandedOver(
                f"The streams were not handed over within {patience_s:g} s, so nothing is moved: another command or a "
                "new receiver may have come between. Try again, and see `bridge status` of the replicas."
            ) from None


def _streams(receivers: Sequence[ReceiverOffset], cursors: Mapping[str, Mapping[int, int]]) -> set[str]:
    """The streams of those that move, as they are now."""
    return {
        each.stream for each in receivers if each.stream is not None and each.her_id in cursors.get(each.tenant, ())
    }
