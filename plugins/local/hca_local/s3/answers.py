"""Answers: headers, documents, and the bytes of objects."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import formatdate
from functools import lru_cache
from typing import TYPE_CHECKING

from hca_local.s3 import xml

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import AbstractContextManager

    from starlette.types import Message, Receive, Send

    from hca_local.s3.errors import S3Error
    from hca_local.s3.request import Request
    from hca_local.s3.store.objects import Stretch
    from hca_local.s3.store.store import Store
    from hca_local.s3.xml import Node

_BLOCK = 1024 * 1024
# Reading so much from the page cache takes the event loop less time than a hop to a thread and back.
_INLINE = 256 * 1024


@dataclass(frozen=True)
class Bytes:
    """Bytes of an object that are to be sent; `held` keeps their files while it is entered."""

    stretches: Sequence[Stretch]
    held: AbstractContextManager[None]


@dataclass(frozen=True)
class Answer:
    """What answers a request. `stream` comes in place of `body`; a HEAD request gets neither."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    stream: Bytes | None = None


def document(name: str, content: str | Sequence[Node], headers: Mapping[str, str] | None = None) -> Answer:
    """Return an answer that is the XML document `name`."""
    return Answer(200, {"content-type": "application/xml", **(headers or {})}, xml.document(name, content))


def error(problem: S3Error, request: Request | None, request_id: str) -> Answer:
    """Return the answer that tells an error."""
    details = [(name, str(value)) for name, value in problem.details.items()]
    where = [("Resource", request.path)] if request else []
    content = [("Code", problem.code), ("Message", problem.message), *details, *where, ("RequestId", request_id)]
    body = xml.document("Error", content, namespace=None)
    return Answer(problem.status, {"content-type": "application/xml"}, body)


async def send(answer: Answer, method: str, store: Store, receive: Receive, send: Send) -> None:
    """Send an answer; stops when the client goes away. Raises OSError if the bytes of an object can't be read."""
    headers = {"content-length": str(len(answer.body)), **answer.headers}
    if answer.status in (204, 304):
        del headers["content-length"]
    encoded = [(name.encode(), _printable(value).encode("latin-1", "replace")) for name, value in headers.items()]
    start: Message = {"type": "http.response.start", "status": answer.status, "headers": encoded}
    if method == "HEAD" or answer.stream is None:
        await send(start)
        await send({"type": "http.response.body", "body": b"" if method == "HEAD" else answer.body})
        return
    with answer.stream.held:  # before the first wait, in which the object may be removed
        await send(start)
        await _send_stretches(answer.stream.stretches, store, receive, send)
    await send({"type": "http.response.body"})


async def _send_stretches(stretches: Sequence[Stretch], store: Store, receive: Receive, send: Send) -> None:
    gone = asyncio.ensure_future(_disconnected(receive))
    try:
        for stretch in stretches:
            await _send_stretch(stretch, store, gone, send)
    finally:
        gone.cancel()


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _send_stretch(stretch: Stretch, store: Store, gone: asyncio.Future[None], send: Send) -> None:
    """Send bytes of a file in constant memory, unless the client is `gone`."""
    path = store.files.path(stretch.file)
    with open(path, "rb", buffering=0) as stream:
        stream.seek(stretch.start)
        left = stretch.length
        while left and not gone.done():
            size = min(_BLOCK, left)
            if size <= _INLINE:
                block = os.read(stream.fileno(), size)
            else:
                block = await store.in_thread(os.read, stream.fileno(), size)
            if not block:
                raise OSError(f"{path} is shorter than its row says")
            left -= len(block)
            await send({"type": "http.response.body", "body": block, "more_body": True})


@lru_cache(maxsize=4096)
def http_date(seconds: int) -> str:
    """Return a moment as headers have it."""
    return formatdate(seconds, usegmt=True)


@lru_cache(maxsize=4096)
def xml_date(seconds: int) -> str:
    """Return a moment as documents have it."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _printable(value: str) -> str:
    """Return a header value without the characters that would end it."""
    return "".join(character for character in value if character >= " " and character != "\x7f")
