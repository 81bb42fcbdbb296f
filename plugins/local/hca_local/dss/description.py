"""The API description: the document that clients read, and the operations that requests are checked against."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from hca_local.dss.parameters import Parameter
from hca_local.server import publishing

_LIMITS = ("enum", "minimum", "maximum", "pattern", "format")


@dataclass(frozen=True)
class Operation:
    """One method of one path, with what its requests must look like.

    `body` is the JSON schema of the body, None for an operation without one; `secured` tells whether a token is asked
    for.
    """

    method: str
    path: str
    parameters: tuple[Parameter, ...]
    body: dict[str, Any] | None
    body_required: bool
    secured: bool


@cache
def document() -> dict[str, Any]:
    """Return the packaged API description."""
    return publishing.packaged("hca_local.dss")


@cache
def published(host: str) -> publishing.Published:
    """Return the description of the service at `host` (`name:port`)."""
    return publishing.published(document() | {"host": host, "schemes": ["http"]})


def operations() -> list[Operation]:
    """Return all operations of the description."""
    return [
        _operation(method.upper(), path, item)
        for path, items in document()["paths"].items()
        for method, item in items.items()
    ]


def _operation(method: str, path: str, item: dict[str, Any]) -> Operation:
    given = item.get("parameters", [])
    bodies = [parameter for parameter in given if parameter["in"] == "body"]
    schema = {**bodies[0]["schema"], "definitions": document()["definitions"]} if bodies else None
    parameters = tuple(
        Parameter(
            name=parameter["name"],
            place=parameter["in"],
            required=parameter.get("required", False),
            type=parameter["type"],
            default=parameter.get("default"),
            limits={key: parameter[key] for key in _LIMITS if key in parameter},
        )
        for parameter in given
        if parameter["in"] != "body"
    )
    required = bool(bodies) and bodies[0].get("required", False)
    return Operation(method, path, parameters, schema, required, "security" in item)
