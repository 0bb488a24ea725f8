"""The proof of Altinn's half: what the API showed of each order against what a subscriber received. Pure."""

from collections.abc import Mapping, Sequence

import msgspec

from bridge.demo.proof import Claim

Shown = tuple[str, str]
"""(status, lastUpdate) as the API writes them."""


class CreatedOrder(msgspec.Struct, frozen=True, kw_only=True):
    """One order that the bridge was told of."""

    order_id: str
    ended: str | None
    """The routing key that its end has to have; None: it never ends by itself."""
    emails: Mapping[str, Sequence[Shown]]
    """Notification id → all that the API has shown of it, oldest first."""


class StatusReceived(msgspec.Struct, frozen=True, kw_only=True):
    """An email-status event as the subscriber got it."""

    event_id: str
    order_id: str
    notification_id: str
    shown: Shown
    data: Mapping[str, object]


class ClosedReceived(msgspec.Struct, frozen=True, kw_only=True):
    """An order-closed event."""

    event_id: str
    order_id: str
    reason: str


GIVEN_UP = "given-up"


def prove_altinn(
    created: Sequence[CreatedOrder], statuses: Sequence[StatusReceived], closed: Sequence[ClosedReceived]
) -> list[Claim]:
    """Every claim about Altinn, from the events in order of arrival, repeats included."""
    histories = {email: list(shown) for order in created for email, shown in order.emails.items()}
    last = {(email, shown[-1]) for email, shown in histories.items() if shown}
    received = {(each.notification_id, each.shown) for each in statuses}
    invented = [pair for pair in received if pair[1] not in histories.get(pair[0], ())]
    disordered = _disordered(histories, statuses)
    reasons = {each.order_id: each.reason for each in closed}
    wrong_ends = [order for order in created if reasons.get(order.order_id) != (order.ended or GIVEN_UP)]
    repeats = len(statuses) - len({each.event_id for each in statuses})
    return [
        Claim(
            f"{len(created)} orders, {len(histories)} e-mails: the last status of each received, "
            f"{len(last - received)} missing",
            bool(last) and last <= received,
        ),
        Claim(f"{len(received)} changes received, invented {len(invented)}", not invented),
        Claim(f"repeats {repeats}, each the same event again", not _changed(statuses)),
        Claim(f"order kept for each of {len(histories)} e-mails" + _named(disordered), not disordered),
        Claim(f"{len(reasons)} orders told to have ended, {len(wrong_ends)} wrongly or not", not wrong_ends),
        Claim("no national identity number left the bridge", not any(map(_tells_identity, statuses))),
    ]


def _disordered(histories: Mapping[str, Sequence[Shown]], statuses: Sequence[StatusReceived]) -> list[str]:
    """E-mails whose events, each counted when it came first, did not come in the order in which the API showed them."""
    reached: dict[str, int] = {}
    known: set[str] = set()
    found: list[str] = []
    for each in statuses:
        history = histories.get(each.notification_id, ())
        if each.event_id in known or each.shown not in history:
            continue
        known.add(each.event_id)
        place = history.index(each.shown)
        if place < reached.get(each.notification_id, 0):
            found.append(each.notification_id)
        reached[each.notification_id] = max(place, reached.get(each.notification_id, 0))
    return found


def _changed(statuses: Sequence[StatusReceived]) -> set[str]:
    """Ids that came again with something else in them."""
    first: dict[str, StatusReceived] = {}
    return {each.event_id for each in statuses if first.setdefault(each.event_id, each) != each}


def _tells_identity(event: StatusReceived) -> bool:
    recipient = event.data.get("recipient")
    return isinstance(recipient, dict) and "nationalIdentityNumber" in recipient


def _named(emails: Sequence[str]) -> str:
    return f", but not for {', '.join(emails)}" if emails else ""
