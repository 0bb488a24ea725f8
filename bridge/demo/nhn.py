"""NHN's half of the demo: a feed of notifications for some HER-ids."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from bridge.clock import SystemClock
from bridge.demo.proof import Claim, Created, Received, prove
from bridge.sandbox.notifications import EXAMPLE_HER_ID
from bridge.sandbox.server import Sandbox
from bridge.store import open_store

HER_IDS = (EXAMPLE_HER_ID, *range(8_142_520, 8_142_540))
POLL_INTERVAL_S = 0.5


class NhnHalf:
    """What was created and received."""

    def __init__(self, sandbox: Sandbox, names: str) -> None:
        """`names`: prefix of what the demo makes on the broker."""
        self._sandbox = sandbox
        self.exchange = f"{names}.nhn.notifications"
        self.received: list[Received] = []
        self.distinct: set[str] = set()
        self.cursor: int | None = None
        self.lag_s: float | None = None

    def settings(self) -> Mapping[str, str]:
        """The bridge's."""
        client = self._sandbox.client
        return {
            "BRIDGE_NHN__BASE_URL": self._sandbox.nhn_url,
            "BRIDGE_NHN__AUTH__ISSUER": self._sandbox.issuer_url,
            "BRIDGE_NHN__AUTH__CLIENT_ID": client.client_id,
            "BRIDGE_NHN__AUTH__PRIVATE_KEY": msgspec.json.encode(client.jwk).decode(),
            "BRIDGE_NHN__SOURCE_SYSTEM": "notification-bridge demo",
            "BRIDGE_NHN__HER_IDS": ",".join(map(str, HER_IDS)),
            "BRIDGE_NHN__POLL_INTERVAL_S": str(POLL_INTERVAL_S),
            "BRIDGE_BROKER__EXCHANGE_NHN": self.exchange,
        }

    def arrived(self, event: Mapping[str, Any]) -> None:
        """An event of NHN's exchange."""
        data = event["data"]
        self.received.append(
            Received(event_id=event["id"], her_id=data["receiverHerId"], sequence=event.get("sequence"), data=data)
        )
        self.distinct.add(event["id"])

    def look(self, status: Mapping[str, Any] | None) -> None:
        """Take in what the bridge's `/status` says of the feed's stream; None: nothing."""
        streams = () if status is None else status["streams"]
        for stream in streams:
            if stream["source"] == "nhn":
                self.cursor, self.lag_s = stream["cursor"], stream["lag_s"]

    @property
    def created(self) -> int:
        return self._sandbox.nhn.state().created

    def is_complete(self) -> bool:
        """Whether everything that was created has arrived and the cursor stands at its end."""
        state = self._sandbox.nhn.state()
        is_all_there = state.supply_finished and len(self.distinct) >= state.created
        return is_all_there and self.cursor == state.last_offset

    async def prove(self, store_file: Path) -> list[Claim]:
        """The claims about NHN."""
        created: list[Created] = []
        after = 0
        while page := self._sandbox.nhn.created(after=after):
            created += [Created(event_id=each.id, offset=each.offset) for each in page if each.id is not None]
            after = page[-1].position
        async with open_store(f"sqlite:///{store_file}", clock=SystemClock(), is_owner=False) as stores:
            cursors = {each.her_id: each.offset for each in await stores.nhn.receivers()}
        return prove(created, self.received, cursors)
