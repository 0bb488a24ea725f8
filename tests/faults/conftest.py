"""What the fault tests share: a world around a bridge in the test's own process. All of them are `make faults`."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pytest

from tests.support.cluster import MakeCluster, cluster
from tests.support.world import Bridged, bridged


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    """They start processes and break brokers: seconds each, too long for those who run the tests all day."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.faults)


@pytest.fixture(name="bridged")
def _bridged(tmp_path: Path, broker_vhost: str) -> Bridged:
    """`bridged` of tests.support.world, in this test's directory and vhost."""
    return partial(bridged, tmp_path, broker_vhost)


@pytest.fixture
def cluster_of(tmp_path: Path, broker_vhost: str, own_postgres_url: str) -> MakeCluster:
    """`cluster` of tests.support.cluster, in this test's directory, vhost and database."""
    return partial(cluster, tmp_path, broker_vhost, own_postgres_url)
