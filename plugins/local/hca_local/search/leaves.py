"""Reads the clauses that look at the values of one field."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hca_local.search import minimum, operands, patterns, regexps, shapes, values
from hca_local.search.errors import QueryError
from hca_local.search.nodes import Between, Condition, Everything, Glob, Leaf, Pattern, Phrase, Present, Words
from hca_local.search.values import ID_FIELD, Kind

if TYPE_CHECKING:
    from collections.abc import Callable

    from hca_local.search.nodes import Query

# Elasticsearch takes no more.
MOST_TERMS = 65_536
_SUB_FIELD = ".text"


def match(body: Any, where: str) -> Query:
    """Read `{"match": body}`: the whole value, or words in a `.text` sub-field. Raises QueryError."""
    field, value, options = shapes.field_value(body, where, "query", {"operator", "minimum_should_match"})
    operator = shapes.string(options.get("operator", "or"), f"{where}.{field}.operator").lower()
    if operator not in ("and", "or"):
        raise QueryError(f"{where}.{field}.operator has to be 'and' or 'or'")
    words = tuple(dict.fromkeys(values.words(operands.folded(value))))
    needed = len(words) if operator == "and" else 1
    if "minimum_should_match" in options:
        place = f"{where}.{field}.minimum_should_match"
        needed = max(needed, minimum.needed(options["minimum_should_match"], len(words), place))
    return _leaf(field, operands.equal(field, value), [Words(_base(field), words, needed)] if words else [])


def match_phrase(body: Any, where: str) -> Query:
    """Read `{"match_phrase": body}`: the whole value, or words in a row in a `.text` sub-field. Raises QueryError."""
    field, value, _ = shapes.field_value(body, where, "query")
    words = tuple(values.words(operands.folded(value)))
    return _leaf(field, operands.equal(field, value), [Phrase(_base(field), words)] if words else [])


def term(body: Any, where: str) -> Query:
    """Read `{"term": body}`: the whole value, or one word of a `.text` sub-field. Raises QueryError."""
    field, value, _ = shapes.field_value(body, where, "value")
    return _any_of(field, [value])


def terms(body: Any, where: str) -> Query:
    """Read `{"terms": body}`: any of a list of values. Raises QueryError."""
    field, listed = shapes.one_field(body, where)
    return _any_of(field, _list(listed, f"{where}.{field}"))


def ids(body: Any, where: str) -> Query:
    """Read `{"ids": body}`: bundles by `<uuid>.<version>`. Raises QueryError."""
    listed = shapes.options(shapes.mapping(body, where), where, {"values", "type"}).get("values")
    return _any_of(ID_FIELD, _list(listed if isinstance(listed, list) else [listed], f"{where}.values"))


def exists(body: Any, where: str) -> Query:
    """Read `{"exists": body}`: any value in a field or below it. Raises QueryError."""
    field = shapes.string(shapes.options(shapes.mapping(body, where), where, {"field"}).get("field"), f"{where}.field")
    if "*" in field:
        raise QueryError(f"{where}.field: a pattern of field names is not supported")
    return _leaf(field, [Present(field)], [Present(_base(field), text=True)])


def prefix(body: Any, where: str) -> Query:
    """Read `{"prefix": body}`. Raises QueryError."""
    field, value, _ = shapes.field_value(body, where, "value")
    start = operands.folded(value)
    whole = Between(field, Kind.STRING, start, start + values.LAST_CHARACTER)
    return _leaf(field, [whole], [Pattern(_base(field), patterns.quoted(start) + ".*", words=True)])


def wildcard(body: Any, where: str) -> Query:
    """Read `{"wildcard": body}`: `*` is any text, `?` one character. Raises QueryError."""
    field, value, _ = shapes.field_value(body, where, "value")
    pattern = operands.folded(value)
    if len(pattern) > regexps.LONGEST:
        raise QueryError(f"{where}.{field} is longer than {regexps.LONGEST} characters")
    words = Pattern(_base(field), patterns.regexp(pattern), words=True)
    return _leaf(field, [Glob(field, patterns.glob(pattern))], [words])


def regexp(body: Any, where: str) -> Query:
    """Read `{"regexp": body}`, in the language of Lucene. Raises QueryError."""
    field, value, options = shapes.field_value(body, where, "value", {"flags"})
    if options.get("flags", "ALL") != "ALL":
        raise QueryError(f"{where}.{field}.flags: only 'ALL' is supported")
    pattern = operands.folded(value)
    try:
        regexps.language(pattern)
    except regexps.PatternError as error:
        raise QueryError(f"{where}.{field}: {error}") from error
    return _leaf(field, [Pattern(field, pattern)], [Pattern(_base(field), pattern, words=True)])


def between(body: Any, where: str) -> Query:
    """Read `{"range": body}`; it does not look at words. Raises QueryError."""
    field, given = shapes.one_field(body, where)
    place = f"{where}.{field}"
    bounds = operands.bounds(shapes.mapping(given, place), place)
    if bounds.low is None and bounds.high is None:
        return Leaf((Present(field),))
    return Leaf(tuple(operands.between(field, bounds)))


def match_all(body: Any, where: str) -> Query:
    """Read `{"match_all": {}}`. Raises QueryError."""
    shapes.options(shapes.mapping(body, where), where, ())
    return Everything()


def match_none(body: Any, where: str) -> Query:
    """Read `{"match_none": {}}`. Raises QueryError."""
    shapes.options(shapes.mapping(body, where), where, ())
    return Leaf(())


def _any_of(field: str, wanted: list[shapes.Scalar]) -> Query:
    whole = [condition for value in wanted for condition in operands.equal(field, value)]
    words = tuple(dict.fromkeys(operands.folded(value) for value in wanted))
    return _leaf(field, whole, [Words(_base(field), words, 1)] if words else [])


def _leaf(field: str, whole: list[Condition], words: list[Condition]) -> Leaf:
    """Return the leaf on `field`, which may be a property called `text`, or the words of the field above it."""
    return Leaf(tuple(dict.fromkeys(whole + (words if field.endswith(_SUB_FIELD) else []))))


def _base(field: str) -> str:
    return field.removesuffix(_SUB_FIELD)


def _list(given: Any, where: str) -> list[shapes.Scalar]:
    if not isinstance(given, list):
        raise QueryError(f"{where} has to be a list")
    if len(given) > MOST_TERMS:
        raise QueryError(f"{where} has {len(given)} values, {MOST_TERMS} are possible")
    return [shapes.scalar(value, where) for value in given]


CLAUSES: dict[str, Callable[[Any, str], Query]] = {
    "match": match,
    "match_phrase": match_phrase,
    "match_all": match_all,
    "match_none": match_none,
    "term": term,
    "terms": terms,
    "ids": ids,
    "exists": exists,
    "prefix": prefix,
    "wildcard": wildcard,
    "regexp": regexp,
    "range": between,
}
