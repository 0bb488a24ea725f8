"""When a token is used, renewed, waited for or refused."""

from datetime import UTC, datetime

import pytest

from bridge.auth.token import Grant, Step, Token, decide, schedule

EXPIRES_AT = datetime(2026, 4, 14, 6, 10, tzinfo=UTC)


def token(*, renew_at_s: float = 480, ends_at_s: float = 595) -> Token:
    return Token(value="t", bound_to=None, renew_at_s=renew_at_s, ends_at_s=ends_at_s, expires_at=EXPIRES_AT)


@pytest.mark.parametrize(
    ("lifetime_s", "spread", "renew_at_s", "ends_at_s"),
    [
        # of 601 s, 600 are sure
        (601, 0.0, 1480, 1595),
        (601, 0.5, 1510, 1595),
        (601, 1.0, 1540, 1595),
        (5, 0.0, 1003.2, 1003.8),
        (5, 1.0, 1003.6, 1003.8),
        (1, 0.0, 1000.4, 1000.475),
        (1_000_000, 0.0, 1000 + 69_119.2, 1000 + 86_394),
    ],
)
def test_a_token_is_renewed_in_the_last_fifth_of_its_life_and_not_used_in_its_last_moments(
    lifetime_s: float, spread: float, renew_at_s: float, ends_at_s: float
) -> None:
    grant = Grant(value="t", lifetime_s=lifetime_s, requested_at_s=1000)
    scheduled = schedule(grant, spread=spread, expires_at=EXPIRES_AT)
    assert scheduled.renew_at_s == pytest.approx(renew_at_s)
    assert scheduled.ends_at_s == pytest.approx(ends_at_s)


@pytest.mark.parametrize(
    ("held", "now_s", "retry_at_s", "step"),
    [
        (None, 0, 0, Step.FETCH),
        (None, 9, 10, Step.REFUSE),
        (None, 10, 10, Step.FETCH),
        (token(), 479, 0, Step.USE),
        (token(), 480, 0, Step.RENEW),
        (token(), 500, 501, Step.USE),
        (token(), 594, 0, Step.RENEW),
        (token(), 595, 0, Step.FETCH),
        (token(), 595, 600, Step.REFUSE),
    ],
)
def test_what_to_do_when_somebody_asks(held: Token | None, now_s: float, retry_at_s: float, step: Step) -> None:
    assert decide(now_s=now_s, token=held, retry_at_s=retry_at_s) is step


def test_neither_grant_nor_token_prints_its_value() -> None:
    assert "hunter2" not in repr(Grant(value="hunter2", lifetime_s=1, requested_at_s=0))
    held = Token(value="hunter2", bound_to=None, renew_at_s=0, ends_at_s=0, expires_at=EXPIRES_AT)
    assert "hunter2" not in repr(held)
