"""Settings of the Altinn source: right ones, wrong ones, and what to do about these."""

from pathlib import Path

import pytest

from bridge.errors import ConfigurationError
from bridge.settings import Settings, load_settings

ORDER = "f1a1cc30-197f-4f34-8304-006ce4945fd1"
SANDBOX = {"ALTINN__BASE_URL": "http://127.0.0.1:8085", "ALTINN__AUTH__METHOD": "none"}
MASKINPORTEN = {"ALTINN__AUTH__CLIENT_ID": "client", "ALTINN__AUTH__PRIVATE_KEY": '{"kty":"RSA","d":"hunter2"}'}
PLATFORM = {"ALTINN__AUTH__METHOD": "platform-access-token", "ALTINN__AUTH__TOKEN": "aaa.hunter2.ccc"}
NHN = {
    "NHN__HER_IDS": "6789",
    "NHN__SOURCE_SYSTEM": "My-EPJ, v1.0.2",
    "NHN__BASE_URL": "http://127.0.0.1:8090",
    "NHN__AUTH__METHOD": "none",
}


def load(given: dict[str, str], **more: str) -> Settings:
    return load_settings({f"BRIDGE_{name}": value for name, value in {**given, **more}.items()})


def mistakes(given: dict[str, str], **more: str) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        load(given, **more)
    return list(caught.value.mistakes)


def without(given: dict[str, str], *names: str) -> dict[str, str]:
    return {name: value for name, value in given.items() if name not in names}


def test_without_any_setting_every_default_is_the_documented_one() -> None:
    altinn = load({}).altinn
    assert not altinn.is_on
    assert altinn.orders == frozenset()
    assert altinn.base_url == "https://platform.tt02.altinn.no"
    assert (altinn.discovery, altinn.feed_start) == ("none", "latest")
    assert (altinn.max_requests_per_s, altinn.order_closed_events) == (20, False)
    assert (altinn.first_poll_s, altinn.max_poll_s, altinn.give_up_after_s) == (5, 3600, 345_600)
    assert (altinn.recipient, altinn.enabled) == ("address", None)
    assert (altinn.auth.method, altinn.auth.issuer) == ("maskinporten", "https://test.maskinporten.no/")
    assert (altinn.auth.scope, altinn.auth.client_id, altinn.auth.key_id) == (
        "altinn:serviceowner/notifications.create",
        "",
        "",
    )
    assert (altinn.auth.key, altinn.auth.platform_token) == (None, None)


@pytest.mark.parametrize("given", [SANDBOX, MASKINPORTEN, PLATFORM])
def test_a_source_that_can_sign_in_needs_neither_orders_nor_discovery(given: dict[str, str]) -> None:
    settings = load(given)
    settings.require_source()
    assert (settings.altinn.is_on, settings.nhn.is_on) == (True, False)


@pytest.mark.parametrize("enabled", [{}, {"ALTINN__ENABLED": "off", "ALTINN__ORDERS": ORDER}])
def test_with_neither_source_on_there_is_nothing_to_run(enabled: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError, match=r"^No source is on: "):
        load(enabled).require_source()


def test_a_source_that_is_off_needs_nothing() -> None:
    assert not load({"ALTINN__ENABLED": "off", "ALTINN__DISCOVERY": "feed"}).altinn.is_on


@pytest.mark.parametrize(
    ("written", "orders"),
    [
        (ORDER, {ORDER}),
        (ORDER.upper(), {ORDER}),
        (f"{ORDER}, {ORDER.upper()}", {ORDER}),
        (
            f'["{ORDER}", "3fa85f64-5717-4562-b3fc-2c963f66afa6"]',
            {ORDER, "3fa85f64-5717-4562-b3fc-2c963f66afa6"},
        ),
    ],
)
def test_orders_are_named_in_small_letters_and_once(written: str, orders: set[str]) -> None:
    assert load(SANDBOX, ALTINN__ORDERS=written).altinn.orders == orders


def test_more_orders_than_a_setting_takes_are_refused() -> None:
    orders = [f"00000000-0000-0000-0000-{number:012}" for number in range(10_001)]
    assert len(load(SANDBOX, ALTINN__ORDERS=",".join(orders[:10_000])).altinn.orders) == 10_000
    assert mistakes(SANDBOX, ALTINN__ORDERS=",".join(orders)) == [
        "BRIDGE_ALTINN__ORDERS names 10001 orders, but takes at most 10000: give the others by the queue or the feed."
    ]


@pytest.mark.parametrize(
    ("written", "base_url"),
    [
        ("https://platform.altinn.no", "https://platform.altinn.no"),
        ("https://platform.altinn.no/", "https://platform.altinn.no"),
        ("https://platform.altinn.no/notifications/api/v1", "https://platform.altinn.no"),
        ("https://platform.altinn.no/notifications/api/v1/", "https://platform.altinn.no"),
        ("http://localhost:5090/notifications/api/v1", "http://localhost:5090"),
        ("https://proxy.example.no/altinn", "https://proxy.example.no/altinn"),
    ],
)
def test_the_platform_is_the_same_with_the_path_of_its_api(written: str, base_url: str) -> None:
    assert load(MASKINPORTEN, ALTINN__BASE_URL=written).altinn.base_url == base_url


@pytest.mark.parametrize(
    "written", ["https://maskinporten.no", "https://maskinporten.no/", "https://maskinporten.no//"]
)
def test_an_issuer_is_named_with_the_slash_at_its_end(written: str) -> None:
    assert load(MASKINPORTEN, ALTINN__AUTH__ISSUER=written).altinn.auth.issuer == "https://maskinporten.no/"


ORDER_IDS = "must be order ids (UUIDs such as f1a1cc30-197f-4f34-8304-006ce4945fd1), but names"


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("ORDERS", "12x", f"{ORDER_IDS} `12x`."),
        ("ORDERS", ORDER.replace("-", ""), f"{ORDER_IDS} `f1a1cc30197f4f348304006ce4945fd1`."),
        ("ORDERS", "a,b,c,d,e,f,g", f"{ORDER_IDS} `a`, `b`, `c`, `d`, `e` and 2 more."),
        ("ORDERS", "01019012345", f"{ORDER_IDS} `[redacted]`."),
        ("BASE_URL", "platform.altinn.no", "must be a URL such as https://api.example.no, but is platform.altinn.no."),
        ("DISCOVERY", "fed", "must be none or feed, but is fed."),
        ("FEED_START", "17", "must be latest or earliest, but is 17."),
        ("MAX_REQUESTS_PER_S", "0", "must be more than 0 and at most 1000, but is 0."),
        ("FIRST_POLL_S", "0", "must be more than 0 and at most 86400, but is 0."),
        ("MAX_POLL_S", "1h", "must be a number more than 0 and at most 604800, but is 1h."),
        ("GIVE_UP_AFTER_S", "1e9", "must be more than 0 and at most 7776000, but is 1e9."),
        ("ORDER_CLOSED_EVENTS", "perhaps", "must be on or off, but is perhaps."),
        ("RECIPIENT", "email", "must be none, address or full, but is email."),
        (
            "AUTH__METHOD",
            "helseid",
            "must be maskinporten, platform-access-token or none, but is helseid.",
        ),
        (
            "AUTH__ISSUER",
            "http://issuer.example",
            "must begin with https:// (plain http:// is for this machine's own addresses), but is http://issuer.example.",
        ),
        ("AUTH__PRIVATE_KEY", "hunter2", "must be a private key as PEM or JWK."),
        ("AUTH__TOKEN", "two words", "must be a token: one line of at most 16384 ASCII characters without spaces."),
        ("AUTH__TOKEN", "x" * 16_385, "must be a token: one line of at most 16384 ASCII characters without spaces."),
        (
            "AUTH__TOKEN_FILE",
            "-----BEGIN PRIVATE KEY-----",
            "must be the path of a file; what is in the file goes into the setting without _FILE.",
        ),
    ],
)
def test_a_wrong_value_is_told_by_name_with_what_it_must_be(name: str, value: str, sentence: str) -> None:
    assert mistakes({"ALTINN__ENABLED": "off"}, **{f"ALTINN__{name}": value}) == [f"BRIDGE_ALTINN__{name} {sentence}"]


def test_maskinporten_needs_a_client_and_its_key() -> None:
    assert mistakes({"ALTINN__ORDERS": ORDER}) == [
        "BRIDGE_ALTINN__AUTH__CLIENT_ID is missing: Maskinporten needs the id of your client.",
        (
            "BRIDGE_ALTINN__AUTH__PRIVATE_KEY_FILE (or BRIDGE_ALTINN__AUTH__PRIVATE_KEY) is missing: "
            "Maskinporten needs your client's private key."
        ),
    ]


def test_a_platform_access_token_must_be_given_where_it_signs_in() -> None:
    assert mistakes(without(PLATFORM, "ALTINN__AUTH__TOKEN")) == [
        (
            "BRIDGE_ALTINN__AUTH__TOKEN_FILE (or BRIDGE_ALTINN__AUTH__TOKEN) is missing: "
            "BRIDGE_ALTINN__AUTH__METHOD is platform-access-token."
        )
    ]


def test_a_private_key_and_a_platform_access_token_are_never_together() -> None:
    assert mistakes(MASKINPORTEN, ALTINN__AUTH__TOKEN="aaa.bbb.ccc") == [
        (
            "BRIDGE_ALTINN__AUTH__TOKEN is given, but BRIDGE_ALTINN__AUTH__METHOD is maskinporten: remove it, "
            "or set BRIDGE_ALTINN__AUTH__METHOD to platform-access-token (one of them signs in, never both together)."
        )
    ]
    assert mistakes(PLATFORM, ALTINN__AUTH__PRIVATE_KEY='{"kty":"RSA","d":"x"}') == [
        (
            "BRIDGE_ALTINN__AUTH__PRIVATE_KEY is given, but BRIDGE_ALTINN__AUTH__METHOD is platform-access-token: "
            "remove it, or set BRIDGE_ALTINN__AUTH__METHOD to maskinporten (one of them signs in, never both together)."
        )
    ]


def test_a_secret_is_given_as_it_is_or_in_a_file_but_not_both(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("aaa.bbb.ccc")
    assert mistakes(PLATFORM, ALTINN__AUTH__TOKEN_FILE=str(file)) == [
        "BRIDGE_ALTINN__AUTH__TOKEN and BRIDGE_ALTINN__AUTH__TOKEN_FILE are both given: keep one."
    ]
    file.write_text('{"kty":"RSA","d":"x"}')
    assert mistakes(MASKINPORTEN, ALTINN__AUTH__PRIVATE_KEY_FILE=str(file)) == [
        "BRIDGE_ALTINN__AUTH__PRIVATE_KEY and BRIDGE_ALTINN__AUTH__PRIVATE_KEY_FILE are both given: keep one."
    ]


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("PRIVATE_KEY", "must be a private key as PEM or JWK."),
        ("TOKEN", "must be a token: one line of at most 16384 ASCII characters without spaces."),
    ],
)
def test_a_file_of_a_secret_must_be_right_at_the_start(tmp_path: Path, name: str, sentence: str) -> None:
    file = tmp_path / "secret"
    method = {"ALTINN__AUTH__METHOD": "maskinporten" if name == "PRIVATE_KEY" else "platform-access-token"}
    given = {"ALTINN__AUTH__CLIENT_ID": "client", f"ALTINN__AUTH__{name}_FILE": str(file), **method}
    assert mistakes(given) == [f"BRIDGE_ALTINN__AUTH__{name}_FILE: {file} cannot be read (No such file or directory)."]
    file.write_text("hunter2 hunter2")
    assert mistakes(given) == [f"BRIDGE_ALTINN__AUTH__{name}_FILE: {file} {sentence}"]


def test_a_platform_access_token_in_a_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("first\n")
    auth = load(without(PLATFORM, "ALTINN__AUTH__TOKEN"), ALTINN__AUTH__TOKEN_FILE=str(file)).altinn.auth
    token = auth.platform_token
    assert token is not None
    assert token.get() == "first"
    file.write_text("the second\n")
    assert token.get() == "first"
    file.write_text("second\n")
    assert token.get() == "second"


@pytest.mark.parametrize("host", ["platform.altinn.no", "platform.tt02.altinn.no", "platform.at22.altinn.cloud"])
def test_without_sign_in_altinns_own_hosts_are_not_called(host: str) -> None:
    assert mistakes(SANDBOX, ALTINN__BASE_URL=f"https://{host}") == [
        (
            f"BRIDGE_ALTINN__AUTH__METHOD is none, but {host} wants Maskinporten: "
            "use maskinporten, or set BRIDGE_ALTINN__BASE_URL to your sandbox."
        )
    ]


@pytest.mark.parametrize("given", [MASKINPORTEN, PLATFORM])
def test_a_token_is_not_sent_over_plain_http(given: dict[str, str]) -> None:
    (sentence,) = mistakes(given, ALTINN__BASE_URL="http://altinn.example.no")
    assert sentence.startswith("BRIDGE_ALTINN__BASE_URL must begin with https://")
    assert load(given, ALTINN__BASE_URL="http://[::1]:5090").altinn.base_url == "http://[::1]:5090"


def test_a_sandbox_in_another_container_needs_no_tls() -> None:
    assert load(SANDBOX, ALTINN__BASE_URL="http://sandbox:8085").altinn.base_url == "http://sandbox:8085"


def test_polls_become_rarer_never_quicker() -> None:
    assert mistakes(SANDBOX, ALTINN__FIRST_POLL_S="60", ALTINN__MAX_POLL_S="30") == [
        (
            "BRIDGE_ALTINN__FIRST_POLL_S must be at most BRIDGE_ALTINN__MAX_POLL_S, but is 60, and that 30: "
            "polls become rarer, never quicker."
        )
    ]
    assert load(SANDBOX, ALTINN__FIRST_POLL_S="30", ALTINN__MAX_POLL_S="30").altinn.first_poll_s == 30


@pytest.mark.parametrize(
    ("given", "exchanges"),
    [
        ({}, ("nhn.notifications",)),
        (NHN, ("nhn.notifications",)),
        (SANDBOX, ("altinn.notifications",)),
        (NHN | SANDBOX, ("nhn.notifications", "altinn.notifications")),
    ],
)
def test_a_subscription_is_of_nhns_events_where_they_are_wanted_else_of_altinns(
    given: dict[str, str], exchanges: tuple[str, ...]
) -> None:
    settings = load(given, BROKER__SUBSCRIPTIONS='[{"queue": "a"}, {"queue": "b", "exchange": "theirs"}]')
    assert settings.event_exchanges == exchanges
    assert [settings.exchange_of(each) for each in settings.broker.subscriptions] == [exchanges[0], "theirs"]


def test_settings_show_no_secret() -> None:
    for given in (MASKINPORTEN, PLATFORM):
        settings = load(given)
        shown = f"{settings!r} {settings} {settings.altinn.auth.key!r} {settings.altinn.auth.platform_token}"
        assert "hunter2" not in shown
