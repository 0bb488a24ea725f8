"""The frame of the command line: what is listed, what is imported, and how errors end."""

import re
import subprocess
import sys
from collections.abc import Callable
from types import SimpleNamespace

import click
import pytest
from click.testing import CliRunner, Result

from bridge.cli import Entry, _LazyCommand, is_debug, main
from bridge.errors import BrokerUnavailable, ConfigurationError, InvariantViolation

Run = Callable[..., Result]


@pytest.fixture
def run_as_command(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run `bridge probe`, a command with the given body."""

    def run(body: Callable[[], None], *args: str) -> Result:
        monkeypatch.setitem(sys.modules, "bridge.cli.probe", SimpleNamespace(command=click.command("probe")(body)))
        monkeypatch.setitem(main.commands, "probe", _LazyCommand("probe", Entry("bridge.cli.probe:command", "Probe.")))
        return CliRunner().invoke(main, args or ("probe",))

    return run


def python(*args: str) -> str:
    """Standard output of a Python of its own."""
    command = [sys.executable, *args]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=20).stdout  # noqa: S603 - ours


def raising(error: BaseException) -> Callable[[], None]:
    def body() -> None:
        raise error

    return body


def test_help_lists_the_commands_of_this_version_and_no_others() -> None:
    result = CliRunner().invoke(main, ["--help"])
    assert result.exit_code == 0
    listed = re.findall(r"^  ([a-z]+)  ", result.output.partition("Commands:")[2], re.MULTILINE)
    assert listed == [
        *("check", "conformance", "contracts", "demo", "offsets", "orders", "parked", "replay", "run"),
        *("sandbox", "status", "tail"),
    ]


def test_help_names_both_sources() -> None:
    said = " ".join(CliRunner().invoke(main, ["--help"]).stdout.split())
    assert "from NHN Meldingstjener and Altinn Notifications to RabbitMQ" in said


def test_help_imports_neither_a_command_nor_what_commands_need() -> None:
    program = (
        "import sys\n"
        "from bridge.cli import main\n"
        "main(['--help'], standalone_mode=False)\n"
        "heavy = ('aio_pika', 'aiohttp', 'httpx', 'pydantic', 'sqlalchemy', 'structlog', 'rich', 'bridge.cli.')\n"
        "print([name for name in sys.modules if name.startswith(heavy)])\n"
    )
    assert python("-c", program).splitlines()[-1] == "[]"


def test_python_m_bridge_is_the_same_command() -> None:
    assert re.fullmatch(r"bridge \d+\.\d+\.\d+\n", python("-m", "bridge", "--version"))


def test_a_command_that_is_not_there_breaks_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(main.commands, "later", _LazyCommand("later", Entry("bridge.cli.later:command", "Later.")))
    assert CliRunner().invoke(main, ["--help"]).exit_code == 0
    result = CliRunner().invoke(main, ["later"])
    assert (result.exit_code, result.stderr) == (1, "bridge later is not in this version.\n")


def test_an_unknown_command_is_wrong_usage() -> None:
    result = CliRunner().invoke(main, ["rum"])
    assert result.exit_code == 2
    assert "No such command 'rum'" in result.stderr


def test_a_command_that_is_done_exits_with_0(run_as_command: Run) -> None:
    assert run_as_command(lambda: click.echo("done")).exit_code == 0


def test_a_command_may_choose_its_exit_code(run_as_command: Run) -> None:
    assert run_as_command(lambda: click.get_current_context().exit(3)).exit_code == 3


def test_wrong_settings_end_with_2_and_one_line_a_mistake(run_as_command: Run) -> None:
    result = run_as_command(raising(ConfigurationError("One is wrong.", "Two is wrong.")))
    assert (result.exit_code, result.stdout, result.stderr) == (2, "", "One is wrong.\nTwo is wrong.\n")


def test_wrong_settings_that_a_task_found_end_with_2_too(run_as_command: Run) -> None:
    error = BaseExceptionGroup("tasks", [ExceptionGroup("inner", [ConfigurationError("Login refused.")])])
    result = run_as_command(raising(error))
    assert (result.exit_code, result.stderr) == (2, "Login refused.\n")


@pytest.mark.parametrize("error", [BrokerUnavailable("No broker answers."), InvariantViolation("No broker answers.")])
def test_a_foreseen_error_ends_with_1_and_its_sentence(run_as_command: Run, error: Exception) -> None:
    result = run_as_command(raising(error))
    assert (result.exit_code, result.stderr) == (1, "No broker answers.\n")


def test_the_same_sentence_of_many_tasks_is_told_once(run_as_command: Run) -> None:
    errors = ExceptionGroup("tasks", [BrokerUnavailable("No broker answers."), BrokerUnavailable("No broker answers.")])
    assert run_as_command(raising(errors)).stderr == "No broker answers.\n"


def test_an_error_of_the_system_is_told_in_its_words(run_as_command: Run) -> None:
    result = run_as_command(raising(PermissionError(13, "Permission denied", "/data/bridge.db")))
    assert (result.exit_code, result.stderr) == (1, "bridge probe failed: Permission denied (/data/bridge.db).\n")


def test_an_unforeseen_error_names_its_kind_and_shows_neither_message_nor_traceback(run_as_command: Run) -> None:
    result = run_as_command(raising(ValueError("of 01019012345")))
    assert result.exit_code == 1
    assert result.stderr == (
        "bridge probe failed in a way that was not foreseen (ValueError); run it again with --debug to see where.\n"
    )


@pytest.mark.parametrize("args", [("--debug", "probe"), ("probe", "--debug")])
def test_a_traceback_is_shown_with_debug_wherever_it_stands(run_as_command: Run, args: tuple[str, ...]) -> None:
    result = run_as_command(raising(ValueError("the cause")), *args)
    assert result.exit_code == 1
    assert "Traceback (most recent call last):" in result.stderr
    assert "ValueError: the cause" in result.stderr


def test_a_traceback_shows_no_secret(run_as_command: Run) -> None:
    result = run_as_command(raising(ValueError("amqp://bridge:hunter2@rabbit:5672/")), "--debug", "probe")
    assert "ValueError: amqp://[redacted]@rabbit:5672/" in result.stderr
    assert "hunter2" not in result.stderr


def test_a_command_can_ask_whether_tracebacks_are_wanted(run_as_command: Run) -> None:
    assert run_as_command(lambda: click.echo(is_debug())).stdout == "False\n"
    assert run_as_command(lambda: click.echo(is_debug()), "probe", "--debug").stdout == "True\n"
    assert run_as_command(lambda: click.echo(is_debug()), "--debug", "probe").stdout == "True\n"


def test_the_help_of_a_command_tells_of_debug_once(monkeypatch: pytest.MonkeyPatch) -> None:
    module = SimpleNamespace(command=click.Command("probe", callback=lambda: None))
    monkeypatch.setitem(sys.modules, "bridge.cli.probe", module)
    monkeypatch.setitem(main.commands, "probe", _LazyCommand("probe", Entry("bridge.cli.probe:command", "Probe.")))
    for _ in range(2):
        assert CliRunner().invoke(main, ["probe", "--help"]).stdout.count("--debug") == 1


def test_an_interrupt_ends_with_130_and_without_words(run_as_command: Run) -> None:
    result = run_as_command(raising(KeyboardInterrupt()))
    assert (result.exit_code, result.output) == (130, "")


def test_a_package_of_an_extra_that_is_missing_is_told_how_to_install(run_as_command: Run) -> None:
    result = run_as_command(raising(ModuleNotFoundError("No module named 'rich'", name="rich")))
    assert result.exit_code == 1
    assert result.stderr == "bridge probe needs the package rich: pip install 'notification-bridge[sandbox]'\n"


def test_a_connection_that_breaks_is_not_taken_for_a_reader_that_left(run_as_command: Run) -> None:
    result = run_as_command(raising(BrokenPipeError(32, "Broken pipe")))
    assert (result.exit_code, result.stderr) == (1, "bridge probe failed: Broken pipe.\n")


def test_a_reader_that_left_ends_the_command_quietly() -> None:
    program = (
        "import sys, click\n"
        "from bridge.cli import main\n"
        "def body():\n"
        "    sys.stdin.readline()\n"
        "    click.echo('nobody reads this')\n"
        "main.commands['probe'] = click.command('probe')(body)\n"
        "main(['probe'])\n"
    )
    with subprocess.Popen(  # noqa: S603 - the program above
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        process.stdin.write("\n")
        process.stdin.close()
        assert process.stderr.read() == ""
        assert process.wait(timeout=20) == 1
