"""NHN's side: each tenant's sign-in, the API for each tenant, the clock."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence

from bridge.check.api import check_api
from bridge.check.api_faults import SUBJECT
from bridge.check.bounds import hurried, late, within
from bridge.check.report import Finding, not_verifiable
from bridge.check.sign_in import Troubles, sign_in
from bridge.check.witness import Answered, clock_finding
from bridge.ports import Clock
from bridge.settings import Settings, Tenant
from bridge.sign_in import make_sign_in
from bridge.store import ReceiverOffset

TENANT_S = 30.0
TENANTS_AT_A_TIME = 8


async def nhn_findings(
    settings: Settings, wanted: Mapping[str, frozenset[int]], receivers: Sequence[ReceiverOffset], *, clock: Clock
) -> list[Finding]:
    """`wanted`: tenant → its HER-ids. `receivers`: where the store says that they stand; empty where it does not.

    Raises ConfigurationError for an issuer, a key or organisation numbers that cannot be used.
    """
    settings = hurried(settings)
    troubles, places = Troubles(), asyncio.Semaphore(TENANTS_AT_A_TIME)
    standing: defaultdict[str, list[ReceiverOffset]] = defaultdict(list)
    for each in receivers:
        standing[each.tenant].append(each)
    async with make_sign_in(settings, troubles, clock) as helseid:

        async def ask(tenant: Tenant) -> tuple[Finding, Answered]:
            name = tenant.name if settings.nhn.tenants else ""
            async with places:
                signed_in = await sign_in(helseid, tenant, name=name)
                if not signed_in.is_possible:
                    unasked = not_verifiable(SUBJECT, "not asked, as there is no token for it", name=name)
                    return signed_in.finding, Answered([unasked], None)
                check = check_api(
                    settings, wanted[tenant.name], standing[tenant.name], name=name, auth=signed_in.auth, clock=clock
                )
                overdue = Answered([late(SUBJECT, TENANT_S, name=name)], None)
                return signed_in.finding, await within(TENANT_S, check, overdue)

        async with asyncio.TaskGroup() as group:
            asking = [group.create_task(ask(tenant)) for tenant in settings.nhn.all_tenants]
    told = [task.result() for task in asking]
    return [
        *(signed_in for signed_in, _ in told),
        *troubles.findings(),
        *(finding for _, answered in told for finding in answered.findings),
        clock_finding([answered.clock_ahead_s for _, answered in told]),
    ]
