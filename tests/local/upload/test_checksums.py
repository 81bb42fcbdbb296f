"""Checksums: what is computed when, and what happens when something comes between (contract §6, §12)."""

from __future__ import annotations

import io
import threading
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from waiting import until

from hca_core import checksums
from hca_local.store import database
from hca_local.upload import areas, holds, records, summing
from hca_local.upload import checksums as jobs
from hca_local.upload.buckets.values import Held, RefusedError, UnusableError
from hca_local.upload.worker import AT_ONCE, REST_SECONDS, Worker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Launch = Callable[..., Any]

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


def test_however_often_it_is_told_it_is_one_job(area: Any) -> None:
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


def test_a_wrong_promise_fails_until_the_right_bytes_come(area: Any) -> None:
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


def test_bytes_that_are_known_are_not_read_again(area: Any, uploads: Any) -> None:
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
    until(lambda: second.rows("SELECT COUNT(*) FROM upload_notes") == [(0,)])  # who looks at notes sums nothing


def test_a_stop_does_not_wait_for_a_large_file() -> None:
    with pytest.raises(summing._StoppedError):
        summing._sums(io.BytesIO(b"1"), 1, lambda: True)


def test_the_same_bytes_again_while_they_are_summed(area: Any) -> None:
    with held(area.service, "CHECKSUMMING"):
        area.put("file", b"1")
        area.reaches("file", "CHECKSUMMING")
        area.put("file", b"1", Metadata={"crc32c": told(b"1")["crc32c"]})
        until(lambda: area.jobs() == [("file", "CHECKSUMMING")] * 2)
    until(lambda: area.jobs() == [("file", "CHECKSUMMED")] * 2)
    assert area.tags("file") == tags_of(b"1")


def test_a_worker_goes_on_after_an_error(tmp_path: Path) -> None:
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
    found.join(60)
    assert "test" not in [one.name for one in threading.enumerate()]


class Troubled:
    """Buckets where all is well, but for what a test puts into `errors`, by method and key."""

    name = BUCKET
    tells_of_objects = True

    def __init__(self) -> None:
        self.errors: dict[tuple[str, str], Exception] = {}
        self.calls: list[tuple[str, str]] = []
        self.tags: dict[str, dict[str, str]] = {}
        self.after: Callable[[str, str], None] = lambda method, key: None

    def _called(self, method: str, key: str) -> None:
        self.calls.append((method, key))
        if error := self.errors.get((method, key)):
            raise error

    def find(self, key: str) -> Held:
        self._called("find", key)
        self.after("find", key)
        return Held(key, 1, "etag", "", datetime.fromtimestamp(0, UTC), tags=self.tags.get(key, {}))

    def read(self, held: Held, take: Any) -> Any:
        self._called("read", held.key)
        return take(io.BytesIO(b"1"))

    def tag(self, held: Held, tags: Any) -> None:
        self._called("tag", held.key)
        self.tags[held.key] = dict(tags)
        self.after("tag", held.key)


class Workers:
    """Those that look at objects and sum them, on buckets that make trouble; steps are done by the test."""

    def __init__(self, connection: Any, writer: Any) -> None:
        self.connection = connection
        self.buckets = Troubled()
        self.told: list[str] = []
        self._noticing = summing.Noticing(self.buckets, writer, self.told.append, lambda: None)
        self._summing = summing.Summing(self.buckets, writer, self.told.append)

    def notice(self, *names: str) -> float | None:
        """Note objects, and do a step."""
        for name in names:
            records.note(self.connection, "area", name)
        return self._noticing.step(self.connection, lambda: False)

    def sum(self) -> float | None:
        """Do a step."""
        return self._summing.step(self.connection, lambda: False)

    def status(self, name: str) -> str:
        """Return the status of a file."""
        found = records.find(self.connection, "area", name, "etag")
        assert found is not None
        return jobs.status(self.connection, found.number)


@pytest.fixture
def workers(store: Any) -> Workers:
    return Workers(*store)


def test_one_bad_object_is_not_in_the_way_of_the_others(workers: Workers) -> None:
    strike = UnusableError("it is on strike")
    workers.buckets.errors["find", "area/bad"] = strike
    assert workers.notice("bad", "good") == AT_ONCE, "one of them could be looked at"
    assert [one.name for one in records.notes(workers.connection, 9)] == ["bad"]
    assert workers.notice() == REST_SECONDS
    workers.buckets.errors.clear()
    assert workers.notice() == AT_ONCE
    assert workers.notice() is None

    workers.buckets.errors["find", "area/bad"] = strike
    workers.connection.execute("UPDATE upload_checksums SET status='CHECKSUMMING' WHERE number=2")  # its turn is first
    assert workers.sum() == AT_ONCE
    assert (workers.status("bad"), workers.status("good")) == ("SCHEDULED", "CHECKSUMMED")
    assert workers.sum() == REST_SECONDS
    workers.buckets.errors.clear()
    assert workers.sum() == AT_ONCE
    assert workers.sum() is None
    assert workers.status("bad") == "CHECKSUMMED"


def test_when_nothing_works_it_is_not_tried_with_everything(workers: Workers) -> None:
    names = ["1", "2", "3", "4", "5"]
    workers.buckets.errors = {("find", f"area/{name}"): UnusableError("down") for name in names}
    assert workers.notice(*names) == REST_SECONDS
    assert workers.buckets.calls == [("find", f"area/{name}") for name in names[:3]]
    assert [one.name for one in records.notes(workers.connection, 9)] == ["4", "5", "1", "2", "3"]
    workers.buckets.errors.clear()
    workers.notice()
    workers.buckets.errors = {("find", f"area/{name}"): UnusableError("down") for name in names}
    workers.buckets.calls.clear()
    assert workers.sum() == REST_SECONDS
    assert workers.buckets.calls == [("find", f"area/{name}") for name in ("4", "5", "1")]


def test_sums_are_kept_when_the_tags_can_not_be_written_yet(workers: Workers) -> None:
    workers.buckets.errors["tag", "area/file"] = UnusableError("down")
    workers.notice("file")
    assert workers.sum() == REST_SECONDS
    assert workers.status("file") == "SCHEDULED"
    workers.buckets.errors.clear()
    assert workers.sum() == AT_ONCE
    assert workers.status("file") == "CHECKSUMMED"
    assert workers.buckets.tags["area/file"] == tags_of(b"1")
    assert [method for method, _ in workers.buckets.calls].count("read") == 1


@pytest.mark.parametrize("method", ["find", "read", "tag"])
def test_what_s3_refuses_for_one_object_fails_and_nobody_waits(workers: Workers, method: str) -> None:
    workers.notice("bad", "good")
    workers.buckets.errors[method, "area/bad"] = RefusedError("it has too many tags")
    assert workers.sum() == AT_ONCE
    assert workers.sum() is None
    assert (workers.status("bad"), workers.status("good")) == ("FAILED", "CHECKSUMMED")
    assert "too many tags" in workers.told[-2] + workers.told[-1]

    # Whoever mends it tells of it, though the object is the same.
    workers.buckets.errors.clear()
    workers.notice("bad")
    workers.sum()
    assert workers.status("bad") == ("CHECKSUMMED" if method == "tag" else "FAILED")
    reads = workers.buckets.calls.count(("read", "area/bad"))
    assert reads == (0 if method == "find" else 1)


def test_what_can_not_be_looked_at_is_not_looked_at_for_ever(workers: Workers) -> None:
    workers.buckets.errors["find", "area/bad"] = RefusedError("no")
    assert workers.notice("bad", "good") == AT_ONCE
    assert workers.notice() is None
    assert workers.status("good") == "SCHEDULED"


def test_an_object_that_is_written_anew_in_the_same_second_gets_its_tags(workers: Workers) -> None:
    """It has them already, and loses them again before its job is over; the time of both is the same."""

    def write_anew(method: str, key: str) -> None:
        if method == "tag":
            workers.buckets.after = lambda method, key: None
            del workers.buckets.tags[key]
            workers.notice("file")

    workers.buckets.after = write_anew
    workers.notice("file")
    assert workers.sum() == AT_ONCE
    assert workers.buckets.tags == {}
    assert workers.sum() == AT_ONCE
    assert workers.buckets.tags == {"area/file": tags_of(b"1")}
    assert workers.status("file") == "CHECKSUMMED"
    assert workers.sum() is None
    assert [method for method, _ in workers.buckets.calls].count("read") == 1, "known bytes were read again"


def test_a_note_is_not_taken_for_one_that_is_gone(workers: Workers) -> None:
    """An area is deleted while S3 tells of an object in it, and somebody tells of another one."""
    areas.add(workers.connection, "other")

    def end(method: str, key: str) -> None:
        if key == "other/gone":
            areas.end(workers.connection, "other")
            records.note(workers.connection, "area", "mine")

    workers.buckets.after = end
    records.note(workers.connection, "other", "gone")
    workers.notice()
    workers.notice()
    assert workers.status("mine") == "SCHEDULED"


@pytest.mark.parametrize("table", ["notes", "files", "checksums", "validations"])
def test_numbers_are_given_once(workers: Workers, table: str) -> None:
    connection = workers.connection
    insert = {
        "notes": "(area, name) VALUES ('area', 'x')",
        "files": "(area, name, etag, size, modified, is_current) VALUES ('area', 'x', 'e', 1, 1, 1)",
        "checksums": "(id, file, status) VALUES ('i', (SELECT number FROM upload_files), 'SCHEDULED')",
        "validations": "(id, file, status, results, image, environment) "
        "VALUES ('i', (SELECT number FROM upload_files), 's', 'r', 'i', 'e')",
    }
    if table in ("checksums", "validations"):
        connection.execute(f"INSERT INTO upload_files {insert['files']}")
    numbers = []
    for _ in range(2):
        numbers.append(connection.execute(f"INSERT INTO upload_{table} {insert[table]}").lastrowid)
        connection.execute(f"DELETE FROM upload_{table}")
    assert numbers == [1, 2]


def test_none_begins_while_they_are_held_wherever_they_stay(workers: Workers) -> None:
    connection = workers.connection
    for name, status in (("a", "CHECKSUMMING"), ("b", "SCHEDULED")):
        workers.notice(name)
        holds.hold(connection, holds.CHECKSUMS, status)
        assert workers.sum() == holds.LOOK_SECONDS
    assert (workers.status("a"), workers.status("b")) == ("CHECKSUMMING", "SCHEDULED")
    assert workers.sum() == holds.LOOK_SECONDS
    holds.release(connection, holds.CHECKSUMS)
    assert workers.sum() == AT_ONCE
    assert (workers.status("a"), workers.status("b")) == ("CHECKSUMMED", "CHECKSUMMED")


def test_news_that_died_with_the_process_are_found_again(data: Path, launched: Launch, served: Any) -> None:
    """S3 has answered; then the process is killed, before the upload service could store that there is something."""
    first = launched(data, empty=True)
    area = served(first).area()
    gone = area.service.area()
    area.put("known", b"1")
    area.put("old", b"old")
    for name in ("known", "old"):
        area.reaches(name, "CHECKSUMMED")
    with closing(database.connect(first.directory.store)) as connection, database.transaction(connection):
        area.put("new", b"2")  # the store is locked, so nothing is noted
        area.put("old", b"changed")
        gone.put("file", b"3")
        first.process.kill()
        first.process.wait()
    assert area.service.rows("SELECT COUNT(*) FROM upload_notes") == [(0,)]
    area.service.change("UPDATE upload_areas SET status='DELETED' WHERE uuid=?", gone.uuid)

    area.service = gone.service = served(launched(data))
    for name in ("new", "old"):
        area.reaches(name, "CHECKSUMMED")
    assert area.tags("old") == tags_of(b"changed")
    assert area.jobs() == [(name, "CHECKSUMMED") for name in ("known", "old", "new", "old")]
    assert gone.jobs() == []


def test_an_object_that_only_has_a_validation_is_not_noted(workers: Workers) -> None:
    held = Held("area/file", 1, "etag", "", datetime.fromtimestamp(0, UTC))
    records.keep(workers.connection, "area", "file", held)
    assert not records.is_noted(workers.connection, "area", "file", held), "it has no job"
    jobs.seen(workers.connection, "area", "file", held)
    assert records.is_noted(workers.connection, "area", "file", held)
    later = replace(held, modified=datetime.fromtimestamp(1, UTC))
    assert not records.is_noted(workers.connection, "area", "file", later)
    records.keep(workers.connection, "area", "file", replace(held, etag="other"))
    assert not records.is_noted(workers.connection, "area", "file", held), "it is not the current one"


def test_an_object_with_too_many_tags_fails_until_it_has_fewer(area: Any) -> None:
    area.put("file", b"1", Tagging="&".join(f"t{number}=1" for number in range(7)))
    area.reaches("file", "FAILED")
    assert len(area.tags("file")) == 7
    where = {"Bucket": BUCKET, "Key": f"{area.uuid}/file"}
    area.service.s3.put_object_tagging(**where, Tagging={"TagSet": [{"Key": "mine", "Value": "1"}]})
    area.send("POST", "/file")
    area.reaches("file", "CHECKSUMMED")
    assert area.tags("file") == tags_of(b"1") | {"mine": "1"}


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
        for name, value in (
            ("sha1", "0" * 39), ("sha1", "g" * 40), ("sha256", "0" * 65), ("crc32c", "0" * 7), ("crc32c", "\u0660" * 8),
            ("s3_etag", "0" * 31), ("s3_etag", "0" * 32 + "-0"), ("s3_etag", "0" * 32 + "-1\n"), ("s3_etag", 1),
        ):  # fmt: skip
            payload = {"checksums": told(b"2") | {name: value}}
            assert area.send("POST", update, json={"status": "CHECKSUMMED", "payload": payload}).status_code == 400
        assert area.status("file") == "SCHEDULED"
        document = {"status": "CHECKSUMMING", "job_id": "1", "payload": {"name": "file"}}
        answer = area.send("POST", update, json=document)
        assert (answer.status_code, answer.content) == (204, b"")
        assert area.service.area().send("POST", update, json=document).status_code == 404, "of another area"
        sums = told(b"2") | {"crc32c": told(b"2")["crc32c"].upper(), "s3_etag": "0" * 32 + "-10000"}
        payload = {"upload_area_id": area.uuid, "name": "file", "checksums": sums}
        area.send("POST", update, json={"status": "CHECKSUMMED", "job_id": "1", "payload": payload})
        wanted = sums | {"crc32c": told(b"2")["crc32c"]}
        assert area.document("file") == {"checksum_status": "CHECKSUMMED", "checksums": wanted}
