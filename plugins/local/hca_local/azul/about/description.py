"""The description of the service in OpenAPI: where clients learn fields, formats and page sizes from (contract §1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hca_local.azul.index import documents, fields
from hca_local.azul.index.fields import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable

    Schema = dict[str, Any]

_TEXT: Schema = {"type": "string"}
_OLD_VERSION, _NEW_VERSION = "9.2", "17.6"
_NOTE = (
    "A stand-in of hca local for Azul, with invented data. It answers as the service of the Human Cell Atlas does, as "
    "far as the clients of this project need it."
)
_NUMBERS: Schema = {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}
_INTEGERS: Schema = {"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 2}
_VALUES: dict[Kind, Schema] = {
    Kind.TEXT: {"type": "string", "nullable": True},
    Kind.NAMED: _TEXT,
    Kind.DATE: {"type": "string", "nullable": True, "format": "date-time"},
    Kind.INTEGER: {"type": "integer", "nullable": True, "format": "int64"},
    Kind.BOOLEAN: {"type": "boolean", "nullable": True},
    Kind.ACCESSIBLE: {"type": "boolean"},
    Kind.RANGE: _NUMBERS,
    Kind.AGE: {
        "type": "object",
        "nullable": True,
        "properties": {"value": _TEXT, "unit": {"type": "string", "nullable": True}},
        "required": ["value", "unit"],
        "additionalProperties": False,
    },
    Kind.BLOB: {"type": "object", "properties": {}, "additionalProperties": True},
}


def description(catalogs: Iterable[str], default: str, formats: Iterable[str], base: str, *, old: bool) -> Schema:
    """Return the description of the service at `base` that has `catalogs`, and manifests in `formats`."""
    shared = [_catalog(catalogs, default), _filters(old=old)]
    search = [*shared, *_paging(old=old)]
    many = _answer({"hits": _list_of_objects(), "pagination": _object(), "termFacets": _object()})
    entity_id = {"name": "entity_id", "in": "path", "required": True, "schema": _TEXT}
    manifest = [*shared, _query("format", {"type": "string", "enum": [*formats], "default": "compact"})]
    file = [shared[0], *(_query(name, _TEXT) for name in ("version", "fileName", "wait"))]
    paths = {
        "/index/catalogs": {"get": _operation([], _object())},
        "/index/{entity_type}": {
            "get": _operation([*search, _entity_type()], many),
            "post": _operation([*search, _entity_type()], many),
            "head": _operation([*search, _entity_type()], None),
        },
        "/index/{entity_type}/{entity_id}": {"get": _operation([shared[0], _entity_type(), entity_id], _object())},
        "/index/summary": {"get": _operation(shared, _object()), "head": _operation(shared, None)},
        "/manifest/files": {"put": _operation(manifest, None)},
        "/fetch/manifest/files": {"put": _operation(manifest, _object())},
        "/repository/files/{file_uuid}": {"get": _operation(file, None)},
        "/fetch/repository/files/{file_uuid}": {"get": _operation(file, _object())},
        "/repository/sources": {"get": _operation(shared[:1], _object())},
        "/version": {"get": _operation([], _object())},
        "/health": {"get": _operation([], _object())},
    }
    info = {"title": "azul-service-local", "version": _OLD_VERSION if old else _NEW_VERSION, "description": _NOTE}
    return {"openapi": "3.0.1", "info": info, "servers": [{"url": base}], "paths": paths}


def _operation(parameters: list[Schema], content: Schema | None) -> Schema:
    answer: Schema = {"description": "OK"}
    if content is not None:
        answer["content"] = {"application/json": {"schema": content}}
    return {"parameters": parameters, "responses": {"200": answer}}


def _query(name: str, schema: Schema) -> Schema:
    return {"name": name, "in": "query", "required": False, "schema": schema}


def _catalog(names: Iterable[str], default: str) -> Schema:
    return _query("catalog", {"type": "string", "enum": [*names], "default": default})


def _filters(*, old: bool) -> Schema:
    """Return the parameter `filters`: each field with its relations and the values that these take."""
    properties = {name: _field(name, kind) for name, kind in sorted(fields.kinds(old=old).items())}
    schema = {"type": "object", "default": "{}", "properties": properties, "additionalProperties": False}
    names = ", ".join(sorted(properties))
    return {
        "name": "filters",
        "in": "query",
        "required": False,
        "content": {"application/json": {"schema": schema}},
        "description": f"Criteria to filter entities from the search results. Supported field names are: {names}",
    }


def _field(name: str, kind: Kind) -> Schema:
    if kind is Kind.NESTED:
        nullable = {"type": "string", "nullable": True}
        keys = dict.fromkeys(fields.NESTED_KEYS[name], nullable)
        one = {"type": "object", "properties": keys, "additionalProperties": False}
        return _relation("is", {"type": "array", "items": one, "minItems": 1, "maxItems": 1})
    relations = {"is": _VALUES[kind]}
    if kind is Kind.INTEGER:
        relations["within"] = _INTEGERS
    if kind is Kind.RANGE:
        number = {"type": "number"}
        relations |= {"within": _NUMBERS, "contains": {"oneOf": [_NUMBERS, number]}, "intersects": _NUMBERS}
    found = [_relation(relation, {"type": "array", "items": items}) for relation, items in relations.items()]
    return found[0] if len(found) == 1 else {"oneOf": found}


def _relation(relation: str, values: Schema) -> Schema:
    return {
        "type": "object",
        "properties": {relation: values},
        "required": [relation],
        "additionalProperties": False,
    }


def _paging(*, old: bool) -> list[Schema]:
    sortable = sorted(name for name in fields.kinds(old=old) if name != "accessible")
    names = ("search_after", "search_after_uid", "search_before", "search_before_uid")
    most = max(one.most_hits(old=old) for one in documents.TYPES.values())
    return [
        _query("size", {"type": "integer", "default": 10, "minimum": 1, **({"maximum": most} if old else {})}),
        _query("sort", {"type": "string", "enum": sortable}),
        _query("order", {"type": "string", "enum": ["asc", "desc"]}),
        *(_query(name, _TEXT) | {"deprecated": True} for name in names),
    ]


def _entity_type() -> Schema:
    types = [*documents.TYPES]
    return {"name": "entity_type", "in": "path", "required": True, "schema": {"type": "string", "enum": types}}


def _object() -> Schema:
    return {"type": "object", "properties": {}, "additionalProperties": True}


def _list_of_objects() -> Schema:
    return {"type": "array", "items": _object()}


def _answer(properties: dict[str, Schema]) -> Schema:
    return {"type": "object", "properties": properties, "required": [*properties], "additionalProperties": True}
