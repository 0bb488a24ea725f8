"""What a field of the settings can be: the base of all groups, and the texts that users write made into values.

Every value arrives as text, from the environment and from a file alike, so that one spelling means one thing. A
validator here raises ValueError with the rest of a sentence that begins with the setting's name ("must be …").
"""

import ipaddress
import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, SecretStr
from pydantic_settings import SettingsConfigDict

MAX_NAME_BYTES = 255
"""AMQP 0-9-1 short string: the names of queues and exchanges."""


class Group(BaseModel):
    """Settings that belong together. Immutable; unknown names are errors; no number is infinite."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False, str_strip_whitespace=True
    )


def listed(value: object) -> list[object]:
    """JSON, comma-separated, or one bare value, as a list. JSON numbers stay the text that was written."""
    if not isinstance(value, str):
        return list(value) if isinstance(value, list | tuple | set | frozenset) else [value]
    if not value.lstrip().startswith(("[", "{")):
        return [part.strip() for part in value.split(",") if part.strip()]
    try:
        parsed = json.loads(value, parse_int=str, parse_float=str, parse_constant=str)
    except json.JSONDecodeError as exc:
        raise ValueError(f"must be valid JSON or comma-separated ({exc.msg} at character {exc.pos + 1})") from None
    except RecursionError:
        raise ValueError("must be valid JSON or comma-separated (it is nested too deeply)") from None
    return parsed if isinstance(parsed, list) else [parsed]


def split_url(url: str) -> SplitResult | None:
    """The parts of a URL with a host; None where it is none. Says nothing of the text: it may hold a password."""
    try:
        parts = urlsplit(url)
        if not parts.hostname or parts.port == 0 or re.search(r"\s", url):
            return None
    except ValueError:
        return None
    return parts


def is_loopback(url: str) -> bool:
    """Whether the URL's host is this machine: `localhost`, `*.localhost` (RFC 6761), 127.0.0.0/8 or ::1."""
    host = urlsplit(url).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _http_url(url: str) -> str:
    parts = split_url(url)
    if parts is None or parts.scheme not in {"http", "https"}:
        raise ValueError("must be a URL such as https://api.example.no")
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError("must be a URL without user, query and fragment")
    return url.rstrip("/")


def _tls_url(url: str) -> str:
    if urlsplit(url).scheme != "https" and not is_loopback(url):
        raise ValueError("must begin with https:// (plain http:// is for this machine's own addresses)")
    return url


def _management_url(url: SecretStr) -> SecretStr:
    return SecretStr(check_management_url(url.get_secret_value()))


def check_management_url(text: str) -> str:
    """The URL without a slash at its end; ValueError where it is none. User and password may be part of it."""
    url = text.strip()
    parts = split_url(url)
    if parts is None or parts.scheme not in {"http", "https"} or parts.query or parts.fragment:
        raise ValueError("must be a URL such as https://user:password@rabbitmq.example.no:15671")
    return url.rstrip("/")


def parse_amqp_urls(text: str) -> tuple[str, ...]:
    """The URLs of a file: JSON, or parted by commas or line ends, with `#` comments; ValueError where one is none."""
    if not text.lstrip().startswith("["):
        lines = (line.strip() for line in text.splitlines())
        text = ",".join(line for line in lines if not line.startswith("#"))
    return _check_amqp_urls([str(url) for url in listed(text)])


def _check_amqp_urls(urls: Sequence[str]) -> tuple[str, ...]:
    if not urls:
        raise ValueError("must name at least one AMQP URL")
    for number, url in enumerate(urls, start=1):
        parts = split_url(url)
        if parts is None or parts.scheme not in {"amqp", "amqps"}:
            raise ValueError(f"must be AMQP URLs such as amqps://user:password@host:5671/vhost; number {number} is not")
        if parts.query or parts.fragment:
            # Clients read settings of TLS there that would pass by ours.
            raise ValueError(f"must have nothing after the vhost (see BROKER__TLS__…); number {number} has parameters")
    return tuple(urls)


def _amqp_urls(value: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
    _check_amqp_urls([url.get_secret_value() for url in value])
    return value


def check_private_key(text: str) -> str:
    """A private key as PEM or JWK (the key itself is read where it signs); ValueError where it is neither."""
    text = text.strip()
    if text.startswith("-----BEGIN ") and "PRIVATE KEY-----" in text:
        if "-----BEGIN ENCRYPTED" in text:
            raise ValueError("must be a key without a passphrase")
        # In an environment variable a PEM often has its line ends written out as \n.
        return text if "\n" in text else text.replace("\\n", "\n")
    try:
        jwk = json.loads(text)
    except (json.JSONDecodeError, RecursionError):
        raise ValueError("must be a private key as PEM or JWK") from None
    if not isinstance(jwk, dict) or "kty" not in jwk:
        raise ValueError("must be a private key as PEM or JWK")
    if "d" not in jwk:
        raise ValueError("must be the private key, but is a public one")
    return text


def _private_key(key: SecretStr) -> SecretStr:
    return SecretStr(check_private_key(key.get_secret_value()))


def _path(path: Path) -> Path:
    text = str(path)
    if not text.isprintable() or text.startswith(("{", "[", "-----BEGIN")) or "://" in text:
        raise ValueError("must be the path of a file; what is in the file goes into the setting without _FILE")
    return path


def _matching(pattern: str, sentence: str) -> Callable[[str], str]:
    """A validator of whole texts; the empty text means "not given" wherever that is the default."""
    compiled = re.compile(f"({pattern})?", re.ASCII)

    def check(text: str) -> str:
        if not compiled.fullmatch(text):
            raise ValueError(sentence)
        return text

    return check


def _tenant_name(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9-]{1,40}", text, re.ASCII):
        raise ValueError("must be 1 to 40 of the characters a-z, 0-9 and -")
    return text


def _name(text: str) -> str:
    if not text or len(text.encode()) > MAX_NAME_BYTES:
        raise ValueError(f"must be a name of 1 to {MAX_NAME_BYTES} bytes")
    # What pamqp writes; RabbitMQ itself would take more.
    if not re.fullmatch(r"[a-zA-Z0-9\-_.:@#,/><]+", text):
        raise ValueError("must be a name of letters a-z, digits and -_.:@#,/><")
    return text


def _exchange(text: str) -> str:
    if text.startswith("amq."):
        raise ValueError("must not begin with `amq.`, which RabbitMQ keeps for itself")
    return _name(text)


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


Listed = BeforeValidator(listed)
Lower = BeforeValidator(_lower)

FilePath = Annotated[Path, AfterValidator(_path)]
HttpUrl = Annotated[str, AfterValidator(_http_url)]
TlsUrl = Annotated[str, AfterValidator(_http_url), AfterValidator(_tls_url)]
ManagementUrl = Annotated[SecretStr, AfterValidator(_management_url)]
AmqpUrls = Annotated[tuple[SecretStr, ...], Listed, AfterValidator(_amqp_urls)]
PrivateKey = Annotated[SecretStr, AfterValidator(_private_key)]
QueueName = Annotated[str, AfterValidator(_name)]
ExchangeName = Annotated[str, AfterValidator(_exchange)]

HeaderText = Annotated[
    str,
    AfterValidator(_matching(r"(?! )[\x20-\x7e]{1,200}(?<! )", "must be plain ASCII text of 1 to 200 characters")),
]
Word = Annotated[
    str, AfterValidator(_matching(r"[\x21-\x7e]{1,200}", "must be 1 to 200 ASCII characters without spaces"))
]
"""One word: an id, a version."""
OrganisationNumber = Annotated[
    str, AfterValidator(_matching(r"[0-9]{9}", "must be an organisation number of 9 digits"))
]
TenantName = Annotated[str, AfterValidator(_tenant_name)]
