"""The operations on areas, and the keys for one (contract §3, §4)."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, Response

from hca_local.upload import areas, errors

if TYPE_CHECKING:
    from hca_local.upload.calls import Call

_UUID = re.compile(r"[A-Za-z0-9]{8}(-[A-Za-z0-9]{4}){3}-[A-Za-z0-9]{12}")


async def head(call: Call) -> Response:
    """Tell whether there is an area. Raises UploadError (400, 404)."""
    _check_uuid(call.area)
    call.require_area()
    return Response()


async def post(call: Call) -> Response:
    """Make an area, unless it is there, or was deleted: then it stays so (contract §17). Raises UploadError (400)."""
    _check_uuid(call.area)
    if areas.status(call.records, call.area) is None:
        await call.on_buckets(call.uploads.buckets.prepare)
        await call.change(lambda connection: areas.add(connection, call.area))
    return JSONResponse({"uri": f"s3://{call.uploads.buckets.name}/{call.area}/"}, 201)


async def delete(call: Call) -> Response:
    """Have an area deleted behind the answer. Raises UploadError (404)."""
    if not await call.change(lambda connection: areas.queue_deletion(connection, call.area)):
        raise errors.no_area()
    call.uploads.delete()
    return JSONResponse(None, 202)


async def post_credentials(call: Call) -> Response:
    """Give keys to write into an area. Raises UploadError (404, 409)."""
    call.require_area()
    _check_unlocked(call)
    keys = await call.on_buckets(call.uploads.buckets.issue, call.area, call.uploads.key_seconds)
    _check_unlocked(call)  # not to hand out what was made while somebody locked or deleted the area
    expires = datetime.fromtimestamp(int(keys.expires), UTC).isoformat()
    content = {
        "AccessKeyId": keys.access_key_id,
        "SecretAccessKey": keys.secret,
        "SessionToken": keys.session_token,
        "Expiration": expires,
    }
    return JSONResponse(content, 201, {"Cache-Control": "no-store"})


def _check_unlocked(call: Call) -> None:
    """Raise UploadError (409) if nobody may write into the area."""
    status = areas.status(call.records, call.area)
    if status != areas.UNLOCKED:
        raise errors.not_writable(f"Cannot issue credentials, upload area {call.area} is {status}")


def _check_uuid(uuid: str) -> None:
    """Raise UploadError (400) unless `uuid` looks like one; any letters and digits will do."""
    if not _UUID.fullmatch(uuid):
        raise errors.bad_request(f"{uuid[:100]!r} does not match {_UUID.pattern!r}")
