"""The HTTP server below `LoopbackService`: a thread a connection, answers and faults as the script says."""

from __future__ import annotations

import socket
import ssl
import struct
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from hca_core.testing.replies import Reply, Request

if TYPE_CHECKING:
    from hca_core.testing.loopback import LoopbackService

PATIENCE = 30.0  # seconds that a test waits for what should come at once, even on a busy machine
_PIECES = 8  # of a slow body
_NO_LINGER = struct.pack("ii", 1, 0)  # closing sends RST at once and forgets what was not sent


class Server(ThreadingHTTPServer):
    """A server on a free port of 127.0.0.1, with TLS if `tls` names a certificate and its key."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, service: LoopbackService, tls: tuple[str, str] | None) -> None:
        self.service = service
        self._open: dict[socket.socket, threading.Thread] = {}
        super().__init__(("127.0.0.1", 0), Handler)
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Remember the connection while its requests are answered."""
        self._open[request] = threading.current_thread()
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._open.pop(request, None)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Keep an error for the test."""
        error = sys.exc_info()[1]
        if error is not None and not isinstance(error, OSError):  # OSError: the client went away, as it may
            self.service.errors.append(error)

    def hang_up(self) -> None:
        """End the connections that are still open, and wait for their threads."""
        for connection, thread in list(self._open.items()):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # it ended by itself meanwhile
            thread.join(PATIENCE)


class Handler(BaseHTTPRequestHandler):
    """Answers the requests of one connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def answer(self) -> None:
        """Record a request and do to it what the script says."""
        path, _, query = self.path.partition("?")
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        pairs = parse_qsl(query, keep_blank_values=True)
        given = self.server.service.answer(Request(self.command, path, pairs, self.headers, body, time.monotonic()))
        if given.hanging:
            self.server.service.closing.wait()
        if given.dropped or given.hanging:
            self._hang_up()
        else:
            self._send(given.part(self.headers.get("Range")))

    do_GET = do_HEAD = do_PUT = do_POST = do_PATCH = do_DELETE = do_OPTIONS = answer  # noqa: N815

    def _send(self, given: Reply) -> None:
        bodiless = given.status in (204, 304)  # RFC 9110: these end with their headers
        self._send_head(given, bodiless=bodiless)
        if bodiless or self.command == "HEAD":
            return
        body = given.body if given.truncate_after is None else given.body[: given.truncate_after]
        closing = self._send_body(body, given.piece_wait)
        if given.reset:
            self._reset()
        elif closing or given.truncate_after is not None or given.declared is not None:
            self._hang_up()

    def _send_head(self, given: Reply, *, bodiless: bool) -> None:
        self.send_response_only(given.status)
        if "Date" not in given.headers:
            self.send_header("Date", self.date_time_string())
        for name, value in given.headers.items():
            self.send_header(name, value)
        if not bodiless and "Content-Length" not in given.headers:
            self.send_header("Content-Length", str(len(given.body) if given.declared is None else given.declared))
        self.end_headers()

    def _send_body(self, body: bytes, piece_wait: float) -> bool:
        """Send `body`, slowly if so asked, and return whether the service was closed meanwhile."""
        step = max(1, -(-len(body) // _PIECES)) if piece_wait else max(1, len(body))
        for start in range(0, len(body), step):
            if piece_wait and self.server.service.closing.wait(piece_wait):
                return True
            self.wfile.write(body[start : start + step])
        return False

    def _hang_up(self) -> None:
        self.close_connection = True
        self.wfile.flush()
        self.connection.shutdown(socket.SHUT_RDWR)

    def _reset(self) -> None:
        self.close_connection = True
        self.wfile.flush()
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        socket.close(self.connection.detach())  # past the orderly end that the server would make of it

    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing: stderr belongs to the test."""
