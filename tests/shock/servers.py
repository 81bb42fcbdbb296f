"""Shock servers for tests of the client: real deployments that are killed, a proxy that breaks things, a blobstore.

The proxy is that of tests/upload/faults.py; here is what only answers in JSON need.
"""

from __future__ import annotations

import atexit
import email
import hashlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from neighbours import load

from hca_local import launch, state

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from hca_shock.client import ShockClient

MEBIBYTE = 1024 * 1024
BIN = Path(sys.executable).parent
PATIENCE = 60.0


faults = load(Path(__file__).parent.parent / "upload" / "faults.py", "shock_faults")


# Deployments


@dataclass
class Deployment:
    """A running embedded deployment: where its Shock server is, its data directory, its process."""

    url: str
    data: Path
    process: subprocess.Popen[bytes] = field(repr=False)

    def log(self) -> list[str]:
        """Return the requests so far, as `METHOD TARGET STATUS`."""
        lines = [line.split(" ") for line in (self.data / "log").read_text().splitlines()]
        return [" ".join(words[1:4]) for words in lines if len(words) == 5]

    def requests(self, beginning: str) -> list[str]:
        """Return the requests so far that begin so."""
        return [one for one in self.log() if one.startswith(beginning)]

    def kill(self) -> None:
        """End the server process with SIGKILL."""
        self.process.kill()
        self.process.wait()


@contextmanager
def deployed(data: Path, **settings: Any) -> Iterator[Deployment]:
    """Serve a data directory; Shock is at the same port again when it was served before."""
    with launch.private(data, empty=not (data / "settings.json").exists(), **settings) as launched:
        found = state.current(launched.directory)
        assert found is not None
        yield Deployment(found.shock_url, data, launched.process)


def environment(home: Path, url: str, **more: str) -> dict[str, str]:
    """Return the environment of a user of the server at `url`, who has a home of the test's own."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    return {**kept, "HOME": str(home), "HCA_SHOCK_URL": url, "LC_ALL": "C.UTF-8", **more}


def started(env: Mapping[str, str], *words: object, **settings: Any) -> subprocess.Popen[bytes]:
    """Start the installed `hca shock` in a process of its own."""
    command = [str(BIN / "hca"), "shock", *map(str, words)]
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **settings}
    return subprocess.Popen(command, env=dict(env), **pipes)


def done(process: subprocess.Popen[bytes]) -> tuple[int, str, str]:
    """Wait for a process and return its exit status, output and errors."""
    out, err = process.communicate(timeout=PATIENCE)
    return process.returncode, out.decode(), err.decode()


def quick(url: str, **more: Any) -> ShockClient:
    """Return a client that waits only shortly before it tries again."""
    from hca_shock.client import ShockClient

    return ShockClient(url, **{"first_wait": 0.01, "most_wait": 0.05, "read_timeout": 20.0, **more})


def noise(size: int, seed: int = 0) -> bytes:
    """Return bytes that can't be packed, always the same."""
    import random

    return random.Random(seed).randbytes(size)


def md5(data: bytes) -> str:
    """Return the MD5 in hex."""
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


# What a proxy may do to an answer of a Shock server


def says(status: int, told: str, *, code: int | None = None, retry_after: str = "") -> Any:
    """Answer with the envelope of an error and pass nothing on; `code` is the HTTP status where that is another."""

    def do(exchange: Any) -> None:
        exchange.read_all()
        headers = {"Content-Type": "application/json", **({"Retry-After": retry_after} if retry_after else {})}
        body = json.dumps({"status": status, "data": None, "error": [told]}).encode()
        exchange.reply(code or status, headers, body)

    return do


def page(status: int) -> Any:
    """Answer with a page of HTML and pass nothing on."""

    def do(exchange: Any) -> None:
        exchange.read_all()
        exchange.reply(status, {"Content-Type": "text/html"}, b"<html><body><h1>Oops</h1>a secret trace</body></html>")

    return do


def changes(edit: Callable[[Any], None]) -> Any:
    """Pass the request on; the `data` of the answer is changed by `edit`."""

    def do(exchange: Any) -> None:
        with exchange.fetched() as answer:
            document = json.loads(answer.read())
            edit(document["data"])
            exchange.reply(answer.status, {"Content-Type": "application/json"}, json.dumps(document).encode())

    return do


def flips(at: int = 0) -> Any:
    """Pass the request on; one byte of the answer's body is another."""

    def do(exchange: Any) -> None:
        with exchange.fetched() as answer:
            body = bytearray(answer.read())
            body[at] ^= 0xFF
            exchange.reply(answer.status, dict(answer.getheaders()), bytes(body))

    return do


def empty(exchange: Any) -> None:
    """Answer 200 with no bytes, as the server does when one seeks too far."""
    exchange.read_all()
    exchange.reply(200, {"Content-Type": "application/octet-stream"})


def slowly(seconds: float) -> Any:
    """Pass the request on after a while."""

    def do(exchange: Any) -> None:
        exchange.proxy.ended.wait(seconds)
        with exchange.fetched() as answer:
            exchange.answer(answer)

    return do


# The blobstore of KBase


class Blobstore:
    """A server that knows what KBase's blobstore knows (service contract §12); anonymous users may do all."""

    def __init__(self) -> None:
        self.nodes: dict[str, dict[str, Any]] = {}
        self.files: dict[str, bytes] = {}
        self.asked: list[str] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _BlobHandler)
        self._server.daemon_threads = True
        self._server.blobs = self  # type: ignore[attr-defined]
        self.url = f"http://127.0.0.1:{self._server.server_port}/services/shock-api"

    def __enter__(self) -> Blobstore:
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def add(self, name: str, data: bytes, file_format: str) -> dict[str, Any]:
        """Keep a file and return its node."""
        id = str(uuid.uuid4())
        self.files[id] = data
        self.nodes[id] = {
            "id": id,
            "attributes": None,
            "created_on": "2026-11-22T09:00:00.000Z",
            "last_modified": "2026-11-22T09:00:00.000Z",
            "format": file_format,
            "file": {"name": name, "checksum": {"md5": md5(data)}, "size": len(data)},
            "_acl": {"owner": "ann", "read": ["ann"], "public": False},
        }
        return self.nodes[id]


class _BlobHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        blobs: Blobstore = self.server.blobs  # type: ignore[attr-defined]
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        split = urlsplit(self.path.removeprefix("/services/shock-api"))
        query = parse_qs(split.query, keep_blank_values=True)
        blobs.asked.append(f"{self.command} {split.path}")
        words = split.path.strip("/").split("/")
        try:
            if words == [""]:
                described = {"id": "Shock", "servername": "blobstore", "serverversion": "0.1.2", "version": "0.9.6"}
                self._send(200, json.dumps(described).encode())
            elif words == ["node"] and self.command == "POST":
                self._give(blobs.add(*self._uploaded(body)))
            elif words[0] == "node" and len(words) == 2 and words[1] in blobs.nodes:
                self._node(blobs, words[1], query)
            elif words[0] == "node" and words[2:3] == ["acl"] and words[1] in blobs.nodes:
                self._acl(blobs.nodes[words[1]]["_acl"], words[3:])
            elif words[0] == "node" and len(words) == 2:
                raise ValueError("404 Node not found")
            else:
                raise ValueError("404 Not Found")
        except ValueError as error:
            code, _, text = str(error).partition(" ")
            self._send(int(code), json.dumps({"status": int(code), "data": None, "error": [text]}).encode())

    do_GET = do_PUT = do_POST = do_DELETE = answer  # noqa: N815

    def _uploaded(self, body: bytes) -> tuple[str, bytes, str]:
        kind = self.headers["Content-Type"].encode()
        message = email.message_from_bytes(b"Content-Type: " + kind + b"\r\n\r\n" + body)
        file_format = ""
        for part in message.get_payload():  # type: ignore[union-attr]
            name = part.get_param("name", header="content-disposition")  # type: ignore[union-attr]
            data = part.get_payload(decode=True)  # type: ignore[union-attr]
            if name == "format":
                file_format = data.decode()  # type: ignore[union-attr]
            elif name == "upload":
                if part["Content-Length"] is None:  # type: ignore[index]
                    raise ValueError("400 Content-Length header missing from part")
                return part.get_filename() or "", data, file_format  # type: ignore[return-value, union-attr]
            else:
                raise ValueError(f"400 Unexpected form name: {name}")
        raise ValueError("400 no file")

    def _node(self, blobs: Blobstore, id: str, query: dict[str, list[str]]) -> None:
        if self.command == "DELETE":
            del blobs.nodes[id], blobs.files[id]
            self._send(200, b'{"status": 200, "data": null, "error": null}')
        elif self.command != "GET":
            raise ValueError("405 Method Not Allowed")
        elif "download" in query or "download_raw" in query:
            data = blobs.files[id]
            seek, length = int(query.get("seek", ["0"])[0]), int(query.get("length", ["0"])[0])
            if seek and seek >= len(data):
                raise ValueError("400 seek is larger than the file")
            self._send(200, data[seek : seek + length if length else None], "application/octet-stream")
        else:
            self._give(blobs.nodes[id])

    def _acl(self, acl: dict[str, Any], words: list[str]) -> None:
        if words == ["public_read"] and self.command in ("PUT", "DELETE"):
            acl["public"] = self.command == "PUT"
        elif self.command != "GET" or words not in ([], [""]):
            raise ValueError("400 Invalid acl type")
        rights = {"read": acl["read"], "write": [acl["owner"]], "delete": [acl["owner"]]}
        public = {"read": acl["public"], "write": False, "delete": False}
        self._give({"owner": acl["owner"], **rights, "public": public})

    def _give(self, data: dict[str, Any]) -> None:
        kept = {name: value for name, value in data.items() if not name.startswith("_")}
        self._send(200, json.dumps({"status": 200, "data": kept, "error": None}).encode())

    def _send(self, status: int, body: bytes, kind: str = "application/json") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing."""


def stalls(after: int, came: threading.Event | None = None) -> Any:
    """Pass the request on; give the client the first bytes of the answer, then nothing until the end of the test."""

    def do(exchange: Any) -> None:
        with exchange.fetched() as answer:
            exchange.answer(answer, limit=after)
            exchange._handler.wfile.flush()
            if came:
                came.set()
            exchange.proxy.ended.wait(PATIENCE)
        exchange.cut()

    return do


def torn(marker: bytes) -> Any:
    """Pass the request on in two segments of the network, the border of which is in the middle of `marker`."""

    def do(exchange: Any) -> None:
        body = b"".join(exchange.body())
        border = body.index(marker) + len(marker) // 2
        with exchange._upstream() as (connection, _):
            connection.send(body[:border])
            time.sleep(0.05)  # so that they don't arrive together
            connection.send(body[border:])
            with connection.getresponse() as answer:
                exchange.answer(answer)

    return do


# Deployments that many tests share


_shared: dict[int, Deployment] = {}
_ends = ExitStack()


def shared(quirks: int) -> Deployment:
    """Return the deployment of this test run without the faults of the real server, or with them; anybody may do all.

    All modules share it: their tests make what they look at, and look at nothing else.
    """
    if quirks not in _shared:
        if not _shared:
            atexit.register(_ends.close)
        folder = Path(_ends.enter_context(tempfile.TemporaryDirectory(prefix="hca-shock-")))
        users = ["ann:pw-of-ann", "bob:pw-of-bob", "root:pw-of-root:admin"]
        _shared[quirks] = _ends.enter_context(deployed(folder / "data", shock_quirks=quirks, shock_users=users))
    return _shared[quirks]


_proxies: dict[str, Any] = {}


def proxied(deployment: Deployment) -> Any:
    """Return the proxy before a deployment that all tests share, which breaks nothing yet."""
    if deployment.url not in _proxies:
        _proxies[deployment.url] = _ends.enter_context(faults.Proxy(deployment.url))
    _proxies[deployment.url].heal()
    return _proxies[deployment.url]


@contextmanager
def refusing(status: int, told: str) -> Iterator[str]:
    """Give the URL of a server that answers each request at its head, as Go does: the body is not read, it hangs up."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection:
                head = b""
                while b"\r\n\r\n" not in head and (block := connection.recv(65536)):
                    head += block
                body = json.dumps({"status": status, "data": None, "error": [told]}).encode()
                lines = [f"HTTP/1.1 {status} No", "Content-Type: application/json", "Connection: close"]
                connection.sendall("\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode() + body)
                connection.shutdown(socket.SHUT_WR)
                time.sleep(0.3)  # Go waits half a second before it resets what still comes

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join()
