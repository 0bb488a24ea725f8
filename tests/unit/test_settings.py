"""Settings that are right: names, defaults, how values are written, which place wins."""

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from bridge.errors import ConfigurationError
from bridge.settings import Settings, Tenant, load_settings

SANDBOX = {
    "BRIDGE_NHN__SOURCE_SYSTEM": "My-EPJ, v1.0.2",
    "BRIDGE_NHN__BASE_URL": "http://127.0.0.1:8090",
    "BRIDGE_NHN__AUTH__METHOD": "none",
}


def load(**given: str) -> Settings:
    return load_settings({f"BRIDGE_{name}": value for name, value in given.items()})


def load_file(tmp_path: Path, text: str, **given: str) -> Settings:
    file = tmp_path / "bridge.yaml"
    file.write_text(text)
    return load(CONFIG_FILE=str(file), **given)


def test_without_any_setting_every_default_is_the_documented_one() -> None:
    settings = load_settings({})
    assert settings.nhn.base_url == "https://api.tjener.test.melding.nhn.no"
    assert settings.nhn.api_version == "3"
    assert settings.nhn.start == "earliest"
    assert (settings.nhn.overlap_s, settings.nhn.page_size, settings.nhn.poll_interval_s) == (60, 1000, 60)
    assert settings.nhn.retry_refused_s == 300
    assert settings.nhn.auth.method == "helseid"
    assert settings.nhn.auth.issuer == "https://helseid-sts.test.nhn.no"
    assert (settings.nhn.auth.scope, settings.nhn.auth.tenancy) == ("nhn:msh/api", "single")
    assert settings.broker.url_source.get() == ("amqp://guest:guest@localhost:5672/",)
    assert settings.broker.management is None
    assert settings.broker.exchange_nhn == "nhn.notifications"
    assert settings.broker.exchange_altinn == "altinn.notifications"
    assert settings.broker.exchange_parked == "bridge.parked"
    assert (settings.broker.topology, settings.broker.unroutable) == ("declare", "park")
    assert (settings.broker.parked_limit, settings.broker.max_in_flight) == (100_000, 4000)
    assert settings.broker.confirm_timeout_s == 15
    assert settings.store.url_source.get() == "sqlite:///bridge.db"
    assert (settings.http.timeout_s, settings.http.max_body_bytes) == (30, 67_108_864)
    assert (settings.ops.host, settings.ops.port) == ("127.0.0.1", 8080)
    assert (settings.ops.tail, settings.ops.metrics_per_her_id) == (False, False)
    assert (settings.log.format, settings.log.level) == (None, "info")
    assert settings.shutdown_deadline_s == 25


@pytest.mark.parametrize(
    ("written", "her_ids"),
    [
        ("6789", {6789}),
        ("6789,9876", {6789, 9876}),
        (" 6789 , 9876,", {6789, 9876}),
        ("[6789, 9876]", {6789, 9876}),
        ('["6789", 9876]', {6789, 9876}),
        ("1,2147483647", {1, 2147483647}),
        ("6789,6789", {6789}),
    ],
)
def test_a_list_is_json_or_comma_separated_or_one_bare_value(written: str, her_ids: set[int]) -> None:
    assert load(**_named(SANDBOX), NHN__HER_IDS=written).nhn.her_ids == her_ids


def _named(environ: dict[str, str]) -> dict[str, str]:
    return {name.removeprefix("BRIDGE_"): value for name, value in environ.items()}


def test_several_broker_urls_keep_their_order() -> None:
    settings = load(BROKER__URLS="amqp://a:1@one/,amqps://b:2@two:5671/vhost")
    assert settings.broker.url_source.get() == ("amqp://a:1@one/", "amqps://b:2@two:5671/vhost")


@pytest.mark.parametrize(
    ("written", "is_on"), [("on", True), ("true", True), ("1", True), ("off", False), ("no", False)]
)
def test_a_switch_is_on_or_off_in_the_usual_words(written: str, is_on: bool) -> None:
    assert load(OPS__TAIL=written).ops.tail is is_on


@pytest.mark.parametrize(
    ("written", "start"), [("earliest", "earliest"), ("latest", "latest"), ("0", 0), ("45460", 45460)]
)
def test_start_is_a_word_or_an_offset(written: str, start: object) -> None:
    settings = load(**_named(SANDBOX), NHN__HER_IDS="1", NHN__START=written)
    assert settings.nhn.start == start


def test_log_words_may_be_written_in_capitals() -> None:
    settings = load(LOG__LEVEL="WARNING", LOG__FORMAT="JSON")
    assert (settings.log.level, settings.log.format) == ("warning", "json")


def test_an_empty_value_is_not_given(tmp_path: Path) -> None:
    settings = load_file(tmp_path, "http: {timeout_s: 5}", HTTP__TIMEOUT_S="", NHN__HER_IDS=" ")
    assert settings.http.timeout_s == 5
    assert not settings.nhn.is_on


def test_space_around_a_value_does_not_matter() -> None:
    assert load(BROKER__URLS="amqp://a:1@one/\n").broker.url_source.get() == ("amqp://a:1@one/",)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BRIDGE_SERVICE_HOST", "10.0.0.1"),
        ("BRIDGE_SERVICE_PORT", "8080"),
        ("BRIDGE_SERVICE_PORT_OPS", "8080"),
        ("BRIDGE_PORT", "tcp://10.0.0.1:8080"),
        ("BRIDGE_PORT_8080_TCP", "tcp://10.0.0.1:8080"),
        ("BRIDGE_PORT_8080_TCP_PROTO", "tcp"),
        ("BRIDGE_RABBITMQ_SERVICE_HOST", "10.0.0.2"),
        ("BRIDGE_RABBITMQ_SERVICE_PORT_AMQP", "5672"),
        ("BRIDGE_RABBITMQ_PORT", "tcp://10.0.0.2:5672"),
        ("BRIDGE_RABBITMQ_PORT_5672_TCP_ADDR", "10.0.0.2"),
        ("BRIDGES_ARE_OTHER_PEOPLES", "1"),
        ("PATH", "/bin"),
    ],
)
def test_what_kubernetes_injects_and_what_is_not_ours_is_ignored(name: str, value: str) -> None:
    assert load_settings({name: value}) == load_settings({})


def test_the_environment_of_the_process_is_read_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRIDGE_OPS__PORT", "9090")
    assert load_settings().ops.port == 9090


def test_a_file_gives_settings_and_the_environment_wins_setting_by_setting(tmp_path: Path) -> None:
    text = """
    nhn:
      her_ids: [6789, 9876]
      source_system: My-EPJ, v1.0.2
      base_url: http://localhost:8090
      auth: {method: none, scope: from-the-file}
    http: {timeout_s: 5, max_body_bytes: 2048}
    """
    settings = load_file(tmp_path, text, HTTP__TIMEOUT_S="7", NHN__HER_IDS="1", NHN__AUTH__SCOPE="from-the-environment")
    assert settings.nhn.her_ids == {1}
    assert (settings.nhn.auth.method, settings.nhn.auth.scope) == ("none", "from-the-environment")
    assert (settings.http.timeout_s, settings.http.max_body_bytes) == (7, 2048)


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "nhn:\n", "nhn: {}\n", "nhn: {auth: , her_ids: ~}\n"])
def test_a_file_may_leave_everything_out(tmp_path: Path, text: str) -> None:
    settings = load_file(tmp_path, text)
    assert settings == load_settings({})
    assert not settings.nhn.is_on


def test_a_value_in_a_file_means_what_is_written_there(tmp_path: Path) -> None:
    text = "{ops: {tail: on, port: 8081}, nhn: {enabled: off, api_version: 3.10, auth: {key_id: 0123, client_id: 1e3}}}"
    settings = load_file(tmp_path, text)
    assert (settings.ops.tail, settings.ops.port, settings.nhn.enabled) == (True, 8081, False)
    assert settings.nhn.api_version == "3.10"
    assert (settings.nhn.auth.key_id, settings.nhn.auth.client_id) == ("0123", "1e3")


def test_a_list_of_groups_is_json_in_the_environment_and_yaml_in_a_file(tmp_path: Path) -> None:
    tenants = [
        {"name": "north", "her_ids": [1, 2], "orgnr_parent": 987654321},
        {"name": "south", "her_ids": "3", "orgnr_parent": "123456789", "orgnr_child": "111111111"},
    ]
    from_environment = load(**_named(SANDBOX), NHN__TENANTS=json.dumps(tenants))
    from_file = load_file(tmp_path, json.dumps({"nhn": {"tenants": tenants}}), **_named(SANDBOX))
    assert from_environment.nhn.tenants == from_file.nhn.tenants
    assert from_file.nhn.all_tenants == (
        Tenant(name="north", her_ids=frozenset({1, 2}), orgnr_parent="987654321"),
        Tenant(name="south", her_ids=frozenset({3}), orgnr_parent="123456789", orgnr_child="111111111"),
    )


def test_subscriptions_are_required_and_hold_unless_they_say_otherwise() -> None:
    subscriptions = [
        {"queue": "a"},
        {"queue": "b", "required": "off"},
        {"queue": "c", "on_missing": "continue"},
        {"queue": "d", "exchange": "altinn.notifications", "bindings": "new-message.*,apprec.#", "declare": True},
    ]
    a, b, c, d = load(BROKER__SUBSCRIPTIONS=json.dumps(subscriptions)).broker.subscriptions
    assert (a.required, a.holds, a.exchange, a.bindings, a.declare) == (True, True, None, (), False)
    assert (b.required, b.holds) == (False, False)
    assert (c.required, c.holds) == (True, False)
    assert (d.exchange, d.bindings, d.declare) == ("altinn.notifications", ("new-message.*", "apprec.#"), True)


def test_one_subscription_is_a_list_of_one() -> None:
    (only,) = load(BROKER__SUBSCRIPTIONS='{"queue": "a"}').broker.subscriptions
    assert only.queue == "a"


def test_without_tenants_there_is_one_called_default_with_the_organisation_of_the_sign_in() -> None:
    settings = load(
        **_named(SANDBOX), NHN__HER_IDS="6789", NHN__AUTH__ORGNR_PARENT="987654321", NHN__AUTH__ORGNR_CHILD="111111111"
    )
    assert settings.nhn.all_tenants == (
        Tenant(name="default", her_ids=frozenset({6789}), orgnr_parent="987654321", orgnr_child="111111111"),
    )


def test_a_tenant_without_an_organisation_has_that_of_the_sign_in() -> None:
    tenants = [{"name": "a", "her_ids": 1}, {"name": "b", "her_ids": 2, "orgnr_parent": "222222222"}]
    settings = load(**_named(SANDBOX), NHN__TENANTS=json.dumps(tenants), NHN__AUTH__ORGNR_PARENT="987654321")
    assert [tenant.orgnr_parent for tenant in settings.nhn.all_tenants] == ["987654321", "222222222"]


@pytest.mark.parametrize(
    ("given", "is_on"),
    [
        ({}, False),
        ({"NHN__HER_IDS": "1"}, True),
        ({"NHN__HER_IDS": "1", "NHN__ENABLED": "off"}, False),
        ({"NHN__ENABLED": "off"}, False),
    ],
)
def test_a_source_is_on_when_it_is_set_unless_enabled_says_otherwise(given: dict[str, str], is_on: bool) -> None:
    sandbox: dict[str, Any] = _named(SANDBOX) if is_on else {}
    assert load(**sandbox, **given).nhn.is_on is is_on


def test_with_no_source_on_there_is_nothing_to_run() -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_settings({}).require_source()
    assert str(caught.value) == (
        "No source is on: set BRIDGE_NHN__HER_IDS, the receivers whose notifications are wanted, "
        "and BRIDGE_NHN__SOURCE_SYSTEM; or for Altinn's orders BRIDGE_ALTINN__AUTH__CLIENT_ID "
        "and BRIDGE_ALTINN__AUTH__PRIVATE_KEY_FILE."
    )


def test_with_a_source_on_there_is_something_to_run() -> None:
    load(**_named(SANDBOX), NHN__HER_IDS="1").require_source()


def test_settings_cannot_be_changed() -> None:
    settings = load_settings({})
    with pytest.raises(ValidationError, match="frozen"):
        settings.nhn.__setattr__("page_size", 1)


def test_settings_show_no_secret() -> None:
    settings = load(
        BROKER__URLS="amqp://a:hunter2@one/",
        BROKER__MANAGEMENT_URL="https://a:hunter2@one:15671",
        NHN__ENABLED="off",
        NHN__AUTH__PRIVATE_KEY='{"kty":"EC","d":"hunter2"}',
    )
    key = settings.nhn.auth.key
    assert key is not None
    for shown in (repr(settings), str(settings), repr(settings.broker.url_source), str(key), f"{key}"):
        assert "hunter2" not in shown
    assert key.get() == '{"kty":"EC","d":"hunter2"}'
