"""Nodes are deleted: looked at first, so that a wrong id deletes nothing, and looked for afterwards."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from hca_core.errors import HCAError, UsageError, several
from hca_core.workers import side_by_side
from hca_shock.errors import ShockError, ShockNotFoundError, SomeFailedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hca_shock.node import Node
    from hca_shock.server import Server

_JOBS = 8


@dataclass(frozen=True)
class Deletion:
    """What became of one node: `status` is "deleted", "to be deleted" (a dry run) or "failed", then with an `error`."""

    id: str
    name: str
    size: int
    status: str
    error: str | None = None

    def document(self) -> dict[str, Any]:
        """Return it as a row of a report."""
        return asdict(self)


class DeletionError(SomeFailedError):
    """Some of several nodes could not be deleted; `deletions` has all of them."""

    def __init__(self, deletions: Sequence[Deletion]) -> None:
        failed = [f"{one.id}: {one.error}" for one in deletions if one.status == "failed"]
        super().__init__(several(failed, f"{len(deletions) - len(failed)} of {len(deletions)} nodes are deleted"))
        self.deletions = list(deletions)


def delete(server: Server, ids: Sequence[str], *, dry_run: bool = False) -> list[Deletion]:
    """Delete nodes, in the order of `ids`; with `dry_run` only tell which ones.

    Raises ShockNotFoundError if there is no such node, ShockApiError if one can't be read; then none is deleted.
    Raises the error of the only node, DeletionError if some of several fail.
    """
    wanted = list(dict.fromkeys(ids))
    if not wanted:
        raise UsageError("no node is given")
    nodes = dict(side_by_side(wanted, lambda id: (id, server.node(id)), jobs=_JOBS, name="delete"))
    if dry_run:
        return [_row(nodes[id], "to be deleted") for id in wanted]
    if len(wanted) == 1:
        _delete(server, nodes[wanted[0]])
        return [_row(nodes[wanted[0]], "deleted")]
    # A node that others are put together of can't be deleted before these are.
    done = {}
    for virtual in (True, False):
        group = [nodes[id] for id in wanted if nodes[id].file.virtual is virtual]
        for deletion in side_by_side(group, lambda node: _deleted(server, node), jobs=_JOBS, name="delete"):
            done[deletion.id] = deletion
    deletions = [done[nodes[id].id] for id in wanted]
    if any(one.status == "failed" for one in deletions):
        raise DeletionError(deletions)
    return deletions


def _deleted(server: Server, node: Node) -> Deletion:
    try:
        _delete(server, node)
    except HCAError as error:
        return _row(node, "failed", error.message)
    return _row(node, "deleted")


def _delete(server: Server, node: Node) -> None:
    """Delete a node, and look that it is gone."""
    with server.changing(node.id):
        try:
            server.call("DELETE", "node", node.id)
            server.node(node.id)
        except ShockNotFoundError:
            return  # also where the answer to a first DELETE was lost
    raise ShockError(f"the server says that it has deleted node {node.id}, but still has it", "try again")


def _row(node: Node, status: str, error: str | None = None) -> Deletion:
    return Deletion(node.id, node.file.name, node.file.size, status, error)
