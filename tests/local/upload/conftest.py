"""Fixtures for tests of the embedded upload service: clients of real deployments, with areas of their own."""

from __future__ import annotations

import json
import sqlite3
import uuid
from contextlib import closing
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from waiting import until

from hca_local import data_directory, launch
from hca_local.fusillade import directory as users
from hca_local.store import database
from hca_local.store.writer import Writer
from hca_local.upload import areas

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import requests

    from hca_local.data_directory import DataDirectory
    from hca_local.launch import Launched

BUCKET = "org-humancellatlas-upload-local"


class Service:
    """A client of the upload service of a deployment, and of its S3 server as the deployment's owner."""

    def __init__(self, launched: Launched, http: requests.Session) -> None:
        self.url = launched.url
        self.directory: DataDirectory = launched.directory
        config = json.loads(launched.directory.config.read_bytes())
        self.api_key: str = config["upload"]["api_keys"]["local"]
        self.s3_url: str = config["upload"]["s3_endpoint_url"]
        self._http = http

    def send(self, method: str, path: str, *, key: str | None = "", **more: Any) -> requests.Response:
        """Send a request to `path` below /v1; `key` is the right Api-Key unless given, None sends none."""
        headers = more.pop("headers", {}) | ({} if key is None else {"Api-Key": key or self.api_key})
        return self._http.request(method, f"{self.url}/v1{path}", headers=headers, timeout=30, **more)

    def area(self, identity: str | None = None) -> Area:
        """Return an area, a new one unless it is named."""
        made = Area(self, identity or str(uuid.uuid4()))
        assert made.send("POST").status_code == 201
        return made

    def rows(self, select: str, *values: object) -> list[tuple[Any, ...]]:
        """Return what is in the store."""
        with closing(sqlite3.connect(self.directory.store)) as connection:
            return connection.execute(select, values).fetchall()

    def change(self, statement: str, *values: object) -> None:
        """Change what is in the store, behind the back of the process that serves it."""
        with closing(database.connect(self.directory.store)) as connection:
            connection.execute(statement, values)

    @cached_property
    def s3(self) -> Any:
        """A boto3 client with the key that may do everything."""
        found = data_directory.access_key(self.directory)
        return self.client(found.access_key_id, found.secret)

    def client(self, key_id: str, secret: str, token: str | None = None) -> Any:
        """Return a boto3 client with other keys."""
        import boto3

        session = boto3.session.Session(key_id, secret, token, region_name="us-east-1")
        return session.client("s3", endpoint_url=self.s3_url)


class Area:
    """An upload area."""

    def __init__(self, service: Service, identity: str) -> None:
        self.service = service
        self.uuid = identity

    def send(self, method: str, path: str = "", **more: Any) -> requests.Response:
        """Send a request to `path` below the area: see Service.send."""
        return self.service.send(method, f"/area/{self.uuid}{path}", **more)

    def put(self, name: str, content: bytes, **more: Any) -> Any:
        """Put an object with S3."""
        return self.service.s3.put_object(Bucket=BUCKET, Key=f"{self.uuid}/{name}", Body=content, **more)

    def tags(self, name: str) -> dict[str, str]:
        """Return the tags of an object."""
        found = self.service.s3.get_object_tagging(Bucket=BUCKET, Key=f"{self.uuid}/{name}")
        return {tag["Key"]: tag["Value"] for tag in found["TagSet"]}

    def names(self) -> list[str]:
        """Return the names of the objects."""
        found = self.service.s3.list_objects_v2(Bucket=BUCKET, Prefix=f"{self.uuid}/")
        return [one["Key"].partition("/")[2] for one in found.get("Contents", ())]

    def status(self, name: str, kind: str = "checksum") -> str:
        """Return the status of the checksums (or of the `validate` kind) of a file."""
        found: str = self.document(name, kind)["checksum_status" if kind == "checksum" else "validation_status"]
        return found

    def document(self, name: str, kind: str = "checksum") -> dict[str, Any]:
        """Return what is told of the checksums of a file, or of its validation."""
        answer = self.send("GET", f"/{quote(name, safe='')}/{kind}", key=None)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def reaches(self, name: str, wanted: str, kind: str = "checksum") -> None:
        """Wait until a file has a status."""
        until(lambda: self.status(name, kind) == wanted)

    def jobs(self) -> list[tuple[str, str]]:
        """Return name and status of all checksum jobs, in their order."""
        select = (
            "SELECT f.name, c.status FROM upload_checksums c JOIN upload_files f ON f.number=c.file "
            "WHERE f.area=? ORDER BY c.number"
        )
        return self.service.rows(select, self.uuid)


@pytest.fixture(scope="session")
def uploads(tmp_path_factory: pytest.TempPathFactory, http: requests.Session) -> Iterator[Service]:
    """Return the upload service of a deployment that all tests share; each makes areas of its own."""
    with launch.private(tmp_path_factory.mktemp("uploads") / "data", empty=True) as launched:
        yield Service(launched, http)


@pytest.fixture
def area(uploads: Service) -> Area:
    """Return a new area of the shared deployment."""
    return uploads.area()


@pytest.fixture
def served(http: requests.Session) -> Callable[[Launched], Service]:
    """Return a function that gives the upload service of a deployment."""
    return lambda launched: Service(launched, http)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Any]:
    """Return a store with one area, and a writer of it."""
    path = tmp_path / "store.sqlite3"
    with closing(database.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        with database.transaction(connection):
            database.create_tables(connection)
            users.bootstrap(connection, "admin@example.org")
            areas.add(connection, "area")
        writer = Writer(lambda: database.connect(path))
        yield connection, writer
        writer.close()
