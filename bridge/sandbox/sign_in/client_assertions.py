"""HelseID's check of a client's assertion (private_key_jwt). Pure.

Page bruk_av_client_assertion_enmd of NHN's developer portal, RFC 7523 §3. HelseID answers `invalid_client` and says no
more than that; here the description does.
"""

from dataclasses import dataclass, field
from typing import Any

import msgspec

from bridge.sandbox.sign_in.clients import Client, Clients
from bridge.sandbox.sign_in.jose import ALGORITHMS, Jwt, Unreadable, read_jwt
from bridge.sandbox.sign_in.refused import INVALID_CLIENT, Refused

TYPE = "client-authentication+jwt"
MAX_AHEAD_S = 60.0
"""`exp` lies no further ahead."""
SKEW_S = 5.0
"""So far may clocks differ; NHN's sample API allows as much."""
KEEP_S = MAX_AHEAD_S + 2 * SKEW_S
"""No assertion is taken for longer after it was first seen."""
MAX_ID_CHARS = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientAssertion:
    """One that is in order, but may have been seen before."""

    client: Client
    assertion_id: str
    details: Any = field(repr=False)
    """`assertion_details`; None where it is absent."""


class _Claims(msgspec.Struct):
    iss: str
    sub: str
    aud: str
    exp: float
    jti: str
    iat: float | None = None
    nbf: float | None = None
    assertion_details: Any = None


def check_client_assertion(
    text: str, *, issuer: str, client_id: str | None, clients: Clients, now_s: float
) -> ClientAssertion:
    """`client_id`: of the form, where it names one. `now_s`: Unix time. Raises Refused."""
    try:
        token = read_jwt(text)
        claims = token.claims(_Claims)
    except Unreadable as error:
        raise _refused(f"The client assertion {error}.") from None
    _check_header(token)
    client = clients.get(claims.iss)
    if client is None:
        raise _refused("Unknown client: the iss of the client assertion is not registered.")
    if claims.sub != claims.iss or client_id not in {None, claims.iss}:
        raise _refused("The client assertion's iss and sub must both be the client_id of the request.")
    if claims.aud != issuer:
        raise _refused("The client assertion's aud must be the issuer, exactly as in its discovery document.")
    if not client.has_signed(token):
        raise _refused("The client assertion's signature fits no key that is registered for the client.")
    _check_times(claims, now_s)
    if not 0 < len(claims.jti) <= MAX_ID_CHARS:
        raise _refused(f"The client assertion's jti must have 1 to {MAX_ID_CHARS} characters.")
    return ClientAssertion(client=client, assertion_id=claims.jti, details=claims.assertion_details)


def _check_header(token: Jwt) -> None:
    if token.header.get("typ") != TYPE:
        raise _refused(f"The client assertion's typ must be {TYPE}.")
    if token.header.get("alg") not in ALGORITHMS:
        raise _refused(f"The client assertion's alg must be one of {', '.join(ALGORITHMS)}.")


def _check_times(claims: _Claims, now_s: float) -> None:
    if claims.exp <= now_s - SKEW_S:
        raise _refused("The client assertion has expired.")
    if claims.exp > now_s + MAX_AHEAD_S + SKEW_S:
        raise _refused(f"The client assertion's exp is more than {MAX_AHEAD_S:g} s ahead.")
    if max(claims.iat or 0, claims.nbf or 0) > now_s + SKEW_S:
        raise _refused("The client assertion is not yet valid: its iat or nbf is ahead.")


def _refused(why: str) -> Refused:
    return Refused(INVALID_CLIENT, why)
