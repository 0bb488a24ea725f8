"""A broker of the test's own, with users, and what `bridge check` finds there."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.check import Vhost


@pytest.fixture
def broker(broker_vhost: str, broker_management_url: str, tmp_path: Path) -> Iterator[Vhost]:
    """A vhost, looked at with the login of an administrator unless a test says otherwise."""
    broker = Vhost(broker_vhost, broker_management_url, tmp_path)
    yield broker
    broker.close()
