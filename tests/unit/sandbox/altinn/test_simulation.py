"""Orders by hand and by themselves, and what a checker is told of them."""

import pytest

from bridge.sandbox.altinn.faults import AltinnFaultRule, Endpoint
from bridge.sandbox.altinn.lives import EmailLife, OrderLife
from bridge.sandbox.altinn.orders import Unknown
from bridge.sandbox.altinn.queries import Invalid
from bridge.sandbox.altinn.recipients import Recipient
from bridge.sandbox.altinn.records import NotificationRecord, OrderWish, Shown
from bridge.sandbox.faults import FaultKind
from bridge.sandbox.supply import SupplyPlan
from tests.unit.sandbox.altinn.makers import A_DAY_S, QUICK, World


def test_the_same_seed_and_times_give_the_same_lives_however_often_anybody_asks() -> None:
    often, once = (World(supply=SupplyPlan(rate_per_s=0.5, total=50)) for _ in range(2))
    for _ in range(400):
        often.clock.advance(1)
        often.altinn.state()
    once.clock.advance(400)
    assert often.altinn.created() == once.altinn.created()
    assert len(once.altinn.created()) == 50


def test_another_seed_gives_other_orders() -> None:
    first, second = World(seed=1).create(), World(seed=2).create()
    assert first.id != second.id


def test_every_status_that_was_ever_shown_is_in_the_history_and_nothing_else() -> None:
    world = World(supply=SupplyPlan(total=15))
    seen: dict[str, list[Shown]] = {}
    orders = world.altinn.created()
    for _ in range(400):
        for order in orders:
            for email in world.emails(order)["notifications"]:
                status = email["sendStatus"]
                shown = Shown(status=status["status"], last_update=status["lastUpdate"])
                history = seen.setdefault(email["id"], [])
                if shown not in history:
                    history.append(shown)
        world.clock.advance(0.5)
    told = {
        each.id: each.history
        for order in world.altinn.created()
        for each in order.notifications
        if each.channel == "Email"
    }
    assert seen.keys() == told.keys()
    for id_, history in seen.items():
        assert [shown for shown in told[id_] if shown in history] == history
    assert sum(map(len, seen.values())) > 0.95 * sum(map(len, told.values()))


def test_an_email_is_moved_at_will_and_stays_there() -> None:
    world = World()
    order = world.create("delivered", is_processed=True)
    (email,) = order.notifications
    world.clock.advance(0.5)
    moved = world.altinn.move(order.id, email.id, "Failed_SomethingNew")
    assert moved.notifications == [
        NotificationRecord(
            id=email.id,
            channel="Email",
            recipient=Recipient("mottaker-2311198219@example.com"),
            history=[
                Shown(status="New", last_update="2026-02-04T11:30:00Z"),
                Shown(status="Failed_SomethingNew", last_update="2026-02-04T11:30:00.5Z"),
            ],
        )
    ]
    assert moved.ended == "Completed"
    world.clock.advance(A_DAY_S)
    assert world.statuses(order) == ["New", "Failed_SomethingNew"]
    assert [row["recipients"][0]["status"] for row in world.feed()] == ["Email_Failed_SomethingNew"]


def test_moves_in_the_same_instant_are_shown_at_different_times() -> None:
    world = World()
    order = world.create("stuck-in-new", is_processed=True)
    for status in ("Sending", "New", "Sending"):
        world.altinn.move(order.id, order.notifications[0].id, status)
    (email,) = world.altinn.order(order.id).notifications
    assert [(shown.status, shown.last_update[19:]) for shown in email.history] == [
        ("New", "Z"),
        ("Sending", ".0000001Z"),
        ("New", ".0000002Z"),
        ("Sending", ".0000003Z"),
    ]
    assert world.emails(order)["notifications"][0]["sendStatus"]["lastUpdate"] == email.history[-1].last_update


def test_an_order_ends_when_the_last_of_its_emails_is_moved_to_a_final_status() -> None:
    world = World()
    order = world.create("stuck-in-new", "stuck-in-sending", is_processed=True)
    first, second = (each.id for each in order.notifications)
    assert world.altinn.move(order.id, first, "Delivered").ended is None
    world.clock.advance(A_DAY_S)
    assert world.altinn.move(order.id, second, "Delivered").ended == "Completed"
    assert world.altinn.order(order.id).history[-1].last_update.startswith("2026-02-05")


def test_a_final_email_that_is_moved_back_keeps_its_order_open_until_it_is_final_again() -> None:
    world = World()
    order = world.create("stuck-in-new", "stuck-in-new", is_processed=True)
    first, second = (each.id for each in order.notifications)
    world.altinn.move(order.id, first, "Delivered")
    world.altinn.move(order.id, first, "Sending")
    assert world.altinn.move(order.id, second, "Delivered").ended is None
    assert world.altinn.move(order.id, first, "Failed").ended == "Completed"


def test_moves_after_the_end_change_the_email_but_not_the_order_or_its_row() -> None:
    world = World()
    order = world.create("not-identified", is_processed=True)
    before = world.altinn.order(order.id)
    moved = world.altinn.move(order.id, order.notifications[0].id, "New")
    assert (moved.history, moved.ended, moved.sequence_number) == (before.history, "Completed", before.sequence_number)
    world.clock.advance(5)
    assert len(world.feed()) == 1
    assert world.statuses(order) == ["Failed_RecipientNotIdentified", "New"]


def test_an_email_that_is_not_there_yet_cannot_be_moved() -> None:
    world = World()
    order = world.create("delivered")
    later = World()
    same = later.create("delivered")
    later.clock.advance(A_DAY_S)
    (email,) = later.altinn.order(same.id).notifications
    with pytest.raises(Unknown, match="the order has no such notification now"):
        world.altinn.move(order.id, email.id, "Delivered")
    with pytest.raises(Unknown, match="there is no such order"):
        world.altinn.move("0", email.id, "Delivered")


def test_a_registered_order_is_cancelled_and_has_no_emails_ever() -> None:
    world = World()
    order = world.create("delivered", requested_in_s=60)
    assert world.altinn.cancel(order.id).ended == "Cancelled"
    world.clock.advance(A_DAY_S)
    assert world.order_statuses(order) == ["Order_Registered", "Order_Cancelled"]
    assert world.emails(order)["generated"] == 0
    assert world.feed() == []


def test_an_order_that_is_not_registered_any_more_cannot_be_cancelled() -> None:
    world = World()
    order = world.create("delivered", is_processed=True)
    with pytest.raises(ValueError, match="only an order that is Registered can be cancelled"):
        world.altinn.cancel(order.id)


def test_another_organisations_order_is_not_there() -> None:
    world = World()
    order = world.create(organisation="skd")
    assert world.altinn.emails(order.id, "ttd") is None
    assert world.altinn.shipment(order.id, "ttd") is None
    assert world.altinn.emails(order.id, "skd") is not None


def test_the_supply_makes_every_kind_of_order_and_email() -> None:
    world = World(supply=SupplyPlan(total=1500), pace=QUICK)
    world.clock.advance(10)
    orders = world.altinn.created(limit=1500)
    assert {order.ended for order in orders} == {"Completed", "Cancelled", "SendConditionNotMet", None}
    last = {each.history[-1].status for order in orders for each in order.notifications if each.channel == "Email"}
    assert last == {
        "New",
        "Sending",
        "Delivered",
        "Failed",
        "Failed_RecipientReserved",
        "Failed_RecipientNotIdentified",
        "Failed_InvalidEmailFormat",
        "Failed_SupressedRecipient",
        "Failed_Bounced",
        "Failed_FilteredSpam",
        "Failed_Quarantined",
        "Failed_InvalidSasUrl",
        "Failed_PayloadTooLarge",
        "Failed_SomethingNew",
    }


def test_the_supply_is_paused_and_lives_go_on() -> None:
    world = World(supply=SupplyPlan(rate_per_s=1))
    world.clock.advance(10)
    world.altinn.pause_supply()
    world.clock.advance(A_DAY_S)
    assert (world.altinn.state().orders, world.altinn.state().supply_paused) == (11, True)
    assert sum(world.altinn.state().ended.values()) > 5
    world.altinn.resume_supply()
    world.clock.advance(1)
    assert world.altinn.state().orders == 12


def test_created_orders_are_listed_in_pages() -> None:
    world = World(supply=SupplyPlan(total=5))
    assert [order.number for order in world.altinn.created(limit=2)] == [1, 2]
    assert [order.number for order in world.altinn.created(after=2)] == [3, 4, 5]
    assert world.altinn.created(after=5) == []


def test_beyond_the_limit_the_oldest_tenth_is_forgotten() -> None:
    world = World(max_orders=20)
    oldest = world.create("not-identified", is_processed=True)
    world.clock.advance(5)
    assert len(world.feed()) == 1
    world.altinn.create(OrderWish(count=20))
    assert world.altinn.created()[0].number == 3
    assert (world.altinn.state().orders, world.altinn.state().forgotten) == (21, 2)
    assert world.altinn.emails(oldest.id, "ttd") is None
    assert world.feed() == []


def test_a_total_that_would_be_forgotten_is_refused() -> None:
    with pytest.raises(ValueError, match="20 orders are kept: a total of 21 would lose the first"):
        World(max_orders=20, supply=SupplyPlan(total=21))


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        (
            OrderWish(email_lives=(EmailLife.FAILED,), email_paths=(("New",),)),
            "email_lives and email_paths exclude each other",
        ),
        (OrderWish(email_paths=((),)), "a path needs a status"),
    ],
)
def test_a_wish_that_contradicts_itself_is_refused(wish: OrderWish, message: str) -> None:
    world = World()
    with pytest.raises(ValueError, match=message):
        world.altinn.create(wish)
    assert world.altinn.state().orders == 0


def test_lives_without_a_weight_are_refused() -> None:
    with pytest.raises(ValueError, match="lives need weights"):
        World(order_lives={OrderLife.ORDINARY: 0})


def test_recipients_can_be_wished_for() -> None:
    world = World()
    company = Recipient("post@example.com", organization_number="310000000")
    person = Recipient("", national_identity_number="01810012345")
    order = world.create("delivered", "not-identified", recipients=(company, person), is_processed=True)
    assert [each.recipient for each in order.notifications] == [company, person]
    shown = [email["recipient"] for email in world.emails(order)["notifications"]]
    assert {"emailAddress": "post@example.com", "organizationNumber": "310000000"} in shown
    assert {"emailAddress": "", "nationalIdentityNumber": "01810012345"} in shown


def test_an_order_of_10000_emails_is_one_answer() -> None:
    world = World()
    order = world.create(emails=10_000, is_processed=True)
    assert world.emails(order)["generated"] == 10_000


def test_a_fault_is_named_by_an_orders_id_in_any_form() -> None:
    world = World()
    order = world.create()
    world.altinn.add_fault(AltinnFaultRule(kind=FaultKind.NOT_FOUND, order_id=order.id.upper()))
    assert world.altinn.fault_for(Endpoint.EMAILS, order.id) is not None
    with pytest.raises(Invalid):
        world.altinn.add_fault(AltinnFaultRule(kind=FaultKind.NOT_FOUND, order_id="x"))


def test_an_onlooker_is_told_once_that_the_supply_is_finished() -> None:
    world = World(supply=SupplyPlan(rate_per_s=1, total=3))
    world.clock.advance(10)
    world.altinn.state()
    world.altinn.state()
    assert world.notices == ["The supply is finished: 3 orders were created."]
