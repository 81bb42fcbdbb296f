"""Tools for tests of `hca` and its plugins: a scripted loopback service, an isolated home, `hca` in process, plugins.

Needs pytest. In a plugin's own `conftest.py`:

    pytest_plugins = ["hca_core.testing"]

and its tests have the fixtures `isolated_home`, `service`, `hca` and `plugin`:

    def test_today(service, hca):
        service.on("GET", "/today").reply(json={"sky": "clear"})
        outcome = hca("weather", "today", env={"HCA_WEATHER_URL": service.url})
        assert outcome.json() == {"sky": "clear"}
"""

from __future__ import annotations

import importlib
import io
import json
import os
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import pytest

if TYPE_CHECKING:
    from email.message import Message

    import click

_UNSET: Any = object()
# What a developer's environment may hold that changes how `hca` or its HTTP library behaves.
_FOREIGN = frozenset(
    {
        "ALL_PROXY",
        "BROWSER",
        "CLOUDSDK_CONFIG",
        "COLUMNS",
        "CURL_CA_BUNDLE",
        "DBUS_SESSION_BUS_ADDRESS",
        "DISPLAY",
        "FORCE_COLOR",
        "GCE_METADATA_HOST",
        "GCE_METADATA_IP",
        "GCE_METADATA_ROOT",
        "GOOGLE_APPLICATION_CREDENTIALS",
        "GOOGLE_CLOUD_PROJECT",
        "HTTPS_PROXY",
        "HTTP_PROXY",
        "LINES",
        "NETRC",
        "NO_COLOR",
        "NO_GCE_CHECK",
        "NO_PROXY",
        "PYTHON_KEYRING_BACKEND",
        "PYTHONIOENCODING",
        "PYTHONUTF8",
        "REQUESTS_CA_BUNDLE",
        "SSL_CERT_FILE",
        "TERM",
        "WAYLAND_DISPLAY",
    }
)
_PATIENCE = 30.0  # seconds that a test waits for what should come at once, even on a busy machine


@dataclass(frozen=True)
class Request:
    """A request as it came over the wire: `path` is not decoded, `time` is monotonic, `headers` heeds no case."""

    method: str
    path: str
    query: list[tuple[str, str]]
    headers: Message
    body: bytes
    time: float

    def json(self) -> Any:
        """Return the decoded body."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Reply:
    """One answer; the fields after `body` are faults: see the methods of Route."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    ranges: bool = False
    truncate_after: int | None = None
    piece_wait: float = 0.0
    dropped: bool = False


def reply(
    *,
    json: Any = _UNSET,
    body: bytes = b"",
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    link: str | None = None,
    ranges: bool = False,
) -> Reply:
    """Return an answer with a `json` document or a `body` of bytes; `link` is the next page's URL.

    With `ranges` a request for a part (`Range: bytes=N-M`) gets that part only.
    """
    told = dict(headers or {})
    if json is not _UNSET:
        body = _encoded(json)
        told.setdefault("Content-Type", "application/json")
    if link is not None:
        told["Link"] = f'<{link}>; rel="next"'
    return Reply(status, told, body, ranges)


class Route:
    """The script of one method and path: answers are given in their order, each once, the last again and again."""

    def __init__(self) -> None:
        self._answers: list[Reply | Callable[[Request], Any]] = []
        self._given = 0

    def reply(self, answer: Callable[[Request], Any] | Reply | None = None, **settings: Any) -> Route:
        """Add an answer: keywords as of `reply()`, or a function of the request.

        The function returns a Reply, or a document that is sent as JSON.
        """
        return self._add(answer if answer is not None else reply(**settings))

    def fail(self, status: int = 503, times: int = 1, retry_after: object = None, **settings: Any) -> Route:
        """Add `times` error answers, with a `Retry-After` header if one is given."""
        problem = settings.pop("json", {"status": status, "code": "scripted", "title": f"scripted {status}"})
        headers = {"Content-Type": "application/problem+json", **(settings.pop("headers", None) or {})}
        if retry_after is not None:
            headers["Retry-After"] = str(retry_after)
        return self._add(reply(json=problem, status=status, headers=headers, **settings), times)

    def redirect(self, location: str, status: int = 302, retry_after: object = None, times: int = 1) -> Route:
        """Add `times` redirects to `location`, with a `Retry-After` header if one is given."""
        headers = {"Location": location}
        if retry_after is not None:
            headers["Retry-After"] = str(retry_after)
        return self._add(reply(status=status, headers=headers), times)

    def truncate(self, after_bytes: int, times: int = 1, **settings: Any) -> Route:
        """Add `times` answers that declare their full length, but end after so many bytes of the body."""
        return self._add(replace(reply(**settings), truncate_after=after_bytes), times)

    def slow(self, seconds: float, **settings: Any) -> Route:
        """Add an answer that waits `seconds` before each of the eight pieces of its body."""
        return self._add(replace(reply(**settings), piece_wait=seconds))

    def drop(self, times: int = 1) -> Route:
        """Close the connection without an answer, `times` times."""
        return self._add(Reply(dropped=True), times)

    def _add(self, answer: Reply | Callable[[Request], Any], times: int = 1) -> Route:
        self._answers += [answer] * times
        return self

    def _next(self) -> Reply | Callable[[Request], Any] | None:
        if not self._answers:
            return None
        answer = self._answers[min(self._given, len(self._answers) - 1)]
        self._given = min(self._given + 1, len(self._answers))
        return answer


class LoopbackService:
    """A real HTTP/1.1 server (keep-alive, a thread a connection) on a free port of this machine, with scripted answers.

        with LoopbackService() as service:
            service.on("GET", "/x").fail(503, times=2, retry_after=0).reply(json={"x": 1})

    Parameters: `host` is a name or address of this machine; `tls` are the paths of a certificate and its key.
    An error in a function that answers is raised again when the service is closed.
    """

    def __init__(self, host: str = "127.0.0.1", tls: tuple[str, str] | None = None) -> None:
        self.requests: list[Request] = []
        self.errors: list[BaseException] = []
        self._routes: dict[tuple[str, str], Route] = {}
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._server = _Server(self, tls)
        self.url = f"{'https' if tls else 'http'}://{host}:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.005,), daemon=True)
        self._thread.start()

    def on(self, method: str, path: str) -> Route:
        """Return the script of `method` and `path` (as on the wire, without query), made if there is none.

        A path that ends with `*` stands for all that begin so, and the method `*` for all; the most exact one wins.
        Everything unscripted is answered with 404.
        """
        with self._changed:
            return self._routes.setdefault((method.upper(), path), Route())

    def describe(self, document: Mapping[str, Any], at: str = "/v1/swagger.json") -> str:
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

    def wait_for(self, count: int, seconds: float = _PATIENCE) -> None:
        """Wait until so many requests have come. Raises AssertionError if they do not."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self.requests) >= count, seconds):
                raise AssertionError(f"{len(self.requests)} requests came within {seconds} s, not {count}")

    def close(self) -> None:
        """Stop, and end all connections. Raises what a function that answers raised."""
        self._closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self._server.hang_up()
        if self.errors:
            raise self.errors[0]

    def __enter__(self) -> LoopbackService:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self.errors.clear()  # the test's own error tells more
        self.close()

    def _answer(self, request: Request) -> Reply:
        """Record a request and return its answer."""
        with self._changed:
            self.requests.append(request)
            self._changed.notify_all()
            route = self._route(request.method, request.path)
            answer = route._next() if route else None
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


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, service: LoopbackService, tls: tuple[str, str] | None) -> None:
        self.service = service
        self._open: dict[socket.socket, threading.Thread] = {}
        super().__init__(("127.0.0.1", 0), _Handler)
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        self._open[request] = threading.current_thread()
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._open.pop(request, None)

    def handle_error(self, request: Any, client_address: Any) -> None:
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
            thread.join(_PATIENCE)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def answer(self) -> None:
        path, _, query = self.path.partition("?")
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        pairs = parse_qsl(query, keep_blank_values=True)
        request = Request(self.command, path, pairs, self.headers, body, time.monotonic())
        given = self.server.service._answer(request)
        if given.dropped:
            self._hang_up()
        else:
            self._send(_part(given, self.headers.get("Range")) if given.ranges else given)

    do_GET = do_HEAD = do_PUT = do_POST = do_PATCH = do_DELETE = do_OPTIONS = answer  # noqa: N815

    def _send(self, given: Reply) -> None:
        self.send_response_only(given.status)
        if "Date" not in given.headers:
            self.send_header("Date", self.date_time_string())
        for name, value in given.headers.items():
            self.send_header(name, value)
        bodiless = given.status in (204, 304)  # RFC 9110: these end with their headers
        if not bodiless and "Content-Length" not in given.headers:
            self.send_header("Content-Length", str(len(given.body)))
        self.end_headers()
        if bodiless or self.command == "HEAD":
            return
        body = given.body if given.truncate_after is None else given.body[: given.truncate_after]
        step = max(1, -(-len(body) // 8)) if given.piece_wait else max(1, len(body))
        closing = False
        for start in range(0, len(body), step):
            if given.piece_wait and (closing := self.server.service._closing.wait(given.piece_wait)):
                break
            self.wfile.write(body[start : start + step])
        if closing or given.truncate_after is not None:
            self._hang_up()

    def _hang_up(self) -> None:
        self.close_connection = True
        self.wfile.flush()
        self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing: stderr belongs to the test."""


@dataclass(frozen=True)
class Outcome:
    """How a run of `hca` ended and what it wrote."""

    exit_status: int
    stdout_bytes: bytes
    stderr: str
    encoding: str = "utf-8"

    @property
    def stdout(self) -> str:
        """Standard output as text."""
        return self.stdout_bytes.decode(self.encoding)

    def json(self) -> Any:
        """Return standard output decoded from JSON."""
        return json.loads(self.stdout_bytes)


def run_hca(
    *words: str,
    env: Mapping[str, str | None] | None = None,
    input: str | bytes = b"",
    encoding: str = "utf-8",
    terminal: bool = False,
) -> Outcome:
    """Run the command line `hca` + `words` in this process and return how it ended.

    Parameters: `env` is added to the environment while it runs (None takes a variable out), `input` is its standard
    input, `encoding` that of its standard output, `terminal` makes it believe that it writes to one.
    """
    from hca_core.main import run

    out, err = io.BytesIO(), io.BytesIO()
    streams = (
        _Stream(io.BytesIO(input.encode() if isinstance(input, str) else input), "utf-8", terminal=terminal),
        _Stream(out, encoding, terminal=terminal),
        _Stream(err, "utf-8", "backslashreplace", terminal=terminal),
    )
    saved = sys.stdin, sys.stdout, sys.stderr
    fresh()
    with _environment(env or {}):
        sys.stdin, sys.stdout, sys.stderr = streams
        try:
            status = run(words)
            for stream in streams[1:]:
                stream.flush()
        finally:
            sys.stdin, sys.stdout, sys.stderr = saved
            fresh()
    return Outcome(int(status), out.getvalue(), err.getvalue().decode(), encoding)


class _Stream(io.TextIOWrapper):
    def __init__(self, raw: io.BytesIO, encoding: str, errors: str = "strict", *, terminal: bool) -> None:
        super().__init__(raw, encoding=encoding, errors=errors, newline="")
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal


def fresh() -> None:
    """Forget what `hca` keeps for the life of a process: configuration, loaded plugins, clients, logging."""
    import logging

    for module_name, cache in (("config", "get_config"), ("plugins", "manager"), ("discover", "_scan")):
        module = sys.modules.get(f"hca_core.{module_name}")
        if module is not None:
            getattr(module, cache).cache_clear()
    client = sys.modules.get("hca_core.service")
    if client is not None:
        client._defaults.clear()
    extension = sys.modules.get("stevedore.extension")
    if extension is not None:
        extension.ExtensionManager.ENTRY_POINT_CACHE.clear()
    root = logging.getLogger("hca")
    for handler in list(root.handlers):
        root.removeHandler(handler)
        handler.close()
    root.setLevel(logging.NOTSET)
    root.propagate = True


@contextmanager
def isolated(folder: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a home below `folder` that knows nothing of the machine's user, and go to an empty directory in it.

    HOME and the XDG folders lie there, the site-wide configuration is looked for in its `etc/hca/config.json`, all
    HCA_*, proxy and certificate variables are gone. At the end the environment and the directory are as before.
    """
    from hca_core import paths

    home = Path(folder) / "home"
    work = Path(folder) / "work"
    for made in (home, work):
        made.mkdir(parents=True, exist_ok=True)
    changes: dict[str, str | None] = {
        name: None for name in os.environ if name.startswith(("HCA_", "AWS_", "_HCA_")) or name.upper() in _FOREIGN
    }
    changes |= {
        "HOME": str(home),
        "USERPROFILE": str(home),
        "XDG_CONFIG_HOME": str(home / ".config"),
        "XDG_CACHE_HOME": str(home / ".cache"),
        "XDG_STATE_HOME": str(home / ".local" / "state"),
    }
    before, site_config_file = Path.cwd(), paths.site_config_file
    with _environment(changes):
        os.chdir(work)
        paths.site_config_file = lambda: str(home / "etc" / "hca" / "config.json")
        fresh()
        try:
            yield home
        finally:
            paths.site_config_file = site_config_file
            os.chdir(before)
            fresh()


class Plugins:
    """Registers plugins that are not installed: each is a folder with a module and metadata, put on `sys.path`."""

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self._folder = Path(folder)
        self._added: list[str] = []

    def __call__(
        self,
        name: str,
        source: str | None = None,
        *,
        commands: Mapping[str, click.Command | str] | None = None,
        clients: Mapping[str, Any] | None = None,
        config_defaults: Mapping[str, Mapping[str, object]] | None = None,
        entry_points: Mapping[str, Mapping[str, Any]] | None = None,
        modules: Mapping[str, str] | None = None,
        summary: str = "A plugin of a test.",
        version: str = "1.0",
        distribution: str = "",
        first: bool = False,
    ) -> Path:
        """Register plugin `name` and return the folder that was put on `sys.path` (`first`: at its beginning).

            plugin("weather", commands={"weather": weather})          # a click command of the test itself
            plugin("broken", "raise RuntimeError('no')")              # the source of the plugin's module

        Parameters: `source` is the text of the module that the entry point `name` names; without it one is made that
        answers the hooks with `commands`, `clients` and `config_defaults` (objects, or import strings).
        `entry_points` are more of them, by group and name (objects or import strings); `modules` more source files by
        module name. `distribution` is hca-plugin-<name> if empty.
        """
        module = f"hca_of_test_{len(self._added)}_{name.replace('-', '_')}"
        distribution = distribution or f"hca-plugin-{name}"
        folder = self._folder / f"{len(self._added)}-{distribution}"
        groups = {group: self._targets(entries) for group, entries in (entry_points or {}).items()}
        groups.setdefault("hca.plugins", {}).setdefault(name, module)
        if source is None:
            answers = {"commands": self._targets(commands or {}), "clients": self._targets(clients or {})}
            source = _hooks({**answers, "config_defaults": dict(config_defaults or {})})
        metadata = folder / f"{distribution.replace('-', '_')}-{version}.dist-info"
        metadata.mkdir(parents=True)
        header = f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\nSummary: {summary}\n"
        (metadata / "METADATA").write_text(header, encoding="utf-8")
        listed = "".join(
            f"[{group}]\n" + "".join(f"{entry} = {target}\n" for entry, target in entries.items())
            for group, entries in groups.items()
        )
        (metadata / "entry_points.txt").write_text(listed, encoding="utf-8")
        for file, text in {module: source, **(modules or {})}.items():
            (folder / f"{file}.py").write_text(text, encoding="utf-8")
        sys.path.insert(0 if first else len(sys.path), str(folder))
        self._added.append(str(folder))
        importlib.invalidate_caches()
        fresh()
        return folder

    def undo(self) -> None:
        """Take all of them out again, with the modules that were imported from there."""
        for folder in self._added:
            sys.path.remove(folder)
            for name, module in list(sys.modules.items()):
                if str(getattr(module, "__file__", "") or "").startswith(folder + os.sep):
                    del sys.modules[name]
        self._added.clear()
        vars(handed).clear()
        importlib.invalidate_caches()
        fresh()

    def _targets(self, entries: Mapping[str, Any]) -> dict[str, str]:
        """Return entries as import strings; objects of the test are handed over in this module."""
        targets = {}
        for name, value in entries.items():
            if not isinstance(value, str):
                attribute = f"object_{len(vars(handed))}"
                setattr(handed, attribute, value)
                value = f"{__name__}:handed.{attribute}"
            targets[name] = value
        return targets


handed = SimpleNamespace()


def _hooks(answers: Mapping[str, Any]) -> str:
    """Return the source of a plugin module that gives these answers to the hooks of these names."""
    functions = [
        f"@hookimpl\ndef hca_{name}():\n    return json.loads({json.dumps(answer)!r})"
        for name, answer in answers.items()
        if answer
    ]
    return "\n\n".join(["import json\n\nfrom hca_core import hookimpl", *functions]) + "\n"


@pytest.fixture
def isolated_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home of the test's own (see `isolated`); its path."""
    with isolated(tmp_path_factory.mktemp("isolated")) as home:
        yield home


@pytest.fixture
def service() -> Iterator[LoopbackService]:
    """A scripted service on this machine."""
    with LoopbackService() as running:
        yield running


@pytest.fixture
def hca(isolated_home: Path) -> Callable[..., Outcome]:
    """The function `run_hca`, in a home of the test's own."""
    return run_hca


@pytest.fixture
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plugins]:
    """A function that registers a plugin for this test: see `Plugins`."""
    plugins = Plugins(tmp_path_factory.mktemp("plugins"))
    yield plugins
    plugins.undo()


@contextmanager
def _environment(changes: Mapping[str, str | None]) -> Iterator[None]:
    before = dict(os.environ)
    for name, value in changes.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _encoded(document: Any) -> bytes:
    return json.dumps(document).encode()


def _part(given: Reply, asked: str | None) -> Reply:
    """Return the part of an answer that a `Range` header asks for (RFC 9110 §14; one range only)."""
    if not asked or not asked.startswith("bytes=") or given.status != 200:
        return given
    size = len(given.body)
    first, _, last = asked.removeprefix("bytes=").partition("-")
    start = int(first) if first else max(0, size - int(last))
    end = min(int(last), size - 1) if first and last else size - 1
    if start >= size:
        return Reply(416, {**given.headers, "Content-Range": f"bytes */{size}"})
    headers = {**given.headers, "Content-Range": f"bytes {start}-{end}/{size}"}
    return replace(given, status=206, headers=headers, body=given.body[start : end + 1])
