"""What the settings of the Altinn source must be to one another."""

from collections.abc import Iterator

from bridge.settings.given import Spelling
from bridge.settings.model import Settings
from bridge.settings.rule import Rule, either, is_given, readable, sign_in_fits_the_host

_KEY = ("altinn.auth.private_key", "altinn.auth.private_key_file")
_TOKEN = ("altinn.auth.token", "altinn.auth.token_file")


def _method(settings: Settings) -> str | None:
    """How the source signs in; None where it is off."""
    return settings.altinn.auth.method if settings.altinn.is_on else None


def _maskinporten_needs_a_client(settings: Settings, spell: Spelling) -> Iterator[str]:
    if _method(settings) == "maskinporten" and not settings.altinn.auth.client_id:
        yield f"{spell('altinn.auth.client_id')} is missing: Maskinporten needs the id of your client."


def _maskinporten_needs_a_key(settings: Settings, spell: Spelling) -> Iterator[str]:
    if _method(settings) == "maskinporten" and settings.altinn.auth.key is None:
        yield (
            f"{spell('altinn.auth.private_key_file')} (or {spell('altinn.auth.private_key')}) is missing: "
            "Maskinporten needs your client's private key."
        )


def _platform_access_token_is_given(settings: Settings, spell: Spelling) -> Iterator[str]:
    if _method(settings) == "platform-access-token" and settings.altinn.auth.platform_token is None:
        yield (
            f"{spell('altinn.auth.token_file')} (or {spell('altinn.auth.token')}) is missing: "
            f"{spell('altinn.auth.method')} is platform-access-token."
        )


def _key_and_token_are_never_together(settings: Settings, spell: Spelling) -> Iterator[str]:
    """Altinn goes by the platform access token alone where one comes, and shows the orders of its issuer."""
    method = settings.altinn.auth.method
    for names, other in ((_TOKEN, "maskinporten"), (_KEY, "platform-access-token")):
        given = next((name for name in names if is_given(settings, name)), None)
        if given is not None and method == other:
            right = "platform-access-token" if names is _TOKEN else "maskinporten"
            yield (
                f"{spell(given)} is given, but {spell('altinn.auth.method')} is {method}: remove it, "
                f"or set {spell('altinn.auth.method')} to {right} (one of them signs in, never both together)."
            )


def _first_poll_is_no_later_than_any(settings: Settings, spell: Spelling) -> Iterator[str]:
    first_s, max_s = settings.altinn.first_poll_s, settings.altinn.max_poll_s
    if first_s > max_s:
        yield (
            f"{spell('altinn.first_poll_s')} must be at most {spell('altinn.max_poll_s')}, "
            f"but is {first_s:g}, and that {max_s:g}: polls become rarer, never quicker."
        )


ALTINN_RULES = (
    either(*_KEY),
    either(*_TOKEN),
    Rule(("altinn.auth.method", *_KEY, *_TOKEN), _key_and_token_are_never_together),
    Rule(("altinn.auth.method", "altinn.auth.client_id", "altinn.enabled"), _maskinporten_needs_a_client),
    Rule(("altinn.auth.method", *_KEY, "altinn.enabled"), _maskinporten_needs_a_key),
    Rule(("altinn.auth.method", *_TOKEN, "altinn.enabled"), _platform_access_token_is_given),
    sign_in_fits_the_host(
        "altinn", domains=("altinn.no", "altinn.cloud"), issuer="Maskinporten", method="maskinporten"
    ),
    Rule(("altinn.first_poll_s", "altinn.max_poll_s"), _first_poll_is_no_later_than_any),
    readable("altinn.auth.private_key_file", lambda settings: settings.altinn.auth.key),
    readable("altinn.auth.token_file", lambda settings: settings.altinn.auth.platform_token),
)
