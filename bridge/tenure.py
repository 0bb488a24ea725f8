"""The work of one lease: runs while the lease is held, drains when that is asked, is cut off when it is lost."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from bridge.errors import Deposed, InvariantViolation
from bridge.leases import Proof
from bridge.supervisor import end, innermost

HAND_OVER_S = 25.0
"""How long what is to be handed over may drain, as where an event has no queue; then it is cut off, and sent again by
whoever gets it."""

Run = Callable[[asyncio.Event], Awaitable[None]]
"""Does the work of a lease until the event is set, then drains and returns."""


@dataclass(eq=False)
class Tenure:
    """Something of this process that runs while it holds a lease; again and again."""

    name: str
    is_call: bool = False
    """It needs the lease for itself, whatever the fair share; it goes before what else here wants the same lease."""
    proof: Proof | None = None
    """None: not held."""
    obtained: asyncio.Event = field(default_factory=asyncio.Event)
    to_hand_over: asyncio.Event = field(default_factory=asyncio.Event)
    lost: asyncio.Event = field(default_factory=asyncio.Event)

    def begin(self, proof: Proof) -> None:
        """The lease is held from now on."""
        self.proof = proof
        self.obtained.set()

    def is_over(self) -> bool:
        """Forget all of it; whether there is a lease to give back."""
        has_held = self.proof is not None and not self.lost.is_set()
        self.proof = None
        for event in (self.obtained, self.to_hand_over, self.lost):
            event.clear()
        return has_held

    async def work(self, stop: asyncio.Event, run: Run) -> Deposed | None:
        """Run the work to its end; returns what told it that the lease is another's, if that is how it ended.

        Raises what it dies of, and InvariantViolation where it ends although nobody asked it to.
        """
        turn = asyncio.Event()
        running = asyncio.ensure_future(run(turn))
        losing = asyncio.create_task(self.lost.wait())
        asked = {asyncio.create_task(stop.wait()), asyncio.create_task(self.to_hand_over.wait())}
        try:
            await asyncio.wait({running, losing, *asked}, return_when=asyncio.FIRST_COMPLETED)
            was_asked = any(task.done() for task in (losing, *asked))
            turn.set()
            # A process that ends has a deadline of its own.
            patience_s = None if stop.is_set() else HAND_OVER_S
            await asyncio.wait({running, losing}, return_when=asyncio.FIRST_COMPLETED, timeout=patience_s)
        finally:
            await end({running, losing, *asked})
        error = None if running.cancelled() else running.exception()
        if error is None and not running.cancelled() and not was_asked:
            raise InvariantViolation(f"{self.name} ended although nobody asked it to")
        cause = None if error is None else innermost(error)
        if error is not None and not isinstance(cause, Deposed):
            raise error
        return cause if isinstance(cause, Deposed) else None
