"""The DRS service that the DRS URIs of the atlas lead to, as that of the repository is (contract §9)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hca_local.azul import links
from hca_local.azul.calls import Route, answer
from hca_local.azul.repository import lookup
from hca_local.azul.storage import addresses

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.types import ASGIApp

    from hca_local.azul.atlas.values import File, Related
    from hca_local.azul.calls import Call

_OBJECT = "/ga4gh/drs/v1/objects/{object_id}"
_ACCESS_ID = "gcp-us-central1"
_BUCKET = "hca-local-snapshot"


async def get_object(call: Call) -> ASGIApp:
    """Describe an object: its checksums, and how to get at its bytes. Raises AzulError (401)."""
    found = await _found(call)
    return found if not isinstance(found, lookup.Stored) else answer(_described(found.file, call.base))


async def get_access(call: Call) -> ASGIApp:
    """Give the signed URL of an object. Raises AzulError (401)."""
    found = await _found(call)
    if not isinstance(found, lookup.Stored):
        return found
    if call.ids["access_id"] != _ACCESS_ID:
        return _problem(400, f"Invalid access id {call.ids['access_id']!r}")
    return answer({"url": addresses.of_file(call.azul, call.base, found.file, found.file.name)})


async def _found(call: Call) -> lookup.Stored | Response:
    """Return what the repository has under an id, or the answer to a request for what this caller can't have."""
    stored = (await lookup.of(call.azul)).stored(call.ids["object_id"])
    if stored is None:
        return _problem(404, f"There is no object {call.ids['object_id']!r}")
    if not stored.is_open_to(call.caller):
        return _problem(403, "The caller may not read the snapshot of this object")
    return stored


def _described(file: File | Related, base: str) -> dict[str, Any]:
    """Return the description of an object: its `gs://` address is for Google's tools, the access id for all."""
    name = file.name.rpartition("/")[2]
    return {
        "id": file.drs_id,
        "name": name,
        "self_uri": links.drs_uri(file, base),
        "size": file.size,
        "created_time": file.version,
        "updated_time": file.version,
        "version": "0",
        "mime_type": file.content_type.partition(";")[0],
        "checksums": [
            {"checksum": file.sha256, "type": "sha256"},
            {"checksum": file.crc32c, "type": "crc32c"},
        ],
        "access_methods": [
            {
                "type": "gs",
                "region": "us-central1",
                "access_url": {"url": f"gs://{_BUCKET}/{file.sha256}/{name}", "headers": None},
                "access_id": _ACCESS_ID,
            }
        ],
        "aliases": [],
    }


def _problem(status: int, message: str) -> Response:
    """Return an error as the repository tells it: not in the way of Azul."""
    return answer({"msg": message, "status_code": status}, status)


ROUTES = (
    Route(("GET",), _OBJECT, get_object),
    Route(("GET",), f"{_OBJECT}/access/{{access_id}}", get_access),
)
