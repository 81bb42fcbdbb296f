"""The routes of catalogs, search and sources (contract §2, §3, §6, §10)."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from hca_local.azul.calls import Route, answer, bad_request, not_found, opaque
from hca_local.azul.index import documents, facets, fields, hits, paging, parameters, selecting, summaries

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hca_local.azul.access import Caller
    from hca_local.azul.atlas.values import Catalog
    from hca_local.azul.calls import Call
    from hca_local.azul.index.documents import EntityType
    from hca_local.azul.index.filters import Filters

_CATALOG = ("catalog",)
_SUMMARY = ("catalog", "filters")
_SEARCH = (
    "catalog", "filters", "order", "search_after", "search_after_uid", "search_before", "search_before_uid", "size",
    "sort",
)  # fmt: skip
_ORDERS = ("asc", "desc")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)


async def _catalogs(call: Call) -> Response:
    parameters.validated(dict(call.query), ())
    atlas = await call.azul.atlas()
    indices = {one.name: {"default_sort": one.sort, "default_order": one.order} for one in documents.TYPES.values()}
    found = {
        one.name: {
            "atlas": one.atlas,
            "internal": one.internal,
            "plugins": {
                "metadata": {"name": "hca", "indices": indices},
                "repository": {"name": "tdr_hca", "sources": [source.spec for source in one.sources]},
            },
        }
        for one in atlas.catalogs.values()
    }
    return answer({"default_catalog": atlas.default, "catalogs": found})


async def _sources(call: Call) -> Response:
    given = dict(call.query)
    parameters.validated(given, _CATALOG)
    catalog = parameters.catalog_of(await call.azul.atlas(), given.get("catalog"))
    readable = call.caller.sources(catalog)
    rows = [{"sourceId": one.id, "sourceSpec": one.spec} for one in catalog.sources if one.id in readable]
    return answer({"sources": rows})


async def _search(call: Call) -> Response:
    query = await _query(call)
    caller = call.caller
    result = await asyncio.to_thread(_result, query, call, caller)
    return Response() if call.method == "HEAD" else answer(result)


@dataclass(frozen=True)
class _Query:
    """What a search is for."""

    catalog: Catalog
    entity_type: EntityType
    filters: Filters
    order: paging.Order
    cursor: paging.Cursor | None


async def _query(call: Call) -> _Query:
    """Return what a search is for. Raises AzulError (400, 401, 403, 404, 500)."""
    given, heeded = await parameters.hoisted(call)
    parameters.validated(given, _SEARCH)
    atlas, old = await call.azul.atlas(), call.azul.is_old
    # Checked is what is given, and then some of it is not heeded: as the service has it (contract §0.3).
    catalog = parameters.catalog_of(atlas, given.get("catalog"))
    filters = selecting.parsed(given.get("filters"), catalog, call.caller, old=old)
    _check(given, call.ids["entity_type"], old=old)
    entity_type = _entity_type(call, catalog)
    order = _order(heeded, entity_type)
    paging.check_sort(order.field, old=old)
    cursor = paging.cursor(heeded.get("search_after"), heeded.get("search_before"))
    return _Query(parameters.catalog_of(atlas, heeded.get("catalog")), entity_type, filters, order, cursor)


def _result(query: _Query, call: Call, caller: Caller) -> dict[str, Any]:
    """Return the document that answers a search of `caller`. Raises AzulError (500)."""
    name, old = query.entity_type.name, call.azul.is_old
    found = selecting.chosen(query.catalog, name, query.filters, caller, old=old)
    page = paging.page(found.chosen, query.order, query.cursor)
    if call.method == "HEAD":
        return {}
    telling = hits.Telling(query.catalog.name, call.base, old)
    link = {"catalog": query.catalog.name, "filters": selecting.canonical(query.filters)}
    address = call.base + call.path
    return {
        "hits": [hits.hit(one, name, telling, accessible=found.is_accessible(one)) for one in page.documents],
        "pagination": paging.described(page, query.order, len(found.chosen), address, link),
        "termFacets": facets.of(found),
    }


def _entity_type(call: Call, catalog: Catalog) -> EntityType:
    """Return the type of entities in the path. Raises AzulError (400)."""
    name = call.ids["entity_type"]
    if name not in documents.TYPES:
        types = set(documents.TYPES)
        text = f"Entity type {name!r} is invalid for catalog {catalog.name!r}. Must be one of {types}."
        raise bad_request(text)
    return documents.TYPES[name]


def _check(given: Mapping[str, Any], entity_type: str, *, old: bool) -> None:
    """Raise AzulError for an order, a cursor, a size or a field to sort by that can't be (400, 500)."""
    order = given.get("order", "asc")
    if order not in _ORDERS:
        raise bad_request(f"Unknown order `{order}`. Must be one of {_ORDERS}")
    for name in ("search_after", "search_before"):
        if name in given:
            parameters.json_of(name, given[name])
    if "size" in given:
        _check_size(given["size"], entity_type, old=old)
    sort = given.get("sort", "entryId")
    if sort not in fields.kinds(old=old) or sort == "accessible":
        raise bad_request(f"Unknown field `{sort}`")


def _check_size(given: Any, entity_type: str, *, old: bool) -> None:
    if entity_type not in documents.TYPES:
        raise opaque()
    most = documents.TYPES[entity_type].most_hits(old=old)
    try:
        size = int(given)
    except (TypeError, ValueError) as error:
        raise bad_request("Invalid value for parameter `size`") from error
    if size > most:
        raise bad_request(f"Invalid value for parameter `size`, must not be greater than {most}")
    if size < 1:
        raise bad_request("Invalid value for parameter `size`, must be greater than 0")


def _order(heeded: Mapping[str, Any], entity_type: EntityType) -> paging.Order:
    field = heeded.get("sort", entity_type.sort)
    return paging.Order(field, heeded.get("order", entity_type.order), int(heeded.get("size", 10)))


async def _entity(call: Call) -> Response:
    given = dict(call.query)
    parameters.validated(given, _SEARCH)
    catalog = parameters.catalog_of(await call.azul.atlas(), given.get("catalog"))
    entity_type, id = _entity_type(call, catalog).name, call.ids["entity_id"]
    if not _UUID.fullmatch(id):
        raise bad_request(f"('Not a valid UUID', {id!r})")
    found = selecting.chosen(catalog, entity_type, {}, call.caller, old=call.azul.is_old)
    document = next((one for one in found.chosen if one.id == id), None)
    if document is None:
        raise not_found(f"Can't find an entity in {entity_type} with an uuid, {id}.")
    telling = hits.Telling(catalog.name, call.base, call.azul.is_old)
    return answer(hits.hit(document, entity_type, telling, accessible=found.is_accessible(document)))


async def _summary(call: Call) -> Response:
    given = dict(call.query)
    parameters.validated(given, _SUMMARY)
    catalog = parameters.catalog_of(await call.azul.atlas(), given.get("catalog"))
    caller, old = call.caller, call.azul.is_old
    filters = selecting.parsed(given.get("filters"), catalog, caller, old=old)

    def work() -> dict[str, Any]:
        found = selecting.chosen(catalog, "files", filters, caller, old=old)
        projects = dict.fromkeys(document.project for document in found.chosen)
        return summaries.summary(found.chosen, projects)

    result = await asyncio.to_thread(work)
    return Response() if call.method == "HEAD" else answer(result)


ROUTES = (
    Route(("GET",), "/index/catalogs", _catalogs),
    Route(("GET", "HEAD"), "/index/summary", _summary),
    Route(("GET", "HEAD", "POST"), "/index/{entity_type}", _search),
    Route(("GET",), "/index/{entity_type}/{entity_id}", _entity),
    Route(("GET",), "/repository/sources", _sources),
)
