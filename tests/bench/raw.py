"""The ceiling: a socket, frames encoded in advance, 1000 messages in flight, and nothing else that costs.

python -m tests.bench.raw URL EVENTS [HER_IDS]
"""

import re
import socket
import struct
import sys
import time
from collections.abc import Sequence
from datetime import datetime
from itertools import cycle
from urllib.parse import unquote, urlsplit

from pamqp import commands, frame
from pamqp.header import ProtocolHeader

from bridge.events.message import Message
from bridge.rabbitmq.frames import encode_message
from bridge.rabbitmq.properties import seconds_of
from tests.bench.messages import make_messages
from tests.bench.report import begin, report

CHANNEL = 1
FRAME_MAX = 131_072
IN_FLIGHT = 1000
TIMEOUT_S = 60.0
BLOCK = 100
"""Messages a write: as long as a tenth of what may be in flight is free, the socket gets more."""
_ACK = struct.Struct(">BHIHHQBB")
_CREATED_AT = re.compile(rb'"createdAt":"([^"]+)"')


class Channel:
    """One channel with confirms, on a blocking socket."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._socket = socket.create_connection((parts.hostname or "localhost", parts.port or 5672), timeout=TIMEOUT_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._received = b""
        login = f"\0{unquote(parts.username or 'guest')}\0{unquote(parts.password or 'guest')}"
        self._socket.sendall(ProtocolHeader().marshal())
        self._expect(commands.Connection.Start)
        self._send(0, commands.Connection.StartOk({}, "PLAIN", login, "en_US"))
        self._expect(commands.Connection.Tune)
        self._send(0, commands.Connection.TuneOk(CHANNEL, FRAME_MAX, 0))
        self._send(0, commands.Connection.Open(unquote(parts.path[1:]) or "/"))
        self._expect(commands.Connection.OpenOk)
        self._send(CHANNEL, commands.Channel.Open())
        self._expect(commands.Channel.OpenOk)
        self._send(CHANNEL, commands.Confirm.Select())
        self._expect(commands.Confirm.SelectOk)

    def publish(self, blocks: Sequence[bytes], count: int) -> None:
        """Write so many blocks of BLOCK messages, these in turn, and return once all are confirmed. Fails on anything
        else.
        """
        turn = cycle(blocks)
        written = confirmed = 0
        singly: set[int] = set()
        total = count * BLOCK
        while confirmed < total:
            while written < total and written - confirmed <= IN_FLIGHT - BLOCK:
                self._socket.sendall(next(turn))
                written += BLOCK
            self._received += self._socket.recv(65_536)
            whole = len(self._received) // _ACK.size * _ACK.size
            for kind, _, _, class_id, method_id, tag, multiple, _ in _ACK.iter_unpack(self._received[:whole]):
                if (kind, class_id, method_id) != (1, 60, 80):
                    raise RuntimeError("the broker answered something else than an ack")
                if not multiple:
                    singly.add(tag)
                elif tag > confirmed:
                    confirmed = tag
                while confirmed + 1 in singly:
                    confirmed += 1
                    singly.discard(confirmed)
            self._received = self._received[whole:]

    def consume(self, queue: str, count: int) -> list[float]:
        """How old each of so many events is when it arrives, by its `createdAt`, seconds. Nothing is acknowledged: an
        ordinary client's work for each message would be much of what is measured.
        """
        self._send(CHANNEL, commands.Basic.Consume(queue=queue, no_ack=True))
        self._expect(commands.Basic.ConsumeOk)
        ages: list[float] = []
        rest = self._received
        while len(ages) < count:
            rest += self._socket.recv(65_536)
            now, end = time.time(), 0
            for found in _CREATED_AT.finditer(rest):
                ages.append(now - datetime.fromisoformat(found[1].decode()).timestamp())
                end = found.end()
            rest = rest[end:]
        return ages

    def close(self) -> None:
        """End the connection, without a word."""
        self._socket.close()

    def _send(self, channel: int, method: frame.FrameTypes) -> None:
        self._socket.sendall(frame.marshal(method, channel))

    def _expect(self, kind: type[object]) -> None:
        while True:
            consumed, _, method = frame.unmarshal(self._received) if len(self._received) > 7 else (0, 0, None)
            if consumed:
                self._received = self._received[consumed:]
                if not isinstance(method, kind):
                    raise RuntimeError(f"{type(method).__name__} in place of {kind.__name__}")
                return
            self._received += self._socket.recv(65_536)


def encoded(messages: Sequence[Message]) -> bytes:
    return b"".join(
        piece
        for message in messages
        for piece in encode_message(message, seconds_of(message), channel=CHANNEL, max_payload_bytes=FRAME_MAX)
    )


def main(url: str, events: str, her_ids: str = "1") -> None:
    blocks = -(-int(her_ids) // BLOCK)
    messages = make_messages(blocks * BLOCK, int(her_ids))
    encoded_blocks = [encoded(messages[at * BLOCK : (at + 1) * BLOCK]) for at in range(blocks)]
    channel, count = Channel(url), int(events) // BLOCK
    begin()
    started = time.perf_counter()
    channel.publish(encoded_blocks, count)
    report(count * BLOCK, time.perf_counter() - started)


if __name__ == "__main__":
    main(*sys.argv[1:])
