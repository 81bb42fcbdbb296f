"""Archives of the files of several nodes, which are downloaded by a pre-authorized URL (contract §6)."""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import aclosing, closing
from typing import TYPE_CHECKING, NamedTuple

from hca_local.search.searcher import connected
from hca_local.shock import compression, content, finding, index_files, names, nodes, permits, rights, sending, times
from hca_local.shock.calls import ShockError, answer
from hca_local.shock.permits import Permit

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from starlette.types import ASGIApp

    from hca_local.shock.calls import Call
    from hca_local.shock.content import Content
    from hca_local.shock.forms import Form
    from hca_local.shock.nodes import Doc
    from hca_local.shock.shock import Shock

_DEFAULT = "zip"


class _Member(NamedTuple):
    """A file that goes into an archive; `md5` is None if the node does not tell."""

    name: str
    content: Content
    md5: str | None
    modified: float


async def link(call: Call, numbers: list[int]) -> ASGIApp:
    """Answer with a URL for the files of nodes that the caller may read: GET /node. Raises ShockError (400)."""
    found = await call.shock.run(finding.files, call.shock.store, numbers)
    return await _linked(call, found, call.first("archive"), call.first("file_name"))


async def create(call: Call, form: Form) -> ASGIApp:
    """Answer with a URL for the files of the nodes that a form lists: POST /node. Raises ShockError (400, 401, 404)."""
    rights.require_login(call, rights.READ)
    ids = list(dict.fromkeys(names.require_all(form.names("ids"), "ids")))
    found = await call.shock.run(_files, call, ids)
    return await _linked(call, found, form.get("archive_format"), form.get("file_name"))


async def send(shock: Shock, permit: Permit) -> ASGIApp:
    """Return the answer that sends an archive. Raises ShockError."""
    assert permit.archive is not None  # noqa: S101 - this is what makes it one
    pieces = sending.gathered(_pieces(shock, permit.nodes, permit.archive))
    return await sending.stream(pieces, name=permit.name, quirks=shock.quirks)


async def index_files_of(call: Call, doc: Doc) -> ASGIApp:
    """Return the answer that sends the index files of a node as a zip archive. Raises ShockError."""
    paths = [
        (name, index_files.path_of(call.shock.root, doc["id"], name))
        for name, entry in doc["indexes"].items()
        if index_files.is_name(name) and not entry["locked"]
    ]
    members = [
        _Member(f"{name}.idx", content.of_file(call.shock, path), None, times.seconds(doc["created_on"]) or 0.0)
        for name, path in paths
        if path.exists()
    ]

    async def pieces() -> AsyncGenerator[bytes, None]:
        archive = compression.Zip()
        for member in members:
            async with aclosing(_one(archive, member, None)) as blocks:
                async for block in blocks:
                    yield block
        yield archive.close()

    name = f"{doc['id']}.idx.zip"
    return await sending.stream(sending.gathered(pieces()), name=name, quirks=call.shock.quirks)


def _files(call: Call, ids: list[str]) -> list[tuple[str, int]]:
    """Return id and size of those of the nodes that have a file, in a thread. Raises ShockError (401, 404)."""
    found = []
    with closing(connected(call.shock.store)) as connection:
        for id in ids:
            doc = nodes.get(connection, id)
            if doc is None:
                raise ShockError(404, f"Node not found: {id}")
            rights.require(doc, call.caller, rights.READ)
            if nodes.has_file(doc) and not doc["file"]["locked"]:
                found.append((id, doc["file"]["size"]))
    return found


async def _linked(call: Call, found: list[tuple[str, int]], format: str | None, name: str | None) -> ASGIApp:
    """Answer with a URL for files, given by id and size. Raises ShockError (400)."""
    if format not in compression.ARCHIVES:
        if format and not call.shock.quirks:
            raise ShockError(400, f"An archive is {' or '.join(compression.ARCHIVES)}, not {format}.")
        format = _DEFAULT
    if not found:
        raise ShockError(400, "None of the nodes has a file that could go into an archive.")
    name = names.require(name or f"nodes.{format}", "file_name")
    # One file alone goes as it is, under the name of the archive.
    is_archive = len(found) > 1
    permit = Permit(tuple(id for id, _ in found), name, archive=format if is_archive else None)
    told = await permits.make(call, permit)
    size = sum(size for _, size in found)
    return answer({**told, "format": format, "filename": name, "files": len(found), "size": size})


async def _pieces(shock: Shock, ids: Sequence[str], format: str) -> AsyncGenerator[bytes, None]:
    """Yield an archive of the files of nodes; those that are gone or locked by now are left out. Raises OSError."""
    archive = compression.archive(format)
    taken = set[str]()
    for id in ids:
        await asyncio.sleep(0)  # small files are read without a pause otherwise
        member = await _member(shock, id, taken)
        if member is None:
            continue
        digest = None if member.md5 else hashlib.md5(usedforsecurity=False)
        async with aclosing(_one(archive, member, digest)) as blocks:
            async for block in blocks:
                yield block
        sum_of = (member.md5 or (digest.hexdigest() if digest else "")).encode()
        if shock.quirks and format == "zip":
            sum_of = b""
        yield archive.begin(f"{member.name}.md5", len(sum_of), member.modified)
        yield archive.write(sum_of) + archive.end()
    yield archive.close()


async def _one(
    archive: compression.Archive, member: _Member, digest: hashlib._Hash | None
) -> AsyncGenerator[bytes, None]:
    """Yield one file as part of an archive; `digest` is fed with its bytes."""
    yield archive.begin(member.name, member.content.size, member.modified)
    async with aclosing(member.content.pieces(0, member.content.size)) as pieces:
        async for piece in pieces:
            if digest:
                digest.update(piece)
            yield archive.write(piece)
    yield archive.end()


async def _member(shock: Shock, id: str, taken: set[str]) -> _Member | None:
    """Return the file of a node under a name that is not `taken` yet; None if it has no file that can be read."""
    doc = nodes.get(shock.records, id)
    if doc is None or doc["file"]["locked"]:
        return None
    try:
        whole = await content.opened(shock, doc)
    except ShockError:
        return None
    name = _unused(compression.plain(names.short(doc["file"]["name"])) or doc["id"], taken)
    taken |= {name, f"{name}.md5"}
    return _Member(name, whole, doc["file"]["checksum"].get("md5"), times.seconds(doc["file"]["created_on"]) or 0.0)


def _unused(name: str, taken: set[str]) -> str:
    """Return `name`, with a number if it or that of its companion is taken."""
    candidate, number = name, 1
    while candidate in taken or f"{candidate}.md5" in taken:
        number += 1
        candidate = f"{name}.{number}"
    return candidate
