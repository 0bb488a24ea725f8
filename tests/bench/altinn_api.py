"""Altinn's API as fast as it can be served, so that the API is not what is measured.

    python -m tests.bench.altinn_api PORT

Every order has two delivered e-mails, and has ended: the bridge asks for the e-mails, the order, the e-mails once more.
Tells on stdout that it listens, and the moment of the first request (seconds of CLOCK_MONOTONIC).
"""

import asyncio
import sys
import time

REQUESTS_A_POLL = 3
EMAILS_AN_ORDER = 2

_EMAIL = (
    '{"id":"%s","succeeded":true,"recipient":{"emailAddress":"recipient@domain.com"},"sendStatus":{"status":"Delivered",'
    '"description":"The email was delivered to the recipient.","lastUpdate":"2026-07-01T10:02:30.1Z"}}'
)
_SUMMARY = '{"orderId":"%s","sendersReference":"bench","generated":2,"succeeded":2,"notifications":[%s]}'
_SHIPMENT = '{"shipmentId":"%s","status":"Order_Completed","lastUpdate":"2026-07-01T10:02:31Z","recipients":[]}'


def answer(path: str) -> bytes:
    """What the API says of the order in the path."""
    if path.endswith("/notifications/email"):
        order_id = path.split("/")[-3]
        # The ids of its e-mails are the order's, with another first digit.
        emails = ",".join(_EMAIL % f"{number}{order_id[1:]}" for number in range(EMAILS_AN_ORDER))
        body = (_SUMMARY % (order_id, emails)).encode()
    else:
        body = (_SHIPMENT % path.rpartition("/")[2]).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body


class Connection(asyncio.Protocol):
    """Of one client, which asks once at a time."""

    is_first = True

    def __init__(self) -> None:
        self._request = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport if isinstance(transport, asyncio.Transport) else None

    def data_received(self, data: bytes) -> None:
        self._request += data
        if self._request.endswith(b"\r\n\r\n") and self._transport is not None:
            if Connection.is_first:
                Connection.is_first = False
                say(str(time.monotonic()))
            path = self._request.split(b" ", 2)[1].decode()
            self._request = b""
            self._transport.write(answer(path))


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


async def main(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Connection, "127.0.0.1", port)
    say("listens")
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
