"""What a value in a query can mean: a string, a number, a date. A field may have values of all these kinds."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from hca_local.search import dates, shapes, values
from hca_local.search.errors import QueryError
from hca_local.search.nodes import Between, Condition, Equal
from hca_local.search.values import Kind

_NUMBER = re.compile(r"[+-]?(\d{1,300}(\.\d{0,300})?|\.\d{1,300})(e[+-]?\d{1,3})?", re.ASCII | re.IGNORECASE)
_INTEGER = re.compile(r"[+-]?\d{1,18}", re.ASCII)
_NAMES = {"gt", "gte", "lt", "lte", "from", "to", "include_lower", "include_upper"}


@dataclass(frozen=True)
class Bounds:
    """The bounds of a range, None where there is none; `over` and `under` leave the bound itself out."""

    low: shapes.Scalar | None
    high: shapes.Scalar | None
    over: bool
    under: bool


def folded(given: shapes.Scalar) -> str:
    """Return a value as the string that it is in JSON, in lower case."""
    return values.folded(given if isinstance(given, str) else json.dumps(given))


def equal(field: str, given: shapes.Scalar) -> list[Condition]:
    """Return what selects the values of `field` that `given` can mean; a date means all of its day, month or year."""
    text = folded(given)
    found: list[Condition] = [Equal(field, Kind.STRING, text)]
    if text in ("true", "false"):
        found.append(Equal(field, Kind.BOOLEAN, text))
    number = _number(given)
    if number is not None:
        found.append(Equal(field, Kind.NUMBER, number))
    period = dates.period(given) if isinstance(given, str) else None
    if period is not None:
        found.append(Between(field, Kind.DATE, period.first, period.last))
    return found


def bounds(given: dict[str, Any], where: str) -> Bounds:
    """Return the bounds that the body of a range has, in the present or the old spelling. Raises QueryError."""
    shapes.options(given, where, _NAMES)
    for one, other in (("gt", "gte"), ("gt", "from"), ("gte", "from"), ("lt", "lte"), ("lt", "to"), ("lte", "to")):
        if one in given and other in given:
            raise QueryError(f"{where} has both {one!r} and {other!r}")
    low = next((_bound(given[name], f"{where}.{name}") for name in ("gt", "gte", "from") if name in given), None)
    high = next((_bound(given[name], f"{where}.{name}") for name in ("lt", "lte", "to") if name in given), None)
    over = "gt" in given or not _flag(given, "include_lower", where)
    under = "lt" in given or not _flag(given, "include_upper", where)
    return Bounds(low, high, over, under)


def between(field: str, wanted: Bounds) -> list[Condition]:
    """Return what selects the values of `field` within bounds, for each kind that both bounds can be."""
    low, high = wanted.low, wanted.high
    strings = [None if bound is None else folded(bound) for bound in (low, high)]
    found: list[Condition] = [Between(field, Kind.STRING, strings[0], strings[1], wanted.over, wanted.under)]
    numbers = [None if bound is None else _number(bound) for bound in (low, high)]
    if numbers.count(None) == (low, high).count(None):
        found.append(Between(field, Kind.NUMBER, numbers[0], numbers[1], wanted.over, wanted.under))
    periods = [dates.period(bound) if isinstance(bound, str) else None for bound in (low, high)]
    if periods.count(None) == (low, high).count(None):
        # After a day is after its last moment, from a day on is from its first.
        first = periods[0] and (periods[0].last if wanted.over else periods[0].first)
        last = periods[1] and (periods[1].first if wanted.under else periods[1].last)
        found.append(Between(field, Kind.DATE, first, last, wanted.over, wanted.under))
    return found


def _bound(given: Any, where: str) -> shapes.Scalar | None:
    if given is None:
        return None
    if isinstance(given, str) and (given.startswith("now") or "||" in given):
        raise QueryError(f"{where}: calculating with dates is not supported")
    return shapes.scalar(given, where)


def _flag(given: dict[str, Any], name: str, where: str) -> bool:
    flag = given.get(name, True)
    if not isinstance(flag, bool):
        raise QueryError(f"{where}.{name} has to be a boolean")
    return flag


def _number(given: shapes.Scalar) -> int | float | None:
    if isinstance(given, bool):
        return None
    if isinstance(given, str):
        if _INTEGER.fullmatch(given):
            return int(given)
        return float(given) if _NUMBER.fullmatch(given) else None
    return values.number(given)
