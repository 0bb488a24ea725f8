"""Why a network connection did not come about, found in the errors behind an error. Pure."""

import errno
import socket
import ssl
from collections.abc import Iterator
from enum import Enum


class Cause(Enum):
    """A kind of trouble on the way to a server, as a clause."""

    UNKNOWN_HOST = "the host name is not known"
    REFUSED = "nothing listens there"
    CERTIFICATE = "its certificate is not trusted or is for another name"
    TLS = "it does not speak TLS as we do"
    UNREACHABLE = "there is no way to it"
    BROKEN_OFF = "the connection broke off"


_KINDS: tuple[tuple[type[BaseException], Cause], ...] = (
    (socket.gaierror, Cause.UNKNOWN_HOST),
    (ConnectionRefusedError, Cause.REFUSED),
    (ssl.SSLCertVerificationError, Cause.CERTIFICATE),
    (ssl.SSLError, Cause.TLS),
    (ConnectionError, Cause.BROKEN_OFF),
    (EOFError, Cause.BROKEN_OFF),
)
"""The special before the general."""
MAX_DEPTH = 10
"""Errors behind one another that are looked at; libraries need four."""
_NO_WAY = frozenset({errno.ENETUNREACH, errno.EHOSTUNREACH})


def cause_of(error: BaseException) -> Cause | None:
    """The cause, where the error or one behind it tells; None where none does, as after a timeout."""
    for each in _behind(error):
        for kind, cause in _KINDS:
            if isinstance(each, kind):
                return cause
        if isinstance(each, OSError) and each.errno in _NO_WAY:
            return Cause.UNREACHABLE
    return None


def _behind(error: BaseException, depth: int = 0) -> Iterator[BaseException]:
    """The error, then the errors of a group, then what it was raised from."""
    yield error
    inner = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    for each in (*inner, error.__cause__ or error.__context__):
        if each is not None and depth < MAX_DEPTH:
            yield from _behind(each, depth + 1)
