"""Makes SQL of a query, after a look at how many documents each of its leaves has.

A query becomes two things: a *test* of one document, `d`, which says what the query means, and a *start*, a statement
that gives a few documents among which all that match must be. Without a start, all documents are tested.
"""

from __future__ import annotations

import json
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from hca_local.search import functions
from hca_local.search.nodes import Bool, Condition, Equal, Everything, Leaf, Query
from hca_local.search.selecting import Sql, values_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from sqlite3 import Connection

# A leaf with more values than this is told by its conditions, not by the numbers of its values.
_MOST_NUMBERS = 70_000
# With so many values it is quicker to look each of them up for a document than to collect the documents of all.
_MOST_LOOKUPS = 4
# SQLite takes 500.
_MOST_UNITED = 100
_LONGEST_CHAIN = 100
# SQLite's parser gets lost where more queries than about twice this are in each other.
_DEEPEST = 5

_NUMBERS = "(SELECT value FROM json_each(?))"
_POSTINGS = "SELECT document FROM search_postings WHERE value IN"
_HAS_VALUE = "EXISTS (SELECT 1 FROM search_postings WHERE document=d.number AND value IN"
_HAS_ANY = """EXISTS (SELECT 1 FROM ({values}) AS v CROSS JOIN search_postings AS p
  WHERE p.value=v.number AND p.document=d.number)"""
_COUNT = """SELECT COUNT(*) FROM
  (SELECT 1 FROM search_postings WHERE value IN (SELECT value FROM json_each(?)) LIMIT ?)"""
_TESTED = "SELECT d.number FROM search_documents AS d WHERE {test}"
TRUE, FALSE = Sql("1"), Sql("0")


class Start(NamedTuple):
    """Statements that give documents, with `size` rows or more, and the `rest` of the test that these have to pass."""

    size: int
    statements: tuple[Sql, ...]
    rest: Sql


class _Selected(NamedTuple):
    """What a leaf selects: the `numbers` of values, and those of its conditions that select too many to list."""

    numbers: list[int]
    broad: list[Condition]


class Compiler:
    """Makes SQL of one query, with the numbers that `connection` has for its values at this moment.

    Parameters: `single` is the number of a document if only that one is tested; then no value's documents are
    collected.
    """

    def __init__(self, connection: Connection, *, single: int | None = None) -> None:
        self._connection = connection
        self._single = single
        self._selected: dict[Leaf, _Selected] = {}
        functions.register(connection)

    def start(self, query: Query, most: int) -> Start | None:
        """Return where to start, None for everywhere; rows are counted up to `most` only. Raises sqlite3.Error."""
        if isinstance(query, Leaf):
            return self._leaf_start(query, most)
        if isinstance(query, Bool):
            return self._bool_start(query, most)
        return None

    def test(self, query: Query, depth: int = 0) -> Sql:
        """Return the condition on a document `d` that says what `query` means. Raises sqlite3.Error.

        `depth` tells in how many others the query is.
        """
        if isinstance(query, Everything):
            return TRUE
        if isinstance(query, Leaf):
            return self._leaf_test(query)
        if depth < _DEEPEST:
            return self._bool_test(query.must, query, depth)
        return self._answered(self._bool_test(query.must, query, 0))

    def _leaf_start(self, leaf: Leaf, most: int) -> Start:
        numbers, broad = self._select(leaf)
        listed = json.dumps(numbers)
        count: int = self._connection.execute(_COUNT, (listed, most)).fetchone()[0]
        statements = (Sql(f"{_POSTINGS} {_NUMBERS}", (listed,)), *(_postings(condition) for condition in broad))
        return Start(count + len(broad) * most, statements, TRUE)

    def _bool_start(self, query: Bool, most: int) -> Start | None:
        """Start with the smallest of what must match, or else with all of what should."""
        starts = [(start, one) for one in query.must if (start := self.start(one, most))]
        if starts:
            start, used = min(starts, key=lambda found: found[0].size)
            others = [one for one in query.must if one is not used]
            return start._replace(rest=_joined("AND", [start.rest, self._bool_test(others, query, 0)]))
        if not query.needed:
            return None
        parts = [self.start(one, most) for one in query.should]
        found = [part for part in parts if part is not None]
        statements = tuple(statement for part in found for statement in part.statements)
        if len(found) < len(parts) or len(statements) > _MOST_UNITED:
            return None
        is_whole = query.needed == 1 and all(part.rest == TRUE for part in found)
        rest = self._bool_test((), Bool((), query.must_not, (), 0) if is_whole else query, 0)
        return Start(sum(part.size for part in found), statements, rest)

    def _leaf_test(self, leaf: Leaf) -> Sql:
        numbers, broad = self._select(leaf)
        parts = [self._broad_test(condition) for condition in broad]
        if self._single is not None or len(numbers) <= _MOST_LOOKUPS:
            parts.append(Sql(f"{_HAS_VALUE} {_NUMBERS})", (json.dumps(numbers),)) if numbers else FALSE)
        else:
            parts.append(Sql(f"(d.number IN ({_POSTINGS} {_NUMBERS}))", (json.dumps(numbers),)))
        return _joined("OR", parts)

    def _broad_test(self, condition: Condition) -> Sql:
        if self._single is None:
            postings = _postings(condition)
            return Sql(f"(d.number IN ({postings.text}))", postings.parameters)
        selected = values_of(condition)
        return Sql(_HAS_ANY.format(values=selected.text), selected.parameters)

    def _bool_test(self, must: Sequence[Query], query: Bool, depth: int) -> Sql:
        """Return the test for `must` with the rest of `query`."""
        parts = [self.test(one, depth + 1) for one in must]
        for one in query.must_not:
            test = self.test(one, depth + 1)
            parts.append(Sql(f"(NOT {test.text})", test.parameters))
        if query.needed:
            should = [self.test(one, depth + 1) for one in query.should]
            if query.needed == 1:
                parts.append(_joined("OR", should))
            else:
                count = _joined("+", should)
                parts.append(Sql(f"({count.text} >= ?)", (*count.parameters, query.needed)))
        return _joined("AND", parts)

    def _answered(self, test: Sql) -> Sql:
        """Return what `test` comes to now, which takes less room than the test itself."""
        if self._single is not None:
            statement = f"{_TESTED.format(test=test.text)} AND d.number=?"
            row = self._connection.execute(statement, (*test.parameters, self._single)).fetchone()
            return TRUE if row else FALSE
        rows = self._connection.execute(_TESTED.format(test=test.text), test.parameters)
        return Sql(f"(d.number IN {_NUMBERS})", (json.dumps([row[0] for row in rows]),))

    def _select(self, leaf: Leaf) -> _Selected:
        if leaf not in self._selected:
            self._selected[leaf] = self._look_up(leaf)
        return self._selected[leaf]

    def _look_up(self, leaf: Leaf) -> _Selected:
        numbers: set[int] = set()
        broad: list[Condition] = []
        for condition in leaf.conditions:
            if self._single is not None and not isinstance(condition, Equal):
                broad.append(condition)
                continue
            rows = self._connection.execute(*values_of(condition))
            found = {row[0] for row in islice(rows, _MOST_NUMBERS - len(numbers) + 1)}
            if len(numbers) + len(found) > _MOST_NUMBERS:
                broad.append(condition)
            else:
                numbers |= found
        return _Selected(sorted(numbers), broad)


def united(statements: Sequence[Sql]) -> Sql:
    """Return the statement that gives what any of `statements` gives."""
    parameters = tuple(parameter for statement in statements for parameter in statement.parameters)
    return Sql(" UNION ALL ".join(statement.text for statement in statements), parameters)


def _postings(condition: Condition) -> Sql:
    selected = values_of(condition)
    return Sql(f"{_POSTINGS} ({selected.text})", selected.parameters)


def _joined(operator: str, parts: Sequence[Sql]) -> Sql:
    """Return `parts` with `operator` between them, in groups if they are many: SQLite limits the depth of a tree."""
    if operator == "AND":
        parts = [part for part in parts if part != TRUE]
        if not parts:
            return TRUE
    if len(parts) == 1:
        return parts[0]
    if len(parts) > _LONGEST_CHAIN:
        groups = range(0, len(parts), _LONGEST_CHAIN)
        return _joined(operator, [_joined(operator, parts[start : start + _LONGEST_CHAIN]) for start in groups])
    text = f" {operator} ".join(part.text for part in parts)
    return Sql(f"({text})", tuple(parameter for part in parts for parameter in part.parameters))
