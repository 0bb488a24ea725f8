"""Altinn Notifications, asked in a way that changes nothing: for something that is not there, for orders, for the feed.

What is not there is answered 404 with Altinn's own problem details, but only to whoever has the right to ask: it proves
address, token and rights. An order's e-mails are not enough for that: their 404 is empty, as anybody's may be.
"""

from urllib.parse import urlencode

import httpx
import msgspec

from bridge.check.altinn_faults import explain, is_unknown, raise_for
from bridge.check.report import Finding, failed, ok, plural, warning
from bridge.check.witness import Answered, Witness
from bridge.errors import TransientError
from bridge.http import Answer, HostGate, HttpReader
from bridge.http_transport import make_client
from bridge.ports import Clock
from bridge.settings import Settings
from bridge.settings.altinn import API_PATH

SUBJECT = "API"
NAME = "Altinn"
NOBODYS_ORDER = "00000000-0000-4000-8000-000000000000"
MAX_ORDERS_ASKED = 5
"""Of those in the settings: to see that they are this organisation's, a few will do."""
_OK, _NOT_FOUND = 200, 404


async def check_altinn_api(settings: Settings, auth: httpx.Auth | None, *, clock: Clock) -> Answered:
    """Ask with the sign-in that the bridge will use."""
    http, altinn = settings.http, settings.altinn
    witness = Witness(clock)
    async with make_client(timeout_s=http.timeout_s, auth=auth, hooks=witness.hooks) as client:
        reader = HttpReader(
            client, gate=HostGate(clock), clock=clock, timeout_s=http.timeout_s, max_body_bytes=http.max_body_bytes
        )
        asker = _Asker(reader, f"{altinn.base_url}{API_PATH}")
        try:
            findings = await _ask(asker, settings)
        except TransientError as error:
            found, fix = explain(error, witness.status, altinn)
            findings = [failed(SUBJECT, found, name=NAME, fix=fix)]
    return Answered(findings, witness.clock_ahead_s)


async def _ask(asker: "_Asker", settings: Settings) -> list[Finding]:
    """Raises TransientError."""
    await asker.prove()
    answers = ["answers"]
    if settings.altinn.discovery == "feed":
        await asker.read_feed()
        answers.append("its status feed can be read")
    asked = sorted(settings.altinn.orders)[:MAX_ORDERS_ASKED]
    unknown = [order for order in asked if not await asker.knows(order)]
    if len(asked) > len(unknown):
        answers.append(f"it knows {len(asked) - len(unknown)} of {plural(len(asked), 'order')} asked for")
    told = [ok(SUBJECT, "; ".join(answers), name=NAME)]
    if unknown:
        fix = (
            "Take what is misspelt out of BRIDGE_ALTINN__ORDERS, and sign in as the organisation that placed them: "
            "Altinn shows an order to nobody else."
        )
        found = f"it knows no order {', '.join(unknown)}"
        told.append(warning(SUBJECT, found, name=NAME, fix=fix))
    return told


class _Asker:
    """One request each; raises TransientError for an answer that says nothing."""

    def __init__(self, reader: HttpReader, url: str) -> None:
        self._reader = reader
        self._url = url

    async def prove(self) -> None:
        """Ask for what is not there, and be told so."""
        answer = await self._get(f"/future/shipment/{NOBODYS_ORDER}")
        if answer.status != _NOT_FOUND or not is_unknown(answer.body):
            raise_for(answer.status, "not Altinn's own: it has what cannot be there")

    async def read_feed(self) -> None:
        """Its oldest entry, or none."""
        answer = await self._get("/future/shipment/feed", pageSize="1")
        if answer.status != _OK or not isinstance(_json(answer), list):
            raise_for(answer.status, "no page of the status feed")

    async def knows(self, order: str) -> bool:
        """Whether the order is this organisation's."""
        answer = await self._get(f"/orders/{order}/notifications/email")
        if answer.status == _NOT_FOUND:
            return False
        if answer.status != _OK or not isinstance(_json(answer), dict):
            raise_for(answer.status, "no list of an order's e-mails")
        return True

    async def _get(self, path: str, **params: str) -> Answer:
        return await self._reader.get(f"{self._url}{path}", query=urlencode(params), headers={})


def _json(answer: Answer) -> object:
    """What the body holds; None where it is no JSON."""
    try:
        return msgspec.json.decode(answer.body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
