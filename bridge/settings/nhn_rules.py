"""What the settings of the NHN source must be to one another."""

from collections.abc import Iterator

from bridge.errors import ConfigurationError
from bridge.settings.given import Spelling
from bridge.settings.model import Settings
from bridge.settings.receivers import Receivers
from bridge.settings.rule import Rule, either, is_given, readable, sign_in_fits_the_host


def _source_needs_receivers(settings: Settings, spell: Spelling) -> Iterator[str]:
    nhn = settings.nhn
    if nhn.is_on and nhn.her_ids_file is None and not nhn.her_ids and not nhn.tenants:
        yield (
            f"{spell('nhn.her_ids')} is missing: the NHN source is on and needs receivers "
            f"(or set {spell('nhn.enabled')} to off)."
        )


def _source_needs_its_name(settings: Settings, spell: Spelling) -> Iterator[str]:
    if settings.nhn.is_on and not settings.nhn.source_system:
        yield (
            f"{spell('nhn.source_system')} is missing: every request names your system and its version, "
            "e.g. `My-EPJ, v1.0.2`."
        )


def _helseid_needs_a_client(settings: Settings, spell: Spelling) -> Iterator[str]:
    if _signs_in(settings) and not settings.nhn.auth.client_id:
        yield f"{spell('nhn.auth.client_id')} is missing: HelseID needs the id of your client."


def _helseid_needs_a_key(settings: Settings, spell: Spelling) -> Iterator[str]:
    if _signs_in(settings) and settings.nhn.auth.key is None:
        yield (
            f"{spell('nhn.auth.private_key_file')} (or {spell('nhn.auth.private_key')}) is missing: "
            "HelseID needs your client's private key."
        )


def _signs_in(settings: Settings) -> bool:
    return settings.nhn.is_on and settings.nhn.auth.method == "helseid"


def _multi_tenancy_needs_parents(settings: Settings, spell: Spelling) -> Iterator[str]:
    nhn = settings.nhn
    if not _signs_in(settings) or nhn.auth.tenancy != "multi":
        return
    for tenant in nhn.all_tenants:
        if not tenant.orgnr_parent:
            where = f"orgnr_parent of {tenant.name} in {spell('nhn.tenants')}, or " if nhn.tenants else ""
            yield (
                f"{where}{spell('nhn.auth.orgnr_parent')} is missing: "
                f"{spell('nhn.auth.tenancy')} is multi, so the token must name its organisation."
            )


def _tenants_are_distinct(settings: Settings, spell: Spelling) -> Iterator[str]:
    seen: set[str] = set()
    for number, tenant in enumerate(settings.nhn.tenants):
        subject = spell("nhn.tenants", f"[{number}]")
        if tenant.name in seen:
            yield f"{subject} has the name {tenant.name} again: each tenant needs its own."
        seen.add(tenant.name)
        if bool(tenant.her_ids) == (tenant.her_ids_file is not None):
            yield f"{subject} must have either her_ids or her_ids_file."


def _receivers_can_be_read(settings: Settings, spell: Spelling) -> Iterator[str]:
    if not settings.nhn.is_on:
        return
    given = [name for name in ("nhn.tenants", "nhn.her_ids_file", "nhn.her_ids") if is_given(settings, name)]
    try:
        Receivers(settings.nhn.all_tenants).current()
    except ConfigurationError as exc:
        yield from (f"{spell(given[0])}: {mistake}" for mistake in exc.mistakes)


NHN_RULES = (
    either("nhn.her_ids", "nhn.her_ids_file"),
    either("nhn.her_ids", "nhn.tenants"),
    either("nhn.her_ids_file", "nhn.tenants"),
    either("nhn.auth.private_key", "nhn.auth.private_key_file"),
    Rule(("nhn.her_ids", "nhn.her_ids_file", "nhn.tenants", "nhn.enabled"), _source_needs_receivers),
    Rule(("nhn.source_system", "nhn.enabled"), _source_needs_its_name),
    Rule(("nhn.auth.method", "nhn.auth.client_id", "nhn.enabled"), _helseid_needs_a_client),
    Rule(("nhn.auth.method", "nhn.auth.private_key", "nhn.auth.private_key_file", "nhn.enabled"), _helseid_needs_a_key),
    Rule(
        ("nhn.auth.method", "nhn.auth.tenancy", "nhn.auth.orgnr_parent", "nhn.tenants", "nhn.enabled"),
        _multi_tenancy_needs_parents,
    ),
    sign_in_fits_the_host("nhn", domains=("nhn.no",), issuer="HelseID", method="helseid"),
    Rule(("nhn.tenants",), _tenants_are_distinct),
    Rule(("nhn.her_ids", "nhn.her_ids_file", "nhn.tenants", "nhn.enabled"), _receivers_can_be_read),
    readable("nhn.auth.private_key_file", lambda settings: settings.nhn.auth.key),
)
