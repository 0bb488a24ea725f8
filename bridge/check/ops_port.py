"""The ops port: free to listen on, or in the hands of a bridge that already runs."""

import asyncio
import errno

import httpx
import msgspec

from bridge.check.report import Finding, failed, ok
from bridge.ops.address import ops_url
from bridge.ops.status import Status
from bridge.settings import Settings

SUBJECT = "ops port"
ASK_S = 3.0
MAX_STATUS_BYTES = 16 * 1024 * 1024


async def ops_port_finding(settings: Settings) -> Finding:
    """Whether `bridge run` could listen there: tried for an instant."""
    host, port = settings.ops.host, settings.ops.port
    where = f"{host}:{port}"
    try:
        server = await asyncio.start_server(_hang_up, host, port)
    except OSError as error:
        return await _why_not(error, host, port, where)
    server.close()
    await server.wait_closed()
    return ok(SUBJECT, "a free one is taken" if port == 0 else f"{where} is free")


def _hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def _why_not(error: OSError, host: str, port: int, where: str) -> Finding:
    match error.errno:
        case errno.EADDRINUSE:
            running = await _bridge_at(ops_url(host, port))
            if running is None:
                fix = "End what uses it, or set BRIDGE_OPS__PORT to another port."
                return failed(SUBJECT, f"{where} is in use, and not by a bridge", fix=fix)
            readiness = "ready" if running.is_ready else "not ready: see `bridge status`"
            return ok(SUBJECT, f"a bridge is running at {where} already (version {running.version}, {readiness})")
        case errno.EACCES:
            return failed(SUBJECT, f"{where} may not be opened by this user", fix="Set BRIDGE_OPS__PORT above 1023.")
        case _:
            fix = "Set BRIDGE_OPS__HOST to an address of this machine, or to 0.0.0.0 for all of them."
            return failed(SUBJECT, f"{host} is no address of this machine", fix=fix)


async def _bridge_at(url: str) -> Status | None:
    """What a bridge there says of itself; None where none answers as one."""
    body = bytearray()
    try:
        async with (
            asyncio.timeout(ASK_S),
            httpx.AsyncClient(timeout=ASK_S, trust_env=False) as client,
            client.stream("GET", f"{url}/status") as response,
        ):
            async for piece in response.aiter_bytes():
                body += piece
                if len(body) > MAX_STATUS_BYTES:
                    return None
        return msgspec.json.decode(bytes(body), type=Status)
    except (TimeoutError, httpx.HTTPError, msgspec.MsgspecError, UnicodeDecodeError):
        return None
