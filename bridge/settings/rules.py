"""What settings must be to one another. Each rule yields a sentence for each way in which it is broken.

A rule says which settings it is about; it is not looked at when one of them is wrong by itself, so that no mistake is
told twice.
"""

from collections.abc import Iterator

from bridge.settings.altinn_rules import ALTINN_RULES
from bridge.settings.broker_rules import BROKER_RULES
from bridge.settings.given import Spelling
from bridge.settings.model import Settings
from bridge.settings.names import SettingPath
from bridge.settings.nhn_rules import NHN_RULES
from bridge.settings.store_rules import STORE_RULES

RULES = (*NHN_RULES, *ALTINN_RULES, *BROKER_RULES, *STORE_RULES)


def broken_rules(settings: Settings, spell: Spelling, wrong: frozenset[SettingPath]) -> Iterator[str]:
    """A sentence for each contradiction among the settings that are not `wrong` by themselves."""
    for rule in RULES:
        about = [tuple(name.split(".")) for name in rule.about]
        if not any(path[: len(prefix)] == prefix for prefix in about for path in wrong):
            yield from rule.broken(settings, spell)
