"""Answers signed reads of objects: ranges, conditions, S3's headers and S3's errors."""

from __future__ import annotations

import asyncio
import secrets
import time
from contextlib import aclosing, closing
from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from starlette.responses import Response

from hca_local.objects import conditions, files, journals, signing
from hca_local.s3.answers import http_date
from hca_local.s3.errors import S3Error, no_such_key
from hca_local.server import requests

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import Receive, Scope, Send

    from hca_local.objects.content import Content
    from hca_local.server.deployment import Deployment

# So little is sent before anybody could have gone away.
_AT_ONCE = 256 * 1024


@dataclass(frozen=True)
class _Reading:
    """A request to read an object."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]


class ObjectService:
    """The ASGI application for paths below `/s3/` and `/gs/`."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request_id = secrets.token_hex(8).upper()
        query = requests.first_values(requests.query(scope))
        wanted = _Reading(scope["method"], scope["path"], query, requests.headers(scope))
        try:
            self._authorize(wanted)
            with closing(self._find(wanted.path)) as content:
                await _send_object(content, wanted, request_id, receive, send)
        except S3Error as error:
            await _error_response(error, request_id)(scope, receive, send)

    def _authorize(self, wanted: _Reading) -> None:
        """Check that the request may read its object. Raises S3Error."""
        query = wanted.query
        if "authorization" in wanted.headers:
            raise S3Error(
                400, "InvalidArgument", "Send either a signed URL or an Authorization header, not both.",
                ArgumentName="Authorization", ArgumentValue="(not repeated)",
            )  # fmt: skip
        if wanted.method not in ("GET", "HEAD"):
            raise S3Error(405, "MethodNotAllowed", "Objects can only be read here.", Method=wanted.method)
        if "Signature" not in query or not query.get("Expires", "").isdecimal():
            raise S3Error(403, "AccessDenied", "Access Denied")
        if time.time() >= int(query["Expires"][:15]):
            raise S3Error(403, "AccessDenied", "Request has expired", Expires=query["Expires"])
        if not self.deployment.signer.is_signed(wanted.method, wanted.path, query):
            raise S3Error(403, "SignatureDoesNotMatch", "The signature of the URL is not the one for this request.")

    def _find(self, path: str) -> Content:
        """Return the content of the object at `path`, which was signed and so was made by us. Raises S3Error."""
        _, scheme, bucket, key = path.split("/", 3)
        replica = next(name for name, used in signing.SCHEMES.items() if used == scheme)
        try:
            if bucket == signing.MAIN_BUCKET:
                return journals.content(self.deployment, replica, key.removeprefix(signing.JOURNALS))
            return files.content(self.deployment, replica, key)
        except LookupError:
            raise no_such_key(key) from None


async def _send_object(content: Content, wanted: _Reading, request_id: str, receive: Receive, send: Send) -> None:
    """Send the object `content`, or the part of it that is asked for. Raises S3Error."""
    status, start, end = _selection(wanted.headers, content)
    answer = {
        "x-amz-request-id": request_id,
        "etag": content.etag,
        "last-modified": http_date(content.modified),
        "accept-ranges": "bytes",
    }
    if status != 304:
        answer["content-type"] = wanted.query.get(signing.CONTENT_TYPE, "binary/octet-stream")
        answer["content-length"] = str(end - start)
    if status == 206:
        answer["content-range"] = f"bytes {start}-{end - 1}/{content.size}"
    if signing.DISPOSITION in wanted.query:
        answer["content-disposition"] = wanted.query[signing.DISPOSITION]
    await send({"type": "http.response.start", "status": status, "headers": _encoded(answer)})
    if status == 304 or wanted.method == "HEAD":
        await send({"type": "http.response.body"})
    else:
        await _send_pieces(content, start, end, receive, send)


def _selection(headers: Mapping[str, str], content: Content) -> tuple[int, int, int]:
    """Return status, first byte and byte after the last of the answer. Raises S3Error."""
    etag, modified, size = content.etag, content.modified, content.size
    status = conditions.precondition(headers, etag, modified)
    if status == 412:
        raise S3Error(412, "PreconditionFailed", "The object is not as the request wants it to be.")
    if status == 304:
        return 304, 0, 0
    wanted = headers.get("range") if conditions.range_applies(headers, etag, modified) else None
    try:
        chosen = conditions.byte_range(wanted, size)
    except conditions.UnsatisfiableError:
        raise S3Error(
            416, "InvalidRange", "The object has no such range.", RangeRequested=wanted, ActualObjectSize=size
        ) from None
    return (200, 0, size) if chosen is None else (206, *chosen)


async def _send_pieces(content: Content, start: int, end: int, receive: Receive, send: Send) -> None:
    """Send the bytes from `start` to `end` in constant memory; stops when the client goes away."""
    gone = asyncio.ensure_future(_disconnected(receive)) if end - start > _AT_ONCE else None
    try:
        async with aclosing(content.pieces(start, end)) as pieces:
            async for piece in pieces:
                start += len(piece)
                await send({"type": "http.response.body", "body": piece, "more_body": start < end})
                if gone and gone.done():
                    return
    finally:
        if gone:
            gone.cancel()


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _encoded(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), _printable(value).encode("utf-8", "replace")) for name, value in headers.items()]


def _printable(value: str) -> str:
    """Return a header value without the characters that would end it."""
    return "".join(character for character in value if character.isprintable())


def _error_response(error: S3Error, request_id: str) -> Response:
    elements = {"Code": error.code, "Message": error.message, **error.details, "RequestId": request_id}
    body = "".join(f"<{name}>{escape(str(value))}</{name}>" for name, value in elements.items())
    headers = {"x-amz-request-id": request_id}
    if error.status == 416:
        headers["content-range"] = f"bytes */{error.details['ActualObjectSize']}"
    return Response(
        f'<?xml version="1.0" encoding="UTF-8"?>\n<Error>{body}</Error>',
        error.status,
        headers,
        media_type="application/xml",
    )
