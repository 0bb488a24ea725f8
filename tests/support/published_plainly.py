"""Whether the bridge of the tests of the whole system publishes by its fallback (`pytest --plain`)."""

from collections.abc import Mapping

is_wanted = False
"""Set by conftest from the command line."""


def settings() -> Mapping[str, str]:
    """The setting for it, where that is not the default."""
    return {"BRIDGE_BROKER__PUBLISHER": "plain"} if is_wanted else {}
