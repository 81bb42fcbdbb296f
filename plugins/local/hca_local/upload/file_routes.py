"""The operations on files (contract §5)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from starlette.responses import JSONResponse

from hca_core import checksums as sums_of
from hca_local.upload import areas, calls, checksums, errors, records, tags

if TYPE_CHECKING:
    from sqlite3 import Connection

    from starlette.responses import Response

    from hca_core.checksums import Checksums
    from hca_local.upload.buckets.values import Held
    from hca_local.upload.calls import Call


_AT_ONCE = 8  # files that are looked up at once: on a server elsewhere each takes its time
# Tells which type of the platform's data a file is.
_TYPE_PARAMETER = "dcp-type"


async def put(call: Call) -> Response:
    """Store a small file, with its checksums; the same content is not written again. Raises UploadError."""
    call.require_area()
    content_type = _checked_type(call.headers.get("content-type", ""))
    if not records.may_be(call.area, call.name):
        raise errors.bad_request("The name of the file is too long, or none.")
    _check_takes_files(call)
    sums = await call.uploads.in_thread(sums_of.of_bytes, call.body)
    held = await call.on_buckets(_stored, call, content_type, sums)
    await call.change(lambda connection: _note(connection, call, held, sums))
    if not _takes_files(call):  # its deletion may have gone past this file
        await call.on_buckets(call.uploads.buckets.empty, f"{call.area}/", lambda: False)
        _check_takes_files(call)
    return JSONResponse(_info(call, call.name, held), 201)


async def post(call: Call) -> Response:
    """Have the checksums of a file computed that is in S3 now; nobody looks whether it is. Raises UploadError (404)."""
    if not await call.change(lambda connection: records.note(connection, call.area, call.name)):
        raise errors.no_area()
    call.uploads.look()
    return JSONResponse(None, 202)


async def get(call: Call) -> Response:
    """Show a file. Raises UploadError (404)."""
    call.require_area()
    return JSONResponse(_info(call, call.name, await call.held(call.name)))


async def put_files_info(call: Call) -> Response:
    """Show the files that the body names; all or none. Raises UploadError (400, 404)."""
    wanted = calls.names(call.document())
    call.require_area()
    at_once = asyncio.Semaphore(_AT_ONCE)

    async def looked_up(name: str) -> dict[str, Any]:
        async with at_once:
            return await _looked_up(call, name)

    return JSONResponse(await asyncio.gather(*map(looked_up, wanted)))


async def _looked_up(call: Call, name: str) -> dict[str, Any]:
    """Return the file `name` as it stands, or as the published client writes it: with percent signs."""
    try:
        return _info(call, name, await call.held(name))
    except errors.UploadError as error:
        decoded = _decoded(name)
        if error.status != 404 or decoded == name:
            raise
        return _info(call, decoded, await call.held(decoded))


def _decoded(name: str) -> str:
    """Return what `name` stands for if it has percent signs; as it is if that is no text."""
    try:
        return unquote(name, errors="strict")
    except UnicodeDecodeError:
        return name


def _checked_type(content_type: str) -> str:
    """Return `content_type` if it has the parameter that it must have. Raises UploadError (400)."""
    parameters = dict(part.strip().lower().partition("=")[::2] for part in content_type.split(";")[1:])
    if not parameters.get(_TYPE_PARAMETER) or not content_type.isascii():
        wanted = f"for example application/json; {_TYPE_PARAMETER}=metadata"
        detail = f"Content-Type is missing the parameter {_TYPE_PARAMETER!r}, {wanted}"
        raise errors.UploadError(400, "Invalid Content-Type", detail)
    return content_type


def _stored(call: Call, content_type: str, sums: Checksums) -> Held:
    """Write the object of a file with its checksums, unless it is there, and return it."""
    buckets, key = call.uploads.buckets, records.key_of(call.area, call.name)
    held = buckets.find(key)
    # The crc32c is what a client claims; an object whose ETag is another has other bytes.
    if held is None or tags.promised(held) != sums.crc32c or held.etag != sums.s3_etag:
        return buckets.put(key, call.body, content_type, tags.metadata(sums), tags.of(sums))
    if tags.found(held.tags) == tags.told(sums):
        return held
    buckets.tag(held, tags.of(sums))
    return buckets.find(key) or held


def _note(connection: Connection, call: Call, held: Held, sums: Checksums) -> None:
    if areas.is_extant(connection, call.area):
        checksums.computed(connection, call.area, call.name, held, sums)


def _takes_files(call: Call) -> bool:
    return areas.is_extant(call.records, call.area) and areas.status(call.records, call.area) not in areas.GOING


def _check_takes_files(call: Call) -> None:
    """Raise UploadError (404, 409) if the area is gone or going; one that is locked takes files of the service."""
    call.require_area()
    if not _takes_files(call):
        raise errors.not_writable(f"Upload area {call.area} is {areas.status(call.records, call.area)}")


def _info(call: Call, name: str, held: Held) -> dict[str, Any]:
    """Return a file as clients see it; its checksums are there when all of them are."""
    return {
        "upload_area_id": call.area,
        "name": name,
        "size": held.size,
        "content_type": held.content_type,
        "url": f"s3://{call.uploads.buckets.name}/{held.key}",
        "checksums": tags.found(held.tags),
        "last_modified": held.modified.isoformat(),
    }
