"""Which fault applies to this request, or to this new notification. Pure.

Rules are switched on and off at run time. Of the rules that match, the one added first is applied, one at a time.
`Rule` and `Plan` serve every API; `FaultRule` and `FaultPlan` are NHN's.
"""

from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, Generic, Literal, TypeVar

import msgspec

from bridge.sandbox.draws import fraction


class FaultKind(StrEnum):
    """What goes wrong. A fault of a request changes one answer, a fault of a notification one new item for good."""

    # The answer is an error.
    BAD_REQUEST = "400"
    """Problem details, error code 1001."""
    UNAUTHORIZED = "401"
    """Problem details."""
    FORBIDDEN = "403"
    """Problem details, error code 1202: not authorised for a HER-id."""
    NOT_FOUND = "404"
    """Problem details, error code 1010."""
    GATEWAY_NOT_FOUND = "404-html"
    """A gateway's page, no problem details: nobody routes this URL."""
    URI_TOO_LONG = "414"
    """A gateway's page."""
    LOCKED = "423"
    """Problem details, error code 1210: another HelseID client reserved the HER-id."""
    TOO_MANY_REQUESTS = "429"
    """Problem details; `Retry-After` where `retry_after_s` is given, as `retry_after_as` says."""
    HEADERS_TOO_LARGE = "431"
    """A gateway's page."""
    SERVER_ERROR = "500"
    """Problem details, error code 0."""
    UNAVAILABLE = "503"
    """A gateway's page; `Retry-After` as for 429."""

    # The answer does not arrive as it should.
    TIMEOUT = "timeout"
    """The request is taken and never answered."""
    SLOW_DRIP = "slow-drip"
    """The right page, one byte every `interval_s`."""
    CONNECTION_RESET = "connection-reset"
    """TCP reset instead of an answer."""
    CONTENT_LENGTH_TOO_LONG = "content-length-too-long"
    """The whole page, but `Content-Length` promises more; then the connection ends."""
    BODY_CUT = "body-cut"
    """`Content-Length` is right, but the connection ends in the middle of the page."""
    CHUNKED_BODY_CUT = "chunked-body-cut"
    """A chunked answer that ends in the middle of the page, without its last chunk."""
    JSON_CUT = "json-cut"
    """HTTP is in order, the JSON is the first half of the page."""

    # 200, but not a page.
    HTML = "html"
    """A login page."""
    WRONG_CONTENT_TYPE = "wrong-content-type"
    """The right page as `text/plain`."""
    OVERSIZED_BODY = "oversized-body"
    """The right page, then white space up to `size_bytes`."""
    GZIP_BOMB = "gzip-bomb"
    """A few hundred kB that unpack to an empty page and white space of `size_bytes`."""
    NESTED_JSON = "nested-json"
    """100,000 arrays in each other."""

    # 200 and a page, but not the right one. Where there is nothing old to show, the right page is.
    UNSORTED_PAGE = "unsorted-page"
    """The page in reverse."""
    REPEATED_PAGE = "repeated-page"
    """The page that ends at `Offset`, once more."""
    OFFSETS_GOING_BACK = "offsets-going-back"
    """The page, and in its last three places what came before `Offset`."""
    NO_PROGRESS = "no-progress"
    """As many items as were asked for, none of them behind `Offset`."""
    DUPLICATE_ITEMS = "duplicate-items"
    """Every item twice."""

    # New notifications that are not as they should be; they stay in the log like any other.
    MISSING_TYPE = "missing-type"
    WRONG_TYPES = "wrong-types"
    """Numbers where texts belong, and the reverse."""
    NULL_RECEIVER = "null-receiver"
    HUGE_OFFSET = "huge-offset"
    """2^63: one more than 64 bits hold."""
    NEGATIVE_OFFSET = "negative-offset"
    STRING_OFFSET = "string-offset"
    NOT_AN_OBJECT = "not-an-object"
    """A text in the list of notifications."""
    WITHOUT_ID = "without-id"
    """Neither `notificationId` nor `id`: NHN's field table names none."""
    WITHOUT_OFFSET = "without-offset"
    """`id` and no offset, as the example on NHN's page; shown while `Offset` is lower than its hidden position."""
    STICKY_WITHOUT_OFFSET = "sticky-without-offset"
    """The same, but every poll shows it."""
    LATE_ROW = "late-row"
    """Its number is given away now, but it is visible only after `visible_after_s` or `visible_after_polls`."""
    OVERSIZED_ITEM = "oversized-item"
    """A description of `size_bytes`."""

    # One of Altinn's notifications among good ones, so long as the fault is on.
    MISSING_STATUS = "missing-status"
    """Without its `sendStatus`."""


NOTIFICATION_FAULTS = frozenset(
    {
        FaultKind.MISSING_TYPE,
        FaultKind.WRONG_TYPES,
        FaultKind.NULL_RECEIVER,
        FaultKind.HUGE_OFFSET,
        FaultKind.NEGATIVE_OFFSET,
        FaultKind.STRING_OFFSET,
        FaultKind.NOT_AN_OBJECT,
        FaultKind.WITHOUT_ID,
        FaultKind.WITHOUT_OFFSET,
        FaultKind.STICKY_WITHOUT_OFFSET,
        FaultKind.LATE_ROW,
        FaultKind.OVERSIZED_ITEM,
    }
)
"""These shape notifications as they are created; all others shape the answer to a request."""

NHN_FAULTS = tuple(kind for kind in FaultKind if kind is not FaultKind.MISSING_STATUS)

_Positive = Annotated[int, msgspec.Meta(ge=1)]
_Seconds = Annotated[float, msgspec.Meta(gt=0)]


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One fault and when it applies. Without bounds it applies to everything until it is cleared."""

    kind: FaultKind
    count: _Positive | None = None
    """So many times."""
    for_s: _Seconds | None = None
    """So many seconds from now."""
    probability: Annotated[float, msgspec.Meta(gt=0, le=1)] = 1.0
    retry_after_s: Annotated[int, msgspec.Meta(ge=0)] | None = None
    retry_after_as: Literal["seconds", "date"] = "seconds"
    interval_s: _Seconds = 1.0
    size_bytes: _Positive = 100 * 2**20


class FaultRule(Rule, frozen=True, kw_only=True, omit_defaults=True):
    """A fault of NHN's API, or of an issuer."""

    her_id: int | None = None
    """Only to requests that name this HER-id, or to its notifications; error details then name it."""
    above_her_ids: Annotated[int, msgspec.Meta(ge=0)] = 0
    """Only to requests with more HER-ids than this: a gateway's limit, for 414 and 431."""
    visible_after_s: _Seconds | None = None
    visible_after_polls: _Positive | None = None
    """Neither given: after two polls for its receiver."""


SomeRule = TypeVar("SomeRule", bound=Rule)


class ActiveFault(msgspec.Struct, Generic[SomeRule]):
    """A rule that is switched on."""

    id: int
    rule: SomeRule
    times_left: int | None
    """None: no bound."""
    ends_at_s: float | None
    """In seconds of the clock that callers pass as `now_s`; None: no end."""


class Plan(Generic[SomeRule]):
    """The rules that are switched on, in the order in which they were added."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._draws = 0
        self._added = 0
        self._active: list[ActiveFault[SomeRule]] = []

    def add(self, rule: SomeRule, now_s: float) -> ActiveFault[SomeRule]:
        """Switch a rule on."""
        self._added += 1
        ends_at_s = None if rule.for_s is None else now_s + rule.for_s
        fault = ActiveFault(id=self._added, rule=rule, times_left=rule.count, ends_at_s=ends_at_s)
        self._active.append(fault)
        return fault

    def clear(self, fault_id: int | None = None) -> int:
        """Switch one rule off, or all; returns how many were on."""
        before = len(self._active)
        self._active = [fault for fault in self._active if fault_id is not None and fault.id != fault_id]
        return before - len(self._active)

    def active(self, now_s: float) -> list[ActiveFault[SomeRule]]:
        """The rules that are on now."""
        self._active = [fault for fault in self._active if _is_on(fault, now_s)]
        return list(self._active)

    def first(self, is_meant: Callable[[SomeRule], bool], now_s: float) -> SomeRule | None:
        """The first rule that is meant; counts as one application."""
        for fault in self.active(now_s) if self._active else ():
            if is_meant(fault.rule) and self._apply(fault):
                return fault.rule
        return None

    def _apply(self, fault: ActiveFault[SomeRule]) -> bool:
        if fault.rule.probability < 1:
            self._draws += 1
            if fraction(self._seed, "fault", self._draws) >= fault.rule.probability:
                return False
        if fault.times_left is not None:
            fault.times_left -= 1
        return True


class FaultPlan(Plan[FaultRule]):
    """NHN's and the issuers'."""

    def for_request(self, her_ids: frozenset[int], now_s: float) -> FaultRule | None:
        """The rule that applies to a request for these receivers; counts as one application."""

        def is_meant(rule: FaultRule) -> bool:
            is_wanted = rule.kind not in NOTIFICATION_FAULTS and len(her_ids) > rule.above_her_ids
            return is_wanted and (rule.her_id is None or rule.her_id in her_ids)

        return self.first(is_meant, now_s)

    def for_notification(self, her_id: int, now_s: float) -> FaultRule | None:
        """The rule that applies to a new notification for this receiver; counts as one application."""
        return self.first(lambda rule: rule.kind in NOTIFICATION_FAULTS and rule.her_id in (None, her_id), now_s)


def _is_on(fault: ActiveFault[SomeRule], now_s: float) -> bool:
    return fault.times_left != 0 and (fault.ends_at_s is None or now_s < fault.ends_at_s)
