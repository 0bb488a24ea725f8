"""The API's check of a signed request: token, proof, replay, nonce (RFC 9449 §4.3, §7). No HTTP."""

import secrets
from collections.abc import Sequence

from bridge.sandbox.sign_in.access_tokens import TokenCheck
from bridge.sandbox.sign_in.jose import ALGORITHMS
from bridge.sandbox.sign_in.nonces import Nonces
from bridge.sandbox.sign_in.proofs import KEEP_S, check_proof
from bridge.sandbox.sign_in.refused import INVALID_DPOP_PROOF, UNUSABLE, USE_DPOP_NONCE, Refused
from bridge.sandbox.sign_in.replays import SeenOnce

_SCHEME = "dpop"


class ApiGuard:
    """What one API remembers of the proofs that it was shown."""

    def __init__(self, tokens: TokenCheck) -> None:
        self._tokens = tokens
        self._seen = SeenOnce(keep_s=KEEP_S)
        self.nonces = Nonces(secrets.token_bytes(32))

    def check(
        self,
        *,
        method: str,
        url: str,
        authorizations: Sequence[str],
        proofs: Sequence[str],
        now_s: float,
        monotonic_s: float,
        wants_nonce: bool,
    ) -> None:
        """`url`: without the query. `authorizations`, `proofs`: all headers of these names. `now_s`: Unix time.

        Raises Refused.
        """
        token = _token_in(authorizations)
        thumbprint = self._tokens.thumbprint_of(token, now_s=now_s)
        proof = check_proof(proofs, method=method, url=url, now_s=now_s, access_token=token)
        if proof.thumbprint != thumbprint:
            raise Refused(UNUSABLE, "The access token is bound to another key than the DPoP proof's (cnf.jkt).")
        if not self._seen.is_new(f"{thumbprint}/{proof.proof_id}", monotonic_s):
            raise Refused(INVALID_DPOP_PROOF, "The DPoP proof was used before (jti).")
        if wants_nonce and not (proof.nonce and self.nonces.is_taken(proof.nonce, monotonic_s)):
            raise Refused(USE_DPOP_NONCE, "The DPoP proof must have the nonce of the header DPoP-Nonce.")


def _token_in(authorizations: Sequence[str]) -> str:
    if not authorizations:
        raise Refused("", "The request has no Authorization header.")
    if len(authorizations) > 1:
        raise Refused(UNUSABLE, "The request has more than one Authorization header.")
    scheme, _, token = authorizations[0].partition(" ")
    if scheme.lower() != _SCHEME:
        raise Refused(UNUSABLE, "The scheme of the Authorization header must be DPoP.")
    return token.strip()


def challenge(refused: Refused) -> str:
    """`WWW-Authenticate` of a 401."""
    fields = {"error": refused.error, "error_description": refused.description} if refused.error else {}
    fields["algs"] = " ".join(ALGORITHMS)
    return "DPoP " + ", ".join(f'{name}="{_quotable(value)}"' for name, value in fields.items())


def _quotable(value: str) -> str:
    """Without what would end a quoted string."""
    return value.replace("\\", "'").replace('"', "'")
