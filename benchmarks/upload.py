"""How fast and with how much memory `hca dss upload` works, against boto3 with the four checksums in its reader.

    python benchmarks/upload.py [--size MIB] [--files N] [--rounds 3] [--json]

It makes its own data and its own services: an S3 that computes nothing, as one that runs on another machine costs this
one nothing, and a DSS that takes all. In the first round, which does not count, the S3 stores what it gets, and all of
it is checked against its sha256; in the others it stores the tags and the sizes, which are checked.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import os
import re
import shutil
import sys
import tempfile
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote

sys.path.insert(0, str(Path(__file__).parent))
from common import BIN, ROOT, Case, Samples, clean_environment, compile_sources, rows, run_once, show

from hca_core import checksums

SMALL_BYTES = 4096
MEBIBYTE = 1024 * 1024

# What somebody without `hca` writes: the checksums in the reader, then the tags, then the service, ten at a time.
PLAIN = """
import hashlib, os, sys, threading, uuid
from concurrent.futures import ThreadPoolExecutor
import boto3, google_crc32c, requests
from boto3.s3.transfer import TransferConfig

MIB = 1024 * 1024
folder, bucket, service, threads = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
s3 = boto3.client("s3")
settings = TransferConfig(multipart_threshold=64 * MIB + 1, multipart_chunksize=64 * MIB)
local = threading.local()

class Reader:
    def __init__(self, stream):
        self.stream, self.left, self.parts = stream, 0, []
        self.sha1, self.sha256, self.crc32c = hashlib.sha1(), hashlib.sha256(), google_crc32c.Checksum()

    def read(self, size=-1):
        block = self.stream.read(size)
        for digest in (self.sha1, self.sha256, self.crc32c):
            digest.update(block)
        view = memoryview(block)
        while view:
            if not self.left:
                self.left = 64 * MIB
                self.parts.append(hashlib.md5())
            piece = view[: self.left]
            self.parts[-1].update(piece)
            self.left -= len(piece)
            view = view[len(piece) :]
        return block

    def tags(self):
        digests = [part.digest() for part in self.parts]
        etag = digests[0].hex() if len(digests) == 1 else f"{hashlib.md5(b''.join(digests)).hexdigest()}-{len(digests)}"
        sums = {"sha1": self.sha1.hexdigest(), "sha256": self.sha256.hexdigest(), "s3_etag": etag}
        sums["crc32c"] = self.crc32c.digest().hex()
        return [{"Key": f"hca-dss-{name}", "Value": value} for name, value in sums.items()]

def send(name):
    if not hasattr(local, "session"):
        local.session = requests.Session()
    own = str(uuid.uuid4())
    key = f"{own}/{name}"
    with open(os.path.join(folder, name), "rb") as stream:
        reader = Reader(stream)
        s3.upload_fileobj(reader, bucket, key, Config=settings)
    s3.put_object_tagging(Bucket=bucket, Key=key, Tagging={"TagSet": reader.tags()})
    body = {"creator_uid": 0, "source_url": f"s3://{bucket}/{key}"}
    answer = local.session.put(f"{service}/v1/files/{own}?version=v", json=body, headers={"Authorization": "Bearer t"})
    answer.raise_for_status()

with ThreadPoolExecutor(threads) as pool:
    list(pool.map(send, sorted(os.listdir(folder))))
"""


class Sink(BaseHTTPRequestHandler):
    """S3 and DSS at once: takes all files and bundles, and stores objects and parts as files below `root`.

    Unless there is a file `keep` only their sizes are stored.
    """

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    root: Path

    def answer(self) -> None:
        path, _, text = self.path.partition("?")
        query = parse_qs(text, keep_blank_values=True)
        name = unquote(path).removeprefix("/bucket/").replace("/", ":")
        length = int(self.headers.get("Content-Length") or 0)
        sent = self.headers.get("Content-MD5")
        etag = b64decode(sent).hex() if sent else "0" * 32
        told = {"ETag": f'"{etag}"'}
        if crc32c := self.headers.get("x-amz-checksum-crc32c"):
            told["x-amz-checksum-crc32c"] = crc32c
        if path.startswith("/v1/"):
            document = (ROOT / "plugins/dss/hca_dss/api.json").read_bytes() if path == "/v1/swagger.json" else b"{}"
            self.rfile.read(length)
            self._reply(self._described(document), {"Content-Type": "application/json"}, 200)
        elif "tagging" in query:
            self._tags(name, set(re.findall(r"<Value>([^<]+)", self.rfile.read(length).decode())))
            self._reply()
        elif "uploads" in query:
            self._reply(f"<R><UploadId>{name}</UploadId></R>".encode())
        elif "partNumber" in query:
            self._store(self.root / f"{name}.{int(query['partNumber'][0]):05d}", length)
            self._reply(headers=told)
        elif "uploadId" in query:
            digests = re.findall(r"[0-9a-f]{32}", self.rfile.read(length).decode())
            whole = hashlib.md5(b"".join(map(bytes.fromhex, digests))).hexdigest()
            self._reply(f"<R><ETag>{whole}-{len(digests)}</ETag></R>".encode())
        else:
            if self.command == "PUT":
                self._store(self.root / f"{name}.00001", length)
                if tagged := self.headers.get("x-amz-tagging"):
                    self._tags(name, {value for values in parse_qs(tagged).values() for value in values})
            self._reply(headers=told)

    do_GET = do_HEAD = do_PUT = do_POST = answer  # noqa: N815

    def _described(self, document: bytes) -> bytes:
        described = json.loads(document)
        if described:
            described |= {"host": self.headers["Host"], "schemes": ["http"]}
        return json.dumps(described).encode()

    def _store(self, path: Path, length: int) -> None:
        keep, left = (self.root / "keep").exists(), length
        buffer = memoryview(bytearray(min(MEBIBYTE, length)))
        with open(path, "wb", buffering=0) as stream:
            while left:
                count = self.rfile.readinto(buffer[: min(len(buffer), left)])
                left -= count
                if keep:
                    stream.write(buffer[:count])
            if not keep:
                stream.write(str(length).encode())

    def _tags(self, name: str, values: set[str]) -> None:
        (self.root / f"{name}.tags").write_text(json.dumps(sorted(values)))

    def _reply(self, body: bytes = b"", headers: dict[str, str] | None = None, status: int = 200) -> None:
        self.send_response(status)
        for header, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(header, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing."""


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256


def serve(root: Path, told: Any) -> None:
    """Serve until the process is ended; tell the port."""
    Sink.root = root
    with Server(("127.0.0.1", 0), Sink) as server:
        told.send(server.server_port)
        server.serve_forever()


@contextmanager
def sink(root: Path) -> Iterator[str]:
    """Run the services in a process of their own and give their URL."""
    root.mkdir()
    context = multiprocessing.get_context("spawn")
    told, tell = context.Pipe(duplex=False)
    process = context.Process(target=serve, args=(root, tell), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{told.recv()}"
    finally:
        process.terminate()
        process.join()


def make(folder: Path, count: int, size: int) -> None:
    """Write `count` files of `size` bytes into `folder`."""
    folder.mkdir()
    block = hashlib.shake_128(b"hca").digest(min(size, MEBIBYTE))
    for file in range(count):
        with (folder / f"file{file}.bin").open("wb") as stream:
            for number in range(size // len(block)):
                stream.write(file.to_bytes(8, "big") + number.to_bytes(8, "big") + block[16:])


def check(folder: Path, root: Path) -> None:
    """Raise AssertionError if not every file of `folder` has arrived with good tags and, if it was kept, content."""
    kept = (root / "keep").exists()
    parts: dict[str, list[Path]] = {}
    for path in sorted(root.glob("*.0*")):
        parts.setdefault(path.name.rpartition(".")[0], []).append(path)
    assert len(parts) == len(list(folder.iterdir()))
    for name, stored in parts.items():
        sums = checksums.of_file(folder / name.partition(":")[2])
        tags = json.loads((root / f"{name}.tags").read_text())
        assert tags == sorted([sums.sha1, sums.sha256, sums.crc32c, sums.s3_etag]), name
        if kept:
            digest = hashlib.sha256()
            for path in stored:
                with path.open("rb") as stream:
                    while block := stream.read(MEBIBYTE):
                        digest.update(block)
            assert digest.hexdigest() == sums.sha256, name
        else:
            assert sum(int(path.read_text()) for path in stored) == sums.size, name


def measure(cases: dict[Case, list[str]], root: Path, rounds: int, environment: dict[str, str]) -> dict[str, Samples]:
    """Run every case once a round, in turn, into an empty bucket; the first round does not count."""
    taken = {name: Samples() for name in cases}
    for number in range(rounds + 1):
        for name, (case, folder) in cases.items():
            for path in root.iterdir():
                path.unlink()
            if not number:
                (root / "keep").touch()
            run_once(case, environment, taken[name] if number else None)
            check(folder, root)
    return taken


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=1024, metavar="MIB", help="size of the large file (default: 1024)")
    parser.add_argument("--files", type=int, default=1000, help="number of small files (default: 1000)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds that count (default: 3)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    settings = parser.parse_args()
    compile_sources()
    memory = "/dev/shm" if os.path.isdir("/dev/shm") else None
    work = Path(tempfile.mkdtemp(prefix="hca-benchmark-", dir=memory))
    try:
        with sink(work / "bucket") as url:
            script = work / "plain.py"
            script.write_text(PLAIN)
            cases: dict[str, tuple[Case, Path]] = {}
            for what, count, size, goal in (
                (f"{settings.size} MiB", 1, settings.size * MEBIBYTE, 0.45),
                (f"{settings.files} x 4 KB", settings.files, SMALL_BYTES, None),
            ):
                folder = work / f"{count}"
                make(folder, count, size)
                peer = f"{what}: boto3"
                verb = ["dss", "upload", "--src-dir", str(folder), "--replica", "aws", "--staging-bucket", "bucket"]
                ours = Case(f"{what}: hca", [str(BIN / "hca"), *verb], peer, goal, expected="bundle_uuid")
                plain = Case(peer, [sys.executable, str(script), str(folder), "bucket", url, "10"])
                cases |= {case.name: (case, folder) for case in (ours, plain)}
            keys = {"AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s", "AWS_DEFAULT_REGION": "us-east-1"}
            service = {"HCA_DSS_URL": f"{url}/v1/swagger.json", "HCA_TOKEN": "t", "AWS_ENDPOINT_URL_S3": url}
            with clean_environment(**keys, **service) as environment:
                taken = measure(cases, work / "bucket", max(settings.rounds, 3), environment)
            show(rows([case for case, _ in cases.values()], taken), as_json=settings.json)
    finally:
        shutil.rmtree(work)


if __name__ == "__main__":
    main()
