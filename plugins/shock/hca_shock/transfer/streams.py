"""Bytes whose number nobody knows before they end: standard input, the output of another program."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, BinaryIO

from hca_core.errors import HCAError, NetworkError
from hca_shock.dialect import only_shock
from hca_shock.forms import Form
from hca_shock.node import Node
from hca_shock.transfer import assembling, creating, sending
from hca_shock.transfer.reading import Digest, Held

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hca_shock.server import Server
    from hca_shock.transfer.description import Description
    from hca_shock.transfer.reading import Compression

PART_SIZE = 16 * 1024 * 1024
NAME = "stdin"  # what the file is called if nothing else is said
_SOURCE = "standard input"
_TRIES = 6


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
    description.check_at(server)
    first = _read(stream, part_size)
    if len(first) < part_size:
        return creating.of_file(server, Held(_SOURCE, NAME, first, compression), description, told)
    unpacked = [("compression", compression.name)] if compression else []
    description = replace(description, name=description.name or NAME)
    fields = [("parts", "unknown"), ("file_name", description.name or NAME), *unpacked, *description.fields()]
    form = Form(fields, description.files())
    with only_shock(server, creating.WHAT):
        node_id = Node.parse(server.call("POST", "node", form=form)).id
    digest = Digest(compression)
    try:
        sending.send(server, node_id, _pieces(stream, first, part_size, digest), jobs=jobs, told=told)
        digest.check_packed(_SOURCE)
        node = _closed(server, node_id)
        node = assembling.wait(server, node)
        digest.check(_SOURCE, node.file.size, node.file.md5)
        return description.completed(server, node)
    except BaseException:
        creating.discard(server, node_id)
        raise


def _pieces(stream: BinaryIO, first: bytes, part_size: int, digest: Digest) -> Iterator[sending.Piece]:
    number, data = 1, first
    while data:
        digest.update(data)
        yield sending.Piece(number, f"hca-stream-{number}", data)
        number, data = number + 1, _read(stream, part_size)


def _closed(server: Server, node_id: str) -> Node:
    """Tell the server that there are no more parts; it may have heard it if the answer is lost."""
    attempt = 1
    while True:
        try:
            return Node.parse(server.call("PUT", "node", node_id, form=Form([("parts", "close")])))
        except HCAError as error:
            node = server.node(node_id)
            if node.file.exists or node.file.locked:
                return node
            if attempt == _TRIES or not isinstance(error, NetworkError):
                raise
        server.session.wait(server.session.policy.wait(attempt))
        attempt += 1


def _read(stream: BinaryIO, size: int) -> bytes:
    """Return the next `size` bytes of a stream, fewer at its end."""
    found = bytearray()
    while len(found) < size and (block := stream.read(size - len(found))):
        found += block
    return bytes(found)
