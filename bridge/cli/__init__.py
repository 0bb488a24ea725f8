"""The command line: which commands there are, and what becomes of an error: sentences on standard error, an exit code.

Commands are imported when they are called, so that `bridge --help` is there at once.
"""

import errno
import importlib
import os
import select
import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from traceback import format_exception
from typing import Any, NamedTuple

import click

from bridge import __version__
from bridge.errors import BridgeError, ConfigurationError
from bridge.ops.redaction import redact_text

FAILED = 1
MISUSED = 2
"""Wrong settings or usage; click's own code for usage, too."""
INTERRUPTED = 130
"""128 and the number of SIGINT, as shells have it."""


class Entry(NamedTuple):
    """A command that is imported when it is called."""

    target: str
    """module:attribute of its click.Command."""
    help: str


COMMANDS = {
    "run": Entry("bridge.cli.run:command", "Run the service: poll, publish, commit."),
    "demo": Entry("bridge.cli.demo:command", "Show the whole system on this machine, with faults and a proof."),
    "check": Entry("bridge.cli.check:command", "Find out whether all is well before going live."),
    "sandbox": Entry("bridge.cli.sandbox:command", "Serve the simulated APIs, with switchable faults."),
    "tail": Entry("bridge.cli.tail:command", "Show confirmed events of a running bridge as they come."),
    "offsets": Entry("bridge.cli.offsets:command", "List, move, export and import cursors."),
    "replay": Entry("bridge.cli.replay:command", "Publish a past range of NHN's notifications again."),
    "orders": Entry("bridge.cli.orders:command", "Add, list and remove the watched Altinn orders."),
    "parked": Entry("bridge.cli.parked:command", "List, show, release and discard what could not be delivered."),
    "conformance": Entry("bridge.cli.conformance:command", "Try whether a consumer survives all that may come."),
    "status": Entry("bridge.cli.status:command", "Show streams, cursors, lag and parked counts."),
    "contracts": Entry("bridge.cli.contracts:command", "Write AsyncAPI and JSON Schemas of all events."),
}

EXTRAS = {"rich": "sandbox"}
"""Package that is not always installed → the extra of ours that brings it."""

_DEBUG = "bridge.debug"
_MAX_TRACEBACK = 30_000
"""Characters."""


def is_debug() -> bool:
    """Whether the running command was given `--debug`: tracebacks are wanted."""
    context = click.get_current_context(silent=True)
    return context is not None and bool(context.meta.get(_DEBUG))


class _LazyCommand(click.Command):
    """Stands for a command until it is called."""

    def __init__(self, name: str, entry: Entry) -> None:
        super().__init__(name, help=entry.help)
        self._target = entry.target

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """The context of the command itself, which also takes `--debug`, as those of a group of commands do."""
        module, attribute = self._target.split(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        for each in (command, *(command.commands.values() if isinstance(command, click.Group) else ())):
            if not any(parameter.name == "debug" for parameter in each.params):
                each.params.append(_debug_option())
        return command.make_context(info_name, args, parent, **extra)


class _Commands(click.Group):
    """The one place where errors become sentences and exit codes."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the subcommand; whatever it raises is told here and leaves as an exit code."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            ctx.exit(INTERRUPTED)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except (Exception, BaseExceptionGroup) as exc:
            errors = list(_leaves(exc))
            if any(isinstance(error, BrokenPipeError) for error in errors) and _reader_is_gone():
                # click ends quietly at this error: `bridge tail | head` is nobody's fault.
                raise BrokenPipeError(errno.EPIPE, "the output is no longer read") from exc
            if ctx.meta.get(_DEBUG):
                traceback = redact_text("".join(format_exception(exc)), max_length=_MAX_TRACEBACK)
                click.echo(traceback, err=True)
            sentences, exit_code = _ending(errors, f"bridge {ctx.invoked_subcommand}")
            for sentence in sentences:
                click.echo(sentence, err=True)
            raise click.exceptions.Exit(exit_code) from exc


def _leaves(error: BaseException) -> Iterator[BaseException]:
    """The errors of a group, however deep; a single error itself."""
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    else:
        yield error


def _ending(errors: list[BaseException], command: str) -> tuple[list[str], int]:
    """What is said of errors, each thing once, and the exit code. Wrong settings come first: they cause the rest."""
    mistakes = [mistake for error in errors if isinstance(error, ConfigurationError) for mistake in error.mistakes]
    if mistakes:
        return list(dict.fromkeys(mistakes)), MISUSED
    return list(dict.fromkeys(redact_text(_sentence(error, command)) for error in errors)), FAILED


def _sentence(error: BaseException, command: str) -> str:
    match error:
        case BridgeError():
            return str(error)
        case ModuleNotFoundError(name=str(name)) if name in EXTRAS:
            return f"{command} needs the package {name}: pip install 'notification-bridge[{EXTRAS[name]}]'"
        case ModuleNotFoundError(name=str(name)) if name.startswith("bridge.cli."):
            return f"{command} is not in this version."
        case OSError(strerror=str(reason)):
            return f"{command} failed: {reason}{f' ({error.filename})' if error.filename else ''}."
        case _:
            return (
                f"{command} failed in a way that was not foreseen ({type(error).__name__}); "
                "run it again with --debug to see where."
            )


def _reader_is_gone() -> bool:
    """Whether nobody reads our output any more; a connection that broke raises the same error."""
    poll = select.poll()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):  # not a file of the system's
            poll.register(stream.fileno(), select.POLLERR)
    return bool(poll.poll(0))


def _note_debug(ctx: click.Context, _parameter: click.Parameter, value: bool) -> None:
    if value:
        ctx.meta[_DEBUG] = True


def _debug_option() -> click.Option:
    return click.Option(
        ["--debug"], is_flag=True, expose_value=False, callback=_note_debug, help="Show tracebacks of errors."
    )


@click.group(
    cls=_Commands,
    commands={name: _LazyCommand(name, entry) for name, entry in COMMANDS.items()},
    params=[_debug_option()],
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="bridge", message="%(prog)s %(version)s")
def main() -> None:
    """Carry notifications from NHN Meldingstjener and Altinn Notifications to RabbitMQ, losing none.

    Settings come from the environment (BRIDGE_…) and from the YAML file that BRIDGE_CONFIG_FILE names.
    """
    # The kernel keeps from process 1, in a container, what it has not asked for: until `run` drains, SIGTERM ends it.
    if os.getpid() == 1:
        signal.signal(signal.SIGTERM, _end)


def _end(number: int, _frame: object) -> None:
    sys.exit(128 + number)
