"""The routes that are about the service and not about data (contract §1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import HTMLResponse

from hca_local.azul.about.description import description
from hca_local.azul.calls import Route, answer, bad_request, not_found
from hca_local.azul.index import parameters
from hca_local.azul.manifests import formats

if TYPE_CHECKING:
    from starlette.responses import Response

    from hca_local.azul.calls import Call

_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Azul of hca local</title></head><body>
<h1>A stand-in for Azul</h1>
<p>This is <code>hca local</code> on this machine, not the service of the Human Cell Atlas. Projects, donors and reads
are invented; they are those of the embedded Data Storage System, and a few more.</p>
<ul>
<li><a href="/openapi">/openapi</a>, <a href="/index/catalogs">/index/catalogs</a>,
<a href="/index/projects">/index/projects</a>, <a href="/index/summary">/index/summary</a></li>
<li>the mirror: <code>/mirror</code></li>
</ul>
<p>In a shell: <code>eval "$(hca local env)"</code>, then <code>hca azul --help</code>.</p>
</body></html>
"""
_KEYS = ("api_endpoints", "elasticsearch", "other_lambdas", "progress", "queues")
_SETS = {"basic": ("elasticsearch",), "fast": ("elasticsearch", "queues", "api_endpoints"), "cached": _KEYS}


async def _start(call: Call) -> Response:
    return HTMLResponse(_PAGE)


async def _openapi(call: Call) -> Response:
    parameters.validated(dict(call.query), ())
    atlas = await call.azul.atlas()
    old = call.azul.is_old
    document = description(atlas.catalogs, atlas.default, formats.names(old), call.base, old=old)
    return answer(document, headers={"Cache-Control": "public, max-age=500"})


async def _version(call: Call) -> Response:
    import importlib.metadata

    parameters.validated(dict(call.query), ())
    version = importlib.metadata.version("hca-plugin-local")
    change = {"title": f"A stand-in of hca local {version} with invented data", "issues": [], "upgrade": []}
    return answer({"git": {"commit": f"hca-local-{version}", "dirty": False}, "changes": [change]})


async def _health(call: Call) -> Response:
    given = dict(call.query)
    parameters.validated(given, ("catalog",))
    atlas = await call.azul.atlas()
    catalog = parameters.catalog_of(atlas, given.get("catalog"))
    wanted = call.ids.get("keys", "")
    if wanted == "cached" and catalog.name != atlas.default:
        raise not_found(f"The health of the catalog {catalog.name!r} is not cached")
    keys = _SETS.get(wanted) or (tuple(wanted.split(",")) if wanted else _KEYS)
    if not set(keys) <= set(_KEYS):
        raise bad_request("Invalid health keys")
    return answer({"up": True, **{key: {"up": True} for key in keys}})


ROUTES = (
    Route(("GET",), "/", _start),
    Route(("GET",), "/openapi", _openapi),
    # Where the newest known description of the service says that it lies.
    Route(("GET",), "/openapi.json", _openapi),
    Route(("GET",), "/version", _version),
    Route(("GET",), "/health", _health),
    Route(("GET",), "/health/{keys}", _health),
)
