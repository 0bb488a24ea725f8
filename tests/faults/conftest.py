"""What the fault tests share: a world around a bridge in the test's own process."""

from functools import partial
from pathlib import Path

import pytest

from tests.support.cluster import MakeCluster, cluster
from tests.support.world import Bridged, bridged


@pytest.fixture(name="bridged")
def _bridged(tmp_path: Path, broker_vhost: str) -> Bridged:
    """`bridged` of tests.support.world, in this test's directory and vhost."""
    return partial(bridged, tmp_path, broker_vhost)


@pytest.fixture
def cluster_of(tmp_path: Path, broker_vhost: str, own_postgres_url: str) -> MakeCluster:
    """`cluster` of tests.support.cluster, in this test's directory, vhost and database."""
    return partial(cluster, tmp_path, broker_vhost, own_postgres_url)
