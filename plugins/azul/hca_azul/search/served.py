"""The fields that a service lists in its own description (`/openapi`, contract §1), which is JSON schema."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hca_azul.search import packaged
from hca_azul.search.fields import Field, Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

_PLAIN = {"integer": Kind.INTEGER, "boolean": Kind.BOOLEAN, "array": Kind.RANGE, "number": Kind.RANGE}


def fields(document: Mapping[str, Any]) -> dict[str, Field]:
    """Return the fields by name that the description of a service lists for filters; {} if it lists none."""
    try:
        parameters = document["paths"]["/index/{entity_type}"]["get"]["parameters"]
        (filters,) = (one for one in parameters if one.get("name") == "filters")
        schemas = filters["content"]["application/json"]["schema"]["properties"]
        return {name: _field(name, schemas[name]) for name in sorted(schemas)}
    except (KeyError, TypeError, ValueError, AttributeError):
        return {}


def _field(name: str, schema: Mapping[str, Any]) -> Field:
    relations: dict[str, Any] = {}
    for one in schema.get("oneOf", [schema]):
        relations |= one["properties"]
    values = relations["is"]["items"]
    known = packaged.fields().get(name)
    kind = _kind(name, values, relations)
    return Field(
        name,
        kind,
        tuple(relations),
        nullable=bool(values.get("nullable", False)),
        keys=tuple(values.get("properties", ())) if kind is Kind.NESTED else (),
        is_facet=known.is_facet if known else None,
    )


def _kind(name: str, values: Mapping[str, Any], relations: Mapping[str, Any]) -> Kind:
    kind = values.get("type")
    if kind == "object":
        keys = set(values.get("properties", ()))
        return Kind.AGE if keys == {"value", "unit"} else Kind.NESTED if keys else Kind.JSON
    if kind == "string":
        return Kind.DATE if "within" in relations or name.lower().endswith("date") else Kind.TEXT
    return _PLAIN[str(kind)]
