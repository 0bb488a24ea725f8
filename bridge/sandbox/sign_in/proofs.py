"""DPoP proofs, checked as RFC 9449 §4.3 lists it; the nonce and replays are for those who remember. Pure.

NHN: page formatering_av_dpop_bevis_enmd of its developer portal, DPoPProofValidator of HelseID.Samples.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urlsplit

import msgspec
from joserfc.util import urlsafe_b64encode

from bridge.sandbox.sign_in.jose import ALGORITHMS, Jwt, Key, Unreadable, public_key, read_jwt
from bridge.sandbox.sign_in.refused import INVALID_DPOP_PROOF, Refused

TYPE = "dpop+jwt"
LIFE_S = 1.0
SKEW_S = 5.0
"""NHN's sample API takes a proof for 1 s, and lets clocks differ by 5 s; production's values are not documented."""
KEEP_S = LIFE_S + 2 * SKEW_S
"""No proof is taken for longer after it was first seen."""
MAX_ID_CHARS = 256
_KEYS_KEPT = 256
_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """One that is in order, but may have been seen before."""

    proof_id: str
    thumbprint: str
    """RFC 7638, SHA-256, of the key that it proves the possession of."""
    nonce: str | None


class _Claims(msgspec.Struct):
    jti: str
    htm: str
    htu: str
    iat: float
    ath: str | None = None
    nonce: str | None = None


def check_proof(texts: Sequence[str], *, method: str, url: str, now_s: float, access_token: str | None = None) -> Proof:
    """`texts`: every `DPoP` header of the request. `url`: as it was asked, without the query. `access_token`: the one
    that the request carries; None at a token endpoint. `now_s`: Unix time. Raises Refused.
    """
    if len(texts) != 1:
        raise _refused("The request must have one DPoP header.")
    try:
        token = read_jwt(texts[0])
        key, thumbprint = _key_in(token)
        claims = token.claims(_Claims)
    except Unreadable as error:
        raise _refused(f"The DPoP proof {error}.") from None
    if not token.is_signed_with(key):
        raise _refused("The DPoP proof's signature does not fit its jwk.")
    _check_claims(claims, method=method, url=url, now_s=now_s)
    if access_token is not None and claims.ath != token_hash(access_token):
        raise _refused("The DPoP proof's ath is not the hash of the access token.")
    return Proof(proof_id=claims.jti, thumbprint=thumbprint, nonce=claims.nonce)


def _key_in(token: Jwt) -> tuple[Key, str]:
    if token.header.get("typ") != TYPE:
        raise _refused(f"The DPoP proof's typ must be {TYPE}.")
    if token.header.get("alg") not in ALGORITHMS:
        raise _refused(f"The DPoP proof's alg must be one of {', '.join(ALGORITHMS)}.")
    return _imported(token.header_segment)


@lru_cache(maxsize=_KEYS_KEPT)
def _imported(header_segment: bytes) -> tuple[Key, str]:
    """The key of a header and its thumbprint. A client's proofs all have the same header: it is read once."""
    jwk = read_jwt(f"{header_segment.decode('ascii')}..").header.get("jwk")
    try:
        key = public_key(jwk)
    except Unreadable as error:
        raise _refused(f"The DPoP proof's jwk {error}.") from None
    return key, key.thumbprint()


def _check_claims(claims: _Claims, *, method: str, url: str, now_s: float) -> None:
    if claims.htm != method:
        raise _refused("The DPoP proof's htm is not the method of the request.")
    if _target(claims.htu) != _target(url):
        raise _refused("The DPoP proof's htu is not the URL of the request without its query.")
    if claims.iat > now_s + SKEW_S:
        raise _refused("The DPoP proof's iat is ahead.")
    if claims.iat <= now_s - LIFE_S - SKEW_S:
        raise _refused("The DPoP proof is too old: its iat has passed.")
    if not 0 < len(claims.jti) <= MAX_ID_CHARS:
        raise _refused(f"The DPoP proof's jti must have 1 to {MAX_ID_CHARS} characters.")


def _target(url: str) -> tuple[str, str, int | None, str] | None:
    """Scheme, host, port and path, as they are compared (RFC 3986 §6.2.2, §6.2.3); None where it is none."""
    try:
        parts = urlsplit(url)
        port = parts.port or _DEFAULT_PORTS.get(parts.scheme)
    except ValueError:
        return None
    if not parts.hostname or "?" in url or "#" in url:
        return None
    return parts.scheme, parts.hostname, port, parts.path or "/"


def token_hash(access_token: str) -> str:
    """`ath` of a token: base64url of its SHA-256 (RFC 9449 §4.2)."""
    return urlsafe_b64encode(hashlib.sha256(access_token.encode("utf-8")).digest()).decode("ascii")


def _refused(why: str) -> Refused:
    return Refused(INVALID_DPOP_PROOF, why)
