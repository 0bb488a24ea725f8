"""What the tests of bridge.ops share."""

from collections.abc import Iterator

import pytest
import structlog
from structlog.testing import capture_logs
from structlog.typing import EventDict


@pytest.fixture
def logs() -> Iterator[list[EventDict]]:
    """What is logged, at every level."""
    structlog.reset_defaults()
    with capture_logs() as entries:
        yield entries
