"""Checksums: what is computed when, and what happens when something comes between (contract §6, §12)."""

from __future__ import annotations

import io
import threading
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from hca_core import checksums
from hca_local.store import database
from hca_local.store.writer import Writer
from hca_local.upload import areas, records, summing
from hca_local.upload.buckets.values import Held, UnusableError
from hca_local.upload.worker import REST_SECONDS, Worker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Launch = Callable[..., Any]
    Until = Callable[[Callable[[], Any]], Any]

BUCKET = "org-humancellatlas-upload-local"
SUMS = ("s3_etag", "sha1", "sha256", "crc32c")


def told(content: bytes) -> dict[str, str]:
    sums = checksums.of_bytes(content)
    return {name: getattr(sums, name) for name in SUMS}


def tags_of(content: bytes) -> dict[str, str]:
    return {f"hca-dss-{name}": value for name, value in told(content).items()}


@contextmanager
def held(service: Any, status: str = "SCHEDULED") -> Iterator[None]:
    """Keep checksums from going on meanwhile."""
    service.change("INSERT OR REPLACE INTO upload_holds VALUES ('checksums', ?)", status)
    try:
        yield
    finally:
        service.change("DELETE FROM upload_holds")


def test_an_upload_is_noticed_without_a_word(area: Any) -> None:
    area.put("file", b"hello", Tagging="mine=1")
    area.reaches("file", "CHECKSUMMED")
    assert area.document("file") == {"checksum_status": "CHECKSUMMED", "checksums": told(b"hello")}
    assert area.tags("file") == tags_of(b"hello") | {"mine": "1"}


@pytest.mark.parametrize("content", [b"", b"x" * 3_000_000])
def test_small_and_not_so_small(area: Any, content: bytes) -> None:
    area.put("file", content)
    area.reaches("file", "CHECKSUMMED")
    assert area.tags("file") == tags_of(content)


def test_an_object_of_parts_has_the_sums_of_its_bytes(area: Any, uploads: Any) -> None:
    where = {"Bucket": BUCKET, "Key": f"{area.uuid}/large"}
    upload = uploads.s3.create_multipart_upload(**where)["UploadId"]
    contents = [b"a" * 5 * 1024 * 1024, b"b"]
    parts = []
    for number, content in enumerate(contents, 1):
        done = uploads.s3.upload_part(**where, UploadId=upload, PartNumber=number, Body=content)
        parts.append({"PartNumber": number, "ETag": done["ETag"]})
    etag = uploads.s3.complete_multipart_upload(**where, UploadId=upload, MultipartUpload={"Parts": parts})["ETag"]
    assert etag.endswith('-2"')
    area.reaches("large", "CHECKSUMMED")
    assert area.tags("large") == tags_of(b"".join(contents))


def test_a_notification_is_enough(uploads: Any) -> None:
    """The object was there before its area, so its event was nobody's."""
    from uuid import uuid4

    uploads.area()  # makes the bucket
    identity = str(uuid4())
    uploads.s3.put_object(Bucket=BUCKET, Key=f"{identity}/file", Body=b"1")
    area = uploads.area(identity)
    assert area.document("file") == {"checksum_status": "UNSCHEDULED", "checksums": None}
    assert area.send("GET", "/checksums").json()["TOTAL_NUM_FILES"] == 0
    assert area.send("POST", "/file", key=None).status_code == 202
    area.reaches("file", "CHECKSUMMED")


def test_however_often_it_is_told_it_is_one_job(area: Any, until: Until) -> None:
    with held(area.service):
        area.put("file", b"1")
        for _ in range(3):
            area.send("POST", "/file")
        area.reaches("file", "SCHEDULED")
        until(lambda: area.service.rows("SELECT COUNT(*) FROM upload_notes") == [(0,)])
        assert area.jobs() == [("file", "SCHEDULED")]
    area.reaches("file", "CHECKSUMMED")
    area.send("POST", "/file")
    until(lambda: area.service.rows("SELECT COUNT(*) FROM upload_notes") == [(0,)])
    assert area.jobs() == [("file", "CHECKSUMMED")]


def test_a_wrong_promise_fails_until_the_right_bytes_come(area: Any, until: Until) -> None:
    area.put("file", b"1", Metadata={"crc32c": told(b"2")["crc32c"]})
    area.reaches("file", "FAILED")
    assert area.document("file")["checksums"] is None
    assert area.tags("file") == {}
    area.send("POST", "/file")
    until(lambda: area.service.rows("SELECT COUNT(*) FROM upload_notes") == [(0,)])
    assert area.jobs() == [("file", "FAILED")], "the same object fails once"
    assert area.send("GET", "/checksums").json() == {
        "TOTAL_NUM_FILES": 1, "CHECKSUMMING": 0, "CHECKSUMMED": 0, "CHECKSUMMING_UNSCHEDULED": 0, "FAILED": 1,
    }  # fmt: skip
    area.put("file", b"1", Metadata={"crc32c": told(b"1")["crc32c"].upper()})
    area.reaches("file", "CHECKSUMMED")
    assert area.tags("file") == tags_of(b"1")


def test_bytes_that_are_known_are_not_read_again(area: Any, uploads: Any, until: Until) -> None:
    area.put("file", b"first")
    area.reaches("file", "CHECKSUMMED")
    area.put("file", b"second")
    area.reaches("file", "CHECKSUMMED")
    marker = "0" * 40  # who reads the bytes finds another one
    uploads.change("UPDATE upload_files SET sha1=? WHERE area=? AND is_current=0", marker, area.uuid)
    area.put("file", b"first")
    until(lambda: area.tags("file") == {**tags_of(b"first"), "hca-dss-sha1": marker})
    assert area.send("GET", "/checksums").json()["TOTAL_NUM_FILES"] == 1


def test_an_object_that_is_replaced_is_given_up(area: Any) -> None:
    with held(area.service):
        area.put("file", b"first")
        area.reaches("file", "SCHEDULED")
        area.put("file", b"second")
        area.reaches("file", "SCHEDULED")
        assert len(area.jobs()) == 2
    area.reaches("file", "CHECKSUMMED")
    assert area.jobs() == [("file", "ABORTED"), ("file", "CHECKSUMMED")]
    assert area.tags("file") == tags_of(b"second")


def test_counts_while_some_wait(area: Any) -> None:
    area.put("done", b"1")
    area.reaches("done", "CHECKSUMMED")
    with held(area.service):
        area.put("waits", b"1")
        area.reaches("waits", "SCHEDULED")
        assert area.send("GET", "/checksums", key=None).json() == {
            "TOTAL_NUM_FILES": 2, "CHECKSUMMING": 0, "CHECKSUMMED": 1, "CHECKSUMMING_UNSCHEDULED": 0, "SCHEDULED": 1,
        }  # fmt: skip
    area.reaches("waits", "CHECKSUMMED")


def test_jobs_outlive_a_kill(data: Path, launched: Launch, served: Any) -> None:
    first = launched(data, empty=True)
    service = served(first)
    area = service.area()
    service.change("INSERT INTO upload_holds VALUES ('checksums', 'CHECKSUMMING')")
    area.put("file", b"1")
    area.reaches("file", "CHECKSUMMING")
    first.process.kill()
    first.process.wait()
    service.change("DELETE FROM upload_holds")
    service.change("INSERT INTO upload_notes (area, name) VALUES (?, 'never looked at')", area.uuid)

    second = served(launched(data))
    area.service = second
    area.reaches("file", "CHECKSUMMED")
    assert area.jobs() == [("file", "CHECKSUMMED")]
    assert second.rows("SELECT COUNT(*) FROM upload_notes") == [(0,)]


def test_a_stop_does_not_wait_for_a_large_file() -> None:
    with pytest.raises(summing._StoppedError):
        summing._sums(io.BytesIO(b"1"), 1, lambda: True)


def test_the_same_bytes_again_while_they_are_summed(area: Any, until: Until) -> None:
    with held(area.service, "CHECKSUMMING"):
        area.put("file", b"1")
        area.reaches("file", "CHECKSUMMING")
        area.put("file", b"1", Metadata={"crc32c": told(b"1")["crc32c"]})
        until(lambda: area.jobs() == [("file", "CHECKSUMMING")] * 2)
    until(lambda: area.jobs() == [("file", "CHECKSUMMED")] * 2)
    assert area.tags("file") == tags_of(b"1")


def test_a_worker_goes_on_after_an_error(tmp_path: Path, until: Until) -> None:
    told_of: list[str] = []
    outcomes = iter([OSError("the disk is full"), None])
    done: list[object] = []

    def step(connection: Any, is_over: Any) -> None:
        outcome = next(outcomes)
        done.append(outcome)
        if outcome is not None:
            raise outcome

    found = Worker("test", tmp_path / "store.sqlite3", step, told_of.append)
    found.wake()
    until(lambda: told_of)
    assert "the disk is full" in told_of[0]
    found.wake()
    until(lambda: len(done) == 2)
    found.stop()
    found.join(10)
    assert "test" not in [one.name for one in threading.enumerate()]


class Troubled:
    """Buckets where the object `bad` can't be looked at, and then not be read."""

    name = BUCKET

    def __init__(self) -> None:
        self.looks = True
        self.tagged: list[str] = []

    def find(self, key: str) -> Held:
        if key == "area/bad" and not self.looks:
            raise UnusableError("it is on strike")
        return Held(key, 1, "etag", "", datetime.fromtimestamp(0, UTC))

    def read(self, held: Held, take: Any) -> Any:
        return take(io.BytesIO(b"1"))

    def tag(self, held: Held, tags: Any) -> None:
        self.tagged.append(held.key)


def test_one_bad_object_is_not_in_the_way_of_the_others(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite3"
    troubled, told = Troubled(), list[str]()
    with closing(database.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        with database.transaction(connection):
            database.create_tables(connection)
            areas.add(connection, "area")
            for name in ("bad", "good"):
                records.note(connection, "area", name)
        writer = Writer(lambda: database.connect(path))
        noticing = summing.Noticing(troubled, writer, told.append, lambda: None)
        worker = summing.Summing(troubled, writer, told.append)
        troubled.looks = False
        assert noticing.step(connection, lambda: False) == REST_SECONDS
        assert noticing.step(connection, lambda: False) == REST_SECONDS
        assert [one.name for one in records.notes(connection, 9)] == ["bad"]
        troubled.looks = True
        assert noticing.step(connection, lambda: False) == 0
        assert noticing.step(connection, lambda: False) is None

        # Now the bad one is the older job.
        connection.execute(
            "UPDATE upload_checksums SET number=-1 WHERE file=(SELECT number FROM upload_files WHERE name='bad')"
        )
        connection.execute("UPDATE upload_checksums SET status='CHECKSUMMING' WHERE number<0")
        troubled.looks = False
        assert worker.step(connection, lambda: False) == REST_SECONDS
        assert worker.step(connection, lambda: False) == REST_SECONDS
        assert troubled.tagged == ["area/good"]
        troubled.looks = True
        assert worker.step(connection, lambda: False) == 0
        assert worker.step(connection, lambda: False) is None
        assert troubled.tagged == ["area/good", "area/bad"]
        writer.close()


def test_somebody_else_may_compute_them(area: Any) -> None:
    with held(area.service):
        area.put("file", b"1")
        area.reaches("file", "SCHEDULED")
        ((job,),) = area.service.rows(
            "SELECT id FROM upload_checksums JOIN upload_files f ON f.number=file WHERE area=?", area.uuid
        )
        update = f"/update_checksum/{job}"
        for wrong in ({}, {"status": "DONE"}, {"status": "CHECKSUMMED"}, {"status": "CHECKSUMMED", "payload": {}}, []):
            assert area.send("POST", update, json=wrong).status_code == 400
        document = {"status": "CHECKSUMMING", "job_id": "1", "payload": {"name": "file"}}
        answer = area.send("POST", update, json=document)
        assert (answer.status_code, answer.content) == (204, b"")
        assert area.service.area().send("POST", update, json=document).status_code == 404, "of another area"
        payload = {"upload_area_id": area.uuid, "name": "file", "checksums": told(b"2")}
        area.send("POST", update, json={"status": "CHECKSUMMED", "job_id": "1", "payload": payload})
        assert area.document("file") == {"checksum_status": "CHECKSUMMED", "checksums": told(b"2")}
