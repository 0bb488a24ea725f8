"""The one edge where errors of aio-pika, aiormq, asyncio, TLS and the operating system become the bridge's.

All of them mean the same to the caller, BrokerUnavailable: nothing is concluded, the same again later. What differs is
the sentence that says why, and what to do.
"""

import asyncio
import re
import socket
import ssl
from collections.abc import Coroutine
from typing import TypeVar

import aiormq
from aio_pika import exceptions as aio_pika_exceptions
from pamqp.exceptions import PAMQPException

from bridge.errors import BrokerUnavailable

T = TypeVar("T")

CANCEL_S = 1.0
"""How long a library call that was cancelled may take to unwind: it has nothing left to wait for."""
REASON_CHARACTERS = 300

SAYINGS: tuple[tuple[type[BaseException], str], ...] = (
    # Of the channel: the broker answered, and said no.
    (
        aiormq.ChannelAccessRefused,
        "the user lacks a permission: grant it, or set BRIDGE_BROKER__TOPOLOGY=check where it may not declare",
    ),
    (aiormq.ChannelNotFoundEntity, "an exchange or queue is missing"),
    (aiormq.ChannelPreconditionFailed, "the broker refuses it as it is"),
    (aiormq.ChannelLockedResource, "a queue is exclusive to another connection"),
    (aiormq.DuplicateConsumerTag, "the channel was closed"),
    (aiormq.ChannelClosed, "the channel was closed"),
    (aiormq.AMQPChannelError, "the channel failed"),
    # Of the connection: signing in.
    (aiormq.ProbableAuthenticationError, "login refused: check user and password"),
    (aiormq.AuthenticationError, "login refused: the broker offers neither PLAIN nor another mechanism that we know"),
    (aiormq.ConnectionNotAllowed, "not allowed: check that the vhost exists and that the user may use it"),
    (aiormq.IncompatibleProtocolError, "it does not speak AMQP 0-9-1: check the port, and amqp:// or amqps://"),
    # Of the connection: later.
    (aiormq.ConnectionResourceError, "the broker is out of resources"),
    (aiormq.ConnectionInternalError, "the broker had an internal error: see its log"),
    (aiormq.ConnectionFrameError, "the broker could not read a frame"),
    (aiormq.ConnectionSyntaxError, "the broker could not read a value"),
    (aiormq.ConnectionCommandInvalid, "the broker did not expect a command"),
    (aiormq.ConnectionChannelError, "the broker does not know the channel"),
    (aiormq.ConnectionUnexpectedFrame, "the broker did not expect a frame"),
    (aiormq.ConnectionNotImplemented, "the broker does not implement what was asked"),
    (aiormq.ConnectionClosed, "the broker closed the connection"),
    (aiormq.AMQPConnectionError, "the connection failed"),
    # Of the protocol.
    (aiormq.InvalidFrameError, "it does not speak AMQP 0-9-1: check the port, and amqp:// or amqps://"),
    (aiormq.ProtocolSyntaxError, "it does not speak AMQP 0-9-1: check the port, and amqp:// or amqps://"),
    (aiormq.MethodNotImplemented, "the broker does not implement what was asked"),
    (aiormq.PublishError, "no queue is bound"),
    (aiormq.DeliveryError, "the broker did not take the message"),
    (aio_pika_exceptions.MessageProcessError, "the channel failed"),
    (aio_pika_exceptions.QueueEmpty, "the queue is empty"),
    (aiormq.AMQPError, "the broker's answer was not understood"),
    (PAMQPException, "the broker's answer was not understood"),
    (aiormq.ChannelInvalidStateError, "the channel or connection has ended"),
    # Of the way there.
    (
        ssl.SSLCertVerificationError,
        "its certificate is not trusted or is for another name: check BRIDGE_BROKER__TLS__CA_FILE",
    ),
    (ssl.SSLError, "TLS failed: check the port of amqps://, and BRIDGE_BROKER__TLS__CERT_FILE and __KEY_FILE"),
    (socket.gaierror, "the host name is not known"),
    (UnicodeError, "the host name is not one"),
    (TimeoutError, "no answer in time"),
    (ConnectionRefusedError, "nothing listens there"),
    (ConnectionError, "the connection failed"),
    (EOFError, "the connection ended"),
    (OSError, "it cannot be reached"),
    # aiormq and aio-pika raise it bare for a connection that has ended.
    (RuntimeError, "the channel or connection has ended"),
)
"""What each error says, the special before the general. A test proves that no exception of the libraries is missing."""

SPEAKING = (aiormq.AMQPChannelError, aiormq.ConnectionClosed)
"""Errors whose text is what the broker itself gave as its reason; it names what is missing or refused."""

_USER = re.compile(r"\buser '[^']*'")


def is_library_error(error: BaseException) -> bool:
    """Whether the error is one that the table speaks of, and not a defect of ours.

    aiormq rejects what waits with a bare `Exception` when the socket ended between two frames.
    """
    return isinstance(error, tuple(kind for kind, _ in SAYINGS)) or type(error) is Exception


def describe(error: BaseException) -> str:
    """One clause that says what happened, without the name of a user or anything of a message."""
    if isinstance(error, aiormq.InvalidFrameError) and "Connection.Close" in str(error):
        # aiormq looks for a refusal everywhere but in the answer to Connection.Open, and keeps no word of that one.
        return "it refuses the vhost: check that it exists and that the user may use it"
    saying = next((text for kind, text in SAYINGS if isinstance(error, kind)), "the connection ended")
    if not isinstance(error, SPEAKING):
        return saying
    reason = " ".join(arg for arg in error.args if isinstance(arg, str))
    return f"{saying} ({_USER.sub('the user', reason)[:REASON_CHARACTERS]})"


class NoAnswer(BrokerUnavailable):
    """The broker did not answer in time: whatever it was asked on may be dead."""


async def ask(call: Coroutine[object, object, T], *, address: str, timeout_s: float) -> T:
    """The result of a library's call; raises BrokerUnavailable in place of what the table names, NoAnswer after
    `timeout_s`.

    The call runs as a task of its own, because aiormq ends what waits on a lost connection by cancelling it: that must
    not be taken for a cancellation of the caller.
    """
    task = asyncio.create_task(call, name=f"RabbitMQ at {address}")
    try:
        await asyncio.wait({task}, timeout=timeout_s)
        if not task.done():
            raise NoAnswer(f"RabbitMQ at {address}: no answer within {timeout_s:g} s")
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait({task}, timeout=CANCEL_S)
    if task.cancelled():
        raise BrokerUnavailable(f"RabbitMQ at {address}: the connection ended")
    error = task.exception()
    if error is None:
        return task.result()
    if is_library_error(error):
        raise BrokerUnavailable(f"RabbitMQ at {address}: {describe(error)}") from error
    raise error
