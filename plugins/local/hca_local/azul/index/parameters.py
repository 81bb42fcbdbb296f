"""Parameters of a request, from the address and from a body, and what is wrong with them (contract §1, §3)."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from hca_local.azul.calls import AzulError, bad_request, not_found

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from hca_local.azul.atlas.values import Atlas, Catalog
    from hca_local.azul.calls import Call

_CATALOG = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_MOST_IN_CATALOG = 64


class Parameters(NamedTuple):
    """The parameters of a request: all that are `given`, which are checked, and those that the service then heeds."""

    given: dict[str, Any]
    heeded: dict[str, Any]


async def hoisted(call: Call) -> Parameters:
    """Return the parameters of the address, and of the JSON object that the body of a POST or PUT may be.

    Where the address has none, of the body the service heeds the filters only, though it checks all (contract §0.3).
    Raises AzulError (400, 413, 415).
    """
    query: dict[str, Any] = dict(call.query)
    body = await _body(call) if call.method in ("POST", "PUT") else {}
    if body.keys() & query.keys():
        raise bad_request("Conflicting keys between body and query parameters")
    given = query | body
    heeded = given if query else {name: value for name, value in body.items() if name == "filters"}
    return Parameters(given, heeded)


async def _body(call: Call) -> dict[str, Any]:
    content = await call.body()
    media_type = call.headers.get("content-type", "").partition(";")[0].strip().lower()
    if call.method == "POST" and media_type != "application/json":
        raise AzulError(415, "UnsupportedMediaType", f"Unsupported media type: {media_type}")
    if not content:
        return {}
    try:
        body = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise bad_request("Error Parsing JSON") from error
    if body is None:
        return {}
    if not isinstance(body, dict):
        raise bad_request("Request body is not a JSON object")
    return body


def validated(given: Mapping[str, Any], allowed: Collection[str]) -> None:
    """Raise AzulError (400) if one of the `given` parameters is not `allowed`."""
    unknown = sorted(given.keys() - set(allowed))
    if unknown:
        word = "parameter" if len(unknown) == 1 else "parameters"
        raise bad_request(f"Unknown query {word} {', '.join(f'`{name}`' for name in unknown)}")


def catalog_of(atlas: Atlas, name: Any) -> Catalog:
    """Return the catalog `name`, the default one for None. Raises AzulError (400, 404)."""
    if name is None:
        return atlas.catalogs[atlas.default]
    if not isinstance(name, str):
        raise bad_request("Invalid value for `catalog`")
    if not _CATALOG.fullmatch(name) or len(name) > _MOST_IN_CATALOG:
        raise bad_request(f"('Catalog name is invalid', {name!r})")
    if name not in atlas.catalogs:
        raise not_found(f"Catalog name {name!r} does not exist. Must be one of {set(atlas.catalogs)}.")
    return atlas.catalogs[name]


def json_of(name: str, text: Any) -> Any:
    """Return what the JSON `text` of the parameter `name` says. Raises AzulError (400)."""
    if not isinstance(text, str):
        raise bad_request(f"Invalid value for `{name}`")
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise bad_request(f"The {name!r} parameter is not valid JSON") from error
