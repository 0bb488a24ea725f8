"""What went wrong with the API, and what a person is told to do."""

import socket

import pytest

from bridge.auth.diagnosis import Diagnosis, Problem, SignInError
from bridge.check.api_faults import explain, refusals
from bridge.errors import AuthenticationError, RequestRejected, SourceUnavailable, TransientError
from bridge.nhn.answers import Problem as Refusal
from bridge.nhn.refusals import EverythingRefused


def unreached(cause: BaseException) -> SourceUnavailable:
    error = SourceUnavailable("no connection (ConnectError)")
    error.__cause__ = cause
    return error


def all_refused(problem: Refusal) -> RequestRejected:
    error = RequestRejected("the API refuses every HER-id")
    error.__cause__ = EverythingRefused(problem)
    return error


@pytest.mark.parametrize(
    ("error", "status", "found", "fix"),
    [
        (unreached(socket.gaierror()), None, "the host name is not known", "Correct the host in BRIDGE_NHN__BASE_URL"),
        (unreached(ConnectionRefusedError()), None, "nothing listens there", "Correct host and port in BRIDGE_NHN"),
        (unreached(ConnectionResetError()), None, "the connection broke off", "Run the check again. If it stays"),
        (unreached(TimeoutError()), None, "no connection (ConnectError)", "Let firewalls, network policies"),
        (AuthenticationError("401"), 401, "401", "Let the bridge sign in (BRIDGE_NHN__AUTH__METHOD=helseid)"),
        (
            SignInError(Diagnosis(Problem.API, "https://api.example refuses a fresh token. Check the scope")),
            401,
            "https://api.example refuses a fresh token",
            "Check the scope.",
        ),
        (RequestRejected("404"), 404, "404", "Set BRIDGE_NHN__BASE_URL to the API's root, without a path"),
        (RequestRejected("403"), 403, "403", "Correct BRIDGE_NHN__BASE_URL, __API_VERSION and __SOURCE_SYSTEM"),
        (SourceUnavailable("no JSON"), 200, "no JSON", "Correct BRIDGE_NHN__BASE_URL, and look at what is in between"),
        (SourceUnavailable("429"), 429, "429", "Wait and run the check again"),
        (SourceUnavailable("503"), 503, "503", "Run the check again later"),
        (
            all_refused(Refusal(status=400, error_code=1001, title="Bad Request")),
            400,
            "every HER-id is refused: 400, error 1001: Bad Request",
            "Correct BRIDGE_NHN__API_VERSION and __SOURCE_SYSTEM",
        ),
        (
            all_refused(Refusal(status=403, error_code=1202)),
            403,
            "every HER-id is refused: 403, error 1202",
            "It may lack its configuration at NHN, or its organisation has not delegated",
        ),
    ],
)
def test_each_fault_has_a_fix_of_its_own(error: TransientError, status: int | None, found: str, fix: str) -> None:
    told, to_do = explain(error, status)
    assert told == found
    assert to_do.startswith(fix)


class TestRefusals:
    def test_her_ids_are_named_by_kind_of_refusal(self) -> None:
        forbidden, locked = Refusal(403, 1202, "Forbidden"), Refusal(423, 1210, "Locked")
        found = refusals({7003: forbidden, 7002: locked, 7001: forbidden}, asked=5, name="acme")
        assert [(each.name, each.found) for each in found] == [
            ("acme", "2 of 5 HER-ids are refused (403, error 1202: Forbidden): 7001, 7003"),
            ("acme", "1 of 5 HER-ids is refused (423, error 1210: Locked): 7002"),
        ]

    def test_a_lock_is_another_clients_and_anything_else_may_be_configuration_or_delegation(self) -> None:
        found = refusals({7001: Refusal(403), 7002: Refusal(423)}, asked=5, name="")
        rest = " Mend that, or take it out of the HER-ids. The others are not held up by it."
        assert [each.fix for each in found] == [
            f"It may lack its configuration at NHN, or its organisation has not delegated to this client.{rest}",
            f"Another HelseID client has reserved it (clientLocked) and has to release it.{rest}",
        ]

    def test_ten_are_named_and_the_others_counted(self) -> None:
        (found,) = refusals(dict.fromkeys(range(1, 13), Refusal(403)), asked=1500, name="")
        assert found.found == "12 of 1500 HER-ids are refused (403): 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 2 more"
