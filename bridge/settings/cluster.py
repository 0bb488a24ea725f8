"""Settings of several replicas."""

from typing import Annotated

from pydantic import Field

from bridge.settings.fields import Group


class ClusterSettings(Group):
    """How replicas share the streams; with SQLite there is one."""

    heartbeat_s: Annotated[float, Field(ge=0.1, le=60)] = 2
    """Seconds between two signs of life in the store. A stream's lease lasts three: so long after a crash another
    replica takes over; its owner stops by itself after two without an answer. The same on all replicas."""
