"""A report as aligned plain text: verdict, subject, what was found, and under it what to do. Pure.

ok              store           bridge.db: its schema is up to date (0002)
FAILED          parked queue    bridge.parked: missing
                                Fix: …
"""

import textwrap
from collections import Counter
from collections.abc import Callable, Iterator

from bridge.check.report import Finding, Report, Verdict
from bridge.ops.address import printable

WORDS = {
    Verdict.FAILED: "FAILED",
    Verdict.WARNING: "warning",
    Verdict.NOT_VERIFIABLE: "not verifiable",
    Verdict.OK: "ok",
}
"""The worst first, as the summary tells them."""
GAP = "  "
MIN_FOUND_CHARS = 32
"""Where less is left for the last column, what was found stands under its subject instead."""
STACKED_INDENT = "    "
MIN_WIDTH_CHARS = 32
"""A verdict and a subject have room."""

Paint = Callable[[Verdict, str], str]
"""Colours a verdict's word; the text as it is where there are no colours."""


def table(report: Report, *, width_chars: int, paint: Paint) -> Iterator[str]:
    """The lines, none longer than `width_chars` (at least 32) before painting."""
    width_chars = max(width_chars, MIN_WIDTH_CHARS)
    verdict_chars = max((len(WORDS[finding.verdict]) for finding in report.findings), default=0)
    subject_chars = max((len(finding.subject) for finding in report.findings), default=0)
    indent = " " * (verdict_chars + subject_chars + 2 * len(GAP))
    is_stacked = width_chars - len(indent) < MIN_FOUND_CHARS
    for finding in report.findings:
        word = WORDS[finding.verdict]
        painted = paint(finding.verdict, word) + " " * (verdict_chars - len(word))
        subject = finding.subject.ljust(subject_chars)
        if is_stacked:
            yield f"{painted}{GAP}{finding.subject}"
            yield from (STACKED_INDENT + line for line in _told(finding, width_chars - len(STACKED_INDENT)))
        else:
            first, *more = [*_told(finding, width_chars - len(indent))] or [""]
            yield f"{painted}{GAP}{subject}{GAP}{first}"
            yield from (indent + line for line in more)
    yield ""
    yield from _wrapped(_summary(report), width_chars)


def _told(finding: Finding, width_chars: int) -> Iterator[str]:
    """What was found, and what to do about it."""
    what = f"{finding.name}: {finding.found}" if finding.name else finding.found
    yield from _wrapped(what, width_chars)
    if finding.fix is not None:
        yield from _wrapped(f"Fix: {finding.fix}", width_chars)


def _wrapped(text: str, width_chars: int) -> list[str]:
    """Names keep their hyphens on one line; only what is longer than a line is cut."""
    return textwrap.wrap(printable(text), width_chars, break_on_hyphens=False)


def _summary(report: Report) -> str:
    counts = Counter(WORDS[finding.verdict] for finding in report.findings)
    parts = ", ".join(f"{counts[word]} {word}" for word in WORDS.values() if counts[word])
    verdict = "All is well" if report.is_well else "Not all is well"
    return f"{verdict}: {parts} (bridge {report.version}, {report.seconds:.1f} s)."
