"""Queries: nodes that conditions name, all pages of them, in constant memory."""

from __future__ import annotations

import json
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from hca_core import log
from hca_core.errors import UsageError
from hca_shock.errors import ShockError
from hca_shock.node import Node
from hca_shock.query.asking import Query
from hca_shock.query.choosing import chosen
from hca_shock.query.fields import named

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from hca_shock.server import Server

    Where = Query | str | Iterable[str]
    Ask = list[tuple[str, str | None]]

# Nodes a request: attributes of 100 KB are nothing unusual, and a page is held whole.
PAGE = 500
# Ids that are remembered while nodes come and go between two pages.
_REMEMBERED = 20 * PAGE
# Pages one after the other that bring nothing new, for which nodes that come and go may be the reason.
_MOST_STALE = 10
_WHEN_MADE = "created_on"


class Queries:
    """Finds nodes on a server.

        for node in queries.nodes(["project=P1", "size>1M"]):
            found.append(node.file.name)

    Conditions are words as of the command line (hca_shock.query.expressions), one text or several, or a Query.
    """

    def __init__(self, server: Server) -> None:
        self._server = server

    def nodes(
        self,
        where: Where = (),
        *,
        limit: int | None = None,
        offset: int = 0,
        order: str | None = None,
        descending: bool = False,
    ) -> Iterator[Node]:
        """Yield the nodes that `where` names and the caller may see, fetched as they are needed.

        Parameters: `limit` is the most to yield, `offset` how many to leave out before; `order` names a field as
        conditions do, created_on by default. Nodes that are made or removed meanwhile may be among them or not, but all
        others are, each once. Raises UsageError before anything is sent, ShockError if the server sends the same nodes
        again and again, ShockApiError, NetworkError.
        """
        if (limit is not None and limit < 0) or offset < 0:
            raise UsageError("limit and offset can't be negative")
        query = _query(where)
        by = named(order).path if order else _WHEN_MADE
        return self._nodes(query, limit, offset, by, descending)

    def count(self, where: Where = ()) -> int:
        """Return how many nodes `where` names that the caller may see. Raises as `nodes` does."""
        query = _query(where)
        if query.tests:
            return sum(1 for _ in self.nodes(query))
        # Not limit=0, for which the server sends all of them.
        return int(self._page(query, [("limit", "1")])[1])

    def distinct(self, attribute: str, where: Where = ()) -> list[Any]:
        """Return the values that an attribute has in nodes that `where` names, sorted; those of lists one by one.

        The server is asked if it keeps them; else they are collected here from the nodes. Raises as `nodes` does.
        """
        field = named(attribute if attribute.startswith("attributes.") else f"attributes.{attribute}")
        name = field.path.removeprefix("attributes.")
        query = _query(where)
        if not query.tests and name in (self._server.resource().get("attribute_indexes") or ()):
            params: Ask = [("querynode", None), *query.params, ("distinct", name)]
            found = self._server.call("GET", "node", params=params) or []
        else:
            log.logger().info("the server keeps no list of the values of %s; they are collected from the nodes", name)
            existing = Query((*query.params, (field.path, "")), query.tests, query.notes)
            found = [
                value
                for node in self.nodes(existing)
                for value in field.values(node.raw)
                if not isinstance(value, list)
            ]
        return _distinct(found)

    def _nodes(self, query: Query, limit: int | None, offset: int, by: str, descending: bool) -> Iterator[Node]:
        for note in query.notes:
            log.logger().info(note)
        if limit == 0:
            return
        # What is compared here is counted here.
        skipped = offset if query.tests else 0
        page = PAGE if limit is None or query.tests else min(PAGE, limit)
        start = 0 if query.tests else offset
        if by == _WHEN_MADE and not descending and not start:
            nodes = self._by_time(query, page)
        else:
            nodes = self._by_place(query, page, start, by, descending)
        count = 0
        for node in nodes:
            if not query.holds(node.raw):
                continue
            if skipped:
                skipped -= 1
                continue
            yield node
            count += 1
            if count == limit:
                return

    def _by_time(self, query: Query, page: int) -> Iterator[Node]:
        """Yield nodes in the order in which they were made: each page begins at the second of the last node.

        A place in a list would move when a node before it is removed; a time does not. It ends when as many nodes have
        come as there were in the beginning: somebody may make nodes faster than they are listed.
        """
        since: datetime | None = None
        place = 0
        most: int | None = None
        known: set[str] = set()  # the nodes of that second
        while True:
            asked = query
            if since is not None:
                range_ = f"[{since.isoformat()};9999-12-31T00:00:00+00:00]"
                asked = Query((*query.params, (_WHEN_MADE, range_)))
            nodes, total = self._page(asked, _paging(page, place, _WHEN_MADE, descending=False))
            most = total if most is None else most
            fresh = [node for node in nodes if node.id not in known and not _is_before(node, since)]
            for node in fresh[:most]:
                most -= 1
                yield node
            if nodes and not fresh and place:  # the first page since that second may be the one before
                raise _same_again()
            place += len(nodes)
            if not nodes or place >= total or most <= 0:
                return
            last = nodes[-1].created_on
            second = last and last.replace(microsecond=0)
            if second is not None and (since is None or second > since):
                since, place = second, 0
                known = set()
            known.update(node.id for node in nodes if not since or not node.created_on or node.created_on >= since)

    def _by_place(self, query: Query, page: int, place: int, by: str, descending: bool) -> Iterator[Node]:
        """Yield nodes in any order, by their places in the list; it goes back if nodes were removed meanwhile."""
        known: OrderedDict[str, None] = OrderedDict()
        most: int | None = None
        before = reached = stale = 0
        while True:
            nodes, total = self._page(query, _paging(page, place, by, descending=descending))
            most = total - place if most is None else most
            fresh = [*{node.id: node for node in nodes if node.id not in known}.values()]
            if nodes and not fresh:
                stale += 1
                # Nothing new is what one expects after going back, or if nodes were made before this place.
                if stale > _MOST_STALE or (place >= reached and total == before):
                    raise _same_again()
            if total < before:
                place = max(0, place - (before - total))
                before = total
                continue
            before = total
            stale = 0 if fresh else stale
            for node in fresh[:most]:
                most -= 1
                known[node.id] = None
                yield node
            while len(known) > _REMEMBERED:
                known.popitem(last=False)
            place += len(nodes)
            reached = max(reached, place)
            if not nodes or place >= total or most <= 0:
                break
        if most > 0:
            log.logger().warning(
                "%d nodes may be missing: between two pages they were removed, or the server changed the order", most
            )

    def _page(self, query: Query, paging: Ask) -> tuple[list[Node], int]:
        answer = self._server.envelope("GET", "node", params=[("querynode", None), *query.params, *paging])
        nodes = [Node.parse(one) for one in answer["data"] or ()]
        total = answer.get("total_count")
        return nodes, total if isinstance(total, int) else len(nodes)


def _query(where: Where) -> Query:
    return where if isinstance(where, Query) else chosen(where)


def _paging(page: int, place: int, by: str, *, descending: bool) -> Ask:
    direction = "desc" if descending else "asc"
    return [("limit", str(page)), ("offset", str(place)), ("order", by), ("direction", direction)]


def _is_before(node: Node, since: datetime | None) -> bool:
    """Tell whether a node was made before the time that the server was asked for."""
    return since is not None and node.created_on is not None and node.created_on < since


def _same_again() -> ShockError:
    return ShockError(
        "the server sends the same nodes again instead of the next ones, so they can't all be listed",
        hint="narrower conditions, of which each finds less than a page of 500, may help",
    )


def _distinct(values: Iterable[Any]) -> list[Any]:
    """Return each of `values` once: numbers first, then text, then all else."""

    def place(text: str) -> tuple[int, Any]:
        value = unique[text]
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return 0, value
        return (1, value) if isinstance(value, str) else (2, text)

    unique = {json.dumps(value, sort_keys=True): value for value in values}
    return [unique[text] for text in sorted(unique, key=place)]
