"""What must not be seen, and what must stay readable."""

import time
import uuid

import pytest

from bridge.ops.redaction import describe, redact, redact_text

JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJzb21lb25lIn0.c2lnbmF0dXJlLWJ5dGVz"
PEM = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n-----END PRIVATE KEY-----"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("amqp://bridge:hunter2@rabbit:5672/vhost", "amqp://[redacted]@rabbit:5672/vhost"),
        ("amqps://bridge:hun/ter@2@rabbit/ is down", "amqps://[redacted]@rabbit/ is down"),
        ("https://hunter2@host/path", "https://[redacted]@host/path"),
        ("postgresql+asyncpg://u:hunter2@db.example/bridge", "postgresql+asyncpg://[redacted]@db.example/bridge"),
        (f"token {JWT} expired", "token [redacted] expired"),
        ("encrypted eyJhbGciOiJkaXIifQ..aXY.Y2lwaGVy.dGFn end", "encrypted [redacted] end"),
        ("Authorization: Bearer c2VjcmV0LW9wYXF1ZS10b2tlbg==", "Authorization: Bearer [redacted]"),
        ("DPoP c2VjcmV0LW9wYXF1ZS10b2tlbg", "DPoP [redacted]"),
        (f"key {PEM} read", "key [redacted] read"),
        ("-----BEGIN EC PRIVATE KEY-----\nMHcCAQEE", "[redacted]"),
        ('{"kty":"EC","d":"jpsQnnGQmL-YBIffH1136cspYG6"}', '{"kty":"EC","d":"[redacted]"}'),
        ("grant_type=x&client_assertion=abc.def&scope=s", "grant_type=x&client_assertion=[redacted]&scope=s"),
        ('{"access_token": "opaque", "expires_in": 600}', '{"access_token": "[redacted]", "expires_in": 600}'),
        ("host=db password=hunter2 user=u", "host=db password=[redacted] user=u"),
        ("patient 01019012345 not found", "patient [redacted] not found"),
        ("patient 410190 12345 not found", "patient [redacted] not found"),
        ("fnr:01019012345.", "fnr:[redacted]."),
        ("sent to Kari.Nordmann+x@example.no today", "sent to [redacted] today"),
        ("<kari@sub.example.no>", "<[redacted]>"),
    ],
)
def test_secrets_and_personal_data_are_redacted_in_texts(text: str, shown: str) -> None:
    assert redact_text(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "00000000002147483646",
        "offset 2147483646",
        "8142520",
        "6789,9876",
        "843eed10-6b56-496b-8664-ce71167c6b5c",
        "843eed10-6b56-496b-8664-123456789012",
        "843eed10-6b56-496b-8664-12345678901a",
        "8142520-45460",
        "2026-04-14T06:17:00+00:00",
        "2026-04-14 06:17:00.123456",
        "1776147420.123456",
        "took 0.12345678901 s",
        "987654321",
        "https://api.tjener.test.melding.nhn.no/notifications",
        "http://127.0.0.1:8080/a?b=c",
        "new-message.8142520",
        "nhn/default/1",
        "Basic authentication is off",
        "DPoP proof refused",
        "the token expired",
        "kid 2026-a, PS256",
        "rabbit@localhost",
        "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "New message received. (EPIKRISE).",
    ],
)
def test_ordinary_texts_are_left_alone(text: str) -> None:
    assert redact_text(text) == text


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "token",
        "access_token",
        "accessToken",
        "Authorization",
        "DPoP",
        "private_key",
        "client_assertion",
        "secret",
        "client-secret",
    ],
)
def test_what_has_a_secrets_name_is_redacted_whatever_it_is(name: str) -> None:
    assert redact(name, "hunter2") == "[redacted]"
    assert redact("headers", {name: ["hunter2"]}) == {name: "[redacted]"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("token_expires_at", "2026-04-14T06:17:00Z"),
        ("private_key_file", "/run/secrets/key.pem"),
        ("token_url", "https://issuer.example/token"),
        ("tokens", 3),
        ("offset", 12345678901),
        ("offset", 2147483646),
        ("her_id", 8142520),
        ("retry_in_s", 0.12345678901),
        ("drained", True),
        ("stream", None),
    ],
)
def test_ordinary_values_are_left_alone(name: str, value: object) -> None:
    assert redact(name, value) == value


def test_nested_values_are_redacted_and_become_json() -> None:
    value = {
        "id": uuid.UUID("843eed10-6b56-496b-8664-ce71167c6b5c"),
        "body": b"hunter2",
        "to": ("kari@example.no", {"fnr": "01019012345"}),
        "ratio": float("nan"),
    }
    assert redact("event_data", value) == {
        "id": "843eed10-6b56-496b-8664-ce71167c6b5c",
        "body": "[7 bytes]",
        "to": ["[redacted]", {"fnr": "[redacted]"}],
        "ratio": "nan",
    }


def test_values_are_bounded() -> None:
    endless: list[object] = []
    endless.append(endless)
    assert len(redact("text", "x" * 1_000_000)) == 4001
    assert len(redact("numbers", list(range(1000)))) == 100
    assert "[redacted]" in str(redact("endless", endless))


def test_a_secret_that_is_cut_off_is_still_recognised() -> None:
    text = "x" * 3_990 + " amqp://bridge:hunter2hunter2@rabbit:5672/"
    assert "hunter2" not in redact_text(text)


def test_long_texts_are_redacted_in_a_moment() -> None:
    for piece in ("a", "1", " ", "eyJ", "a.b@", "a://", "a-", "password=", '"d":"', "-----BEGIN A-----", "Basic "):
        began = time.process_time()
        assert len(redact_text(piece * (40_000 // len(piece)))) <= 4001
        assert time.process_time() - began < 1


def test_a_group_of_errors_is_described_by_what_is_in_it() -> None:
    group = ExceptionGroup("tasks", [ValueError("a"), ExceptionGroup("more", [KeyError()])])
    assert describe(group) == "ValueError: a; KeyError"
