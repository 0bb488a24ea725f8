"""Nonces that a server asks for in proofs (RFC 9449 §8). Pure."""

import hmac

from joserfc.util import urlsafe_b64encode

DEFAULT_LIFE_S = 60.0


class Nonces:
    """One for each period of time, made of a secret: nothing is stored. It is taken in its period and in the next."""

    def __init__(self, secret: bytes, *, life_s: float = DEFAULT_LIFE_S) -> None:
        """`life_s`: a nonce is taken at least so long after it was given, and less than twice as long."""
        self._secret = secret
        self._life_s = life_s
        self._turns = 0

    def current(self, now_s: float) -> str:
        """The nonce to give now. `now_s`: monotonic."""
        return self._of_period(int(now_s // self._life_s))

    def is_taken(self, nonce: str, now_s: float) -> bool:
        """Whether it was given lately."""
        period = int(now_s // self._life_s)
        return nonce.isascii() and any(
            hmac.compare_digest(nonce, self._of_period(each)) for each in (period, period - 1)
        )

    def turn(self) -> None:
        """From now on take none that was given before."""
        self._turns += 1

    def _of_period(self, period: int) -> str:
        made = hmac.digest(self._secret, f"{self._turns}/{period}".encode(), "sha256")
        return urlsafe_b64encode(made).decode("ascii")
