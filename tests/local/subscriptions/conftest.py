"""Fixtures for tests of subscriptions: a store of the test's own, receivers of calls, and a courier between them."""

from __future__ import annotations

import asyncio
import json
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from hca_core import checksums, versions
from hca_core.testing import LoopbackService
from hca_local import data_directory
from hca_local.data_directory import DataDirectory
from hca_local.server.log import ServiceLog
from hca_local.settings import Settings
from hca_local.store import blobs, database, writing
from hca_local.store.records import BundleHead, FileRecord, manifest_entry
from hca_local.subscriptions import definition, queue, table
from hca_local.subscriptions.courier import Courier

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from hca_local.subscriptions.records import Subscription

OWNER = "someone@example.org"


@dataclass
class Store:
    """A store without a server."""

    directory: DataDirectory
    connection: sqlite3.Connection

    def bundle(self, files: Mapping[str, Any], replica: str = "aws") -> BundleHead:
        """Add a bundle of metadata files, content by name, and return it."""
        entries = []
        for name, content in files.items():
            record = self.file(json.dumps(content).encode())
            writing.add_files(self.connection, replica, [record])
            entries.append(manifest_entry(name, record, True))
        return writing.add_bundle(self.connection, replica, str(uuid4()), versions.now(), 0, entries)

    def file(self, content: bytes) -> FileRecord:
        """Put bytes into the store and return the record of a JSON file that has them."""
        sums = checksums.of_bytes(content)
        path = blobs.path_of(self.directory.blobs, blobs.key_of(sums))
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        facts = (sums.size, sums.crc32c, sums.s3_etag, sums.sha1, sums.sha256)
        return FileRecord(str(uuid4()), versions.now(), 0, "application/json", *facts)

    def subscribe(self, callback_url: str, replica: str = "aws", **body: Any) -> Subscription:
        """Add a subscription."""
        subscription = definition.made({"callback_url": callback_url, **body}, replica, OWNER)
        with database.transaction(self.connection):
            table.add(self.connection, subscription)
        return subscription

    def enqueue(self, subscription: Subscription, payload: Any, due: float = 0.0) -> None:
        """Add a call to be made."""
        with database.transaction(self.connection):
            queue.add(self.connection, subscription.uuid, json.dumps(payload).encode(), due)

    def payloads(self) -> list[Any]:
        """Return what is still to be told to subscribers."""
        rows = self.connection.execute("SELECT payload FROM deliveries ORDER BY number")
        return [json.loads(payload) for (payload,) in rows]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Return an empty store."""
    directory = DataDirectory(tmp_path / "store")
    data_directory.make(directory)
    data_directory.create_store(directory, sample=False, lasting=False)
    with closing(database.connect(directory.store, durable=False)) as connection:
        yield Store(directory, connection)


@pytest.fixture
def receiver() -> Iterator[LoopbackService]:
    """Return a receiver of calls; what it answers is up to the test."""
    with LoopbackService() as service:
        yield service


@pytest.fixture
def courier(store: Store) -> Iterator[Callable[..., Courier]]:
    """Return a function that starts a courier for the store: `courier(**settings)`."""
    with ExitStack() as stack:

        def start(**settings: int) -> Courier:
            log = ServiceLog(store.directory.log)
            stack.callback(log.close)
            made = Courier(store.directory.store, Settings(**settings), log)
            made.start()
            stack.callback(lambda: asyncio.run(made.stop()))
            return made

        yield start
