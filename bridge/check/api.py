"""The API, asked as the bridge will ask it: once for every HER-id, a notification a request. A GET changes nothing."""

import asyncio
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

import httpx

from bridge.check.api_faults import SUBJECT, explain, refusals
from bridge.check.report import Finding, failed, ok, plural
from bridge.check.witness import Answered, Witness
from bridge.errors import TransientError
from bridge.http import HostGate, HttpReader
from bridge.http_transport import make_client
from bridge.nhn.answers import Problem, ReceiversRefused
from bridge.nhn.api import MAX_HER_IDS, NhnApi
from bridge.nhn.feed import Feed
from bridge.ports import Clock
from bridge.settings import Settings
from bridge.store import ReceiverOffset

SEARCH_S = 15.0
"""For finding out which of the HER-ids of a refused request are refused: some 20 requests for each."""


class _Search(NamedTuple):
    """Who is refused of one request."""

    refused: dict[int, Problem]
    unnamed: Problem | None = None
    """Why the request is refused, where the time was too short to find out who is meant."""


class _Witness(Witness):
    """Of the feed's requests, too."""

    def poll_failed(self, _error: TransientError, *, attempt: int) -> None:
        """A page was too large, and is asked for again smaller."""

    def probed(self) -> None:
        """It is seen by the request itself."""


async def check_api(
    settings: Settings,
    her_ids: Collection[int],
    receivers: Sequence[ReceiverOffset],
    *,
    name: str,
    auth: httpx.Auth | None,
    clock: Clock,
) -> Answered:
    """Ask for all HER-ids of one tenant. `receivers`: where the store says that they stand."""
    nhn, http = settings.nhn, settings.http
    witness = _Witness(clock)
    async with make_client(timeout_s=http.timeout_s, auth=auth, hooks=witness.hooks) as client:
        reader = HttpReader(
            client,
            gate=HostGate(clock),
            clock=clock,
            timeout_s=http.timeout_s,
            max_body_bytes=http.max_body_bytes,
        )
        api = NhnApi(reader, base_url=nhn.base_url, source_system=nhn.source_system, api_version=nhn.api_version)
        feed = Feed(api, page_size=1, retry_refused_s=nhn.retry_refused_s, observer=witness)
        try:
            findings = await _ask(feed, list(requests_of(her_ids, receivers)), len(her_ids), name)
        except TransientError as error:
            found, fix = explain(error, witness.status)
            findings = [failed(SUBJECT, found, name=name, fix=fix)]
    return Answered(findings, witness.clock_ahead_s)


async def _ask(feed: Feed, requests: Sequence[tuple[list[int], int]], asked: int, name: str) -> list[Finding]:
    """Raises TransientError: then the rest would fare no better."""
    refused: dict[int, Problem] = {}
    unnamed: list[Finding] = []
    for her_ids, offset in requests:
        search = await _refused(feed, her_ids, offset)
        refused |= search.refused
        if search.unnamed is not None:
            found = f"some of {len(her_ids)} HER-ids are refused ({search.unnamed}), too many to name in {SEARCH_S:g} s"
            fix = "Check configuration and delegation of all; `bridge status` names the refused while the bridge runs."
            unnamed.append(failed(SUBJECT, found, name=name, fix=fix))
    if refused or unnamed:
        return [*refusals(refused, asked=asked, name=name), *unnamed]
    return [ok(SUBJECT, f"answers for {plural(asked, 'HER-id')} ({plural(len(requests), 'request')})", name=name)]


async def _refused(feed: Feed, her_ids: list[int], offset: int) -> _Search:
    try:
        await feed.poll(her_ids, offset)
    except ReceiversRefused as error:
        if len(her_ids) == 1:
            return _Search({her_ids[0]: error.problem})
        try:
            async with asyncio.timeout(SEARCH_S):
                return _Search(await feed.find_refused(her_ids, offset))
        except TimeoutError:
            return _Search({}, unnamed=error.problem)
    return _Search({})


def requests_of(her_ids: Collection[int], receivers: Sequence[ReceiverOffset]) -> Iterator[tuple[list[int], int]]:
    """The HER-ids and the offset of each request: stream by stream as the store has them, the others from the start."""
    at = {each.her_id: each for each in receivers}
    streams: defaultdict[str, list[int]] = defaultdict(list)
    for her_id in sorted(her_ids):
        streams[(at[her_id].stream or "") if her_id in at else ""].append(her_id)
    for stream, members in sorted(streams.items()):
        offset = min(at[her_id].offset for her_id in members) if stream else 0
        for start in range(0, len(members), MAX_HER_IDS):
            yield members[start : start + MAX_HER_IDS], offset
