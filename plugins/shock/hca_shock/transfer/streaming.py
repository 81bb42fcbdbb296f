"""The file of a node as a stream of blocks, in order, compared with its length and MD5 at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hca_core import content
from hca_core.errors import IntegrityError
from hca_shock.transfer import ranges
from hca_shock.transfer.getting import CONNECTIONS, check_ready

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hca_shock.node import Node
    from hca_shock.server import Server


def blocks(server: Server, node: Node) -> Iterator[bytes]:
    """Yield the file of a node; a connection that breaks is made again where it broke.

    Raises ShockError if there is no file, IntegrityError after the last block if what came is not what the node has.
    """
    check_ready(node)
    size = node.file.size
    promise = content.Promise(size, node.file.md5, "md5")
    if node.type == "subset" or node.file.md5 is None:  # these know no seek
        with server.stream("node", node.id, params=[("download_raw", None)]) as answer:
            yield from _counted(ranges.blocks(answer), size, promise, node.id)
        return
    if size == 0:
        return
    stopped = server.session.stopped
    quota = ranges.quota(server)
    digest, got = promise.hasher(), 0
    for block in content.blocks(
        lambda at: ranges.Range(server, node.id, at, size, CONNECTIONS), 0, size, quota, stopped
    ):
        digest.update(block)
        got += len(block)
        yield block
    promise.check(f"node {node.id}", got, digest.hexdigest())


def _counted(found: Iterator[bytes], size: int, promise: content.Promise, node_id: str) -> Iterator[bytes]:
    digest, got = promise.hasher(), 0
    for block in found:
        digest.update(block)
        got += len(block)
        if size and got > size:
            raise IntegrityError(f"node {node_id}: expected {size} bytes, received more")
        yield block
    content.Promise(size or None, promise.digest, "md5").check(f"node {node_id}", got, digest.hexdigest())
