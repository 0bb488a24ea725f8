"""What the settings of the store must be to one another."""

from bridge.settings.given import Spelling
from bridge.settings.model import Settings
from bridge.settings.rule import either, readable
from bridge.settings.store import is_encrypted
from bridge.settings.tls_rule import tls_files_are_of_use


def _in_plain_text(settings: Settings, spell: Spelling) -> str | None:
    if is_encrypted(settings.store.url_source.get()):
        return None
    return f"{spell('store.url')} does not use TLS: that needs postgresql://, on this machine with sslmode=verify-full"


STORE_RULES = (
    either("store.url", "store.url_file"),
    readable("store.url_file", lambda settings: settings.store.url_source),
    tls_files_are_of_use("store", "store.url", "store.url_file", unused=_in_plain_text),
)
