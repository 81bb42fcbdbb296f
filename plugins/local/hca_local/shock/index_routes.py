"""/node/{id}/index/{type}: builds, uploads, shows and removes the indexes of a node (contract §9).

A build is claimed by a lock in the node's document, in one transaction; so of two at once one goes on, and neither
overwrites what the other has made of the document. With quirks the document is read before and stored whole after, as
the real server does.
"""

from __future__ import annotations

import asyncio
import re
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from hca_local.shock import bam, index_files, indexing, locks, nodes, rights, times
from hca_local.shock.calls import DroppedError, Route, ShockError, answer
from hca_local.shock.indexing import BAM, COLUMN, SIZE, SUBSET, Built
from hca_local.shock.sequences import MalformedError

if TYPE_CHECKING:
    from collections.abc import Callable
    from sqlite3 import Connection

    from starlette.types import ASGIApp

    from hca_local.shock.calls import Call
    from hca_local.shock.nodes import Doc
    from hca_local.shock.shock import Shock

_NUMBER = re.compile(r"[1-9]\d{0,8}", re.ASCII)
_COUNT = re.compile(r"\d{1,18}", re.ASCII)
_COLUMN_NAME = re.compile(r"column\d+", re.ASCII)
_FORMATS = ("array", "matrix")
_UNKNOWN = "Invalid index type , invalid combination"
# As long another may change a document that this server, as the real one, stores whole afterwards.
_WINDOW_SECONDS = 0.05


class _Wanted(NamedTuple):
    """An index that is to be made: its name, and the number of the column if it is one of a column."""

    name: str
    column: int = 0
    force: bool = False


async def get(call: Call) -> ASGIApp:
    """Show an index. Raises ShockError (400, 401, 404)."""
    doc = rights.load(call, rights.READ, public=not call.shock.quirks)
    name = call.ids["type"]
    shown = nodes.shown(doc)["indexes"]
    if name not in shown:
        raise _missing(doc, name)
    return answer({name: shown[name]})


async def put(call: Call) -> ASGIApp:
    """Make an index, behind the answer where that is not the file of an upload. Raises ShockError."""
    doc = rights.load(call, rights.WRITE, public=not call.shock.quirks)
    type = call.ids["type"]
    if type == SIZE:
        return await _put_size(call, doc)
    if call.has("upload"):
        return await _put_uploaded(call, doc)
    if type == SUBSET:
        return await _put_subset(call, doc)
    wanted = _wanted(call, type)
    if type == BAM:
        bam.require(doc)
    claimed = await _claim(call.shock, doc["id"], wanted)
    if type == COLUMN and call.shock.quirks:
        call.shock.log.line(f"crash: the real server ends here, at the index {wanted.name} of the node {doc['id']}")
        raise DroppedError
    call.shock.later(_build(call.shock, claimed, wanted))
    return answer(None)


async def delete(call: Call) -> ASGIApp:
    """Remove an index. Raises ShockError (400, 401, 404, 423, 500)."""
    shock, name = call.shock, call.ids["type"]
    doc = rights.load(call, rights.WRITE, public=not shock.quirks)
    path = index_files.bam_path(shock.root, doc["id"])
    if name != BAM:
        path = index_files.path_of(shock.root, doc["id"], name)

    def edit(doc: Doc) -> None:
        if name not in doc["indexes"]:
            raise _missing(doc, name)
        _require_not_own(doc, name)
        lock = locks.index(doc, name)
        if shock.quirks and (name == SIZE or (lock and lock["error"])):
            raise ShockError(500, f"err@node_Index: (node.DeleteIndex) no file of the index {name}")
        if lock and not lock["error"]:
            locks.require_index(doc, name)
        del doc["indexes"][name]

    async with shock.held(doc["id"]):
        await shock.writer.run(lambda connection: nodes.change(connection, doc["id"], edit, "indexes"))
    if index_files.is_name(name):
        await shock.run(lambda: path.unlink(missing_ok=True))
    return answer(None)


async def _put_size(call: Call, doc: Doc) -> ASGIApp:
    """Note the index of pieces of equal size, which needs no building."""
    locks.require_file(doc)
    if not nodes.has_file(doc):
        raise ShockError(400, "Node has no file")
    if SIZE not in doc["indexes"]:
        await call.shock.writer.run(
            lambda connection: nodes.change(connection, doc["id"], nodes.add_size_index, "indexes")
        )
    return answer(None)


async def _put_subset(call: Call, doc: Doc) -> ASGIApp:
    """Make an index of some units of another one. Raises ShockError."""
    shock = call.shock
    if shock.quirks:
        # The real server reads the form when it is gone.
        failed = _Wanted(SUBSET)
        claimed = await _claim(shock, doc["id"], failed)
        shock.later(_fail(shock, claimed, failed, "request Content-Type isn't multipart/form-data"))
        return answer(None)
    form = await call.form()
    name, parent, numbers = form.get("index_name"), form.get("parent_index"), form.files.get("subset_indices")
    if not (name and parent and numbers):
        raise ShockError(400, "Index type subset requires index_name, parent_index and the file subset_indices.")
    _require_free_name(name)
    wanted = _Wanted(name, force=call.has("force_rebuild"))
    claimed = await _claim(shock, doc["id"], wanted)

    def make() -> Built:
        with numbers.open() as lines:
            return indexing.subset_index(shock, claimed, parent, lines, name)

    await _make_now(shock, claimed, wanted, make, {"kind": SUBSET})
    return answer(None)


async def _put_uploaded(call: Call, doc: Doc) -> ASGIApp:
    """Take an index that comes as a file. Raises ShockError."""
    shock, name = call.shock, call.ids["type"]
    if name not in indexing.FINDERS:
        _require_free_name(name)
    format = call.first("indexFormat") or _FORMATS[0]
    if format not in _FORMATS:
        raise ShockError(400, f"indexFormat is {' or '.join(_FORMATS)}.")
    average, total = _count(call, "avgUnitSize"), _count(call, "totalUnits")
    file = (await call.form()).files.get("upload")
    if file is None:
        raise ShockError(400, "The upload of an index needs the index as the file 'upload' of a form.")
    wanted = _Wanted(name, force=call.has("force_rebuild"))
    claimed = await _claim(shock, doc["id"], wanted)

    def make() -> Built:
        with file.open() as source:
            built = indexing.uploaded(shock, claimed, name, source, None if shock.quirks else total)
        # The real server does not count.
        return Built(total or 0, built.size) if shock.quirks else built

    told: dict[str, Any] = {} if average is None else {"average_unit_size": average}
    changed = await _make_now(shock, claimed, wanted, make, told)
    return answer(nodes.shown(changed)["indexes"][name])


def _wanted(call: Call, type: str) -> _Wanted:
    """Return which index a request wants to be built from the bytes. Raises ShockError (400)."""
    force = call.has("force_rebuild")
    if type == COLUMN:
        number = call.first("number") or ""
        if not _NUMBER.fullmatch(number):
            raise ShockError(400, "Index type column requires a number parameter in the url, an integer from 1 on.")
        return _Wanted(f"{COLUMN}{number}", int(number), force)
    if type not in indexing.FINDERS and type != BAM:
        raise ShockError(400, _UNKNOWN)
    return _Wanted(type, force=force)


async def _claim(shock: Shock, id: str, wanted: _Wanted) -> Doc:
    """Lock an index that is to be made, and return the node. Raises ShockError (400, 404, 423)."""

    def edit(doc: Doc) -> None:
        locks.require_file(doc)
        if not nodes.has_file(doc):
            raise ShockError(400, "Node has no file")
        _require_not_own(doc, wanted.name)
        lock = locks.index(doc, wanted.name)
        has_failed = bool(lock and lock["error"]) and not shock.quirks
        if not has_failed:
            locks.require_index(doc, wanted.name)
            if wanted.name in doc["indexes"] and not wanted.force:
                raise ShockError(400, f"The node has an index {wanted.name} already; force_rebuild=1 replaces it.")
        locks.lock_index(doc, wanted.name)

    async with shock.held(id):
        return await shock.writer.run(lambda connection: nodes.change(connection, id, edit))


async def _build(shock: Shock, doc: Doc, wanted: _Wanted) -> None:
    """Build an index from the bytes of a node; what goes wrong is told in its lock."""
    try:
        if wanted.name == BAM:
            await bam.build(shock, doc)
            built = Built(0, 0)
        else:
            find = indexing.finder(wanted.name, wanted.column)
            built = await shock.run(indexing.from_bytes, shock, doc, wanted.name, find)
        await _finish(shock, doc, wanted, indexing.entry(built))
    except (ShockError, MalformedError, OSError) as error:
        await _fail(shock, doc, wanted, str(error))


async def _make_now(shock: Shock, doc: Doc, wanted: _Wanted, make: Callable[[], Built], told: dict[str, Any]) -> Doc:
    """Make an index before the answer, and return the node; what goes wrong leaves it as it was. Raises ShockError."""
    try:
        built = await shock.run(make)
    except BaseException:
        await _change(shock, doc, partial(locks.unlock_index, name=wanted.name))
        raise
    return await _finish(shock, doc, wanted, {**indexing.entry(built), **told})


async def _finish(shock: Shock, doc: Doc, wanted: _Wanted, entry: dict[str, Any]) -> Doc:
    """Note an index that is there now, and return the node. Raises ShockError (404)."""
    if shock.quirks:
        return await _overwrite(shock, doc, wanted, entry)

    def edit(doc: Doc) -> None:
        doc["indexes"][wanted.name] = entry

    changed = await _change(shock, doc, edit, "indexes")
    if changed is None:
        raise ShockError(404, "Node not found")
    return changed


async def _overwrite(shock: Shock, doc: Doc, wanted: _Wanted, entry: dict[str, Any]) -> Doc:
    """Store a node as it was when the index was begun, with the index: what others have changed is lost.

    Raises ShockError (404).
    """
    await asyncio.sleep(_WINDOW_SECONDS)
    for name, other in doc["indexes"].items():
        if other["created_on"] == times.UNSET and name != wanted.name:
            other["locked"] = None  # locks are not in the documents of the real server
    doc["indexes"][wanted.name] = entry
    await shock.writer.run(lambda connection: nodes.save(connection, doc, "indexes"))
    return doc


async def _fail(shock: Shock, doc: Doc, wanted: _Wanted, error: str) -> None:
    """Keep an index locked and tell why."""
    await _change(shock, doc, lambda doc: locks.fail_index(doc, wanted.name, error))


async def _change(shock: Shock, doc: Doc, edit: Callable[[Doc], None], *parts: str) -> Doc | None:
    """Change a node and return it; None if it is gone by now, and so is what was made for it since."""

    def change(connection: Connection) -> Doc | None:
        if nodes.get(connection, doc["id"]) is None:
            return None
        return nodes.change(connection, doc["id"], edit, *parts)

    changed = await shock.writer.run(change)
    if changed is None:
        await shock.run(index_files.remove_all, shock.root, doc["id"])
    return changed


def _require_free_name(name: str) -> None:
    """Raise ShockError (400) if `name` is no name, or that of an index which is built otherwise."""
    if name in (*indexing.FINDERS, BAM, SIZE, SUBSET, COLUMN) or _COLUMN_NAME.fullmatch(name):
        raise ShockError(400, f"{name} is a reserved index name.")
    if not index_files.is_name(name):
        raise ShockError(400, "The name of an index has letters, digits, '_', '-' and '.', at most 100.")


def _require_not_own(doc: Doc, name: str) -> None:
    """Raise ShockError (400) if the index is what a subset node is read with."""
    if doc["subset"] and doc["subset"]["index"] == name:
        raise ShockError(400, f"The index {name} tells which records this subset node has; it stays as it is.")


def _count(call: Call, key: str) -> int | None:
    """Return a number of the query, None if it is not there. Raises ShockError (400)."""
    value = call.first(key)
    if value is None:
        return None
    if not _COUNT.fullmatch(value):
        raise ShockError(400, f"{key} is not a whole number.")
    return int(value)


def _missing(doc: Doc, name: str) -> ShockError:
    return ShockError(400, f"Node {doc['id']} does not have index of type {name}.")


ROUTES = (
    Route("GET", "/node/{id}/index/{type}", get),
    Route("PUT", "/node/{id}/index/{type}", put),
    Route("DELETE", "/node/{id}/index/{type}", delete),
)
