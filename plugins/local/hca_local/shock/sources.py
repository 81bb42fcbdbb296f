"""Where the file of a node comes from: at most one of the ways that a form may name."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from hca_local.shock import derived, fetching, local_files, nodes, parts
from hca_local.shock.arriving import new_name
from hca_local.shock.calls import ShockError
from hca_local.shock.source import Source

if TYPE_CHECKING:
    from collections.abc import Callable
    from sqlite3 import Connection

    from hca_local.shock.arriving import Arrived
    from hca_local.shock.calls import Call
    from hca_local.shock.forms import Form
    from hca_local.shock.nodes import Doc

_UPLOADS = ("upload", "gzip", "bzip2")


async def of(call: Call, form: Form, doc: Doc, *, is_new: bool) -> Source | None:
    """Return the source of the file that a form gives to the node `doc`, None if it gives none.

    Raises ShockError: two sources, none that may be used, or one that can't be read; ClientGoneError, OSError.
    """
    named = _named(call, form, is_new=is_new)
    if len(named) > 1:
        if set(named) <= {*_UPLOADS}:
            raise ShockError(400, "only one upload file allowed")
        raise ShockError(400, f"{' and '.join(named)} are incompatible: the file of a node has one source.")
    if not named:
        return None
    if nodes.has_file(doc):
        raise ShockError(400, "Node file immutable")
    (name,) = named
    if name == "parts":
        return _parts(form, is_new=is_new)
    if doc["type"] == "parts":
        raise ShockError(400, f"The file of this node comes in parts: {name} is incompatible with that.")
    if name in _UPLOADS:
        return await arrived(call, form.files[name], _without_suffix if name != "upload" else str)
    if name == "upload_url":
        return await _fetched(call, form.values["upload_url"])
    if name == "path":
        return await local_files.source(call, form.values["path"], form.get("action"))
    if name == "virtual":
        return await derived.virtual(call, form.names("source"))
    if name == "subset":
        return await derived.subset(call, form, doc)
    return await derived.copied(call, form, doc, name)


def _named(call: Call, form: Form, *, is_new: bool) -> list[str]:
    """Return the sources that a form names; a copy by its md5 counts if there is something to copy."""
    named = [name for name in _UPLOADS if name in form.files]
    named += [name for name in ("upload_url", "path", "parts", "copy_data") if form.get(name) is not None]
    if form.part_files and (is_new or named):
        named.append("parts of a file")
        if named == ["parts of a file"]:
            raise ShockError(400, "Parts are incompatible with the creation of a node: create it with 'parts' first.")
    if form.get("type") == "virtual":
        named.append("virtual")
    if "subset_indices" in form.files or {"parent_node", "parent_index"} & form.values.keys():
        named.append("subset")
    if form.get("checksum-md5") is not None and derived.find(call, form.values["checksum-md5"]):
        named.append("checksum-md5")
    return named


async def arrived(call: Call, file: Arrived, rename: Callable[[str], str] = str) -> Source:
    """Return the source that an arrived file is; it is on disk then. Raises OSError.

    Parameters: `rename` makes the name of the node's file of that which it came with.
    """
    data = await call.shock.run(file.keep, call.shock)

    def edit(connection: Connection, doc: Doc) -> None:
        nodes.set_file(doc, rename(file.name), file.size, file.md5)
        nodes.add_size_index(doc)
        doc["data"] = data

    return Source(edit, (data,))


async def _fetched(call: Call, url: str) -> Source:
    """Return the source that a file from elsewhere is. Raises ShockError (400), OSError."""
    # It may be that of a file of this very server, which needs its own threads to send that.
    file = await call.shock.away.fetch(fetching.fetched, call.shock, url, time.monotonic() + fetching.MOST_SECONDS)
    try:
        return await arrived(call, file)
    finally:
        file.close()


def _parts(form: Form, *, is_new: bool) -> Source:
    """Return the source that parts are: those to come, or those that have come. Raises ShockError (400)."""
    count = form.values["parts"]
    if count == parts.CLOSE:
        return Source(lambda connection, doc: parts.close(doc))
    if not is_new:
        raise ShockError(400, "parts can be announced only when a node is created.")
    name = new_name()
    return Source(lambda connection, doc: parts.begin(doc, count, form.get("compression"), name))


def _without_suffix(name: str) -> str:
    return name.rpartition(".")[0] or name
