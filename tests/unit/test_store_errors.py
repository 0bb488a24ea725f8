"""What each of PostgreSQL's error codes makes of an error: which BridgeError, and in which words."""

import importlib
import ssl
from collections.abc import Iterator

import pytest
from sqlalchemy import exc

from bridge.errors import BridgeError, InvariantViolation, StoreUnavailable
from bridge.store.errors import NoAnswer, classify

BY_CLASS: dict[str, type[BridgeError]] = {
    "01": InvariantViolation,
    "02": InvariantViolation,
    "03": InvariantViolation,
    "08": NoAnswer,
    "09": InvariantViolation,
    "0A": InvariantViolation,
    "0B": InvariantViolation,
    "0F": InvariantViolation,
    "0L": InvariantViolation,
    "0P": InvariantViolation,
    "0Z": InvariantViolation,
    "10": InvariantViolation,
    "20": InvariantViolation,
    "21": InvariantViolation,
    "22": InvariantViolation,
    "23": InvariantViolation,
    "24": InvariantViolation,
    "25": InvariantViolation,
    "26": InvariantViolation,
    "27": InvariantViolation,
    "28": StoreUnavailable,
    "2B": InvariantViolation,
    "2D": InvariantViolation,
    "2F": InvariantViolation,
    "34": InvariantViolation,
    "38": InvariantViolation,
    "39": InvariantViolation,
    "3B": InvariantViolation,
    "3D": StoreUnavailable,
    "3F": StoreUnavailable,
    "40": StoreUnavailable,
    "42": InvariantViolation,
    "44": InvariantViolation,
    "53": StoreUnavailable,
    "54": InvariantViolation,
    "55": StoreUnavailable,
    "57": NoAnswer,
    "58": StoreUnavailable,
    "72": StoreUnavailable,
    "F0": StoreUnavailable,
    "HV": InvariantViolation,
    "P0": InvariantViolation,
    "XX": StoreUnavailable,
}
EXCEPTIONS: dict[str, type[BridgeError]] = {
    "25006": StoreUnavailable,  # read_only_sql_transaction: a standby
    "25P03": StoreUnavailable,  # idle_in_transaction_session_timeout
    "25P04": StoreUnavailable,  # transaction_timeout
    "40002": InvariantViolation,  # transaction_integrity_constraint_violation
    "40003": NoAnswer,  # statement_completion_unknown
    "42501": StoreUnavailable,  # insufficient_privilege
    "57014": StoreUnavailable,  # query_canceled: by the server's time limit
    "XX001": InvariantViolation,  # data_corrupted
    "XX002": InvariantViolation,  # index_corrupted
}


def codes_of_the_driver() -> Iterator[str]:
    for error in vars(importlib.import_module("asyncpg.exceptions")).values():
        if code := isinstance(error, type) and getattr(error, "sqlstate", None):
            yield code


class Refusal(Exception):
    """As the driver raises it."""

    def __init__(self, sqlstate: str) -> None:
        super().__init__("secret: UPDATE nhn_stream SET cursor = 60")
        self.sqlstate = sqlstate


def test_no_class_of_errors_that_the_driver_knows_is_left_undecided() -> None:
    assert {code[:2] for code in codes_of_the_driver()} == BY_CLASS.keys()


@pytest.mark.parametrize("code", sorted({*codes_of_the_driver(), *EXCEPTIONS}))
def test_every_code_is_mapped_by_itself_or_by_its_class(code: str) -> None:
    mapped = classify(exc.DBAPIError("UPDATE nhn_stream", {"cursor": 60}, Refusal(code)))
    assert type(mapped) is EXCEPTIONS.get(code, BY_CLASS[code[:2]])
    assert code in str(mapped)
    assert "secret" not in str(mapped)
    assert "UPDATE" not in str(mapped)


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("28P01", "it refuses the login: check user and password in BRIDGE_STORE__URL, and its pg_hba.conf"),
        ("3D000", "it has no such database: check BRIDGE_STORE__URL, or create it"),
        ("42501", "the user lacks a right to its tables or its schema: grant it"),
        ("25006", "it is read-only: BRIDGE_STORE__URL has to name the primary server"),
        ("53100", "its disk is full"),
        ("53300", "it has no connection left"),
        ("55P03", "another transaction holds what it needs"),
        ("57014", "it broke off a statement that took too long"),
        ("42703", "it does not take a statement of this program"),
    ],
)
def test_the_sentence_says_what_to_do_where_a_person_can_do_something(code: str, sentence: str) -> None:
    mapped = classify(exc.DBAPIError("SELECT", {}, Refusal(code)))
    assert str(mapped) == f"The store failed: {sentence} (SQLSTATE {code})"


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (ConnectionRefusedError(111, "hunter2"), "nothing listens there"),
        (ConnectionResetError(104, "hunter2"), "the connection failed, or it does not offer what"),
        (ssl.SSLCertVerificationError("hunter2"), "its certificate is not trusted or is for another name: check"),
        (ssl.SSLError("hunter2"), "TLS failed: check BRIDGE_STORE__TLS__CERT_FILE"),
    ],
)
def test_a_way_that_cannot_be_gone_says_why(error: Exception, sentence: str) -> None:
    mapped = classify(error)
    assert type(mapped) is NoAnswer
    assert str(mapped).startswith(f"The store cannot be reached ({sentence}")
    assert "hunter2" not in str(mapped)
