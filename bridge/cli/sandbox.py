"""`bridge sandbox`: serve the simulated APIs until SIGINT or SIGTERM."""

import asyncio
import signal
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import msgspec
from click.core import ParameterSource

from bridge.cli.sandbox_settings import SignInFiles, introduction
from bridge.sandbox.altinn.faults import ALTINN_FAULTS, AltinnFaultRule
from bridge.sandbox.altinn.lives import Pace
from bridge.sandbox.altinn.records import DEFAULT_MAX_ORDERS, AltinnPlan
from bridge.sandbox.faults import NHN_FAULTS, FaultKind, FaultRule, SomeRule
from bridge.sandbox.feed import DEFAULT_MAX_ROWS
from bridge.sandbox.notifications import receivers
from bridge.sandbox.server import DEFAULT_PORT, Sandbox
from bridge.sandbox.sign_in.client_file import client_in_file
from bridge.sandbox.sign_in.clients import SANDBOX_ALTINN_CLIENT, ClientWithKey
from bridge.sandbox.sign_in.organisations import Tenancy
from bridge.sandbox.sign_in.service import SignInPlan
from bridge.sandbox.sign_in.switches import Switches
from bridge.sandbox.supply import SupplyPlan

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


def _nhn_faults(_context: click.Context, _parameter: click.Parameter, texts: tuple[str, ...]) -> tuple[FaultRule, ...]:
    return tuple(_fault(text, FaultRule, NHN_FAULTS) for text in texts)


def _altinn_faults(
    _context: click.Context, _parameter: click.Parameter, texts: tuple[str, ...]
) -> tuple[AltinnFaultRule, ...]:
    return tuple(_fault(text, AltinnFaultRule, ALTINN_FAULTS) for text in texts)


def _fault(text: str, rule: type[SomeRule], known: Sequence[FaultKind]) -> SomeRule:
    """`429` or `429:count=3,retry_after_s=2`."""
    kind, _, options = text.partition(":")
    if kind not in known:
        raise click.BadParameter(f"there is no fault {kind!r}; there are: {', '.join(known)}")
    named = dict(option.partition("=")[::2] for option in options.split(",") if option)
    try:
        return msgspec.convert({"kind": kind, **named}, rule, strict=False)
    except msgspec.ValidationError as error:
        raise click.BadParameter(f"{text!r}: {error}") from error


@contextmanager
def _signing_in(
    wanted: bool, paths: tuple[Path | None, Path | None], *, token_life_s: int, tenancy: Tenancy
) -> Iterator[SignInFiles | None]:
    """None where it is not wanted. `paths`: of the keys for HelseID and Maskinporten; without one its file is gone in
    the end.
    """
    if not wanted:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="bridge-sandbox-") as directory:
        helseid_file = paths[0] or Path(directory, "client-key.json")
        altinn_file = paths[1] or Path(directory, "altinn-key.json")
        plan = SignInPlan(
            client=_client(helseid_file, "--client-key-file", tenancy=tenancy),
            altinn_client=_client(altinn_file, "--altinn-key-file", client_id=SANDBOX_ALTINN_CLIENT, algorithm="RS256"),
            switches=Switches(token_life_s=token_life_s),
        )
        yield SignInFiles(plan, helseid_file.absolute(), altinn_file.absolute())


def _client(file: Path, option: str, **wanted: Any) -> ClientWithKey:
    try:
        return client_in_file(file, **wanted)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint=option) from error
    except OSError as error:
        raise click.FileError(str(file), error.strerror) from error


def _check_usage(context: click.Context) -> None:
    """Options about signing in say nothing without it."""
    for name, option in (
        ("client_key_file", "--client-key-file"),
        ("altinn_key_file", "--altinn-key-file"),
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
    callback=_nhn_faults,
    metavar="KIND[:NAME=VALUE,…]",
    help="A fault to start with, e.g. 429:count=3,retry_after_s=2 or 403:her_id=6789; may be repeated. "
    f"Kinds: {', '.join(NHN_FAULTS)}.",
)
@click.option(
    "--order-rate",
    type=click.FloatRange(0, min_open=True),
    help="Altinn orders a second on average. [default: 0.2; with --orders: all at once]",
)
@click.option("--orders", "order_total", type=click.IntRange(0, DEFAULT_MAX_ORDERS), help="Stop after so many orders.")
@click.option(
    "--order-pace",
    type=click.FloatRange(0, min_open=True),
    default=0.15,
    show_default=True,
    help="How long their lives are; at 1 as long as Altinn's, some minutes, at 0.15 some 20 s.",
)
@click.option(
    "--order-expiry",
    type=click.FloatRange(0, min_open=True),
    default=60.0,
    show_default=True,
    help="Seconds until an e-mail without a report is given up, and that some orders are dated ahead; Altinn: 172800.",
)
@click.option(
    "--altinn-faults",
    multiple=True,
    callback=_altinn_faults,
    metavar="KIND[:NAME=VALUE,…]",
    help=f"As --faults, of Altinn's API, e.g. 503:endpoint=feed. Kinds: {', '.join(ALTINN_FAULTS)}.",
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
    "--altinn-key-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The same for the client's RSA key, for Maskinporten.",
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
    order_rate: float | None,
    order_total: int | None,
    order_pace: float,
    order_expiry: float,
    altinn_faults: tuple[AltinnFaultRule, ...],
    sign_in: bool,
    client_key_file: Path | None,
    altinn_key_file: Path | None,
    token_life: int,
    tenancy: Tenancy,
) -> None:
    """Serve NHN's and Altinn's APIs, simulated, to try the bridge without credentials.

    They keep to the documented behaviour, limits and quirks; NHN's starts with the example of its own page. Both can be
    told to fail in many ways while they run: POST /sandbox/faults or /sandbox/altinn/faults with
    {"kind": "503", "count": 3}.
    """
    _check_usage(context)
    if rate is None and total is None:
        rate = 1.0
    if order_rate is None and order_total is None:
        order_rate = 0.2
    altinn = AltinnPlan(
        supply=SupplyPlan(rate_per_s=order_rate, total=order_total),
        pace=Pace(factor=order_pace, expiry_s=order_expiry),
    )
    key_files = (client_key_file, altinn_key_file)
    with _signing_in(sign_in, key_files, token_life_s=token_life, tenancy=tenancy) as signing_in:
        server = Sandbox(
            host=host,
            port=port,
            seed=seed,
            her_ids=her_ids or receivers(receiver_count, seed),
            supply=SupplyPlan(rate_per_s=rate, burst=burst, total=total),
            faults=faults,
            altinn=altinn,
            altinn_faults=altinn_faults,
            sign_in=signing_in and signing_in.plan,
            on_notice=click.echo,
        )
        try:
            asyncio.run(_serve(server, host, signing_in))
        except BrokenPipeError:
            raise  # nobody reads what is printed: that is not about the address
        except OSError as error:
            reason = error.strerror or "the address cannot be had"
            raise click.ClickException(f"Cannot serve on {host}, port {port}: {reason}. Try another --port.") from error


async def _serve(server: Sandbox, host: str, signing_in: SignInFiles | None) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with server:
        for line in introduction(server, host, signing_in):
            click.echo(line)
        await stop.wait()
    click.echo("The sandbox has ended.")
