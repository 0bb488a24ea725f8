"""What is on a vhost, and who may do what there, by RabbitMQ's management API."""

from urllib.parse import urlsplit

import httpx

from tests.support.broker import vhost_of


class Management:
    """RabbitMQ's management API, on the vhost of the test."""

    def __init__(self, client: httpx.AsyncClient, url: str) -> None:
        self._client = client
        self._vhost = vhost_of(url)
        self.user = urlsplit(url).username or ""

    async def list(self, what: str, *columns: str) -> list[tuple[object, ...]]:
        listed = (await self._client.get(f"api/{what}/{self._vhost}")).raise_for_status().json()
        return sorted(tuple(each[column] for column in columns) for each in listed)

    async def permit(self, *, configure: str, write: str, read: str) -> None:
        permissions = {"configure": configure, "write": write, "read": read}
        (await self._client.put(f"api/permissions/{self._vhost}/{self.user}", json=permissions)).raise_for_status()
