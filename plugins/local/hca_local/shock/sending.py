"""Answers that are bytes of any length: begun when the first of them are there, cut when they end too early."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING
from urllib.parse import quote

from hca_local.shock import names
from hca_local.shock.calls import ShockError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from starlette.types import ASGIApp, Receive, Scope, Send

_CONTENT_TYPE = (b"content-type", b"application/octet-stream")
_LEAST = 64 * 1024
# What a name in a header needs no quotes for (RFC 9110 §5.6.2).
_PLAIN = frozenset("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")


async def stream(
    pieces: AsyncGenerator[bytes, None], *, size: int | None = None, name: str | None = None, quirks: bool = False
) -> ASGIApp:
    """Return the answer that sends `pieces`. What is wrong before the first of them is a refusal.

    Parameters: `size` is how many bytes they are, None if that is not known; `name` makes them an attachment of that
    name, written as the real server does with `quirks`. Raises ShockError.
    """
    try:
        first = await anext(pieces, b"")
    except OSError as error:
        raise ShockError(500, f"The file of this node can't be read: {error.strerror or error}.") from error
    headers = [_CONTENT_TYPE]
    if size is not None:
        headers.append((b"content-length", str(size).encode()))
    if name is not None:
        name = names.short(name)
        headers.append((b"content-disposition", (as_sent(name) if quirks else attachment(name)).encode()))

    async def respond(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await _send(first, pieces, receive, send, is_all=size == len(first))

    return respond


def attachment(name: str) -> str:
    """Return the header that calls an attachment `name`, which may be any text (RFC 6266)."""
    printable = "".join(letter if letter.isprintable() else " " for letter in name)
    if printable and set(printable) <= _PLAIN:
        return f"attachment; filename={printable}"
    ascii_only = "".join(letter if letter.isascii() and letter not in '"\\%' else "_" for letter in printable)
    encoded = quote(printable.encode("utf-8", "replace"), safe="")
    return f"attachment; filename=\"{ascii_only}\"; filename*=UTF-8''{encoded}"


def as_sent(name: str) -> str:
    """Return the header as the real server writes it: the name as it is, but for line ends."""
    printable = "".join(" " if letter < " " or letter == "\x7f" else letter for letter in name)
    return f"attachment; filename={printable}".encode("utf-8", "replace").decode()


async def gathered(pieces: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """Yield `pieces` with the small ones put together: each that is sent has its price."""
    waiting: list[bytes] = []
    waits = 0
    async with aclosing(pieces):
        async for piece in pieces:
            waiting.append(piece)
            waits += len(piece)
            if waits >= _LEAST:
                yield b"".join(waiting)
                waiting, waits = [], 0
    if waits:
        yield b"".join(waiting)


async def _send(
    first: bytes, pieces: AsyncGenerator[bytes, None], receive: Receive, send: Send, *, is_all: bool
) -> None:
    """Send the body. Stops when the client goes away; raises what `pieces` raise."""
    if is_all:
        await pieces.aclose()
        await send({"type": "http.response.body", "body": first})
        return
    gone = asyncio.ensure_future(_disconnected(receive))
    try:
        async with aclosing(pieces):
            await send({"type": "http.response.body", "body": first, "more_body": True})
            async for piece in pieces:
                if gone.done():
                    return
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body"})
    finally:
        gone.cancel()


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
