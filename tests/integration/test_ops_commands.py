"""`bridge status` and `bridge tail` against an ops port, as their users run them."""

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import ModuleType

import pytest
from click.testing import CliRunner, Result

from bridge.cli import main
from bridge.cli import status as status_module
from bridge.cli import tail as tail_module
from bridge.errors import SourceUnavailable
from bridge.ops import server as server_module
from bridge.ops.server import OpsServer
from bridge.routes import Route, RouteFacts, judge
from tests.support.ops import START, Ops, message


@asynccontextmanager
async def serving(ops: Ops, *, with_tail: bool = True) -> AsyncIterator[str]:
    """The port of a server that runs."""
    listeners = ops.tail if with_tail else None
    async with OpsServer(ops.state, ops.metrics, host="127.0.0.1", port=0, tail=listeners) as server:
        yield str(server.port)


async def run(command: str, port: str, *arguments: str) -> Result:
    """Run a command in a thread, with no setting but the port."""
    return await asyncio.to_thread(CliRunner().invoke, main, [command, *arguments], env={"BRIDGE_OPS__PORT": port})


async def until_listening(ops: Ops, count: int) -> None:
    async with asyncio.timeout(20):
        while len(ops.tail) != count:  # noqa: ASYNC110 - who comes and goes tells nobody
            await asyncio.sleep(0.002)


async def until_taken(ops: Ops) -> None:
    """Wait until the one listener's buffer is empty."""
    async with asyncio.timeout(20):
        while any(listener._buffer for listener in ops.tail._listeners):  # noqa: ASYNC110 - taking tells nobody
            await asyncio.sleep(0.002)


async def test_status_says_nothing_of_being_caught_up_where_what_was_fetched_waits_or_nothing_can_be_fetched() -> None:
    ops = Ops()
    ops.healthy_stream("nhn/default/1").sent(2)
    ops.healthy_stream("nhn/default/2").poll_failed(SourceUnavailable("the API answered 503"), attempt=0)
    ops.telemetry.broker.lost("connection reset")
    ops.clock.advance(300)
    async with serving(ops) as port:
        lines = (await run("status", port)).stdout.splitlines()

    behind_by = next(line for line in lines if "BEHIND BY" in line).index("BEHIND BY")
    said = {line.split()[0]: line[behind_by:].split("  ")[0] for line in lines if line.startswith("nhn/default/")}
    assert said == {"nhn/default/1": "5 min", "nhn/default/2": "unknown"}


async def test_status_shows_a_ready_bridge_and_ends_with_0() -> None:
    ops = Ops()
    stream = ops.healthy_stream()
    stream.started(cursor=48211903)
    stream.receivers(1500)
    stream.sent(2)
    stream.confirmed([message("a"), message("b")], seconds=0.1)
    stream.committed(cursor=48211905, caught_up=True)
    ops.clock.advance(65)
    async with serving(ops) as port:
        result = await run("status", port)

    assert result.exit_code == 0
    assert result.output.splitlines() == [
        "Ready: version 1.2.3, running for 1 min 5 s",
        "",
        "Broker  connected for 1 min 5 s (rabbitmq:5672)",
        "Store   working",
        "Events  0 in the last minute, 2 since the start",
        "Parked  0 since the start",
        "Feed    0 not as documented",
        "",
        (
            "STREAM         STATE    CURSOR    BEHIND BY  LAST POLL      LAST CONFIRM   LAST COMMIT    IN FLIGHT  "
            "LAST MINUTE  RECEIVERS"
        ),
        (
            "nhn/default/1  working  48211905  nothing    1 min 5 s ago  1 min 5 s ago  1 min 5 s ago  0          "
            "0            1500"
        ),
    ]


async def test_status_shows_what_is_wrong_and_ends_with_1() -> None:
    ops = Ops()
    stream = ops.healthy_stream()
    stream.receivers(2)
    stream.refused(8142520, "403 Forbidden\x1b[31m")
    stream.anomaly("late", 2)
    stream.held("no queue is bound for an event")
    ops.telemetry.broker.blocked(is_blocked=True)
    async with serving(ops) as port:
        result = await run("status", port)

    assert result.exit_code == 1
    assert result.output.splitlines()[:4] == [
        "NOT READY: version 1.2.3, running for 0.0 s",
        (
            "  - The broker at rabbitmq:5672 has taken no messages for 0.0 s: its memory or disk alarm is on. "
            "Free memory or disk there; publishing goes on by itself."
        ),
        "  - Stream nhn/default/1 has been held for 0.0 s: no queue is bound for an event.",
        "Less urgent:",
    ]
    assert "Broker  takes no messages for 0.0 s (rabbitmq:5672): memory or disk alarm" in result.output
    assert "Feed    2 (late 2) not as documented" in result.output
    assert "8142520  nhn/default/1  2026-04-14 06:00:00  403 Forbidden�[31m" in result.output
    assert "2026-04-14 06:00:00  1      nhn/default/1  held-unroutable: no queue is bound for an event" in result.output


async def test_status_shows_the_orders_that_are_watched_and_those_that_have_ended() -> None:
    ops = Ops(sources=["altinn"])
    ops.telemetry.broker.connected("rabbitmq:5672")
    ops.order_stream().idle()
    ops.telemetry.orders({"registered": 17, "sending": 40, "completed": 2, "given-up": 1})
    async with serving(ops) as port:
        result = await run("status", port)

    assert result.exit_code == 0
    assert "Orders  57 (sending 40, registered 17) watched, 3 (completed 2, given-up 1) ended" in result.output
    assert "altinn/orders/0  working  -       nothing    0.0 s ago" in result.output


async def test_status_shows_the_route_contract_and_how_to_look_at_what_is_parked() -> None:
    ops = Ops()
    stream = ops.healthy_stream()
    stream.parked(message("a"), "unroutable")
    journal = Route(queue="journal", exchange="nhn.notifications", bindings=("#",), required=True, holds=True)
    extra = Route(queue="extra", exchange="nhn.notifications")
    ops.telemetry.routes.judged(journal, judge(journal, RouteFacts(exists=False)))
    ops.telemetry.routes.judged(extra, judge(extra, RouteFacts(exists=True)))
    ops.telemetry.routes.bindings_unseen("BRIDGE_BROKER__MANAGEMENT_URL is not set", is_trouble=False)
    async with serving(ops) as port:
        result = await run("status", port)

    assert result.exit_code == 1
    lines = result.output.splitlines()
    assert "Parked  1 (unroutable 1) since the start; look at them with: bridge parked list" in lines
    start = lines.index("Route contract (BRIDGE_BROKER__MANAGEMENT_URL is not set):")
    assert lines[start + 1 : start + 4] == [
        "QUEUE    EXCHANGE           STATE    WHAT IS SEEN            IF MISSING  MISSING FOR",
        "journal  nhn.notifications  missing  the queue is not there  hold        0.0 s",
        "extra    nhn.notifications  there    the queue is there      continue    -",
    ]


async def test_status_shows_a_broker_that_opens_no_session() -> None:
    ops = Ops()
    ops.healthy_stream()
    ops.telemetry.broker.unavailable("there is no exchange nhn.notifications")
    async with serving(ops) as port:
        result = await run("status", port)

    assert "Broker  opens no session (rabbitmq:5672): there is no exchange nhn.notifications" in result.output


@pytest.mark.parametrize("is_ready", [True, False])
async def test_status_as_json_is_the_document_with_the_same_exit_code(is_ready: bool) -> None:
    ops = Ops()
    if is_ready:
        ops.healthy_stream()
    async with serving(ops) as port:
        result = await run("status", port, "--json")

    assert json.loads(result.output)["is_ready"] is is_ready
    assert result.exit_code == (0 if is_ready else 1)


async def test_status_takes_the_address_of_another_bridge() -> None:
    async with serving(Ops()) as port:
        result = await run("status", "1", "--url", f"http://127.0.0.1:{port}/")

    assert result.output.startswith("NOT READY: version 1.2.3")


@pytest.mark.parametrize("command", ["status", "tail"])
async def test_a_bridge_that_is_not_there_is_said_in_one_sentence(command: str) -> None:
    async with serving(Ops()) as port:
        pass
    result = await run(command, port)

    assert result.exit_code == 1
    assert result.output == (
        f"No bridge answers at http://127.0.0.1:{port}: check that `bridge run` is running, and that "
        "BRIDGE_OPS__HOST and BRIDGE_OPS__PORT (or --url) are those of its ops port.\n"
    )


@asynccontextmanager
async def answering(answer: bytes) -> AsyncIterator[str]:
    """The port of something that gives every request this answer and says no more."""

    async def give(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await reader.read()
        writer.close()

    async with await asyncio.start_server(give, "127.0.0.1", 0) as other:
        yield str(other.sockets[0].getsockname()[1])


@pytest.mark.parametrize("command", ["status", "tail"])
@pytest.mark.parametrize("code", [b"200 OK", b"404 Not Found"])
async def test_something_else_at_the_address_is_told_from_a_bridge(command: str, code: bytes) -> None:
    async with answering(b"HTTP/1.1 " + code + b"\r\nContent-Length: 5\r\n\r\nhello") as port:
        result = await run(command, port)

    assert result.exit_code == 1
    assert result.output == (
        f"What answers at http://127.0.0.1:{port} is no bridge of this version: check the address.\n"
    )


@pytest.mark.parametrize(("module", "command"), [(status_module, "status"), (tail_module, "tail")])
async def test_an_endless_answer_is_not_taken_in(
    module: ModuleType, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_BODY_BYTES" if command == "status" else "MAX_LINE_BYTES", 10)
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nContent-Length: 1000000000\r\n\r\n"
    async with answering(head + b"x" * 1000) as port:
        result = await run(command, port)

    assert result.exit_code == 1
    assert "is no bridge of this version" in result.output


async def test_tail_notices_that_the_bridge_has_fallen_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tail_module, "SILENCE_S", 0.1)
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with answering(head) as port:
        result = await run("tail", port)

    assert result.exit_code == 1
    assert result.output == f"The bridge at http://127.0.0.1:{port} has not been heard of for 0 s.\n"


async def test_tail_notices_that_the_connection_was_cut() -> None:
    async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(cut, "127.0.0.1", 0) as other:
        port = str(other.sockets[0].getsockname()[1])
        result = await run("tail", "1", "--url", f"http://127.0.0.1:{port}")

    assert result.exit_code == 1
    assert result.output == f"The connection to http://127.0.0.1:{port} broke off: RemoteProtocolError.\n"


async def test_tail_shows_events_until_the_bridge_ends_and_then_says_so() -> None:
    ops = Ops()
    async with serving(ops) as port:
        running = asyncio.create_task(run("tail", port, "new-message.*"))
        await until_listening(ops, 1)
        ops.tail.offer([message("a"), message("b", routing_key="apprec.1"), message("c\x1b")], at=START)
        await until_taken(ops)
    result = await running

    assert result.exit_code == 1
    assert result.stdout == (
        "2026-04-14T06:00:00.000+00:00  new-message.8142520  a  related-1\n"
        "2026-04-14T06:00:00.000+00:00  new-message.8142520  c�  related-1\n"
    )
    assert result.stderr == f"The bridge at http://127.0.0.1:{port} has ended the tail: it is shutting down.\n"


async def test_tail_as_json_shows_whole_events_and_tells_what_it_missed() -> None:
    ops = Ops()
    page = [message(f"event-{number}", body=b'{"id":"x","text":"a\xe2\x80\xa8b"}') for number in range(2500)]
    async with serving(ops) as port:
        running = asyncio.create_task(run("tail", port, "--json"))
        await until_listening(ops, 1)
        ops.tail.offer(page, at=START)
        await until_taken(ops)
    result = await running

    assert result.stdout == '{"id":"x","text":"a\u2028b"}\n' * 2000
    assert result.stderr.startswith("500 events are missing here: they came faster than they were read.\n")


async def test_tail_says_how_it_is_turned_on() -> None:
    async with serving(Ops(), with_tail=False) as port:
        result = await run("tail", port)

    assert result.exit_code == 1
    assert result.output == "The tail is off; BRIDGE_OPS__TAIL=true turns it on.\n"


async def test_tail_ends_cleanly_with_ctrl_c(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "TAIL_QUIET_S", 0.05)
    ops = Ops()
    async with serving(ops) as port:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "bridge",
            "tail",
            env={"BRIDGE_OPS__PORT": port},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        await until_listening(ops, 1)
        ops.tail.offer([message("a")], at=START)
        assert process.stdout is not None
        first = await process.stdout.readline()
        process.send_signal(signal.SIGINT)
        stdout, stderr = await process.communicate()

    assert first == b"2026-04-14T06:00:00.000+00:00  new-message.8142520  a  related-1\n"
    assert (process.returncode, stdout, stderr) == (0, b"", b"")
