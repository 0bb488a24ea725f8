"""The report: what makes all well, which findings become one line, what programs read."""

import msgspec

from bridge.check.report import Finding, Verdict, failed, make_report, not_verifiable, ok, warning


def findings_of(*findings: Finding) -> list[tuple[str, str]]:
    return [(each.name, each.found) for each in make_report(findings, version="1.2.3", seconds=0.0).findings]


def test_only_a_failure_says_that_not_all_is_well() -> None:
    harmless = [ok("a", "x"), warning("b", "y", fix="Do."), not_verifiable("c", "z")]
    assert make_report(harmless, version="1.2.3", seconds=1.0).is_well
    assert not make_report([*harmless, failed("d", "w", fix="Do.")], version="1.2.3", seconds=1.0).is_well


def test_neighbours_that_say_the_same_become_one_line_that_names_them_all() -> None:
    same = [failed("API", "no connection", fix="Mend it.", name=name) for name in ("acme", "beta")]
    assert findings_of(*same, ok("API", "answers", name="gamma")) == [
        ("acme, beta", "no connection"),
        ("gamma", "answers"),
    ]


def test_the_order_of_the_findings_is_kept() -> None:
    apart = [ok("API", "answers", name="acme"), ok("clock", "right"), ok("API", "answers", name="beta")]
    assert findings_of(*apart) == [("acme", "answers"), ("", "right"), ("beta", "answers")]


def test_a_finding_without_a_name_stays_without_one() -> None:
    assert findings_of(ok("store", "there"), ok("store", "there")) == [("", "there")]


def test_the_document_has_every_field_of_every_finding() -> None:
    report = make_report(
        [failed("store", "gone", fix="Bring it back.", name="bridge.db")], version="1.2.3", seconds=0.26
    )
    assert msgspec.json.decode(msgspec.json.encode(report)) == {
        "version": "1.2.3",
        "is_well": False,
        "findings": [
            {
                "verdict": "failed",
                "subject": "store",
                "name": "bridge.db",
                "found": "gone",
                "fix": "Bring it back.",
            }
        ],
        "seconds": 0.3,
    }


def test_the_verdicts_are_a_closed_set_of_words() -> None:
    assert [verdict.value for verdict in Verdict] == ["ok", "failed", "warning", "not verifiable"]
