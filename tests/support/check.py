"""`bridge check` in a test: settings for a sandbox and a broker, and what was found, by subject."""

from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
from pamqp.common import FieldTable

from bridge.check.broker import broker_findings
from bridge.check.nhn import nhn_findings
from bridge.check.report import Finding
from bridge.clock import SystemClock
from bridge.ports import Clock
from bridge.settings import Receivers, Settings, load_settings
from bridge.tls import client_context
from tests.support.broker import open_channel, vhost_of

EXCHANGE, PARKED = "nhn.notifications", "bridge.parked"
HER_IDS = (6789, 7001, 7002, 7003, 7004)


def environment(directory: Path, *, api_url: str = "http://127.0.0.1:1", **more: str) -> dict[str, str]:
    """Settings for a sandbox at `api_url`; `more` without their prefix. The store is in `directory`."""
    defaults = {
        "NHN__BASE_URL": api_url,
        "NHN__AUTH__METHOD": "none",
        "NHN__SOURCE_SYSTEM": "tests, v1",
        "NHN__HER_IDS": ",".join(map(str, HER_IDS)),
        "HTTP__TIMEOUT_S": "5",
        "STORE__URL": f"sqlite:///{directory / 'bridge.db'}",
        "OPS__PORT": "0",
    }
    if "NHN__TENANTS" in more:
        del defaults["NHN__HER_IDS"]
    return {f"BRIDGE_{name}": value for name, value in (defaults | more).items()}


def settings_for(directory: Path, *, api_url: str = "http://127.0.0.1:1", **more: str) -> Settings:
    """The same, read."""
    return load_settings(environment(directory, api_url=api_url, **more))


async def look_at_nhn(settings: Settings, *, clock: Clock | None = None) -> list[Finding]:
    """What the check finds of signing in, the API and the clock, without a store."""
    wanted = Receivers(settings.nhn.all_tenants).current()
    return await nhn_findings(settings, wanted, [], clock=clock or SystemClock())


def told(findings: Iterable[Finding], subject: str) -> list[tuple[str, str]]:
    """(verdict, what was found) of a subject, with the name before it where it has one."""
    return [
        (finding.verdict.value, f"{finding.name}: {finding.found}" if finding.name else finding.found)
        for finding in findings
        if finding.subject == subject
    ]


def with_login(url: str, login: str, *, address: str = "") -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=f"{login}@{address or parts.netloc.rpartition('@')[2]}").geturl()


async def declare_all(url: str) -> None:
    """What `bridge run` declares."""
    quorum: FieldTable = {"x-queue-type": "quorum", "x-delivery-limit": 1_000_000}
    async with open_channel(url) as channel:
        await channel.declare_exchange(EXCHANGE, "topic", durable=True)
        await channel.declare_exchange(PARKED, "fanout", durable=True)
        queue = await channel.declare_queue(PARKED, durable=True, arguments=quorum)
        await queue.bind(PARKED, "")


class Vhost:
    """The broker of one test: what is on its vhost, and who may do what there."""

    def __init__(self, url: str, management_url: str, directory: Path) -> None:
        self.url = url
        self.management_url = management_url
        self.api = httpx.Client(base_url=management_url, timeout=10)
        self.vhost = vhost_of(url)
        self.address = urlsplit(url).netloc.rpartition("@")[2]
        self._directory = directory
        self._users: list[str] = []

    def settings(self, *urls: str, management: str | None = "", **more: str) -> Settings:
        """`management`: another URL than that of an administrator; None: there is none."""
        known = {} if management is None else {"BROKER__MANAGEMENT_URL": management or self.management_url}
        return settings_for(self._directory, BROKER__URLS=",".join(urls or (self.url,)), **known, **more)

    def user(self, *, tags: str = "", **permissions: str) -> str:
        """`name:password` of a new user, with permissions on the vhost if any are given."""
        name = f"check-{uuid4().hex[:8]}"
        self._users.append(name)
        self.api.put(f"api/users/{name}", json={"password": "p", "tags": tags}).raise_for_status()
        if permissions:
            self.api.put(f"api/permissions/{self.vhost}/{name}", json=permissions).raise_for_status()
        return f"{name}:p"

    async def look(self, *urls: str, management: str | None = "", **more: str) -> list[Finding]:
        """What the check finds, with settings as in `settings`."""
        settings = self.settings(*urls, management=management, **more)
        tls = settings.broker.tls
        context = client_context(ca_file=tls.ca_file, cert_file=tls.cert_file, key_file=tls.key_file)
        return await broker_findings(settings, HER_IDS, tls=context)

    def contents(self) -> object:
        """All that is on the vhost."""
        definitions = self.api.get(f"api/definitions/{self.vhost}").raise_for_status().json()
        return {name: definitions[name] for name in ("exchanges", "queues", "bindings")}

    def close(self) -> None:
        for name in self._users:
            self.api.delete(f"api/users/{name}").raise_for_status()
        self.api.close()
