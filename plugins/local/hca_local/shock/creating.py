"""POST /node: makes nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hca_local.shock import archives, metadata, nodes, reading, rights, sources, unpacking
from hca_local.shock.calls import answer

if TYPE_CHECKING:
    from sqlite3 import Connection

    from starlette.types import ASGIApp

    from hca_local.shock.calls import Call
    from hca_local.shock.metadata import Edit
    from hca_local.shock.nodes import Doc
    from hca_local.shock.source import Source


async def create(call: Call) -> ASGIApp:
    """Make a node of a form, or of a body that is its file. Raises ShockError, ClientGoneError, OSError."""
    rights.require_login(call, rights.WRITE)
    doc = nodes.new(None if call.caller.anonymous else call.caller.uuid)
    if not is_form(call):
        return await _of_plain_body(call, doc)
    form = await call.form()
    if form.get("unpack_node") is not None:
        return await unpacking.create(call, form)
    if form.get("download_url") is not None:
        return await archives.create(call, form)
    edit = await metadata.edit(call, form)
    source = await sources.of(call, form, doc, is_new=True)
    return await _added(call, doc, source, edit)


def is_form(call: Call) -> bool:
    """Tell whether the body of a request is a multipart form; every other body is a file."""
    return call.headers.get("content-type", "").partition(";")[0].strip().lower() == "multipart/form-data"


async def _of_plain_body(call: Call, doc: Doc) -> ASGIApp:
    file = await reading.plain(call)
    try:
        source = await sources.arrived(call, file) if file.size else None
    finally:
        file.close()
    return await _added(call, doc, source, lambda doc: None)


async def _added(call: Call, doc: Doc, source: Source | None, edit: Edit) -> ASGIApp:
    """Store a new node and return the answer. Raises ShockError."""

    def add(connection: Connection) -> None:
        if source:
            source.edit(connection, doc)
        edit(doc)
        nodes.add(connection, doc)

    try:
        await call.shock.writer.run(add)
    except Exception:
        await call.shock.discard(doc["id"], source.data if source else ())
        raise
    if source and source.done:
        await call.shock.run(source.done)
    return answer(nodes.shown(doc, fresh=True))
