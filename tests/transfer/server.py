"""A real HTTP server, down at the level of the socket, that lies and breaks off as a test asks it to.

    with Server() as server:
        server.put("/reads", data, faults.close(after=1000), faults.status(503))
        ...  # the first request gets 1000 bytes, the second an error, all others what is right
        assert server.ranges("/reads") == [None, "bytes=1000-", "bytes=1000-"]

A fault is a coroutine function of an Exchange. The server runs in a thread of its own, keeps connections open, knows
ranges, and remembers every request.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote

PIECE = 64 * 1024
_SECONDS = 60.0  # that a test waits for what should come at once, on a busy machine
_REASONS = {200: "OK", 206: "Partial Content", 301: "Moved Permanently", 302: "Found", 416: "Range Not Satisfiable"}


@dataclass(frozen=True)
class Asked:
    """A request that came: `connection` counts from 1, `time` is monotonic, `authorized`: it had a token."""

    path: str
    query: dict[str, str]
    range: str | None
    connection: int
    time: float
    authorized: bool
    headers: Mapping[str, str]


@dataclass
class _Path:
    content: bytes = b""
    faults: list[Fault] = field(default_factory=list)
    always: Fault | None = None
    asked: int = 0


class Server:
    """Serves contents by path, from a port of this machine.

    Parameters: `tls` are the paths of a certificate and its key, `usual` answers requests without a fault. Unless
    `listening`, the port refuses connections until `listen` is called.
    """

    def __init__(
        self, tls: tuple[str, str] | None = None, *, listening: bool = True, usual: Fault | None = None
    ) -> None:
        self.requests: list[Asked] = []
        self.connections = 0
        self.errors: list[BaseException] = []
        self._usual = usual or whole
        self._paths: dict[str, _Path] = {}
        self._changed = threading.Condition()
        self._tasks: set[asyncio.Task[None]] = set()
        self._context = None
        if tls:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(*tls)
        self._socket = socket.create_server(("127.0.0.1", 0)) if listening else socket.socket()
        if not listening:
            self._socket.bind(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self._loop = asyncio.new_event_loop()
        self._loop.set_exception_handler(self._keep)
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        if listening:
            self.listen()

    def listen(self) -> None:
        """Accept connections from now on."""
        start = asyncio.start_server(self._serve, sock=self._socket, ssl=self._context, backlog=1024)
        asyncio.run_coroutine_threadsafe(start, self._loop).result(_SECONDS)

    def put(self, path: str, content: bytes, *faults: Fault, always: Fault | None = None) -> None:
        """Have `content` at `path`; its first requests get one of `faults` each, all after them `always`, if given."""
        with self._changed:
            known = self._paths.setdefault(path, _Path())
            known.content, known.faults, known.always = content, [*faults], always

    def asked(self, path: str = "") -> list[Asked]:
        """Return the requests so far, those for `path` only if it is given."""
        with self._changed:
            return [one for one in self.requests if path in ("", one.path)]

    def ranges(self, path: str) -> list[str | None]:
        """Return the ranges that were asked for at `path`."""
        return [one.range for one in self.asked(path)]

    def wait_for(self, count: int, path: str = "") -> None:
        """Wait until so many requests have come. Raises AssertionError if they do not."""
        with self._changed:
            came = self._changed.wait_for(
                lambda: sum(path in ("", one.path) for one in self.requests) >= count, _SECONDS
            )
        assert came, f"{len(self.requests)} requests came, not {count}"

    def close(self) -> None:
        """Break all connections and stop. Raises what went wrong in the server itself."""
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(_SECONDS)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_SECONDS)
        self._loop.close()
        self._socket.close()
        if self.errors:
            raise self.errors[0]

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _keep(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Keep an error that nobody waited for, unless it is that a client went away."""
        if not isinstance(context.get("exception"), (OSError, type(None))):
            self.errors.append(context["exception"])

    async def _end(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        number = self.connections
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            while not writer.is_closing():
                head = await reader.readexactly(1)
                if not head.isalpha():  # no HTTP: TLS, perhaps
                    writer.write(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
                    break
                head += await reader.readuntil(b"\r\n\r\n")
                asked = _parsed(head.decode("latin-1"), number)
                exchange, fault = self._next(asked, writer)
                await fault(exchange)
                await writer.drain()
        except (asyncio.IncompleteReadError, OSError):
            pass  # the client has gone
        except asyncio.CancelledError:
            writer.transport.abort()
        except Exception as error:
            self.errors.append(error)
            writer.transport.abort()
        finally:
            self._tasks.discard(task)
            with contextlib.suppress(OSError, ssl.SSLError):
                writer.close()

    def _next(self, asked: Asked, writer: asyncio.StreamWriter) -> tuple[Exchange, Fault]:
        with self._changed:
            self.requests.append(asked)
            self._changed.notify_all()
            known = self._paths.get(asked.path)
            if known is None:
                return Exchange(asked, b"", writer), missing
            known.asked += 1
            script = known.faults[known.asked - 1 : known.asked] or [known.always or self._usual]
            return Exchange(asked, known.content, writer), script[0]


def _parsed(head: str, connection: int) -> Asked:
    first, *lines = head.split("\r\n")
    path, _, query = first.split(" ")[1].partition("?")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
    authorized = headers.pop("authorization", None) is not None
    return Asked(
        unquote(path),
        dict(parse_qsl(query, keep_blank_values=True)),
        headers.get("range"),
        connection,
        time.monotonic(),
        authorized,
        headers,
    )


class Exchange:
    """A request that waits for its answer: it asks for the `content` at its path, from byte `begin` to before `end`."""

    def __init__(self, asked: Asked, content: bytes, writer: asyncio.StreamWriter) -> None:
        self.asked = asked
        self.content = content
        begin, _, last = (asked.range or "bytes=0-").removeprefix("bytes=").partition("-")
        self.begin = int(begin)
        self.end = int(last) + 1 if last else len(content)
        self._writer = writer

    async def send(self, data: bytes) -> None:
        """Send bytes, as they are."""
        for start in range(0, len(data), PIECE):
            self._writer.write(data[start : start + PIECE])
            await self._writer.drain()

    async def head(self, status: int, headers: Mapping[str, object]) -> None:
        """Send the head of an answer; a header that is None is left out."""
        lines = [f"HTTP/1.1 {status} {_REASONS.get(status, 'Scripted')}"]
        lines += [f"{name}: {value}" for name, value in headers.items() if value is not None]
        await self.send("\r\n".join([*lines, "", ""]).encode("latin-1"))

    async def begin_answer(self, begin: int | None = None, **others: object) -> bytes:
        """Send the head that is right for the content from `begin` on and return the bytes that are to follow.

        `others` are further headers with `_` for `-`, or replace those that there would be.
        """
        begin = self.begin if begin is None else begin
        body = self.content[begin : self.end] if begin else self.content
        headers: dict[str, object] = {"Content-Length": len(body), "Content-Type": "application/octet-stream"}
        if begin:
            headers["Content-Range"] = f"bytes {begin}-{begin + len(body) - 1}/{len(self.content)}"
        headers |= {name.replace("_", "-"): value for name, value in others.items()}
        await self.head(206 if begin else 200, headers)
        return body

    async def answer(self, status: int, headers: Mapping[str, object], body: bytes = b"") -> None:
        """Send a whole answer."""
        await self.head(status, {"Content-Length": len(body), **headers})
        await self.send(body)

    def hang_up(self) -> None:
        """Close the connection when all is sent."""
        self._writer.close()

    def reset(self) -> None:
        """Break the connection so that the other side sees a reset."""
        self._writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()


Fault = Callable[[Exchange], Awaitable[None]]


async def whole(exchange: Exchange) -> None:
    """Answer as a good server does."""
    if exchange.begin >= len(exchange.content) and exchange.begin:
        await exchange.answer(416, {"Content-Range": f"bytes */{len(exchange.content)}"})
    else:
        await exchange.send(await exchange.begin_answer())


async def missing(exchange: Exchange) -> None:
    """Answer that there is nothing."""
    await exchange.answer(404, {})
