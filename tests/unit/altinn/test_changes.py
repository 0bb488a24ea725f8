"""What has changed of an order's e-mails since it was last published."""

from collections.abc import Mapping
from itertools import permutations
from typing import Any

from bridge.altinn.changes import Changes, changes
from bridge.checkpoints import EmailSeen
from tests.support.altinn import email, seen, summary

NOBODY: Mapping[str, EmailSeen] = {}


def found(before: Mapping[str, EmailSeen], *items: dict[str, Any]) -> Changes:
    return changes(summary(*items), before)


def told(diff: Changes) -> list[tuple[str, str, str | None]]:
    """(notification id, status, previous status) of each change, in order."""
    return [
        (each.email.notification.id, each.email.notification.send_status.status, each.previous_status)
        for each in diff.changed
    ]


class TestAChange:
    def test_is_an_e_mail_that_was_not_seen_before(self) -> None:
        assert told(found(NOBODY, email("a", "New"))) == [("a", "New", None)]

    def test_is_another_status(self) -> None:
        assert told(found(seen("a", "Sending"), email("a", "Succeeded"))) == [("a", "Succeeded", "Sending")]

    def test_is_the_same_status_at_another_time(self) -> None:
        before = seen("a", "Sending", "2026-07-01T10:00:00Z")
        assert told(found(before, email("a", "Sending", "2026-07-01T10:00:01Z"))) == [("a", "Sending", "Sending")]

    def test_is_the_same_time_written_otherwise(self) -> None:
        before = seen("a", "Sending", "2026-07-01T10:00:00Z")
        assert told(found(before, email("a", "Sending", "2026-07-01T10:00:00.0Z"))) == [("a", "Sending", "Sending")]

    def test_may_go_back_to_new(self) -> None:
        before = seen("a", "Sending", "2026-07-01T10:00:00Z")
        assert told(found(before, email("a", "New", "2026-07-01T10:05:00Z"))) == [("a", "New", "Sending")]

    def test_may_follow_a_final_status(self) -> None:
        before = seen("a", "Delivered", "2026-07-01T10:00:00Z")
        assert told(found(before, email("a", "Failed_Bounced", "2026-07-01T10:05:00Z"))) == [
            ("a", "Failed_Bounced", "Delivered")
        ]

    def test_is_not_what_was_published_last(self) -> None:
        assert told(found(seen("a", "Sending"), email("a", "Sending", succeeded=True, recipient=None))) == []

    def test_is_not_an_e_mail_that_is_shown_no_more(self) -> None:
        assert told(found(seen("a", "Sending"))) == []


class TestTheOrderOfChanges:
    def test_is_that_of_their_times_whatever_the_order_of_the_answer(self) -> None:
        items = (
            email("a", "New", "2026-07-01T10:00:03Z"),
            email("b", "New", "2026-07-01T10:00:01+01:00"),
            email("c", "New", "2026-07-01T10:00:02Z"),
            email("d", "New", "0001-01-01T00:00:00Z"),
        )
        for shuffled in permutations(items):
            assert [name for name, _, _ in told(found(NOBODY, *shuffled))] == ["d", "b", "c", "a"]

    def test_is_that_of_the_answer_for_equal_times(self) -> None:
        items = [email(name, "New", "2026-07-01T10:00:00Z") for name in "cab"]
        assert [name for name, _, _ in told(found(NOBODY, *items))] == ["c", "a", "b"]


class TestAnEMailThatIsShownTwice:
    def test_counts_with_its_latest_change(self) -> None:
        items = (
            email("a", "Sending", "2026-07-01T10:00:01Z"),
            email("a", "Delivered", "2026-07-01T10:00:03Z"),
            email("a", "New", "2026-07-01T10:00:00Z"),
        )
        for shuffled in permutations(items):
            diff = found(seen("a", "Succeeded"), *shuffled)
            assert told(diff) == [("a", "Delivered", "Succeeded")]
            assert diff.repeated == 2

    def test_counts_the_same_way_at_every_poll_where_the_times_are_equal(self) -> None:
        items = (
            email("a", "Sending", "2026-07-01T10:00:00Z"),
            email("a", "Delivered", "2026-07-01T10:00:00Z"),
            email("a", "New", "2026-07-01T10:00:00Z"),
        )
        for shuffled in permutations(items):
            assert told(found(NOBODY, *shuffled)) == [("a", "Delivered", None)]


class TestAnItemThatIsNotUnderstood:
    def test_is_parked_once(self) -> None:
        bad = email("a", succeeded="?")
        diff = found(NOBODY, bad, email("b"), bad)
        (parked,) = diff.parked
        remembered = {each.notification_id: each for each in diff.seen()}
        assert remembered == {
            "b": EmailSeen("b", "New", "2023-11-14T16:06:02.877361Z"),
            parked.key: EmailSeen(parked.key, "invalid", ""),
        }
        assert found(remembered, bad, email("b")) == Changes(changed=(), parked=(), repeated=0)

    def test_is_parked_again_once_it_is_another(self) -> None:
        (first,) = found(NOBODY, email("a", succeeded="?")).parked
        before = {first.key: EmailSeen(first.key, "invalid", "")}
        (second,) = found(before, email("a", succeeded="!")).parked
        assert second.key != first.key

    def test_that_becomes_understood_is_a_change_from_what_was_published_before(self) -> None:
        before = seen("a", "New") | {"sha256:1": EmailSeen("sha256:1", "invalid", "")}
        assert told(found(before, email("a", "Delivered"))) == [("a", "Delivered", "New")]


def test_what_to_remember_is_what_was_shown_last() -> None:
    diff = found(
        NOBODY, email("a", "New", "2026-07-01T10:00:01Z"), email("b", "Failed_TTL", "2026-07-01T10:00:00.1234567Z")
    )
    assert list(diff.seen()) == [
        EmailSeen("b", "Failed_TTL", "2026-07-01T10:00:00.1234567Z"),
        EmailSeen("a", "New", "2026-07-01T10:00:01Z"),
    ]
