"""What is said of the settings themselves, and of signing in."""

from bridge.auth.diagnosis import Diagnosis, Problem
from bridge.check.settings import settings_findings
from bridge.check.sign_in import told_of
from bridge.settings import load_settings

BASE = {"BRIDGE_NHN__AUTH__METHOD": "none", "BRIDGE_NHN__BASE_URL": "http://127.0.0.1:8085"}
SYSTEM = {"BRIDGE_NHN__SOURCE_SYSTEM": "tests, v1"}


def told(environ: dict[str, str], wanted: dict[str, int]) -> list[tuple[str, str]]:
    settings = load_settings(SYSTEM | environ)
    her_ids = {tenant: frozenset(range(1, count + 1)) for tenant, count in wanted.items()}
    return [(finding.name, finding.found) for finding in settings_findings(settings, her_ids)]


def test_one_organisation_has_its_her_ids_and_streams_counted() -> None:
    assert told(BASE | {"BRIDGE_NHN__HER_IDS": "1"}, {"default": 1501}) == [
        ("", "the NHN source is on, at 127.0.0.1:8085"),
        ("", "1501 HER-ids in 2 streams"),
    ]


def test_each_of_several_tenants_is_told() -> None:
    tenants = '[{"name":"acme","her_ids":"1"},{"name":"beta","her_ids":"2,3"}]'
    assert told(BASE | {"BRIDGE_NHN__TENANTS": tenants}, {"acme": 1, "beta": 1500})[1:] == [
        ("acme", "1 HER-id in 1 stream"),
        ("beta", "1500 HER-ids in 1 stream"),
    ]


def test_the_test_environment_and_what_is_not_wanted_are_named() -> None:
    environ = {
        "BRIDGE_NHN__HER_IDS": "1",
        "BRIDGE_NHN__AUTH__CLIENT_ID": "client",
        "BRIDGE_NHN__AUTH__PRIVATE_KEY": '{"kty":"EC","d":"x"}',
        "BRIDGE_NHN__IGNORE": "sent-state,apprec",
    }
    assert told(environ, {"default": 1})[0][1] == (
        "the NHN source is on, at api.tjener.test.melding.nhn.no, NHN's test environment; "
        "not wanted: apprec, sent-state"
    )


def test_a_diagnosis_is_parted_into_what_happened_and_the_fix() -> None:
    said = "https://sts.example does not grant the scope a. Check its spelling (it says: invalid_scope: No. Never)"
    assert told_of(Diagnosis(Problem.SCOPE, said)) == (
        "https://sts.example does not grant the scope a (it says: invalid_scope: No. Never)",
        "Check its spelling.",
    )


def test_a_diagnosis_without_a_fix_has_a_general_one() -> None:
    said = "https://sts.example refuses the token request of the client c (it says: server_error)"
    assert told_of(Diagnosis(Problem.REFUSED, said)) == (
        said,
        "Correct BRIDGE_NHN__AUTH__… where that is wrong; else run the check again later.",
    )
