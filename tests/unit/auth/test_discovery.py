"""The discovery document is read when it is needed, once a day, and never lost again."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from bridge.auth.diagnosis import Problem, SignInError
from bridge.auth.discovery import OAUTH_AUTHORIZATION_SERVER, OPENID_CONFIGURATION, Discovery
from bridge.auth.issuer import IssuerClient
from bridge.errors import ConfigurationError
from tests.support.clock import FakeClock
from tests.support.sign_in import RecordingObserver

DAY_S = 86_400


class Site:
    """Serves a document and counts how often."""

    def __init__(self) -> None:
        self.urls: list[str] = []
        self.status = 200
        self.endpoint = "https://issuer.example/token"
        self.issuer = "https://issuer.example"

    async def answer(self, request: httpx.Request) -> httpx.Response:
        self.urls.append(str(request.url))
        await asyncio.sleep(0)
        return httpx.Response(self.status, json={"issuer": self.issuer, "token_endpoint": self.endpoint})


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def observer() -> RecordingObserver:
    return RecordingObserver()


@pytest.fixture
def site() -> Site:
    return Site()


@pytest.fixture
async def client(site: Site, clock: FakeClock, observer: RecordingObserver) -> AsyncIterator[IssuerClient]:
    transport = httpx.MockTransport(site.answer)
    async with IssuerClient(clock=clock, observer=observer, timeout_s=1, transport=transport) as client:
        yield client


@pytest.fixture
def discovery(client: IssuerClient, clock: FakeClock, observer: RecordingObserver) -> Discovery:
    return Discovery(client, "https://issuer.example", well_known=OPENID_CONFIGURATION, clock=clock, observer=observer)


async def test_the_document_is_read_once_however_many_need_it(discovery: Discovery, site: Site) -> None:
    endpoints = await asyncio.gather(*(discovery.token_endpoint() for _ in range(20)))
    assert set(endpoints) == {"https://issuer.example/token"}
    assert site.urls == ["https://issuer.example/.well-known/openid-configuration"]


async def test_it_is_read_again_after_a_day(discovery: Discovery, site: Site, clock: FakeClock) -> None:
    await discovery.token_endpoint()
    site.endpoint = "https://issuer.example/new"
    clock.advance(DAY_S - 1)
    assert await discovery.token_endpoint() == "https://issuer.example/token"
    clock.advance(1)
    assert await discovery.token_endpoint() == "https://issuer.example/new"
    assert len(site.urls) == 2


@pytest.mark.parametrize("change", [(503, "https://issuer.example"), (200, "https://other.example")])
async def test_a_failed_re_reading_keeps_the_old_document_and_is_told(
    change: tuple[int, str], discovery: Discovery, site: Site, clock: FakeClock, observer: RecordingObserver
) -> None:
    await discovery.token_endpoint()
    site.status, site.issuer = change
    clock.advance(DAY_S)
    for _ in range(3):
        assert await discovery.token_endpoint() == "https://issuer.example/token"
    assert len(site.urls) == 2
    assert len(observer.troubles) == 1
    clock.advance(300)
    await discovery.token_endpoint()
    assert len(site.urls) == 3


async def test_without_a_document_there_is_no_endpoint(discovery: Discovery, site: Site) -> None:
    site.status = 404
    with pytest.raises(SignInError) as caught:
        await discovery.token_endpoint()
    assert caught.value.diagnosis.problem is Problem.ISSUER
    site.status = 200
    assert await discovery.token_endpoint() == "https://issuer.example/token"


async def test_a_slash_at_the_end_of_the_issuer_is_not_doubled(
    client: IssuerClient, site: Site, clock: FakeClock, observer: RecordingObserver
) -> None:
    site.issuer = "https://issuer.example/"
    discovery = Discovery(
        client, "https://issuer.example/", well_known=OAUTH_AUTHORIZATION_SERVER, clock=clock, observer=observer
    )
    await discovery.token_endpoint()
    assert site.urls == ["https://issuer.example/.well-known/oauth-authorization-server"]


async def test_an_issuer_that_is_no_url_is_a_mistake_of_configuration(
    client: IssuerClient, clock: FakeClock, observer: RecordingObserver
) -> None:
    with pytest.raises(ConfigurationError, match="must be an absolute URL"):
        Discovery(client, "helseid", well_known=OPENID_CONFIGURATION, clock=clock, observer=observer)
