"""Sends one object, or the part of it that is asked for: conditions, ranges, S3's headers and S3's errors."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from starlette.responses import Response

from hca_local.objects import conditions, signing
from hca_local.s3.answers import http_date
from hca_local.s3.errors import S3Error

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import Receive, Send

    from hca_local.objects.content import Content

# So little is sent before anybody could have gone away.
_AT_ONCE = 256 * 1024


@dataclass(frozen=True)
class Reading:
    """A request to read an object."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]


async def send_object(content: Content, wanted: Reading, request_id: str, receive: Receive, send: Send) -> None:
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


def refusal(error: S3Error, request_id: str) -> Response:
    """Return the answer that tells `error`."""
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
