"""Which receivers an operator means, and the moves that come of it. Pure."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

import msgspec

from bridge.errors import ConfigurationError
from bridge.store import ReceiverOffset

Party = tuple[str, str | None]
"""(tenant, stream) of receivers that are looked up together; the stream is None of retired ones and those to come."""


class Move(msgspec.Struct, frozen=True, kw_only=True):
    """One receiver from one offset to another."""

    tenant: str
    her_id: int
    stream: str | None = None
    """None: it is in none, and keeps the offset for when it comes."""
    before: int | None
    """Where it stood; None: the store did not know it."""
    to: int

    @property
    def party(self) -> Party:
        return self.tenant, self.stream


def select(
    receivers: Sequence[ReceiverOffset], *, tenant: str | None, her_ids: Collection[int], everybody: bool = False
) -> list[ReceiverOffset]:
    """The receivers that are meant: those named, retired or not, or everybody who is in a stream, of the tenant if one
    is named.

    Raises ConfigurationError with a sentence for each HER-id that means none or several.
    """
    of_tenant = [each for each in receivers if tenant in {None, each.tenant}]
    if tenant is not None and not of_tenant:
        raise ConfigurationError(f"The store knows no receiver of a tenant {tenant}.")
    if everybody:
        served = [each for each in of_tenant if each.stream is not None]
        if not served:
            raise ConfigurationError("No HER-id is in a stream yet: `bridge run` takes them up.")
        return served
    found: defaultdict[int, list[ReceiverOffset]] = defaultdict(list)
    for each in of_tenant:
        found[each.her_id].append(each)
    mistakes = [mistake for her_id in sorted(her_ids) if (mistake := _mistake(her_id, found[her_id]))]
    if mistakes:
        raise ConfigurationError.of_many(mistakes, more="HER-ids are not right either")
    return [found[her_id][0] for her_id in sorted(her_ids)]


def moves_to(selected: Iterable[ReceiverOffset], targets: Mapping[tuple[str, int], int]) -> list[Move]:
    """The moves of those that do not stand there already. `targets`: (tenant, HER-id) → offset, of each of them."""
    return [
        Move(tenant=each.tenant, her_id=each.her_id, stream=each.stream, before=each.offset, to=to)
        for each in selected
        if (to := targets[each.tenant, each.her_id]) != each.offset
    ]


def parties(moves: Iterable[Move]) -> dict[Party, list[Move]]:
    """The moves of each stream, and of each tenant's receivers that are in none."""
    together: defaultdict[Party, list[Move]] = defaultdict(list)
    for move in moves:
        together[move.party].append(move)
    return dict(together)


def cursors_of(moves: Iterable[Move]) -> dict[str, dict[int, int]]:
    """Tenant → HER-id → its new cursor, as `Store.seek` takes them."""
    cursors: defaultdict[str, dict[int, int]] = defaultdict(dict)
    for move in moves:
        cursors[move.tenant][move.her_id] = move.to
    return dict(cursors)


def rows(moves: Iterable[Move]) -> Iterator[tuple[str, str, str, str, str]]:
    """(tenant, stream, HER-ids, from, to), for people: those that move alike together."""
    alike: defaultdict[tuple[Party, int | None, int], list[int]] = defaultdict(list)
    for move in moves:
        alike[move.party, move.before, move.to].append(move.her_id)
    for ((tenant, stream), before, to), her_ids in alike.items():
        who = ", ".join(map(str, her_ids)) if len(her_ids) <= MAX_NAMED else f"{len(her_ids)} HER-ids"
        yield tenant, stream or "-", who, "-" if before is None else str(before), str(to)


MAX_NAMED = 5
"""More HER-ids than these that move alike are only counted."""


def _mistake(her_id: int, found: Sequence[ReceiverOffset]) -> str | None:
    match len(found):
        case 0:
            return f"HER-id {her_id} is not in the store: it has no cursor yet."
        case 1:
            return None
        case _:
            tenants = " and ".join(each.tenant for each in found)
            return f"HER-id {her_id} is in the tenants {tenants}: add --tenant."
