"""An API description (Swagger 2.0 or OpenAPI 3) as operations: what each is called, what it takes, where that goes."""

from __future__ import annotations

import re
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from hca_core.errors import HCAError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
WHOLE_BODY = "whole body"  # the location of a parameter that is the body, not a property of it
_OUTSIDE = ("path", "query", "header")
METHODS = ("get", "put", "post", "patch", "delete", "head", "options")


class Parameter(NamedTuple):
    """One argument of an operation; `location` is path, query, header, body or WHOLE_BODY, `kind` a JSON type name."""

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


class _Route(NamedTuple):
    """One path of an operation, its node in the description, and the parameters that all methods of the path share."""

    path: str
    node: Mapping[str, Any]
    shared: list[Any]

    @property
    def named(self) -> frozenset[str]:
        return frozenset(part[1:-1] for part in self.path.split("/") if part.startswith("{"))


class Operation:
    """One thing the service can do; what a help page does not need is worked out when it is asked for.

    Several paths may have one name (`GET /x` and `GET /x/{id}`): which is meant depends on the arguments given.
    """

    def __init__(self, name: str, method: str, routes: tuple[_Route, ...], document: Mapping[str, Any]) -> None:
        node = routes[0].node
        responses = node.get("responses", {})
        self.name = name
        self.method = method
        self.summary = str(node.get("summary", "")).strip()
        self.description = str(node.get("description", "")).strip()
        self.paged = "206" in responses
        self.streams = "302" in responses
        self.secured = any(bool(route.node.get("security")) for route in routes)
        self._routes = routes
        self._document = document

    @property
    def command(self) -> str:
        """Name as a verb of the command line."""
        return self.name.replace("_", "-")

    @cached_property
    def paths(self) -> dict[frozenset[str], str]:
        """The path for each set of path parameters that may be given."""
        return {route.named: route.path for route in self._routes}

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        """The arguments, those of the body first. Raises HCAError if the description of one has an error in it."""
        with _told(f"the description of {self.name}"):
            found = [_parameters(route, self._document) for route in self._routes]
            return found[0] if len(found) == 1 else _joined(found)

    @cached_property
    def body_type(self) -> str | None:
        """The content type of the body that is sent, JSON or FORM; None without one."""
        bodies = [_body(route, self._document) for route in self._routes]
        return next((body[0] for body in bodies if body is not None), None)

    @cached_property
    def answer_headers(self) -> tuple[str, ...]:
        """The headers that answers are described to have, spelled as there."""
        answers = self._routes[0].node.get("responses", {}).values()
        return tuple({name: None for one in answers for name in _resolve(one, self._document).get("headers", {})})


class Api(NamedTuple):
    """A described service: its operations by Python name, and the document it was described by."""

    title: str
    description: str
    document: Mapping[str, Any]
    source: str
    operations: Mapping[str, Operation]

    @property
    def base_url(self) -> str:
        """The URL that all paths begin at; a help page does not need it. Raises HCAError."""
        with _told(self.source or "the document"):
            return base_url(self.document, self.source)

    def check(self) -> Api:
        """Work out everything, and return itself. Raises HCAError if the description has an error in it."""
        _ = self.base_url
        for operation in self.operations.values():
            with _told(f"the description of {operation.name}"):
                _ = operation.parameters, operation.body_type, operation.answer_headers
        return self


def parse(document: Mapping[str, Any], source: str = "") -> Api:
    """Return the API that `document` describes; `source` is the URL it came from. Raises HCAError if it is none.

    Errors further down in it are raised when they are met, or by `check`.
    """
    if not isinstance(document, dict) or not ({"swagger", "openapi"} & document.keys()) or "paths" not in document:
        raise HCAError(f"{source or 'the document'} is not an API description (no 'swagger' or 'openapi' in it)")
    with _told(source or "the document"):
        routes: dict[tuple[str, str], list[_Route]] = {}
        for path, item in document["paths"].items():
            item = _resolve(item, document)
            for method in METHODS:
                if method in item:
                    route = _Route(path, _resolve(item[method], document), item.get("parameters", []))
                    routes.setdefault((operation_name(method, path), method.upper()), []).append(route)
        operations = {name: Operation(name, method, tuple(found), document) for (name, method), found in routes.items()}
        info = document.get("info", {})
        return Api(info.get("title", ""), info.get("description", ""), document, source, operations)


@contextmanager
def _told(what: str) -> Iterator[None]:
    """Turn what goes wrong with a document of the wrong shape into one sentence."""
    try:
        yield
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        if isinstance(error, HCAError):
            raise
        why = f"{type(error).__name__}: {error}"
        raise HCAError(f"{what} is an API description with an error in it ({why})") from error


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
    from urllib.parse import urljoin, urlsplit

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


def _parameters(route: _Route, document: Mapping[str, Any]) -> tuple[Parameter, ...]:
    nodes = [_resolve(one, document) for one in [*route.shared, *route.node.get("parameters", [])]]
    # A parameter of the operation replaces the one of the same name that all methods of the path share.
    others = {(one["name"], one["in"]): one for one in nodes if one["in"] in _OUTSIDE}
    taken = [*_body_parameters(route, document), *(_parameter(one, one["in"], document) for one in others.values())]
    unique: dict[str, Parameter] = {}
    for parameter in taken:
        unique.setdefault(parameter.keyword, parameter)
    return tuple(unique.values())


def _body(route: _Route, document: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]] | None:
    """Return content type and schema of a route's body, None if it takes none that we can send."""
    if "requestBody" in route.node:
        content = _resolve(route.node["requestBody"], document).get("content", {})
        found = next((one for one in (JSON, FORM) if "schema" in content.get(one, {})), None)
        return (found, _resolve(content[found]["schema"], document)) if found else None
    nodes = [_resolve(one, document) for one in [*route.shared, *route.node.get("parameters", [])]]
    schema = next((one.get("schema") for one in nodes if one["in"] == "body"), None)
    return (JSON, _resolve(schema, document)) if schema is not None else None


def _body_parameters(route: _Route, document: Mapping[str, Any]) -> list[Parameter]:
    """Return the properties of a route's body as parameters; a body that is a list is one parameter."""
    body = _body(route, document)
    if body is None:
        return []
    whole = body[1]
    if whole.get("type") == "array":
        # It has no name: that of what the path leads to says best what the list holds.
        name = next((part for part in reversed(route.path.split("/")) if part and not part.startswith("{")), "body")
        return [_parameter({**whole, "name": name, "required": True}, WHOLE_BODY, document)]
    found: list[Parameter] = []
    for part in [whole, *(_resolve(one, document) for one in whole.get("allOf", []))]:
        required = part.get("required", [])
        for name, definition in part.get("properties", {}).items():
            definition = {**_resolve(definition, document), "name": name, "required": name in required}
            found.append(_parameter(definition, "body", document))
    return found


def _parameter(node: Mapping[str, Any], location: str, document: Mapping[str, Any]) -> Parameter:
    # OpenAPI 3 keeps the type of a parameter in a schema of its own; Swagger 2 has it right there.
    schema = _resolve(node["schema"], document) if location in _OUTSIDE and "schema" in node else node
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


def _joined(routes: list[tuple[Parameter, ...]]) -> tuple[Parameter, ...]:
    """Join the parameters of several paths of one name; what not all of them have is optional."""
    both = {one.keyword: one for parameters in reversed(routes) for one in parameters}
    everywhere = set.intersection(*({one.keyword for one in parameters} for parameters in routes))
    return tuple(one._replace(required=one.required and name in everywhere) for name, one in both.items())


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
