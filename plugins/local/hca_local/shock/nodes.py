"""Nodes in the store: each is one JSON document, which others change through this module only.

Beside what clients see (`shown`) a document has `acl`, and where the bytes are: `data` is the name of the data file,
`path` that of a file elsewhere on this machine, `subset` tells whose records they are. The records of a subset are the
ranges (of its parent's bytes) in its own index file of the name `subset["index"]`. While a file comes in parts,
`part_sizes` are their sizes by number, and `closed` tells that no more will come.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from typing import TYPE_CHECKING, Any

from hca_local.shock import locks, search, times
from hca_local.shock.calls import ShockError

if TYPE_CHECKING:
    from collections.abc import Callable
    from sqlite3 import Connection

Doc = dict[str, Any]

_LARGEST = 16 * 1024 * 1024
_PARTS = ("acl", "attributes", "file", "indexes")
_SHOWN = (
    "id", "version", "file", "attributes", "indexes", "version_parts", "tags", "linkage", "priority", "created_on",
    "last_modified", "expiration", "type", "parts", "locations", "restore",
)  # fmt: skip
_INDEX = ("total_units", "average_unit_size", "created_on", "locked")
_EVERYBODY = "public"
CHUNK = 1048576


def new(owner: str | None) -> Doc:
    """Return the document of a new node that belongs to the user `owner` (a uuid), or to everybody if that is None."""
    listed = [] if owner is None else [owner]
    everybody = owner is None
    public = {"read": everybody, "write": everybody, "delete": everybody}
    return {
        "id": str(uuid.uuid4()),
        "version": "",
        "file": {
            "name": "", "size": 0, "checksum": {}, "format": "", "virtual": False, "virtual_parts": [],
            "created_on": times.UNSET, "locked": None,
        },
        "attributes": None,
        "indexes": {},
        "version_parts": {},
        "tags": [],
        "linkage": [],
        "priority": 0,
        "created_on": times.now(),
        "last_modified": times.UNSET,
        "expiration": times.UNSET,
        "type": "basic",
        "parts": None,
        "locations": [],
        "restore": False,
        "acl": {
            "owner": owner or _EVERYBODY, "read": listed, "write": [*listed], "delete": [*listed], "public": public,
        },
        "data": None,
        "path": None,
        "subset": None,
        "part_sizes": {},
        "closed": False,
    }  # fmt: skip


def get(connection: Connection, id: str) -> Doc | None:
    """Return the document of the node `id`, None if there is none."""
    row = connection.execute("SELECT document FROM shock_nodes WHERE id = ?", (id,)).fetchone()
    return None if row is None else json.loads(row[0])


def is_there(connection: Connection, id: str) -> bool:
    """Tell whether there is a node `id`."""
    return connection.execute("SELECT 1 FROM shock_nodes WHERE id = ?", (id,)).fetchone() is not None


def existing(connection: Connection, id: str) -> Doc:
    """Return the document of the node `id`. Raises ShockError (404)."""
    doc = get(connection, id)
    if doc is None:
        raise ShockError(404, "Node not found")
    return doc


def add(connection: Connection, doc: Doc, *, is_listed: bool = True) -> None:
    """Store a new node, in a transaction. Raises ShockError (400) if it is too large.

    Parameters: `is_listed` False lets nobody find it before `search.publish`; a start removes it if it still is so.
    """
    _stamp(doc, _PARTS)
    connection.execute(
        "INSERT INTO shock_nodes (data, md5, expires, is_busy, document, id) VALUES (?, ?, ?, ?, ?, ?)", _row(doc)
    )
    _note_sources(connection, doc)
    search.put(connection, doc, is_listed=is_listed)


def change(connection: Connection, id: str, edit: Callable[[Doc], None], *parts: str) -> Doc:
    """Change the node `id` in a transaction, and return its document.

    Parameters: `edit` changes the document in place; `parts` are those of it that get a new version: acl, attributes,
    file, indexes. Raises ShockError: 404 if it is not there, 400 if it becomes too large; and what `edit` raises.
    """
    doc = existing(connection, id)
    edit(doc)
    doc["last_modified"] = times.now()
    save(connection, doc, *parts)
    return doc


def save(connection: Connection, doc: Doc, *parts: str) -> None:
    """Store the document of a node that is there already. Raises ShockError: see `change`."""
    _stamp(doc, parts)
    changed = connection.execute(
        "UPDATE shock_nodes SET data = ?, md5 = ?, expires = ?, is_busy = ?, document = ? WHERE id = ?", _row(doc)
    )
    if not changed.rowcount:
        raise ShockError(404, "Node not found")
    _note_sources(connection, doc)
    search.put(connection, doc)


def remove(connection: Connection, id: str) -> list[str]:
    """Remove the node `id` in a transaction, and return the data files that no node refers to any more.

    Raises ShockError: 404 if it is not there, 500 if a virtual node is made of it.
    """
    doc = existing(connection, id)
    if connection.execute("SELECT 1 FROM shock_virtual WHERE source = ? LIMIT 1", (id,)).fetchone():
        raise ShockError(500, "Node referenced by virtual node")
    search.forget(connection, doc)
    connection.execute("DELETE FROM shock_virtual WHERE node = ?", (id,))
    connection.execute("DELETE FROM shock_nodes WHERE id = ?", (id,))
    shared = connection.execute("SELECT 1 FROM shock_nodes WHERE data = ? LIMIT 1", (doc["data"],)).fetchone()
    return [doc["data"]] if doc["data"] and not shared else []


def has_file(doc: Doc) -> bool:
    """Tell whether a node has a file."""
    return bool(doc["file"]["size"] or doc["file"]["checksum"] or doc["file"]["virtual"] or doc["subset"])


def set_file(doc: Doc, name: str, size: int, md5: str | None) -> None:
    """Give a node a file; without a `name` it keeps the one it has. Raises ShockError (400) if it has one."""
    if has_file(doc):
        raise ShockError(400, "Node file immutable")
    doc["file"] |= {
        "name": name or doc["file"]["name"],
        "size": size,
        "checksum": {"md5": md5} if md5 else {},
        "created_on": times.now(),
    }


def add_size_index(doc: Doc) -> None:
    """Add the index of pieces of equal size, which needs no file."""
    units = -(-doc["file"]["size"] // CHUNK)
    entry = {"total_units": units, "average_unit_size": CHUNK, "created_on": times.now(), "locked": None}
    doc["indexes"]["size"] = entry


def shown(doc: Doc, *, fresh: bool = False) -> Doc:
    """Return a node as clients see it; the answer to its creation (`fresh`) has null where later ones have []."""
    found = {key: doc[key] for key in _SHOWN}
    found["indexes"] = {name: {key: entry[key] for key in _INDEX} for name, entry in doc["indexes"].items()}
    if doc["parts"] and not fresh:
        found["parts"] = {**doc["parts"], "parts": [entry or [] for entry in doc["parts"]["parts"]]}
    if fresh:
        found["file"] = {**doc["file"], "virtual_parts": doc["file"]["virtual_parts"] or None}
        found |= {key: found[key] or None for key in ("tags", "linkage", "locations")}
    return found


def _note_sources(connection: Connection, doc: Doc) -> None:
    """Note which nodes can't go because their bytes are needed: this one has none of its own."""
    sources = doc["file"]["virtual_parts"]
    if doc["subset"] and not (doc["data"] or doc["path"]):
        sources = [doc["subset"]["parent"]]
    rows = [(source, doc["id"]) for source in sources]
    connection.executemany("INSERT OR IGNORE INTO shock_virtual VALUES (?, ?)", rows)


def _row(doc: Doc) -> tuple[str | None, str | None, float | None, bool, str, str]:
    """Return what the columns of a node hold, its id last. Raises ShockError (400) if it is too large."""
    text = json.dumps(doc, ensure_ascii=False, separators=(",", ":"))
    if len(text) > _LARGEST:
        raise ShockError(400, "bson document size is greater than limit")
    md5 = doc["file"]["checksum"].get("md5")
    return doc["data"], md5, times.seconds(doc["expiration"]), locks.is_any(doc), text, doc["id"]


def _stamp(doc: Doc, parts: tuple[str, ...]) -> None:
    """Make the version tell what a node is: one of equal parts has an equal version."""
    for part in parts:
        text = json.dumps(doc[part], sort_keys=True)
        doc["version_parts"][f"{part}_ver"] = _md5(text)
    if parts:
        doc["version"] = _md5(":".join([doc["id"], *(doc["version_parts"][f"{part}_ver"] for part in _PARTS)]))


def _md5(text: str) -> str:
    return hashlib.md5(text.encode("utf-8", "replace"), usedforsecurity=False).hexdigest()
