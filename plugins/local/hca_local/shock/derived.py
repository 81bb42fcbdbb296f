"""Nodes whose bytes are those of others: copies, several joined, chosen records."""

from __future__ import annotations

import hashlib
import json
from contextlib import closing
from typing import TYPE_CHECKING, Any

from hca_local.search.searcher import connected
from hca_local.shock import content, index_files, indexing, locks, nodes, rights, search
from hca_local.shock.calls import ShockError
from hca_local.shock.source import Source

if TYPE_CHECKING:
    from collections.abc import Iterator
    from sqlite3 import Connection
    from typing import BinaryIO

    from hca_local.shock.calls import Call
    from hca_local.shock.forms import Form
    from hca_local.shock.nodes import Doc
    from hca_local.shock.shock import Shock

# Those that nobody may see yet are of an archive that is being unpacked.
_BY_MD5 = """SELECT document FROM shock_nodes WHERE md5 = ?
  AND EXISTS (SELECT 1 FROM shock_readers WHERE reader = ? AND node = number) ORDER BY number"""
# Virtual nodes can be made of virtual nodes: without a limit a few requests make one that takes hours to read.
_MOST_FILES = 10_000


def find(call: Call, md5: str) -> Doc | None:
    """Return the first node with a file of this md5, of those that the caller may read."""
    for (text,) in call.shock.records.execute(_BY_MD5, (md5.strip().lower(), search.ADMINISTRATORS)):
        doc: Doc = json.loads(text)
        # The real server takes the first, whoever may read it, and then refuses.
        if call.shock.quirks or _may_read(call, doc):
            return doc
    return None


async def copied(call: Call, form: Form, doc: Doc, name: str) -> Source:
    """Return the source that the file of another node is, named by its id or by its md5.

    Raises ShockError (400, 401, 423), OSError.
    """
    found = find(call, form.values[name]) if name != "copy_data" else _original(call, form.values[name])
    if found is None or not nodes.has_file(found):
        raise ShockError(400, "The node to be copied has no file.")
    if not _may_read(call, found):
        raise ShockError(400, "copy_data_node auth error")
    locks.require_file(found)
    with_indexes = form.get("copy_indexes") is not None
    if with_indexes or found["subset"]:
        await call.shock.run(index_files.copy_all, call.shock.root, found["id"], doc["id"])

    def edit(connection: Connection, doc: Doc) -> None:
        if nodes.get(connection, found["id"]) is None:
            raise ShockError(400, "The node to be copied was deleted meanwhile.")
        nodes.set_file(doc, found["file"]["name"], found["file"]["size"], found["file"]["checksum"].get("md5"))
        doc["file"] |= {key: found["file"][key] for key in ("virtual", "virtual_parts")}
        doc["file"]["format"] = doc["file"]["format"] or found["file"]["format"]
        doc["type"] = "copy"
        doc |= {key: found[key] for key in ("data", "path", "subset")}
        if form.get("copy_attributes") is not None:
            doc["attributes"] = found["attributes"]
        doc["indexes"] = _copied_indexes(found, with_indexes=with_indexes)

    return Source(edit)


async def virtual(call: Call, ids: list[str]) -> Source:
    """Return the source that the files of other nodes are, one after another. Raises ShockError, OSError."""
    if not ids:
        raise ShockError(400, "A virtual node needs the ids of other nodes in 'source'.")
    if len(ids) > _MOST_FILES:
        raise _too_many()
    summed = await call.shock.run(_joined, call, ids)
    if summed is None:
        return Source(lambda connection, doc: doc.update(type="virtual"))
    size, md5 = summed

    def edit(connection: Connection, doc: Doc) -> None:
        for id in dict.fromkeys(ids):
            if not nodes.is_there(connection, id):
                raise ShockError(400, f"The source {id} of the virtual node was deleted meanwhile.")
        nodes.set_file(doc, "", size, md5)
        doc["file"] |= {"virtual": True, "virtual_parts": ids}
        doc["type"] = "virtual"

    return Source(edit)


async def subset(call: Call, form: Form, doc: Doc) -> Source:
    """Return the source that chosen records of another node are. Raises ShockError, OSError."""
    name, file = form.get("parent_index"), form.files.get("subset_indices")
    if form.get("parent_node") is None or not name:
        raise ShockError(400, "A subset needs the id of a node in 'parent_node', and its index in 'parent_index'.")
    if file is None:
        raise ShockError(400, "A subset needs the numbers of its records in the file 'subset_indices'.")
    parent = _loaded(call, form.values["parent_node"])
    if not nodes.has_file(parent):
        raise ShockError(400, "Node has no file")
    rights.require(parent, call.caller, rights.READ)
    locks.require_file(parent)
    locks.require_index(parent, name)
    if name not in parent["indexes"] or not index_files.is_name(name):
        raise ShockError(400, f"The parent of the subset has no index {name[:100]!r}.")
    with file.open() as numbers:
        built = await call.shock.run(_chosen, call.shock, parent["id"], name, numbers, doc["id"])

    def edit(connection: Connection, doc: Doc) -> None:
        if nodes.get(connection, parent["id"]) is None:
            raise ShockError(400, "The parent of the subset was deleted meanwhile.")
        nodes.set_file(doc, parent["file"]["name"], built.size, None)
        doc["subset"] = {"parent": parent["id"], "index": name, "units": built.units}
        doc["type"] = "subset"
        if not (parent["subset"] or parent["file"]["virtual"]):
            doc |= {key: parent[key] for key in ("data", "path")}  # so that they outlast the parent
        doc["indexes"][name] = indexing.entry(built)

    return Source(edit)


def _original(call: Call, id: str) -> Doc:
    """Return the node that is to be copied. Raises ShockError (400; 500 with quirks)."""
    try:
        return _loaded(call, id)
    except ShockError as error:
        if call.shock.quirks and call.method == "PUT":
            raise ShockError(500, error.message, is_page=True) from error
        raise


def _loaded(call: Call, id: str) -> Doc:
    """Return another node that a form names. Raises ShockError (400)."""
    found = nodes.get(call.shock.records, id)
    if found is None:
        raise ShockError(400, f"The node {id[:100]} is not found.")
    return found


def _may_read(call: Call, doc: Doc) -> bool:
    if call.caller.anonymous and rights.READ not in call.shock.anonymous:
        return False
    return rights.may(doc, call.caller, rights.READ, public=not call.shock.quirks)


def _copied_indexes(found: Doc, *, with_indexes: bool) -> dict[str, Any]:
    """Return the entries of the indexes that a copy has of the node `found`."""
    own = {"size"} | ({found["subset"]["index"]} if found["subset"] else set())
    return {
        name: {**entry}
        for name, entry in found["indexes"].items()
        if not entry["locked"] and (with_indexes or name in own)
    }


def _joined(call: Call, ids: list[str]) -> tuple[int, str] | None:
    """Return size and md5 of the bytes of several nodes, in a thread; None if one is missing and that is a quirk.

    Raises ShockError (400, 401, 423), OSError.
    """
    with closing(connected(call.shock.store)) as connection:
        contents = content.Contents(call.shock, connection)
        found: dict[str, content.Content] = {}
        for id in dict.fromkeys(ids):
            doc = nodes.get(connection, id)
            if doc is None and call.shock.quirks:
                return None
            if doc is None:
                raise ShockError(400, f"The source {id[:100]} of the virtual node is not there.")
            if not call.shock.quirks:
                rights.require(doc, call.caller, rights.READ)
            locks.require_file(doc)
            found[id] = contents.of(doc)
    if sum(found[id].files for id in ids) > _MOST_FILES:
        raise _too_many()
    return _summed(call.shock, [found[id] for id in ids])


def _too_many() -> ShockError:
    return ShockError(400, f"A virtual node may be made of {_MOST_FILES} files, those of its sources counted.")


def _summed(shock: Shock, contents: list[content.Content]) -> tuple[int, str]:
    """Return size and md5 of the bytes of several nodes, in a thread. Raises OSError."""
    digest = hashlib.md5(usedforsecurity=False)
    size = 0
    for one in contents:
        for block in one.blocks():
            if shock.is_over:
                raise ShockError(503, "The server is being stopped.")
            digest.update(block)
            size += len(block)
    return size, digest.hexdigest()


def _chosen(shock: Shock, parent: str, name: str, numbers: BinaryIO, id: str) -> indexing.Built:
    """Make the index files of the subset node `id`, in a thread: where its records are, here and in its parent.

    Raises ShockError (400), OSError.
    """
    path = index_files.path_of(shock.root, parent, name)
    if not path.exists():
        raise ShockError(400, f"The index {name} of the parent has no file.")
    origins = index_files.origins_of(shock.root, id, name)
    with indexing.made(shock, origins) as file:
        count = index_files.write(file, indexing.chosen(path, numbers))
    size = 0

    def here() -> Iterator[tuple[int, int]]:
        nonlocal size
        for origin in index_files.units(origins, 0, count):
            yield size, origin.length
            size += origin.length

    with indexing.made(shock, index_files.path_of(shock.root, id, name)) as file:
        index_files.write(file, here())
    return indexing.Built(count, size)
