"""What can be changed at a node besides its attributes: name, tags, links, expiry, priority, format; and its end.

The server may keep a value that is shorter than the one it was sent, and say 200 (service contract §0.1). So what it
answers is compared with what was asked, sent once more if it differs, and an error only then.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from hca_core import log
from hca_core.errors import NetworkError, UsageError
from hca_shock.dialect import only_shock
from hca_shock.errors import ShockApiError
from hca_shock.forms import MOST_VALUES, Form, fits
from hca_shock.metadata import deletion, lifetimes
from hca_shock.metadata.errors import DamagedError
from hca_shock.node import Link, Node

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import timedelta

    from hca_shock.metadata.deletion import Deletion
    from hca_shock.server import Server


class Edits:
    """Changes of the nodes of a server.

        shock.edits.rename(id, "reads.fastq")
        shock.edits.expire(id, "30D")

    Each returns the node as it is then. They raise UsageError for what the server can't take, DamagedError (an
    IntegrityError) if it keeps something else than it was sent twice.
    """

    def __init__(self, server: Server) -> None:
        self._server = server

    def rename(self, id: str, name: str) -> Node:
        """Give the file of a node another name."""
        return self._put(id, "the name", [("file_name", name)], lambda node: node.file.name == name)

    def tag(self, id: str, *tags: str) -> Node:
        """Add tags to a node; the server has no way to take one away again.

        Tags that the node has already are not sent. One must not hold a comma, at which the server would end it.
        """
        _check_items("tag", tags)
        with self._server.changing(id):
            node = self._server.node(id)
            before = set(node.tags)
            for batch in _batches([one for one in dict.fromkeys(tags) if one not in before]):
                node = self._tagged(id, batch)
        new = set(node.tags) - before - set(tags)
        _tell_damaged(id, "tags", sorted(one for one in new if any(tag.startswith(one) for tag in tags)))
        return node

    def link(self, id: str, relation: str, ids: Sequence[str], operation: str | None = None) -> Node:
        """Tell a relation of a node to others ("parent", "derived"), and the `operation` that it comes from.

        Links can be added only; there is one "parent" at most. One that the node has already is not sent. The server
        does not look whether there are such nodes.
        """
        _check_items("id of a node", ids)
        fixed = [("linkage", relation), *([("operation", operation)] if operation else [])]
        wanted = [Link(relation, tuple(batch), operation or "") for batch in _batches(ids, fixed)]
        if relation == "parent" and len(wanted) > 1:
            raise UsageError(f"{len(ids)} parents are more than one request can hold, and there is one such link only")
        with self._server.changing(id):
            node = self._server.node(id)
            before = node.linkage
            for one in wanted:
                if one not in before:
                    node = self._put(id, "the link", [*fixed, ("ids", ",".join(one.ids))], partial(_has_link, one))
        new = [
            one for one in node.linkage if one not in before and one not in wanted and relation.startswith(one.relation)
        ]
        _tell_damaged(id, "links", [f"{one.relation} {','.join(one.ids)}" for one in new])
        return node

    def expire(self, id: str, lifetime: str | timedelta) -> Node:
        """Let a node end after a `lifetime` from now: "90M" (minutes), "12H", "30D", or a timedelta in minutes."""
        words = lifetimes.in_server_words(lifetime)
        return self._put(id, "the expiry", [("expiration", words)], lambda node: node.expiration is not None)

    def keep(self, id: str) -> Node:
        """Let a node never expire."""
        return self._put(id, "the expiry", [("remove_expiration", "1")], lambda node: node.expiration is None)

    def priority(self, id: str, priority: int) -> Node:
        """Set the priority of a node, a whole number; it may be negative."""
        return self._put(id, "the priority", [("priority", str(priority))], lambda node: node.priority == priority)

    def set_format(self, id: str, name: str) -> Node:
        """Tell the format of a node's file ("fastq"). The server takes that once: it can't be changed later."""
        node = self._server.node(id)
        if name and node.file.format == name:
            return node
        return self._put(id, "the format", [("format", name)], lambda node: node.file.format == name)

    def lock_file(self, id: str) -> Node:
        """Keep everybody from reading the file of a node until it is unlocked or the server starts anew."""
        return self._put(id, "the lock", [("file_lock", "1")], lambda node: node.file.locked is not None)

    def unlock_file(self, id: str) -> Node:
        """Take the lock of a file away, that of an assembly that failed too."""
        return self._put(id, "the lock", [("file_unlock", "1")], lambda node: node.file.locked is None)

    def delete(self, *ids: str, dry_run: bool = False) -> list[Deletion]:
        """Delete nodes, for good; with `dry_run` only tell which ones, with their names and sizes.

        All of them are looked at first. Raises ShockNotFoundError if there is no such node, ShockApiError if one can't
        be read; then none is deleted. Raises the error of the only node, DeletionError if some of several fail.
        """
        return deletion.delete(self._server, ids, dry_run=dry_run)

    def _tagged(self, id: str, batch: list[str]) -> Node:
        """Add tags that fit into one request; those that arrive damaged are sent once more, each alone."""
        form = Form([("tags", ",".join(batch))])
        node = self._sent(id, form, lambda node: set(batch) <= set(node.tags))
        for one in [one for one in batch if one not in node.tags]:
            node = self._put(id, f"the tag {one!r}", [("tags", one)], partial(_has_tag, one))
        return node

    def _put(self, id: str, what: str, fields: list[tuple[str, str]], is_kept: Callable[[Node], bool]) -> Node:
        """Send values, and once more if the answer has not kept them. Raises DamagedError if it has not then either."""
        form = Form(fields)
        with self._server.changing(id):
            node = self._sent(id, form, is_kept)
            if is_kept(node):
                return node
            log.logger().debug("node %s: the server has not kept %s, it is sent again", id, what)
            try:
                node = self._sent(id, form, is_kept)
            except ShockApiError as error:
                raise _damaged(id, what, fields) from error
        if not is_kept(node):
            raise _damaged(id, what, fields)
        return node

    def _sent(self, id: str, form: Form, is_kept: Callable[[Node], bool]) -> Node:
        """Send a form and return the node of the answer; where that is lost, the node if it has kept the values."""
        with only_shock(self._server, "tags, links and other properties of nodes that can be changed"):
            try:
                return Node.parse(self._server.call("PUT", "node", id, form=form))
            except NetworkError:
                node = self._server.node(id)
                if not is_kept(node):
                    raise
                return node


def _has_tag(tag: str, node: Node) -> bool:
    return tag in node.tags


def _has_link(link: Link, node: Node) -> bool:
    return link in node.linkage


def _tell_damaged(id: str, what: str, strays: list[str]) -> None:
    """Warn of what the server has made of a value that it damaged; it can't be taken away."""
    if strays:
        log.logger().warning(
            "the server has damaged what it was sent: node %s has also the %s %s now", id, what, strays
        )


def _damaged(id: str, what: str, fields: list[tuple[str, str]]) -> DamagedError:
    sent = ", ".join(f"{name}={value!r}" for name, value in fields)
    return DamagedError(
        f"the server has not kept {what} of node {id} as it was sent ({sent})",
        "look at the node: hca shock show ID",
    )


def _check_items(what: str, items: Sequence[str]) -> None:
    """Raise UsageError for a list that the server would read as another one: it splits it at commas."""
    if not items:
        raise UsageError(f"no {what} is given")
    for item in items:
        if not item.strip() or "," in item:
            raise UsageError(f"{item!r} can't be a {what}: it must not be empty or hold a comma")
        if not fits([("", item)]):
            raise UsageError(f"a {what} of more than {MOST_VALUES} bytes can't be sent: {item[:40]!r}...")


def _batches(items: Sequence[str], fixed: Sequence[tuple[str, str]] = ()) -> Iterator[list[str]]:
    """Yield `items` in groups, each of which fits into one request together with the `fixed` values."""
    batch: list[str] = []
    for item in items:
        if batch and not fits([*fixed, ("", ",".join([*batch, item]))]):
            yield batch
            batch = []
        batch.append(item)
    if batch:
        yield batch
