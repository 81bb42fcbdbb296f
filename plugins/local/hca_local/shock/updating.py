"""PUT /node/{id}: changes nodes, and takes the parts of files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hca_local.shock import creating, metadata, nodes, parts, rights, sources
from hca_local.shock.calls import ShockError, answer
from hca_local.shock.source import Source

if TYPE_CHECKING:
    from pathlib import Path
    from sqlite3 import Connection

    from starlette.types import ASGIApp

    from hca_local.shock.arriving import Arrived
    from hca_local.shock.calls import Call
    from hca_local.shock.metadata import Edit
    from hca_local.shock.nodes import Doc


async def update(call: Call) -> ASGIApp:
    """Change a node by a form. Raises ShockError, ClientGoneError, OSError."""
    # The real server lets nobody else change the node before the form is there, however long that takes.
    async with call.shock.held(call.ids["id"]):
        return await _update(call)


async def _update(call: Call) -> ASGIApp:
    doc = rights.load(call, rights.WRITE)
    if not creating.is_form(call):
        raise ShockError(400, "err@node_ParseMultipartForm: request Content-Type isn't multipart/form-data")
    form = await call.form()
    if {"expiration", "remove_expiration"} & form.values.keys():
        rights.require(doc, call.caller, rights.DELETE)
    edit = await metadata.edit(call, form)
    source = await sources.of(call, form, doc, is_new=False)
    arrived = form.part_files
    if not arrived:
        return await _changed(call, doc["id"], source, edit)
    call.shock.assemblies.reserve(doc["id"], arrived)
    try:
        return await _changed(call, doc["id"], await _parts(call, doc["id"], arrived), edit)
    except (ShockError, OSError):
        if nodes.get(call.shock.records, doc["id"]) is None:  # it went meanwhile, and its directory maybe before this
            await call.shock.discard(doc["id"], ())
            raise ShockError(404, "Node not found") from None
        raise
    finally:
        call.shock.assemblies.release(doc["id"], arrived)


async def _parts(call: Call, id: str, arrived: dict[int, Arrived]) -> Source:
    """Return the source that parts are; nobody else brings them at the same time. Raises ShockError, OSError."""
    doc = nodes.existing(call.shock.records, id)
    for number in arrived:
        parts.require_place(doc, number, quirks=call.shock.quirks)
    kept = {number: file for number, file in arrived.items() if not parts.is_behind(doc, number)}
    await call.shock.run(_move, call.shock.parts / id, kept)

    def edit(connection: Connection, doc: Doc) -> None:
        for number, file in kept.items():
            parts.require_place(doc, number, quirks=call.shock.quirks)
            parts.add(doc, number, file.name, file.md5, file.size)
        parts.lock_complete(doc)

    return Source(edit)


def _move(directory: Path, files: dict[int, Arrived]) -> None:
    for number, file in files.items():
        file.move_to(directory / str(number))


async def _changed(call: Call, id: str, source: Source | None, edit: Edit) -> ASGIApp:
    """Change a node and return the answer. Raises ShockError, OSError.

    Parameters: `source` gives it a file or parts of one.
    """
    shock = call.shock

    def change(connection: Connection) -> Doc:
        def all_of_it(doc: Doc) -> None:
            if source:
                source.edit(connection, doc)
            edit(doc)

        return nodes.change(connection, id, all_of_it, "attributes", "file", "indexes")

    try:
        doc = await shock.writer.run(change)
    except Exception:
        if source:
            await shock.run(shock.remove_files, source.data)
        raise
    if source and source.done:
        await shock.run(source.done)
    if parts.is_work_left(doc):
        shock.assemblies.advance(id)
    return answer(nodes.shown(doc))
