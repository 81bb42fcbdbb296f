"""Nodes as the server describes them (service contract §3), with types."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from hca_core.errors import one_line
from hca_shock.errors import ShockError

# RFC 3339; servers send nanoseconds, or milliseconds with trailing zeros left out.
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)")
_UNSET_YEAR = "0001-"


@dataclass(frozen=True)
class Lock:
    """Work that is under way behind the answers; with an `error` (a line) it has failed."""

    created_on: datetime | None
    error: str


@dataclass(frozen=True)
class File:
    """The file of a node: `size` in bytes, `md5` in hex (None until it is there), `locked` while it is assembled."""

    name: str
    size: int
    md5: str | None
    format: str
    virtual: bool
    created_on: datetime | None
    locked: Lock | None

    @property
    def exists(self) -> bool:
        """Whether the node has a file; an empty one has a checksum."""
        return self.size > 0 or self.md5 is not None


@dataclass(frozen=True)
class Index:
    """An index of a node's file: how many units it has, their average size in bytes."""

    total_units: int
    average_unit_size: int
    created_on: datetime | None
    locked: Lock | None


@dataclass(frozen=True)
class Link:
    """A relation of a node to others."""

    relation: str
    ids: tuple[str, ...]
    operation: str


@dataclass(frozen=True)
class Part:
    """A part that has arrived: the name that was sent with it, and its md5 in hex."""

    name: str
    md5: str


@dataclass(frozen=True)
class Parts:
    """A file that comes in parts: `count` of them are wanted, `length` are there; None in `parts` is one to come."""

    count: int
    length: int
    varlen: bool
    compression: str
    parts: tuple[Part | None, ...]


@dataclass(frozen=True)
class Node:
    """A node; `raw` is the document as the server has sent it."""

    id: str
    version: str
    file: File
    attributes: Any
    indexes: dict[str, Index]
    version_parts: dict[str, str]
    tags: tuple[str, ...]
    linkage: tuple[Link, ...]
    priority: int
    created_on: datetime | None
    last_modified: datetime | None
    expiration: datetime | None
    type: str
    parts: Parts | None
    locations: tuple[dict[str, Any], ...]
    raw: dict[str, Any]

    @classmethod
    def parse(cls, raw: Any) -> Node:
        """Return the node that a document of a server describes. Raises ShockError if it describes none."""
        try:
            return _node(raw)
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise ShockError(f"the server sent a node that can't be read ({type(error).__name__}: {error})") from error

    @property
    def is_locked(self) -> bool:
        """Whether work at the file or at an index is under way, or has failed."""
        return self.file.locked is not None or any(index.locked for index in self.indexes.values())


def moment(text: object) -> datetime | None:
    """Return the moment that a server's text tells; None where it is unset (the year 1), or has no date in UTC."""
    found = _MOMENT.fullmatch(text) if isinstance(text, str) else None
    if found is None or found[1].startswith(_UNSET_YEAR):
        return None
    fraction = (found[2] or "0")[:6].ljust(6, "0")
    try:
        at = datetime.fromisoformat(f"{found[1]}.{fraction}{found[3].replace('Z', '+00:00')}")
        at.astimezone(UTC)  # raises OverflowError for what is so near to an end of all dates that it has none there
    except (ValueError, OverflowError):
        return None
    return at


def _node(raw: Any) -> Node:
    # The blobstore of KBase leaves out what it has no use for.
    return Node(
        id=str(raw["id"]),
        version=str(raw.get("version") or ""),
        file=_file(raw.get("file") or {}, raw.get("format")),
        attributes=raw.get("attributes"),
        indexes={name: _index(one) for name, one in (raw.get("indexes") or {}).items()},
        version_parts=dict(raw.get("version_parts") or {}),
        tags=tuple(map(str, raw.get("tags") or ())),
        linkage=tuple(_link(one) for one in raw.get("linkage") or raw.get("linkages") or ()),
        priority=int(raw.get("priority") or 0),
        created_on=moment(raw.get("created_on")),
        last_modified=moment(raw.get("last_modified")),
        expiration=moment(raw.get("expiration")),
        type=str(raw.get("type") or "basic"),
        parts=_parts(raw["parts"]) if raw.get("parts") else None,
        locations=tuple(raw.get("locations") or ()),
        raw=raw,
    )


def _file(raw: Any, node_format: object) -> File:
    md5 = (raw.get("checksum") or {}).get("md5")
    size = int(raw.get("size") or 0)
    if size < 0:
        raise ValueError(f"a file of {size} bytes")
    return File(
        name=str(raw.get("name") or ""),
        size=size,
        md5=str(md5).lower() if md5 else None,
        format=str(raw.get("format") or node_format or ""),
        virtual=bool(raw.get("virtual")),
        created_on=moment(raw.get("created_on")),
        locked=_lock(raw.get("locked")),
    )


def _index(raw: Any) -> Index:
    return Index(
        total_units=int(raw.get("total_units") or 0),
        average_unit_size=int(raw.get("average_unit_size") or 0),
        created_on=moment(raw.get("created_on")),
        locked=_lock(raw.get("locked")),
    )


def _lock(raw: Any) -> Lock | None:
    return None if raw is None else Lock(moment(raw.get("created_on")), one_line(str(raw.get("error") or "")))


def _link(raw: Any) -> Link:
    return Link(str(raw.get("relation") or ""), tuple(raw.get("ids") or ()), str(raw.get("operation") or ""))


def _parts(raw: Any) -> Parts:
    found = tuple(Part(str(one[0]), str(one[1]).lower()) if one else None for one in raw.get("parts") or ())
    return Parts(
        count=int(raw.get("count") or 0),
        length=int(raw.get("length") or 0),
        varlen=bool(raw.get("varlen")),
        compression=str(raw.get("compression") or ""),
        parts=found,
    )
