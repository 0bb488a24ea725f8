"""What the stand-ins remember: ids that were seen, and nonces."""

import pytest

from bridge.sandbox.sign_in.nonces import Nonces
from bridge.sandbox.sign_in.replays import SeenOnce


def test_an_id_is_new_once_and_again_when_it_could_no_longer_be_sent() -> None:
    seen = SeenOnce(keep_s=11)
    assert [seen.is_new("a", now_s) for now_s in (0, 1, 10.9, 11)] == [True, False, False, True]


def test_ids_that_are_forgotten_take_no_memory() -> None:
    seen = SeenOnce(keep_s=11)
    for second in range(1000):
        assert seen.is_new(str(second), second)
    assert len(seen) == 11


def test_memory_is_bounded_and_the_oldest_is_forgotten_first() -> None:
    seen = SeenOnce(keep_s=11, capacity=2)
    assert [seen.is_new(each, 0) for each in "abc"] == [True, True, True]
    assert len(seen) == 2
    assert [seen.is_new(each, 0) for each in "cba"] == [False, False, True]


def test_a_nonce_is_taken_in_its_period_and_the_next() -> None:
    nonces = Nonces(b"secret", life_s=60)
    nonce = nonces.current(59)
    assert [nonces.is_taken(nonce, now_s) for now_s in (0, 59, 60, 119, 120)] == [True, True, True, True, False]


def test_periods_have_nonces_of_their_own_and_so_do_servers() -> None:
    nonces, others = Nonces(b"secret", life_s=60), Nonces(b"another", life_s=60)
    assert nonces.current(0) != nonces.current(60)
    assert not others.is_taken(nonces.current(0), 0)


def test_turning_makes_older_nonces_worthless() -> None:
    nonces = Nonces(b"secret", life_s=60)
    nonce = nonces.current(0)
    nonces.turn()
    assert not nonces.is_taken(nonce, 0)
    assert nonces.is_taken(nonces.current(0), 0)


@pytest.mark.parametrize("nonce", ["", "x", "ø", "x" * 43])
def test_what_was_never_given_is_not_taken(nonce: str) -> None:
    assert not Nonces(b"secret").is_taken(nonce, 0)
