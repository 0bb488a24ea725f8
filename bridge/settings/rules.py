"""What settings must be to one another. Each rule yields a sentence for each way in which it is broken.

A rule says which settings it is about; it is not looked at when one of them is wrong by itself, so that no mistake is
told twice.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import BaseModel

from bridge.errors import ConfigurationError
from bridge.settings.fields import is_loopback
from bridge.settings.files import Secret
from bridge.settings.given import Spelling
from bridge.settings.model import Settings
from bridge.settings.names import SettingPath
from bridge.settings.receivers import Receivers
from bridge.settings.store import is_encrypted


@dataclass(frozen=True)
class Rule:
    """One demand on several settings."""

    about: tuple[str, ...]
    """Dotted names of settings or groups."""
    broken: Callable[[Settings, Spelling], Iterator[str]]


def broken_rules(settings: Settings, spell: Spelling, wrong: frozenset[SettingPath]) -> Iterator[str]:
    """A sentence for each contradiction among the settings that are not `wrong` by themselves."""
    for rule in RULES:
        about = [tuple(name.split(".")) for name in rule.about]
        if not any(path[: len(prefix)] == prefix for prefix in about for path in wrong):
            yield from rule.broken(settings, spell)


def _is_given(settings: Settings, name: str) -> bool:
    model: BaseModel = settings
    *groups, field = name.split(".")
    for group in groups:
        model = getattr(model, group)
    return field in model.model_fields_set


def _either(one: str, other: str) -> Rule:
    def broken(settings: Settings, spell: Spelling) -> Iterator[str]:
        if _is_given(settings, one) and _is_given(settings, other):
            yield f"{spell(one)} and {spell(other)} are both given: keep one."

    return Rule((one, other), broken)


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


def _sign_in_fits_the_host(settings: Settings, spell: Spelling) -> Iterator[str]:
    url = settings.nhn.base_url
    host = urlsplit(url).hostname or ""
    is_anonymous = settings.nhn.auth.method == "none"
    if is_anonymous and (host == "nhn.no" or host.endswith(".nhn.no")):
        yield (
            f"{spell('nhn.auth.method')} is none, but {host} wants HelseID: "
            f"use helseid, or set {spell('nhn.base_url')} to your sandbox."
        )
    if not is_anonymous and urlsplit(url).scheme == "http" and not is_loopback(url):
        yield (
            f"{spell('nhn.base_url')} must begin with https://: over plain http:// the token could be read on its "
            f"way (http:// is for this machine's own addresses, and for a sandbox with {spell('nhn.auth.method')} "
            "none)."
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
    given = [name for name in ("nhn.tenants", "nhn.her_ids_file", "nhn.her_ids") if _is_given(settings, name)]
    try:
        Receivers(settings.nhn.all_tenants).current()
    except ConfigurationError as exc:
        yield from (f"{spell(given[0])}: {mistake}" for mistake in exc.mistakes)


def _readable(name: str, secret_of: Callable[[Settings], Secret[str] | Secret[tuple[str, ...]] | None]) -> Rule:
    def broken(settings: Settings, spell: Spelling) -> Iterator[str]:
        try:
            if (secret := secret_of(settings)) is not None:
                secret.get()
        except ConfigurationError as exc:
            yield from (f"{spell(name)}: {mistake}" for mistake in exc.mistakes)

    return Rule((name,), broken)


def _tls_files_are_of_use(
    group: str, unused: Callable[[Settings, Spelling], str | None]
) -> Callable[[Settings, Spelling], Iterator[str]]:
    """`unused`: why the files of the group would do nothing, as a clause; None where they are used."""

    def broken(settings: Settings, spell: Spelling) -> Iterator[str]:
        tls = getattr(settings, group).tls
        given = {f"{group}.tls.{field}": path for field, path in tls if isinstance(path, Path)}
        for name, path in given.items():
            try:
                path.open("rb").close()
            except OSError as exc:
                yield f"{spell(name)} names {path}, which cannot be read ({exc.strerror})."
        if (tls.cert_file is None) != (tls.key_file is None):
            missing = "key_file" if tls.key_file is None else "cert_file"
            yield f"{spell(f'{group}.tls.{missing}')} is missing: certificate and key are of use only together."
        try:
            why = unused(settings, spell) if given else None
        except ConfigurationError:
            return  # told where those files are read
        if why is not None:
            yield f"{spell(next(iter(given)))} is given, but {why}."

    return broken


def _broker_in_plain_text(settings: Settings, spell: Spelling) -> str | None:
    management = settings.broker.management
    urls = (*settings.broker.url_source.get(), management.get() if management is not None else "")
    if any(url.startswith(("amqps://", "https://")) for url in urls):
        return None
    return f"no URL uses TLS: write amqps:// in {spell('broker.urls')} (port 5671 as a rule)"


def _store_in_plain_text(settings: Settings, spell: Spelling) -> str | None:
    if is_encrypted(settings.store.url_source.get()):
        return None
    return f"{spell('store.url')} does not use TLS: that needs postgresql://, on this machine with sslmode=verify-full"


def _declared_subscriptions_can_be(settings: Settings, spell: Spelling) -> Iterator[str]:
    for number, subscription in enumerate(settings.broker.subscriptions):
        subject = spell("broker.subscriptions", f"[{number}]")
        if subscription.declare and settings.broker.topology == "check":
            yield f"{subject} has declare on, but {spell('broker.topology')} is check: turn one of them off."
        if subscription.declare and not subscription.bindings:
            yield f"{subject} has declare on, but no bindings: nothing would reach {subscription.queue}."


def _parked_exchange_is_its_own(settings: Settings, spell: Spelling) -> Iterator[str]:
    broker = settings.broker
    if broker.exchange_parked in {broker.exchange_nhn, broker.exchange_altinn}:
        yield (
            f"{spell('broker.exchange_parked')} must differ from the exchanges of the events: "
            "what cannot be delivered would go round in circles."
        )


RULES = (
    _either("nhn.her_ids", "nhn.her_ids_file"),
    _either("nhn.her_ids", "nhn.tenants"),
    _either("nhn.her_ids_file", "nhn.tenants"),
    _either("nhn.auth.private_key", "nhn.auth.private_key_file"),
    _either("broker.urls", "broker.urls_file"),
    _either("broker.management_url", "broker.management_url_file"),
    _either("store.url", "store.url_file"),
    Rule(("nhn.her_ids", "nhn.her_ids_file", "nhn.tenants", "nhn.enabled"), _source_needs_receivers),
    Rule(("nhn.source_system", "nhn.enabled"), _source_needs_its_name),
    Rule(("nhn.auth.method", "nhn.auth.client_id", "nhn.enabled"), _helseid_needs_a_client),
    Rule(("nhn.auth.method", "nhn.auth.private_key", "nhn.auth.private_key_file", "nhn.enabled"), _helseid_needs_a_key),
    Rule(
        ("nhn.auth.method", "nhn.auth.tenancy", "nhn.auth.orgnr_parent", "nhn.tenants", "nhn.enabled"),
        _multi_tenancy_needs_parents,
    ),
    Rule(("nhn.auth.method", "nhn.base_url"), _sign_in_fits_the_host),
    Rule(("nhn.tenants",), _tenants_are_distinct),
    Rule(("nhn.her_ids", "nhn.her_ids_file", "nhn.tenants", "nhn.enabled"), _receivers_can_be_read),
    _readable("nhn.auth.private_key_file", lambda settings: settings.nhn.auth.key),
    _readable("broker.urls_file", lambda settings: settings.broker.url_source),
    _readable("broker.management_url_file", lambda settings: settings.broker.management),
    _readable("store.url_file", lambda settings: settings.store.url_source),
    Rule(
        ("broker.tls", "broker.urls", "broker.urls_file", "broker.management_url"),
        _tls_files_are_of_use("broker", _broker_in_plain_text),
    ),
    Rule(("store.tls", "store.url", "store.url_file"), _tls_files_are_of_use("store", _store_in_plain_text)),
    Rule(("broker.subscriptions", "broker.topology"), _declared_subscriptions_can_be),
    Rule(("broker.exchange_nhn", "broker.exchange_altinn", "broker.exchange_parked"), _parked_exchange_is_its_own),
)
