"""What the fault tests share: a world around a bridge in the test's own process."""

from functools import partial
from pathlib import Path

import pytest

from tests.support.world import Bridged, bridged


@pytest.fixture(name="bridged")
def _bridged(tmp_path: Path, broker_vhost: str) -> Bridged:
    """`bridged` of tests.support.world, in this test's directory and vhost."""
    return partial(bridged, tmp_path, broker_vhost)
