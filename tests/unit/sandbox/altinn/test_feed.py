"""The status feed: who is in it, under which number, and when."""

from bridge.sandbox.altinn.lives import EmailLife, OrderLife, Pace
from bridge.sandbox.altinn.records import OrderWish
from bridge.sandbox.supply import SupplyPlan
from tests.unit.sandbox.altinn.makers import A_DAY_S, QUICK, World


def numbers(rows: list[dict[str, int]]) -> list[int]:
    return [row["sequenceNumber"] for row in rows]


def ended(world: World, count: int) -> None:
    """So many orders that are in the feed."""
    world.altinn.create(OrderWish(count=count, email_lives=(EmailLife.NOT_IDENTIFIED,), is_processed=True))
    world.clock.advance(2)


def test_an_order_appears_once_when_it_is_final_with_what_is_documented() -> None:
    world = World()
    order = world.create("delivered", sms=1, senders_reference="r")
    while not (record := world.altinn.order(order.id)).ended:
        assert world.feed() == []
        world.clock.advance(1)
    world.clock.advance(700)
    (row,) = world.feed()
    email, sms = row["recipients"]
    assert row == {
        "sequenceNumber": world.altinn.order(order.id).sequence_number,
        "shipmentId": order.id,
        "sendersReference": "r",
        "recipients": [email, sms],
        "status": "Order_Completed",
        "lastUpdate": record.history[-1].last_update,
        "shipmentType": "Notification",
    }
    assert email == {
        "destination": email["destination"],
        "status": "Email_Delivered",
        "lastUpdate": world.altinn.order(order.id).notifications[0].history[-1].last_update,
    }
    assert "type" not in sms


def test_a_row_younger_than_two_seconds_is_hidden() -> None:
    world = World()
    order = world.create("not-identified", is_processed=True)
    for seconds, count in ((0, 0), (1.9, 0), (0.1, 1)):
        world.clock.advance(seconds)
        assert len(world.feed()) == count
        assert world.altinn.order(order.id).is_in_feed == bool(count)


def test_numbers_have_gaps_because_other_organisations_have_the_rest() -> None:
    world = World()
    ended(world, 40)
    found = numbers(world.feed())
    assert found == sorted(found)
    assert found[-1] > 60


def test_seq_is_exclusive_and_pages_follow_each_other() -> None:
    world = World()
    ended(world, 25)
    whole = numbers(world.feed())
    paged: list[int] = []
    while page := numbers(world.feed(seq=paged[-1] if paged else 0, page_size=7)):
        assert len(page) <= 7
        paged += page
    assert paged == whole
    assert numbers(world.feed(seq=whole[3] - 1, page_size=1)) == [whole[3]]


def test_descending_begins_with_the_newest_and_goes_on_before_seq() -> None:
    world = World()
    ended(world, 5)
    whole = numbers(world.feed())
    assert numbers(world.feed(is_descending=True, page_size=1)) == [whole[4]]
    assert numbers(world.feed(is_descending=True, seq=whole[2])) == [whole[1], whole[0]]


def test_cancelled_orders_and_those_that_are_stuck_are_never_in_it() -> None:
    world = World()
    for life in ("stuck-in-new", "stuck-in-sending"):
        world.create(life)
    world.create(life=OrderLife.CANCELLED)
    world.clock.advance(10 * A_DAY_S)
    assert world.feed() == []
    assert world.altinn.state().ended == {"Cancelled": 1}


def test_an_order_whose_condition_is_not_met_is_in_it_without_recipients() -> None:
    world = World()
    world.create(life=OrderLife.CONDITION_NOT_MET)
    world.clock.advance(A_DAY_S)
    (row,) = world.feed()
    assert (row["status"], row["recipients"]) == ("Order_SendConditionNotMet", [])


def test_what_changes_after_the_end_is_not_in_the_feed() -> None:
    world = World()
    order = world.create("bounced-later")
    world.clock.advance(A_DAY_S)
    assert [row["recipients"][0]["status"] for row in world.feed()] == ["Email_Delivered"]
    assert world.shipment(order)["recipients"][0]["status"] == "Email_Failed_Bounced"


def test_a_late_row_has_a_lower_number_than_one_that_was_visible_before() -> None:
    world = World()
    late = world.create("not-identified", is_processed=True, late_by_s=30)
    world.clock.advance(1)
    on_time = world.create("not-identified", is_processed=True)
    world.clock.advance(5)
    assert [row["shipmentId"] for row in world.feed()] == [on_time.id]
    world.clock.advance(30)
    rows = world.feed()
    assert [row["shipmentId"] for row in rows] == [late.id, on_time.id]
    assert numbers(rows) == sorted(numbers(rows))


def test_of_the_supplys_orders_some_come_late() -> None:
    world = World(supply=SupplyPlan(total=200), pace=QUICK, late_share=0.1, late_by_s=60)
    world.clock.advance(30)
    early = set(numbers(world.feed()))
    world.clock.advance(60)
    late = set(numbers(world.feed())) - early
    assert 5 < len(late) < 40
    assert min(late) < max(early)


def test_each_organisation_sees_its_own_orders() -> None:
    world = World()
    ours = world.create("not-identified", is_processed=True)
    theirs = world.create("not-identified", is_processed=True, organisation="skd")
    world.clock.advance(5)
    assert [row["shipmentId"] for row in world.feed()] == [ours.id]
    assert [row["shipmentId"] for row in world.feed(organisation="skd")] == [theirs.id]


def test_numbers_are_given_in_the_order_of_the_ends_however_rarely_anybody_asks() -> None:
    often, once = (World(supply=SupplyPlan(rate_per_s=2, total=100), pace=Pace(expiry_s=100)) for _ in range(2))
    for _ in range(2000):
        often.clock.advance(1)
        often.feed(page_size=1)
    once.clock.advance(2000)
    assert often.feed() == once.feed()
    assert len(once.feed()) > 80
