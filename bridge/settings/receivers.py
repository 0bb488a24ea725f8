"""Which receivers each tenant wants now: the settings' lists and files, read again when a file changed."""

from collections.abc import Callable, Iterator, Mapping, Sequence

import structlog

from bridge.errors import ConfigurationError
from bridge.settings.files import FileContent
from bridge.settings.her_ids import MAX_HER_IDS, parse_her_ids
from bridge.settings.nhn import Tenant

MAX_TOLD = 5
"""So many receivers of two tenants are told: an error is a sentence, not a list."""


class Receivers:
    """The wanted receivers. What turns bad while the bridge runs leaves the last good ones, and `problems` says so."""

    def __init__(self, tenants: Sequence[Tenant]) -> None:
        self._files: list[FileContent[frozenset[int]]] = []
        self._readers = {tenant.name: self._reader(tenant) for tenant in tenants}
        self._seen: Mapping[str, frozenset[int]] | None = None
        self._last_good: Mapping[str, frozenset[int]] | None = None
        self._conflicts: tuple[str, ...] = ()

    def current(self) -> Mapping[str, frozenset[int]]:
        """Tenant → its receivers now. Costs a `stat` a file.

        Raises ConfigurationError with all mistakes where they have never been good.
        """
        wanted: dict[str, frozenset[int]] = {}
        mistakes: list[str] = []
        for name, read in self._readers.items():
            try:
                wanted[name] = read()
            except ConfigurationError as exc:
                mistakes += exc.mistakes
        if mistakes:
            raise ConfigurationError(*mistakes, *_conflicts(wanted))
        if wanted != self._seen:
            self._take(wanted)
        if self._last_good is None:
            raise ConfigurationError(*self._conflicts)
        return self._last_good

    def _take(self, wanted: Mapping[str, frozenset[int]]) -> None:
        self._seen = wanted
        self._conflicts = tuple(_conflicts(wanted))
        if not self._conflicts:
            self._last_good = wanted
        elif self._last_good is not None:
            structlog.get_logger().warning("settings.receivers_not_usable", reason=" ".join(self._conflicts))

    @property
    def problems(self) -> tuple[str, ...]:
        """Why `current` does not return what the files say now; empty where it does."""
        return (*(file.problem for file in self._files if file.problem is not None), *self._conflicts)

    def _reader(self, tenant: Tenant) -> Callable[[], frozenset[int]]:
        if tenant.her_ids_file is None:
            return lambda: tenant.her_ids
        file = FileContent(tenant.her_ids_file, parse_her_ids)
        self._files.append(file)
        return file.get


def _conflicts(wanted: Mapping[str, frozenset[int]]) -> Iterator[str]:
    """A receiver in two tenants would be published twice; too many would not be served in time."""
    tenant_of: dict[int, str] = {}
    told = 0
    for name, her_ids in wanted.items():
        for her_id in sorted(her_ids & tenant_of.keys()):
            told += 1
            if told <= MAX_TOLD:
                yield f"HER-id {her_id} is in the tenants {tenant_of[her_id]} and {name}: keep it in one."
        tenant_of |= dict.fromkeys(her_ids, name)
    if told > MAX_TOLD:
        yield f"{told - MAX_TOLD} more HER-ids are in two tenants."
    if len(tenant_of) > MAX_HER_IDS:
        yield f"The tenants have {len(tenant_of)} HER-ids together, but a bridge serves at most {MAX_HER_IDS}."
