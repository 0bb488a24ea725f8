"""A failed sign-in is a sentence a person can act on."""

import pytest

from bridge.auth.diagnosis import (
    Diagnosis,
    Presented,
    Problem,
    Refusal,
    challenge_error,
    clock_off,
    diagnose,
    diagnose_api,
    quote,
)

PRESENTED = Presented(
    issuer="https://issuer.example", client_id="client-1", key="kid key-1, PS256", scope="nhn:msh/api"
)


@pytest.mark.parametrize(
    ("status", "error", "description", "ahead_s", "problem"),
    [
        # HelseID and any other OAuth server
        (400, "invalid_client", "", None, Problem.CLIENT_OR_KEY),
        (401, "invalid_client", "client authentication failed", 0.0, Problem.CLIENT_OR_KEY),
        (400, "invalid_client", "client not found", None, Problem.UNKNOWN_CLIENT),
        (400, "invalid_client", "Invalid signature", None, Problem.WRONG_KEY),
        (400, "invalid_client", "audience (aud) must equal the issuer", None, Problem.ISSUER),
        (400, "invalid_client", "assertion expired", None, Problem.CLOCK),
        (400, "invalid_client", "", 42.0, Problem.CLOCK),
        (400, "invalid_client", "", -42.0, Problem.CLOCK),
        (400, "invalid_client", "", 9.0, Problem.CLIENT_OR_KEY),
        (400, "invalid_scope", "", None, Problem.SCOPE),
        (400, "invalid_scope", "", 42.0, Problem.SCOPE),
        (400, "unauthorized_client", "", None, Problem.NOT_ALLOWED),
        (400, "unsupported_grant_type", "", None, Problem.NOT_ALLOWED),
        (400, "invalid_dpop_proof", "htu mismatch", None, Problem.DPOP),
        (400, "invalid_dpop_proof", "", 42.0, Problem.CLOCK),
        (400, "use_dpop_nonce", "", None, Problem.DPOP),
        (400, "invalid_request", "HID-1001: not in the whitelist", None, Problem.ORGANISATION),
        (400, "invalid_request", "HID-1004", 42.0, Problem.ORGANISATION),
        (400, "invalid_request", "the organization number is not delegated", None, Problem.ORGANISATION),
        (400, "invalid_request", "HID-9999: something new", None, Problem.REFUSED),
        (400, "invalid_target", "", None, Problem.REFUSED),
        # Maskinporten
        (400, "invalid_grant", "Client not found (MP-100)", None, Problem.UNKNOWN_CLIENT),
        (400, "invalid_grant", "Invalid JWT claim aud (MP-110)", None, Problem.ISSUER),
        (400, "invalid_grant", "MP-121 Expired key", None, Problem.WRONG_KEY),
        (400, "invalid_grant", "Client authentication failed. Expired key", None, Problem.WRONG_KEY),
        (400, "invalid_grant", "Invalid JWT signature (MP-124)", None, Problem.WRONG_KEY),
        (400, "invalid_grant", "JWT is expired (MP-130)", None, Problem.CLOCK),
        (400, "invalid_grant", "Issue time is after now", None, Problem.CLOCK),
        (400, "invalid_scope", "Token request contains invalid scopes (MP-200)", None, Problem.SCOPE),
        (403, "invalid_grant", "Consumer has not delegated access", None, Problem.ORGANISATION),
        # no OAuth at all
        (404, None, "", None, Problem.UNUSABLE),
        (429, None, "", None, Problem.UNAVAILABLE),
        (503, "invalid_client", "", None, Problem.UNAVAILABLE),
    ],
)
def test_every_refusal_has_its_problem(
    status: int, error: str | None, description: str, ahead_s: float | None, problem: Problem
) -> None:
    refusal = Refusal(status=status, error=error, description=description)
    assert diagnose(refusal, PRESENTED, clock_ahead_s=ahead_s).problem is problem


@pytest.mark.parametrize(
    ("refusal", "ahead_s", "sentence"),
    [
        (
            Refusal(status=400, error="invalid_client"),
            None,
            (
                "https://issuer.example knows no client client-1 with the key (kid key-1, PS256). Compare both with"
                " the client's page there, in the same environment (it says: invalid_client)"
            ),
        ),
        (
            Refusal(status=400, error="invalid_client", description="expired"),
            42.4,
            (
                "https://issuer.example finds our assertion expired or not yet valid: this machine's clock is 42 s"
                " ahead of its own. Set this machine's clock by NTP (it says: invalid_client: expired)"
            ),
        ),
        (
            Refusal(status=400, error="invalid_scope"),
            None,
            (
                "https://issuer.example does not grant the scope nhn:msh/api. Check its spelling, and add it to the"
                " client client-1 (it says: invalid_scope)"
            ),
        ),
        (
            Refusal(status=400, error="invalid_dpop_proof"),
            -7.0,
            (
                "https://issuer.example does not accept our DPoP proof: this machine's clock is 7 s behind its own."
                " Set the client client-1 up for DPoP, and let no proxy change the URL or the headers (it says:"
                " invalid_dpop_proof)"
            ),
        ),
        (
            Refusal(status=502),
            None,
            "https://issuer.example is not available now (it answered 502); it is asked again",
        ),
    ],
)
def test_the_sentence_says_what_is_wrong_and_what_to_do(refusal: Refusal, ahead_s: float | None, sentence: str) -> None:
    assert diagnose(refusal, PRESENTED, clock_ahead_s=ahead_s).sentence == sentence


@pytest.mark.parametrize(
    "error", ["invalid_client", "invalid_scope", "invalid_dpop_proof", "unauthorized_client", None]
)
@pytest.mark.parametrize("description", ["", "HID-1001", "MP-120", "aud", "expired"])
def test_a_sentence_fits_a_log_line_with_names_as_long_as_they_are(error: str | None, description: str) -> None:
    presented = Presented(
        issuer="https://helseid-sts.test.nhn.no",
        client_id="7f403543-e7bf-4e42-9988-fc29d61a2563",
        key="kid oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U, PS256",
        scope="nhn:msh/api",
    )
    refusal = Refusal(status=400, error=error, description=description)
    assert len(diagnose(refusal, presented, clock_ahead_s=9.0).sentence) <= 300


@pytest.mark.parametrize(
    "problem", [problem for problem in Problem if problem not in {Problem.API, Problem.UNREADABLE}]
)
def test_every_problem_of_an_issuer_can_be_diagnosed(problem: Problem) -> None:
    """The closed set has no dead members."""
    refusals = {
        Problem.CLIENT_OR_KEY: ("invalid_client", ""),
        Problem.UNKNOWN_CLIENT: ("invalid_client", "unknown client"),
        Problem.WRONG_KEY: ("invalid_client", "MP-120"),
        Problem.SCOPE: ("invalid_scope", ""),
        Problem.ISSUER: ("invalid_client", "aud"),
        Problem.CLOCK: ("invalid_client", "expired"),
        Problem.DPOP: ("invalid_dpop_proof", ""),
        Problem.ORGANISATION: ("invalid_request", "HID-1002"),
        Problem.NOT_ALLOWED: ("unauthorized_client", ""),
        Problem.REFUSED: ("server_busy", ""),
        Problem.UNAVAILABLE: (None, ""),
        Problem.UNUSABLE: (None, ""),
    }
    error, description = refusals[problem]
    status = 503 if problem is Problem.UNAVAILABLE else 400
    assert diagnose(Refusal(status=status, error=error, description=description), PRESENTED).problem is problem


@pytest.mark.parametrize(
    ("challenge", "ahead_s", "diagnosis"),
    [
        (
            'DPoP error="invalid_token", error_description="The signature key was not found"',
            None,
            Diagnosis(
                Problem.API,
                (
                    "https://api.example refuses a fresh token. Check that issuer and API belong to the same"
                    " environment, and the scope (it says: invalid_token: The signature key was not found)"
                ),
            ),
        ),
        (
            'DPoP error="invalid_dpop_proof"',
            0.0,
            Diagnosis(
                Problem.DPOP,
                (
                    "https://api.example does not accept our DPoP proof. Check this machine's clock, and that the base"
                    " URL is the API's own: a proxy that changes it breaks the proof (it says: invalid_dpop_proof)"
                ),
            ),
        ),
        (
            'DPoP error="invalid_dpop_proof"',
            -63.0,
            Diagnosis(
                Problem.CLOCK,
                (
                    "https://api.example refuses a fresh token: this machine's clock is 63 s behind its own. Set this"
                    " machine's clock by NTP (it says: invalid_dpop_proof)"
                ),
            ),
        ),
        (
            "",
            None,
            Diagnosis(
                Problem.API,
                (
                    "https://api.example refuses a fresh token. Check that issuer and API belong to the same"
                    " environment, and the scope"
                ),
            ),
        ),
    ],
)
def test_a_fresh_token_that_the_api_refuses_is_explained(
    challenge: str, ahead_s: float | None, diagnosis: Diagnosis
) -> None:
    assert diagnose_api("https://api.example", challenge, clock_ahead_s=ahead_s) == diagnosis


@pytest.mark.parametrize(
    ("challenge", "fields"),
    [
        ("", (None, "")),
        ("Bearer", (None, "")),
        (
            'DPoP algs="ES256", error="use_dpop_nonce", error_description="with a \\"quote\\""',
            ("use_dpop_nonce", 'with a \\"quote\\"'),
        ),
        ('Bearer error="invalid_token", DPoP error="use_dpop_nonce"', ("use_dpop_nonce", "")),
        ('DPoP error="unfinished', (None, "")),
    ],
)
def test_a_challenge_is_read_as_far_as_it_goes(challenge: str, fields: tuple[str | None, str]) -> None:
    assert challenge_error(challenge) == fields


@pytest.mark.parametrize(
    ("words", "quoted"),
    [
        ("invalid_client: client authentication failed", "invalid_client: client authentication failed"),
        ("token eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl expired", "token … expired"),
        ("organisation 991825827 of 01017012345", "organisation … of …"),
        ("two\nlines\x1b[31m", "two lines [31m"),
        ("a b " * 100, "a b " * 39 + "a b…"),
        ("", ""),
    ],
)
def test_other_peoples_words_are_made_fit_for_a_log(words: str, quoted: str) -> None:
    assert quote(words) == quoted
    assert len(quote(words)) <= 160


def test_a_clock_that_is_off_is_said_in_words() -> None:
    assert clock_off("https://issuer.example", -8.5) == Diagnosis(
        Problem.CLOCK,
        "This machine's clock is 8 s behind that of https://issuer.example. Set it by NTP before sign-in fails",
    )
