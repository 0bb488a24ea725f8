"""Which tenants and receivers are wanted now: the settings' lists and files, read again when a file changed."""

from collections.abc import Iterator, Mapping, Sequence

import structlog

from bridge.errors import ConfigurationError
from bridge.settings.files import FileContent
from bridge.settings.her_ids import MAX_HER_IDS, parse_her_ids
from bridge.settings.model import Settings
from bridge.settings.nhn import Tenant

MAX_TOLD = 5
"""So many receivers of two tenants are told: an error is a sentence, not a list."""


class Receivers:
    """The wanted receivers. What turns bad while the bridge runs leaves the last good ones, and `problems` says so."""

    def __init__(self, tenants: Sequence[Tenant], settings_file: FileContent[Settings] | None = None) -> None:
        """`settings_file`: where it can tell of other tenants while the bridge runs."""
        self.tenants: Sequence[Tenant] = tenants
        """Those of the last `current`."""
        self._settings_file = settings_file
        self._settings: Settings | None = None
        self._files: dict[str, FileContent[frozenset[int]]] = {}
        self._seen: Mapping[str, frozenset[int]] | None = None
        self._last_good: Mapping[str, frozenset[int]] | None = None
        self._conflicts: tuple[str, ...] = ()

    def current(self) -> Mapping[str, frozenset[int]]:
        """Tenant → its receivers now. Costs a `stat` a file.

        Raises ConfigurationError with all mistakes where they have never been good.
        """
        if self._settings_file is not None:
            self._follow(self._settings_file.get())
        wanted: dict[str, frozenset[int]] = {}
        mistakes: list[str] = []
        for tenant in self.tenants:
            try:
                wanted[tenant.name] = self._receivers(tenant)
            except ConfigurationError as exc:
                mistakes += exc.mistakes
        if mistakes and self._last_good is None:
            raise ConfigurationError(*mistakes, *_conflicts(wanted))
        if wanted != self._seen or mistakes:
            self._take(wanted, mistakes)
        if self._last_good is None:
            raise ConfigurationError(*self._conflicts)
        return self._last_good

    def _follow(self, settings: Settings) -> None:
        """Take the tenants of settings that have changed; nothing else of them before the next start."""
        if settings is not self._settings and settings.nhn.is_on:
            self._settings, self.tenants = settings, settings.nhn.all_tenants
            names = {tenant.name for tenant in self.tenants}
            self._files = {name: file for name, file in self._files.items() if name in names}

    def _take(self, wanted: Mapping[str, frozenset[int]], mistakes: Sequence[str]) -> None:
        conflicts = (*mistakes, *_conflicts(wanted))
        is_news = wanted != self._seen or conflicts != self._conflicts
        self._seen, self._conflicts = wanted, conflicts
        if not conflicts:
            self._last_good = wanted
        elif self._last_good is not None and is_news:
            structlog.get_logger().warning("settings.receivers_not_usable", reason=" ".join(conflicts))

    @property
    def problems(self) -> tuple[str, ...]:
        """Why `current` does not return what the files say now; empty where it does."""
        settings = () if self._settings_file is None else (self._settings_file,)
        told = (file.problem for file in (*settings, *self._files.values()))
        return (*(problem for problem in told if problem is not None), *self._conflicts)

    def _receivers(self, tenant: Tenant) -> frozenset[int]:
        if tenant.her_ids_file is None:
            return tenant.her_ids
        file = self._files.get(tenant.name)
        if file is None or file.path != tenant.her_ids_file:
            file = self._files[tenant.name] = FileContent(tenant.her_ids_file, parse_her_ids)
        return file.get()


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
