"""The settings of the Altinn source as they are understood: where, which orders, what events carry. Pure."""

from collections.abc import Iterator
from urllib.parse import urlsplit

from bridge.check.report import Finding, ok, plural, warning
from bridge.check.settings import SUBJECT
from bridge.settings import AltinnSettings

TEST_PLATFORM, PLATFORM = "platform.tt02.altinn.no", "platform.altinn.no"
_ISSUER_OF = {TEST_PLATFORM: "test.maskinporten.no", PLATFORM: "maskinporten.no"}
"""Which Maskinporten's tokens a platform exchanges."""
_CARRIED = {
    "none": "nothing of the recipient",
    "address": "the recipient's e-mail address and organisation number",
    "full": "all that Altinn tells of the recipient, national identity numbers among it",
}


def altinn_settings_findings(altinn: AltinnSettings) -> Iterator[Finding]:
    """What `bridge run` takes from them."""
    parts = urlsplit(altinn.base_url)
    which = ", Altinn's test environment" if parts.hostname == TEST_PLATFORM else ""
    yield ok(SUBJECT, f"the Altinn source is on, at {parts.netloc}{which}; events carry {_CARRIED[altinn.recipient]}")
    yield ok(SUBJECT, _orders(altinn))
    issuer = urlsplit(altinn.auth.issuer).hostname
    wanted = _ISSUER_OF.get(parts.hostname or "")
    if altinn.auth.method == "maskinporten" and wanted is not None and issuer != wanted:
        found = f"Altinn's {parts.hostname} takes tokens of {wanted}, and {issuer} is to give them"
        fix = f"Set BRIDGE_ALTINN__AUTH__ISSUER to https://{wanted}/, or BRIDGE_ALTINN__BASE_URL to the other platform."
        yield warning(SUBJECT, found, fix=fix)


def _orders(altinn: AltinnSettings) -> str:
    """How orders come to be watched."""
    ways = [f"{plural(len(altinn.orders), 'order')} of the settings"] if altinn.orders else []
    if altinn.discovery == "feed":
        ways.append(f"those that the status feed names, from the {altinn.feed_start}")
    return f"watched: {', '.join([*ways, 'those that the queue or `bridge orders add` names'])}"
