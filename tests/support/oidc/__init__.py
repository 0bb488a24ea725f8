"""An OAuth 2.0 server of independent making (npm's oidc-provider), run for tests on a free port of this machine."""

import hashlib
import json
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from joserfc.jwk import ECKey, RSAKey

from tests.support.npm import node_program, npm_installed

HERE = Path(__file__).parent


@dataclass(frozen=True)
class OidcServer:
    """A server that runs."""

    issuer: str

    @property
    def api(self) -> str:
        """An API that checks tokens and proofs as NHN's does."""
        return f"{self.issuer}/notifications"

    def tally(self) -> dict[str, Any]:
        """What the server has given and refused, see server.mjs."""
        counted: dict[str, Any] = httpx.get(f"{self.issuer}/test/tally", timeout=5).json()
        return counted

    def reset_tally(self) -> None:
        """Count anew."""
        httpx.post(f"{self.issuer}/test/reset-tally", timeout=5).raise_for_status()

    def refuse_tokens(self) -> None:
        """From now on the API refuses every token that it has seen."""
        httpx.post(f"{self.issuer}/test/refuse-tokens", timeout=5).raise_for_status()

    def turn_nonce(self) -> None:
        """From now on the API takes no older nonce."""
        httpx.post(f"{self.issuer}/test/turn-nonce", timeout=5).raise_for_status()


def client_record(client_id: str, algorithm: str, keys: Mapping[str, RSAKey | ECKey]) -> Mapping[str, object]:
    """A client as it is registered: with the public parts of its keys, by key id."""
    return {
        "client_id": client_id,
        "scope": "nhn:msh/api",
        "token_endpoint_auth_signing_alg": algorithm,
        "jwks": {"keys": [key.as_dict(private=False, kid=key_id) for key_id, key in keys.items()]},
    }


@contextmanager
def oidc_server(
    clients: Sequence[Mapping[str, object]], *, token_life_s: int = 60, api_nonce: bool = False
) -> Iterator[OidcServer]:
    """A server for these clients, as long as the block lasts. `api_nonce`: the API wants nonces in proofs, too."""
    home = npm_installed(HERE)
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(  # noqa: S603 - the program is found below, its arguments are ours
            [node_program("node"), str(_server_in(home))], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log
        )
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            settings = {"clients": clients, "tokenLifeS": token_life_s, "apiNonce": api_nonce}
            process.stdin.write(json.dumps(settings).encode() + b"\n")
            process.stdin.flush()
            first_line = process.stdout.readline()
            if not first_line:
                log.seek(0)
                raise RuntimeError(f"the server did not start: {log.read().decode()[-2000:]}")
            yield OidcServer(json.loads(first_line)["issuer"])
        finally:
            # the end of its input ends it, also where this process is killed
            process.stdin.close()
            process.stdout.close()
            try:
                process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _server_in(home: Path) -> Path:
    """The script where it finds the packages; named by its content, so that no test runs another version's."""
    script = (HERE / "server.mjs").read_bytes()
    place = home / f"server-{hashlib.sha256(script).hexdigest()[:16]}.mjs"
    if not place.exists():
        with tempfile.NamedTemporaryFile(dir=home, delete=False) as scratch:
            scratch.write(script)
        Path(scratch.name).rename(place)
    return place
