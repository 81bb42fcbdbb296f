"""A proxy between `hca` and a server that breaks chosen requests, and tells which requests there were.

    with Proxy("http://127.0.0.1:9000") as proxy:
        slow = proxy.rule(error(503, "SlowDown"), method="PUT", query={"partNumber": "2"}, times=3)
        ...  # a client that uses proxy.url
        assert slow.hits == 3
        assert [one.query["partNumber"] for one in proxy.of("PUT") if "partNumber" in one.query] == ["1", "2", ...]

All that is not broken passes as it is, headers and spelling of the path too: a signature of S3 is over the Host that
the client has sent, so the server must take that for its own name (`hca local` and Ceph do). Bodies are streamed.
"""

from __future__ import annotations

import hashlib
import http.client
import re
import socket
import threading
from base64 import b64decode
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

_BLOCK = 256 * 1024
_SECONDS = 60  # that a test waits for what never comes
_SECRET_HEADERS = {"authorization", "x-amz-security-token", "api-key", "cookie"}
_SECRET_QUERY = {"X-Amz-Signature", "X-Amz-Security-Token", "X-Amz-Credential", "Signature", "x-amz-security-token"}
_CHECKSUM = "x-amz-checksum-"
_OF_THE_CONNECTION = {"connection", "expect", "keep-alive", "transfer-encoding"}

Action = Callable[["Exchange"], None]


@dataclass
class Asked:
    """A request that came: headers in lower case and without secrets; `received` and `status` as far as it got."""

    method: str
    path: str  # percent-encoded, as it was sent
    query: dict[str, str]
    headers: dict[str, str] = field(repr=False)
    received: int = 0  # bytes of its body
    status: int | None = None  # of the answer that the client was given; None: none

    @property
    def name(self) -> str:
        """Return the decoded path."""
        return unquote(self.path)


@dataclass
class Rule:
    """What is done to requests that fit; `seen` is how many fitted, `hits` to how many it was done."""

    action: Action
    method: str
    path: re.Pattern[str]
    query: Mapping[str, str]
    first: int
    times: int | None
    seen: int = 0
    hits: int = 0

    def takes(self, asked: Asked) -> bool:
        """Count a request; tell whether this one is to be broken."""
        if self.method not in ("", asked.method) or not self.path.search(asked.name):
            return False
        if any(not re.fullmatch(value, asked.query.get(name, "\n")) for name, value in self.query.items()):
            return False
        self.seen += 1
        if self.seen < self.first or (self.times is not None and self.hits >= self.times):
            return False
        self.hits += 1
        return True


class Proxy:
    """The proxy; serves from `__enter__` to `__exit__`."""

    def __init__(self, upstream: str) -> None:
        """Take the URL of the server; its path, if it has one, is put before that of each request."""
        split = urlsplit(upstream)
        self.upstream = (split.hostname or "", split.port or 80)
        self.prefix = split.path.rstrip("/")
        self.asked: list[Asked] = []
        self._rules: list[Rule] = []
        self._lock = threading.Lock()
        self._connections: set[socket.socket] = set()
        self.ended = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.proxy = self
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Proxy:
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.ended.set()
        self._server.shutdown()
        with self._lock:
            for connection in self._connections:
                _shut(connection)
        self._server.server_close()  # waits for the threads
        self._thread.join()

    def rule(
        self,
        action: Action,
        *,
        method: str = "",
        path: str = "",
        query: Mapping[str, str] | None = None,
        first: int = 1,
        times: int | None = 1,
    ) -> Rule:
        """Break requests.

        Parameters: `method`; `path`, a regular expression found in the decoded path; `query`, parameters with regular
        expressions for their whole values; `first`, the number of the first request that is broken among those that
        fit; `times`, how many are, None for all. Of rules that fit the one that was made first and is not used up
        decides. Returns the rule.
        """
        made = Rule(action, method, re.compile(path, re.DOTALL), query or {}, first, times)
        with self._lock:
            self._rules.append(made)
        return made

    def heal(self) -> None:
        """Forget all rules and all requests."""
        with self._lock:
            self._rules.clear()
            self.asked = []

    def of(self, method: str, path: str = "") -> list[Asked]:
        """Return the requests with this method and a decoded path that `path`, a regular expression, is found in."""
        return [one for one in self.asked if one.method == method and re.search(path, one.name, re.DOTALL)]

    def parts(self) -> list[int]:
        """Return the numbers of the parts that were sent, in their order."""
        return [int(one.query["partNumber"]) for one in self.of("PUT") if "partNumber" in one.query]

    def _action(self, asked: Asked) -> Action:
        with self._lock:
            self.asked.append(asked)
            # Every rule counts, also after one that decides: "the third part" is the third whatever befell the second.
            return next((rule.action for rule in [one for one in self._rules if one.takes(asked)]), pass_on)

    def _opened(self, connection: socket.socket) -> None:
        with self._lock:
            self._connections.add(connection)
            if self.ended.is_set():
                _shut(connection)

    def _closed(self, connection: socket.socket) -> None:
        with self._lock:
            self._connections.discard(connection)


# What may be done to a request.


def pass_on(exchange: Exchange) -> None:
    """Do nothing to it."""
    with exchange.fetched() as answer:
        exchange.answer(answer)


def error(status: int, code: str, *, retry_after: str = "", early: bool = False) -> Action:
    """Answer with an error of S3 and pass nothing on; `early`: before the body was read, and hang up."""

    def refuse(exchange: Exchange) -> None:
        message = f"<Error><Code>{code}</Code><Message>It was asked for by a test.</Message></Error>"
        headers = {"Content-Type": "application/xml"}
        if retry_after:
            headers["Retry-After"] = retry_after
        if early:
            exchange.hang_up = True
            headers["Connection"] = "close"
        else:
            exchange.read_all()
        exchange.reply(status, headers, f'<?xml version="1.0" encoding="UTF-8"?>\n{message}'.encode())

    return refuse


def cut(after: int) -> Action:
    """Pass on the first bytes of the body, then break the connections on both sides."""

    def do(exchange: Exchange) -> None:
        exchange.send_beginning(after)
        exchange.cut()

    return do


def cut_answer(after: int) -> Action:
    """Pass the request on; give the client the head of the answer and the first bytes of its body, then nothing."""

    def do(exchange: Exchange) -> None:
        with exchange.fetched() as answer:
            exchange.answer(answer, limit=after)
        exchange.cut()

    return do


def swallow(exchange: Exchange) -> None:
    """Pass it on; the server does it, and the client never hears of that."""
    with exchange.fetched() as answer:
        answer.read()
    exchange.cut()


def drop(exchange: Exchange) -> None:
    """Tell the client that an object or a part is stored, with its ETag and checksums, and pass nothing on.

    The ETag is the MD5 of the body as it is sent, so this is not for bodies in signed chunks.
    """
    headers = exchange.asked.headers
    told = headers.get("content-md5")
    digest = hashlib.md5()
    for block in exchange.body():
        digest.update(block)
    repeated = {name: value for name, value in headers.items() if name.startswith(_CHECKSUM)}
    exchange.reply(200, {"ETag": f'"{b64decode(told).hex() if told else digest.hexdigest()}"', **repeated})


def corrupt(at: int = 0) -> Action:
    """Pass the request on with another byte at this place of its body."""

    def change(start: int, block: bytes) -> bytes:
        if not start <= at < start + len(block):
            return block
        changed = bytearray(block)
        changed[at - start] ^= 0xFF
        return bytes(changed)

    def do(exchange: Exchange) -> None:
        with exchange.fetched(change) as answer:
            exchange.answer(answer)

    return do


def wrong_etag(exchange: Exchange) -> None:
    """Pass it on; the ETag of the answer, in its head or its document, is another one."""
    _with_other_headers(exchange, {"etag": f'"{"0" * 32}"'})


def wrong_sums(exchange: Exchange) -> None:
    """Pass it on; the answer tells the ETag and the crc32c of something else."""
    _with_other_headers(exchange, {"etag": f'"{"0" * 32}"', f"{_CHECKSUM}crc32c": "AAAAAA=="})


def _with_other_headers(exchange: Exchange, others: Mapping[str, str]) -> None:
    """Pass a request on; headers that the answer has are those of `others`, by names in lower case."""
    with exchange.fetched() as answer:
        body = re.sub(rb"(<ETag>[^0-9a-f<]*)[0-9a-f]{32}", rb"\g<1>" + b"0" * 32, answer.read())
        kept = {name: value for name, value in answer.getheaders() if name.lower() not in _OF_THE_CONNECTION}
        changed = {name: others.get(name.lower(), value) for name, value in kept.items()}
        exchange.reply(answer.status, changed, body)


class Hold:
    """Keeps a request back until it is let go, then passes it on; `after` True: passes it on, keeps the answer back.

    hold = Hold()
    proxy.rule(hold, method="PUT", first=3)
    assert hold.came.wait(60)
    ...  # the third PUT is under way
    hold.go.set()
    """

    def __init__(self, *, after: bool = False) -> None:
        self.came = threading.Event()
        self.go = threading.Event()
        self._after = after

    def __call__(self, exchange: Exchange) -> None:
        if not self._after:
            self._wait(exchange)
        with exchange.fetched() as answer:
            if self._after:
                self._wait(exchange)
            exchange.answer(answer)

    def _wait(self, exchange: Exchange) -> None:
        self.came.set()
        for _ in range(_SECONDS * 20):
            if self.go.wait(0.05) or exchange.proxy.ended.is_set():
                return


class Exchange:
    """A request that is under way, and all that can be done to it."""

    def __init__(self, proxy: Proxy, handler: _Handler, asked: Asked) -> None:
        self.proxy = proxy
        self.asked = asked
        self.hang_up = False
        self._handler = handler
        self._left = int(handler.headers.get("Content-Length") or 0)
        self._chunked = "chunked" in handler.headers.get("Transfer-Encoding", "").lower()

    def body(self, most: int | None = None) -> Iterator[bytes]:
        """Yield what is left of the body, or its next `most` bytes at the most; to be called until it is over."""
        while most is None or most > 0:
            if self._chunked and not self._left:
                self._left = int(self._line().partition(b";")[0], 16)
                if not self._left:
                    while self._line():
                        pass
                    self._chunked = False
            if not self._left:
                return
            block = self._handler.rfile.read1(min(self._left, _BLOCK, most or _BLOCK))
            if not block:
                raise ConnectionResetError("the client has gone")
            self._left -= len(block)
            self.asked.received += len(block)
            if self._chunked and not self._left:
                self._line()
            if most is not None:
                most -= len(block)
            yield block

    def _line(self) -> bytes:
        return self._handler.rfile.readline(_BLOCK).strip()

    def read_all(self) -> None:
        """Read the body and forget it."""
        for _ in self.body():
            pass

    @contextmanager
    def fetched(
        self, change: Callable[[int, bytes], bytes] = lambda start, block: block
    ) -> Iterator[http.client.HTTPResponse]:
        """Pass the request on and give the answer; `change` is given each block of the body and where it starts."""
        start = 0
        with self._upstream() as (connection, is_chunked):
            try:
                for block in self.body():
                    connection.send(_framed(change(start, block), is_chunked))
                    start += len(block)
                if is_chunked:
                    connection.send(b"0\r\n\r\n")
            except (BrokenPipeError, ConnectionResetError):
                self.read_all()  # the server has answered before the body was over
            with connection.getresponse() as answer:
                yield answer

    def send_beginning(self, count: int) -> None:
        """Pass on the head of the request and the first bytes of its body, and break the connection to the server."""
        with self._upstream() as (connection, is_chunked):
            for block in self.body(count):
                connection.send(_framed(block, is_chunked))

    @contextmanager
    def _upstream(self) -> Iterator[tuple[http.client.HTTPConnection, bool]]:
        """Open a connection and pass on the head of the request; also tell whether its body is sent in chunks."""
        connection = http.client.HTTPConnection(*self.proxy.upstream, timeout=_SECONDS)
        connection.connect()
        own = connection.sock
        self.proxy._opened(own)
        is_chunked = self._chunked
        try:
            target = self.proxy.prefix + self._handler.path
            connection.putrequest(self._handler.command, target, skip_host=True, skip_accept_encoding=True)
            for name, value in self._handler.headers.items():
                if name.lower() not in _OF_THE_CONNECTION:
                    connection.putheader(name, value.encode("latin-1"))
            if is_chunked:
                connection.putheader("Transfer-Encoding", "chunked")
            connection.putheader("Connection", "close")
            connection.endheaders()
            yield connection, is_chunked
        finally:
            self.proxy._closed(own)
            connection.close()

    def answer(self, answer: http.client.HTTPResponse, limit: int | None = None) -> None:
        """Give the client the server's answer, or its head and the first `limit` bytes of its body."""
        headers = [one for one in answer.getheaders() if one[0].lower() not in _OF_THE_CONNECTION]
        has_body = self.asked.method != "HEAD" and answer.status >= 200 and answer.status not in (204, 304)
        if has_body and answer.length is None:
            self.hang_up = True
            headers.append(("Connection", "close"))
        self._head(answer.status, headers)
        while has_body and limit != 0 and (block := answer.read1(min(_BLOCK, limit or _BLOCK))):
            self._handler.wfile.write(block)
            if limit is not None:
                limit -= len(block)

    def reply(self, status: int, headers: Mapping[str, str], body: bytes = b"") -> None:
        """Give the client an answer of the test's own."""
        kept = {name: value for name, value in headers.items() if name.lower() != "content-length"}
        self._head(status, [*kept.items(), ("Content-Length", str(len(body)))])
        if self.asked.method != "HEAD":
            self._handler.wfile.write(body)

    def _head(self, status: int, headers: list[tuple[str, str]]) -> None:
        self.asked.status = status
        self._handler.send_response_only(status)
        for name, value in headers:
            self._handler.send_header(name, value)
        self._handler.end_headers()

    def cut(self) -> None:
        """Break the connection to the client."""
        self.hang_up = True
        _shut(self._handler.connection)


def _framed(block: bytes, is_chunked: bool) -> bytes:
    return b"%x\r\n%b\r\n" % (len(block), block) if is_chunked else block


def _shut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # the other side was quicker


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    request_queue_size = 256
    proxy: Proxy


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    rbufsize = _BLOCK
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.server.proxy._opened(self.connection)

    def finish(self) -> None:
        self.server.proxy._closed(self.connection)
        try:
            super().finish()
        except OSError:
            pass  # the client has gone

    def handle(self) -> None:
        try:
            super().handle()
        except OSError:
            pass  # the client has gone, or the test has ended

    def serve(self) -> None:
        path, _, query = self.path.partition("?")
        pairs = dict(parse_qsl(query, keep_blank_values=True))
        asked = Asked(
            self.command,
            path,
            {name: value for name, value in pairs.items() if name not in _SECRET_QUERY},
            {name.lower(): value for name, value in self.headers.items() if name.lower() not in _SECRET_HEADERS},
        )
        proxy = self.server.proxy
        exchange = Exchange(proxy, self, asked)
        try:
            proxy._action(asked)(exchange)
            if not exchange.hang_up:
                exchange.read_all()
        except (OSError, http.client.HTTPException):
            exchange.cut()  # what one side breaks is broken for the other
        self.close_connection = self.close_connection or exchange.hang_up

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = do_PATCH = do_OPTIONS = serve  # noqa: N815

    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing."""
