"""What can be switched while the stand-ins work, and what they did. Pure."""

from collections import Counter, deque
from datetime import datetime
from typing import Annotated

import msgspec

from bridge.sandbox.faults import ActiveFault, FaultKind, FaultRule

REFUSALS_KEPT = 50
ISSUER_FAULTS = (
    FaultKind.TOO_MANY_REQUESTS,
    FaultKind.SERVER_ERROR,
    FaultKind.UNAVAILABLE,
    FaultKind.TIMEOUT,
    FaultKind.SLOW_DRIP,
    FaultKind.CONNECTION_RESET,
    FaultKind.HTML,
)
"""What may go wrong at an issuer; a refused token is the API's fault `401`."""

_Life = Annotated[int, msgspec.Meta(ge=1, le=86_400)]


class Switches(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the issuers, and the API's check of their tokens, behave."""

    token_life_s: _Life = 600
    """Of HelseID's tokens."""
    altinn_token_life_s: _Life = 1800
    """Of the exchange's; Maskinporten's own live 120 s."""
    clock_ahead_s: Annotated[float, msgspec.Meta(ge=-86_400, le=86_400)] = 0
    """How far their clock is ahead of this machine's: what a machine meets whose own clock is as much behind."""
    api_nonce: bool = False
    """Whether the API wants a nonce in proofs, too."""
    refused_organisations: frozenset[str] = frozenset()
    """Organisation numbers, parent or child, that have not delegated."""
    platform_access_tokens: dict[str, str] = {}
    """Those that Altinn's API takes, any text, each with the code of the organisation whose orders it shows."""
    exchange_quotes: bool | None = None
    """Whether Altinn's token comes as a JSON string; None: only where the request accepts nothing but JSON."""


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """One request that did not sign in, or was not signed, as it should be."""

    at: datetime
    by: str
    """`helseid`, `maskinporten`, `altinn` (the exchange), `api` (NHN's) or `altinn-api`."""
    error: str
    description: str


class SignInState(msgspec.Struct, frozen=True, kw_only=True):
    """Where the stand-ins stand."""

    switches: Switches
    accepted: dict[str, int]
    """By who decided."""
    refused: dict[str, int]
    """By who decided and error, e.g. `helseid use_dpop_nonce`."""
    faults: list[ActiveFault[FaultRule]]
    recent_refusals: list[Refusal]
    """The last 50, oldest first, without those that only ask for a nonce."""


class Ledger:
    """What was accepted and refused."""

    def __init__(self) -> None:
        self.accepted: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.recent: deque[Refusal] = deque(maxlen=REFUSALS_KEPT)
