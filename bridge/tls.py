"""TLS: certificates are verified, always."""

import ssl
from pathlib import Path

from bridge.errors import ConfigurationError


def client_context(
    settings: str = "BRIDGE_BROKER__TLS",
    *,
    ca_file: Path | None = None,
    cert_file: Path | None = None,
    key_file: Path | None = None,
) -> ssl.SSLContext:
    """A context that trusts `ca_file` (default: the system's authorities) and shows `cert_file`.

    TLS 1.2 at least, the host name checked. Raises ConfigurationError, one sentence a
    file that cannot be used, with the name of its setting, which begins with `settings`. Files are read now; after
    they changed, make a new one.
    """
    mistakes = []
    context = modern(ssl.create_default_context())
    if ca_file is not None:
        try:
            context = modern(ssl.create_default_context(cafile=ca_file))
        except OSError as exc:
            mistakes.append(f"{settings}__CA_FILE {ca_file}: {_why(exc, 'PEM certificates')}")
    if (cert_file is None) != (key_file is None):
        mistakes.append(f"{settings}__CERT_FILE and __KEY_FILE belong together: give both or neither")
    elif cert_file is not None:
        try:
            context.load_cert_chain(cert_file, key_file, password=_no_passphrase)
        except OSError as exc:
            wanted = "a PEM certificate and its PEM private key without a passphrase"
            mistakes.append(f"{settings}__CERT_FILE {cert_file}, __KEY_FILE {key_file}: {_why(exc, wanted)}")
    if mistakes:
        raise ConfigurationError(*mistakes)
    return context


def modern(context: ssl.SSLContext) -> ssl.SSLContext:
    """The context, for TLS 1.2 at least: Debian's Python leaves that to OpenSSL's configuration."""
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _no_passphrase() -> str:
    """Without this, OpenSSL would ask for one on the terminal, and wait."""
    return ""


def _why(error: OSError, wanted: str) -> str:
    if isinstance(error, ssl.SSLError):
        return f"must hold {wanted}"
    return f"cannot be read ({error.strerror})"
