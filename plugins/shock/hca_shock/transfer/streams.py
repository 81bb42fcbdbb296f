"""Bytes whose number nobody knows before they end: standard input, the output of another program."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from hca_core.errors import HCAError
from hca_shock.forms import FilePart, Form
from hca_shock.node import Node
from hca_shock.transfer import assembling, sending
from hca_shock.transfer.creating import discard, of_no_use
from hca_shock.transfer.reading import Digest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hca_shock.server import Server
    from hca_shock.transfer.description import Description
    from hca_shock.transfer.reading import Compression

PART_SIZE = 32 * 1024 * 1024


def put(
    server: Server,
    stream: BinaryIO,
    description: Description,
    told: Callable[[int], None],
    *,
    compression: Compression | None = None,
    part_size: int = PART_SIZE,
    jobs: int = 2,
) -> Node:
    """Send all that a stream has and return the node.

    What fits into one part of `part_size` bytes goes in one request. More goes in parts, each of which can be sent
    again from memory; the upload as a whole can't be taken up later, so its node is deleted if it fails.
    Raises IntegrityError if the server has got something else.
    """
    digest = Digest(compression)
    first = _read(stream, part_size)
    if len(first) < part_size:
        return _whole(server, first, description, told, digest, compression)
    unpacked = [("compression", compression.name)] if compression else []
    name = [("file_name", description.name)] if description.name else []
    form = Form([("parts", "unknown"), *name, *unpacked, *description.fields()], description.files())
    node_id = Node.parse(server.call("POST", "node", form=form)).id
    try:
        sending.send(server, node_id, _pieces(stream, first, part_size, digest), jobs=jobs, told=told)
        node = _closed(server, node_id)
        node = assembling.wait(server, node)
        digest.check("standard input", node.file.size, node.file.md5)
        return description.completed(server, node)
    except BaseException:
        discard(server, node_id)
        raise


def _whole(
    server: Server,
    data: bytes,
    description: Description,
    told: Callable[[int], None],
    digest: Digest,
    compression: Compression | None,
) -> Node:
    digest.update(data)
    field, suffix = (compression.name, compression.suffix) if compression else ("upload", "")
    upload = FilePart(field, f"{description.name or 'stdin'}{suffix}", data)
    form = Form(description.fields(), [*description.files(), upload])
    node = Node.parse(server.call("POST", "node", form=form))
    told(len(data))
    with of_no_use(server, node.id):
        digest.check("standard input", node.file.size, node.file.md5)
        return description.completed(server, node)


def _pieces(stream: BinaryIO, first: bytes, part_size: int, digest: Digest) -> Iterator[sending.Piece]:
    number, data = 1, first
    while data:
        digest.update(data)
        yield sending.Piece(number, f"hca-stream-{number}", data)
        number, data = number + 1, _read(stream, part_size)


def _closed(server: Server, node_id: str) -> Node:
    """Tell the server that there are no more parts; it may have heard it if the answer is lost."""
    try:
        return Node.parse(server.call("PUT", "node", node_id, form=Form([("parts", "close")])))
    except HCAError:
        node = server.node(node_id)
        if node.file.md5 is None and node.file.locked is None:
            raise
        return node


def _read(stream: BinaryIO, size: int) -> bytes:
    """Return the next `size` bytes of a stream, fewer at its end."""
    found = bytearray()
    while len(found) < size and (block := stream.read(size - len(found))):
        found += block
    return bytes(found)
