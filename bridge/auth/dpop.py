"""DPoP proofs (RFC 9449 §4.2; page formatering_av_dpop_bevis_enmd of NHN's developer portal). Pure."""

import hashlib
from datetime import datetime
from urllib.parse import urlsplit, urlunsplit

from joserfc.util import urlsafe_b64encode

from bridge.auth.keys import SigningKey

MAX_NONCE_CHARS = 1024
"""A longer `DPoP-Nonce` is not taken: it would only make a header that servers refuse."""
_DEFAULT_PORTS = {"http": 80, "https": 443}


def proof(
    key: SigningKey,
    *,
    method: str,
    url: str,
    issued_at: datetime,
    proof_id: str,
    access_token: str | None = None,
    nonce: str | None = None,
) -> str:
    """A proof for one attempt of one request; a server takes each `proof_id` (`jti`) once.

    `access_token`: the one that the request carries; None at the token endpoint. `nonce`: the server's last.
    """
    claims: dict[str, str | int] = {
        "jti": proof_id,
        "htm": method.upper(),
        "htu": target(url),
        "iat": int(issued_at.timestamp()),
    }
    if access_token is not None:
        claims["ath"] = token_hash(access_token)
    if nonce is not None:
        claims["nonce"] = nonce
    return key.sign({"typ": "dpop+jwt", "jwk": key.public_jwk}, claims)


def target(url: str) -> str:
    """`htu`: the URL without query and fragment, normalised as servers compare it (RFC 3986 §6.2.2, §6.2.3)."""
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    bracketed = f"[{host}]" if ":" in host else host
    has_default_port = parts.port is None or parts.port == _DEFAULT_PORTS.get(parts.scheme)
    authority = bracketed if has_default_port else f"{bracketed}:{parts.port}"
    return urlunsplit((parts.scheme, authority, parts.path or "/", "", ""))


def token_hash(access_token: str) -> str:
    """`ath`: base64url, without padding, of the SHA-256 of the token's ASCII text."""
    return urlsafe_b64encode(hashlib.sha256(access_token.encode("ascii")).digest()).decode("ascii")
