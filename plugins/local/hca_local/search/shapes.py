"""Takes the JSON of a clause apart: one field, its value, the options beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hca_local.search.errors import QueryError

if TYPE_CHECKING:
    from collections.abc import Collection

Scalar = str | int | float | bool

# They change scores, which nobody gets to see, or how a query is run.
_IGNORED = frozenset({"boost", "_name", "rewrite", "max_determinized_states"})


def mapping(given: Any, where: str) -> dict[str, Any]:
    """Return `given`, which has to be an object. Raises QueryError."""
    if not isinstance(given, dict):
        raise QueryError(f"{where} has to be an object, not {_name_of(given)}")
    return given


def scalar(given: Any, where: str) -> Scalar:
    """Return `given`, which has to be a string, a number or a boolean. Raises QueryError."""
    if not isinstance(given, Scalar):
        raise QueryError(f"{where} has to be a string, a number or a boolean, not {_name_of(given)}")
    return given


def string(given: Any, where: str) -> str:
    """Return `given`, which has to be a string. Raises QueryError."""
    if not isinstance(given, str):
        raise QueryError(f"{where} has to be a string, not {_name_of(given)}")
    return given


def one_field(body: Any, where: str) -> tuple[str, Any]:
    """Return the field that a clause is about and what it says of it. Raises QueryError."""
    fields = [item for item in mapping(body, where).items() if item[0] not in _IGNORED]
    if len(fields) != 1:
        names = ", ".join(name for name, _ in fields[:5]) or "none"
        raise QueryError(f"{where} has to name one field; found: {names}")
    return fields[0]


def field_value(body: Any, where: str, key: str, known: Collection[str] = ()) -> tuple[str, Scalar, dict[str, Any]]:
    """Return field, value and options of `{field: value}` or `{field: {key: value, option: ...}}`.

    Options have to be among `known`. Raises QueryError.
    """
    field, given = one_field(body, where)
    place = f"{where}.{field}"
    if not isinstance(given, dict):
        return field, scalar(given, place), {}
    if key not in given:
        raise QueryError(f"{place} needs {key!r}")
    return field, scalar(given[key], f"{place}.{key}"), options(given, place, {key, *known})


def options(given: dict[str, Any], where: str, known: Collection[str]) -> dict[str, Any]:
    """Return `given` without what has no effect on what is found; the rest has to be `known`. Raises QueryError."""
    found = {key: value for key, value in given.items() if key not in _IGNORED}
    for key in found:
        if key not in known:
            raise QueryError(f"{where}.{key} is not supported")
    return found


def _name_of(given: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a string", bool: "a boolean", int: "a number", float: "a number"}
    return names.get(type(given), "null")
