"""`bridge status`: what the running bridge says of itself."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import click
import httpx
import msgspec

from bridge.checkpoints import CLOSED_STATES
from bridge.cli.columns import aligned
from bridge.ops.address import no_answer, no_bridge, ops_url, printable
from bridge.ops.durations import in_words
from bridge.ops.status import RouteStatus, Status, StreamStatus
from bridge.settings import load_settings

TIMEOUT_S = 5.0
MAX_BODY_BYTES = 16 * 1024 * 1024


@click.command(name="status")
@click.option("--json", "as_json", is_flag=True, help="The whole document as JSON.")
@click.option("--url", metavar="URL", help="The ops port; default: BRIDGE_OPS__HOST and BRIDGE_OPS__PORT.")
@click.pass_context
def command(context: click.Context, *, as_json: bool, url: str | None) -> None:
    """Show streams, cursors, lag and errors of the running bridge. Exit code 0: ready; 1: not ready, or no answer."""
    if url is None:
        ops = load_settings().ops
        url = ops_url(ops.host, ops.port)
    body = _fetch(url.rstrip("/"))
    try:
        status = msgspec.json.decode(body, type=Status)
    except msgspec.MsgspecError as error:
        raise no_bridge(url) from error
    if as_json:
        click.echo(msgspec.json.format(body, indent=2))
    else:
        for line in _report(status):
            click.echo(printable(line))
    context.exit(0 if status.is_ready else 1)


def _fetch(url: str) -> bytes:
    body = bytearray()
    try:
        with (
            httpx.Client(timeout=TIMEOUT_S, trust_env=False) as client,
            client.stream("GET", f"{url}/status") as response,
        ):
            for piece in response.iter_bytes():
                body += piece
                if len(body) > MAX_BODY_BYTES:
                    break
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise no_answer(url) from error
    return bytes(body)


def _report(status: Status) -> Iterator[str]:
    state = "Ready" if status.is_ready else "Shutting down" if status.is_draining else "NOT READY"
    yield f"{state}: version {status.version}, running for {in_words(status.uptime_s)}"
    yield from (f"  - {reason.message}" for reason in status.reasons)
    if status.degraded:
        yield "Less urgent:" if status.reasons else "But not all is well:"
        yield from (f"  - {reason.message}" for reason in status.degraded)
    yield ""
    yield from _process(status)
    if status.streams:
        yield ""
        yield from aligned(STREAM_HEADINGS, map(_stream_row, status.streams))
    if status.routes:
        yield ""
        yield "Route contract:" if status.bindings_unseen is None else f"Route contract ({status.bindings_unseen}):"
        yield from aligned(ROUTE_HEADINGS, map(_route_row, status.routes))
    if status.replicas > 1:
        yield ""
        yield f"Owners, of {status.replicas} replicas:"
        rows = [(each.name, each.owner or "nobody", "here" if each.is_here else "") for each in status.owners]
        yield from aligned(("STREAM", "OWNER (HOST, PROCESS)", ""), rows)
    refused = [(stream.name, receiver) for stream in status.streams for receiver in stream.refused]
    if refused:
        yield ""
        yield "Receivers that the API refuses; they may lack their configuration or delegation:"
        refusals = [(str(her_id.her_id), name, f"{her_id.since:%F %T}", her_id.problem) for name, her_id in refused]
        yield from aligned(("HER-ID", "STREAM", "SINCE (UTC)", "THE API SAYS"), refusals)
    if status.recent_errors:
        yield ""
        yield "Recent errors, newest first:"
        errors = [
            (f"{error.at:%F %T}", str(error.times), error.stream or "process", f"{error.code}: {error.message}")
            for error in status.recent_errors
        ]
        yield from aligned(("LAST AT (UTC)", "TIMES", "WHERE", "WHAT"), errors)


def _process(status: Status) -> Iterator[str]:
    broker, store = status.broker, status.store
    since = "" if broker.unchanged_for_s is None else f" for {in_words(broker.unchanged_for_s)}"
    where = broker.address or "no address yet"
    if not broker.is_connected:
        yield f"Broker  not connected{since} ({where})"
    elif broker.is_blocked:
        yield f"Broker  takes no messages{since} ({where}): memory or disk alarm"
    elif broker.error is not None:
        yield f"Broker  opens no session ({where}): {broker.error}"
    else:
        yield f"Broker  connected{since} ({where})"
    yield "Store   working" if store.is_working else f"Store   takes no commits: {store.error}"
    last_minute = sum(stream.confirmed_last_minute for stream in status.streams)
    confirmed = sum(sum(stream.confirmed.values()) for stream in status.streams)
    yield f"Events  {last_minute} in the last minute, {confirmed} since the start"
    parked = _counts(stream.parked for stream in status.streams)
    yield f"Parked  {parked} since the start{'' if parked == '0' else '; look at them with: bridge parked list'}"
    yield f"Feed    {_counts(stream.anomalies for stream in status.streams)} not as documented"
    if status.orders is not None:
        ended: dict[str, int] = {state: count for state, count in status.orders.items() if state in CLOSED_STATES}
        watched: dict[str, int] = {state: count for state, count in status.orders.items() if state not in ended}
        yield f"Orders  {_counts([watched])} watched, {_counts([ended])} ended"


STREAM_HEADINGS = (
    "STREAM",
    "STATE",
    "CURSOR",
    "BEHIND BY",
    "LAST POLL",
    "LAST CONFIRM",
    "LAST COMMIT",
    "IN FLIGHT",
    "LAST MINUTE",
    "RECEIVERS",
)


ROUTE_HEADINGS = ("QUEUE", "EXCHANGE", "STATE", "WHAT IS SEEN", "IF MISSING", "MISSING FOR")


def _route_row(route: RouteStatus) -> Sequence[str]:
    missing = "-" if route.missing_for_s is None else in_words(route.missing_for_s)
    return (route.queue, route.exchange, route.state, route.detail, route.on_missing, missing)


def _stream_row(stream: StreamStatus) -> Sequence[str]:
    lag = "unknown" if stream.lag_s is None else in_words(stream.lag_s) if stream.lag_s else "nothing"
    receivers = "-" if stream.receivers is None else str(stream.receivers)
    return (
        stream.name,
        stream.state,
        "-" if stream.cursor is None else str(stream.cursor),
        lag,
        _ago(stream.last_poll_age_s),
        _ago(stream.last_confirm_age_s),
        _ago(stream.last_commit_age_s),
        str(stream.in_flight),
        str(stream.confirmed_last_minute),
        f"{receivers} ({len(stream.refused)} refused)" if stream.refused else receivers,
    )


def _counts(all_counts: Iterable[dict[str, int]]) -> str:
    """`0`, or `3 (late 2, malformed 1)`."""
    total: Counter[str] = Counter()
    for counts in all_counts:
        total.update(counts)
    parts = ", ".join(f"{name} {count}" for name, count in total.most_common() if count)
    return f"{total.total()} ({parts})" if parts else "0"


def _ago(seconds: float | None) -> str:
    return "never yet" if seconds is None else f"{in_words(seconds)} ago"
