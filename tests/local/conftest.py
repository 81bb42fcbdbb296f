"""Fixtures for tests of the embedded deployment: real server processes on loopback, each on its own directory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import uuid
from contextlib import ExitStack, closing
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest
from stores import copy_store

from hca_core import checksums
from hca_core.credentials import entries
from hca_core.credentials.values import DEFAULT_PROFILE
from hca_local import control, data_directory, launch
from hca_local.data_directory import DataDirectory
from hca_local.identity.issuer import Issuer, load_key
from hca_local.store import database

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import requests

    from hca_local.launch import Launched


VERSION = "2019-07-10T001103.121000Z"


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep everything that a test starts away from the developer's own files and settings."""
    home = tmp_path / "home"
    for name in [name for name in os.environ if name.startswith(("HCA_", "XDG_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    return home


@pytest.fixture(scope="session")
def deployment(sample_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launched]:
    """Return one deployment with the sample dataset, for tests that only read; blobs are ready at once."""
    data = tmp_path_factory.mktemp("deployment") / "data"
    copy_store(sample_store, data)
    with launch.private(data, first_get_redirects=0) as launched:
        yield launched


@pytest.fixture
def launched(sample_store: Path) -> Iterator[Callable[..., Launched]]:
    """Return a function that starts a deployment of the test's own: `launched(data, **settings)`.

    A directory that is not there yet gets the sample dataset, quickly.
    """
    with ExitStack() as stack:

        def start(data: Path, *, empty: bool = False, **settings: Any) -> Launched:
            if not empty and not data.exists():
                copy_store(sample_store, data)
            return stack.enter_context(launch.private(data, empty=empty, **settings))

        yield start


@pytest.fixture(scope="session")
def http() -> Iterator[requests.Session]:
    """Return a plain HTTP client that follows nothing by itself."""
    import requests

    with requests.Session() as session:
        session.trust_env = False
        yield session


@pytest.fixture
def api(deployment: Launched, http: requests.Session) -> Callable[..., requests.Response]:
    """Return a function that sends one request to the shared deployment: `api("GET", "/files/...", replica="aws")`."""

    def send(method: str, path: str, headers: dict[str, str] | None = None, **query: Any) -> requests.Response:
        url = f"{deployment.url}/v1{path}"
        return http.request(method, url, params=query, headers=headers, allow_redirects=False, timeout=30)

    return send


def token_of_first_user(directory: DataDirectory) -> str:
    """Return the token in the credentials file of a data directory."""
    (token,) = {one.access_token for one in entries.read(str(directory.credentials), DEFAULT_PROFILE).values()}
    return token


class Writing:
    """What a user with a token does with a deployment: puts objects into its buckets, sends requests."""

    def __init__(self, launched: Launched, http: requests.Session) -> None:
        self.url = launched.url
        self.directory = launched.directory
        self.token = token_of_first_user(launched.directory)
        self._http = http

    @cached_property
    def s3(self) -> Any:
        """A boto3 client for the S3 server, with a bucket `staging`."""
        import boto3

        key = data_directory.access_key(self.directory)
        url = json.loads(self.directory.state.read_bytes())["s3_url"]
        session = boto3.session.Session(key.access_key_id, key.secret, region_name="us-east-1")
        client = session.client("s3", endpoint_url=url)
        client.create_bucket(Bucket="staging")
        return client

    def token_of(self, email: str, group: str = "hca", lifetime: int = 600) -> str:
        """Return a token of another user."""
        return Issuer(load_key(self.directory.issuer_key), self.url).token(email, group, lifetime)

    def stage(self, content: bytes, content_type: str = "application/json", **tags: str | None) -> str:
        """Put an object with its checksums into the bucket and return its URL; `tags` replace theirs, None omits."""
        key = f"{uuid.uuid4()}/name"
        sums = checksums.of_bytes(content)
        told = {"sha1": sums.sha1, "sha256": sums.sha256, "crc32c": sums.crc32c, "s3_etag": sums.s3_etag, **tags}
        chosen = {f"hca-dss-{name}": value for name, value in told.items() if value is not None}
        self.s3.put_object(Bucket="staging", Key=key, Body=content, ContentType=content_type, Tagging=urlencode(chosen))
        return f"s3://staging/{key}"

    def send(
        self, method: str, path: str, body: object = None, *, token: str | None = "", **query: Any
    ) -> requests.Response:
        """Send one request; `token` is the first user's unless given, None sends none."""
        headers = {} if token is None else {"Authorization": f"Bearer {token or self.token}"}
        url = f"{self.url}/v1{path}"
        return self._http.request(
            method, url, params=query, json=body, headers=headers, allow_redirects=False, timeout=60
        )

    def put_file(self, content: bytes, content_type: str = "application/json", version: str = VERSION) -> str:
        """Make a file of `content` and return its uuid."""
        identity = str(uuid.uuid4())
        body = {"source_url": self.stage(content, content_type), "creator_uid": 0}
        assert self.send("PUT", f"/files/{identity}", body, version=version).status_code in (201, 202)
        return identity

    def put_bundle(
        self, files: dict[str, str], identity: str | None = None, version: str = VERSION, replica: str = "aws"
    ) -> str:
        """Make a bundle out of file uuids by name and return its uuid."""
        identity = identity or str(uuid.uuid4())
        body = {"creator_uid": 0, "files": [entry(name, file) for name, file in files.items()]}
        answer = self.send("PUT", f"/bundles/{identity}", body, version=version, replica=replica)
        assert answer.status_code == 201, answer.text
        return identity


def entry(name: str, file: str, version: str = VERSION) -> dict[str, Any]:
    """Return what names a file in the body of a request about a bundle."""
    return {"name": name, "uuid": file, "version": version, "indexed": name.endswith(".json")}


@pytest.fixture(scope="session")
def writing(tmp_path_factory: pytest.TempPathFactory, http: requests.Session) -> Iterator[Writing]:
    """Return the first user of a deployment for tests that write; it has no sample dataset."""
    with launch.private(
        tmp_path_factory.mktemp("writing") / "data", empty=True, first_get_redirects=0, checkout_seconds=0
    ) as launched:
        yield Writing(launched, http)


@pytest.fixture
def replicate() -> Callable[[Writing, float], None]:
    """Return a function that lets the replicas of a user's deployment be equal after so many seconds.

    With a `replica_delay` of an hour they differ until then, however long this machine takes for a test.
    """

    def hurry(writing: Writing, seconds: float) -> None:
        with closing(database.connect(writing.directory.store)) as connection:
            connection.execute("UPDATE replications SET due = ?", (time.time() + seconds,))
        writing.put_file(b"who writes wakes the replicator", "text/plain")

    return hurry


@pytest.fixture
def user(http: requests.Session) -> Callable[[Launched], Writing]:
    """Return a function that gives the first user of a deployment."""
    return lambda launched: Writing(launched, http)


@pytest.fixture
def hca(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return a function that runs `hca` as a process in the test's directory and captures what it prints."""

    def run(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "hca_core", *map(str, arguments)],
            cwd=tmp_path,
            env=os.environ | environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


@pytest.fixture
def data(tmp_path: Path) -> Iterator[Path]:
    """Return the path of a data directory that is not there yet; what runs on it in the end is stopped."""
    directory = DataDirectory(tmp_path / "data")
    yield directory.root
    control.down(directory)


@pytest.fixture
def is_alive() -> Callable[[int], bool]:
    """Return a function that tells whether there is a process with a number."""

    def alive(pid: int) -> bool:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        return True

    return alive
