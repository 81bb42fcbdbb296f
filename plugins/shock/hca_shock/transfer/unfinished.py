"""Uploads that broke off: nodes whose file comes in parts and is not there yet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hca_core.errors import HCAError, UsageError, one_line, several
from hca_shock.errors import SomeFailedError
from hca_shock.node import Node
from hca_shock.transfer import claims, marks, sending

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hca_shock.server import Server
    from hca_shock.transfer.marks import Plan

_PAGE = 100


def nodes(server: Server) -> Iterator[Node]:
    """Yield the nodes of unfinished uploads that the user may see, the newest first."""
    offset = 0
    while True:
        # What is complete has a size; so has what is empty, but that came in one request.
        query = [("querynode", None), ("type", "parts"), ("file.size", "0")]
        page = server.call("GET", "node", params=[*query, ("limit", str(_PAGE)), ("offset", str(offset))]) or []
        for raw in page:
            node = Node.parse(raw)
            if node.type == "parts" and not node.file.exists:
                yield node
        if len(page) < _PAGE:
            return
        offset += _PAGE


def plan_of(node: Node) -> Plan | None:
    """Return how the file of an unfinished upload was cut, by the marks of its parts; None if they have none."""
    for part in node.parts.parts if node.parts else ():
        found = marks.of_mark(part.name) if part else None
        if found is not None:
            return found
    return None


def row(node: Node) -> dict[str, Any]:
    """Return what there is to tell of an unfinished upload; `size` in bytes is that of the whole file, if known."""
    plan = plan_of(node)
    wanted = node.parts.count if node.parts else 0
    state = "uploading"
    if node.file.locked:
        state = f"failed: {one_line(node.file.locked.error)}" if node.file.locked.error else "being put together"
    return {
        "id": node.id,
        "name": node.file.name,
        "arrived": sending.arrived(node),
        "parts": wanted or None,
        "size": plan.size if plan else None,
        "created_on": node.raw.get("created_on"),
        "state": state,
    }


def clean(server: Server, ids: Sequence[str], *, dry_run: bool = False) -> tuple[list[dict[str, Any]], HCAError | None]:
    """Delete unfinished uploads: those of `ids`, all that can be seen if there are none.

    What this machine is just sending stays, and without `ids` what the server is just putting together. Returns a row
    on each, and an error if some could not be deleted. Raises UsageError if one of `ids` is none.
    """
    chosen = [server.node(one) for one in ids] or list(nodes(server))
    for node in chosen:
        if node.parts is None or node.file.exists:
            raise UsageError(f"node {node.id} is no unfinished upload", hint="hca shock rm deletes nodes")
    rows, problems = [], []
    for node in chosen:
        with claims.claimed(server.url, node.id) as free:
            being_made = node.file.locked is not None and not node.file.locked.error
            if not free or (being_made and not ids):
                status = "in use"
            elif dry_run:
                status = "would be removed"
            else:
                try:
                    server.call("DELETE", "node", node.id)
                    status = "removed"
                except HCAError as error:
                    status = "failed"
                    problems.append(f"{node.id}: {error.message}")
        rows.append({"id": node.id, "name": node.file.name, "status": status})
    failed = SomeFailedError(several(problems, "some uploads could not be removed")) if problems else None
    return rows, failed
