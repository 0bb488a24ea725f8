"""What to say of the PostgreSQL server that is to be the store, or of why it cannot be reached. Pure."""

from sqlalchemy.engine import URL

from bridge.check.causes import Cause, cause_of
from bridge.check.report import Finding, failed, ok, warning
from bridge.errors import StoreUnavailable
from bridge.store.errors import sqlstate
from bridge.store.server import ServerSeen
from bridge.store.url import uses_tls

SUBJECT = "store"
MIN_VERSION = 13
"""The oldest major version that the statements of this program are written for."""

_HOW = {True: "with TLS", False: "in plain text"}
_CAUSES: dict[Cause, str] = {
    Cause.UNKNOWN_HOST: "Correct the host in BRIDGE_STORE__URL, or the name service of this machine.",
    Cause.REFUSED: "Start the server, or correct host and port in BRIDGE_STORE__URL.",
    Cause.CERTIFICATE: "Name the authority's certificate in BRIDGE_STORE__TLS__CA_FILE, and the host in "
    "BRIDGE_STORE__URL as the server's certificate names it.",
    Cause.TLS: "See which certificate of ours the server wants: BRIDGE_STORE__TLS__CERT_FILE and __KEY_FILE.",
    Cause.UNREACHABLE: "Open the way there: a route, a firewall, a network policy.",
    Cause.BROKEN_OFF: "Turn TLS on at the server, or add ?sslmode=disable to BRIDGE_STORE__URL where plain text is "
    "right; and see that what listens there is PostgreSQL.",
}
_LATER = "Run the check again; if it stays, look into the server's log."
_STATES: dict[str, tuple[str, str]] = {
    "28P01": ("refuses the user's password", "Correct user and password in BRIDGE_STORE__URL."),
    "28000": (
        "refuses the login",
        "Create the user, or let it in from here in the server's pg_hba.conf (which may ask for TLS).",
    ),
    "3D000": ("has no such database", 'Correct BRIDGE_STORE__URL, or create it: CREATE DATABASE "{database}".'),
    "42501": ("does not let the user in", 'Grant it: GRANT CONNECT ON DATABASE "{database}" TO "{user}".'),
    "53300": ("has no connection left", "Raise its max_connections, or end what holds them."),
    "57P03": ("is starting or stopping", "Run the check again in a moment."),
}
"""SQLSTATE → what the server does, and what to do about it."""


def name_of(url: URL) -> str:
    """`host:port/database`: how it is spoken of."""
    return f"{url.host}:{url.port or 5432}/{url.database}"


def unreachable_finding(url: URL, error: StoreUnavailable) -> Finding:
    """Why there is no looking into it, in words a person can act on."""
    name, known = name_of(url), {"database": url.database or "", "user": url.username or ""}
    state = sqlstate(error.__cause__)
    if state in _STATES:
        found, fix = _STATES[state]
        return failed(SUBJECT, found, name=name, fix=fix.format_map(known))
    cause = cause_of(error) if state is None else None
    if cause is None:
        return failed(SUBJECT, str(error), name=name, fix=_LATER)
    is_refusal_of_tls = cause is Cause.BROKEN_OFF and uses_tls(url)
    found = "it offers no TLS, or is not PostgreSQL" if is_refusal_of_tls else cause.value
    return failed(SUBJECT, found, name=name, fix=_CAUSES[cause])


def server_findings(url: URL, seen: ServerSeen, *, is_migrated: bool) -> list[Finding]:
    """What is right and wrong with the server. `is_migrated`: the tables are as this program needs them."""
    name, findings = name_of(url), []
    version = f"{seen.version // 10_000}.{seen.version % 10_000}"
    if seen.version // 10_000 < MIN_VERSION:
        findings.append(
            failed(
                SUBJECT,
                f"is PostgreSQL {version}, which is too old",
                name=name,
                fix=f"Use {MIN_VERSION} or a later one.",
            )
        )
    else:
        findings.append(ok(SUBJECT, f"PostgreSQL {version}, signed in as {seen.user} {_HOW[uses_tls(url)]}", name=name))
    if seen.is_read_only:
        fix = "Name the primary server in BRIDGE_STORE__URL."
        findings.append(failed(SUBJECT, "is read-only: a standby, or set so", name=name, fix=fix))
    if not seen.has_fsync:
        fix = "Turn fsync on in its configuration: a power cut could lose cursors and damage the store."
        findings.append(warning(SUBJECT, "does not wait for its disk (fsync is off)", name=name, fix=fix))
    if not is_migrated and not seen.can_create:
        fix = f'Grant it: GRANT CREATE, USAGE ON SCHEMA public TO "{seen.user}", or let a user with that right migrate.'
        findings.append(failed(SUBJECT, "the user may not make tables", name=name, fix=fix))
    if seen.lacking:
        found = f"the user may not read and write {', '.join(seen.lacking)}"
        fix = f'Make "{seen.user}" the owner of these tables, or grant it SELECT, INSERT, UPDATE and DELETE on them.'
        findings.append(failed(SUBJECT, found, name=name, fix=fix))
    return findings
