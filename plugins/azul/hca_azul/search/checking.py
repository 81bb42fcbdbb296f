"""What a service would answer with an error, or with nothing: told before it is asked (contract §0.8, §0.9, §4)."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

from hca_azul.search.fields import Field, Kind
from hca_core import log
from hca_core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

RELATIONS = ("is", "within", "contains", "intersects")
_LONGEST_TEXT = 256  # characters; longer text is not in the index by which `is` compares (contract §0.8)
_HALF = re.compile(r"[\ud800-\udfff]")  # half a character: what Python makes of bytes that are no text
_MOST = 2**63 - 1
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z", re.ASCII)


def check(field: Field, relations: Any) -> dict[str, list[Any]]:
    """Return what a filter says of a field, `{relation: [value, ...]}`, with values of the right types.

    Raises UsageError for what the service can't compare.
    """
    if not isinstance(relations, dict) or len(relations) != 1:
        raise UsageError(f"{field.name}: a field takes one relation, as in {{'is': [...]}}", hint=_how(field))
    ((relation, values),) = relations.items()
    if relation not in field.relations:
        raise UsageError(
            f"{field.name} can't be compared by {relation!r}, only by {' or '.join(field.relations)}", hint=_how(field)
        )
    if field.kind is Kind.JSON:
        raise UsageError(f"the service can't compare {field.name}", hint="hca azul get-fields lists what it can")
    if not isinstance(values, list) or not values:
        raise UsageError(f"{field.name}: {relation!r} takes a list with one value or more", hint=_how(field))
    if field.kind is Kind.NESTED and len(values) > 1:
        raise UsageError(f"{field.name} can be compared with one value only, not with {len(values)}", hint=_how(field))
    return {relation: [_checked(field, relation, value) for value in values]}


def _checked(field: Field, relation: str, value: Any) -> Any:
    if relation == "is" and value is None:
        if not field.nullable:
            raise UsageError(f"{field.name} can't be null", hint="leave the field out, or name a value")
        return None
    one = _ONE[field.kind]
    is_pair = relation in ("within", "intersects") or field.kind is Kind.RANGE
    if is_pair and not (relation == "contains" and not isinstance(value, list)):
        return _pair(field, relation, value, one)
    return one(field, value)


def _pair(field: Field, relation: str, value: Any, one: Callable[[Field, Any], Any]) -> list[Any]:
    if not isinstance(value, list) or len(value) != 2:
        raise UsageError(f"{field.name}: {relation!r} takes pairs of a lower and an upper end", hint=_how(field))
    low, high = (one(field, end) for end in value)
    if low > high:
        raise UsageError(f"{field.name}: nothing lies between {low} and {high}", hint="the lower end comes first")
    return [low, high]


def _text(field: Field, value: Any) -> str:
    if not isinstance(value, str):
        raise _wrong(field, value, "text")
    if _HALF.search(value):
        raise UsageError(f"{field.name}: {value!r} has bytes that are no text", hint="check the encoding (LC_ALL)")
    if len(value) > _LONGEST_TEXT:
        log.logger().warning(
            "%s: text of more than %d characters is not indexed, so nothing can match %.40r...",
            field.name,
            _LONGEST_TEXT,
            value,
        )
    return value


def _moment(field: Field, value: Any) -> str:
    if not isinstance(value, str) or not _MOMENT.fullmatch(value):
        raise _wrong(field, value, "a time such as 2024-01-31T12:00:00.000000Z")
    return value


def _integer(field: Field, value: Any) -> int:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise _wrong(field, value, "a whole number")
    if abs(value) > _MOST:
        raise UsageError(f"{field.name}: {value:.3e} is larger than any number that the service knows")
    return value


def _number(field: Field, value: Any) -> int | float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise _wrong(field, value, "a number")
    return value


def _boolean(field: Field, value: Any) -> bool:
    if not isinstance(value, bool):
        raise _wrong(field, value, "true or false")
    return value


def _age(field: Field, value: Any) -> dict[str, str | None]:
    if not isinstance(value, dict) or set(value) != {"value", "unit"}:
        raise _wrong(field, value, "a value with a unit")
    amount, unit = value["value"], value["unit"]
    for part, may_be_null in ((amount, False), (unit, True)):
        if not (part is None and may_be_null) and (not isinstance(part, str) or not part or " " in part):
            raise _wrong(field, value, "a value with a unit, texts without spaces")
    return {"value": amount, "unit": unit}


def _nested(field: Field, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict) or not value:
        raise _wrong(field, value, f"an object with {' and '.join(field.keys)}")
    for key, part in value.items():
        if key not in field.keys:
            raise UsageError(f"{field.name} has no {key!r}, only {' and '.join(field.keys)}", hint=_how(field))
        if part is not None and not isinstance(part, str):
            raise _wrong(field, part, f"text, as its {key} is")
    return value


_ONE: dict[Kind, Callable[[Field, Any], Any]] = {
    Kind.TEXT: _text,
    Kind.DATE: _moment,
    Kind.INTEGER: _integer,
    Kind.RANGE: _number,
    Kind.BOOLEAN: _boolean,
    Kind.AGE: _age,
    Kind.NESTED: _nested,
}


def _wrong(field: Field, value: Any, wanted: str) -> UsageError:
    import json

    return UsageError(f"{field.name}: {json.dumps(value)[:60]} is not {wanted}", hint=_how(field))


def _how(field: Field) -> str:
    """Return how to ask for the field in words."""
    return f"it is asked for as {example(field)}"


def example(field: Field) -> str:
    """Return conditions on the field as they can be typed, "" if it can't be compared."""
    name = field.name
    if field.kind is Kind.INTEGER:
        return f"{name}=5, {name}=1..9 or {name}=5.."
    if field.kind is Kind.DATE:
        return f"{name}=2024-01-31T12:00:00Z" + (f" or {name}=2024-01-01.." if "within" in field.relations else "")
    examples = {
        Kind.JSON: "",
        Kind.BOOLEAN: f"{name}=true",
        Kind.AGE: f"{name}=20:year",
        Kind.RANGE: f"{name}=20y..40y or {name}@contains=40y",
        Kind.NESTED: f"{name}={':'.join(key.upper() for key in field.keys)}",
    }
    return examples.get(field.kind, f"{name}=VALUE")
