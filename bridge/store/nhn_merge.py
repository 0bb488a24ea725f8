"""Two streams of a tenant become one, within the caller's transaction."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from bridge.checkpoints import StreamState, merged
from bridge.errors import InvariantViolation
from bridge.leases import Proof
from bridge.store.leases import require_lease
from bridge.store.tables import nhn_receiver, nhn_recent, nhn_stream, nhn_unnumbered


def merge_streams(
    connection: Connection,
    *,
    read: Callable[[Connection], Sequence[StreamState]],
    dissolved: str,
    into: str,
    proofs: Mapping[str, Proof],
    now: datetime,
) -> None:
    """Change the tables as `Store.merge` says. `read`: what the store remembers of the tenant's streams. `proofs`: of
    the leases of both streams, where there are leases.
    """
    both = sorted({dissolved, into})
    for name in both:  # in this order everywhere, so that no two wait for one another
        if name in proofs:
            require_lease(connection, name, proofs[name])
    connection.execute(
        select(nhn_stream.c.name).where(nhn_stream.c.name.in_(both)).order_by(nhn_stream.c.name).with_for_update()
    )
    states = {state.name: state for state in read(connection)}
    if not states.keys() >= {dissolved, into} or states[dissolved].cursor > states[into].cursor:
        raise InvariantViolation(f"{dissolved} cannot become part of {into}")
    if states[dissolved].receivers:
        _replace(connection, both, merged(states[into], states[dissolved]), now)


def _replace(connection: Connection, both: Sequence[str], state: StreamState, now: datetime) -> None:
    """Let `state` be all that there is of both streams."""
    connection.execute(
        update(nhn_receiver)
        .where(nhn_receiver.c.tenant == state.tenant, nhn_receiver.c.her_id == bindparam("member"))
        .values(stream=state.name, cursor=bindparam("own"), floor=bindparam("own_floor"), updated_at=now),
        [
            {"member": her_id, "own": cursor, "own_floor": state.floors.get(her_id)}
            for her_id, cursor in state.receivers.items()
        ],
    )
    for table in (nhn_unnumbered, nhn_recent):
        connection.execute(delete(table).where(table.c.stream.in_(both)))
    if state.unnumbered:
        connection.execute(
            insert(nhn_unnumbered),
            [
                {"stream": state.name, "her_id": her_id, "event_id": event_id}
                for her_id, event_id in sorted(state.unnumbered)
            ],
        )
    if state.recent:
        connection.execute(
            insert(nhn_recent),
            [{"stream": state.name, "read_at": page.read_at, "offsets": page.offsets} for page in state.recent],
        )
