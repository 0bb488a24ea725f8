"""The sandbox as one HTTP server: composes the simulated APIs and the control endpoint.

In a test: `async with Sandbox(port=0, seed=1) as sandbox:`, then `sandbox.nhn_url` for the bridge and `sandbox.nhn` for
what the control endpoint offers (see `control`). With `sign_in=SignInPlan()` it issues tokens itself, which its API
demands: `sandbox.client` signs in at `sandbox.issuer_url`, and `sandbox.sign_in` is what is switched there.

Altinn's API is at `sandbox.altinn_url`, `sandbox.altinn` what its part of the control endpoint offers, and
`sandbox.altinn_client` signs in at `sandbox.maskinporten_url`.
"""

from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from aiohttp import web

from bridge.clock import SystemClock
from bridge.ports import Clock
from bridge.sandbox.altinn.api import AltinnApi
from bridge.sandbox.altinn.control import AltinnControl
from bridge.sandbox.altinn.faults import AltinnFaultRule
from bridge.sandbox.altinn.records import AltinnPlan
from bridge.sandbox.altinn.simulation import AltinnSimulation
from bridge.sandbox.control import Control
from bridge.sandbox.faults import FaultRule
from bridge.sandbox.feed import DEFAULT_MAX_ROWS
from bridge.sandbox.nhn_api import NhnApi
from bridge.sandbox.notifications import EXAMPLE_HER_ID
from bridge.sandbox.sign_in import helseid_issuer, maskinporten_issuer
from bridge.sandbox.sign_in.clients import ClientWithKey
from bridge.sandbox.sign_in.control import SignInControl
from bridge.sandbox.sign_in.service import SignIn, SignInPlan
from bridge.sandbox.simulation import NhnSimulation
from bridge.sandbox.supply import SupplyPlan

DEFAULT_PORT = 8085
MAX_LINE_BYTES = 256 * 1024
"""1500 HER-ids make 27 kB; some more, so that it is the API's limit that a longer request meets."""
_SHUTDOWN_S = 0.25
"""What answers then still (a fault that never answers) is cut off."""


class Sandbox:
    """Serves while its block lasts. Nothing outside the machine reaches it unless `host` says so."""

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = DEFAULT_PORT,
        seed: int = 1,
        her_ids: Sequence[int] = (EXAMPLE_HER_ID,),
        supply: SupplyPlan | None = None,
        faults: Sequence[FaultRule] = (),
        max_rows: int = DEFAULT_MAX_ROWS,
        altinn: AltinnPlan | None = None,
        altinn_faults: Sequence[AltinnFaultRule] = (),
        sign_in: SignInPlan | None = None,
        clock: Clock | None = None,
        on_notice: Callable[[str], None] = lambda _: None,
    ) -> None:
        """`port` 0: any free one. `supply` None: nothing but the example of NHN's page, where its HER-id is one of
        `her_ids`, until more is created by hand. `altinn` None: no orders until then. `sign_in` None: the APIs take
        requests without a token. Raises ValueError where `supply.total` is more than `max_rows`, or that of `altinn`
        more than its `max_orders`, a fault is none of its API's, or a client has no usable key.
        """
        clock = clock or SystemClock()
        self.nhn = NhnSimulation(
            clock,
            seed=seed,
            her_ids=her_ids,
            supply=supply or SupplyPlan(),
            faults=faults,
            max_rows=max_rows,
            on_notice=on_notice,
        )
        self.altinn = AltinnSimulation(
            clock, seed=seed, plan=altinn or AltinnPlan(), faults=altinn_faults, on_notice=on_notice
        )
        self._sign_in = None if sign_in is None else SignIn(clock, sign_in, seed=seed, on_notice=on_notice)
        self._host = host
        self._port = port
        application = web.Application()
        application.add_routes(NhnApi(self.nhn, clock, self._sign_in).routes())
        application.add_routes(AltinnApi(self.altinn, clock, self._sign_in).routes())
        application.add_routes(Control(self.nhn).routes())
        application.add_routes(AltinnControl(self.altinn).routes())
        if self._sign_in is not None:
            application.add_routes(self._sign_in.routes())
            application.add_routes(SignInControl(self._sign_in).routes())
        self._runner = web.AppRunner(
            application,
            access_log=None,
            handler_cancellation=True,
            max_line_size=MAX_LINE_BYTES,
            shutdown_timeout=_SHUTDOWN_S,
        )

    @property
    def nhn_url(self) -> str:
        """Base URL of NHN's API, without a trailing slash; known once the block is entered."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._port}"

    @property
    def sign_in(self) -> SignIn:
        """The stand-ins. Raises RuntimeError where the sandbox was made without `sign_in`."""
        if self._sign_in is None:
            raise RuntimeError("this sandbox was made without sign_in")
        return self._sign_in

    @property
    def client(self) -> ClientWithKey:
        """Who may sign in. Raises RuntimeError as `sign_in`."""
        return self.sign_in.client

    @property
    def issuer_url(self) -> str:
        """HelseID's; known once the block is entered, as the others."""
        return f"{self.nhn_url}{helseid_issuer.PATH}"

    @property
    def maskinporten_url(self) -> str:
        """Maskinporten's, with the slash at its end."""
        return f"{self.nhn_url}{maskinporten_issuer.PATH}"

    @property
    def altinn_url(self) -> str:
        """Altinn's platform, without a path: its API and its exchange have theirs."""
        return self.nhn_url

    @property
    def altinn_client(self) -> ClientWithKey:
        """Who may sign in at Maskinporten. Raises RuntimeError as `sign_in`."""
        return self.sign_in.altinn_client

    async def __aenter__(self) -> Self:
        """Raises OSError where the address cannot be had."""
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self._host, self._port).start()
        except OSError:
            await self._runner.cleanup()
            raise
        self._port = int(self._runner.addresses[0][1])
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._runner.cleanup()
