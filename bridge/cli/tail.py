"""`bridge tail`: confirmed events, live, from the running bridge's ops port. Binds no queue."""

from collections.abc import Iterable, Iterator
from datetime import datetime

import click
import httpx
import msgspec

from bridge.ops.address import OpsPortError, no_answer, no_bridge, ops_url, printable
from bridge.settings import load_settings

CONNECT_S = 5.0
SILENCE_S = 30.0
"""A bridge sends an empty line every 10 s: one that is silent for longer than this is gone."""
CONTENT_TYPE = "application/x-ndjson"
MAX_LINE_BYTES = 8 * 1024 * 1024
"""Far above the largest event (1 MiB)."""


class _Line(msgspec.Struct, frozen=True):
    """A line of `/tail`: an event, or how many events were dropped because this listener was slow."""

    dropped: int = 0
    time: datetime | None = None
    routing_key: str = ""
    id: str = ""
    correlation_id: str | None = None
    event: msgspec.Raw = msgspec.Raw(b"null")


class _Error(msgspec.Struct, frozen=True):
    """The body of a refusal."""

    error: str


@click.command(name="tail")
@click.argument("pattern", default="#")
@click.option("--json", "as_json", is_flag=True, help="Whole events, one a line, as they were published.")
@click.option("--url", metavar="URL", help="The ops port; default: BRIDGE_OPS__HOST and BRIDGE_OPS__PORT.")
def command(*, pattern: str, as_json: bool, url: str | None) -> None:
    """Show events that the broker has confirmed, as they come: time, routing key, id, correlation id.

    PATTERN is an AMQP topic pattern (* is one word, # any number), e.g. 'new-message.*'. Needs BRIDGE_OPS__TAIL=true at
    the bridge. Ends with Ctrl-C.
    """
    if url is None:
        ops = load_settings().ops
        url = ops_url(ops.host, ops.port)
    try:
        _follow(url.rstrip("/"), pattern, as_json=as_json)
    except KeyboardInterrupt:
        return
    except httpx.ConnectError as error:
        raise no_answer(url) from error
    except httpx.TimeoutException as error:
        raise OpsPortError(f"The bridge at {url} has not been heard of for {SILENCE_S:.0f} s.") from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise OpsPortError(f"The connection to {url} broke off: {type(error).__name__}.") from error
    except msgspec.MsgspecError as error:
        raise no_bridge(url) from error
    raise OpsPortError(f"The bridge at {url} has ended the tail: it is shutting down.")


def _follow(url: str, pattern: str, *, as_json: bool) -> None:
    """Show lines until the bridge ends them."""
    timeout = httpx.Timeout(CONNECT_S, read=SILENCE_S)
    with (
        httpx.Client(timeout=timeout, trust_env=False) as client,
        client.stream("GET", f"{url}/tail", params={"pattern": pattern}) as response,
    ):
        pieces = response.iter_bytes()
        if response.status_code != httpx.codes.OK:
            raise OpsPortError(msgspec.json.decode(next(pieces, b""), type=_Error).error)
        if response.headers.get("Content-Type") != CONTENT_TYPE:
            raise msgspec.DecodeError("this is no tail")
        for line in _lines(pieces):
            _show(msgspec.json.decode(line, type=_Line), as_json=as_json)


def _show(line: _Line, *, as_json: bool) -> None:
    if line.dropped:
        click.echo(f"{line.dropped} events are missing here: they came faster than they were read.", err=True)
    elif as_json:
        click.echo(bytes(line.event))
    elif line.time is not None:
        time = line.time.isoformat(timespec="milliseconds")
        click.echo(printable(f"{time}  {line.routing_key}  {line.id}  {line.correlation_id or '-'}"))


def _lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The lines that are not empty; split at line feeds alone, as a JSON text may hold other line ends of Unicode."""
    rest = b""
    for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        yield from filter(None, lines)
        if len(rest) > MAX_LINE_BYTES:
            raise msgspec.DecodeError("a line is longer than any event")
