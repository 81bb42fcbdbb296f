"""The operations on checksums (contract §6, §8)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse, Response

from hca_local.upload import checksums, errors, records, tags

if TYPE_CHECKING:
    from hca_local.upload.calls import Call

# What each checksum looks like, in lower case.
_FORMS = {
    "sha1": re.compile("[0-9a-f]{40}"),
    "sha256": re.compile("[0-9a-f]{64}"),
    "crc32c": re.compile("[0-9a-f]{8}"),
    "s3_etag": re.compile("[0-9a-f]{32}(-[1-9][0-9]{0,4})?"),
}


async def get(call: Call) -> Response:
    """Show how far the checksums of a file are. Raises UploadError (404)."""
    call.require_area()
    held = await call.held(call.name)
    file = records.find(call.records, call.area, call.name, held.etag)
    if file is None:
        return JSONResponse({"checksum_status": checksums.UNSCHEDULED, "checksums": None})
    status = checksums.status(call.records, file.number)
    sums = tags.told(file.sums) if file.sums and status == checksums.CHECKSUMMED else None
    return JSONResponse({"checksum_status": status, "checksums": sums})


async def get_all(call: Call) -> Response:
    """Count the files of an area by status. Raises UploadError (404)."""
    call.require_area()
    return JSONResponse(checksums.counts(call.records, call.area))


async def post_update(call: Call) -> Response:
    """Take in what somebody who computes checksums elsewhere says of a job. Raises UploadError (400, 404)."""
    document = call.json_object()
    status, sums = document.get("status"), None
    if status not in checksums.STATUSES:
        raise errors.bad_request(f"The status is none of {', '.join(checksums.STATUSES)}.")
    if status == checksums.CHECKSUMMED:
        sums = _sums(document.get("payload"))
    call.require_area()
    if not await call.change(lambda connection: checksums.update(connection, call.area, call.name, status, sums)):
        raise errors.UploadError(404, "No such checksum job", "No such job in that upload area")
    return Response(status_code=204)


def _sums(payload: Any) -> dict[str, str]:
    """Return the checksums in what was sent, in lower case. Raises UploadError (400)."""
    found = payload.get("checksums") if isinstance(payload, dict) else None
    if not isinstance(found, dict) or not all(isinstance(found.get(name), str) for name in _FORMS):
        raise errors.bad_request(f"The payload has no checksums: {', '.join(_FORMS)}.")
    sums = {name: found[name].lower() for name in _FORMS}
    for name, form in _FORMS.items():
        if not form.fullmatch(sums[name]):
            raise errors.bad_request(f"{found[name][:100]!r} is no {name}: it does not match {form.pattern!r}.")
    return sums
