"""Parts on their way to a node: sent side by side from memory, each checked against the server's MD5 of it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, NamedTuple

from hca_core import checksums, log, workers
from hca_core.errors import IntegrityError, NetworkError
from hca_shock.errors import ShockApiError, ShockLockedError, ShockNotFoundError, ShockRefusedError
from hca_shock.forms import FilePart, Form
from hca_shock.node import Node

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from hca_shock.node import Part
    from hca_shock.server import Server

_TRIES = 6


class Piece(NamedTuple):
    """A part that is to be sent: its number (from 1), the file name that goes with it, its bytes."""

    number: int
    name: str
    data: bytes


def send(
    server: Server, node_id: str, pieces: Iterable[Piece], *, jobs: int, told: Callable[[int], None]
) -> Node | None:
    """Send `pieces` to a node and return what it is after the last answer; None if there was nothing to send.

    Parameters: `jobs` are sent side by side, as far as the server lets them: it takes the parts of one node one after
    another (service contract §0.7). At most `jobs` + 1 are in memory. `told` hears how many bytes have arrived.
    Raises IntegrityError if the server has got something else; no part of a node can be sent twice.
    """
    room = threading.BoundedSemaphore(jobs + 1)
    newest: Node | None = None

    def work(piece: Piece) -> Node:
        try:
            return _sent(server, node_id, piece)
        finally:
            room.release()

    def admitted() -> Iterator[Piece]:
        iterator = iter(pieces)
        while True:
            room.acquire()  # before it is read
            piece = next(iterator, None)
            if piece is None:
                return
            told(len(piece.data))
            yield piece

    # Not stopped with the session: a part that fails ends this upload, not others that use the same session.
    for node in workers.side_by_side(admitted(), work, jobs=jobs, name="part"):
        if newest is None or arrived(node) >= arrived(newest):
            newest = node
    return newest


def arrived(node: Node) -> int:
    """Return how many parts of a node have arrived."""
    return sum(part is not None for part in node.parts.parts) if node.parts else 0


def part_of(node: Node, number: int) -> Part | None:
    """Return the part `number` (from 1) of a node if it is there."""
    parts = node.parts.parts if node.parts else ()
    return parts[number - 1] if number <= len(parts) else None


def _sent(server: Server, node_id: str, piece: Piece) -> Node:
    md5 = checksums.md5(piece.data).hex()
    form = Form((), [FilePart(str(piece.number), piece.name, piece.data)])
    attempt = 1
    while True:
        try:
            node = Node.parse(server.call("PUT", "node", node_id, form=form))
        except (ShockRefusedError, ShockNotFoundError):
            raise
        except (NetworkError, ShockApiError) as error:
            # The answer may be lost, not the part: then it is refused the second time.
            node = server.node(node_id)
            if part_of(node, piece.number) is None:
                if attempt == _TRIES or not _is_passing(error):
                    raise
                log.logger().info("%s; sending part %d of node %s again", error.message, piece.number, node_id)
                server.session.wait(server.session.policy.wait(attempt))
                attempt += 1
                continue
        part = part_of(node, piece.number)
        if part is None or part.md5 != md5:
            there = part.md5 if part else "nothing"
            raise IntegrityError(f"part {piece.number} of node {node_id}: sent md5 {md5}, the server has {there}")
        return node


def _is_passing(error: Exception) -> bool:
    """Tell whether the same request may succeed later."""
    # "immutable", and the part is not there: an earlier try, whose connection broke, is still on its way.
    reason = error.reason.lower() if isinstance(error, ShockApiError) else ""
    return isinstance(error, (NetworkError, ShockLockedError)) or "eof" in reason or "immutable" in reason
