"""Files of nodes as files of this machine: verified by length and MD5, resumed, renamed into place when right."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hca_core import names, workers
from hca_core.content import Promise
from hca_core.errors import UsageError, one_line
from hca_core.transfer import Settings, Transfer, fetch, is_complete
from hca_shock.errors import ShockLockedError, ShockNodeError
from hca_shock.transfer import ranges
from hca_shock.transfer.source import NodeSource

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from hca_core.progress import Bar
    from hca_shock.node import Node
    from hca_shock.server import Server

DEFAULT_JOBS = 8
CONNECTIONS = 4  # for one large file


@dataclass(frozen=True)
class Got:
    """What became of one node: `status` is fetched, present or failed; `fetched` counts bytes from the network."""

    node: Node
    path: str
    status: str
    fetched: int = 0
    error: Exception | None = None

    def row(self) -> dict[str, Any]:
        """Return it as a row."""
        file = self.node.file
        return {"id": self.node.id, "path": self.path, "size": file.size, "md5": file.md5, "status": self.status}


def looked_up(server: Server, ids: Sequence[str], *, jobs: int = DEFAULT_JOBS) -> list[Node]:
    """Return nodes by their ids, in this order. Raises ShockApiError if there is one that can't be had."""
    found: dict[str, Node] = {}

    def look(node_id: str) -> tuple[str, Node]:
        return node_id, server.node(node_id)

    for node_id, node in workers.side_by_side(ids, look, jobs=jobs, name="look"):
        found[node_id] = node
    return [found[one] for one in ids]


def targets(nodes: Iterable[Node], directory: str, *, by_id: bool = False) -> list[tuple[Node, str]]:
    """Return nodes with the paths below `directory` that they are written to.

    A file is called as at the server, or `by_id` as its node. Names from a server are hostile: one that would lead
    elsewhere is refused. Raises UsageError, also for names that are equal.
    """
    found = [(node, node.id if by_id else node.file.name or node.id) for node in nodes]
    for node, name in found:
        problem = "has a slash" if "/" in name else names.problem(name)
        if problem:
            raise UsageError(f"the file of node {node.id} is called {name!r}, which {problem}", hint=_RENAMED)
    if clashes := names.case_clashes([name for _, name in found]):
        raise UsageError(f"several nodes have a file called {clashes[0]!r}", hint=_RENAMED)
    return [(node, os.path.join(directory, name)) for node, name in found]


_RENAMED = "give --by-id to call files as their nodes, or --to for a single one"


def check_ready(node: Node) -> None:
    """Raise ShockError for a node whose file can't be read: it has none, or that is not complete."""
    if node.file.locked and node.file.locked.error:
        raise ShockNodeError(f"the file of node {node.id} could not be made: {one_line(node.file.locked.error)}")
    if node.file.locked:
        raise locked(node)
    if not node.file.exists and node.type != "subset":
        incomplete = node.parts is not None
        raise ShockNodeError(
            f"node {node.id} has no file" + (": its upload is not finished" if incomplete else ""),
            hint=f"hca shock show {node.id}",
        )


def locked(node: Node) -> ShockLockedError:
    """Return the error for a node whose file is locked: the server works at it, or somebody has locked it."""
    if node.file.md5 is None:
        reason, hint = f"the file of node {node.id} is being put together", f"hca shock wait {node.id}"
    else:
        reason = f"the file of node {node.id} is locked"
        hint = f"hca shock wait {node.id}; if it was locked by hand, hca shock unlock {node.id}"
    return ShockLockedError(reason, 423, reason, hint)


def get(
    server: Server,
    wanted: Sequence[tuple[Node, str]],
    bar: Bar,
    *,
    jobs: int = DEFAULT_JOBS,
    connections: int = CONNECTIONS,
    force: bool = False,
) -> Iterator[Got]:
    """Write the files of nodes to paths and yield what became of each when it is done.

    A file that is there with the right length and MD5 costs no request. Raises UsageError before anything is fetched
    if a path is a file of another content and not `force`, ShockError for a node without a file.
    """
    for node, _ in wanted:
        check_ready(node)
    if not force:
        _check_free(wanted)
    by_path = {path: node for node, path in wanted}
    settings = Settings(
        jobs=max(jobs, connections),
        connections=connections,
        retries=ranges.RETRIES,
        min_delay=ranges.FIRST_WAIT_SECONDS,
    )
    for result in fetch((_transfer(server, node, path) for node, path in wanted), settings, on_bytes=bar):
        node = by_path[result.transfer.target]
        bar.done(result.transfer.size, result.fetched, failed=result.error is not None)
        yield Got(node, result.transfer.target, result.status, result.fetched, result.error)


def _transfer(server: Server, node: Node, path: str) -> Transfer:
    # Without a checksum (the nodes of a subset have none) the length is all there is to compare.
    name = node.file.name or node.id
    if node.type == "subset" or node.file.md5 is None:
        return Transfer(name, path, NodeSource(server, node.id), node.file.size or None)
    return Transfer(name, path, NodeSource(server, node.id, node.file.size), node.file.size, node.file.md5, "md5")


def _check_free(wanted: Sequence[tuple[Node, str]]) -> None:
    taken = [path for node, path in wanted if os.path.lexists(path) and not _may_be(node, path)]
    if taken:
        others = Counter(taken)
        more = f" (and {len(others) - 1} more)" if len(others) > 1 else ""
        raise UsageError(f"{taken[0]} exists and has another content{more}", hint="--force replaces it")


def _may_be(node: Node, path: str) -> bool:
    """Tell whether what is at a path is the file of a node; it is read to know."""
    if node.file.md5 is None:
        return False  # a file of that length may be any
    return os.path.isfile(path) and is_complete(path, Promise(node.file.size, node.file.md5, "md5"))
