"""What a lock file says: of what a data set was made, and which files it has (contract §14).

A file is identified by UUID and version, its sha256 and size. The catalog tells where it was found, and may be gone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from hca_azul.download import naming
from hca_azul.resolve import identifiers
from hca_azul.rows import Row
from hca_core.errors import HCAError

if TYPE_CHECKING:
    from collections.abc import Iterator

SCHEMA = 1
FILES = "files"  # the key that has the list of files
BEGINNING = re.compile(rb'\{\s*"schema": [0-9]+,\s*"created": ')  # of a file that may be written over
_SHA256 = re.compile("[0-9a-f]{64}")
_TEXTS = ("uuid", "version", "name", "sha256", "crc32c", "drs_uri", "mirror_uri", "project_id", "read_index")


@dataclass(frozen=True)
class Header:
    """Where the files of a lock come from.

    `created` is the moment (UTC), `tool` what made it; `service`, `catalog` and `commit` were asked. `filters`,
    `format` and `manifest_sha256` tell of the manifest, empty for rows that came otherwise. `authenticated`: somebody
    was logged in; `sources` are the ids of those that the files are of: others may see other files (contract §10).
    `layout` is the one that the paths are of. `count` and `bytes` are those of all files.
    """

    created: str
    tool: str
    service: str
    catalog: str
    commit: str = ""
    filters: Mapping[str, Any] = field(default_factory=dict)
    format: str = ""
    manifest_sha256: str = ""
    authenticated: bool = False
    sources: tuple[str, ...] = ()
    layout: str = ""
    count: int = 0
    bytes: int = 0

    def document(self) -> dict[str, Any]:
        """Return it as the beginning of a lock file."""
        told = {"schema": SCHEMA, **vars(self), "sources": list(self.sources)}
        told["totals"] = {"files": told.pop("count"), "bytes": told.pop("bytes")}
        return told

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Header:
        """Return what a document says. Raises HCAError for what can't be used."""
        schema = document.get("schema")
        if not isinstance(schema, int) or "service" not in document:
            raise HCAError("it is no lock file")
        if schema != SCHEMA:
            raise HCAError(f"it has schema {schema}, and this hca knows {SCHEMA} only", hint="update hca")
        totals, sources, filters = (document.get(key) for key in ("totals", "sources", "filters"))
        if not isinstance(totals, dict) or not isinstance(sources, list) or not isinstance(filters, dict):
            raise HCAError("its totals, sources or filters are missing")
        names = ("created", "tool", "service", "catalog", "commit", "format", "manifest_sha256", "layout")
        return cls(
            **{name: _text(document, name) for name in names},
            filters=filters,
            authenticated=document.get("authenticated") is True,
            sources=tuple(map(str, sources)),
            count=_size(totals, "files") or 0,
            bytes=_size(totals, "bytes") or 0,
        )


def line_of(row: Row, place: str) -> str:
    """Return a file as a line of a lock file; `place` is its path in the layout."""
    told: dict[str, Any] = {
        "uuid": row.uuid,
        "version": row.version,
        "name": row.name,
        "path": place,
        "size": row.size,
        "sha256": row.sha256,
    }
    if row.crc32c:
        told["crc32c"] = row.crc32c
    told |= {
        "drs_uri": row.drs_uri,
        "mirror_uri": row.mirror_uri,
        "bundle_uuid": _bundle(row),
        "project_id": row.project_id,
        "read_index": row.read_index,
    }
    if not row.azul_url:
        told["downloadable"] = False  # the service has no address of it; another place may have it
    # Escapes, because a name can have half a character, which no file can.
    return json.dumps(told, separators=(",", ":"))


def _bundle(row: Row) -> str:
    """Return one of the bundles of a file: the newest, where that is known."""
    if row.bundles:
        return max(row.bundles, key=lambda one: (one[1], one[0]))[0]
    return max(row.bundle_uuids, default="")


def row_of(told: Any, header: Header) -> Row:
    """Return the file that an item of a lock file tells of. Raises HCAError for what can't be used."""
    if not isinstance(told, dict):
        raise HCAError("is no object")
    texts = {name: _text(told, name) for name in _TEXTS}
    path, bundle = _text(told, "path"), _text(told, "bundle_uuid")
    if not texts["uuid"] and not texts["sha256"]:
        raise HCAError("has neither a UUID nor a sha256")
    if texts["uuid"] and not identifiers.UUID.fullmatch(texts["uuid"]):
        raise HCAError(f"has the UUID {texts['uuid']!r}, which is none")
    if texts["sha256"] and not _SHA256.fullmatch(texts["sha256"]):
        raise HCAError(f"has the sha256 {texts['sha256']!r}, which is none")
    if path and naming.sanitised(path) != path:
        raise HCAError(f"has the path {path!r}, which is not safe")
    return Row(
        texts["uuid"],
        texts["version"],
        texts["name"],
        _size(told, "size"),
        texts["sha256"],
        crc32c=texts["crc32c"],
        read_index=texts["read_index"],
        drs_uri=texts["drs_uri"],
        azul_url="" if told.get("downloadable") is False else _address(header, texts["uuid"], texts["version"]),
        mirror_uri=texts["mirror_uri"],
        bundle_uuids=(bundle,) if bundle else (),
        project_id=texts["project_id"],
        extra={"place": (path,)} if path else {},
    )


def _address(header: Header, uuid: str, version: str) -> str:
    """Return where the service had a file when the lock was made; "" for one that has no UUID."""
    query = urlencode({"catalog": header.catalog, "version": version})
    return f"{header.service}/repository/files/{uuid}?{query}" if uuid else ""


def _text(told: Mapping[str, Any], name: str) -> str:
    value = told.get(name, "")
    if not isinstance(value, str):
        raise HCAError(f"has no text as {name}")
    return value


def _size(told: Mapping[str, Any], name: str) -> int | None:
    value = told.get(name)
    if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 0):
        raise HCAError(f"has {value!r} as {name}")
    return value


def lines(header: Header, files: Iterator[str]) -> Iterator[bytes]:
    """Yield the bytes of a lock file, a line for each file."""
    yield json.dumps(header.document(), indent=1)[:-2].encode() + f',\n "{FILES}": [\n'.encode()
    mark = b""
    for line in files:
        yield mark + line.encode()
        mark = b",\n"
    yield b"\n ]\n}\n"
