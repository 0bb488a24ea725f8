"""`bridge sandbox`: serve the simulated APIs until SIGINT or SIGTERM."""

import asyncio
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import click
import msgspec
from click.core import ParameterSource

from bridge.sandbox.faults import FaultKind, FaultRule
from bridge.sandbox.feed import DEFAULT_MAX_ROWS
from bridge.sandbox.notifications import receivers
from bridge.sandbox.server import DEFAULT_PORT, Sandbox
from bridge.sandbox.sign_in.client_file import client_in_file
from bridge.sandbox.sign_in.clients import SANDBOX_ORGANISATION
from bridge.sandbox.sign_in.organisations import Tenancy
from bridge.sandbox.sign_in.service import SignInPlan
from bridge.sandbox.sign_in.switches import Switches
from bridge.sandbox.supply import SupplyPlan

_SHOWN_HER_IDS = 20
_LOOPBACK = {"127.0.0.1", "::1", "localhost"}
_HIGHEST_HER_ID = 2**31 - 1


def _her_ids(_context: click.Context, _parameter: click.Parameter, text: str | None) -> tuple[int, ...]:
    names = [name.strip() for name in (text or "").split(",") if name.strip()]
    try:
        her_ids = tuple(dict.fromkeys(map(int, names)))
    except ValueError as error:
        raise click.BadParameter("HER-ids are whole numbers, separated by commas") from error
    if any(abs(her_id) > _HIGHEST_HER_ID for her_id in her_ids):
        raise click.BadParameter(f"a HER-id is at most {_HIGHEST_HER_ID}")
    return her_ids


def _faults(_context: click.Context, _parameter: click.Parameter, texts: tuple[str, ...]) -> tuple[FaultRule, ...]:
    return tuple(_fault(text) for text in texts)


def _fault(text: str) -> FaultRule:
    """`429` or `429:count=3,retry_after_s=2`."""
    kind, _, options = text.partition(":")
    if kind not in {known.value for known in FaultKind}:
        raise click.BadParameter(f"there is no fault {kind!r}; there are: {', '.join(FaultKind)}")
    named = dict(option.partition("=")[::2] for option in options.split(",") if option)
    try:
        return msgspec.convert({"kind": kind, **named}, FaultRule, strict=False)
    except msgspec.ValidationError as error:
        raise click.BadParameter(f"{text!r}: {error}") from error


class SignInFiles(NamedTuple):
    """How sign-in starts, and where its client's key is."""

    plan: SignInPlan
    key_file: Path


@contextmanager
def _signing_in(
    wanted: bool, path: Path | None, *, token_life_s: int, tenancy: Tenancy
) -> Iterator[SignInFiles | None]:
    """None where it is not wanted. Without a `path` the key's file is gone in the end."""
    if not wanted:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="bridge-sandbox-") as directory:
        file = path or Path(directory, "client-key.json")
        try:
            client = client_in_file(file, tenancy=tenancy)
        except ValueError as error:
            raise click.BadParameter(str(error), param_hint="--client-key-file") from error
        except OSError as error:
            raise click.FileError(str(file), error.strerror) from error
        plan = SignInPlan(client=client, switches=Switches(token_life_s=token_life_s))
        yield SignInFiles(plan, file.absolute())


def _check_usage(context: click.Context) -> None:
    """Options about signing in say nothing without it."""
    for name, option in (
        ("client_key_file", "--client-key-file"),
        ("token_life", "--token-life"),
        ("tenancy", "--tenancy"),
    ):
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE and not context.params["sign_in"]:
            raise click.UsageError(f"{option} needs --sign-in")


@click.command("sandbox")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to serve on.")
@click.option("--port", type=click.IntRange(0, 65535), default=DEFAULT_PORT, show_default=True, help="0: any free one.")
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed gives the same notifications.")
@click.option("--her-ids", callback=_her_ids, metavar="ID,ID,…", help="The receivers.")
@click.option(
    "--receivers",
    "receiver_count",
    type=click.IntRange(1, 100_000),
    default=5,
    show_default=True,
    help="Or so many made-up receivers.",
)
@click.option(
    "--rate",
    type=click.FloatRange(0, min_open=True),
    help="Notifications a second on average. [default: 1; with --total: all at once]",
)
@click.option("--burst", type=click.IntRange(1), default=1, show_default=True, help="So many at a time.")
@click.option(
    "--total",
    type=click.IntRange(0, DEFAULT_MAX_ROWS),
    help="Stop after so many; without it the oldest are purged in the end.",
)
@click.option(
    "--faults",
    multiple=True,
    callback=_faults,
    metavar="KIND[:NAME=VALUE,…]",
    help="A fault to start with, e.g. 429:count=3,retry_after_s=2 or 403:her_id=6789; may be repeated. "
    f"Kinds: {', '.join(FaultKind)}.",
)
@click.option(
    "--sign-in/--no-sign-in",
    default=False,
    show_default=True,
    help="Issue tokens as HelseID (DPoP) and Maskinporten do, and demand them.",
)
@click.option(
    "--client-key-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File for the client's private key; one that is there is used. [default: a temporary one]",
)
@click.option(
    "--token-life", type=click.IntRange(1, 86_400), default=600, show_default=True, help="Of HelseID's, in seconds."
)
@click.option(
    "--tenancy",
    type=click.Choice(["single", "multi"]),
    default="single",
    show_default=True,
    help="How the client is registered at HelseID.",
)
@click.pass_context
def command(
    context: click.Context,
    *,
    host: str,
    port: int,
    seed: int,
    her_ids: tuple[int, ...],
    receiver_count: int,
    rate: float | None,
    burst: int,
    total: int | None,
    faults: tuple[FaultRule, ...],
    sign_in: bool,
    client_key_file: Path | None,
    token_life: int,
    tenancy: Tenancy,
) -> None:
    """Serve NHN's API, simulated, to try the bridge without credentials.

    It keeps to the documented behaviour, limits and quirks, starts with the example of NHN's own page, and can be told
    to fail in many ways while it runs: POST /sandbox/faults with {"kind": "503", "count": 3}.
    """
    _check_usage(context)
    if rate is None and total is None:
        rate = 1.0
    with _signing_in(sign_in, client_key_file, token_life_s=token_life, tenancy=tenancy) as signing_in:
        server = Sandbox(
            host=host,
            port=port,
            seed=seed,
            her_ids=her_ids or receivers(receiver_count, seed),
            supply=SupplyPlan(rate_per_s=rate, burst=burst, total=total),
            faults=faults,
            sign_in=signing_in and signing_in.plan,
            on_notice=click.echo,
        )
        try:
            asyncio.run(_serve(server, host, signing_in and signing_in.key_file))
        except BrokenPipeError:
            raise  # nobody reads what is printed: that is not about the address
        except OSError as error:
            reason = error.strerror or "the address cannot be had"
            raise click.ClickException(f"Cannot serve on {host}, port {port}: {reason}. Try another --port.") from error


async def _serve(server: Sandbox, host: str, key_file: Path | None) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with server:
        for line in _introduction(server, host, key_file):
            click.echo(line)
        await stop.wait()
    click.echo("The sandbox has ended.")


def _introduction(server: Sandbox, host: str, key_file: Path | None) -> Iterator[str]:
    url, her_ids = server.nhn_url, server.nhn.her_ids
    yield f"The sandbox serves NHN's API at {url}, for {len(her_ids)} HER-ids. Settings for the bridge:"
    yield f"  BRIDGE_NHN__BASE_URL={url}"
    if key_file is None:
        yield "  BRIDGE_NHN__AUTH__METHOD=none"
    else:
        yield "  BRIDGE_NHN__AUTH__METHOD=helseid"
        yield f"  BRIDGE_NHN__AUTH__ISSUER={server.issuer_url}"
        yield f"  BRIDGE_NHN__AUTH__CLIENT_ID={server.client.client_id}"
        yield f"  BRIDGE_NHN__AUTH__PRIVATE_KEY_FILE={key_file}"
        if server.client.tenancy == "multi":
            yield "  BRIDGE_NHN__AUTH__TENANCY=multi"
            yield f"  BRIDGE_NHN__AUTH__ORGNR_PARENT={SANDBOX_ORGANISATION}  # or any other"
    yield "  BRIDGE_NHN__SOURCE_SYSTEM=sandbox"
    yield "  BRIDGE_NHN__POLL_INTERVAL_S=2"
    if len(her_ids) <= _SHOWN_HER_IDS:
        yield f"  BRIDGE_NHN__HER_IDS={','.join(map(str, her_ids))}"
    else:
        yield f"  BRIDGE_NHN__HER_IDS_FILE=her-ids.txt  # made by: curl -o her-ids.txt {url}/sandbox/her-ids"
    yield f"What was created, asked and answered: {url}/sandbox/state. Stop with Ctrl-C."
    if key_file is not None:
        yield f"Who signed in, and switches: {url}/sandbox/sign-in."
    if host not in _LOOPBACK:
        yield f"Whoever reaches {host} can also switch faults: that needs no sign-in."
