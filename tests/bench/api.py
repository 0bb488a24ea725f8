"""NHN's feed as fast as it can be served, so that the API is not what is measured.

    python -m tests.bench.api PORT EVENTS PAGE_SIZE HER_IDS [RATE]

Answers `GET /notifications` with the page behind `Offset`: from pages made before anybody asks, or, with a RATE, with
what was created since the start at so many a second. Tells on stdout that it listens, and the moment of the first
request for a page that is there (seconds of CLOCK_MONOTONIC).
"""

import asyncio
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

FIRST_HER_ID = 8_000_000
NAMES = (b"HerIds=", b"Offset=")
_ITEM = (
    '{"notificationId":"17aaeaa7-fa1e-4b60-a8e9-%012x","type":"NewMessage",'
    '"relatedMessageId":"733be787-0ad0-475a-98b7-%012x","notificationReceiverHerId":%d,'
    '"notificationTriggeredByHerId":8142519,"description":"A new message is available for download.",'
    '"createdAt":"%s","offset":%d}'
)
GROUP = 1500
"""HER-ids that the API takes in one request."""
Pages = Callable[[int, int], bytes]
"""From the first HER-id of a request and its offset to the answer."""


def groups(her_ids: int) -> int:
    """How many streams the bridge makes of so many: it deals them out in turn."""
    return -(-her_ids // GROUP)


def offsets_of(group: int, events: int, her_ids: int) -> list[int]:
    """Those of the events whose receivers are in the group."""
    return [each for each in range(1, events + 1) if each % her_ids % groups(her_ids) == group]


def make_page(offsets: Sequence[int], her_ids: int, created_at: Callable[[int], str]) -> bytes:
    """The body with the events of these offsets, their receivers in turn."""
    items = (_ITEM % (each, each, FIRST_HER_ID + each % her_ids, created_at(each), each) for each in offsets)
    return b'{"notifications":[' + ",".join(items).encode() + b"]}"


def answer(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body


def made_before(events: int, page_size: int, her_ids: int) -> Pages:
    """All events are there, and created now."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    pages: dict[tuple[int, int], bytes] = {}
    for group in range(groups(her_ids)):
        offsets, before = offsets_of(group, events, her_ids), 0
        for start in range(0, len(offsets), page_size):
            page = offsets[start : start + page_size]
            pages[group, before] = answer(make_page(page, her_ids, lambda _: now))
            before = page[-1]
    nothing = answer(make_page((), her_ids, str))
    return lambda her_id, offset: pages.get(((her_id - FIRST_HER_ID) % groups(her_ids), offset), nothing)


def made_live(events: int, page_size: int, her_ids: int, rate: float) -> Pages:
    """One event each 1/rate seconds from the first request on; `createdAt` is that moment."""
    began: list[datetime] = []

    def created_at(number: int) -> str:
        return (began[0] + timedelta(seconds=number / rate)).isoformat(timespec="microseconds")

    def page(_her_id: int, offset: int) -> bytes:
        now = datetime.now(UTC)
        began.append(now)
        created = min(int((now - began[0]).total_seconds() * rate), events)
        return answer(make_page(range(offset + 1, min(created, offset + page_size) + 1), her_ids, created_at))

    return page


class Connection(asyncio.Protocol):
    """Of one client, which asks once at a time."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages
        self._request = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport if isinstance(transport, asyncio.Transport) else None

    def data_received(self, data: bytes) -> None:
        self._request += data
        if self._request.endswith(b"\r\n\r\n") and self._transport is not None:
            her_id, offset = (int(self._request.partition(name)[2].split(b"&", 1)[0]) for name in NAMES)
            self._request = b""
            self._transport.write(self._pages(her_id, offset))


async def serve(port: int, pages: Pages) -> None:
    """Until the process is ended."""
    is_first = True

    def told(her_id: int, offset: int) -> bytes:
        nonlocal is_first
        if is_first:
            say(f"{time.monotonic()}")
            is_first = False
        return pages(her_id, offset)

    server = await asyncio.get_running_loop().create_server(partial(Connection, told), "127.0.0.1", port)
    say("listening")
    await server.serve_forever()


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main(port: str, events: str, page_size: str, her_ids: str, rate: str = "") -> None:
    numbers = int(events), int(page_size), int(her_ids)
    asyncio.run(serve(int(port), made_live(*numbers, float(rate)) if rate else made_before(*numbers)))


if __name__ == "__main__":
    main(*sys.argv[1:])
