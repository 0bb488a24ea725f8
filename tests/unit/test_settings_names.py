"""Names that are no setting's: errors, with what may have been meant."""

import pytest

from bridge.errors import ConfigurationError
from bridge.settings import load_settings


def mistakes(**given: str) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        load_settings({f"BRIDGE_{name}": value for name, value in given.items()})
    return list(caught.value.mistakes)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("NHN__HERIDS", "is not a setting; did you mean BRIDGE_NHN__HER_IDS?"),
        ("NHN_HER_IDS", "is not a setting; did you mean BRIDGE_NHN__HER_IDS?"),
        ("nhn__her_ids", "is not a setting; did you mean BRIDGE_NHN__HER_IDS?"),
        ("BROKER__URL", "is not a setting; did you mean BRIDGE_BROKER__URLS?"),
        ("SHUTDOWN_DEADLINE", "is not a setting; did you mean BRIDGE_SHUTDOWN_DEADLINE_S?"),
        ("NHN__AUTH__METHOD__X", "is not a setting; did you mean BRIDGE_NHN__AUTH__METHOD?"),
        ("OPS_PORT", "is not a setting; did you mean BRIDGE_OPS__PORT?"),
        ("QQQQ", "is not a setting; the README lists them all."),
        ("NHN__AUTH", "is a group of settings: give each by itself, e.g. BRIDGE_NHN__AUTH__METHOD."),
        ("ALTINN__ORDER_IDS", "is not a setting; did you mean BRIDGE_ALTINN__ORDERS?"),
        ("ALTINN__AUTH__TOKENFILE", "is not a setting; did you mean BRIDGE_ALTINN__AUTH__TOKEN_FILE?"),
        ("ALTINN", "is a group of settings: give each by itself, e.g. BRIDGE_ALTINN__ORDERS."),
    ],
)
def test_an_unknown_name_is_an_error_that_suggests_the_nearest(name: str, sentence: str) -> None:
    assert mistakes(**{name: "8080"}) == [f"BRIDGE_{name} {sentence}"]


def test_an_unknown_name_is_an_error_even_when_it_is_empty() -> None:
    assert mistakes(FOO="") == ["BRIDGE_FOO is not a setting; the README lists them all."]


def test_a_prefix_in_small_letters_is_not_passed_over() -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_settings({"bridge_store__url": "sqlite:///x.db"})
    assert caught.value.mistakes == ("bridge_store__url is not a setting; did you mean BRIDGE_STORE__URL?",)


def test_nothing_is_concluded_from_the_absence_of_what_was_misspelt() -> None:
    assert mistakes(
        NHN__HER_IDS="1", NHN__AUTH__METHOD="none", NHN__BASE_URL="http://localhost", NHN__SORCE_SYSTEM="x"
    ) == ["BRIDGE_NHN__SORCE_SYSTEM is not a setting; did you mean BRIDGE_NHN__SOURCE_SYSTEM?"]
