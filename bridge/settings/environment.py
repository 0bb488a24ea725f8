"""The settings that environment variables give."""

import re
from collections.abc import Mapping

from bridge.settings import names
from bridge.settings.given import Given

_INJECTED = re.compile(
    r"BRIDGE_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\w+)?"
    r"|[A-Z0-9_]+_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_\w+)?))",
    re.ASCII,
)
"""What Kubernetes injects for a Service called `bridge`, and for one whose name begins with `bridge-`
(https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables)."""
_INJECTED_ADDRESS = re.compile(r"(tcp|udp|sctp)://")
"""How the value of an injected `BRIDGE_…_PORT` begins; any other may be a misspelt setting."""


def from_environment(environ: Mapping[str, str]) -> Given:
    """The variables that begin with `BRIDGE_`. One in other than upper case is a mistake, never passed over."""
    known = {names.environment_name(path): path for path in names.FIELDS}
    given = Given(names.environment_name)
    for name, value in sorted(environ.items()):
        if name in known:
            if value.strip():
                given.put(known[name], value.strip(), name)
        elif name.upper().startswith(names.PREFIX) and name != names.CONFIG_FILE and not _is_injected(name, value):
            path = tuple(name[len(names.PREFIX) :].lower().split("__"))
            given.refuse(path, name)
    return given


def _is_injected(name: str, value: str) -> bool:
    if name.endswith("_PORT") and _INJECTED_ADDRESS.match(value):
        return True
    return _INJECTED.fullmatch(name) is not None
