"""What the filters of a request must look like (contract §4): the checks that the service makes, in its words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hca_local.azul.calls import bad_request
from hca_local.azul.index import fields, parameters
from hca_local.azul.index.fields import Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

    Filters = dict[str, dict[str, list[Any]]]

RELATIONS = ("is", "contains", "within", "intersects")
# Fields about access: nothing but `is`, and never null.
_OF_ACCESS = ("sourceId", "accessible")


def parsed(text: Any, *, old: bool) -> Filters:
    """Return the filters in the JSON `text`, none for None. Raises AzulError (400)."""
    if text is None:
        return {}
    filters = parameters.json_of("filters", text)
    if not isinstance(filters, dict):
        raise bad_request("The `filters` parameter must be a dictionary")
    kinds = fields.kinds(old=old)
    for field, entry in filters.items():
        if field not in kinds:
            raise bad_request(f"Unknown field `{field}`")
        if not isinstance(entry, dict) or len(entry) != 1:
            raise bad_request(f"The `filters` parameter entry for `{field}` must be a single-item dictionary")
        ((relation, values),) = entry.items()
        _check_relation(field, relation, values)
        _check_values(field, kinds[field], relation, values)
    return filters


def _check_relation(field: str, relation: str, values: Any) -> None:
    relations = ("is",) if field in _OF_ACCESS else RELATIONS
    if relation not in relations:
        raise bad_request(f"The relation in the `filters` parameter entry for `{field}` must be one of {relations}")
    if not isinstance(values, list):
        raise _refused(field, relation, "is not a list")
    if field in _OF_ACCESS and None in values:
        raise bad_request(f"The `{field}` field does not support null values")


def _check_values(field: str, kind: Kind, relation: str, values: list[Any]) -> None:
    if relation == "is" and kind is not Kind.RANGE and any(isinstance(value, list) for value in values):
        raise _refused(field, relation, "is invalid")
    if kind is Kind.AGE:
        for value in values:
            _check_age(field, value)
    if kind is Kind.NESTED:
        _check_nested(field, relation, values)


def _check_age(field: str, value: Any) -> None:
    """Raise AzulError unless `value` is null or an age with its unit, which may be null, both without spaces."""
    if value is None:
        return
    if not isinstance(value, dict) or value.keys() != {"value", "unit"}:
        raise bad_request(f"Invalid value for the field `{field}`: it must have the keys 'value' and 'unit'")
    for name, part in value.items():
        is_text = isinstance(part, str) and part and " " not in part
        if not is_text and not (name == "unit" and part is None):
            raise bad_request(f"Invalid value for the field `{field}`: {name!r} is not a text without spaces")


def _check_nested(field: str, relation: str, values: list[Any]) -> None:
    if relation != "is":
        raise bad_request(f"The field `{field}` can only be filtered by the `is` relation")
    if len(values) != 1:
        raise _refused(field, relation, "is not a single-item list")
    nested = values[0]
    if not isinstance(nested, dict):
        raise _refused(field, relation, "must contain a dictionary")
    extra = nested.keys() - set(fields.NESTED_KEYS[field])
    if extra:
        raise _refused(field, relation, f"has invalid properties `{extra}`")


def _refused(field: str, relation: str, what: str) -> Exception:
    text = f"The value of the `{relation}` relation in the `filters` parameter entry for `{field}` {what}"
    return bad_request(text)


def without_access(filters: Mapping[str, Any]) -> dict[str, Any]:
    """Return `filters` without the one on `accessible`."""
    return {field: entry for field, entry in filters.items() if field != "accessible"}
