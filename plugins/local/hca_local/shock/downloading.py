"""GET /node/{id} with a wish for more than the document: the file, a part of it, a URL for it (contract §6)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hca_local.shock import (
    bam,
    compression,
    content,
    filters,
    indexing,
    locks,
    names,
    nodes,
    permits,
    sending,
    slicing,
    times,
)
from hca_local.shock.archives import index_files_of
from hca_local.shock.calls import ShockError, answer
from hca_local.shock.pushing import push

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from starlette.types import ASGIApp

    from hca_local.shock.calls import Call
    from hca_local.shock.nodes import Doc
    from hca_local.shock.shock import Shock
    from hca_local.shock.slicing import Slice


@dataclass(frozen=True)
class Manner:
    """How a file is sent: under which name, through which filter, compressed how."""

    name: str
    filter: str | None = None
    compression: str | None = None

    @property
    def sent_name(self) -> str:
        """The name with the suffix of what it is sent as."""
        return f"{self.name}.{self.compression}" if self.compression else self.name


async def get(call: Call, doc: Doc) -> ASGIApp:
    """Answer a request about a node that its caller may read. Raises ShockError."""
    if call.has("download") or call.has("download_raw"):
        return await _download(call, doc)
    if call.has("download_url"):
        require_file(doc)
        manner = _manner(call, doc)
        told = await permits.make(call, permits.Permit((doc["id"],), manner.name, manner.filter, manner.compression))
        return answer(
            {
                **told,
                "format": manner.compression or "",
                "filename": manner.sent_name,
                "files": 1,
                "size": doc["file"]["size"],
            }
        )
    if call.has("download_post"):
        return await push(call, doc)
    return await index_files_of(call, doc)


async def send(
    shock: Shock, doc: Doc, manner: Manner, wanted: Slice | None = None, *, is_attachment: bool = True
) -> ASGIApp:
    """Return the answer that sends the file of a node, or the part of it that is `wanted`. Raises ShockError."""
    require_file(doc)
    wanted = wanted or slicing.whole(doc["file"]["size"])
    whole = await content.opened(shock, doc)
    pieces = whole.pieces_of(wanted.ranges(), wanted.size)
    size: int | None = wanted.size
    if manner.filter:
        pieces = filters.applied(shock, manner.filter, pieces, is_slice=not wanted.is_whole)
        size = None
    return await _packed(shock, doc, manner, pieces, size, is_attachment=is_attachment)


def require_file(doc: Doc) -> None:
    """Raise ShockError (400, 423) unless a node has a file that may be read now."""
    locks.require_file(doc)
    if not nodes.has_file(doc):
        raise ShockError(400, "Node has no file")


async def _packed(
    shock: Shock,
    doc: Doc,
    manner: Manner,
    pieces: AsyncGenerator[bytes, None],
    size: int | None,
    *,
    is_attachment: bool,
) -> ASGIApp:
    """Return the answer that sends `pieces`, `size` bytes if that is known, compressed if that is wanted."""
    if manner.compression:
        modified = times.seconds(doc["file"]["created_on"]) or 0.0
        pieces = compression.compressed(shock, manner.compression, pieces, manner.name, size, modified)
        size = None
    name = manner.sent_name if is_attachment else None
    return await sending.stream(pieces, size=size, name=name, quirks=shock.quirks)


async def _download(call: Call, doc: Doc) -> ASGIApp:
    require_file(doc)
    manner = _manner(call, doc)
    is_attachment = not call.has("download_raw")
    is_range = call.has("seek") or call.has("length")
    if call.first("index") == indexing.BAM and not is_range:
        return await _packed(call.shock, doc, manner, bam.view(call, doc), None, is_attachment=is_attachment)
    wanted = await slicing.asked(call, doc)
    return await send(call.shock, doc, manner, wanted, is_attachment=is_attachment)


def _manner(call: Call, doc: Doc) -> Manner:
    """Return how the query wants a file sent; a filter or compression that nobody knows is none."""
    name = names.require(call.first("file_name") or "", "file_name")
    name = name or names.short(doc["file"]["name"]) or doc["id"]
    wanted, packed = call.first("filter"), call.first("compression")
    return Manner(
        name,
        wanted if wanted in filters.NAMES else None,
        packed if packed in compression.NAMES else None,
    )
