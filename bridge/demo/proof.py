"""The proof at the end of the demo: what the API had created against what a subscriber received. Pure."""

from collections.abc import Mapping, Sequence

import msgspec


class Created(msgspec.Struct, frozen=True):
    """One notification that the API has created."""

    event_id: str
    offset: int | None


class Received(msgspec.Struct, frozen=True):
    """One event as the subscriber got it, in order of arrival, repeats included."""

    event_id: str
    her_id: int
    sequence: str | None
    data: Mapping[str, object]


class Claim(msgspec.Struct, frozen=True):
    """One line of the proof."""

    text: str
    holds: bool


NHN_EXAMPLE: Mapping[str, object] = {
    "notificationId": "843eed10-6b56-496b-8664-ce71167c6b5c",
    "notificationType": "NewMessage",
    "messageId": "0d5c8d05-ab57-4b2b-b480-c46c69cdf789",
    "receiverHerId": 6789,
    "triggeredByHerId": 9876,
    "description": "New message received. (EPIKRISE).",
    "createdAt": "2026-04-14T06:17:00+00:00",
    "offset": None,
}
"""The example of NHN's page "Get Notifications" (28.04.2026) as the `data` of its event; it has no offset there."""


def prove(created: Sequence[Created], received: Sequence[Received], cursors: Mapping[int, int]) -> list[Claim]:
    """Every claim of the demo. `cursors`: HER-id → offset that the bridge has stored."""
    wanted = {each.event_id for each in created}
    distinct = {each.event_id for each in received}
    offsets = [each.offset for each in created if each.offset is not None]
    last = max(offsets, default=0)
    stored = sorted(set(cursors.values()))
    disordered = sorted(_disordered(received))
    example = received[0].data if received else {}
    return [
        Claim(
            f"created {len(wanted)}, received {len(wanted & distinct)} distinct, {len(wanted - distinct)} missing",
            bool(wanted) and wanted <= distinct,
        ),
        Claim(f"invented {len(distinct - wanted)}", distinct <= wanted),
        Claim(f"repeats {len(received) - len(distinct)}, each the same event again", not _changed(received)),
        Claim(
            f"order kept for each of {len({each.her_id for each in received})} HER-ids"
            + (f", but not for {', '.join(map(str, disordered))}" if disordered else ""),
            not disordered,
        ),
        Claim(f"cursor {', '.join(map(str, stored)) or 'none'} = last offset {last}", stored == [last]),
        Claim("the first event is the example of NHN's page, field for field", example == NHN_EXAMPLE),
    ]


def _changed(received: Sequence[Received]) -> set[str]:
    """Ids that came again with something else in them."""
    first: dict[str, Received] = {}
    return {each.event_id for each in received if first.setdefault(each.event_id, each) != each}


def _disordered(received: Sequence[Received]) -> set[int]:
    """HER-ids whose events, each counted when it came first, did not come in the order of their offsets."""
    known: set[str] = set()
    highest: dict[int, str] = {}
    found: set[int] = set()
    for each in received:
        if each.sequence is None or each.event_id in known:
            continue
        known.add(each.event_id)
        if each.sequence < highest.get(each.her_id, ""):
            found.add(each.her_id)
        highest[each.her_id] = max(each.sequence, highest.get(each.her_id, ""))
    return found
