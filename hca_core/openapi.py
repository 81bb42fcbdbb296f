"""An API description (Swagger 2.0 or OpenAPI 3) as operations: what each is called, what it takes, where that goes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from hca_core.errors import HCAError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

METHODS = ("get", "put", "post", "patch", "delete", "head", "options")


@dataclass(frozen=True)
class Parameter:
    """One argument of an operation; `location` is path, query, header or body, `kind` a JSON type name."""

    name: str
    location: str
    kind: str
    required: bool
    default: Any
    choices: tuple[str, ...]
    of_objects: bool
    description: str

    @property
    def keyword(self) -> str:
        """Name as a Python keyword argument."""
        return re.sub(r"\W", "_", self.name)

    @property
    def flag(self) -> str:
        """Name as an option of the command line."""
        return "--" + self.name.replace("_", "-").replace("/", "-")


@dataclass(frozen=True)
class Operation:
    """One thing the service can do.

    `paths` maps the path parameters that are given to the path that takes them; `answer_headers` are the headers that
    its answers are described to have, spelled as there.
    """

    name: str
    method: str
    paths: Mapping[frozenset[str], str]
    parameters: tuple[Parameter, ...]
    summary: str
    description: str
    paged: bool
    streams: bool
    secured: bool
    has_body: bool
    answer_headers: tuple[str, ...]

    @property
    def command(self) -> str:
        """Name as a verb of the command line."""
        return self.name.replace("_", "-")


@dataclass(frozen=True)
class Api:
    """A described service: its operations by Python name, and the URL that their paths begin at."""

    title: str
    description: str
    base_url: str
    operations: Mapping[str, Operation]


def parse(document: Mapping[str, Any], source: str = "") -> Api:
    """Return the API that `document` describes; `source` is the URL it came from. Raises HCAError if it is none."""
    if not isinstance(document, dict) or not ({"swagger", "openapi"} & document.keys()) or "paths" not in document:
        raise HCAError(f"{source or 'the document'} is not an API description (no 'swagger' or 'openapi' in it)")
    try:
        return _parsed(document, source)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        what = f"{type(error).__name__}: {error}"
        raise HCAError(f"{source or 'the document'} is an API description with an error in it ({what})") from error


def _parsed(document: Mapping[str, Any], source: str) -> Api:
    operations: dict[str, Operation] = {}
    for path, item in document["paths"].items():
        item = _resolve(item, document)
        shared = item.get("parameters", [])
        for method in METHODS:
            if method in item:
                operation = _operation(method, path, _resolve(item[method], document), shared, document)
                operations[operation.name] = _joined(operations.get(operation.name), operation)
    info = document.get("info", {})
    return Api(info.get("title", ""), info.get("description", ""), base_url(document, source), operations)


def operation_name(method: str, path: str) -> str:
    """Return the name of an operation (service contract §14, rule 3).

    Method and fixed path segments joined by `_`; a final `s` goes for POST and PUT, and where the path ends `/{uuid}`.
    """
    segments = [part for part in path.split("/") if part and not part.startswith("{") and part != ".well-known"]
    name = "_".join([method, *segments]).replace("-", "_")
    if name.endswith("s") and (method in ("post", "put") or path.endswith("/{uuid}")):
        name = name[:-1]
    return name


def base_url(document: Mapping[str, Any], source: str = "") -> str:
    """Return the URL that all paths of a description begin at, without a final slash.

    The scheme is the one the description came by where the service offers that, so that a service on loopback needs
    no https.
    """
    came_by = urlsplit(source)
    if "swagger" in document:
        schemes = document.get("schemes") or [came_by.scheme or "https"]
        scheme = came_by.scheme if came_by.scheme in schemes else schemes[0]
        return f"{scheme}://{document.get('host') or came_by.netloc}{document.get('basePath', '')}".rstrip("/")
    server = (document.get("servers") or [{"url": "/"}])[0]
    url = str(server["url"])
    for name, variable in server.get("variables", {}).items():
        url = url.replace("{" + name + "}", str(variable.get("default", "")))
    return str(urljoin(source, url)).rstrip("/")


def inline(document: Any, pointer_key: str = "$ref") -> Any:
    """Return `document` with every internal JSON pointer replaced by what it points to; a circular one is left."""

    def replaced(node: Any, inside: tuple[str, ...]) -> Any:
        if isinstance(node, list):
            return [replaced(item, inside) for item in node]
        if not isinstance(node, dict):
            return node
        pointer = node.get(pointer_key)
        if isinstance(pointer, str) and pointer.startswith("#/"):
            return node if pointer in inside else replaced(_at(pointer, document), (*inside, pointer))
        return {key: replaced(value, inside) for key, value in node.items()}

    return replaced(document, ())


def _operation(
    method: str, path: str, node: Mapping[str, Any], shared: list[Any], document: Mapping[str, Any]
) -> Operation:
    parameters = [_resolve(one, document) for one in [*shared, *node.get("parameters", [])]]
    body, has_body = _body_parameters(node, parameters, document)
    others = {(one["name"], one["in"]): one for one in parameters if one["in"] in ("path", "query", "header")}
    taken = [*body, *(_parameter(one, one["in"], document) for one in others.values())]
    responses = node.get("responses", {})
    named = {part[1:-1] for part in path.split("/") if part.startswith("{")}
    return Operation(
        name=operation_name(method, path),
        method=method.upper(),
        paths={frozenset(named): path},
        parameters=tuple(_unique(taken)),
        summary=str(node.get("summary", "")).strip(),
        description=str(node.get("description", "")).strip(),
        paged="206" in responses,
        streams="302" in responses,
        secured=bool(node.get("security")),
        has_body=has_body,
        answer_headers=tuple({name: None for one in responses.values() for name in _headers(one, document)}),
    )


def _headers(response: Any, document: Mapping[str, Any]) -> Mapping[str, Any]:
    headers: Mapping[str, Any] = _resolve(response, document).get("headers", {})
    return headers


def _unique(parameters: list[Parameter]) -> Iterator[Parameter]:
    seen = set()
    for parameter in parameters:
        if parameter.keyword not in seen:
            seen.add(parameter.keyword)
            yield parameter


def _body_parameters(
    node: Mapping[str, Any], parameters: list[Any], document: Mapping[str, Any]
) -> tuple[list[Parameter], bool]:
    """Return the properties of an operation's JSON body as parameters, and whether it has a JSON body."""
    schema = next((one.get("schema") for one in parameters if one["in"] == "body"), None)
    if "requestBody" in node:
        content = _resolve(node["requestBody"], document).get("content", {})
        schema = content.get("application/json", {}).get("schema")
    if schema is None:
        return [], False
    found: list[Parameter] = []
    whole = _resolve(schema, document)
    for part in [whole, *(_resolve(one, document) for one in whole.get("allOf", []))]:
        required = part.get("required", [])
        for name, definition in part.get("properties", {}).items():
            definition = {**_resolve(definition, document), "name": name, "required": name in required}
            found.append(_parameter(definition, "body", document))
    return found, True


def _parameter(node: Mapping[str, Any], location: str, document: Mapping[str, Any]) -> Parameter:
    # OpenAPI 3 keeps the type of a parameter in a schema of its own; Swagger 2 has it right there.
    schema = _resolve(node["schema"], document) if location != "body" and "schema" in node else node
    items = _resolve(schema.get("items", {}), document)
    return Parameter(
        name=node["name"],
        location=location,
        kind=str(schema.get("type", "object" if "properties" in schema else "string")),
        required=bool(node.get("required")) or location == "path",
        default=schema.get("default"),
        choices=tuple(str(one) for one in schema.get("enum", ())),
        of_objects=items.get("type") == "object" or "properties" in items,
        description=" ".join(str(node.get("description") or schema.get("description", "")).split()),
    )


def _joined(known: Operation | None, operation: Operation) -> Operation:
    """Join two operations of one name: which path is meant depends on the path parameters that are given."""
    if known is None:
        return operation
    both = {one.keyword: one for one in (*operation.parameters, *known.parameters)}
    optional = {
        name
        for name, one in both.items()
        if not all(any(name == other.keyword for other in side.parameters) for side in (known, operation))
    }
    parameters = tuple(
        Parameter(**{**vars(one), "required": one.required and name not in optional}) for name, one in both.items()
    )
    return Operation(**{**vars(known), "paths": {**known.paths, **operation.paths}, "parameters": parameters})


def _resolve(node: Any, document: Mapping[str, Any]) -> Any:
    for _ in range(20):
        pointer = node.get("$ref") if isinstance(node, dict) else None
        if not isinstance(pointer, str):
            return node
        node = _at(pointer, document)
    raise HCAError("the API description refers to itself in a circle")


def _at(pointer: str, document: Any) -> Any:
    node = document
    for part in pointer.removeprefix("#/").split("/"):
        key = part.replace("~1", "/").replace("~0", "~")
        try:
            node = node[int(key)] if isinstance(node, list) else node[key]
        except (KeyError, IndexError, ValueError, TypeError):
            raise HCAError(f"the API description refers to {pointer}, which it does not have") from None
    return node
