"""The sandbox's client in a file of its own: made once, and used again by the next sandbox."""

import os
from pathlib import Path

import msgspec
from joserfc.errors import JoseError

from bridge.sandbox.sign_in.clients import SANDBOX_CLIENT, ClientWithKey, new_client
from bridge.sandbox.sign_in.organisations import Tenancy

MODE = 0o600


def client_in_file(
    path: Path, *, client_id: str = SANDBOX_CLIENT, algorithm: str = "ES256", tenancy: Tenancy = "single"
) -> ClientWithKey:
    """The client whose private key (JWK) is in the file, which is made, for `algorithm`, where there is none.

    What is there is never written over. Raises OSError, and ValueError with a sentence where it is no private JWK.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, MODE)
    except FileExistsError:
        return _read(path, client_id, tenancy)
    client = new_client(client_id, algorithm=algorithm, tenancy=tenancy)
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(client.jwk)) + b"\n")
    return client


def _read(path: Path, client_id: str, tenancy: Tenancy) -> ClientWithKey:
    try:
        jwk = msgspec.json.decode(path.read_bytes(), type=dict[str, str])
        client = ClientWithKey(client_id=client_id, jwk=jwk, tenancy=tenancy)
        client.registration()
    except (msgspec.DecodeError, JoseError, ValueError, KeyError, TypeError):
        raise ValueError(
            f"{path} is there and holds no private key as JWK; name a file that is not there yet"
        ) from None
    if "d" not in jwk:
        raise ValueError(f"{path} holds a public key; the private one is needed")
    return client
