"""The routes of downloads: redirects to signed URLs, and their twins that tell the redirect in the body."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote, urlencode

from starlette.responses import Response

from hca_local.azul import links
from hca_local.azul.calls import AzulError, Route, answer, bad_request, not_found
from hca_local.azul.faults.script import hint
from hca_local.azul.index.parameters import catalog_of
from hca_local.azul.repository import lookup, parameters
from hca_local.azul.storage import addresses

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from hca_local.azul.atlas.values import File, Related
    from hca_local.azul.calls import Call
    from hca_local.azul.repository.parameters import Download

_FETCH = "/fetch"
_REPOSITORY_WAIT = 10  # seconds, of a back end that has to bring a file first; today's has it ready
_GROWTH = 1.3
_LONGEST_SLEEP = 26  # seconds that the service sleeps for a client that can't


class _Found(NamedTuple):
    """A file that can be had, and the catalog that was meant."""

    file: File | Related
    catalog: str


async def get(call: Call) -> ASGIApp:
    """Tell where the bytes of a file are. Raises AzulError (400, 401, 404, 500)."""
    wanted = parameters.parsed(call)
    found = await (_again(call, wanted) if wanted.index else _first(call, wanted))
    if wanted.first_byte == found.file.size:
        # A work-around for curl, which asks for the rest of a file that is complete (contract §8).
        headers = {} if call.azul.is_old else {"Content-Range": f"bytes */{found.file.size}"}
        return Response(b"", 206, headers)
    if wanted.index < hint("redirects", 0):
        return await _later(call, wanted, found)
    url = addresses.of_file(call.azul, call.base, found.file, wanted.file_name or found.file.name)
    return _redirect(call, 302, url)


async def _first(call: Call, wanted: Download) -> _Found:
    """Return the file that the index has. Raises AzulError (401, 404)."""
    files = await lookup.of(call.azul)
    catalog, uuid = catalog_of(files.atlas, wanted.catalog).name, call.ids["file_uuid"]
    file = files.file(catalog, uuid, wanted.version, call.caller)
    if file is None:
        raise not_found(f"Unable to find file {uuid!r}, version {wanted.version!r} in catalog {catalog!r}")
    if file.drs_id is None:
        raise not_found(
            f"File {uuid!r} with version {file.version!r} was found in catalog {catalog!r}, "
            "however no download is currently available"
        )
    return _Found(file, catalog)


async def _again(call: Call, wanted: Download) -> _Found:
    """Return the file that the repository has; the index is not asked any more. Raises AzulError (400, 401, 404)."""
    files = await lookup.of(call.azul)
    if not wanted.drs_uri:
        raise not_found("There is no DRS URI, and so no download")
    if not wanted.drs_uri.startswith("drs://"):
        raise bad_request(f"Not a DRS URI: {wanted.drs_uri!r}")
    stored = files.stored(wanted.drs_uri.rpartition("/")[2])
    if stored is None:
        raise not_found(f"The repository has nothing at {wanted.drs_uri!r}")
    if not stored.is_open_to(call.caller):
        raise AzulError(401, "UnauthorizedError", "The repository refuses the user")
    return _Found(stored.file, catalog_of(files.atlas, wanted.catalog).name)


async def _later(call: Call, wanted: Download, found: _Found) -> ASGIApp:
    """Answer that the file is not ready yet: at first the client comes back soon, then less and less so."""
    seconds = min(hint("wait", _REPOSITORY_WAIT), int(_GROWTH**wanted.index))
    if wanted.waits:
        slept = min(seconds, _LONGEST_SLEEP)
        await asyncio.sleep(slept)
        seconds -= slept
    query = {
        "catalog": found.catalog,
        "version": wanted.version or found.file.version,
        "fileName": wanted.file_name or found.file.name,
        "requestIndex": str(wanted.index + 1),
        "drsUri": wanted.drs_uri or links.drs_uri(found.file, call.base) or "",
    }
    if wanted.waits:
        query["wait"] = "1"
    return _redirect(call, 301, f"{call.base}{quote(call.path)}?{urlencode(query)}", seconds)


def _redirect(call: Call, status: int, location: str, seconds: int = 0) -> Response:
    """Return a redirect, which the fetch route tells in a body; without a wait there is no Retry-After."""
    later = {"Retry-After": seconds} if seconds else {}
    if call.path.startswith(_FETCH):
        return answer({"Status": status, "Location": location, **later})
    headers = {"Location": location, **{name: str(value) for name, value in later.items()}}
    return Response(b"", status, headers)


ROUTES = tuple(Route(("GET",), f"{start}/repository/files/{{file_uuid}}", get) for start in ("", _FETCH))
