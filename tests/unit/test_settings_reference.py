"""The list of all settings: what the README's table and the chart are checked against."""

from bridge.settings import settings_reference


def test_the_names_are_those_of_the_documentation() -> None:
    assert [setting.name for setting in settings_reference()] == [
        "BRIDGE_NHN__HER_IDS",
        "BRIDGE_NHN__HER_IDS_FILE",
        "BRIDGE_NHN__BASE_URL",
        "BRIDGE_NHN__SOURCE_SYSTEM",
        "BRIDGE_NHN__API_VERSION",
        "BRIDGE_NHN__START",
        "BRIDGE_NHN__OVERLAP_S",
        "BRIDGE_NHN__PAGE_SIZE",
        "BRIDGE_NHN__POLL_INTERVAL_S",
        "BRIDGE_NHN__AUTH__METHOD",
        "BRIDGE_NHN__AUTH__ISSUER",
        "BRIDGE_NHN__AUTH__CLIENT_ID",
        "BRIDGE_NHN__AUTH__KEY_ID",
        "BRIDGE_NHN__AUTH__SCOPE",
        "BRIDGE_NHN__AUTH__PRIVATE_KEY",
        "BRIDGE_NHN__AUTH__PRIVATE_KEY_FILE",
        "BRIDGE_NHN__AUTH__ORGNR_PARENT",
        "BRIDGE_NHN__AUTH__ORGNR_CHILD",
        "BRIDGE_NHN__AUTH__TENANCY",
        "BRIDGE_NHN__TENANTS",
        "BRIDGE_NHN__RETRY_REFUSED_S",
        "BRIDGE_NHN__IGNORE",
        "BRIDGE_NHN__ENABLED",
        "BRIDGE_ALTINN__ORDERS",
        "BRIDGE_ALTINN__BASE_URL",
        "BRIDGE_ALTINN__DISCOVERY",
        "BRIDGE_ALTINN__FEED_START",
        "BRIDGE_ALTINN__MAX_REQUESTS_PER_S",
        "BRIDGE_ALTINN__ORDER_CLOSED_EVENTS",
        "BRIDGE_ALTINN__AUTH__METHOD",
        "BRIDGE_ALTINN__AUTH__ISSUER",
        "BRIDGE_ALTINN__AUTH__CLIENT_ID",
        "BRIDGE_ALTINN__AUTH__KEY_ID",
        "BRIDGE_ALTINN__AUTH__SCOPE",
        "BRIDGE_ALTINN__AUTH__PRIVATE_KEY",
        "BRIDGE_ALTINN__AUTH__PRIVATE_KEY_FILE",
        "BRIDGE_ALTINN__AUTH__TOKEN",
        "BRIDGE_ALTINN__AUTH__TOKEN_FILE",
        "BRIDGE_ALTINN__FIRST_POLL_S",
        "BRIDGE_ALTINN__MAX_POLL_S",
        "BRIDGE_ALTINN__GIVE_UP_AFTER_S",
        "BRIDGE_ALTINN__RECIPIENT",
        "BRIDGE_ALTINN__ENABLED",
        "BRIDGE_BROKER__URLS",
        "BRIDGE_BROKER__URLS_FILE",
        "BRIDGE_BROKER__TLS__CA_FILE",
        "BRIDGE_BROKER__TLS__CERT_FILE",
        "BRIDGE_BROKER__TLS__KEY_FILE",
        "BRIDGE_BROKER__MANAGEMENT_URL",
        "BRIDGE_BROKER__MANAGEMENT_URL_FILE",
        "BRIDGE_BROKER__EXCHANGE_NHN",
        "BRIDGE_BROKER__EXCHANGE_ALTINN",
        "BRIDGE_BROKER__EXCHANGE_PARKED",
        "BRIDGE_BROKER__QUEUE_ORDERS",
        "BRIDGE_BROKER__TOPOLOGY",
        "BRIDGE_BROKER__UNROUTABLE",
        "BRIDGE_BROKER__PARKED_LIMIT",
        "BRIDGE_BROKER__SUBSCRIPTIONS",
        "BRIDGE_BROKER__CONFIRM_TIMEOUT_S",
        "BRIDGE_BROKER__MAX_IN_FLIGHT",
        "BRIDGE_BROKER__PUBLISHER",
        "BRIDGE_STORE__URL",
        "BRIDGE_STORE__URL_FILE",
        "BRIDGE_STORE__TLS__CA_FILE",
        "BRIDGE_STORE__TLS__CERT_FILE",
        "BRIDGE_STORE__TLS__KEY_FILE",
        "BRIDGE_CLUSTER__HEARTBEAT_S",
        "BRIDGE_HTTP__TIMEOUT_S",
        "BRIDGE_HTTP__MAX_BODY_BYTES",
        "BRIDGE_OPS__HOST",
        "BRIDGE_OPS__PORT",
        "BRIDGE_OPS__TAIL",
        "BRIDGE_OPS__METRICS_PER_HER_ID",
        "BRIDGE_LOG__FORMAT",
        "BRIDGE_LOG__LEVEL",
        "BRIDGE_SHUTDOWN_DEADLINE_S",
    ]


def test_every_setting_is_documented_and_its_default_is_written_as_a_user_would() -> None:
    reference = {setting.name: setting for setting in settings_reference()}
    assert [setting.name for setting in reference.values() if len(setting.doc) < 20] == []
    defaults = {name: setting.default for name, setting in reference.items()}
    assert defaults["BRIDGE_NHN__PAGE_SIZE"] == "1000"
    assert defaults["BRIDGE_NHN__HER_IDS"] == ""
    assert defaults["BRIDGE_NHN__ENABLED"] == ""
    assert defaults["BRIDGE_OPS__TAIL"] == "off"
    assert defaults["BRIDGE_BROKER__URLS"] == "amqp://guest:guest@localhost:5672/"
