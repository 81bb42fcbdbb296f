"""POST of a search: a page of the bundles whose metadata match a query, the largest uuid first."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from hca_local import documents
from hca_local.dss import paging
from hca_local.search import queries
from hca_local.search.searcher import TooLongError
from hca_local.server import problems
from hca_local.store import reading

if TYPE_CHECKING:
    from pathlib import Path
    from sqlite3 import Connection

    from starlette.responses import Response

    from hca_local.dss.calls import Call

    Key = tuple[str, str]

# With metadata, whatever is asked for: they are large.
_RAW_PER_PAGE = 10


async def post(call: Call) -> Response:
    """Answer with a page of bundles. A page that is just full has a next one, which may be empty."""
    wanted = call.parameters
    query = queries.parse(call.body["es_query"])
    is_raw = wanted["output_format"] == "raw"
    per_page = _RAW_PER_PAGE if is_raw else wanted["per_page"]
    try:
        page = await call.deployment.searcher.page(call.replica, query, _after(wanted["search_after"]), per_page)
        results = [_result(call, key) for key in page.keys]
        if is_raw:
            for result, metadata in zip(results, await _metadata(call, page.keys), strict=True):
                result["metadata"] = metadata
    except TooLongError:
        return problems.timed_out()
    body = {"es_query": call.body["es_query"], "total_hits": page.total, "results": results}
    following = _url_after(call, page.keys[-1], per_page) if len(page.keys) == per_page else None
    return paging.response(json.dumps(body), "results", following, quote='"')


def _after(text: str | None) -> Key | None:
    """Return the place after which the page begins. Raises ProblemError (400)."""
    if text is None:
        return None
    uuid, comma, version = text.partition(",")
    if not comma or "," in version:
        raise queries.QueryError("search_after has to have two values, the uuid and the version of a bundle")
    return uuid, version


def _result(call: Call, key: Key) -> dict[str, Any]:
    uuid, version = key
    return {
        "bundle_fqid": f"{uuid}.{version}",
        "bundle_url": f"{call.base}/v1/bundles/{uuid}?{urlencode({'version': version, 'replica': call.replica})}",
        "search_score": None,
    }


async def _metadata(call: Call, keys: list[Key]) -> list[dict[str, Any]]:
    """Return what the index knows of bundles. Raises TooLongError."""
    replica, blobs = call.replica, call.deployment.directory.blobs

    def read(connection: Connection) -> list[dict[str, Any]]:
        return [_document(connection, blobs, replica, key) for key in keys]

    return await call.deployment.searcher.run(read)


def _document(connection: Connection, blobs: Path, replica: str, key: Key) -> dict[str, Any]:
    bundle = reading.any_bundle(connection, replica, ".".join(key))
    assert bundle is not None  # noqa: S101 - it was found, and bundles never go away
    stone = reading.tombstone_over(connection, replica, bundle)
    if stone is not None:
        return documents.tombstone_index_document(bundle, stone)
    return documents.Documents(connection, blobs, bundle).index


def _url_after(call: Call, last: Key, per_page: int) -> str:
    """Return the URL of the next page, without what else was in the query of this one.

    Clients send their own query again on top of it, and it would grow from page to page.
    """
    query = {
        "per_page": per_page,
        "replica": call.replica,
        "search_after": ",".join(last),
        "output_format": call.parameters["output_format"],
    }
    return f"{call.base}{call.path}?{urlencode(query)}"
