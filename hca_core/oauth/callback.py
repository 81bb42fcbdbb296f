"""The page on this machine that the browser is sent back to at the end of a login (RFC 8252 §7.3)."""

from __future__ import annotations

import base64
import errno
import hashlib
import html
import os
import socketserver
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from hca_core import log
from hca_core.errors import LoginError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

PATH = "/callback"
_SILENCE_SECONDS = 10.0  # after which a connection that says nothing is closed
_MOST_FIELDS = 30
_STYLE = (
    ":root{color-scheme:light dark}"
    "body{font:1.1rem/1.5 system-ui,sans-serif;max-width:34rem;margin:15vh auto 0;padding:0 1.5rem}"
    "h1{font-size:1.6rem;line-height:1.2}"
)
# A browser may show these pages and run nothing in them; the address that it came by, with the code, goes nowhere else.
_HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    f"style-src 'sha256-{base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()}'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Connection": "close",
}
_PAGE = (
    '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{title} - hca</title>\n'
    '<meta name="viewport" content="width=device-width, initial-scale=1">\n<style>{style}</style>\n</head>\n'
    "<body>\n<main>\n<h1>{title}</h1>\n<p>{text}</p>\n</main>\n</body>\n</html>\n"
)


class Listener(socketserver.ThreadingTCPServer):
    """Waits at `PATH` of a port of this machine for one answer of a browser.

    `judge` gets the fields of the answer and returns the code in it, or raises LoginError, which the browser is shown
    too. `answered` is set when the answer is there. A thread for each connection: one that is slow or silent (a
    browser opens some in advance) keeps nobody else waiting.
    """

    daemon_threads = True
    # Where this lets a second program listen at the same port (Windows), it must not be set.
    allow_reuse_address = os.name != "nt"
    request_queue_size = 128  # connections that may wait for their thread to start

    def __init__(self, port: int, judge: Callable[[Mapping[str, str]], str]) -> None:
        self.answered = threading.Event()
        self._judge = judge
        self._one_answer = threading.Lock()
        self._result: str | LoginError | None = None
        super().__init__(("127.0.0.1", port), _Handler)

    @property
    def redirect_uri(self) -> str:
        """Where the browser is to be sent."""
        return f"http://127.0.0.1:{self.server_address[1]}{PATH}"

    def code(self) -> str:
        """Return the code that the answer brought. Raises LoginError if it brought none."""
        if isinstance(self._result, LoginError):
            raise self._result
        return self._result or ""

    def take(self, answer: Mapping[str, str]) -> str | LoginError:
        """Judge an answer and return what is to be shown; the first one counts."""
        with self._one_answer:
            if self._result is None:
                try:
                    self._result = self._judge(answer)
                except LoginError as error:
                    self._result = error
                return self._result
        return LoginError("another answer was here before this one")

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a browser may go away whenever it likes, and this is no one's terminal."""
        log.logger("hca.oauth").debug("a connection to the callback page broke")


class _Handler(BaseHTTPRequestHandler):
    timeout = _SILENCE_SECONDS
    server: Listener
    server_version = "hca"
    sys_version = ""

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        answer = fields(query)
        if path != PATH:
            self._show(404, "Nothing here", "This address is only for the end of a login.")
        elif answer is None or not ({"code", "error"} & set(answer)):
            self._show(400, "No answer in this address", "Go back to the page of the login and finish it there.")
        else:
            self._end(self.server.take(answer))

    def _end(self, result: str | LoginError) -> None:
        try:
            if isinstance(result, LoginError):
                self._show(400, "This login is not done", f"{result.message}. Go on in the terminal.")
            else:
                self._show(200, "That was it", "hca has the answer. Close this page and go on in the terminal.")
        finally:
            # Only now: who waits for this ends the server, and perhaps the process.
            self.server.answered.set()

    def _show(self, status: int, title: str, text: str) -> None:
        page = _PAGE.format(style=_STYLE, title=html.escape(title), text=html.escape(text)).encode()
        self.send_response(status)
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        if status == 405:
            self.send_header("Allow", "GET")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(page)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer what the library refuses: methods without a function here (501 to it), and what is no request."""
        self.close_connection = True
        self._show(405 if code == 501 else code, "This can't be asked here", "This address is only for a browser.")

    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing: the address that is asked for has the code in it."""


@contextmanager
def listening(port: int, judge: Callable[[Mapping[str, str]], str]) -> Iterator[Listener]:
    """Give a Listener at `port` (0: any that is free) that answers until the end of the block. Raises UsageError."""
    try:
        listener = Listener(port, judge)
    except (OSError, OverflowError) as error:
        taken = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
        why = "another program listens there" if taken else str(getattr(error, "strerror", None) or error)
        hint = "choose another port, or none: then one is taken that is free" if port else "log in with --remote"
        raise UsageError(f"port {port} of this machine can't be used for the login: {why}", hint=hint) from error
    thread = threading.Thread(target=listener.serve_forever, args=(0.1,), name="login", daemon=True)
    try:
        thread.start()
        yield listener
    finally:
        if thread.is_alive():
            listener.shutdown()
        listener.server_close()


def fields(query: str) -> dict[str, str] | None:
    """Return the fields of a query, None if it is none or has a field twice (RFC 6749 §3.1 forbids that)."""
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:
        return None
    found = dict(pairs)
    return found if len(found) == len(pairs) else None
