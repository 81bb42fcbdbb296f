"""The services that benchmarks/download.py and azul.py download from: so cheap that the clients are measured.

    python benchmarks/servers.py BLOCK [--delay SECONDS] [--bundles N]

It is a Data Storage System with exactly what downloads need, in two processes: one event loop that answers look-ups,
bundles, lists and small files, and one with a thread for each connection that gives large files to sendfile. Nothing is
stored but one block of bytes: every file is computed from its UUID, which holds its number and its kind, so that a
million of them cost nothing.

On the same port it is an Azul that looks files up, and an open-data mirror, /mirror/BUCKET/file/UUID. A mirror has one
address for small and large files, so there the event loop gives both.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import mmap
import multiprocessing
import os
import re
import socket
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import uvloop

sys.path.insert(0, str(Path(__file__).parent))
from contents import FILES_OF_A_BUNDLE, LARGE, VERSION, Block, File, file_of

API = Path(__file__).resolve().parent.parent / "plugins" / "dss" / "hca_dss" / "api.json"
LOOKED_UP = b"/repository/files/"  # contract of Azul, §8: redirects, or tells where with /fetch in front
PAGED = b"X-OpenAPI-Pagination: true\r\nX-OpenAPI-Paginated-Content-Key: %s\r\n"
SIGNATURE = b"?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Expires=3600&X-Amz-Signature=" + b"a" * 260  # a usual length


def part_of(head: bytes, size: int) -> tuple[int, int, bytes]:
    """Return from where to where a request with the header `head` wants a file, and status line and range header."""
    found = re.search(rb"\r\nrange: *bytes=(\d+)-(\d*)", head, re.IGNORECASE)
    if not found:
        return 0, size, b"200 OK\r\n"
    begin, last = int(found[1]), min(int(found[2] or size), size - 1)
    if begin > last:
        return 0, 0, b"416 Range Not Satisfiable\r\nContent-Range: bytes */%d\r\n" % size
    return begin, last + 1, b"206 Partial Content\r\nContent-Range: bytes %d-%d/%d\r\n" % (begin, last, size)


@dataclass
class Counts:
    """What has been asked since somebody last looked, and for how many seconds all those answers waited together."""

    requests: int = 0
    waited: float = 0.0
    waiting: int = 0
    most_waiting: int = 0


class Service:
    """What the event loop answers with; `ports` are those of the service, of small and of large files."""

    def __init__(self, block: Block, ports: tuple[int, ...], bundles: int) -> None:
        self.block = block
        self.counts = Counts()
        self._bundles = bundles
        with block.path.open("rb") as stream:
            self._whole = memoryview(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ))
        self._url = f"http://127.0.0.1:{ports[0]}/v1"
        self._small, self._large = (b"http://127.0.0.1:%d/data/" % port for port in ports[1:])
        self._description = json.dumps(
            json.loads(API.read_bytes()) | {"host": f"127.0.0.1:{ports[0]}", "schemes": ["http"]}
        ).encode()

    def answer(self, head: bytes) -> bytes:
        """Return the whole answer to a request."""
        path, _, query = head.split(b" ", 2)[1].partition(b"?")
        if path.startswith(b"/data/"):
            return self._content(file_of(path[6:].decode()), head)
        if path.startswith(b"/mirror/"):
            return self._content(file_of(path.rpartition(b"/")[2].decode()), head)
        if path.startswith(b"/v1/files/"):
            return b"HTTP/1.1 302 Found\r\nLocation: %s\r\nX-DSS-VERSION: %s\r\nContent-Length: 0\r\n\r\n" % (
                self._place(file_of(path[10:].decode())),
                VERSION.encode(),
            )
        if path.startswith(LOOKED_UP):
            place = self._place(file_of(path.removeprefix(LOOKED_UP).decode()))
            return b"HTTP/1.1 302 Found\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n" % place
        if path.startswith(b"/fetch" + LOOKED_UP):
            place = self._place(file_of(path.removeprefix(b"/fetch" + LOOKED_UP).decode()))
            return _reply(json.dumps({"Status": 302, "Location": place.decode()}).encode())
        if path == b"/v1/bundles/all":
            return self._page(query.decode())
        if path.startswith(b"/v1/bundles/"):
            return self._bundle(path[12:].decode(), b"presignedurls=" in query)
        if path == b"/v1/swagger.json":
            return _reply(self._description)
        if path == b"/v1/counts":
            told, self.counts = self.counts, Counts(waiting=self.counts.waiting)
            return _reply(json.dumps(vars(told)).encode())
        return _reply(b"{}", status=b"404 Not Found\r\n")

    def rest(self, head: bytes) -> memoryview:
        """Return what follows the answer: the bytes of a large file of the mirror, as they lie in the block."""
        path = head.split(b" ", 2)[1]
        if not path.startswith(b"/mirror/"):
            return self._whole[:0]
        file = file_of(path.rpartition(b"/")[2].decode())
        begin, end, _ = part_of(head, file.size)
        return self._whole[max(begin, len(file.head)) : end] if file.size >= LARGE else self._whole[:0]

    def _content(self, file: File, head: bytes) -> bytes:
        """Return the answer with a file, or with its first bytes only: those of large ones lie in the block."""
        begin, end, status = part_of(head, file.size)
        content = file.head if file.size >= LARGE else file.head + self.block.start[8 : file.size]
        return _reply(content[begin:end], b"binary/octet-stream", status, end - begin)

    def _place(self, file: File) -> bytes:
        return (self._large if file.size >= LARGE else self._small) + file.uuid.encode() + SIGNATURE

    @cache  # noqa: B019 - lives as long as its process
    def _bundle(self, uuid: str, signed: bool) -> bytes:
        first = file_of(uuid)
        listed = []
        for number in range(first.number, first.number + FILES_OF_A_BUNDLE[first.kind]):
            file = File(first.kind, number)
            told = {"name": f"{number}.json", "uuid": file.uuid, "version": VERSION, "size": file.size}
            sums = {"sha256": file.sha256(self.block), "sha1": "0" * 40, "crc32c": "0" * 8, "s3_etag": "0" * 32}
            place = {"url": self._place(file).decode()} if signed else {}
            listed.append(told | sums | {"content-type": "application/json", "indexed": True} | place)
        document = {"bundle": {"uuid": uuid, "version": VERSION, "files": listed, "creator_uid": 0}}
        return _reply(json.dumps(document).encode(), status=b"200 OK\r\n" + PAGED % b"bundle.files")

    @cache  # noqa: B019
    def _page(self, query: str) -> bytes:
        """Return a page of the list of all bundles."""
        told = dict(pair.split("=", 1) for pair in query.split("&"))
        size, begin = int(told.get("per_page", 100)), int(told.get("search_after", 0))
        end = min(begin + size, self._bundles)
        listed = [
            {"uuid": f"{number:08x}-0000-5000-8000-000000000000", "version": VERSION} for number in range(begin, end)
        ]
        # What the old client adds to this address are the parameters that it has already: the last of each counts.
        following = f"{self._url}/bundles/all?replica=aws&per_page={size}&search_after={end}"
        document = {"object": "list", "per_page": size, "bundles": listed, "page_count": len(listed)}
        document["has_more"] = end < self._bundles
        status = b"200 OK\r\n"
        if end < self._bundles:
            status = b"206 Partial Content\r\nLink: <%s>; rel='next'\r\n" % following.encode()
        return _reply(json.dumps(document).encode(), status=status + PAGED % b"bundles")


def _reply(
    body: bytes, kind: bytes = b"application/json", status: bytes = b"200 OK\r\n", length: int | None = None
) -> bytes:
    """Return an answer; `length` is that of the body if more follows."""
    told = len(body) if length is None else length
    return b"HTTP/1.1 %sContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s" % (status, kind, told, body)


class Connected(asyncio.Protocol):
    """One connection to the event loop; every answer waits `delay` seconds."""

    def __init__(self, service: Service, delay: float) -> None:
        self.service = service
        self.delay = delay
        self.received = b""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.received += data
        while (end := self.received.find(b"\r\n\r\n")) >= 0:
            head, self.received = self.received[: end + 2], self.received[end + 4 :]
            counts = self.service.counts
            counts.requests += 1
            counts.waiting += bool(self.delay)
            counts.most_waiting = max(counts.most_waiting, counts.waiting)
            answer = self.service.answer(head)
            if self.delay:
                asyncio.get_running_loop().call_later(self.delay, self._send_late, answer, head, time.monotonic())
            else:
                self._send(answer, head)

    def _send_late(self, answer: bytes, head: bytes, began: float) -> None:
        self.service.counts.waiting -= 1
        self.service.counts.waited += time.monotonic() - began  # timers are late by up to some milliseconds
        self._send(answer, head)

    def _send(self, answer: bytes, head: bytes) -> None:
        if head.startswith(b"HEAD "):
            self.transport.write(answer[: answer.index(b"\r\n\r\n") + 4])
        else:
            self.transport.write(answer)
            if rest := self.service.rest(head):
                self.transport.write(rest)
        if b"onnection: close" in head:
            self.transport.close()


async def serve(block: Path, delay: float, bundles: int, sockets: list[socket.socket]) -> None:
    """Answer until the process is ended; the sockets are those of the service, of small files and of large ones."""
    ports = tuple(one.getsockname()[1] for one in sockets)
    service = Service(Block(block), ports, bundles)
    loop = asyncio.get_running_loop()
    for one in sockets[:2]:
        await loop.create_server(lambda: Connected(service, delay), sock=one, backlog=1024)
    print(f"http://127.0.0.1:{ports[0]}/v1", flush=True)
    await loop.run_in_executor(None, sys.stdin.read)  # its end is that of who started this


def serve_large(block: Path, listening: socket.socket) -> None:
    """Give large files to whoever asks, until the process is ended."""
    content = os.open(block, os.O_RDONLY)
    while True:
        connection, _ = listening.accept()
        threading.Thread(target=_give, args=(connection, content), daemon=True).start()


def _give(connection: socket.socket, content: int) -> None:
    with connection, suppress(ConnectionError):
        received = b""
        while True:
            while b"\r\n\r\n" not in received:
                if not (data := connection.recv(65536)):
                    return
                received += data
            head, _, received = received.partition(b"\r\n\r\n")
            file = file_of(head.split(b" ", 2)[1].partition(b"?")[0][6:].decode())
            begin, end, status = part_of(head, file.size)
            answer = b"HTTP/1.1 %sContent-Type: binary/octet-stream\r\nContent-Length: %d\r\n\r\n" % (
                status,
                end - begin,
            )
            if head.startswith(b"HEAD "):
                end = begin
            connection.sendall(answer + file.head[begin : min(end, 8)])
            begin = max(begin, 8)
            while begin < end:
                begin += os.sendfile(connection.fileno(), content, begin, end - begin)
            if b"onnection: close" in head:
                return


def main() -> None:
    """Serve until stdin is closed, and tell the URL."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("block", type=Path, help="file with the bytes that all files have in common")
    parser.add_argument("--delay", type=float, default=0, help="seconds that every answer waits, but large files")
    parser.add_argument("--bundles", type=int, default=0, help="how many bundles are listed")
    settings = parser.parse_args()
    sockets = [socket.create_server(("127.0.0.1", 0), backlog=1024) for _ in range(3)]
    large = multiprocessing.get_context("fork").Process(target=serve_large, args=(settings.block, sockets[2]))
    large.daemon = True
    large.start()
    try:
        uvloop.run(serve(settings.block, settings.delay, settings.bundles, sockets))
    finally:
        large.terminate()


if __name__ == "__main__":
    main()
