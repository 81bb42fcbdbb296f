"""Fixtures for tests of the event journal: a store with a few short journals, also while it is being served."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from unittest import mock
from uuid import uuid4

import pytest

from hca_core import checksums, versions
from hca_local import data_directory, landing, launch
from hca_local.data_directory import DataDirectory
from hca_local.events import journal
from hca_local.landing import Ground
from hca_local.store import blobs, database
from hca_local.store.records import BundleHead, FileRecord, manifest_entry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from hca_local.launch import Launched

EVENTS_PER_JOURNAL = 3
BUNDLES = 8


@dataclass
class Journaled:
    """A data directory whose journals have three events each, and the bundles in the order in which they came."""

    directory: DataDirectory
    bundles: list[BundleHead]

    def add(self, content: Any, replica: str = "aws") -> BundleHead:
        """Add a bundle with a metadata file `note_0.json` to both replicas."""
        encoded = json.dumps(content).encode()
        sums = checksums.of_bytes(encoded)
        path = blobs.path_of(self.directory.blobs, blobs.key_of(sums))
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(encoded)
        facts = (sums.size, sums.crc32c, sums.s3_etag, sums.sha1, sums.sha256)
        record = FileRecord(str(uuid4()), versions.now(), 0, "application/json", *facts)
        entries = [manifest_entry("note_0.json", record, False)]
        ground = Ground(self.directory.blobs, "http://127.0.0.1:1")
        with (
            mock.patch.object(journal, "EVENTS_PER_JOURNAL", EVENTS_PER_JOURNAL),
            closing(database.connect(self.directory.store, durable=False)) as connection,
            database.transaction(connection),
        ):
            made = landing.bundle(connection, ground, replica, str(uuid4()), versions.now(), 0, entries)
        self.bundles.append(made)
        return made

    @property
    def keys(self) -> list[str]:
        """The bundles as events name them."""
        return [f"{bundle.uuid}.{bundle.version}" for bundle in self.bundles]


def journaled_at(root: Path) -> Journaled:
    directory = DataDirectory(root)
    data_directory.make(directory)
    data_directory.create_store(directory, sample=False, lasting=False)
    made = Journaled(directory, [])
    for number in range(BUNDLES):
        made.add({"number": number, "größe": "µ" * number, "text": "x" * 1000 * number})
    return made


@pytest.fixture
def journaled(tmp_path: Path) -> Journaled:
    """Return a store of the test's own."""
    return journaled_at(tmp_path / "journaled")


@pytest.fixture(scope="session")
def read_journaled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Journaled, Launched]]:
    """Return a store, and the deployment that serves it, for tests that only read."""
    made = journaled_at(tmp_path_factory.mktemp("journaled") / "data")
    with launch.private(made.directory.root) as launched:
        yield made, launched
