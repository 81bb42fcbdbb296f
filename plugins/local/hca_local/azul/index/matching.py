"""Filters at work: each becomes a test of documents (contract §4)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from hca_local.azul.calls import opaque
from hca_local.azul.index import fields
from hca_local.azul.index.fields import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hca_local.azul.index.documents import Document

    Test = Callable[[Document], bool]

_DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", re.ASCII)
# Fields that are never null, so that nobody can ask for null.
_NEVER_NULL = (Kind.NAMED, Kind.ACCESSIBLE)


def tests(filters: Mapping[str, Mapping[str, list[Any]]], *, old: bool) -> dict[str, Test]:
    """Return a test of documents for each field of `filters`, which have been parsed.

    Raises AzulError (500) for values that the service has not thought of (contract §0.9).
    """
    kinds = fields.kinds(old=old)
    return {
        field: _test(field, kinds[field], relation, values)
        for field, entry in filters.items()
        for relation, values in entry.items()
    }


def _test(field: str, kind: Kind, relation: str, values: list[Any]) -> Test:
    if relation == "is":
        return _nested(field, values[0]) if kind is Kind.NESTED else _is(field, kind, values)
    if kind is Kind.RANGE:
        return _ranges(field, relation, values)
    if relation == "within" and kind is Kind.INTEGER:
        pairs = [_pair(value, kind) for value in values]
        return lambda document: all(_any_within(document.values(field), pair) for pair in pairs)
    if relation == "within":
        return lambda document: False  # accepted, and useless
    raise opaque()


def _is(field: str, kind: Kind, values: list[Any]) -> Test:
    for value in values:
        _check(kind, value)
    wanted = [tuple(value) if isinstance(value, list) else value for value in values]
    return lambda document: any(value in wanted for value in document.values(field))


def _check(kind: Kind, value: Any) -> None:
    """Raise AzulError unless a field of `kind` can have the value."""
    if value is None:
        good = kind not in _NEVER_NULL
    elif kind in (Kind.TEXT, Kind.NAMED):
        good = isinstance(value, str)
    elif kind is Kind.DATE:
        good = isinstance(value, str) and bool(_DATE.fullmatch(value))
    elif kind is Kind.INTEGER:
        good = _is_number(value) and value == int(value)
    elif kind is Kind.RANGE:
        good = isinstance(value, list) and len(value) == 2 and all(map(_is_number, value))
    elif kind is Kind.BOOLEAN:
        good = isinstance(value, bool)
    else:
        good = True  # it has been checked before
    if not good:
        raise opaque()


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 2**63


def _pair(value: Any, kind: Kind) -> tuple[Any, Any]:
    if not isinstance(value, list) or len(value) != 2 or None in value:
        raise opaque()
    for end in value:
        _check(Kind.INTEGER if kind is Kind.RANGE else kind, end)
    return value[0], value[1]


def _any_within(values: list[Any], pair: tuple[Any, Any]) -> bool:
    return any(value is not None and pair[0] <= value <= pair[1] for value in values)


def _ranges(field: str, relation: str, values: list[Any]) -> Test:
    """Return the test of a field with ranges: each of `values` must fit one of them."""
    points = relation == "contains"
    wanted = [(value, value) if points and _is_number(value) else _pair(value, Kind.RANGE) for value in values]
    fits = _FITS[relation]
    return lambda document: all(
        any(one is not None and fits(one, pair) for one in document.values(field)) for pair in wanted
    )


_FITS: dict[str, Callable[[Any, Any], bool]] = {
    "within": lambda one, wanted: wanted[0] <= one[0] and one[1] <= wanted[1],
    "contains": lambda one, wanted: one[0] <= wanted[0] and wanted[1] <= one[1],
    "intersects": lambda one, wanted: one[0] <= wanted[1] and wanted[0] <= one[1],
}


def _nested(field: str, wanted: Mapping[str, Any]) -> Test:
    """Return the test of a field with objects: one of them must have all that is `wanted`."""
    if not all(value is None or isinstance(value, str) for value in wanted.values()):
        raise opaque()
    return lambda document: any(
        one is not None and all(one[name] == value for name, value in wanted.items()) for one in document.values(field)
    )
