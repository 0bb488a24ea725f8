"""One request of NHN's notification feed, exactly as documented; tries once and raises.

`GET /notifications?HerIds=…&HerIds=…&Offset=…&NotificationsToFetch=…` (page "Get Notifications" of 28.04.2026). The
version is a header, not a path. `Offset` is required: the page's tick was lost in its text form.
"""

from collections.abc import Sequence

from bridge.errors import SourceUnavailable
from bridge.http import BodyTooLarge, HttpReader
from bridge.nhn.answers import raise_for
from bridge.nhn.decode import Item, NotAPage, oversized, read_page
from bridge.nhn.scan import OffsetScanner

MAX_HER_IDS = 1500
MAX_PAGE_SIZE = 1000


class PageTooLarge(SourceUnavailable):
    """The page cannot be taken in at this size (bytes or nesting); a smaller one may."""


class NhnApi:
    """The API at one base URL, for one system."""

    def __init__(self, reader: HttpReader, *, base_url: str, source_system: str, api_version: str) -> None:
        """`source_system`: name and version of the calling system, e.g. `My-EPJ, v1.0.2` (required by NHN)."""
        self._reader = reader
        self._url = f"{base_url.rstrip('/')}/notifications"
        self._headers = {"api-version": api_version, "nhn-source-system": source_system}

    async def notifications(self, her_ids: Sequence[int], *, offset: int, limit: int) -> list[Item]:
        """At most `limit` (1..1000) items after `offset` (exclusive, ≥ 0) for up to 1500 HER-ids.

        Raises PageTooLarge (with limit 1: only if not even the item's offset can be found), and what `raise_for` names.
        A single item that is too large comes back as an item with a problem.
        """
        scanner = OffsetScanner() if limit == 1 else None
        receivers = "&".join([f"HerIds={her_id}" for her_id in her_ids])
        try:
            answer = await self._reader.get(
                self._url,
                query=f"{receivers}&Offset={offset}&NotificationsToFetch={limit}",
                headers=self._headers,
                observe=scanner.feed if scanner else None,
            )
        except BodyTooLarge as error:
            return self._too_large(scanner, error)
        raise_for(answer.status, answer.headers, answer.body)
        try:
            return read_page(answer.body)
        except NotAPage as error:
            if not isinstance(error.__cause__, RecursionError):
                raise SourceUnavailable(f"the API's answer is no page: {error}") from error
            if scanner:
                scanner.feed(answer.body)
            return self._too_large(scanner, error)

    def _too_large(self, scanner: OffsetScanner | None, error: Exception) -> list[Item]:
        if scanner is None or scanner.offset is None:
            raise PageTooLarge(str(error)) from error
        return [oversized(scanner.offset, self._reader.max_body_bytes)]
