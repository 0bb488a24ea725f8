"""What an issuer or an API does not accept, as a value."""

INVALID_REQUEST = "invalid_request"
INVALID_CLIENT = "invalid_client"
INVALID_GRANT = "invalid_grant"
INVALID_SCOPE = "invalid_scope"
UNSUPPORTED_GRANT_TYPE = "unsupported_grant_type"
"""RFC 6749 §5.2."""
UNUSABLE = "invalid_token"
INSUFFICIENT_SCOPE = "insufficient_scope"
"""RFC 6750 §3.1: of an access token."""
INVALID_DPOP_PROOF = "invalid_dpop_proof"
USE_DPOP_NONCE = "use_dpop_nonce"
"""RFC 9449 §5, §7.1, §8."""


class Refused(Exception):
    """A request is not accepted. The description quotes nothing that was sent."""

    def __init__(self, error: str, description: str) -> None:
        """`error`: OAuth error code; "" where a request brings nothing that could be wrong (RFC 6750 §3.1)."""
        super().__init__(f"{error}: {description}")
        self.error = error
        self.description = description
