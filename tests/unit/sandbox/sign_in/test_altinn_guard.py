"""Who asks Altinn's API: an Altinn token, or a platform access token."""

from collections.abc import Sequence
from typing import Any

import pytest

from bridge.sandbox.sign_in.altinn_guard import AltinnGuard
from bridge.sandbox.sign_in.jose import IssuingKey
from bridge.sandbox.sign_in.refused import Refused
from tests.unit.sandbox.sign_in.makers import ABSENT, NOW_S

KEY = IssuingKey()
SCOPE = "altinn:serviceowner/notifications.create"


def token(*, key: IssuingKey = KEY, kind: str = "JWT", **claims: Any) -> str:
    right = {
        "scope": SCOPE,
        "urn:altinn:org": "ttd",
        "nbf": int(NOW_S),
        "exp": int(NOW_S) + 1800,
    }
    return key.sign({name: value for name, value in (right | claims).items() if value is not ABSENT}, kind=kind)


def asked_by(*authorizations: str, platform_tokens: Sequence[str] = (), now_s: float = NOW_S) -> str:
    return AltinnGuard(KEY).organisation(
        authorizations=authorizations,
        platform_tokens=platform_tokens,
        known_platform_tokens={"platform-token": "skd"},
        now_s=now_s,
    )


def refusal(*authorizations: str, **options: Any) -> Refused:
    with pytest.raises(Refused) as caught:
        asked_by(*authorizations, **options)
    return caught.value


def test_an_altinn_token_says_who_asks() -> None:
    assert asked_by(f"Bearer {token()}") == "ttd"
    assert asked_by(f"bearer {token(scope=f'altinn:other {SCOPE}')}") == "ttd"


def test_a_platform_token_says_who_asks() -> None:
    assert asked_by(platform_tokens=["platform-token"]) == "skd"


def test_where_both_come_the_platform_token_decides() -> None:
    assert asked_by(f"Bearer {token()}", platform_tokens=["platform-token"]) == "skd"
    assert refusal(f"Bearer {token()}", platform_tokens=["other"]).error == "invalid_token"


@pytest.mark.parametrize(
    ("text", "description"),
    [
        ("a.b", "The access token is no JWT of three parts."),
        (token(key=IssuingKey()), "The access token's signature is not the issuer's."),
        (token(kind="at+jwt"), "The access token's typ must be JWT."),
        (token(exp=int(NOW_S)), "The Altinn token has expired, or is not valid yet."),
        (token(nbf=int(NOW_S) + 60), "The Altinn token has expired, or is not valid yet."),
    ],
)
def test_a_token_that_is_no_good_is_refused(text: str, description: str) -> None:
    refused = refusal(f"Bearer {text}")
    assert (refused.error, refused.description) == ("invalid_token", description)


@pytest.mark.parametrize(
    ("claims", "description"),
    [
        ({"scope": "altinn:other"}, f"The Altinn token lacks the scope {SCOPE}."),
        ({"scope": f"{SCOPE}.more"}, f"The Altinn token lacks the scope {SCOPE}."),
        ({"urn:altinn:org": ABSENT}, "The Altinn token is none of a service owner's (urn:altinn:org)."),
    ],
)
def test_a_token_that_is_in_order_but_not_enough_is_refused_otherwise(claims: dict[str, Any], description: str) -> None:
    refused = refusal(f"Bearer {token(**claims)}")
    assert (refused.error, refused.description) == ("insufficient_scope", description)


@pytest.mark.parametrize("authorizations", [(), (token(),), (f"DPoP {token()}",), (f"Bearer {token()}",) * 2])
def test_there_must_be_one_bearer_token(authorizations: tuple[str, ...]) -> None:
    refusal(*authorizations)


def test_a_token_that_is_remembered_still_expires() -> None:
    guard, text = AltinnGuard(KEY), f"Bearer {token()}"

    def ask(now_s: float) -> str:
        return guard.organisation(authorizations=[text], platform_tokens=(), known_platform_tokens={}, now_s=now_s)

    assert ask(NOW_S + 1799) == "ttd"
    with pytest.raises(Refused):
        ask(NOW_S + 1800)
