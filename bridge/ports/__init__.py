"""The ports: what the pipeline needs of the world, as Protocols whose docstrings are the contract.

Adapters try once and raise; repeating is decided in the pipeline and in the delivery alone. Each contract is a test
suite in tests/contract that every implementation passes, the fakes of tests/support included.
"""

from bridge.ports.broker import Broker, Delivered, Inbox, Outcome, Session
from bridge.ports.flow import Batch, Clock, Source
from bridge.ports.store import Committer, Leases, OrderStore, Store

__all__ = [
    "Batch",
    "Broker",
    "Clock",
    "Committer",
    "Delivered",
    "Inbox",
    "Leases",
    "OrderStore",
    "Outcome",
    "Session",
    "Source",
    "Store",
]
