"""The printed table, character by character."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.check.report import Finding, Report, Verdict, failed, make_report, not_verifiable, ok, warning
from bridge.check.table import table

FINDINGS = [
    ok("API", "answers for 5 HER-ids (1 request)", name="acme"),
    failed("parked queue", "not there", name="bridge.parked", fix="Have it declared (durable, quorum)."),
    warning("event types", "no queue is bound for sent-state: they will be parked", fix="Bind a queue for them."),
    not_verifiable("permissions", "BRIDGE_BROKER__MANAGEMENT_URL is not set"),
]


def report_of(*findings: Finding) -> Report:
    return make_report(findings, version="1.2.3", seconds=0.42)


def plain(_verdict: Verdict, word: str) -> str:
    return word


def printed(width_chars: int, *findings: Finding) -> str:
    return "\n".join(table(report_of(*findings), width_chars=width_chars, paint=plain))


def test_columns_are_aligned_and_the_fix_stands_under_what_was_found() -> None:
    assert (
        printed(80, *FINDINGS)
        == """\
ok              API           acme: answers for 5 HER-ids (1 request)
FAILED          parked queue  bridge.parked: not there
                              Fix: Have it declared (durable, quorum).
warning         event types   no queue is bound for sent-state: they will be
                              parked
                              Fix: Bind a queue for them.
not verifiable  permissions   BRIDGE_BROKER__MANAGEMENT_URL is not set

Not all is well: 1 FAILED, 1 warning, 1 not verifiable, 1 ok (bridge 1.2.3, 0.4
s)."""
    )


def test_where_it_is_narrow_what_was_found_stands_under_its_subject() -> None:
    assert (
        printed(40, *FINDINGS[:2])
        == """\
ok      API
    acme: answers for 5 HER-ids (1
    request)
FAILED  parked queue
    bridge.parked: not there
    Fix: Have it declared (durable,
    quorum).

Not all is well: 1 FAILED, 1 ok (bridge
1.2.3, 0.4 s)."""
    )


def test_a_verdict_that_does_not_occur_takes_no_room() -> None:
    assert (
        printed(80, ok("store", "there"))
        == """\
ok  store  there

All is well: 1 ok (bridge 1.2.3, 0.4 s)."""
    )


def test_only_the_words_of_the_verdicts_are_painted() -> None:
    def paint(verdict: Verdict, word: str) -> str:
        return f"<{verdict.name}>{word}</>"

    lines = table(report_of(*FINDINGS[:2]), width_chars=80, paint=paint)
    assert list(lines)[:3] == [
        "<OK>ok</>      API           acme: answers for 5 HER-ids (1 request)",
        "<FAILED>FAILED</>  parked queue  bridge.parked: not there",
        "                      Fix: Have it declared (durable, quorum).",
    ]


def test_what_could_steer_a_terminal_is_replaced() -> None:
    assert "\x1b" not in printed(80, ok("exchange", "there", name="\x1b[2Jnhn"))


@pytest.mark.parametrize("text", ["sent-state.*", "new-message"])
def test_names_with_hyphens_are_not_broken(text: str) -> None:
    sentence = ok("event types", f"{'x' * 25} {text} {text} {text} {text} {text}")
    assert printed(60, sentence).count(text) == 5


@given(
    st.lists(
        st.builds(failed, st.text(max_size=15), st.text(), fix=st.text(), name=st.text())
        | st.builds(not_verifiable, st.text(max_size=15), st.text(), name=st.text())
    ),
    st.integers(32, 120),
)
def test_no_line_is_wider_than_the_terminal(findings: list[Finding], width_chars: int) -> None:
    assert max(map(len, table(report_of(*findings), width_chars=width_chars, paint=plain))) <= width_chars
