"""A DSS whose files and bundles the test makes up, a real S3 server for uploads to it, and real `hca` processes."""

from __future__ import annotations

import hashlib
import itertools
import secrets
import socket
import subprocess
import sys
import threading
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import boto3  # noqa: TID253 - a test may take its time
import pytest
import uvicorn

from hca_core import checksums
from hca_core.testing import Reply, Request, reply
from hca_local.s3.keys import PermanentKeys
from hca_local.s3.service import S3Service

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence

    from hca_core.testing import LoopbackService

VERSION = "2019-08-01T200147.836832Z"
PAGED = {"X-OpenAPI-Paginated-Content-Key": "bundle.files"}
COLUMNS = ("bundle_uuid", "bundle_version", "file_name", "file_uuid", "file_version", "file_sha256", "file_size")


@dataclass(frozen=True)
class Bundle:
    """A bundle that the service has."""

    uuid: str
    version: str
    files: tuple[dict[str, Any], ...]

    @property
    def fqid(self) -> str:
        return f"{self.uuid}.{self.version}"

    def rows(self) -> list[dict[str, str]]:
        """Return a manifest's row for each file."""
        return [
            {
                "bundle_uuid": self.uuid,
                "bundle_version": self.version,
                "file_name": file["name"],
                "file_uuid": file["uuid"],
                "file_version": file["version"],
                "file_sha256": file["sha256"],
                "file_size": str(file["size"]),
            }
            for file in self.files
        ]


class Shelf:
    """Puts files and bundles into a scripted service that describes itself as a DSS."""

    def __init__(self, service: LoopbackService) -> None:
        self.service = service
        self._numbers = itertools.count(1)
        self._bundles: dict[str, list[Bundle]] = {}

    def uuid(self) -> str:
        return f"00000000-0000-4000-8000-{next(self._numbers):012d}"

    def file(self, name: str, data: bytes = b"", /, *, indexed: bool = False, **other: Any) -> dict[str, Any]:
        """Add a file with the content `data` and return it as bundles list it, with `other` fields changed."""
        digest = hashlib.sha256(data).hexdigest()
        entry = {
            "name": name,
            "uuid": self.uuid(),
            "version": VERSION,
            "content-type": 'application/json; dcp-type="metadata/file"' if indexed else "text/plain; dcp-type=data",
            "size": len(data),
            "indexed": indexed,
            "crc32c": "00000000",
            "s3_etag": "0" * 32,
            "sha1": "0" * 40,
            "sha256": digest,
        }
        location = f"{self.service.url}/blobs/{digest}"
        headers = {"Location": location, "X-DSS-SHA256": digest, "X-DSS-SIZE": str(len(data))}
        self.service.on("GET", f"/v1/files/{entry['uuid']}").reply(status=302, headers=headers)
        self.content(digest).reply(body=data, ranges=True)
        return entry | other

    def content(self, sha256: str) -> Any:
        """Return the script of the address that the content with this sha256 is fetched from."""
        return self.service.on("GET", f"/blobs/{sha256}")

    def bundle(self, *files: dict[str, Any], uuid: str = "", version: str = VERSION) -> Bundle:
        """Add a version of a bundle."""
        made = Bundle(uuid or self.uuid(), version, files)
        if made.uuid not in self._bundles:
            self._bundles[made.uuid] = []
            self.service.on("GET", f"/v1/bundles/{made.uuid}").reply(lambda request: self._found(made.uuid, request))
        self._bundles[made.uuid].append(made)
        return made

    def _found(self, uuid: str, request: Request) -> Reply:
        asked = dict(request.query).get("version")
        fitting = [one for one in self._bundles[uuid] if asked in (None, one.version)]
        if not fitting:
            return reply(status=404, json={"status": 404, "code": "not_found", "title": "Cannot find bundle!"})
        found = max(fitting, key=lambda one: one.version)
        return reply(json=document(found), headers=PAGED)

    def fetched(self) -> list[str]:
        """Return the sha256 of every content that was asked for so far."""
        return [one.path.removeprefix("/blobs/") for one in self.service.requests if one.path.startswith("/blobs/")]


def document(bundle: Bundle) -> dict[str, Any]:
    return {"bundle": {"uuid": bundle.uuid, "version": bundle.version, "creator_uid": 1, "files": list(bundle.files)}}


@pytest.fixture
def shelf(dss: LoopbackService) -> Shelf:
    return Shelf(dss)


S3_KEY, S3_SECRET = "STAGINGKEY", "staging/secret"


@dataclass(frozen=True)
class Asked:
    """A request that S3 got: its method, the key, the query, the headers in lower case."""

    method: str
    key: str
    query: dict[str, str]
    headers: dict[str, str]

    @property
    def what(self) -> str:
        """The operation, as `PUT`, `PUT ?partNumber&uploadId`."""
        names = "&".join(sorted(set(self.query) - {"x-id"}))
        return f"{self.method} ?{names}" if names else self.method


class Bucket:
    """A bucket on a real S3 server, which the environment names; `asked` are the requests it got, `fault` may answer.

    `fault(request)` is called in a thread before each request is answered; it may return a Reply to send instead.
    """

    def __init__(self, s3: Any) -> None:
        self.name = f"staging-{secrets.token_hex(4)}"
        self.asked: list[Asked] = []
        self.fault: Callable[[Asked], Reply | None] = lambda request: None
        self.s3 = s3
        self.s3.create_bucket(Bucket=self.name)

    def read(self, key: str) -> bytes:
        """Return the content of an object."""
        body: bytes = self.s3.get_object(Bucket=self.name, Key=key)["Body"].read()
        return body

    def tags(self, key: str) -> dict[str, str]:
        """Return the tags of an object."""
        listed = self.s3.get_object_tagging(Bucket=self.name, Key=key)["TagSet"]
        return {tag["Key"]: tag["Value"] for tag in listed}

    def content_type(self, key: str) -> str:
        """Return the content type of an object."""
        return str(self.s3.head_object(Bucket=self.name, Key=key)["ContentType"])

    def keys(self) -> list[str]:
        """Return the keys of all objects."""
        return [one["Key"] for one in self.s3.list_objects_v2(Bucket=self.name).get("Contents", [])]

    def unfinished(self) -> list[str]:
        """Return the keys of the uploads in parts that were neither completed nor aborted."""
        return [one["Key"] for one in self.s3.list_multipart_uploads(Bucket=self.name).get("Uploads", [])]


class _Watched:
    """The S3 server, with the bucket of the test that is under way looking on."""

    def __init__(self) -> None:
        self.bucket: Bucket | None = None
        self.earlier: set[str] = set()  # the names of the buckets of tests that are over

    def serve(self, root: Path, listener: socket.socket, server: uvicorn.Server) -> None:
        """Serve until the server is to end; its store belongs to one thread."""
        self.service = S3Service(root, PermanentKeys({S3_KEY: S3_SECRET}))
        server.run(sockets=[listener])
        self.service.close()

    async def __call__(self, scope: Any, receive: Any, send: Callable[[Any], Awaitable[None]]) -> None:
        import asyncio

        headers = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
        path = scope["raw_path"].decode()
        # Threads of an earlier test, whose upload has failed on purpose, may still send to the bucket of that one.
        is_late = path.split("/")[1] in self.earlier
        if self.bucket and not is_late and "hca/" in headers.get("user-agent", ""):
            key = path.removeprefix(f"/{self.bucket.name}").removeprefix("/")
            query = dict(parse_qsl(scope["query_string"].decode(), keep_blank_values=True))
            request = Asked(scope["method"], key, query, headers)
            self.bucket.asked.append(request)
            instead = await asyncio.get_running_loop().run_in_executor(None, self.bucket.fault, request)
            if instead is not None:
                while (await receive()).get("more_body"):
                    pass
                listed = [(name.encode(), value.encode()) for name, value in instead.headers.items()]
                listed.append((b"content-length", str(len(instead.body)).encode()))
                await send({"type": "http.response.start", "status": instead.status, "headers": listed})
                await send({"type": "http.response.body", "body": instead.body})
                return
        await self.service(scope, receive, send)


@pytest.fixture(scope="session")
def watched_s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[_Watched, Any]]:
    """An S3 server in a thread, and a client of it."""
    watched = _Watched()
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(128)
        server = uvicorn.Server(uvicorn.Config(watched, lifespan="off", log_config=None, access_log=False))
        root = tmp_path_factory.mktemp("s3") / "root"
        thread = threading.Thread(target=watched.serve, args=(root, listener, server), daemon=True)
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        settings = {"aws_access_key_id": S3_KEY, "aws_secret_access_key": S3_SECRET, "region_name": "us-east-1"}
        client = boto3.session.Session().client("s3", endpoint_url=url, **settings)
        yield watched, client
        client.close()
        server.should_exit = server.force_exit = True
        thread.join(60)


@pytest.fixture
def bucket(watched_s3: tuple[_Watched, Any], monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    """A staging bucket of the test's own; the environment has its endpoint and keys."""
    watched, client = watched_s3
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", client.meta.endpoint_url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", S3_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", S3_SECRET)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    watched.bucket = Bucket(client)
    yield watched.bucket
    watched.earlier.add(watched.bucket.name)
    watched.bucket = None


class Registry:
    """The half of a DSS that uploads need: it takes a file if what lies in the bucket has the checksums of its tags."""

    def __init__(self, service: LoopbackService, bucket: Bucket) -> None:
        self.service = service
        self.bucket = bucket
        self.files: dict[tuple[str, str], dict[str, Any]] = {}  # (uuid, version) -> the request's document
        self.bundles: dict[tuple[str, str], dict[str, Any]] = {}
        service.on("PUT", "/v1/files/*").reply(self.put_file)
        service.on("PUT", "/v1/bundles/*").reply(self.put_bundle)

    def put_file(self, request: Request) -> Reply:
        told = request.json()
        scheme, _, rest = told["source_url"].partition("://")
        name, _, key = rest.partition("/")
        assert (scheme, name) == ("s3", self.bucket.name)
        sums = checksums.of_bytes(self.bucket.read(key))
        wanted = {f"hca-dss-{name}": getattr(sums, name) for name in ("s3_etag", "sha1", "sha256", "crc32c")}
        if self.bucket.tags(key) != wanted:
            return problem(422, "invalid_checksum", "the tags are not those of the content")
        return self._put(self.files, request, {**told, "key": key})

    def put_bundle(self, request: Request) -> Reply:
        told = request.json()
        for file in told["files"]:
            if (file["uuid"], file["version"]) not in self.files:
                return problem(400, "file_missing", "no such file")
        return self._put(self.bundles, request, {**told, "replica": dict(request.query)["replica"]})

    def _put(self, shelf: dict[tuple[str, str], Any], request: Request, document: dict[str, Any]) -> Reply:
        identity = (request.path.rpartition("/")[2], dict(request.query)["version"])
        if shelf.setdefault(identity, document) != document:
            return problem(409, "already_exists", "there is another one")
        return reply(status=201, json={"version": identity[1]})

    def asked(self) -> list[str]:
        """Return method and kind of the requests so far but those for the description, as `PUT files`."""
        return [f"{one.method} {one.path.split('/')[2]}" for one in self.service.requests if "swagger" not in one.path]


def problem(status: int, code: str, title: str) -> Reply:
    """Return an answer that refuses a request."""
    document = {"status": status, "code": code, "title": title}
    return reply(status=status, json=document, headers={"Content-Type": "application/problem+json"})


@pytest.fixture
def registry(dss: LoopbackService, bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> Registry:
    """A DSS that takes uploads from the bucket, and a login to it."""
    monkeypatch.setenv("HCA_TOKEN", "a-secret-token")
    return Registry(dss, bucket)


@pytest.fixture
def write_manifest() -> Callable[..., str]:
    """A function that writes rows as a manifest to the current directory and returns its name."""

    def write(
        rows: Sequence[dict[str, str]],
        name: str = "manifest.tsv",
        columns: Sequence[str] = COLUMNS,
        end: str = "\n",
    ) -> str:
        lines = ["\t".join(columns), *("\t".join(row.get(column, "") for column in columns) for row in rows)]
        Path(name).write_bytes("".join(line + end for line in lines).encode())
        return name

    return write


@pytest.fixture
def start_hca() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """A function that starts `hca` as a process of its own; what runs in the end is killed."""
    with ExitStack() as stack:

        def start(*words: str) -> subprocess.Popen[str]:
            command = [sys.executable, "-m", "hca_core", *words]
            pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
            process = stack.enter_context(subprocess.Popen(command, **pipes))
            stack.callback(process.kill)
            return process

        yield start


def tree(folder: str | Path = ".") -> dict[str, bytes]:
    """Return all files below `folder` with their content."""
    root = Path(folder)
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.fixture(name="tree")
def _tree() -> Callable[..., dict[str, bytes]]:
    return tree


@pytest.fixture
def stored() -> Callable[[bytes], str]:
    """A function that returns where content lies in the filestore."""

    def path(data: bytes) -> str:
        digest = hashlib.sha256(data).hexdigest()
        return f".hca/v2/files_2_4/{digest[:2]}/{digest[2:6]}/{digest}"

    return path
