"""`bridge sandbox --sign-in`: what it prints is enough to sign in."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from bridge.auth.helseid import HelseId, HelseIdConfig
from bridge.auth.keys import KeyConfig
from bridge.auth.maskinporten import Maskinporten, MaskinportenConfig
from bridge.cli.sandbox import command
from bridge.clock import SystemClock
from tests.support.sandbox_client import HEADERS, poll
from tests.support.sign_in import RecordingObserver

START = (sys.executable, "-c", "from bridge.cli.sandbox import command; command()", "--port", "0", "--sign-in")


@asynccontextmanager
async def running(*arguments: str) -> AsyncIterator[Mapping[str, str]]:
    """The settings that the command prints; it is ended with SIGTERM."""
    process = await asyncio.create_subprocess_exec(*START, *arguments, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    try:
        async with asyncio.timeout(20):
            settings: dict[str, str] = {}
            while b"/sandbox/sign-in" not in (line := await process.stdout.readline()):
                name, _, value = line.decode().strip().partition("=")
                settings[name.removeprefix("BRIDGE_NHN__")] = value
            yield settings
            process.send_signal(signal.SIGTERM)
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def status_signed_in_as_printed(settings: Mapping[str, str]) -> int:
    key_file = Path(settings["AUTH__PRIVATE_KEY_FILE"])
    config = HelseIdConfig(
        client_id=settings["AUTH__CLIENT_ID"],
        key=KeyConfig(read=key_file.read_text),
        issuer=settings["AUTH__ISSUER"],
    )
    async with (
        HelseId(config, clock=SystemClock(), observer=RecordingObserver()) as helseid,
        httpx.AsyncClient(base_url=settings["BASE_URL"], headers=HEADERS, auth=helseid.auth()) as http,
    ):
        return (await poll(http)).status_code


async def test_the_printed_settings_sign_in_and_the_temporary_key_is_gone_in_the_end() -> None:
    async with running() as settings:
        key_file = Path(settings["AUTH__PRIVATE_KEY_FILE"])
        assert settings["AUTH__METHOD"] == "helseid"
        assert settings["AUTH__ISSUER"] == f"{settings['BASE_URL']}/helseid"
        assert await status_signed_in_as_printed(settings) == 200
    assert not key_file.parent.exists()


async def test_the_printed_settings_sign_in_to_altinn_too(tmp_path: Path) -> None:
    async with running("--altinn-key-file", str(tmp_path / "altinn.json")) as settings:
        altinn = {name.removeprefix("BRIDGE_ALTINN__"): value for name, value in settings.items()}
        assert altinn["AUTH__METHOD"] == "maskinporten"
        assert altinn["AUTH__PRIVATE_KEY_FILE"] == str(tmp_path / "altinn.json")
        config = MaskinportenConfig(
            client_id=altinn["AUTH__CLIENT_ID"],
            key=KeyConfig(read=Path(altinn["AUTH__PRIVATE_KEY_FILE"]).read_text),
            issuer=altinn["AUTH__ISSUER"],
            platform_url=altinn["BASE_URL"],
        )
        async with (
            Maskinporten(config, clock=SystemClock(), observer=RecordingObserver()) as maskinporten,
            httpx.AsyncClient(base_url=altinn["BASE_URL"], auth=maskinporten.auth()) as http,
        ):
            assert (await http.get("/notifications/api/v1/future/shipment/feed")).status_code == 200


async def test_a_key_file_of_ones_own_is_kept_and_used_by_the_next_sandbox(tmp_path: Path) -> None:
    path = tmp_path / "key.json"
    async with running("--client-key-file", str(path), "--tenancy", "multi") as settings:
        text = path.read_text()
        assert (settings["AUTH__PRIVATE_KEY_FILE"], settings["AUTH__TENANCY"]) == (str(path), "multi")
    async with running("--client-key-file", str(path)) as settings:
        assert await status_signed_in_as_printed(settings) == 200
    assert path.read_text() == text


@pytest.mark.parametrize(
    ("arguments", "message", "exit_code"),
    [
        (["--token-life", "5"], "--token-life needs --sign-in", 2),
        (["--tenancy", "multi"], "--tenancy needs --sign-in", 2),
        (["--client-key-file", "key.json"], "--client-key-file needs --sign-in", 2),
        (["--altinn-key-file", "key.json"], "--altinn-key-file needs --sign-in", 2),
        (["--sign-in", "--token-life", "0"], "0 is not in the range 1<=x<=86400", 2),
        (["--sign-in", "--client-key-file", "missing/key.json"], "No such file or directory", 1),
        (["--sign-in", "--client-key-file", "notes.txt"], "is there and holds no private key as JWK", 2),
    ],
)
def test_wrong_usage_is_told_in_a_sentence(
    arguments: list[str], message: str, exit_code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes.txt").write_text("notes")
    result = CliRunner().invoke(command, arguments)
    assert message in result.output
    assert result.exit_code == exit_code
