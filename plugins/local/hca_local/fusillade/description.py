"""The API description: the document that clients read, and the operations that requests are checked against."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from typing import Any

from hca_local.server import publishing

# The other operations of the document belong to the provider of logins.
PREFIX = "/v1/"


@dataclass(frozen=True)
class Parameter:
    """A parameter in path or query; `schema` is what it must look like."""

    name: str
    place: str
    required: bool
    schema: dict[str, Any]


@dataclass(frozen=True)
class Operation:
    """One method of one path, with what its requests must look like; `body` is the schema, None for no body."""

    method: str
    path: str
    parameters: tuple[Parameter, ...]
    body: dict[str, Any] | None
    body_required: bool


@cache
def document() -> dict[str, Any]:
    """Return the packaged API description."""
    return publishing.packaged("hca_local.fusillade")


@cache
def published(host: str) -> publishing.Published:
    """Return the description of the service at `host` (`name:port`)."""
    return publishing.published(document() | {"servers": [{"url": f"http://{host}"}]})


@cache
def operations() -> dict[tuple[str, ...], dict[str, Operation]]:
    """Return the operations under /v1, by the segments of their path and by method."""
    found: dict[tuple[str, ...], dict[str, Operation]] = defaultdict(dict)
    for path, items in document()["paths"].items():
        if path.startswith(PREFIX):
            for method, item in items.items():
                found[tuple(path.split("/")[1:])][method.upper()] = _operation(method.upper(), path, item)
    return dict(found)


def _operation(method: str, path: str, item: dict[str, Any]) -> Operation:
    parameters = tuple(_parameter(_resolved(node)) for node in item.get("parameters", ()))
    body = item.get("requestBody", {})
    schema = _complete(body["content"]["application/json"]["schema"]) if body else None
    return Operation(method, path, parameters, schema, body.get("required", False))


def _parameter(node: dict[str, Any]) -> Parameter:
    return Parameter(node["name"], node["in"], node["required"], _complete(_resolved(node["schema"])))


def _resolved(node: dict[str, Any]) -> dict[str, Any]:
    for part in node.get("$ref", "").split("/")[1:]:
        node = node[part] if part in node else document()[part]
    return node


def _complete(schema: dict[str, Any]) -> dict[str, Any]:
    """Return `schema` with the others that it may refer to."""
    return {**schema, "components": document()["components"]}
