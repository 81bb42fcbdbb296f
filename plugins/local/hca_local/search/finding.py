"""Finds the bundles of a replica that match a query, in the order in which a search lists them.

All hits of a search are found at once, whichever page is asked for: their number has to be told in any case. They are
kept as long as the index does not change, eight bytes each, so that the next page costs a look into an array.
"""

from __future__ import annotations

import hashlib
import sqlite3
import threading
from array import array
from collections import OrderedDict
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from hca_local.search.compiling import Compiler, united
from hca_local.search.errors import QueryError
from hca_local.search.selecting import Sql
from hca_local.store.reading import split_key

if TYPE_CHECKING:
    from collections.abc import Iterator
    from sqlite3 import Connection

    from hca_local.search.nodes import Query

# How many searches are kept, and how many hits of all of them together.
MOST_SEARCHES = 100
MOST_KEPT = 2_000_000

# A start with more documents than this is none: then all bundles are gone through, in the order of the answer. To find
# a start with few, long lists need not be counted.
FEW_TO_START_WITH = 200
MOST_TO_START_WITH = 20_000

# CROSS JOIN keeps SQLite to the order of the tables: it can't know how long the lists are.
_FROM_START = """SELECT b.number FROM (SELECT DISTINCT document AS number FROM ({start})) AS d
  CROSS JOIN search_bundles AS s CROSS JOIN bundles AS b
  WHERE s.document=d.number AND b.number=s.bundle AND b.replica=? AND {test} ORDER BY b.key DESC"""
_THROUGH_ALL = """SELECT b.number FROM bundles AS b
  CROSS JOIN (SELECT bundle, document AS number FROM search_bundles) AS d
  WHERE b.replica=? AND d.bundle=b.number AND {test} ORDER BY b.key DESC"""
_DOCUMENT = "SELECT document FROM search_bundles WHERE bundle=?"
_ONE = "SELECT 1 FROM search_documents AS d WHERE d.number=? AND {test}"
_STATE = "SELECT changes FROM search_state"
_KEY = "SELECT key FROM bundles WHERE number=?"


class Page(NamedTuple):
    """Some bundles of those that were found, as uuid and version, and how many were found in `total`."""

    total: int
    keys: list[tuple[str, str]]


class Found:
    """What the latest searches in one store have found; threads may share it."""

    def __init__(self) -> None:
        self._kept: OrderedDict[bytes, tuple[int, array[int]]] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()

    def hits(self, connection: Connection, replica: str, query: Query) -> array[int]:
        """Return the bundle rows of `replica` that match `query`, the largest key first. Raises as `page` does."""
        # A query may be a long list, so its digest is kept.
        search = hashlib.sha256(f"{replica} {query!r}".encode()).digest()
        state = connection.execute(_STATE).fetchone()[0]
        with self._lock:
            kept = self._kept.get(search)
            if kept is not None and kept[0] == state:
                self._kept.move_to_end(search)
                return kept[1]
        hits = _hits(connection, replica, query)
        with self._lock:
            self._keep(search, state, hits)
        return hits

    def _keep(self, search: bytes, state: int, hits: array[int]) -> None:
        _, former = self._kept.pop(search, (0, ()))
        self._size += len(hits) - len(former)
        self._kept[search] = (state, hits)
        while self._size > MOST_KEPT or len(self._kept) > MOST_SEARCHES:
            _, (_, oldest) = self._kept.popitem(last=False)
            self._size -= len(oldest)


def page(
    connection: Connection, found: Found, replica: str, query: Query, after: tuple[str, str] | None, count: int
) -> Page:
    """Return up to `count` bundles of `replica` that match `query`, the largest uuid and version first.

    Parameters: `found` keeps what was found from page to page; `after` is uuid and version to go on behind, None for
    the beginning. Raises QueryError if a regular expression is too complex, sqlite3.Error.
    """
    with _snapshot(connection), _explained():
        hits = found.hits(connection, replica, query)
        start = 0 if after is None else _position_behind(connection, hits, ".".join(after))
        return Page(len(hits), [split_key(_key(connection, number)) for number in hits[start : start + count]])


def matches(connection: Connection, bundle: int, query: Query) -> bool:
    """Tell whether the bundle row `bundle` matches `query`. Raises QueryError, sqlite3.Error."""
    row = connection.execute(_DOCUMENT, (bundle,)).fetchone()
    if row is None:
        return False
    with _explained():
        test = Compiler(connection, single=row[0]).test(query)
        found = connection.execute(_ONE.format(test=test.text), (row[0], *test.parameters)).fetchone()
        return found is not None


def _position_behind(connection: Connection, hits: array[int], after: str) -> int:
    """Return the position of the first of `hits` whose key is smaller than `after`; they are in falling order."""
    low, high = 0, len(hits)
    while low < high:
        middle = (low + high) // 2
        if _key(connection, hits[middle]) < after:
            high = middle
        else:
            low = middle + 1
    return low


def _key(connection: Connection, bundle: int) -> str:
    found: str = connection.execute(_KEY, (bundle,)).fetchone()[0]
    return found


def _hits(connection: Connection, replica: str, query: Query) -> array[int]:
    statement = _statement(Compiler(connection), replica, query)
    return array("q", (row[0] for row in connection.execute(*statement)))


def _statement(compiler: Compiler, replica: str, query: Query) -> Sql:
    for most in (FEW_TO_START_WITH, MOST_TO_START_WITH):
        start = compiler.start(query, most)
        if start is not None and start.size < most:
            statements = united(start.statements)
            text = _FROM_START.format(start=statements.text, test=start.rest.text)
            return Sql(text, (*statements.parameters, replica, *start.rest.parameters))
    test = compiler.test(query)
    return Sql(_THROUGH_ALL.format(test=test.text), (replica, *test.parameters))


@contextmanager
def _snapshot(connection: Connection) -> Iterator[None]:
    """Have all statements of the body see one state of the store."""
    connection.execute("BEGIN")
    try:
        yield
    finally:
        connection.rollback()


@contextmanager
def _explained() -> Iterator[None]:
    """Tell why a function of ours failed, which SQLite does not: a regular expression that needs too much."""
    try:
        yield
    except sqlite3.OperationalError as error:
        if "user-defined function" in str(error):
            raise QueryError("A regular expression of the query is too complex") from error
        raise
