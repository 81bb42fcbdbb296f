"""Conditions as people type them: `organ=kidney,lung`, `fileSize=1..1e9`, `accessions=GSE81547` (contract §4)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from hca_azul.search import checking, fields, quantities
from hca_azul.search.fields import Field, Kind
from hca_core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

# A value in quotes, whose own quotes are doubled, or one without; commas stand between values.
_VALUE = re.compile(r"""\s*(?:"(?P<quoted>(?:[^"]|"")*)"|(?P<bare>[^,"][^,]*|))\s*(?:,|$)""", re.DOTALL)
_EARLIEST, _LATEST = "0001-01-01T00:00:00.000000Z", "9999-12-31T23:59:59.999999Z"


class _Value(NamedTuple):
    text: str
    is_quoted: bool

    @property
    def is_null(self) -> bool:
        return self.text == "null" and not self.is_quoted


def condition(word: str, known: Mapping[str, Field]) -> tuple[str, dict[str, list[Any]]]:
    """Return the field that a word names and what it says of it: `{relation: [value, ...]}`, checked.

    Parameters: `known` are the fields that the service has. Raises UsageError.
    """
    left, equals, right = word.partition("=")
    name, at, relation = left.strip().partition("@")
    if not equals or not name:
        raise UsageError(f"{word!r} is not a condition: it has the form FIELD=VALUE", hint="for instance organ=kidney")
    field = fields.named(known, name)
    values = list(_split(right, word))
    chosen = relation if at else _natural(field, values)
    if chosen not in field.relations:
        return name, checking.check(field, {chosen: []})  # it tells which there are
    if chosen != "is" and len(values) > 1:
        raise UsageError(
            f"{word!r}: the service compares with one range at a time", hint="ask for each of them by itself"
        )
    try:
        made = [_typed(field, chosen, value) for value in values]
    except UsageError as error:
        raise UsageError(f"{name}: {error.message}", hint=checking.example(field)) from error
    return name, checking.check(field, {chosen: made})


def _split(text: str, word: str) -> Iterator[_Value]:
    """Yield the values of a list with commas. Raises UsageError for an empty one, or quotes that don't end."""
    place = 0
    while True:
        match = _VALUE.match(text, place)
        if match is None:
            raise UsageError(
                f"{word!r}: the quotes of a value don't end with it", hint='a value in quotes: organ="large intestine"'
            )
        quoted = match["quoted"]
        if quoted is None and not match["bare"].strip():
            raise UsageError(f"{word!r} has an empty value", hint='null asks for what has none, "" for empty text')
        yield _Value(match["bare"].strip() if quoted is None else quoted.replace('""', '"'), quoted is not None)
        place = match.end()
        if not match[0].endswith(","):
            return


def _natural(field: Field, values: list[_Value]) -> str:
    """Return the relation that is meant if none is named."""
    is_range = any(".." in value.text for value in values)
    if field.kind is Kind.DATE and "within" in field.relations:
        is_range = is_range or all(quantities.is_day(value.text) for value in values)
    if field.kind in (Kind.INTEGER, Kind.DATE):
        return "within" if is_range else "is"
    if field.kind is Kind.RANGE:
        return "within" if is_range else "contains"
    return "is"


def _typed(field: Field, relation: str, value: _Value) -> Any:
    if value.is_null and field.kind is not Kind.NESTED:
        return None
    is_pair = relation in ("within", "intersects") or (field.kind is Kind.RANGE and relation == "is")
    if is_pair or (relation == "contains" and ".." in value.text):
        return _range(field, value.text)
    return _READ[field.kind](field, value.text)


def _range(field: Field, text: str) -> list[Any]:
    low, dots, high = text.partition("..")
    if field.kind is Kind.DATE and quantities.is_day(text):
        low, dots, high = text, "..", text
    if not dots or not (low or high):
        raise UsageError(f"{text!r} is not a range such as 1..9, 5.. or ..5")
    if field.kind is Kind.DATE:
        return [
            quantities.moment(low) if low else _EARLIEST,
            quantities.moment(high, is_end=True) if high else _LATEST,
        ]
    read = _READ[field.kind]
    return [read(field, low) if low else 0, read(field, high) if high else quantities.MOST]


def _integer(field: Field, text: str) -> int:
    return quantities.integer(text, is_size=field.name.lower().endswith("size"))


def _moment(_field: Field, text: str) -> str:
    found = quantities.moment(text)
    if quantities.is_day(text):
        raise UsageError(f"{text!r} has no time of day, and the service compares moments")
    return found


def _boolean(_field: Field, text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise UsageError(f"{text!r} is not true or false")
    return text.lower() == "true"


def _age(_field: Field, text: str) -> dict[str, str | None]:
    amount, colon, unit = text.partition(":")
    if not colon:
        raise UsageError(f"{text!r} has no unit")
    return {"value": amount, "unit": unit or None}


def _nested(field: Field, text: str) -> dict[str, str | None]:
    """Return an object of parts in their order with colons between; one alone is that which the field is named for."""
    parts = text.split(":", len(field.keys) - 1)
    if len(parts) == 1:
        own = [key for key in field.keys if key.casefold() in field.name.casefold()]
        if len(own) != 1:
            raise UsageError(f"{text!r} needs {' and '.join(field.keys)}, with a colon between")
        return {own[0]: None if text == "null" else text}
    return {key: None if part == "null" else part for key, part in zip(field.keys, parts, strict=False) if part}


_READ: dict[Kind, Callable[[Field, str], Any]] = {
    Kind.TEXT: lambda _field, text: text,
    Kind.JSON: lambda _field, text: text,
    Kind.DATE: _moment,
    Kind.INTEGER: _integer,
    Kind.RANGE: lambda _field, text: quantities.seconds(text),
    Kind.BOOLEAN: _boolean,
    Kind.AGE: _age,
    Kind.NESTED: _nested,
}
