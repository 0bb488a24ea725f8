"""What a check found, and all of it together: ok, failed, a warning, or not to be verified from here. Pure."""

from collections.abc import Iterable
from enum import Enum
from itertools import groupby

import msgspec


class Verdict(Enum):
    """How a finding is to be taken. Only a failure says that not all is well."""

    OK = "ok"
    FAILED = "failed"
    """`bridge run` would not do its work, or not all of it, until a person has mended this."""
    WARNING = "warning"
    """It works, but not as most would want it."""
    NOT_VERIFIABLE = "not verifiable"
    """It may be well or not: from here it cannot be seen."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the table. Made by `ok`, `failed`, `warning` and `not_verifiable`."""

    verdict: Verdict
    subject: str
    """What was looked at, in a word or two, e.g. `parked queue`."""
    name: str = ""
    """Which one of several: a tenant, `host:port`, a queue; empty where there is one."""
    found: str
    """A clause for people, without a secret."""
    fix: str | None = None
    """What a person does about it, in sentences. A failure always has one."""


def ok(subject: str, found: str, *, name: str = "") -> Finding:
    """All is well here."""
    return Finding(verdict=Verdict.OK, subject=subject, name=name, found=found)


def failed(subject: str, found: str, *, fix: str, name: str = "") -> Finding:
    """This has to be mended."""
    return Finding(verdict=Verdict.FAILED, subject=subject, name=name, found=found, fix=fix)


def warning(subject: str, found: str, *, fix: str, name: str = "") -> Finding:
    """This should be looked at."""
    return Finding(verdict=Verdict.WARNING, subject=subject, name=name, found=found, fix=fix)


def not_verifiable(subject: str, found: str, *, fix: str | None = None, name: str = "") -> Finding:
    """This cannot be seen. `fix`: how it could be."""
    return Finding(verdict=Verdict.NOT_VERIFIABLE, subject=subject, name=name, found=found, fix=fix)


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that was found, in the order of the subjects."""

    version: str
    """Of the bridge."""
    is_well: bool
    findings: tuple[Finding, ...]
    seconds: float
    """How long the looking took."""


def make_report(findings: Iterable[Finding], *, version: str, seconds: float) -> Report:
    """All is well where nothing failed."""
    merged = tuple(_merged(findings))
    is_well = not any(finding.verdict is Verdict.FAILED for finding in merged)
    return Report(version=version, is_well=is_well, findings=merged, seconds=round(seconds, 1))


def _merged(findings: Iterable[Finding]) -> Iterable[Finding]:
    """Neighbours that say the same of several things, as one that names them all: thirty tenants cannot sign in."""
    for finding, same in groupby(findings, key=lambda each: msgspec.structs.replace(each, name="")):
        names = dict.fromkeys(each.name for each in same if each.name)
        yield msgspec.structs.replace(finding, name=", ".join(names))


def plural(count: int, noun: str) -> str:
    """`1 stream`, `2 streams`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
