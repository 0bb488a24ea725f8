"""Why a connection did not come about, from whatever a library wraps around it."""

import errno
import socket
import ssl

import pytest

from bridge.check.causes import Cause, cause_of


def wrapped(error: BaseException) -> BaseException:
    """As httpx has it: raised from an error that was raised from the cause."""
    inner, outer = OSError("All connection attempts failed"), RuntimeError("no connection")
    inner.__cause__, outer.__context__ = error, inner
    return outer


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (socket.gaierror(-2, "Name or service not known"), Cause.UNKNOWN_HOST),
        (ConnectionRefusedError(111, "Connection refused"), Cause.REFUSED),
        (ssl.SSLCertVerificationError(1, "certificate verify failed"), Cause.CERTIFICATE),
        (ssl.SSLError(1, "wrong version number"), Cause.TLS),
        (ConnectionResetError(104, "Connection reset by peer"), Cause.BROKEN_OFF),
        (EOFError(), Cause.BROKEN_OFF),
        (OSError(errno.ENETUNREACH, "Network is unreachable"), Cause.UNREACHABLE),
        (OSError(errno.EHOSTUNREACH, "No route to host"), Cause.UNREACHABLE),
        (TimeoutError(), None),
        (OSError(errno.EMFILE, "Too many open files"), None),
    ],
)
def test_the_cause_is_found_by_itself_and_behind_other_errors(error: BaseException, cause: Cause | None) -> None:
    assert cause_of(error) is cause
    assert cause_of(wrapped(error)) is cause


def test_the_cause_is_found_in_the_errors_of_several_addresses() -> None:
    group = ExceptionGroup("addresses", [TimeoutError(), ConnectionRefusedError(111, "Connection refused")])
    assert cause_of(wrapped(group)) is Cause.REFUSED


def test_an_error_that_is_its_own_cause_is_no_endless_search() -> None:
    error = RuntimeError()
    error.__cause__ = error
    assert cause_of(error) is None
