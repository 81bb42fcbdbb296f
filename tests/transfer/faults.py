"""What may befall a request: coroutine functions of an Exchange of the server beside this module."""

from __future__ import annotations

import asyncio
import gzip
import threading
import time
from functools import cache
from typing import TYPE_CHECKING, Any

from transfer_server import PIECE, Exchange, whole

if TYPE_CHECKING:
    from collections.abc import Callable

    from transfer_server import Fault, Server


async def drop(exchange: Exchange) -> None:
    """Hang up without a word."""
    exchange.hang_up()


async def garbage(exchange: Exchange) -> None:
    """Answer with something that is no HTTP."""
    await exchange.send(b"\x16\x03\x01\x02\x00" * 20 + b"\r\n\r\n")
    exchange.hang_up()


async def silent(exchange: Exchange) -> None:
    """Never answer."""
    await asyncio.sleep(3600)


def close(after: int, *, headers: bool = True) -> Fault:
    """Promise all, send so many bytes of the body (or of the head), and close the connection as if all were well."""

    async def do(exchange: Exchange) -> None:
        if headers:
            await exchange.send((await exchange.begin_answer())[:after])
        else:
            await exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"[:after])
        exchange.hang_up()

    return do


def reset(after: int) -> Fault:
    """Promise all, send so many bytes of the body, and reset the connection."""

    async def do(exchange: Exchange) -> None:
        await exchange.send((await exchange.begin_answer())[:after])
        await asyncio.sleep(0.005)  # a reset overtakes what the other side has not read yet
        exchange.reset()

    return do


def stall(after: int) -> Fault:
    """Promise all, send so many bytes of the body, and then nothing, with the connection open."""

    async def do(exchange: Exchange) -> None:
        await exchange.send((await exchange.begin_answer())[:after])
        await silent(exchange)

    return do


def drip(pieces: int, wait: float) -> Fault:
    """Send what is right in so many pieces, with a wait before each."""

    async def do(exchange: Exchange) -> None:
        body = await exchange.begin_answer()
        size = len(body) // pieces + 1
        for start in range(0, len(body), size):
            await asyncio.sleep(wait)
            await exchange.send(body[start : start + size])

    return do


def content(other: bytes, **headers: object) -> Fault:
    """Answer with other content, as a good server would, were it the right one."""

    async def do(exchange: Exchange) -> None:
        exchange.content = other
        await exchange.send(await exchange.begin_answer(**headers))

    return do


def changed(at: int) -> Fault:
    """Answer with another byte at a place of the content."""

    async def do(exchange: Exchange) -> None:
        wrong = bytearray(exchange.content)
        wrong[at] ^= 0xFF
        await content(bytes(wrong))(exchange)

    return do


def unmeasured(after: int | None = None, *, chunked: bool = False) -> Fault:
    """Answer without a Content-Length, in chunks or until the connection ends; after so many bytes, if given."""

    async def do(exchange: Exchange) -> None:
        how = {"Transfer_Encoding": "chunked"} if chunked else {"Connection": "close"}
        body = (await exchange.begin_answer(Content_Length=None, **how))[:after]
        for start in range(0, len(body), PIECE):
            piece = body[start : start + PIECE]
            await exchange.send(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
        if chunked and after is None:
            await exchange.send(b"0\r\n\r\n")
        else:
            exchange.hang_up()

    return do


async def endless(exchange: Exchange) -> None:
    """Answer with more than was ever promised, in chunks, until the client goes."""
    await exchange.begin_answer(0, Content_Length=None, Transfer_Encoding="chunked")
    await exchange.send(b"%x\r\n%b\r\n" % (len(exchange.content), exchange.content))
    while True:
        await exchange.send(b"%x\r\n%b\r\n" % (PIECE, bytes(PIECE)))


def ranged(begin: int, *, told: str = "") -> Fault:
    """Answer with the content from another byte on than was asked for; `told` replaces the Content-Range."""

    async def do(exchange: Exchange) -> None:
        body = exchange.content[begin:]
        right = f"bytes {begin}-{len(exchange.content) - 1}/{len(exchange.content)}"
        await exchange.answer(206, {"Content-Range": told or right}, body)

    return do


async def unranged(exchange: Exchange) -> None:
    """Answer with all of it, whatever was asked for."""
    await exchange.send(await exchange.begin_answer(0))


def status(code: int, *, retry_after: object = None, body: bytes = b"", **headers: object) -> Fault:
    """Answer with a status."""

    async def do(exchange: Exchange) -> None:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        await exchange.answer(code, {"Retry-After": retry_after, **named}, body)

    return do


def redirect(location: str, code: int = 302, *, retry_after: object = None) -> Fault:
    """Answer with a redirect."""
    return status(code, retry_after=retry_after, Location=location)


def then(happening: Callable[[], Any], fault: Fault = whole) -> Fault:
    """Call a function first, in the server's thread."""

    async def do(exchange: Exchange) -> None:
        happening()
        await fault(exchange)

    return do


class Gate:
    """Keeps requests back until it is opened, then answers them."""

    def __init__(self, fault: Fault = whole) -> None:
        self._fault = fault
        self._open = threading.Event()

    def open(self) -> None:
        """Let all through, those that wait and those that come."""
        self._open.set()

    async def __call__(self, exchange: Exchange) -> None:
        while not self._open.is_set():
            await asyncio.sleep(0.005)
        await self._fault(exchange)


class Signer:
    """Redirects to a signed address of the same content, which holds for a number of requests and answers 403 then."""

    def __init__(self, server: Server, path: str, data: bytes, uses: int, *, fault: Fault = whole) -> None:
        self._left: dict[str, int] = {}
        self._uses = uses
        self._fault = fault
        self.path = f"/signed{path}"
        server.put(path, data, always=self._look_up)
        server.put(self.path, data, always=self._give)

    def sign(self) -> str:
        """Return a new signed address, without the server's URL."""
        signature = str(len(self._left))
        self._left[signature] = self._uses
        return f"{self.path}?signature={signature}"

    async def _look_up(self, exchange: Exchange) -> None:
        await redirect(self.sign())(exchange)

    async def _give(self, exchange: Exchange) -> None:
        signature = exchange.asked.query.get("signature", "")
        self._left[signature] = self._left.get(signature, 0) - 1
        expired = self._left[signature] < 0
        await (status(403, body=b"<Error><Code>AccessDenied</Code></Error>") if expired else self._fault)(exchange)


async def half(exchange: Exchange) -> None:
    """Promise all, send the first half of it, and close the connection."""
    await close(len(exchange.content) // 2)(exchange)


async def halving(exchange: Exchange) -> None:
    """Promise what was asked for, send the first half of it (a byte at least), and close the connection."""
    await close((len(exchange.content) - exchange.begin + 1) // 2)(exchange)


async def longer(exchange: Exchange) -> None:
    """Answer with more than there is."""
    await content(exchange.content + b"more")(exchange)


async def shorter(exchange: Exchange) -> None:
    """Answer with less than there is."""
    await content(exchange.content[:-1])(exchange)


async def other_half(exchange: Exchange) -> None:
    """Send half of another object of the same size."""
    exchange.content = bytes(len(exchange.content))
    await half(exchange)


def html(page: bytes) -> Fault:
    """Answer with a page."""
    return status(200, body=page, Content_Type="text/html")


async def squeezed(exchange: Exchange) -> None:
    """Answer with a content coding that nobody asked for."""
    await exchange.answer(200, {"Content-Encoding": "gzip"}, _squeeze(exchange.content))


@cache
def _squeeze(content: bytes) -> bytes:
    """Do it once: it takes long, while which the server answers nobody, and pieces are asked for by the hundred."""
    return gzip.compress(content, 1)


def paced(rate: float, waits: Callable[[], bool] = lambda: False) -> Fault:
    """Send what is right, but no more than so many bytes a second over this connection, at any moment.

    As long as `waits` says so no more than half of it is sent.
    """

    async def do(exchange: Exchange) -> None:
        body = await exchange.begin_answer()
        last, sent = time.monotonic(), 0
        while sent < len(body):
            now = time.monotonic()
            # What a pause of the machine held up is not made up for: it would come in one go.
            end = len(body) // 2 if waits() else len(body)
            due = max(sent, min(end, sent + int(min(now - last, 0.02) * rate) + 1))
            await exchange.send(body[sent:due])
            last, sent = now, due
            await asyncio.sleep(0.005)

    return do
