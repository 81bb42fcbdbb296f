"""A scripted service on this machine: real HTTP, so that retries, ranges, links and broken connections are real."""

from __future__ import annotations

import tempfile
import threading
from typing import TYPE_CHECKING

from hca_core.testing.replies import Reply, Request, Route, reply
from hca_core.testing.serving import PATIENCE, Server

if TYPE_CHECKING:
    from collections.abc import Mapping


class LoopbackService:
    """A real HTTP/1.1 server (keep-alive, a thread a connection) on a free port of this machine, with scripted answers.

        with LoopbackService() as service:
            service.on("GET", "/x").fail(503, times=2, retry_after=0).reply(json={"x": 1})

    Parameters: `host` is a name or address of this machine; `tls` are the paths of a certificate and its key, or True
    for one that is made on the fly: `certificate` is then its path, for who is to trust it (`REQUESTS_CA_BUNDLE`).
    An error in a function that answers is raised again when the service is closed.
    """

    def __init__(self, host: str = "127.0.0.1", tls: tuple[str, str] | bool = False) -> None:
        self.requests: list[Request] = []
        self.errors: list[BaseException] = []
        self.closing = threading.Event()
        self._routes: dict[tuple[str, str], Route] = {}
        self._changed = threading.Condition()
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        pair = self._own_certificate(host) if tls is True else (tls or None)
        self.certificate = pair[0] if pair else ""
        self._server = Server(self, pair)
        self.url = f"{'https' if pair else 'http'}://{host}:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.005,), daemon=True)
        self._thread.start()

    def on(self, method: str, path: str) -> Route:
        """Return the script of `method` and `path` (as on the wire, without query), made if there is none.

        A path that ends with `*` stands for all that begin so, and the method `*` for all; the most exact one wins.
        Everything unscripted is answered with 404.
        """
        with self._changed:
            return self._routes.setdefault((method.upper(), path), Route(self.url))

    def describe(self, document: Mapping[str, object], at: str = "/v1/swagger.json") -> str:
        """Serve an API description at the path `at`, changed so that it names this service, and return its URL."""
        host = self.url.partition("://")[2]
        if "swagger" in document:
            document = {**document, "host": host, "schemes": [self.url.partition(":")[0]]}
        else:
            document = {**document, "servers": [{"url": self.url}]}
        self.on("GET", at).reply(json=document)
        return self.url + at

    def asked(self, method: str = "", path: str = "") -> list[Request]:
        """Return the requests so far, those of `method` and `path` only if given."""
        with self._changed:
            return [one for one in self.requests if method in ("", one.method) and path in ("", one.path)]

    def wait_for(self, count: int, seconds: float = PATIENCE) -> None:
        """Wait until so many requests have come. Raises AssertionError if they do not."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self.requests) >= count, seconds):
                raise AssertionError(f"{len(self.requests)} requests came within {seconds} s, not {count}")

    def close(self) -> None:
        """Stop, and end all connections. Raises what a function that answers raised."""
        self.closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self._server.hang_up()
        if self._folder is not None:
            self._folder.cleanup()
        if self.errors:
            raise self.errors[0]

    def __enter__(self) -> LoopbackService:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self.errors.clear()  # the test's own error tells more
        self.close()

    def answer(self, request: Request) -> Reply:
        """Record a request and return its answer: what the server below asks for each one."""
        with self._changed:
            self.requests.append(request)
            self._changed.notify_all()
            route = self._route(request.method, request.path)
            answer = route.next_answer() if route else None
        if answer is None:
            problem = {"status": 404, "code": "not_found", "title": f"nothing is scripted for {request.path}"}
            return reply(json=problem, status=404, headers={"Content-Type": "application/problem+json"})
        if isinstance(answer, Reply):
            return answer
        try:
            made = answer(request)
        except BaseException as error:  # noqa: BLE001 - told at close, in the test's own thread
            self.errors.append(error)
            return reply(status=500)
        return made if isinstance(made, Reply) else reply(json=made)

    def _route(self, method: str, path: str) -> Route | None:
        def exactness(key: tuple[str, str]) -> tuple[bool, int, bool]:
            return not key[1].endswith("*"), len(key[1]), key[0] != "*"

        fitting = [
            key
            for key in self._routes
            if key[0] in ("*", method) and (key[1] == path or (key[1][-1:] == "*" and path.startswith(key[1][:-1])))
        ]
        return self._routes[max(fitting, key=exactness)] if fitting else None

    def _own_certificate(self, host: str) -> tuple[str, str]:
        from hca_core.testing.certificates import certificate

        self._folder = tempfile.TemporaryDirectory(prefix="hca-loopback-")
        return certificate(self._folder.name, host)
