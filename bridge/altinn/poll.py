"""One order asked for: its e-mails, and the order itself where they cannot tell alone.

e-mails -> none, or all final? -> the order -> it is final? -> the e-mails once more, which are then the last word
"""

from bridge.altinn.answers import SHIPMENT_NOT_FOUND, OrderUnknown
from bridge.altinn.api import AltinnApi
from bridge.altinn.decode import EmailSummary
from bridge.altinn.lifecycle import Missing, Observation, Seen, all_final, has_ended
from bridge.errors import RequestRejected, SourceUnavailable


async def poll_order(api: AltinnApi, order_id: str) -> Observation:
    """What the API shows of an order: one to three requests.

    E-mails that were read are shown, whatever becomes of the requests that follow. Raises TransientError.
    """
    summary = await _emails(api, order_id)
    if summary is None:
        return await _without_emails(api, order_id)
    if not all_final(summary):
        return Seen(summary)
    try:
        return await _with_shipment(api, order_id, summary)
    except (SourceUnavailable, RequestRejected) as error:
        if _is_empty(summary):
            raise
        return Seen(summary, trouble=error)


async def _without_emails(api: AltinnApi, order_id: str) -> Observation:
    try:
        await api.shipment(order_id)
    except OrderUnknown as error:
        return _missing(api, error)
    raise SourceUnavailable("the API knows an order, but not its e-mails")


async def _with_shipment(api: AltinnApi, order_id: str, summary: EmailSummary) -> Observation:
    try:
        shipment = await api.shipment(order_id)
    except OrderUnknown as error:
        if _is_empty(summary) and error.code == SHIPMENT_NOT_FOUND:
            return Missing()
        return Seen(summary)
    if not has_ended(shipment):
        return Seen(summary, shipment)
    # what was read before the order was final may not be all: e-mails made, and final, within that moment
    last = await _emails(api, order_id)
    return Seen(summary) if last is None else Seen(last, shipment)


async def _emails(api: AltinnApi, order_id: str) -> EmailSummary | None:
    """None: 404, whose empty body does not say whether the order or the address is wrong."""
    try:
        return await api.emails(order_id)
    except OrderUnknown:
        return None


def _is_empty(summary: EmailSummary) -> bool:
    return not summary.emails and not summary.invalid


def _missing(api: AltinnApi, error: OrderUnknown) -> Missing:
    """Both endpoints answered 404: that is the order's fault where the API says so, or has answered us before."""
    if error.code == SHIPMENT_NOT_FOUND or api.is_proven:
        return Missing()
    raise RequestRejected("nothing is there (404): check BRIDGE_ALTINN__BASE_URL")
