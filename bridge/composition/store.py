"""The store."""

from contextlib import AbstractAsyncContextManager

from bridge.leases import Holdings
from bridge.ports import Clock
from bridge.settings import Settings
from bridge.store import Stores, open_store
from bridge.tls import client_context


def make_store(
    settings: Settings, clock: Clock, *, is_owner: bool = True, holdings: Holdings | None = None
) -> AbstractAsyncContextManager[Stores]:
    """The store of the settings, opened by entering it; see `open_store`. Raises ConfigurationError for TLS files that
    cannot be used.
    """
    url, files = settings.store.url_source, settings.store.tls
    tls = client_context("BRIDGE_STORE__TLS", ca_file=files.ca_file, cert_file=files.cert_file, key_file=files.key_file)
    return open_store(url.get(), clock=clock, tls=tls, read_url=url.get, is_owner=is_owner, holdings=holdings)
