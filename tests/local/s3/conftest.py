"""Fixtures for tests of the S3 server: server processes on loopback, boto3 clients, signed requests by hand.

Tests that use the fixture `s3` also run against the server that HCA_TEST_S3_ENDPOINT, HCA_TEST_S3_KEY and
HCA_TEST_S3_SECRET name.
"""

from __future__ import annotations

import http.client
import json
import os
import secrets
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from waiting import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import boto3
    from botocore.awsrequest import AWSRequest

REAL = {name: os.environ.get(f"HCA_TEST_S3_{name}") for name in ("ENDPOINT", "KEY", "SECRET")}
REAL_SERVER = pytest.param("real", marks=pytest.mark.real_s3)
KEY, SECRET = "TESTKEY", "test/secret+of=keys"
SESSION_BUCKET = "area-bucket"
SESSION_ACTIONS = ["s3:PutObject", "s3:GetObject", "s3:ListBucket", "s3:AbortMultipartUpload", "s3:DeleteObject"]


def session_key(name: str, expires: float) -> dict[str, Any]:
    return {
        "id": name, "secret": f"secret of {name}", "token": f"token of {name}", "expires": expires,
        "bucket": SESSION_BUCKET, "prefix": "area/", "actions": SESSION_ACTIONS,
    }  # fmt: skip


KEYS = [
    {"id": KEY, "secret": SECRET},
    session_key("SESSION", time.time() + 24 * 3600),  # counted from when the tests are collected
    session_key("EXPIRED", time.time() - 1),
]


@dataclass
class Answer:
    """What a request by hand brought."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def code(self) -> str:
        """The code of the error document."""
        return self.body.decode().partition("<Code>")[2].partition("</Code>")[0]


@dataclass
class Target:
    """A server that the tests talk to."""

    endpoint: str
    key: str
    secret: str
    is_real: bool = False
    pid: int = 0
    root: Path = Path()
    session: boto3.Session = field(default_factory=lambda: _session())

    def client(
        self, key: str | None = None, secret: str | None = None, token: str | None = None, **options: Any
    ) -> Any:
        """Return a boto3 client; the caller closes it."""
        from botocore.config import Config

        options = {"retries": {"total_max_attempts": 1}, "max_pool_connections": 4, **options}
        return self.session.client(
            "s3", endpoint_url=self.endpoint, region_name="us-east-1", aws_access_key_id=key or self.key,
            aws_secret_access_key=secret or self.secret, aws_session_token=token, config=Config(**options),
        )  # fmt: skip

    def connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self.endpoint.removeprefix("http://"), timeout=PATIENCE)

    def signed(
        self,
        method: str,
        path: str,
        headers: dict[str, str] | None = None,
        *,
        payload: str = "UNSIGNED-PAYLOAD",
        key: str | None = None,
        secret: str | None = None,
    ) -> dict[str, str]:
        """Return `headers` with those that sign a request for `path`, which is encoded."""
        from botocore.auth import S3SigV4Auth
        from botocore.awsrequest import AWSRequest
        from botocore.credentials import Credentials

        request = AWSRequest(method, self.endpoint + path, headers={"X-Amz-Content-SHA256": payload, **(headers or {})})
        signer = S3SigV4Auth(Credentials(key or self.key, secret or self.secret), "s3", "us-east-1")
        signer._modify_request_before_signing = lambda request: _set_date(request, payload)
        signer.add_auth(request)
        return dict(request.headers.items())

    def send(self, method: str, path: str, headers: dict[str, str], body: bytes = b"") -> Answer:
        """Send a request as it is."""
        connection = self.connection()
        try:
            connection.putrequest(method, path, skip_accept_encoding=True)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                connection.putheader(name, value)
            connection.endheaders(body)
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())
        finally:
            connection.close()

    def request(self, method: str, path: str, headers: dict[str, str] | None = None, body: bytes = b"") -> Answer:
        """Sign a request, but not its body, and send it."""
        return self.send(method, path, self.signed(method, path, headers), body)

    def differs(self, how: str) -> None:
        """End the test here if it talks to the real server, which is known to differ from AWS in what comes next."""
        if self.is_real:
            pytest.xfail(f"Ceph RGW {how}")

    @property
    def files(self) -> list[str]:
        """The files with the bytes of objects and parts."""
        return sorted(os.listdir(self.root / "bytes"))


def _session() -> boto3.Session:
    import boto3

    return boto3.Session()


def _set_date(request: AWSRequest, payload: str) -> None:
    if "X-Amz-Date" not in request.headers:
        request.headers["X-Amz-Date"] = request.context["timestamp"]
    request.context["timestamp"] = request.headers["X-Amz-Date"]


class Server:
    """A server process on a directory of its own."""

    def __init__(self, root: Path) -> None:
        program = Path(__file__).with_name("server_process.py")
        self.process = subprocess.Popen(
            [sys.executable, str(program), str(root), json.dumps(KEYS)], stdout=subprocess.PIPE, text=True
        )
        port = self.process.stdout.readline().strip()
        assert port, "the server did not start"
        self.target = Target(f"http://127.0.0.1:{port}", KEY, SECRET, pid=self.process.pid, root=root)

    def kill(self) -> None:
        self.process.kill()
        self._gone()

    def stop(self) -> None:
        self.process.terminate()
        self._gone()

    def _gone(self) -> None:
        self.process.wait(PATIENCE)
        self.process.stdout.close()


@pytest.fixture(scope="session")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """Our server, one for all tests."""
    server = Server(tmp_path_factory.mktemp("s3") / "root")
    yield server.target
    server.stop()


@pytest.fixture(scope="session")
def real() -> Target:
    """The real server that the environment names."""
    return Target(str(REAL["ENDPOINT"]), str(REAL["KEY"]), str(REAL["SECRET"]), is_real=True)


@pytest.fixture(scope="session", params=["ours", *([REAL_SERVER] if all(REAL.values()) else [])])
def s3(request: pytest.FixtureRequest) -> Target:
    """An S3 server: ours, and the real one if there is one."""
    target: Target = request.getfixturevalue(request.param)
    return target


@pytest.fixture(scope="session", params=["when_supported", "when_required"])
def client(s3: Target, request: pytest.FixtureRequest) -> Iterator[Any]:
    """A boto3 client, with checksums by default and without."""
    made = s3.client(request_checksum_calculation=request.param, response_checksum_validation=request.param)
    yield made
    made.close()


@pytest.fixture(scope="session")
def plain(s3: Target) -> Iterator[Any]:
    """A boto3 client with its default settings, for tests where those of checksums don't matter."""
    made = s3.client()
    yield made
    made.close()


@pytest.fixture
def connect() -> Iterator[Callable[..., Any]]:
    """Return `connect(target, ...)`, which makes a client that is closed after the test."""
    made: list[Any] = []

    def make(target: Target, *arguments: Any, **options: Any) -> Any:
        made.append(target.client(*arguments, **options))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def bucket(plain: Any, s3: Target) -> Iterator[str]:
    """A bucket of the test's own."""
    name = f"test-{secrets.token_hex(8)}"
    plain.create_bucket(Bucket=name)
    yield name
    if s3.is_real:
        empty(plain, name)


def empty(client: Any, bucket: str) -> None:
    """Remove a bucket with all that is in it."""
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        keys = [{"Key": one["Key"]} for one in page.get("Contents", ())]
        if keys:
            client.delete_objects(Bucket=bucket, Delete={"Objects": keys})
    for upload in client.list_multipart_uploads(Bucket=bucket).get("Uploads", ()):
        client.abort_multipart_upload(Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])
    client.delete_bucket(Bucket=bucket)


@pytest.fixture
def start() -> Iterator[Callable[[Path], Server]]:
    """Return `start(root)`, which starts a server process of the test's own."""
    started: list[Server] = []

    def make(root: Path) -> Server:
        started.append(Server(root))
        return started[-1]

    yield make
    for server in started:
        if server.process.poll() is None:
            server.stop()


@pytest.fixture
def refused() -> Callable[..., Any]:
    """Return `refused(status, code)`, a context in which boto3 must get this error."""
    from contextlib import contextmanager

    from botocore.exceptions import ClientError

    @contextmanager
    def context(status: int, code: str) -> Iterator[None]:
        with pytest.raises(ClientError) as caught:
            yield
        response = caught.value.response
        assert (response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"]) == (status, code)

    return context
