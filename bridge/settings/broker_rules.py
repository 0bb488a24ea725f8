"""What the settings of the broker must be to one another."""

from collections.abc import Iterator

from bridge.settings.given import Spelling
from bridge.settings.model import Settings
from bridge.settings.rule import Rule, either, readable
from bridge.settings.tls_rule import tls_files_are_of_use


def _in_plain_text(settings: Settings, spell: Spelling) -> str | None:
    management = settings.broker.management
    urls = (*settings.broker.url_source.get(), management.get() if management is not None else "")
    if any(url.startswith(("amqps://", "https://")) for url in urls):
        return None
    return f"no URL uses TLS: write amqps:// in {spell('broker.urls')} (port 5671 as a rule)"


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


def _sources_have_exchanges_of_their_own(settings: Settings, spell: Spelling) -> Iterator[str]:
    if settings.broker.exchange_nhn == settings.broker.exchange_altinn:
        yield (
            f"{spell('broker.exchange_altinn')} must differ from {spell('broker.exchange_nhn')}: "
            "a queue bound with `#` for one source would get the other's events too."
        )


BROKER_RULES = (
    either("broker.urls", "broker.urls_file"),
    either("broker.management_url", "broker.management_url_file"),
    readable("broker.urls_file", lambda settings: settings.broker.url_source),
    readable("broker.management_url_file", lambda settings: settings.broker.management),
    tls_files_are_of_use("broker", "broker.urls", "broker.urls_file", "broker.management_url", unused=_in_plain_text),
    Rule(("broker.subscriptions", "broker.topology"), _declared_subscriptions_can_be),
    Rule(("broker.exchange_nhn", "broker.exchange_altinn", "broker.exchange_parked"), _parked_exchange_is_its_own),
    Rule(("broker.exchange_nhn", "broker.exchange_altinn"), _sources_have_exchanges_of_their_own),
)
