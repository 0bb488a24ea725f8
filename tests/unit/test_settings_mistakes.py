"""Settings that are wrong by themselves: every mistake is told, at once, by the name that the user wrote."""

from pathlib import Path

import pytest

from bridge.errors import ConfigurationError
from bridge.settings import load_settings, settings_reference
from bridge.settings.names import FIELDS, environment_name, is_secret


def mistakes(**given: str) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        load_settings({f"BRIDGE_{name}": value for name, value in given.items()})
    return list(caught.value.mistakes)


def mistakes_in(tmp_path: Path, text: str, **given: str) -> list[str]:
    """Of a file; the file's path is written FILE."""
    file = tmp_path / "bridge.yaml"
    file.write_text(text)
    return [mistake.replace(str(file), "FILE") for mistake in mistakes(CONFIG_FILE=str(file), **given)]


ENCRYPTED_PEM = "-----BEGIN ENCRYPTED PRIVATE KEY-----hunter2"
HER_IDS = "must be HER-ids, whole numbers from 1 to 2147483647, but names"
AMQP = "must be AMQP URLs such as amqps://user:password@host:5671/vhost; number"
STORE = (
    "must name a file of SQLite, such as sqlite:///bridge.db or sqlite:////data/bridge.db, or a database of "
    "PostgreSQL, such as postgresql://user:password@db.example.no/bridge."
)
SERVER = "must name host and database, such as postgresql://user:password@db.example.no/bridge."
EVENTS = "must be names of events (new-message, refused, sent-state, apprec, delivery-state, other), but names"
ENTRY = "must be an entry of the form {queue, exchange, bindings, required, declare, on_missing}"


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("NHN__PAGE_SIZE", "5000", "must be between 1 and 1000, but is 5000."),
        ("NHN__PAGE_SIZE", "0", "must be between 1 and 1000, but is 0."),
        ("NHN__PAGE_SIZE", "many", "must be a whole number between 1 and 1000, but is many."),
        ("NHN__PAGE_SIZE", "1.5", "must be a whole number between 1 and 1000, but is 1.5."),
        ("NHN__POLL_INTERVAL_S", "-1", "must be between 0 and 86400, but is -1."),
        ("NHN__POLL_INTERVAL_S", "inf", "must be a number between 0 and 86400, but is inf."),
        ("NHN__POLL_INTERVAL_S", "1m", "must be a number between 0 and 86400, but is 1m."),
        ("HTTP__TIMEOUT_S", "0", "must be more than 0 and at most 600, but is 0."),
        ("BROKER__CONFIRM_TIMEOUT_S", "0", "must be more than 0 and at most 600, but is 0."),
        ("OPS__PORT", "65536", "must be between 0 and 65535, but is 65536."),
        ("OPS__TAIL", "maybe", "must be on or off, but is maybe."),
        ("BROKER__TOPOLOGY", "declares", "must be declare or check, but is declares."),
        ("LOG__LEVEL", "loud", "must be debug, info, warning or error, but is loud."),
        ("LOG__FORMAT", "xml", "must be console or json, but is xml."),
        ("NHN__START", "-4", "must be earliest, latest, or an offset of 0 or more, but is -4."),
        ("NHN__START", "now", "must be earliest, latest, or an offset of 0 or more, but is now."),
        ("NHN__HER_IDS", "12x,5", f"{HER_IDS} `12x`."),
        ("NHN__HER_IDS", "0", f"{HER_IDS} `0`."),
        ("NHN__HER_IDS", "2147483648", f"{HER_IDS} `2147483648`."),
        ("NHN__HER_IDS", "[true]", f"{HER_IDS} `True`."),
        ("NHN__HER_IDS", "a,b,c,d,e,f,g", f"{HER_IDS} `a`, `b`, `c`, `d`, `e` and 2 more."),
        ("NHN__HER_IDS", "[1,", "must be valid JSON or comma-separated (Expecting value at character 4)."),
        ("NHN__IGNORE", "sent-state,sent", f"{EVENTS} sent."),
        ("NHN__SOURCE_SYSTEM", "Løsning", "must be plain ASCII text of 1 to 200 characters, but is Løsning."),
        ("NHN__AUTH__CLIENT_ID", "a b", "must be 1 to 200 ASCII characters without spaces, but is a b."),
        ("NHN__AUTH__ORGNR_PARENT", "98765432", "must be an organisation number of 9 digits, but is 98765432."),
        ("NHN__BASE_URL", "api.example.no", "must be a URL such as https://api.example.no, but is api.example.no."),
        ("NHN__BASE_URL", "https://a/?b=c", "must be a URL without user, query and fragment, but is https://a/?b=c."),
        (
            "NHN__AUTH__ISSUER",
            "http://issuer.example",
            "must begin with https:// (plain http:// is for this machine's own addresses), but is http://issuer.example.",
        ),
        (
            "BROKER__EXCHANGE_NHN",
            "amq.topic",
            "must not begin with `amq.`, which RabbitMQ keeps for itself, but is amq.topic.",
        ),
        ("BROKER__EXCHANGE_NHN", "x" * 256, "must be a name of 1 to 255 bytes."),
        (
            "BROKER__EXCHANGE_PARKED",
            "two words",
            "must be a name of letters a-z, digits and -_.:@#,/><, but is two words.",
        ),
        ("BROKER__URLS", "[]", "must name at least one AMQP URL."),
        ("BROKER__URLS", "amqp://ok/,http://a:hunter2@b", f"{AMQP} 2 is not."),
        ("BROKER__URLS", "amqp://a:hunter2@b:x/", f"{AMQP} 1 is not."),
        (
            "BROKER__URLS",
            "amqps://a:hunter2@b/?no_verify_ssl=1",
            "must have nothing after the vhost (see BROKER__TLS__…); number 1 has parameters.",
        ),
        (
            "BROKER__MANAGEMENT_URL",
            "a:hunter2@b",
            "must be a URL such as https://user:password@rabbitmq.example.no:15671.",
        ),
        ("STORE__URL", "postgresql://u:hunter2@db", SERVER),
        ("STORE__URL", "postgresql://u:hunter2@/bridge", SERVER),
        ("STORE__URL", "postgres://u:hunter2@db:0/bridge", SERVER),
        (
            "STORE__URL",
            "postgresql://u:hunter2@db/bridge?sslmode=prefer",
            "must have sslmode verify-full (as it is by default) or, for plain text, disable.",
        ),
        (
            "STORE__URL",
            "postgresql://u:hunter2@db/bridge?sslrootcert=ca.pem",
            "can have one parameter, sslmode (files of TLS: see STORE__TLS__…).",
        ),
        ("STORE__URL", "postgresql+psycopg://u:hunter2@db/bridge", STORE),
        ("STORE__URL", "mysql://x", STORE),
        ("STORE__URL", "sqlite:///:memory:", STORE),
        ("NHN__AUTH__PRIVATE_KEY", "hunter2", "must be a private key as PEM or JWK."),
        ("NHN__AUTH__PRIVATE_KEY", '{"x":"hunter2"}', "must be a private key as PEM or JWK."),
        ("NHN__AUTH__PRIVATE_KEY", '{"kty":"EC","x":"hunter2"}', "must be the private key, but is a public one."),
        ("NHN__AUTH__PRIVATE_KEY", ENCRYPTED_PEM, "must be a key without a passphrase."),
        (
            "NHN__AUTH__PRIVATE_KEY_FILE",
            '{"kty":"EC","d":"hunter2"}',
            "must be the path of a file; what is in the file goes into the setting without _FILE.",
        ),
        ("BROKER__SUBSCRIPTIONS", "my queue", f"[0] {ENTRY}, but is my queue."),
        ("BROKER__SUBSCRIPTIONS", '[{"required": true}]', "[0].queue is missing."),
        ("BROKER__SUBSCRIPTIONS", '[{"queue": ""}]', "[0].queue must be a name of 1 to 255 bytes."),
        ("BROKER__SUBSCRIPTIONS", '{"queue": "q", "declare": "no!"}', "[0].declare must be on or off, but is no!."),
        (
            "BROKER__SUBSCRIPTIONS",
            f'{{"queue": "q", "bindings": "{"x" * 256}"}}',
            "[0].bindings must be patterns of at most 255 bytes.",
        ),
        ("BROKER__SUBSCRIPTIONS", '{"queue": "q", "qeue": 1}', "[0].qeue is not a setting; did you mean queue?"),
        ("NHN__TENANTS", '{"name": "A"}', "[0].name must be 1 to 40 of the characters a-z, 0-9 and -, but is A."),
    ],
)
def test_a_wrong_value_is_told_by_name_with_what_it_must_be(name: str, value: str, sentence: str) -> None:
    separator = "" if sentence.startswith("[") else " "
    assert mistakes(**{name: value, "NHN__ENABLED": "off"}) == [f"BRIDGE_{name}{separator}{sentence}"]


NONE_AT_NHN = (
    "BRIDGE_NHN__AUTH__METHOD is none, but api.tjener.test.melding.nhn.no wants HelseID: "
    "use helseid, or set BRIDGE_NHN__BASE_URL to your sandbox."
)


def test_all_mistakes_are_told_at_once() -> None:
    assert mistakes(
        NHN__PAGE_SIZE="5000",
        NHN__HER_IDS="1",
        NHN__AUTH__METHOD="none",
        OPS__PORT="x",
        OPS__PROT="1",
    ) == [
        "BRIDGE_OPS__PROT is not a setting; did you mean BRIDGE_OPS__PORT?",
        "BRIDGE_NHN__PAGE_SIZE must be between 1 and 1000, but is 5000.",
        "BRIDGE_OPS__PORT must be a whole number between 0 and 65535, but is x.",
        "BRIDGE_NHN__SOURCE_SYSTEM is missing: every request names your system and its version, e.g. `My-EPJ, v1.0.2`.",
        NONE_AT_NHN,
    ]


def test_mistakes_in_a_file_are_told_with_their_line(tmp_path: Path) -> None:
    text = """
nhn:
  page_size: 5000
  her_ids: [12, 0123]
  pagesize: 1
  enabled: off
ops:
  port:
    - 1
broker:
  subscriptions:
    - {queue: q, required: often}
"""
    assert mistakes_in(tmp_path, text) == [
        "nhn.pagesize (line 5 of FILE) is not a setting; did you mean nhn.page_size?",
        "nhn.her_ids (line 4 of FILE) must be HER-ids, whole numbers from 1 to 2147483647, but names `0123`.",
        "nhn.page_size (line 3 of FILE) must be between 1 and 1000, but is 5000.",
        "broker.subscriptions[0].required (line 11 of FILE) must be on or off, but is often.",
        "ops.port (line 8 of FILE) must be a whole number between 0 and 65535.",
    ]


def test_a_key_pasted_into_yaml_without_quotes_is_told_what_to_do_and_not_shown(tmp_path: Path) -> None:
    assert mistakes_in(tmp_path, 'nhn: {enabled: off, auth: {private_key: {"kty":"EC","d":"hunter2"}}}') == [
        "nhn.auth.private_key (line 1 of FILE) must be one text; in YAML write it in quotes."
    ]


def test_a_mistake_is_told_by_the_name_in_the_place_that_won(tmp_path: Path) -> None:
    assert mistakes_in(tmp_path, "nhn: {page_size: 10, enabled: off}", NHN__PAGE_SIZE="0") == [
        "BRIDGE_NHN__PAGE_SIZE must be between 1 and 1000, but is 0."
    ]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("nhn: [", "is not valid YAML (line 1)."),
        ("a: 1\n  b: 2", "is not valid YAML (line 2)."),
        ("nhn: hunter2", "has on line 1 something else than settings and their values."),
        ("- nhn", "has on line 1 something else than settings and their values."),
        ("nhn:\n  page_size: 1\nnhn:\n  her_ids: 2", "gives `nhn` a second time on line 3."),
        ("broker: {subscriptions: [{queue: a, queue: b}]}", "gives `queue` a second time on line 1."),
        ("nhn: {tenants: &a [*a]}", "is nested too deeply."),
        ("[" * 1500, "is nested too deeply."),
    ],
)
def test_a_file_that_cannot_be_read_is_one_mistake(tmp_path: Path, text: str, sentence: str) -> None:
    assert mistakes_in(tmp_path, text, NHN__SOURCE_SYSTEM="x") == [f"BRIDGE_CONFIG_FILE names FILE, which {sentence}"]


def test_a_file_that_is_not_there_does_not_hide_the_mistakes_of_the_environment() -> None:
    assert mistakes(CONFIG_FILE="/nowhere/bridge.yaml", NHN__PAGE_SIZE="0", FOO="1") == [
        "BRIDGE_CONFIG_FILE names /nowhere/bridge.yaml, which cannot be read (No such file or directory).",
        "BRIDGE_FOO is not a setting; the README lists them all.",
        "BRIDGE_NHN__PAGE_SIZE must be between 1 and 1000, but is 0.",
    ]


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    assert mistakes_in(tmp_path, "#" * 4_194_305) == ["BRIDGE_CONFIG_FILE names FILE, which is over 4194304 bytes."]


def test_more_her_ids_than_a_bridge_serves_are_refused() -> None:
    assert mistakes(NHN__HER_IDS=",".join(map(str, range(1, 45_002))), NHN__ENABLED="off") == [
        "BRIDGE_NHN__HER_IDS names 45001 HER-ids, but a bridge serves at most 45000."
    ]


def told(environ: dict[str, str]) -> list[str]:
    """The mistakes, where there are any."""
    try:
        load_settings(environ)
    except ConfigurationError as exc:
        return list(exc.mistakes)
    return []


WRONG = ["x y", "-1", "1e99", "[1,", "[[1]]", "{}", '{"x": 1}', "[{}]", "\x00", "1" * 5000, "[" * 5000]


@pytest.mark.parametrize("name", [setting.name for setting in settings_reference()])
def test_no_wrong_value_leaves_a_user_without_a_clear_sentence(name: str) -> None:
    for value in WRONG:
        sentences = told({name: value})
        assert all(sentence.endswith((".", "?")) for sentence in sentences)
        assert not any(sentence.endswith("is not valid.") for sentence in sentences)


@pytest.mark.parametrize("value", ["{a: hunter2}", "[hunter2]", "[[hunter2]]", "[{a: b}]"])
def test_no_wrong_shape_in_a_file_leaves_a_user_without_a_clear_sentence(tmp_path: Path, value: str) -> None:
    file = tmp_path / "bridge.yaml"
    for path in FIELDS:
        file.write_text("".join(f"{{{name}: " for name in path) + value + "}" * len(path))
        sentences = told({"BRIDGE_CONFIG_FILE": str(file)})
        assert not any(sentence.endswith("is not valid.") for sentence in sentences)
        assert not (is_secret(path) and "hunter2" in " ".join(sentences))


def test_no_sentence_quotes_a_secret() -> None:
    secrets = [path for path in FIELDS if is_secret(path)]
    assert [environment_name(path) for path in secrets] == [
        "BRIDGE_NHN__AUTH__PRIVATE_KEY",
        "BRIDGE_ALTINN__AUTH__PRIVATE_KEY",
        "BRIDGE_ALTINN__AUTH__TOKEN",
        "BRIDGE_BROKER__URLS",
        "BRIDGE_BROKER__MANAGEMENT_URL",
        "BRIDGE_STORE__URL",
    ]
    for path in secrets:
        for value in ("hunter2", "[hunter2", '{"hunter2": 1}', "https://u:hunter2@h:x/", "amqp://u:hunter2@h:x/"):
            sentences = told({environment_name(path): value})
            assert sentences
            assert "hunter2" not in " ".join(sentences)


def test_a_value_that_looks_like_a_person_or_a_secret_is_not_quoted_anywhere() -> None:
    (sentence,) = mistakes(NHN__HER_IDS="01019012345,amqp://a:hunter2@b", NHN__ENABLED="off")
    assert sentence.endswith("but names `[redacted]`, `amqp://[redacted]@b`.")
