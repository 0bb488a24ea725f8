"""Whether the tests of the whole system sign in (`pytest --sign-in`), and the settings for it."""

from collections.abc import Mapping

import msgspec

from bridge.sandbox.server import Sandbox
from bridge.sandbox.sign_in.service import SignInPlan

is_wanted = False
"""Set by conftest from the command line."""


def plan() -> SignInPlan | None:
    """What the sandbox demands: tokens and proofs, or nothing."""
    return SignInPlan() if is_wanted else None


def settings(sandbox: Sandbox, demanded: SignInPlan | None) -> Mapping[str, str]:
    """How the bridge signs in to a sandbox that demands this."""
    if demanded is None:
        return {"BRIDGE_NHN__AUTH__METHOD": "none"}
    return {
        "BRIDGE_NHN__AUTH__ISSUER": sandbox.issuer_url,
        "BRIDGE_NHN__AUTH__CLIENT_ID": sandbox.client.client_id,
        "BRIDGE_NHN__AUTH__PRIVATE_KEY": msgspec.json.encode(sandbox.client.jwk).decode(),
    }


def altinn_settings(sandbox: Sandbox, demanded: SignInPlan | None) -> Mapping[str, str]:
    """The same for Altinn's API."""
    if demanded is None:
        return {"BRIDGE_ALTINN__AUTH__METHOD": "none"}
    return {
        "BRIDGE_ALTINN__AUTH__ISSUER": sandbox.maskinporten_url,
        "BRIDGE_ALTINN__AUTH__CLIENT_ID": sandbox.altinn_client.client_id,
        "BRIDGE_ALTINN__AUTH__PRIVATE_KEY": msgspec.json.encode(sandbox.altinn_client.jwk).decode(),
    }
