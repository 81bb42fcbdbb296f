"""Finds the nodes that a caller may see and that meet conditions, page by page."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hca_local.search.searcher import connected
from hca_local.shock import leaves, nodes

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from sqlite3 import Connection

    from hca_local.shock.nodes import Doc
    from hca_local.shock.queries import Condition

ALL = -1  # as the number of nodes on a page


@dataclass(frozen=True)
class Search:
    """The nodes that one of `readers` (see search.py) may see and that meet all `conditions`.

    They come in the order of their creation, or of the value at the path `order`; the last one first, unless they are
    wanted `ascending`.
    """

    readers: tuple[str, ...]
    conditions: tuple[Condition, ...] = ()
    order: str | None = None
    ascending: bool = False

    def sql(self) -> tuple[str, list[Any]]:
        """Return the condition of the rows of shock_readers that tell these nodes, and its values."""
        parts = [f"reader IN ({','.join('?' * len(self.readers))})", *(it.sql for it in self.conditions)]
        return " AND ".join(parts), [*self.readers, *(value for it in self.conditions for value in it.values)]


@dataclass(frozen=True)
class Found:
    """A page of nodes, by their numbers, and how many there are on all pages."""

    numbers: list[int]
    total: int


def page(store: Path, search: Search, limit: int, offset: int) -> Found:
    """Return the nodes of a search from `offset` on, at most `limit`; call it in a thread. Raises sqlite3.Error."""
    with closing(connected(store)) as connection:
        if search.order is not None:
            numbers = _ordered(connection, search, search.order)
            return Found(numbers[offset:] if limit == ALL else numbers[offset : offset + limit], len(numbers))
        where, values = search.sql()
        # In one transaction, so that the number and the page are of one moment.
        connection.execute("BEGIN")
        total = connection.execute(f"SELECT COUNT(DISTINCT node) FROM shock_readers WHERE {where}", values)  # noqa: S608
        found = Found([], total.fetchone()[0])
        direction = "ASC" if search.ascending else "DESC"
        select = f"SELECT DISTINCT node FROM shock_readers WHERE {where} ORDER BY node {direction} LIMIT ? OFFSET ?"  # noqa: S608
        found.numbers.extend(row[0] for row in connection.execute(select, (*values, limit, offset)))
        return found


def distinct(store: Path, search: Search, path: str) -> list[Any]:
    """Return the different values that the nodes of a search have at `path`; call it in a thread.

    Elements of arrays are values of their own; objects are left out. Raises sqlite3.Error.
    """
    where, values = search.sql()
    select = f"""SELECT DISTINCT kind, value FROM shock_leaves WHERE path=? AND kind NOT IN (?,?)
        AND node IN (SELECT node FROM shock_readers WHERE {where}) ORDER BY kind, value"""  # noqa: S608
    with closing(connected(store)) as connection:
        rows = connection.execute(select, (leaves.clean(path), leaves.OBJECT, leaves.ARRAY, *values)).fetchall()
    return [_value(kind, value) for kind, value in rows]


def documents(connection: Connection, numbers: Sequence[int]) -> list[Doc]:
    """Return the nodes of these numbers in their order; who is gone is left out."""
    marks = ",".join("?" * len(numbers))
    rows = connection.execute(f"SELECT number, document FROM shock_nodes WHERE number IN ({marks})", numbers)  # noqa: S608
    found = dict(rows.fetchall())
    return [json.loads(found[number]) for number in numbers if number in found]


def files(store: Path, numbers: Sequence[int]) -> list[tuple[str, int]]:
    """Return id and size of those of the nodes that have a file which may be read now; call it in a thread.

    Raises sqlite3.Error.
    """
    select = """SELECT number, id, json_extract(document, '$.file', '$.subset')
        FROM shock_nodes WHERE number IN (SELECT value FROM json_each(?))"""
    with closing(connected(store)) as connection:
        rows = {number: (id, text) for number, id, text in connection.execute(select, (json.dumps(numbers),))}
    found = []
    for number in numbers:
        if number in rows:
            id, text = rows[number]
            file, subset = json.loads(text)
            if nodes.has_file({"file": file, "subset": subset}) and not file["locked"]:
                found.append((id, file["size"]))
    return found


def _ordered(connection: Connection, search: Search, order: str) -> list[int]:
    """Return all nodes of a search in the order of a value. Those that lack it are lower than any other.

    One with several values is where the first of them is.
    """
    where, values = search.sql()
    direction = "ASC" if search.ascending else "DESC"
    connection.execute("BEGIN")
    every = f"SELECT DISTINCT node FROM shock_readers WHERE {where} ORDER BY node {direction}"  # noqa: S608
    numbers = [row[0] for row in connection.execute(every, values)]
    select = f"""SELECT node FROM shock_leaves WHERE path=? AND kind NOT IN (?,?)
        AND node IN (SELECT node FROM shock_readers WHERE {where})
        ORDER BY kind {direction}, value {direction}, node {direction}"""  # noqa: S608
    rows = connection.execute(select, (leaves.clean(order), leaves.OBJECT, leaves.ARRAY, *values))
    having = dict.fromkeys(row[0] for row in rows)
    lacking = [number for number in numbers if number not in having]
    return [*lacking, *having] if search.ascending else [*having, *lacking]


def _value(kind: int, value: Any) -> Any:
    if kind == leaves.NULL:
        return None
    return bool(value) if kind == leaves.BOOLEAN else value
