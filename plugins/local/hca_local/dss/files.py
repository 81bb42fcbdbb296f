"""HEAD and GET of a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import Response

from hca_local import copying
from hca_local.dss import waiting
from hca_local.objects import signing
from hca_local.server.problems import ProblemError
from hca_local.store import reading
from hca_local.store.records import FileRecord, blob_key

if TYPE_CHECKING:
    from hca_local.dss.calls import Call

# JSON files up to this size are in the checkout bucket from the beginning.
_READY_JSON_BYTES = 12_314


async def head(call: Call) -> Response:
    """Answer with what is known about a file, in the headers."""
    return Response(headers=_headers(_found(call)))


async def get(call: Call) -> Response:
    """Redirect to the bytes of a file, or to the same request later while they are on their way."""
    file = _found(call)
    replica, key = call.parameters["replica"], blob_key(file)
    token = waiting.next_token(call.parameters["token"])
    if not (_is_ready_json(file) or call.deployment.checkouts.is_ready(replica, key)):
        return waiting.wait(call, token)
    if call.parameters["directurl"]:
        location = signing.direct_url(replica, key)
    else:
        disposition = call.parameters["content_disposition"]
        location = call.deployment.signer.url(call.base, replica, key, file.content_type, disposition)
    return Response(status_code=302, headers={"Location": location, **_headers(file)})


def _found(call: Call) -> FileRecord:
    wanted = call.parameters
    file = reading.file(call.deployment.records, wanted["replica"], wanted["uuid"], wanted["version"])
    if file is not None:
        return file
    key = f"{wanted['uuid']}.{wanted['version']}"
    if copying.failure(call.deployment.records, wanted["replica"], key):
        raise ProblemError(422, "missing_checksum", "Incorrect s3-etag")
    raise ProblemError(404, "not_found", "Cannot find file!")


def _is_ready_json(file: FileRecord) -> bool:
    return file.size <= _READY_JSON_BYTES and file.content_type.startswith("application/json")


def _headers(file: FileRecord) -> dict[str, str]:
    return {
        "X-DSS-CREATOR-UID": str(file.creator_uid),
        "X-DSS-VERSION": file.version,
        "X-DSS-CONTENT-TYPE": file.content_type,
        "X-DSS-SIZE": str(file.size),
        "X-DSS-CRC32C": file.crc32c,
        "X-DSS-S3-ETAG": file.s3_etag,
        "X-DSS-SHA1": file.sha1,
        "X-DSS-SHA256": file.sha256,
    }
