"""What a rule between settings is, and the kinds of rules that several groups of settings have."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from pydantic import BaseModel

from bridge.errors import ConfigurationError
from bridge.settings.fields import is_loopback
from bridge.settings.files import Secret
from bridge.settings.given import Spelling
from bridge.settings.model import Settings


@dataclass(frozen=True)
class Rule:
    """One demand on several settings."""

    about: tuple[str, ...]
    """Dotted names of settings or groups."""
    broken: Callable[[Settings, Spelling], Iterator[str]]


def is_given(settings: Settings, name: str) -> bool:
    """Whether a setting was given, whatever its value. `name`: dotted."""
    model: BaseModel = settings
    *groups, field = name.split(".")
    for group in groups:
        model = getattr(model, group)
    return field in model.model_fields_set


def either(one: str, other: str) -> Rule:
    """Of two ways to give the same, one."""

    def broken(settings: Settings, spell: Spelling) -> Iterator[str]:
        if is_given(settings, one) and is_given(settings, other):
            yield f"{spell(one)} and {spell(other)} are both given: keep one."

    return Rule((one, other), broken)


def readable(name: str, secret_of: Callable[[Settings], Secret[str] | Secret[tuple[str, ...]] | None]) -> Rule:
    """What a file gives must be right at the start. `name`: of the setting that names the file."""

    def broken(settings: Settings, spell: Spelling) -> Iterator[str]:
        try:
            if (secret := secret_of(settings)) is not None:
                secret.get()
        except ConfigurationError as exc:
            yield from (f"{spell(name)}: {mistake}" for mistake in exc.mistakes)

    return Rule((name,), broken)


def sign_in_fits_the_host(source: str, *, domains: tuple[str, ...], issuer: str, method: str) -> Rule:
    """No request without a token to the hosts in `domains`, which want one of `issuer`, and no token over plain HTTP.

    `method`: the AUTH__METHOD to advise.
    """

    def broken(settings: Settings, spell: Spelling) -> Iterator[str]:
        group = settings.nhn if source == "nhn" else settings.altinn
        url, host = group.base_url, urlsplit(group.base_url).hostname or ""
        is_anonymous = group.auth.method == "none"
        if is_anonymous and any(host == domain or host.endswith(f".{domain}") for domain in domains):
            yield (
                f"{spell(f'{source}.auth.method')} is none, but {host} wants {issuer}: "
                f"use {method}, or set {spell(f'{source}.base_url')} to your sandbox."
            )
        if not is_anonymous and urlsplit(url).scheme == "http" and not is_loopback(url):
            yield (
                f"{spell(f'{source}.base_url')} must begin with https://: over plain http:// the token could be read "
                "on its way (http:// is for this machine's own addresses, and for a sandbox with "
                f"{spell(f'{source}.auth.method')} none)."
            )

    return Rule((f"{source}.auth.method", f"{source}.base_url"), broken)
