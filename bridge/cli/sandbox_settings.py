"""What `bridge sandbox` says first: where it serves, and the settings with which the bridge finds it."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from bridge.sandbox.server import Sandbox
from bridge.sandbox.sign_in.clients import SANDBOX_ORGANISATION
from bridge.sandbox.sign_in.service import SignInPlan

_SHOWN_IDS = 20
_LOOPBACK = {"127.0.0.1", "::1", "localhost"}


class SignInFiles(NamedTuple):
    """How sign-in starts, and where its clients' keys are."""

    plan: SignInPlan
    helseid_key_file: Path
    altinn_key_file: Path


def introduction(server: Sandbox, host: str, signing_in: SignInFiles | None) -> Iterator[str]:
    """The lines; the server has its port by now. `signing_in`: None where nobody needs to."""
    url = server.nhn_url
    yield f"The sandbox serves NHN's API at {url}, for {len(server.nhn.her_ids)} HER-ids. Settings for the bridge:"
    yield from _nhn_settings(server, signing_in)
    yield "It serves Altinn Notifications there, too. Settings:"
    yield from _altinn_settings(server, signing_in)
    yield f"What was created, asked and answered: {url}/sandbox/state, {url}/sandbox/altinn/state."
    if signing_in is not None:
        yield f"Who signed in, and switches: {url}/sandbox/sign-in."
    if host not in _LOOPBACK:
        yield f"Whoever reaches {host} can also switch faults: that needs no sign-in."
    yield "Stop with Ctrl-C."


def _nhn_settings(server: Sandbox, signing_in: SignInFiles | None) -> Iterator[str]:
    url, her_ids = server.nhn_url, server.nhn.her_ids
    yield f"  BRIDGE_NHN__BASE_URL={url}"
    if signing_in is None:
        yield "  BRIDGE_NHN__AUTH__METHOD=none"
    else:
        yield "  BRIDGE_NHN__AUTH__METHOD=helseid"
        yield f"  BRIDGE_NHN__AUTH__ISSUER={server.issuer_url}"
        yield f"  BRIDGE_NHN__AUTH__CLIENT_ID={server.client.client_id}"
        yield f"  BRIDGE_NHN__AUTH__PRIVATE_KEY_FILE={signing_in.helseid_key_file}"
        if server.client.tenancy == "multi":
            yield "  BRIDGE_NHN__AUTH__TENANCY=multi"
            yield f"  BRIDGE_NHN__AUTH__ORGNR_PARENT={SANDBOX_ORGANISATION}  # or any other"
    yield "  BRIDGE_NHN__SOURCE_SYSTEM=sandbox"
    yield "  BRIDGE_NHN__POLL_INTERVAL_S=2"
    if len(her_ids) <= _SHOWN_IDS:
        yield f"  BRIDGE_NHN__HER_IDS={','.join(map(str, her_ids))}"
    else:
        yield f"  BRIDGE_NHN__HER_IDS_FILE=her-ids.txt  # made by: curl -o her-ids.txt {url}/sandbox/her-ids"


def _altinn_settings(server: Sandbox, signing_in: SignInFiles | None) -> Iterator[str]:
    yield f"  BRIDGE_ALTINN__BASE_URL={server.altinn_url}"
    if signing_in is None:
        yield "  BRIDGE_ALTINN__AUTH__METHOD=none"
    else:
        yield "  BRIDGE_ALTINN__AUTH__METHOD=maskinporten"
        yield f"  BRIDGE_ALTINN__AUTH__ISSUER={server.maskinporten_url}"
        yield f"  BRIDGE_ALTINN__AUTH__CLIENT_ID={server.altinn_client.client_id}"
        yield f"  BRIDGE_ALTINN__AUTH__PRIVATE_KEY_FILE={signing_in.altinn_key_file}"
    yield "  BRIDGE_ALTINN__DISCOVERY=feed"
    yield "  BRIDGE_ALTINN__FEED_START=earliest"
    orders = server.altinn.created(limit=_SHOWN_IDS + 1)
    if orders:
        more = "" if len(orders) <= _SHOWN_IDS else f"  # the first; all: {server.altinn_url}/sandbox/altinn/orders"
        yield f"  BRIDGE_ALTINN__ORDERS={','.join(order.id for order in orders[:_SHOWN_IDS])}{more}"
