"""How each checkpoint of an NHN stream changes the tables, within the caller's transaction.

Each begins with an update of its stream's row that compares where it stands: that row is the lock for all that belongs
to the stream. What contradicts the store raises InvariantViolation, upon which the caller's transaction is rolled back.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from bridge.checkpoints import Advance, Detach, Enrol, Join, NhnCheckpoint
from bridge.errors import InvariantViolation
from bridge.store.tables import nhn_receiver, nhn_recent, nhn_stream, nhn_unnumbered

# Those of every page are made once: SQLAlchemy takes as long to put one together as to run it.
_MOVE_STREAM = update(nhn_stream).where(
    nhn_stream.c.name == bindparam("stream"), nhn_stream.c.cursor == bindparam("previous")
)
_TOUCH_STREAM = update(nhn_stream).where(nhn_stream.c.name == bindparam("stream"))
_INSERT_RECENT = insert(nhn_recent)
_FORGET_RECENT = delete(nhn_recent).where(
    nhn_recent.c.stream == bindparam("of_stream"), nhn_recent.c.read_at < bindparam("before")
)


@dataclass(frozen=True, slots=True)
class NhnTransaction:
    """One checkpoint's transaction."""

    connection: Connection
    commit_id: int
    """What the stream's row bears once this transaction is whole: 63 bits that no other commit has."""
    now: datetime

    def apply(self, checkpoint: NhnCheckpoint) -> None:
        """Change the tables as the checkpoint's docstring says."""
        match checkpoint:
            case Advance():
                self._advance(checkpoint)
            case Enrol():
                self._enrol(checkpoint)
            case Detach():
                self._detach(checkpoint)
            case Join():
                self._join(checkpoint)

    def _advance(self, step: Advance) -> None:
        if step.cursor < step.previous:
            raise InvariantViolation(f"{step.stream}: its cursor would go back from {step.previous} to {step.cursor}")
        if step.stragglers is None:
            self._require_stream_at(step.stream, step.previous, cursor=step.cursor, updated_at=self.now)
        else:
            if not self._touch_stream(step.stream):
                raise InvariantViolation(f"{step.stream} is not in the store")
            self._move(step.stream, step.stragglers, step.previous, step.cursor, step.floor)
        self._remember_unnumbered(step)
        self._remember_recent(step)

    def _remember_unnumbered(self, step: Advance) -> None:
        # Those added are deleted too: they may be there already.
        if stale := step.unnumbered_gone | step.unnumbered_added:
            self.connection.execute(
                delete(nhn_unnumbered).where(
                    nhn_unnumbered.c.stream == step.stream,
                    nhn_unnumbered.c.her_id == bindparam("stale_her_id"),
                    nhn_unnumbered.c.event_id == bindparam("stale_event_id"),
                ),
                [{"stale_her_id": her_id, "stale_event_id": event_id} for her_id, event_id in sorted(stale)],
            )
        if step.unnumbered_added:
            self.connection.execute(
                insert(nhn_unnumbered),
                [
                    {"stream": step.stream, "her_id": her_id, "event_id": event_id}
                    for her_id, event_id in sorted(step.unnumbered_added)
                ],
            )

    def _remember_recent(self, step: Advance) -> None:
        if step.recent:
            self.connection.execute(
                _INSERT_RECENT,
                [{"stream": step.stream, "read_at": page.read_at, "offsets": page.offsets} for page in step.recent],
            )
        if step.forget_recent_before > 0:
            self.connection.execute(_FORGET_RECENT, {"of_stream": step.stream, "before": step.forget_recent_before})

    def _enrol(self, step: Enrol) -> None:
        if not step.cursors:
            return
        shared = self._cursor_to_share(step)
        self.connection.execute(
            delete(nhn_receiver).where(
                nhn_receiver.c.tenant == step.tenant,
                nhn_receiver.c.her_id.in_(sorted(step.cursors)),
                nhn_receiver.c.stream.is_(None),
            )
        )
        # The table's keys refuse who is in a stream already, and who is of another tenant than the stream.
        self.connection.execute(
            insert(nhn_receiver),
            [
                {
                    "tenant": step.tenant,
                    "her_id": her_id,
                    "stream": step.stream,
                    "cursor": None if cursor == shared else cursor,
                    "updated_at": self.now,
                }
                for her_id, cursor in sorted(step.cursors.items())
            ],
        )

        self._bring_unnumbered(step)

    def _bring_unnumbered(self, step: Enrol) -> None:
        """Items without an offset that were published in another stream, before the receivers left that."""
        of_tenant = select(nhn_stream.c.name).where(nhn_stream.c.tenant == step.tenant)
        theirs = nhn_unnumbered.c.her_id.in_(sorted(step.cursors)) & nhn_unnumbered.c.stream.in_(of_tenant)
        found = self.connection.execute(
            select(nhn_unnumbered.c.her_id, nhn_unnumbered.c.event_id).distinct().where(theirs)
        )
        rows = [{"stream": step.stream, "her_id": her_id, "event_id": event_id} for her_id, event_id in found]
        if rows:
            self.connection.execute(delete(nhn_unnumbered).where(theirs))
            self.connection.execute(insert(nhn_unnumbered), rows)

    def _cursor_to_share(self, step: Enrol) -> int | None:
        """The stream's cursor, None where it is not shared at once; the stream is made where it is not there."""
        if self._touch_stream(step.stream):
            has_window = select(nhn_recent.c.id).where(nhn_recent.c.stream == step.stream).exists()
            found = self.connection.execute(
                select(nhn_stream.c.cursor).where(nhn_stream.c.name == step.stream, ~has_window)
            )
            return found.scalar_one_or_none()
        lowest = min(step.cursors.values())
        self.connection.execute(
            insert(nhn_stream).values(
                name=step.stream,
                tenant=step.tenant,
                cursor=lowest,
                commit_id=self.commit_id,
                updated_at=self.now,
            )
        )
        return lowest

    def _detach(self, step: Detach) -> None:
        self._require_stream_at(step.stream, step.cursor)
        self._move(step.stream, step.her_ids, None, step.cursor, 0)

    def _join(self, step: Join) -> None:
        self._require_stream_at(step.stream, step.cursor)
        self._move(step.stream, step.her_ids, step.cursor, None)

    def _touch_stream(self, name: str) -> bool:
        """Lock and mark the stream's row; False where there is none."""
        touched = self.connection.execute(_TOUCH_STREAM, {"stream": name, "commit_id": self.commit_id})
        return touched.rowcount == 1

    def _require_stream_at(self, name: str, previous: int, **values: object) -> None:
        """Lock and mark the stream's row, whose cursor has to be `previous`, and set `values`."""
        updated = self.connection.execute(
            _MOVE_STREAM, {"stream": name, "previous": previous, "commit_id": self.commit_id, **values}
        )
        if updated.rowcount != 1:
            raise InvariantViolation(f"{name}: its cursor in the store is not {previous}")

    def _move(
        self, stream: str, her_ids: frozenset[int], previous: int | None, cursor: int | None, floor: int | None = None
    ) -> None:
        """Set the own cursor of exactly these receivers of the stream from `previous` (None: they share)."""
        moved = self.connection.execute(
            update(nhn_receiver)
            .where(
                nhn_receiver.c.stream == stream,
                nhn_receiver.c.her_id.in_(sorted(her_ids)),
                nhn_receiver.c.cursor == previous,
            )
            .values(cursor=cursor, floor=floor, updated_at=self.now)
        )
        if moved.rowcount != len(her_ids):
            place = "the stream's cursor" if previous is None else previous
            raise InvariantViolation(f"{stream}: {moved.rowcount} of {len(her_ids)} receivers stand at {place}")
