"""The settings of the NHN source as they are understood: for whom, from where. That they can be right is known before.
Pure.
"""

from collections.abc import Mapping
from urllib.parse import urlsplit

from bridge.check.report import Finding, ok, plural
from bridge.nhn.streams import MAX_RECEIVERS
from bridge.settings import Settings, Tenant

SUBJECT = "settings"
TEST_HOSTS = (".test.melding.nhn.no",)
"""How NHN's test hosts end (page "Metadata" of NHN's portal)."""


def settings_findings(settings: Settings, wanted: Mapping[str, frozenset[int]]) -> list[Finding]:
    """What `bridge run` takes from them where the source is on. `wanted`: tenant → its HER-ids now."""
    nhn = settings.nhn
    host = urlsplit(nhn.base_url).netloc
    which = ", NHN's test environment" if (urlsplit(nhn.base_url).hostname or "").endswith(TEST_HOSTS) else ""
    passed_over = f"; not wanted: {', '.join(sorted(nhn.ignore))}" if nhn.ignore else ""
    tenants = [
        ok(SUBJECT, _receivers(tenant, len(wanted[tenant.name])), name=tenant.name if nhn.tenants else "")
        for tenant in nhn.all_tenants
    ]
    return [ok(SUBJECT, f"the NHN source is on, at {host}{which}{passed_over}"), *tenants]


def _receivers(tenant: Tenant, count: int) -> str:
    streams = -(-count // MAX_RECEIVERS)
    source = "" if tenant.her_ids_file is None else f" of the file {tenant.her_ids_file.name}"
    return f"{plural(count, 'HER-id')}{source} in {plural(streams, 'stream')}"
