"""What is said of the settings of the Altinn source."""

import pytest

from bridge.check.altinn_settings import altinn_settings_findings
from bridge.check.report import Finding
from bridge.settings import load_settings

ORDERS = "f1a1cc30-197f-4f34-8304-006ce4945fd1,3fa85f64-5717-4562-b3fc-2c963f66afa6"
CLIENT = {"AUTH__CLIENT_ID": "client", "AUTH__PRIVATE_KEY": '{"kty":"RSA","d":"x"}'}


def findings(**given: str) -> list[Finding]:
    settings = load_settings({f"BRIDGE_ALTINN__{name}": value for name, value in (CLIENT | given).items()})
    return list(altinn_settings_findings(settings.altinn))


def told(**given: str) -> list[str]:
    return [finding.found for finding in findings(**given)]


def test_the_test_environment_is_named() -> None:
    assert told()[0] == (
        "the Altinn source is on, at platform.tt02.altinn.no, Altinn's test environment; "
        "events carry the recipient's e-mail address and organisation number"
    )
    assert told(BASE_URL="http://127.0.0.1:8085")[0].startswith("the Altinn source is on, at 127.0.0.1:8085; ")


@pytest.mark.parametrize(
    ("recipient", "carried"),
    [
        ("none", "nothing of the recipient"),
        ("full", "all that Altinn tells of the recipient, national identity numbers among it"),
    ],
)
def test_what_events_carry_of_a_person_is_said(recipient: str, carried: str) -> None:
    assert told(RECIPIENT=recipient)[0].endswith(f"events carry {carried}")


@pytest.mark.parametrize(
    ("given", "watched"),
    [
        ({}, "watched: those that the queue or `bridge orders add` names"),
        ({"ORDERS": ORDERS}, "watched: 2 orders of the settings, those that the queue or `bridge orders add` names"),
        (
            {"DISCOVERY": "feed", "FEED_START": "earliest"},
            (
                "watched: those that the status feed names, from the earliest, "
                "those that the queue or `bridge orders add` names"
            ),
        ),
    ],
)
def test_it_is_told_how_orders_come_to_be_watched(given: dict[str, str], watched: str) -> None:
    assert told(**given)[1] == watched


@pytest.mark.parametrize(
    ("platform", "issuer", "wanted"),
    [
        ("platform.altinn.no", "test.maskinporten.no", "maskinporten.no"),
        ("platform.tt02.altinn.no", "maskinporten.no", "test.maskinporten.no"),
    ],
)
def test_an_issuer_of_another_environment_is_a_warning(platform: str, issuer: str, wanted: str) -> None:
    warning = findings(BASE_URL=f"https://{platform}", AUTH__ISSUER=f"https://{issuer}/")[-1]
    assert warning.verdict.value == "warning"
    assert warning.found == f"Altinn's {platform} takes tokens of {wanted}, and {issuer} is to give them"
    assert warning.fix == (
        f"Set BRIDGE_ALTINN__AUTH__ISSUER to https://{wanted}/, or BRIDGE_ALTINN__BASE_URL to the other platform."
    )


@pytest.mark.parametrize(
    "given",
    [
        {"BASE_URL": "https://platform.altinn.no", "AUTH__ISSUER": "https://maskinporten.no/"},
        {"BASE_URL": "https://platform.at22.altinn.cloud"},
        {"BASE_URL": "http://127.0.0.1:8085", "AUTH__ISSUER": "http://127.0.0.1:8085/maskinporten/"},
    ],
)
def test_an_issuer_that_may_belong_to_the_platform_is_not_questioned(given: dict[str, str]) -> None:
    assert [finding.verdict.value for finding in findings(**given)] == ["ok", "ok"]
