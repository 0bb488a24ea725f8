"""What every test may ask for: a real broker and database server, and on each a place that no other test sees."""

import asyncio
import os
import shlex
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit
from uuid import uuid4

import httpx
import pytest
from hypothesis import HealthCheck, settings

from bridge.store import open_store
from tests.support import published_plainly, signed_in
from tests.support.broker import CommandFailedError, Rabbitmqctl
from tests.support.clock import FakeClock
from tests.support.postgres import Databases, run_apart

# Out of the environment before anything reads it: settings of whoever runs the tests must not change what a test
# sees, still less point one at a real API.
_given = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("BRIDGE_")}


# How long an example takes tells how busy the machine is, and nothing of the code.
settings.register_profile("bridge", settings(deadline=None, suppress_health_check=[HealthCheck.too_slow]))
settings.load_profile("bridge")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Two other ways in which the tests of the whole system can run."""
    parser.addoption("--sign-in", action="store_true", help="sign in wherever the whole system runs")
    parser.addoption("--plain", action="store_true", help="publish plainly wherever the whole system runs")


def pytest_configure(config: pytest.Config) -> None:
    signed_in.is_wanted = bool(config.getoption("--sign-in"))
    published_plainly.is_wanted = bool(config.getoption("--plain"))
    _given.update(getattr(config, "workerinput", {}).get("given", {}))


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """In how many processes the tests run, where nobody says (`-n`): 0 is this one, with its plain output.

    All of them share the broker and the database, each in a place of its own; those that break a whole one are
    `faults`, which have it for themselves. Without both services the first test that needs one says so.
    """
    has_services = bool(_given.get("BRIDGE_BROKER__URLS") and os.environ.get("TEST_POSTGRES_URL"))
    is_default = config.args_source is pytest.Config.ArgsSource.TESTPATHS and config.option.markexpr.startswith("not ")
    if not (has_services and is_default) or config.option.keyword or config.option.collectonly:
        return 0
    return min(max(os.cpu_count() or 1, 2), 4)


def pytest_configure_node(node: Any) -> None:
    """A process that runs tests gets what was taken out of the environment here."""
    node.workerinput["given"] = _given


@pytest.fixture(scope="session")
def broker_url() -> str:
    """AMQP URL of the broker under test. Its default vhost is shared: use `broker_vhost`."""
    urls = _given.get("BRIDGE_BROKER__URLS")
    if not urls:
        pytest.exit("These tests need a RabbitMQ: run `make test`, or `deploy/with-rabbitmq .venv/bin/pytest ...`.", 1)
    return urls.strip('[] "').split(",")[0].strip(' "')


@pytest.fixture(scope="session")
def broker_management_url(broker_url: str) -> str:
    """RabbitMQ's management API, with its login; at the default port where none is named."""
    broker = urlsplit(broker_url)
    login, _, _ = broker.netloc.rpartition("@")
    return _given.get("BRIDGE_BROKER__MANAGEMENT_URL") or f"http://{login or 'guest:guest'}@{broker.hostname}:15672/"


@pytest.fixture(scope="session")
def _management(broker_management_url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=broker_management_url, timeout=10) as client:
        yield client


@pytest.fixture
def broker_vhost(broker_url: str, _management: httpx.Client) -> Iterator[str]:
    """AMQP URL of a fresh vhost, deleted afterwards with all that is in it and all connections to it."""
    vhost = f"test-{uuid4().hex[:12]}"
    user = quote(urlsplit(broker_url).username or "guest", safe="")
    _management.put(f"api/vhosts/{vhost}").raise_for_status()
    try:
        everything = {"configure": ".*", "write": ".*", "read": ".*"}
        _management.put(f"api/permissions/{vhost}/{user}", json=everything).raise_for_status()
        _wait_until_running(_management, vhost)
        yield urlsplit(broker_url)._replace(path=f"/{vhost}").geturl()
    finally:
        _management.delete(f"api/vhosts/{vhost}").raise_for_status()


def _wait_until_running(management: httpx.Client, vhost: str) -> None:
    """Returns once each node serves it: on a cluster the others follow a moment later."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        states = management.get(f"api/vhosts/{vhost}").raise_for_status().json().get("cluster_state", {})
        if states and set(states.values()) == {"running"}:
            return
        time.sleep(0.05)
    raise TimeoutError(f"vhost {vhost} is not running on every node after 10 s")


@pytest.fixture(scope="session")
def rabbitmqctl(broker_url: str) -> Rabbitmqctl:
    """Faults in the broker itself. A broker that somebody else runs is not ours to break: then the test is skipped."""
    command = shlex.split(os.environ.get("TEST_RABBITMQCTL", ""))
    if not command:
        pytest.skip("needs rabbitmqctl, and BRIDGE_BROKER__URLS names a broker without TEST_RABBITMQCTL")

    async def run(*arguments: str) -> str:
        process = await asyncio.create_subprocess_exec(
            *command,
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
        if process.returncode != 0:
            raise CommandFailedError(output.decode())
        return output.decode()

    return run


@pytest.fixture(scope="session")
def migrated_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of an empty store, to be copied: migrating each would take most of the time."""
    path = tmp_path_factory.mktemp("store") / "bridge.db"

    async def make() -> None:
        async with open_store(f"sqlite:///{path}", clock=FakeClock()):
            pass

    run_apart(make())
    return path


@pytest.fixture(scope="session")
def postgres_databases() -> Iterator[Databases]:
    """Makes databases on the PostgreSQL under test."""
    url = os.environ.get("TEST_POSTGRES_URL")
    if not url:
        pytest.exit("These tests need a PostgreSQL: run `make test`, or `deploy/with-postgres .venv/bin/pytest`.", 1)
    databases = Databases(url)
    yield databases
    databases.close()


@pytest.fixture
def postgres_url(postgres_databases: Databases) -> str:
    """URL of a database with the store's tables and nothing in them. The tables are to be left as they are."""
    return postgres_databases.emptied()


@pytest.fixture
def own_postgres_url(postgres_databases: Databases) -> Iterator[str]:
    """URL of a database with nothing in it, to do anything with; dropped afterwards. Takes half a second."""
    url = postgres_databases.make()
    yield url
    postgres_databases.drop(url)


@pytest.fixture(scope="session")
def pg_ctl_command(postgres_databases: Databases) -> str:
    """Stops and starts the server itself. One that somebody else runs is not ours to break: the test is skipped."""
    return os.environ.get("TEST_PG_CTL") or pytest.skip("needs pg_ctl, and TEST_POSTGRES_URL names a server without it")
