"""Settings of the NHN source: whose notifications, from where, how often, signed in as whom."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from bridge.events.nhn import EVENT_NAMES, OTHER
from bridge.settings.fields import (
    FilePath,
    Group,
    HeaderText,
    HttpUrl,
    Listed,
    OrganisationNumber,
    PrivateKey,
    TenantName,
    TlsUrl,
    Word,
    check_private_key,
)
from bridge.settings.files import Secret
from bridge.settings.her_ids import her_ids_of

MAX_OFFSET = 2**63 - 1
DEFAULT_TENANT = "default"


def _start(value: object) -> object:
    text = str(value)
    if text in {"earliest", "latest"}:
        return text
    if text.isascii() and text.isdigit() and int(text) <= MAX_OFFSET:
        return int(text)
    raise ValueError("must be earliest, latest, or an offset of 0 or more")


def _event_names(names: frozenset[str]) -> frozenset[str]:
    known = [*EVENT_NAMES.values(), OTHER]
    if unknown := sorted(names.difference(known)):
        raise ValueError(f"must be names of events ({', '.join(known)}), but names {', '.join(unknown)}")
    return names


HerIds = Annotated[frozenset[int], BeforeValidator(her_ids_of)]


class NhnAuth(Group):
    """How the bridge signs in to NHN: HelseID, client credentials with private_key_jwt and DPoP."""

    method: Literal["helseid", "none"] = "helseid"
    """`none` sends no token: for the sandbox alone; refused for NHN's own hosts."""
    issuer: TlsUrl = "https://helseid-sts.test.nhn.no"
    """HelseID's address. Default test, as BASE_URL's is; production is https://helseid-sts.nhn.no."""
    client_id: Word = ""
    """The client's id in HelseID; required with `helseid`."""
    key_id: Word = ""
    """`kid` of a key given as PEM. A key given as JWK has its own, which holds."""
    scope: HeaderText = "nhn:msh/api"
    """The scope of Meldingstjener's API."""
    private_key: PrivateKey | None = None
    """The client's private key as JWK (its `kid` and `alg` hold) or PEM; this or PRIVATE_KEY_FILE."""
    private_key_file: FilePath | None = None
    """A file with the private key, read again when it changes, so that a key is exchanged without a restart."""
    orgnr_parent: OrganisationNumber = ""
    """Organisation number that the token is for; also of each tenant that names none of its own."""
    orgnr_child: OrganisationNumber = ""
    """Organisation number of the sub-unit that the token is for, where it is for one."""
    tenancy: Literal["single", "multi"] = "single"
    """How the client is registered in HelseID. `multi`, a supplier's client, needs ORGNR_PARENT, or TENANTS that each
    have their own."""

    @property
    def key(self) -> Secret[str] | None:
        """The private key, PEM or JWK, from wherever it was given; None where it was not."""
        if self.private_key_file is not None:
            return Secret.in_file(self.private_key_file, check_private_key)
        return None if self.private_key is None else Secret.given(self.private_key.get_secret_value())


class Tenant(Group):
    """An organisation whose notifications are fetched with a token of its own."""

    name: TenantName
    """1 to 40 of a-z, 0-9 and -; part of the names of its streams, and so not to be changed later."""
    her_ids: HerIds = frozenset()
    """Its receivers; this or her_ids_file."""
    her_ids_file: FilePath | None = None
    """A file with its receivers, one id a line, read again when it changes."""
    orgnr_parent: OrganisationNumber = ""
    """Default: AUTH__ORGNR_PARENT."""
    orgnr_child: OrganisationNumber = ""
    """Default: AUTH__ORGNR_CHILD where the tenant names no parent of its own."""


class NhnSettings(Group):
    """The NHN source."""

    her_ids: HerIds = frozenset()
    """Receivers whose notifications are fetched, at most 45,000; duplicates count once. This or HER_IDS_FILE, or
    TENANTS where there are several organisations."""
    her_ids_file: FilePath | None = None
    """A file with the receivers, one id a line, `#` comments; read again when it changes. One that turns empty or
    unreadable leaves the last good list in force, and the bridge says so. Replace it by a rename, not in place."""
    base_url: HttpUrl = "https://api.tjener.test.melding.nhn.no"
    """The API's address. Default NHN's test host on the internet: going live is a decision. Plain http:// is for this
    machine's own addresses, or with AUTH__METHOD none (a sandbox)."""
    source_system: HeaderText = ""
    """Header `nhn-source-system`: your system's name and version, e.g. `My-EPJ, v1.0.2`. Required."""
    api_version: Word = "3"
    """Header `api-version`. 3 is the version that this source is written for."""
    start: Annotated[Literal["earliest", "latest"] | int, BeforeValidator(_start)] = "earliest"
    """Where a HER-id without a stored cursor starts: `earliest` (offset 0, so that nothing is missed), `latest` (what
    is there now is passed over, not published), or an offset: the first notification after it is published."""
    overlap_s: Annotated[float, Field(ge=0, le=3600)] = 60
    """Seconds: how far back, when caught up, the feed is read again for rows that became visible late. 0 turns it off.
    The store keeps the offsets of that window."""
    page_size: Annotated[int, Field(ge=1, le=1000)] = 1000
    """Notifications a request; 1000 is the API's own limit. A page is one unit of commit."""
    poll_interval_s: Annotated[float, Field(ge=0, le=86_400)] = 60
    """Seconds between polls, waited only when caught up: after a full page the next is fetched at once. 0 does not wait
    at all, for tests."""
    auth: NhnAuth = Field(default_factory=NhnAuth)
    tenants: Annotated[tuple[Tenant, ...], Listed] = ()
    """For a supplier that serves several organisations: list of {name, her_ids or her_ids_file, orgnr_parent,
    orgnr_child}. Each has its own token and streams and shares no request. Instead of HER_IDS. Given in the
    file of BRIDGE_CONFIG_FILE they are read again when that changes."""
    retry_refused_s: Annotated[float, Field(gt=0, le=86_400)] = 300
    """Seconds between tries of a HER-id that the API refuses; it is polled by itself meanwhile, the others go on."""
    ignore: Annotated[frozenset[str], Listed, AfterValidator(_event_names)] = frozenset()
    """Names of events that are not wanted at all, e.g. `sent-state`: they are passed, neither published nor parked."""
    enabled: bool | None = None
    """On or off. Default: on when any other setting of this source is given."""

    @property
    def is_on(self) -> bool:
        """Whether the source is to run."""
        return bool(self.model_fields_set) if self.enabled is None else self.enabled

    @property
    def all_tenants(self) -> tuple[Tenant, ...]:
        """TENANTS, each with its organisation numbers; without TENANTS the one tenant `default` of HER_IDS."""
        parent, child = self.auth.orgnr_parent, self.auth.orgnr_child
        if not self.tenants:
            return (
                Tenant(
                    name=DEFAULT_TENANT,
                    her_ids=self.her_ids,
                    her_ids_file=self.her_ids_file,
                    orgnr_parent=parent,
                    orgnr_child=child,
                ),
            )
        return tuple(
            tenant
            if tenant.orgnr_parent
            else tenant.model_copy(update={"orgnr_parent": parent, "orgnr_child": tenant.orgnr_child or child})
            for tenant in self.tenants
        )
