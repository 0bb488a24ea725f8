"""Tokens that live 5 s, under load, for a minute: renewed in time, and no poll fails for it."""

from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from bridge.sandbox.sign_in.service import SignInPlan
from bridge.sandbox.sign_in.switches import Switches
from bridge.sandbox.supply import SupplyPlan
from tests.support.system import assert_delivered, running_system, until

pytestmark = [pytest.mark.soak, pytest.mark.timeout(180)]
SUPPLY = SupplyPlan(rate_per_s=300, burst=30, total=18_000)
FAILURES = {"unavailable", "sign-in", "rejected"}


async def test_tokens_of_a_short_life_are_renewed_under_load_and_no_poll_fails(
    tmp_path: Path, broker_vhost: str
) -> None:
    plan = SignInPlan(switches=Switches(token_life_s=5))
    async with running_system(tmp_path, broker_vhost, supply=SUPPLY, sign_in=plan) as system:
        await until(lambda: system.sandbox.nhn.state().supply_finished, timeout_s=120)
        await system.until_all_committed(timeout_s=60)
        polls = {
            sample.labels["outcome"]: sample.value
            for family in text_string_to_metric_families(await system.bridge.metrics())
            for sample in family.samples
            if sample.name == "bridge_polls_total"
        }
        assert await system.bridge.stop() == 0

        assert {outcome: polls[outcome] for outcome in FAILURES} == dict.fromkeys(FAILURES, 0.0)
        assert polls["partial"] > 100
        accepted = system.sandbox.sign_in.state().accepted
        assert accepted["helseid"] >= 10, "a token a 5 s, over a minute"
        assert_delivered(await system.arrived(), system.created_ids())
