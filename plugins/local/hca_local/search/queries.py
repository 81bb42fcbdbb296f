"""Reads Elasticsearch 5 queries: the clauses that people use (contract §17). Everything else is refused by name."""

from __future__ import annotations

from typing import Any

from hca_local.search import leaves, minimum, shapes
from hca_local.search.errors import QueryError
from hca_local.search.nodes import Bool, Everything, Leaf, Query

__all__ = ["Query", "QueryError", "parse"]

# Deeper than any query that makes sense, and far from where Python gives up.
DEEPEST = 50
# As in Elasticsearch.
MOST_CLAUSES = 1024
# What a search may say besides its query: the service decides about pages and order, and shows no aggregations.
_IGNORED = frozenset({"_source", "size", "from", "sort", "version", "aggs", "aggregations"})
_LISTS = ("must", "filter", "must_not", "should")
_MINIMA = ("minimum_should_match", "minimum_number_should_match")
_BOOL = frozenset({*_LISTS, *_MINIMA, "disable_coord"})


def parse(es_query: Any, *, wrapped: bool = True) -> Query:
    """Return the query of a search body, `{"query": {...}}` or `{}` for everything.

    Parameters: `wrapped` False also takes the query without `query` around it, as subscriptions may have it.
    Raises QueryError, which is the answer 400 elasticsearch_bad_request.
    """
    body = shapes.mapping(es_query, "The search body")
    if not wrapped and body and "query" not in body:
        body = {"query": body}
    for key in body:
        if key != "query" and key not in _IGNORED:
            raise QueryError(f"Unknown key [{key}] in the search body; a query belongs into [query]")
    # An empty query, with or without its wrapper, is no condition.
    if not shapes.mapping(body.get("query", {}), "query"):
        return Everything()
    return _Reader().clause(body["query"], "query", 0, filtering=False)


class _Reader:
    """Reads one query, and counts its clauses."""

    def __init__(self) -> None:
        self._clauses = 0

    def clause(self, given: Any, where: str, depth: int, *, filtering: bool) -> Query:
        """Return the query of an object with one clause; `filtering` where scores don't count."""
        self._clauses += 1
        if depth > DEEPEST:
            raise QueryError(f"The query is nested more than {DEEPEST} deep")
        if self._clauses > MOST_CLAUSES:
            raise QueryError(f"The query has more than {MOST_CLAUSES} clauses")
        clauses = shapes.mapping(given, where)
        if len(clauses) != 1:
            raise QueryError(f"{where} has to have one clause; found: {', '.join(list(clauses)[:5]) or 'none'}")
        [(name, body)] = clauses.items()
        place = f"{where}.{name}"
        if name == "bool":
            return self._bool(shapes.mapping(body, place), place, depth, filtering)
        if name == "constant_score":
            inner = shapes.options(shapes.mapping(body, place), place, {"filter"}).get("filter")
            return self.clause(inner, f"{place}.filter", depth + 1, filtering=True)
        if name not in leaves.CLAUSES:
            raise QueryError(f"Unknown or unsupported query clause [{name}] in {where}")
        return leaves.CLAUSES[name](body, place)

    def _bool(self, given: dict[str, Any], where: str, depth: int, filtering: bool) -> Query:
        shapes.options(given, where, _BOOL)
        must, filters, must_not, should = (
            self._clauses_of(given.get(name, []), f"{where}.{name}", depth, filtering or name in ("filter", "must_not"))
            for name in _LISTS
        )
        # Elasticsearch: what should match has to if nothing must, and in a filter; elsewhere it is for the score only.
        needed = 1 if should and (filtering or not (must or filters)) else 0
        for name in _MINIMA:
            if name in given:
                wanted = minimum.needed(given[name], len(should), f"{where}.{name}")
                needed = wanted if must or filters else max(wanted, min(len(should), 1))
        if not (must or filters or must_not or should):
            return Everything()
        if needed == 1:
            should = _united(should)
        return Bool((*must, *filters), must_not, should if needed else (), needed)

    def _clauses_of(self, given: Any, where: str, depth: int, filtering: bool) -> tuple[Query, ...]:
        """Return the queries of a list of clauses, or of one; empty ones are no condition."""
        listed = given if isinstance(given, list) else [given]
        return tuple(
            self.clause(one, f"{where}[{position}]", depth + 1, filtering=filtering)
            for position, one in enumerate(listed)
            if one != {}
        )


def _united(should: tuple[Query, ...]) -> tuple[Query, ...]:
    """Return queries any of which has to match, with all leaves made one: some people list a thousand of them."""
    leaves_found = [one for one in should if isinstance(one, Leaf)]
    conditions = dict.fromkeys(condition for leaf in leaves_found for condition in leaf.conditions)
    others = tuple(one for one in should if not isinstance(one, Leaf))
    return (Leaf(tuple(conditions)), *others) if leaves_found else others
