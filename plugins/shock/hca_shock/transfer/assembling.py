"""The end of an upload in parts: the server puts them together after it has answered (service contract §5)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from hca_core import log
from hca_core.errors import NetworkError, one_line
from hca_shock.errors import ShockApiError, ShockNodeError
from hca_shock.forms import FilePart, Form

if TYPE_CHECKING:
    from hca_shock.node import Node
    from hca_shock.server import Server

_FIRST_WAIT, _MOST_WAIT = 0.05, 5.0
# After so long without a lock and without a file, the server has lost the work: it was started anew.
_LOST_SECONDS = 10.0


def wait(server: Server, node: Node) -> Node:
    """Wait until the file of a node, whose parts are all there, is put together, and return the node.

    Where the server has failed, or has forgotten about it, it is told once to begin again. Raises ShockNodeError if it
    fails then too.
    """
    again = False
    pause = _FIRST_WAIT
    unlocked_since: float | None = None
    while node.file.md5 is None or node.file.locked:
        failed = node.file.locked.error if node.file.locked else ""
        unlocked_since = None if node.file.locked else unlocked_since or time.monotonic()
        lost = unlocked_since is not None and time.monotonic() - unlocked_since > _LOST_SECONDS
        if (failed or lost) and again:
            raise ShockNodeError(
                f"the server can't put the parts of node {node.id} together: {one_line(failed) or 'it does not end'}",
                hint=f"hca shock rm {node.id}, then put the file again",
            )
        if failed or lost:
            log.logger().info("node %s: %s; the server is told to begin again", node.id, failed or "no file yet")
            _begin_again(server, node)
            again, pause, unlocked_since = True, _FIRST_WAIT, None
        server.session.wait(pause)
        pause = min(pause * 1.5, _MOST_WAIT)
        node = server.node(node.id)
    return node


def _begin_again(server: Server, node: Node) -> None:
    """Let the server put the parts together once more: a part that is none of them makes it look (contract §5)."""
    count = node.parts.count if node.parts else 0
    try:
        if node.file.locked:
            server.call("PUT", "node", node.id, form=Form([("file_unlock", "1")]))
        server.call("PUT", "node", node.id, form=Form((), [FilePart(str(count + 1), "hca-again", b"again")]))
    except (ShockApiError, NetworkError) as error:
        log.logger().debug("node %s: %s", node.id, error.message)
