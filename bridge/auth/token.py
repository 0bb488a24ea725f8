"""A token's life, and what to do when somebody asks for it. Pure.

HelseID asks clients not to fetch a token while one is valid (FK3 of its functional requirements), so renewal starts
late in a token's life: early enough that an issuer which is down for a while stops nobody, and spread, so that replicas
that started together do not ask together.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from bridge.auth.keys import SigningKey

RENEW_FROM = 0.8
RENEW_UNTIL = 0.9
"""Each token is renewed from a moment between these shares of its life: HelseID's 600 s leave one to two minutes."""
MARGIN = 0.05
MAX_MARGIN_S = 5.0
"""A token is not used in the last 5 % of its life, at most 5 s: a request takes time to arrive."""
WHOLE_SECOND_S = 1.0
"""An issuer that counts in whole seconds gives up to a second less than it says."""
MAX_LIFE_S = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What an issuer gave."""

    value: str = field(repr=False)
    lifetime_s: float
    """Greater than 0."""
    requested_at_s: float
    """Monotonic moment just before it was asked for: its life began after that."""
    bound_to: SigningKey | None = None
    """Key that has to prove possession (DPoP); None for a bearer token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A token, and when to renew and to drop it: monotonic seconds, which no step of the wall clock changes."""

    value: str = field(repr=False)
    bound_to: SigningKey | None
    renew_at_s: float
    ends_at_s: float
    expires_at: datetime
    """By the wall clock, for people."""


def schedule(grant: Grant, *, spread: float, expires_at: datetime) -> Token:
    """The token of a grant. `spread`: drawn from 0..1, one a token."""
    said_s = min(grant.lifetime_s, MAX_LIFE_S)
    life_s = max(said_s - WHOLE_SECOND_S, said_s / 2)
    return Token(
        value=grant.value,
        bound_to=grant.bound_to,
        renew_at_s=grant.requested_at_s + life_s * (RENEW_FROM + spread * (RENEW_UNTIL - RENEW_FROM)),
        ends_at_s=grant.requested_at_s + life_s - min(life_s * MARGIN, MAX_MARGIN_S),
        expires_at=expires_at,
    )


class Step(Enum):
    """What to do with a request for the token."""

    USE = "use"
    RENEW = "renew"
    """Use the token and have another fetched meanwhile."""
    FETCH = "fetch"
    """Wait for another."""
    REFUSE = "refuse"
    """There is none, and the last try to get one is too recent to try again."""


def decide(*, now_s: float, token: Token | None, retry_at_s: float) -> Step:
    """`retry_at_s`: before this moment no other fetch is started, since the last one failed."""
    may_fetch = now_s >= retry_at_s
    if token is None or now_s >= token.ends_at_s:
        return Step.FETCH if may_fetch else Step.REFUSE
    return Step.RENEW if now_s >= token.renew_at_s and may_fetch else Step.USE
