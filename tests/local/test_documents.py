"""The documents that are made of bundles: what a search sees, what an event tells."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from hca_core import checksums
from hca_local import documents
from hca_local.store import blobs, database, writing
from hca_local.store.records import BundleHead, FileRecord, Tombstone, manifest_entry

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from pathlib import Path

UUID, VERSION = "ffffaf55-f19c-40e3-aa81-a6c69d357265", "2019-08-01T200147.836832Z"


@pytest.fixture
def records(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """Return a connection to a new store."""
    connection = database.connect(tmp_path / "store.sqlite3")
    with database.transaction(connection):
        database.create_tables(connection)
    yield connection
    connection.close()


def bundle(
    records: sqlite3.Connection, root: Path, files: list[tuple[str, bytes, str, bool]]
) -> tuple[BundleHead, list[FileRecord]]:
    """Put a bundle of files (name, content, content type, indexed) into the store."""
    entries, made = [], []
    for name, content, content_type, indexed in files:
        sums = checksums.of_bytes(content)
        path = blobs.path_of(root, blobs.key_of(sums))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        record = FileRecord(
            UUID, VERSION, 7, content_type, sums.size, sums.crc32c, sums.s3_etag, sums.sha1, sums.sha256
        )
        made.append(record)
        entries.append(manifest_entry(name, record, indexed))
    with database.transaction(records):
        return writing.add_bundle(records, "aws", UUID, VERSION, 8, entries), made


@pytest.mark.parametrize(
    ("name", "prepared"),
    [
        ("donor_organism_0.json", "donor_organism_json"),
        ("donor_organism_12.json", "donor_organism_json"),
        ("library_preparation_protocol_0.json", "library_preparation_protocol_json"),
        ("links.json", "links_json"),
        ("project_0.json", "project_json"),
        ("sequence_file.json", "sequence_json"),
        ("sub/cell.suspension_0.json", "sub/cell_suspension_json"),
        ("reads.fastq.gz", "reads_fastq_gz"),
    ],
)
def test_names_are_prepared_as_the_service_does(name: str, prepared: str) -> None:
    assert documents.prepared_name(name) == prepared


def test_a_search_sees_indexed_json_and_an_event_tells_all_json(records: sqlite3.Connection, tmp_path: Path) -> None:
    json_type = "application/json; dcp-type=x"
    head, made = bundle(
        records,
        tmp_path,
        [
            ("cell_0.json", b'{"a": 1}', json_type, True),
            ("cell_1.json", b"[2]", "application/json", True),
            ("notes.json", b'"x"', json_type, False),
            ("broken_0.json", b"{", json_type, True),
            ("broken_1.json", b'{"x": NaN}', json_type, True),
            ("text_0.json", b"{}", "text/plain", True),
        ],
    )
    told = documents.Documents(records, tmp_path, head)
    indexed = told.index
    assert indexed["files"] == {"cell_json": [{"a": 1}, [2]]}
    assert (indexed["uuid"], indexed["state"]) == (UUID, "new")
    manifest = indexed["manifest"]
    assert (manifest["version"], manifest["creator_uid"], len(manifest["files"])) == (VERSION, 8, 6)
    assert manifest["files"][0]["s3-etag"] == made[0].s3_etag
    assert [entry["indexed"] for entry in manifest["files"]] == [True, True, False, True, True, True]
    event = told.event
    assert event["files"] == {"cell_json": [{"a": 1}, [2]], "notes_json": ["x"]}
    assert (event["event_type"], event["bundle_info"]) == ("CREATE", {"uuid": UUID, "version": VERSION})
    assert event["manifest"] == manifest
    assert json.loads(told.encoded_event) == event
    assert documents.Documents(records, tmp_path, head).encoded_event == told.encoded_event


def test_a_manifest_of_more_than_20000_files_is_left_out(records: sqlite3.Connection, tmp_path: Path) -> None:
    head, _ = bundle(records, tmp_path, [("cell_0.json", b"{}", "application/json", True)])
    large: dict[str, Any] = documents.Documents(records, tmp_path, head._replace(file_count=20_001)).index
    assert (large["manifest"]["files"], large["files"]) == ([], {})
    allowed = documents.Documents(records, tmp_path, head._replace(file_count=20_000)).index
    assert len(allowed["manifest"]["files"]) == 1


def test_what_is_left_of_a_deleted_bundle() -> None:
    head = BundleHead(1, UUID, VERSION, 8, 0)
    whole, one = Tombstone(UUID, None, "a@example.org", "why"), Tombstone(UUID, VERSION, "a@example.org", "why")
    told = {"email": "a@example.org", "reason": "why", "admin_deleted": True}
    assert documents.tombstone_index_document(head, whole) == {**told, "uuid": UUID, "manifest": {"version": VERSION}}
    assert documents.tombstone_index_document(head, one)["version"] == VERSION
    assert documents.tombstone_event(one) == {
        "event_type": "TOMBSTONE", "bundle_info": {"uuid": UUID, "version": VERSION}, **told, "version": VERSION,
    }  # fmt: skip
    assert documents.tombstone_event(whole)["bundle_info"] == {"uuid": UUID, "version": None}
