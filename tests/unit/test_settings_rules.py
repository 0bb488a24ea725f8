"""Settings that are wrong together, with what to do about it."""

import json
from pathlib import Path

import pytest

from bridge.errors import ConfigurationError
from bridge.settings import Settings, load_settings

SANDBOX = {
    "NHN__HER_IDS": "6789",
    "NHN__SOURCE_SYSTEM": "My-EPJ, v1.0.2",
    "NHN__BASE_URL": "http://127.0.0.1:8090",
    "NHN__AUTH__METHOD": "none",
}
HELSEID = {
    "NHN__HER_IDS": "6789",
    "NHN__SOURCE_SYSTEM": "My-EPJ, v1.0.2",
    "NHN__AUTH__CLIENT_ID": "client",
    "NHN__AUTH__PRIVATE_KEY": '{"kty":"EC","d":"hunter2"}',
}


def load(given: dict[str, str], **more: str) -> Settings:
    return load_settings({f"BRIDGE_{name}": value for name, value in {**given, **more}.items()})


def mistakes(given: dict[str, str], **more: str) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        load(given, **more)
    return list(caught.value.mistakes)


def without(given: dict[str, str], *names: str) -> dict[str, str]:
    return {name: value for name, value in given.items() if name not in names}


@pytest.mark.parametrize("given", [SANDBOX, HELSEID])
def test_a_complete_source_has_no_mistakes(given: dict[str, str]) -> None:
    assert load(given).nhn.is_on


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("BROKER__URLS", "BROKER__URLS_FILE"),
        ("BROKER__MANAGEMENT_URL", "BROKER__MANAGEMENT_URL_FILE"),
        ("STORE__URL", "STORE__URL_FILE"),
        ("NHN__AUTH__PRIVATE_KEY", "NHN__AUTH__PRIVATE_KEY_FILE"),
    ],
)
def test_a_secret_is_given_as_it_is_or_in_a_file_but_not_both(tmp_path: Path, one: str, other: str) -> None:
    values = {
        "BROKER__URLS": "amqp://a/",
        "BROKER__MANAGEMENT_URL": "http://a:15672",
        "STORE__URL": "sqlite:///a.db",
        "NHN__AUTH__PRIVATE_KEY": '{"kty":"EC","d":"x"}',
    }
    file = tmp_path / "value"
    file.write_text(values[one])
    assert mistakes({one: values[one], other: str(file), "NHN__ENABLED": "off"}) == [
        f"BRIDGE_{one} and BRIDGE_{other} are both given: keep one."
    ]


def test_receivers_are_given_in_one_way(tmp_path: Path) -> None:
    file = tmp_path / "her-ids"
    file.write_text("6789\n")
    tenants = '[{"name": "a", "her_ids": 1}]'
    assert mistakes(SANDBOX, NHN__HER_IDS_FILE=str(file), NHN__TENANTS=tenants) == [
        "BRIDGE_NHN__HER_IDS and BRIDGE_NHN__HER_IDS_FILE are both given: keep one.",
        "BRIDGE_NHN__HER_IDS and BRIDGE_NHN__TENANTS are both given: keep one.",
        "BRIDGE_NHN__HER_IDS_FILE and BRIDGE_NHN__TENANTS are both given: keep one.",
    ]


@pytest.mark.parametrize("left", [SANDBOX, {"NHN__ENABLED": "on"}, {"NHN__PAGE_SIZE": "10"}])
def test_a_source_that_is_on_needs_receivers(left: dict[str, str]) -> None:
    sentence = (
        "BRIDGE_NHN__HER_IDS is missing: the NHN source is on and needs receivers (or set BRIDGE_NHN__ENABLED to off)."
    )
    assert sentence in mistakes(without(left, "NHN__HER_IDS"))


def test_a_source_that_is_on_needs_the_name_of_the_system() -> None:
    assert mistakes(without(SANDBOX, "NHN__SOURCE_SYSTEM")) == [
        "BRIDGE_NHN__SOURCE_SYSTEM is missing: every request names your system and its version, e.g. `My-EPJ, v1.0.2`."
    ]


def test_helseid_needs_a_client_and_its_key() -> None:
    assert mistakes(without(HELSEID, "NHN__AUTH__CLIENT_ID", "NHN__AUTH__PRIVATE_KEY")) == [
        "BRIDGE_NHN__AUTH__CLIENT_ID is missing: HelseID needs the id of your client.",
        (
            "BRIDGE_NHN__AUTH__PRIVATE_KEY_FILE (or BRIDGE_NHN__AUTH__PRIVATE_KEY) is missing: "
            "HelseID needs your client's private key."
        ),
    ]


def test_a_source_that_is_off_needs_nothing() -> None:
    assert not load({"NHN__ENABLED": "off", "NHN__PAGE_SIZE": "10"}).nhn.is_on


@pytest.mark.parametrize(
    "url", ["https://api.tjener.test.melding.nhn.no", "https://api.hn-tjener.prod.melding.nhn.no/", "https://NHN.no"]
)
def test_without_sign_in_nhns_own_hosts_are_not_called(url: str) -> None:
    (sentence,) = mistakes(SANDBOX, NHN__BASE_URL=url)
    assert sentence.startswith("BRIDGE_NHN__AUTH__METHOD is none, but ")
    assert sentence.endswith(" wants HelseID: use helseid, or set BRIDGE_NHN__BASE_URL to your sandbox.")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.1.2.3", "[::1]", "api.localhost"])
def test_plain_http_is_for_this_machine(host: str) -> None:
    assert load(HELSEID, NHN__BASE_URL=f"http://{host}:8090/").nhn.base_url == f"http://{host}:8090"


@pytest.mark.parametrize("host", ["sandbox", "api.example.no", "10.0.0.1", "localhost.example.no", "127.0.0.1.nip.io"])
def test_a_token_is_not_sent_over_plain_http(host: str) -> None:
    (sentence,) = mistakes(HELSEID, NHN__BASE_URL=f"http://{host}")
    assert sentence.startswith("BRIDGE_NHN__BASE_URL must begin with https://")


def test_a_sandbox_in_another_container_needs_no_tls() -> None:
    assert load(SANDBOX, NHN__BASE_URL="http://sandbox:8090").nhn.base_url == "http://sandbox:8090"


def test_a_host_that_only_ends_like_nhn_is_not_nhn() -> None:
    assert load(SANDBOX, NHN__BASE_URL="https://sandbox-nhn.no").nhn.is_on


def test_a_client_of_many_organisations_names_one_for_each_token() -> None:
    assert mistakes(HELSEID, NHN__AUTH__TENANCY="multi") == [
        (
            "BRIDGE_NHN__AUTH__ORGNR_PARENT is missing: "
            "BRIDGE_NHN__AUTH__TENANCY is multi, so the token must name its organisation."
        )
    ]
    tenants = [{"name": "a", "her_ids": 1, "orgnr_parent": "987654321"}, {"name": "b", "her_ids": 2}]
    given = without(HELSEID, "NHN__HER_IDS")
    assert mistakes(given, NHN__AUTH__TENANCY="multi", NHN__TENANTS=json.dumps(tenants)) == [
        (
            "orgnr_parent of b in BRIDGE_NHN__TENANTS, or BRIDGE_NHN__AUTH__ORGNR_PARENT is missing: "
            "BRIDGE_NHN__AUTH__TENANCY is multi, so the token must name its organisation."
        )
    ]
    assert load(given, NHN__AUTH__TENANCY="multi", NHN__TENANTS=json.dumps(tenants[:1])).nhn.is_on


def tenant_mistakes(*tenants: dict[str, object]) -> list[str]:
    return mistakes(without(SANDBOX, "NHN__HER_IDS"), NHN__TENANTS=json.dumps(tenants))


def test_tenants_have_names_of_their_own() -> None:
    assert tenant_mistakes({"name": "a", "her_ids": 1}, {"name": "a", "her_ids": 2}) == [
        "BRIDGE_NHN__TENANTS[1] has the name a again: each tenant needs its own."
    ]


@pytest.mark.parametrize("tenant", [{"name": "a"}, {"name": "a", "her_ids": 1, "her_ids_file": "/dev/null"}])
def test_a_tenant_has_either_receivers_or_a_file_of_them(tenant: dict[str, object]) -> None:
    assert "BRIDGE_NHN__TENANTS[0] must have either her_ids or her_ids_file." in tenant_mistakes(tenant)


def test_a_receiver_belongs_to_one_tenant() -> None:
    assert tenant_mistakes({"name": "a", "her_ids": [1, 2, 3]}, {"name": "b", "her_ids": [3, 4, 1]}) == [
        "BRIDGE_NHN__TENANTS: HER-id 1 is in the tenants a and b: keep it in one.",
        "BRIDGE_NHN__TENANTS: HER-id 3 is in the tenants a and b: keep it in one.",
    ]


def test_many_receivers_in_two_tenants_are_told_in_a_few_lines() -> None:
    both = list(range(1, 101))
    told = tenant_mistakes({"name": "a", "her_ids": both}, {"name": "b", "her_ids": both})
    assert len(told) == 6
    assert told[-1] == "BRIDGE_NHN__TENANTS: 95 more HER-ids are in two tenants."


def test_all_tenants_together_have_no_more_receivers_than_a_bridge_serves() -> None:
    first, second = list(range(1, 30_001)), list(range(30_001, 45_002))
    assert tenant_mistakes({"name": "a", "her_ids": first}, {"name": "b", "her_ids": second}) == [
        "BRIDGE_NHN__TENANTS: The tenants have 45001 HER-ids together, but a bridge serves at most 45000."
    ]


def test_a_file_of_receivers_must_be_right_at_the_start(tmp_path: Path) -> None:
    file = tmp_path / "her-ids"
    given = without(SANDBOX, "NHN__HER_IDS")
    assert mistakes(given, NHN__HER_IDS_FILE=str(file)) == [
        f"BRIDGE_NHN__HER_IDS_FILE: {file} cannot be read (No such file or directory)."
    ]
    file.write_text("6789\n12x\n")
    assert mistakes(given, NHN__HER_IDS_FILE=str(file)) == [
        (
            f"BRIDGE_NHN__HER_IDS_FILE: {file}, line 2: `12x` is not a HER-id "
            "(whole numbers from 1 to 2147483647, one a line)."
        )
    ]
    file.write_text("6789\n")
    assert load(given, NHN__HER_IDS_FILE=str(file)).nhn.is_on


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("NHN__AUTH__PRIVATE_KEY_FILE", "", "must be a private key as PEM or JWK."),
        ("BROKER__URLS_FILE", "# none yet\n", "must name at least one AMQP URL."),
        (
            "BROKER__MANAGEMENT_URL_FILE",
            "hunter2",
            "must be a URL such as https://user:password@rabbitmq.example.no:15671.",
        ),
        (
            "STORE__URL_FILE",
            "hunter2",
            (
                "must name a file of SQLite, such as sqlite:///bridge.db or sqlite:////data/bridge.db, or a database "
                "of PostgreSQL, such as postgresql://user:password@db.example.no/bridge."
            ),
        ),
    ],
)
def test_a_file_of_a_secret_must_be_right_at_the_start(tmp_path: Path, name: str, content: str, sentence: str) -> None:
    file = tmp_path / "secret"
    file.write_text(content)
    given = without(HELSEID, "NHN__AUTH__PRIVATE_KEY") if name.startswith("NHN") else {}
    assert mistakes(given, **{name: str(file)}) == [f"BRIDGE_{name}: {file} {sentence}"]


def test_tls_files_must_be_there_and_certificate_and_key_come_together(tmp_path: Path) -> None:
    missing = tmp_path / "ca.pem"
    certificate = tmp_path / "cert.pem"
    certificate.write_text("")
    assert mistakes(
        {"BROKER__URLS": "amqps://a/"}, BROKER__TLS__CA_FILE=str(missing), BROKER__TLS__CERT_FILE=str(certificate)
    ) == [
        f"BRIDGE_BROKER__TLS__CA_FILE names {missing}, which cannot be read (No such file or directory).",
        "BRIDGE_BROKER__TLS__KEY_FILE is missing: certificate and key are of use only together.",
    ]


def test_tls_files_without_tls_are_a_mistake(tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    ca.write_text("")
    assert mistakes({"BROKER__URLS": "amqp://a/"}, BROKER__TLS__CA_FILE=str(ca)) == [
        (
            "BRIDGE_BROKER__TLS__CA_FILE is given, but no URL uses TLS: "
            "write amqps:// in BRIDGE_BROKER__URLS (port 5671 as a rule)."
        )
    ]
    assert load({"BROKER__URLS": "amqps://a/"}, BROKER__TLS__CA_FILE=str(ca)).broker.tls.ca_file == ca
    assert load({"BROKER__MANAGEMENT_URL": "https://a:15671"}, BROKER__TLS__CA_FILE=str(ca)).broker.tls.ca_file == ca


def test_tls_files_of_a_store_in_plain_text_are_a_mistake(tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    ca.write_text("")
    sentence = (
        "BRIDGE_STORE__TLS__CA_FILE is given, but BRIDGE_STORE__URL does not use TLS: "
        "that needs postgresql://, on this machine with sslmode=verify-full."
    )
    plain = ["sqlite:///bridge.db", "postgresql://db/bridge?sslmode=disable", "postgresql://localhost/bridge"]
    for url in plain:
        assert mistakes({"STORE__URL": url}, STORE__TLS__CA_FILE=str(ca)) == [sentence]
    for url in ("postgresql://db/bridge", "postgresql://localhost/bridge?sslmode=verify-full"):
        assert load({"STORE__URL": url}, STORE__TLS__CA_FILE=str(ca)).store.tls.ca_file == ca


def test_tls_files_of_the_store_come_together_as_those_of_the_broker(tmp_path: Path) -> None:
    certificate = tmp_path / "cert.pem"
    certificate.write_text("")
    assert mistakes({"STORE__URL": "postgresql://db/bridge"}, STORE__TLS__CERT_FILE=str(certificate)) == [
        "BRIDGE_STORE__TLS__KEY_FILE is missing: certificate and key are of use only together."
    ]


def test_a_queue_is_not_declared_where_nothing_may_be_declared() -> None:
    subscriptions = '[{"queue": "a"}, {"queue": "b", "declare": true, "bindings": "#"}]'
    assert mistakes({"BROKER__SUBSCRIPTIONS": subscriptions, "BROKER__TOPOLOGY": "check"}) == [
        "BRIDGE_BROKER__SUBSCRIPTIONS[1] has declare on, but BRIDGE_BROKER__TOPOLOGY is check: turn one of them off."
    ]


def test_a_queue_is_not_declared_without_bindings() -> None:
    assert mistakes({"BROKER__SUBSCRIPTIONS": '{"queue": "a", "declare": true}'}) == [
        "BRIDGE_BROKER__SUBSCRIPTIONS[0] has declare on, but no bindings: nothing would reach a."
    ]


@pytest.mark.parametrize("name", ["BROKER__EXCHANGE_NHN", "BROKER__EXCHANGE_ALTINN"])
def test_what_is_parked_does_not_go_where_events_go(name: str) -> None:
    assert mistakes({name: "bridge.parked"}) == [
        (
            "BRIDGE_BROKER__EXCHANGE_PARKED must differ from the exchanges of the events: "
            "what cannot be delivered would go round in circles."
        )
    ]


def test_the_events_of_each_source_have_an_exchange_of_their_own() -> None:
    assert mistakes({"BROKER__EXCHANGE_ALTINN": "nhn.notifications"}) == [
        (
            "BRIDGE_BROKER__EXCHANGE_ALTINN must differ from BRIDGE_BROKER__EXCHANGE_NHN: "
            "a queue bound with `#` for one source would get the other's events too."
        )
    ]


def test_a_rule_is_not_looked_at_where_one_of_its_settings_is_wrong_by_itself() -> None:
    assert mistakes(SANDBOX, NHN__BASE_URL="nowhere") == [
        "BRIDGE_NHN__BASE_URL must be a URL such as https://api.example.no, but is nowhere."
    ]
    assert mistakes(SANDBOX, NHN__HER_IDS="x") == [
        "BRIDGE_NHN__HER_IDS must be HER-ids, whole numbers from 1 to 2147483647, but names `x`."
    ]


def test_a_rule_is_looked_at_where_other_settings_are_wrong() -> None:
    assert mistakes({"NHN__PAGE_SIZE": "0", "NHN__BASE_URL": "http://localhost", "NHN__AUTH__METHOD": "none"}) == [
        "BRIDGE_NHN__PAGE_SIZE must be between 1 and 1000, but is 0.",
        "BRIDGE_NHN__HER_IDS is missing: the NHN source is on and needs receivers (or set BRIDGE_NHN__ENABLED to off).",
        "BRIDGE_NHN__SOURCE_SYSTEM is missing: every request names your system and its version, e.g. `My-EPJ, v1.0.2`.",
    ]
