"""When notifications are due."""

from bridge.sandbox.supply import Supply, SupplyPlan

MANY = 1_000_000


def test_a_steady_supply_makes_one_at_once_and_then_one_at_each_interval() -> None:
    supply = Supply(SupplyPlan(rate_per_s=2.0), started_at_s=100.0)
    assert supply.take(100.0, MANY) == [0.0]
    assert supply.take(100.4, MANY) == []
    assert supply.take(101.0, MANY) == [0.5, 0.0]
    assert supply.take(101.0, MANY) == []


def test_bursts_come_all_at_a_time_and_keep_the_rate_on_average() -> None:
    supply = Supply(SupplyPlan(rate_per_s=10.0, burst=20), started_at_s=0.0)
    assert len(supply.take(0.0, MANY)) == 20
    assert len(supply.take(1.9, MANY)) == 0
    assert supply.take(2.0, MANY) == [0.0] * 20


def test_it_ends_with_its_total() -> None:
    supply = Supply(SupplyPlan(rate_per_s=1.0, burst=4, total=6), started_at_s=0.0)
    assert (len(supply.take(0.0, MANY)), supply.is_finished) == (4, False)
    assert (len(supply.take(4.0, MANY)), supply.is_finished) == (2, True)
    assert supply.take(1000.0, MANY) == []


def test_without_a_rate_the_total_is_due_at_once() -> None:
    supply = Supply(SupplyPlan(total=3), started_at_s=5.0)
    assert supply.take(5.0, MANY) == [0.0, 0.0, 0.0]
    assert supply.is_finished


def test_without_rate_and_total_nothing_is_ever_due() -> None:
    supply = Supply(SupplyPlan(), started_at_s=0.0)
    assert supply.is_finished
    assert supply.take(1000.0, MANY) == []


def test_arrears_are_handed_out_in_portions_and_none_is_left_out() -> None:
    supply = Supply(SupplyPlan(rate_per_s=1.0), started_at_s=0.0)
    assert supply.take(4.0, 2) == [4.0, 3.0]
    assert supply.take(4.0, 2) == [2.0, 1.0]
    assert supply.take(4.0, 2) == [0.0]


def test_what_a_pause_held_back_is_not_made_up_for() -> None:
    supply = Supply(SupplyPlan(rate_per_s=1.0), started_at_s=0.0)
    assert len(supply.take(1.0, MANY)) == 2
    supply.pause(1.5)
    supply.pause(3.0)
    assert (supply.take(60.0, MANY), supply.is_paused) == ([], True)
    supply.resume(61.5)
    supply.resume(70.0)
    assert (supply.take(61.9, MANY), supply.is_paused) == ([], False)
    assert supply.take(62.0, MANY) == [0.0]
