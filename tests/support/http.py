"""What the tests of requests share."""

import httpx


def url_on_the_wire(request: httpx.Request) -> str:
    """The URL that a server sees: with the query that httpx's extension `target` carries."""
    return str(request.url.copy_with(raw_path=request.extensions.get("target", request.url.raw_path)))
