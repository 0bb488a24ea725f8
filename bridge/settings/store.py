"""Settings of the store: which database, and how the way to it is guarded."""

import re
from typing import Annotated
from urllib.parse import parse_qsl, urlsplit

from pydantic import AfterValidator, Field, SecretStr

from bridge.settings.fields import FilePath, Group, is_loopback, split_url
from bridge.settings.files import Secret

SSL_MODES = frozenset({"disable", "require", "verify-ca", "verify-full"})
"""What `sslmode` can be. `allow` and `prefer` would fall back to plain text where somebody on the way wants that."""


def check_store_url(text: str) -> str:
    """The URL without space around it; ValueError where the store cannot be that. Says nothing of the text: it may
    hold a password.
    """
    url = text.strip()
    if re.match(r"postgres(ql)?(\+asyncpg)?://", url):
        _check_server(url)
        return url
    path = url.removeprefix("sqlite:///")
    if path == url or not path or path.startswith(":memory:"):
        raise ValueError(
            "must name a file of SQLite, such as sqlite:///bridge.db or sqlite:////data/bridge.db, or a database of "
            "PostgreSQL, such as postgresql://user:password@db.example.no/bridge"
        )
    return url


def _check_server(url: str) -> None:
    parts = split_url(url)
    if parts is None or len(parts.path) <= 1:
        raise ValueError("must name host and database, such as postgresql://user:password@db.example.no/bridge")
    parameters = parse_qsl(parts.query, keep_blank_values=True)
    if parts.fragment or any(name != "sslmode" for name, _ in parameters):
        raise ValueError("can have one parameter, sslmode (files of TLS: see STORE__TLS__…)")
    if any(mode not in SSL_MODES for _, mode in parameters):
        raise ValueError("must have sslmode verify-full (as it is by default) or, for plain text, disable")


def is_encrypted(url: str) -> bool:
    """Whether TLS is used on the way to this store."""
    if url.startswith("sqlite"):
        return False
    modes = [value for _, value in parse_qsl(urlsplit(url).query)]
    return modes[-1] != "disable" if modes else not is_loopback(url)


def _store_url(url: SecretStr) -> SecretStr:
    return SecretStr(check_store_url(url.get_secret_value()))


StoreUrl = Annotated[SecretStr, AfterValidator(_store_url)]


class StoreTls(Group):
    """TLS towards PostgreSQL: used unless the server is on this machine or the URL says sslmode=disable. Certificates
    are always verified.
    """

    ca_file: FilePath | None = None
    """PEM with the authorities that are trusted. Default: the system's."""
    cert_file: FilePath | None = None
    """PEM with the client's certificate chain; together with KEY_FILE."""
    key_file: FilePath | None = None
    """PEM with the client certificate's private key, without a passphrase; together with CERT_FILE."""


class StoreSettings(Group):
    """Where cursors are kept."""

    url: StoreUrl = SecretStr("sqlite:///bridge.db")
    """`sqlite:///` and a path, relative to the working directory; an absolute one has four slashes. Its directory must
    outlive the process: a lost store starts from NHN__START again. Or `postgresql://user:password@host/database`,
    with TLS unless the host is this machine or `?sslmode=disable` says otherwise. This or URL_FILE."""
    url_file: FilePath | None = None
    """A file with the URL; read again when it changes, at the next connection."""
    tls: StoreTls = Field(default_factory=StoreTls)

    @property
    def url_source(self) -> Secret[str]:
        """The URL, from wherever it was given."""
        if self.url_file is not None:
            return Secret.in_file(self.url_file, check_store_url)
        return Secret.given(self.url.get_secret_value())
