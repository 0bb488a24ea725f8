"""The file of `bridge offsets export` and `import`: every receiver's cursor. Pure.

    {"format": "notification-bridge-offsets", "version": 1, "exportedAt": "2026-04-14T06:00:00Z",
     "offsets": [{"tenant": "default", "herId": 7001, "offset": 45460}]}

Version 1 keeps its meaning: what is added to it later may be passed over by whoever reads it; what may not gets a new
version.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Annotated

import msgspec

from bridge.errors import ConfigurationError
from bridge.nhn.decode import MAX_OFFSET
from bridge.settings.her_ids import MAX_HER_ID

FORMAT = "notification-bridge-offsets"
VERSION = 1

TenantName = Annotated[str, msgspec.Meta(pattern="^[a-z0-9-]{1,40}$")]


class Entry(msgspec.Struct, frozen=True, rename="camel"):
    """One receiver."""

    tenant: TenantName
    her_id: Annotated[int, msgspec.Meta(ge=1, le=MAX_HER_ID)]
    offset: Annotated[int, msgspec.Meta(ge=0, le=MAX_OFFSET)]
    """Offset of the last notification that is done with."""


class _Document(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    format: str
    version: int
    exported_at: datetime
    offsets: tuple[Entry, ...]


class _Outline(msgspec.Struct, frozen=True):
    format: str
    version: int
    offsets: list[msgspec.Raw]


def written(entries: Iterable[Entry], *, at: datetime) -> bytes:
    """The document, with a line an entry, ordered by tenant and HER-id. `at`: aware."""
    ordered = sorted(entries, key=lambda entry: (entry.tenant, entry.her_id))
    document = msgspec.json.encode(
        _Document(format=FORMAT, version=VERSION, exported_at=at.replace(microsecond=0), offsets=())
    )
    lines = b",\n".join(b"  " + msgspec.json.encode(entry) for entry in ordered)
    return document.removesuffix(b"[]}") + b"[\n" + lines + b"\n]}\n"


def read(text: bytes) -> Mapping[tuple[str, int], int]:
    """(tenant, HER-id) → offset. Raises ConfigurationError with a sentence for every mistake."""
    try:
        outline = msgspec.json.decode(text, type=_Outline)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"This is no file of `bridge offsets export`: {error}.") from error
    if outline.format != FORMAT:
        raise ConfigurationError(f"This is no file of `bridge offsets export`: its format is not {FORMAT}.")
    if outline.version != VERSION:
        raise ConfigurationError(
            f"The file has version {outline.version} of its format, this program reads {VERSION}: export it anew."
        )
    return _offsets(outline.offsets)


def _offsets(entries: Iterable[msgspec.Raw]) -> Mapping[tuple[str, int], int]:
    offsets: dict[tuple[str, int], int] = {}
    mistakes: list[str] = []
    for number, raw in enumerate(entries, start=1):
        try:
            entry = msgspec.json.decode(raw, type=Entry)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            mistakes.append(f"Entry {number} of `offsets`: {error}.")
            continue
        if (entry.tenant, entry.her_id) in offsets:
            mistakes.append(f"Entry {number} of `offsets`: HER-id {entry.her_id} of {entry.tenant} is there twice.")
        offsets[entry.tenant, entry.her_id] = entry.offset
    if mistakes:
        raise ConfigurationError.of_many(mistakes, more="entries are wrong")
    return offsets
