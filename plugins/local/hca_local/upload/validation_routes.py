"""The operations on validations (contract §7, §8)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse, Response

from hca_local.upload import calls, errors, records, validations
from hca_local.upload.errors import UploadError
from hca_local.upload.validations import Wanted

if TYPE_CHECKING:
    from hca_local.upload.calls import Call

_TOO_LARGE = 10**12


async def put(call: Call) -> Response:
    """Have one file validated. Raises UploadError (400, 404)."""
    return await _scheduled(call, call.json_object(), [call.name])


async def put_all(call: Call) -> Response:
    """Have several files validated together. Raises UploadError (400, 404)."""
    document = call.json_object()
    names = calls.names(document.get("files"))
    if not names:
        raise errors.bad_request("'files' names no file.")
    return await _scheduled(call, document, names)


async def get(call: Call) -> Response:
    """Show how far the validation of a file is. Raises UploadError (404)."""
    call.require_area()
    held = await call.held(call.name)
    file = records.find(call.records, call.area, call.name, held.etag)
    status, results = validations.UNSCHEDULED, validations.NO_RESULTS
    if file is not None:
        status, results = validations.status(call.records, file.number)
    return JSONResponse({"validation_status": status, "validation_results": results})


async def get_all(call: Call) -> Response:
    """Count the files of an area by status. Raises UploadError (404)."""
    call.require_area()
    return JSONResponse(validations.counts(call.records, call.area))


async def post_update(call: Call) -> Response:
    """Take in what a validator that runs elsewhere says. Raises UploadError (400, 404)."""
    document = call.json_object()
    status, results = document.get("status"), None
    if status not in validations.STATUSES:
        raise errors.bad_request(f"The status is none of {', '.join(validations.STATUSES)}.")
    if status == validations.VALIDATED:
        payload = document.get("payload")
        results = payload if isinstance(payload, str) else json.dumps(payload)
    call.require_area()
    if not await call.change(lambda connection: validations.update(connection, call.area, call.name, status, results)):
        raise UploadError(404, "No such validation", "No such validation in that upload area")
    return Response(status_code=204)


async def _scheduled(call: Call, document: dict[str, Any], names: list[str]) -> Response:
    image, original = document.get("validator_image"), document.get("original_validation_id")
    environment = document.get("environment") or {}
    if not isinstance(image, str):
        raise errors.bad_request("'validator_image' is a required property, a text.")
    if not isinstance(original, str | None) or not isinstance(environment, dict):
        raise errors.bad_request("'original_validation_id' is a text and 'environment' an object.")
    call.require_area()
    found = {name: await call.held(name) for name in names}
    if sum(held.size for held in found.values()) >= _TOO_LARGE:
        raise UploadError(400, "File too large for validation", "The files have 10^12 bytes or more")
    wanted = Wanted(call.area, found, image, original, environment)
    identity = await call.change(lambda connection: validations.add(connection, wanted))
    call.uploads.validate()
    return JSONResponse({"validation_id": identity})
