"""What subscribers' queues are bound with, as RabbitMQ's management API shows it."""

import asyncio
import ssl
from collections.abc import Callable, Mapping, Sequence

from bridge.errors import ConfigurationError
from bridge.rabbitmq.management import ManagementUnavailable, open_management
from bridge.routes import Place, Route

ANSWER_S = 5.0
"""For one question."""
LOOK_S = 15.0
"""For one look, whatever the number of routes."""


class ManagedBindings:
    """Asks the management API, connected anew for each look: its URL may have changed."""

    def __init__(self, url: Callable[[], str], *, tls: ssl.SSLContext) -> None:
        """`url`: of the settings."""
        self._url = url
        self._tls = tls

    async def look(self, place: Place, routes: Sequence[Route]) -> Mapping[Route, frozenset[str]]:
        """The patterns that each route's queue is bound to its exchange with. Raises ManagementUnavailable, also where
        it is another broker's.
        """
        try:
            async with (
                asyncio.timeout(LOOK_S),
                open_management(self._url(), vhost=place.vhost, tls=self._tls, timeout_s=ANSWER_S) as management,
            ):
                cluster = (await management.overview()).cluster_name
                if cluster != place.cluster:
                    raise ManagementUnavailable(
                        f"BRIDGE_BROKER__MANAGEMENT_URL is of another broker: the cluster {cluster}, while events go "
                        f"to {place.cluster}"
                    )
                return {route: await management.bound_with(route.exchange, route.queue) for route in routes}
        except TimeoutError as error:
            raise ManagementUnavailable(f"The management API took more than {LOOK_S:g} s to answer") from error
        except ConfigurationError as error:
            raise ManagementUnavailable(str(error)) from error
