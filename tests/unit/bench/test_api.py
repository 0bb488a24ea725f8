"""The bench's API deals events out to streams as the bridge deals receivers."""

import pytest

from bridge.nhn.streams import plan
from tests.bench.api import FIRST_HER_ID, groups, offsets_of


@pytest.mark.parametrize("her_ids", [1, 1500, 1501, 10_000])
def test_each_stream_is_asked_for_the_events_of_its_receivers(her_ids: int) -> None:
    streams = plan("acme", range(FIRST_HER_ID, FIRST_HER_ID + her_ids), []).enrol.values()

    assert len(streams) == groups(her_ids)
    for receivers in streams:
        group = (receivers[0] - FIRST_HER_ID) % groups(her_ids)
        found = {FIRST_HER_ID + offset % her_ids for offset in offsets_of(group, 2 * her_ids, her_ids)}
        assert found == set(receivers)
