import ssl
from pathlib import Path

import pytest

from bridge.errors import ConfigurationError
from bridge.tls import client_context
from tests.support.certificates import Authority


def test_certificates_and_host_names_are_verified_with_the_systems_authorities_by_default() -> None:
    context = client_context()

    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2


def test_a_ca_file_is_what_is_trusted_instead(tmp_path: Path) -> None:
    context = client_context(ca_file=Authority(tmp_path).ca_file)

    assert len(context.get_ca_certs()) == 1
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname


def test_a_client_certificate_is_taken_with_its_key(tmp_path: Path) -> None:
    cert_file, key_file = Authority(tmp_path).issue("127.0.0.1")

    client_context(cert_file=cert_file, key_file=key_file)


def test_every_file_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    nothing = tmp_path / "nothing.pem"
    text = tmp_path / "text.pem"
    text.write_text("not PEM")

    with pytest.raises(ConfigurationError) as caught:
        client_context(ca_file=nothing, cert_file=text, key_file=text)

    assert caught.value.mistakes == (
        f"BRIDGE_BROKER__TLS__CA_FILE {nothing}: cannot be read (No such file or directory)",
        (
            f"BRIDGE_BROKER__TLS__CERT_FILE {text}, __KEY_FILE {text}: "
            "must hold a PEM certificate and its PEM private key without a passphrase"
        ),
    )


def test_a_ca_file_without_a_certificate_is_a_mistake(tmp_path: Path) -> None:
    text = tmp_path / "text.pem"
    text.write_text("not PEM")

    with pytest.raises(ConfigurationError, match=r"text\.pem: must hold PEM certificates$"):
        client_context(ca_file=text)


def test_a_key_with_a_passphrase_is_a_mistake_and_nobody_is_asked_for_it(tmp_path: Path) -> None:
    cert_file, key_file = Authority(tmp_path).issue("127.0.0.1", passphrase=b"unknown")

    with pytest.raises(ConfigurationError, match="without a passphrase"):
        client_context(cert_file=cert_file, key_file=key_file)


def test_a_certificate_without_its_key_is_a_mistake(tmp_path: Path) -> None:
    cert_file, _ = Authority(tmp_path).issue("127.0.0.1")

    with pytest.raises(ConfigurationError, match="belong together"):
        client_context(cert_file=cert_file)
