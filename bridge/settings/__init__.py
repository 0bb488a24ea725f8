"""The settings: read once, checked whole, immutable. Imported by the app and the commands, by nothing below them.

    environment, YAML file -> known names and their texts -> values (pydantic) -> rules between them -> Settings

Every step adds the mistakes it finds; they are told together, one sentence each.
"""

import os
from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings

from bridge.errors import ConfigurationError
from bridge.settings import names
from bridge.settings.altinn import AltinnAuth, AltinnSettings
from bridge.settings.broker import BrokerSettings, BrokerTls, Subscription
from bridge.settings.cluster import ClusterSettings
from bridge.settings.environment import from_environment
from bridge.settings.files import FileContent, Secret
from bridge.settings.given import Given, GivenSource, Spelling
from bridge.settings.mistakes import sentence, setting_of
from bridge.settings.model import (
    HttpSettings,
    LogSettings,
    OpsSettings,
    Settings,
)
from bridge.settings.nhn import NhnAuth, NhnSettings, Tenant
from bridge.settings.receivers import Receivers
from bridge.settings.reference import Setting, settings_reference
from bridge.settings.rules import broken_rules
from bridge.settings.store import StoreSettings, StoreTls
from bridge.settings.yaml_file import from_file

__all__ = [
    "AltinnAuth",
    "AltinnSettings",
    "BrokerSettings",
    "BrokerTls",
    "ClusterSettings",
    "FileContent",
    "HttpSettings",
    "LogSettings",
    "NhnAuth",
    "NhnSettings",
    "OpsSettings",
    "Receivers",
    "Secret",
    "Setting",
    "Settings",
    "StoreSettings",
    "StoreTls",
    "Subscription",
    "Tenant",
    "load_settings",
    "settings_file",
    "settings_reference",
]


def load_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """The settings of `environ` (default: this process's environment) and of the file that BRIDGE_CONFIG_FILE names.

    Raises ConfigurationError with every mistake that there is, one sentence each.
    """
    environ = os.environ if environ is None else environ
    environment = from_environment(environ)
    file, trouble = _file_of(environ)
    spell = Spelling(environment, file)
    settings, findings = _validated(environment, file)
    mistakes = [*trouble, *environment.mistakes, *file.mistakes]
    mistakes += (sentence(finding, spell) for finding in findings)
    if not trouble:
        wrong = {setting_of(finding) for finding in findings}
        mistakes += broken_rules(settings, spell, frozenset(wrong | environment.meant | file.meant))
    if mistakes:
        raise ConfigurationError(*mistakes)
    return settings


def settings_file(environ: Mapping[str, str] | None = None) -> FileContent[Settings] | None:
    """The settings again, as they are when the file that BRIDGE_CONFIG_FILE names has changed; None: it names none.

    Each time everything is checked as at the start; a file that is not right any more leaves the last good settings.
    """
    environ = os.environ if environ is None else environ
    config_file = environ.get(names.CONFIG_FILE, "").strip()
    return FileContent(Path(config_file), lambda _text: load_settings(environ)) if config_file else None


def _file_of(environ: Mapping[str, str]) -> tuple[Given, tuple[str, ...]]:
    """What the YAML file gives, if there is one, and why it could not be read: then nothing is concluded from what
    seems to be missing.
    """
    if config_file := environ.get(names.CONFIG_FILE, "").strip():
        try:
            return from_file(config_file), ()
        except ConfigurationError as exc:
            return Given(names.dotted_name), exc.mistakes
    return Given(names.dotted_name), ()


def _validated(environment: Given, file: Given) -> tuple[Settings, list[ErrorDetails]]:
    """The settings and pydantic's findings. Where a value is wrong its default stands in, so that the rules between
    settings can be looked at all the same.
    """
    try:
        return _merged(environment, file), []
    except ValidationError as exc:
        findings = exc.errors(include_url=False)
    repaired = Given(names.environment_name)
    for path in map(setting_of, findings):
        repaired.put(path, names.FIELDS[path].get_default(call_default_factory=True, validated_data={}))
    return _merged(repaired, environment, file), findings


class _Merged(BaseSettings, Settings):
    """Settings as pydantic-settings merges them: deeply, from the places that it is given and no others."""


def _merged(*places: Given) -> Settings:
    return _Merged(_build_sources=(tuple(GivenSource(_Merged, place) for place in places), {}))
