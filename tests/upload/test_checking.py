"""Files here compared with those of an area: a real S3 server that only lets list, and a scripted service."""

from __future__ import annotations

import os
import socket
import threading
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3  # noqa: TID253 - a test may take its time
import pytest
import uvicorn
from waiting import until

from hca_core import checksums, progress
from hca_core.checksums import MEBIBYTE
from hca_core.errors import UsageError
from hca_core.testing import reply
from hca_local.s3.keys import Key
from hca_local.s3.service import S3Service
from hca_upload import checking
from hca_upload.area import UploadArea
from hca_upload.checking import Row
from hca_upload.errors import UploadApiException

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hca_core.testing import LoopbackService, Reply, Request

UUID = "cccccccc-1111-2222-3333-444444444444"
BUCKET = "org-humancellatlas-upload-local"
AREA_KEY, AREA_SECRET, TOKEN = "ASIACHECK", "area/secret", "area-token"
OWNER_KEY, OWNER_SECRET = "OWNER", "owner/secret"


def may_list(action: str, bucket: str, key: str) -> bool:
    """What the credentials of an area may do that is needed here (contract §4)."""
    return (action, bucket, key) == ("s3:ListBucket", BUCKET, f"{UUID}/")


class Keys:
    """The keys of the area and those of its owner."""

    def find(self, access_key_id: str) -> Key | None:
        return {
            AREA_KEY: Key(AREA_KEY, AREA_SECRET, TOKEN, None, may_list),
            OWNER_KEY: Key(OWNER_KEY, OWNER_SECRET),
        }.get(access_key_id)


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A boto3 client with the owner's keys, of an S3 server in a thread."""

    def serve() -> None:
        application = S3Service(tmp_path_factory.mktemp("s3") / "root", Keys())
        server.config.app = application
        server.run(sockets=[listener])
        application.close()

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(128)
        server = uvicorn.Server(uvicorn.Config("", lifespan="off", log_config=None, access_log=False))
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        client = boto3.session.Session(OWNER_KEY, OWNER_SECRET, region_name="us-east-1").client(
            "s3", endpoint_url=f"http://127.0.0.1:{listener.getsockname()[1]}"
        )
        client.create_bucket(Bucket=BUCKET)
        yield client
        client.close()
        server.should_exit = server.force_exit = True
        thread.join(60)


class Area:
    """The upload area of a test: its objects, and the checksums that the service has of them."""

    def __init__(self, s3: Any, service: LoopbackService) -> None:
        self.s3 = s3
        self.service = service
        self.sums: dict[str, dict[str, str] | None] = {}  # a name that is not in it is not known to the service
        given = {"AccessKeyId": AREA_KEY, "SecretAccessKey": AREA_SECRET, "SessionToken": TOKEN}
        given["Expiration"] = "2999-01-01T00:00:00Z"
        service.on("POST", f"/v1/area/{UUID}/credentials").reply(json=given, status=201)
        self.refusal: Reply | None = None
        service.on("PUT", f"/v1/area/{UUID}/files_info").reply(self.tell)

    def put(self, name: str, content: bytes, *, summed: bool = False) -> None:
        """Put an object into the area; the service has its checksums or is still at it."""
        self.s3.put_object(Bucket=BUCKET, Key=f"{UUID}/{name}", Body=content)
        self.sums[name] = sums_of(content) if summed else None

    def put_in_parts(self, name: str, *parts: bytes) -> None:
        """Put an object into the area that is made of these parts."""
        where = {"Bucket": BUCKET, "Key": f"{UUID}/{name}"}
        where["UploadId"] = self.s3.create_multipart_upload(**where)["UploadId"]
        sent = [
            {"PartNumber": number, "ETag": self.s3.upload_part(**where, PartNumber=number, Body=part)["ETag"]}
            for number, part in enumerate(parts, 1)
        ]
        self.s3.complete_multipart_upload(**where, MultipartUpload={"Parts": sent})
        self.sums[name] = None

    def tell(self, request: Request) -> Any:
        """Answer as the service does: all files or none."""
        if self.refusal:
            return self.refusal
        names = request.json()
        assert len(names) <= 100
        if any(name not in self.sums for name in names):
            return reply(status=404, json={"status": 404, "title": "No such file"})
        return [{"name": name, "checksums": self.sums[name]} for name in names]

    def check(self, *paths: str, **options: Any) -> dict[str, Row]:
        """Compare files with the area and return the rows by name."""
        rows = list(self.compared(*paths, **options))
        by_name = {row.name: row for row in rows}
        assert len(by_name) == len(rows)
        return by_name

    def compared(self, *paths: str, **options: Any) -> Iterator[Row]:
        return checking.compared(UploadArea(f"s3://{BUCKET}/{UUID}/"), paths or ("data",), **options)

    def asked_for(self) -> list[list[str]]:
        """Return the names of each request for checksums."""
        return [one.json() for one in self.service.asked("PUT", f"/v1/area/{UUID}/files_info")]


def sums_of(content: bytes) -> dict[str, str]:
    sums = asdict(checksums.of_bytes(content))
    del sums["size"]
    return sums


@pytest.fixture
def area(s3: Any, service: LoopbackService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Area]:
    """An empty area; the current directory has an empty directory `data`."""
    monkeypatch.chdir(tmp_path)
    Path("data").mkdir()
    monkeypatch.setenv("HCA_UPLOAD_URL", f"{service.url}/v1")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", s3.meta.endpoint_url)
    yield Area(s3, service)
    keys = [{"Key": one["Key"]} for one in s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])]
    if keys:
        s3.delete_objects(Bucket=BUCKET, Delete={"Objects": keys})


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> int:
    """Make the rule give parts of 5 MiB; S3 takes no smaller ones."""
    monkeypatch.setattr(checksums, "PART_SIZE", 5 * MEBIBYTE)
    return 5 * MEBIBYTE


def write(name: str, content: bytes) -> Path:
    path = Path("data") / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def content(size: int) -> bytes:
    return (bytes(range(251)) * (size // 251 + 1))[:size]


@pytest.mark.parametrize("summed", [True, False])
def test_the_same(area: Area, summed: bool) -> None:
    files = {"a.fq": b"reads", "sub/b c#?%.txt": b"text", "ünï\n": b"x", "empty": b""}
    for name, data in files.items():
        write(name, data)
        area.put(name, data, summed=summed)
    assert area.check() == {name: Row(name, "same", len(data), "") for name, data in files.items()}


def test_each_difference(area: Area) -> None:
    write("same", b"same")
    area.put("same", b"same")
    write("shorter", b"abc")
    area.put("shorter", b"abcd")
    write("other", b"abc")
    area.put("other", b"abd")
    write("missing", b"not there")
    area.put("extra/b", b"not here")
    area.put("extra/a", b"nor this")
    rows = list(area.compared())
    assert sorted(rows[:-2]) == [
        Row("missing", "missing", 9, "it is not in the area"),
        Row("other", "differs", 3, "S3 has another ETag"),
        Row("same", "same", 4, ""),
        Row("shorter", "differs", 3, "the one in the area has 4 bytes"),
    ]
    assert rows[-2:] == [Row(f"extra/{name}", "extra", 8, "it is not here") for name in "ab"]
    assert area.asked_for() == [["other", "same"]]


def test_the_service_has_other_checksums(area: Area) -> None:
    for name in ("sha256", "crc32c", "sha1", "s3_etag"):
        write(name, b"abc")
        area.put(name, b"abc", summed=True)
        area.sums[name] |= {name: sums_of(b"abd")[name]}  # type: ignore[operator]
    assert area.check() == {name: Row(name, "differs", 3, f"the service has another {name}") for name in area.sums}


def test_upper_case_checksums_are_the_same(area: Area) -> None:
    write("a", b"abc")
    area.put("a", b"abc")
    area.sums["a"] = {name: value.upper() for name, value in sums_of(b"abc").items()}
    assert area.check()["a"].status == "same"


def test_parts_by_the_rule(area: Area, small_parts: int) -> None:
    data = content(2 * small_parts + 1)
    write("a", data)
    area.put_in_parts("a", data[:small_parts], data[small_parts : 2 * small_parts], data[2 * small_parts :])
    assert area.check() == {"a": Row("a", "same", len(data), "")}
    write("a", data[:-1] + b"!")
    assert area.check() == {"a": Row("a", "differs", len(data), "S3 has another ETag")}


def test_other_parts_are_compared_by_the_checksums_of_the_service(area: Area, small_parts: int) -> None:
    data = content(2 * small_parts - 1)
    write("a", data)
    area.put("a", data)  # in one part, where the rule has two
    why = "it was sent in other parts, and the service has no checksums of it yet"
    assert area.check() == {"a": Row("a", "unknown", len(data), why)}
    area.sums["a"] = sums_of(data)
    why = "by the service's checksums: it was sent in other parts"
    assert area.check() == {"a": Row("a", "same", len(data), why)}
    area.sums["a"] = sums_of(data[:-1] + b"!")
    assert area.check()["a"].status == "differs"


def test_an_etag_and_checksums_that_contradict_each_other(area: Area) -> None:
    write("a", b"abc")
    area.put("a", b"abd")
    area.sums["a"] = sums_of(b"abc")  # of what was there before, say
    why = "S3 has another ETag, but the service has the same checksums"
    assert area.check() == {"a": Row("a", "unknown", 3, why)}


@pytest.mark.parametrize("told", [None, {}, {"sha256": "0" * 64}, {"sha256": 1}, [], "x"])
def test_checksums_that_are_none(area: Area, told: Any) -> None:
    write("a", b"abc")
    area.put("a", b"abc")
    area.sums["a"] = told
    assert area.check()["a"].status == "same"


def test_names_are_asked_for_by_the_hundred(area: Area) -> None:
    for number in range(101):
        write(f"{number:03}", b"x")
        area.put(f"{number:03}", b"x", summed=True)
    assert {row.status for row in area.check(jobs=3).values()} == {"same"}
    assert [len(names) for names in area.asked_for()] == [100, 1]


def test_a_file_that_the_service_does_not_know_takes_nothing_from_the_others(area: Area) -> None:
    for number in range(7):
        write(f"{number}", b"abc")
        area.put(f"{number}", b"abc", summed=True)
        area.sums[f"{number}"] = sums_of(b"abd")
    del area.sums["4"]
    rows = area.check()
    assert rows.pop("4").status == "same"  # by its ETag
    assert {row.status for row in rows.values()} == {"differs"}
    assert len(rows) == 6


def test_a_file_that_changes(area: Area) -> None:
    write("grown", b"abc")
    write("touched", b"abc")
    write("gone", b"abc")
    for name in ("grown", "touched", "gone"):
        area.put(name, b"abc")
    rows = area.compared()  # what is here has been listed now
    write("grown", b"abcd")
    os.utime("data/touched", ns=(1, 1))
    Path("data/gone").unlink()
    assert sorted(rows) == [
        Row("gone", "unknown", 3, "it can't be read: No such file or directory"),
        Row("grown", "changed", 3, "it changed while it was read"),
        Row("touched", "changed", 3, "it changed while it was read"),
    ]


def test_an_endless_file_ends(area: Area) -> None:
    write("a", b"abc")
    area.put("a", b"abc")
    rows = area.compared()
    Path("data/a").unlink()
    Path("data/a").symlink_to("/dev/zero")
    assert [row.status for row in rows] == ["changed"]


def test_options_of_uploads(area: Area) -> None:
    write("sub/a.fq", b"abc")
    write("sub/b.txt", b"abc")
    for name in ("a.fq", "b.txt", "c.fq", "c.txt"):
        area.put(name, b"abc")
    rows = area.check(flatten=True, file_extension="fq")
    assert {name: row.status for name, row in rows.items()} == {"a.fq": "same", "c.fq": "extra"}
    rows = area.check("data/sub/a.fq")
    assert {name: row.status for name, row in rows.items()} == {
        "a.fq": "same", "b.txt": "extra", "c.fq": "extra", "c.txt": "extra"
    }  # fmt: skip


def test_an_object_for_the_area_itself_is_no_file(area: Area) -> None:
    write("a", b"abc")
    area.put("a", b"abc")
    area.put("", b"")
    assert list(area.check()) == ["a"]


def test_an_empty_area(area: Area) -> None:
    write("a", b"abc")
    assert area.check()["a"].status == "missing"
    assert area.asked_for() == []


@pytest.mark.parametrize(
    ("paths", "options", "reason"),
    [
        (["missing"], {}, "missing does not exist"),
        (["data"], {}, "no file in data"),
        (["s3://b/k"], {}, "not on this machine"),
        ([], {}, "no path was given"),
        (["."], {"file_extension": ""}, "not a file extension"),
        (["."], {"jobs": 0}, "0 files can't be read"),
    ],
)
def test_what_is_wrong_is_told_before_anything_is_sent(
    area: Area, paths: list[str], options: dict[str, Any], reason: str
) -> None:
    with pytest.raises(UsageError, match=reason):
        checking.compared(UploadArea(f"s3://{BUCKET}/{UUID}/"), paths, **options)
    assert area.service.requests == []


def test_errors_of_the_service_are_told(area: Area) -> None:
    write("a", b"abc")
    area.put("a", b"abc")
    area.refusal = reply(status=400, json={"status": 400, "title": "Not today"})
    with pytest.raises(UploadApiException, match="Not today"):
        area.check()


def test_who_takes_no_more_rows_stops_the_work(area: Area) -> None:
    for number in range(20):
        write(f"{number:02}", b"x")
        area.put(f"{number:02}", b"x")
    rows = area.compared(jobs=2)
    next(rows)
    rows.close()  # type: ignore[attr-defined]
    # Who closes them waits a second for the threads, which may be in the middle of a file for longer.
    until(lambda: not [one for one in threading.enumerate() if one.name.startswith("check-")])


def test_bytes_are_counted(area: Area, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[tuple[int, bool]] = []
    counted: list[int] = []

    @contextmanager
    def bar(total: int, *, enabled: bool) -> Iterator[Callable[[int], None]]:
        drawn.append((total, enabled))
        yield counted.append

    monkeypatch.setattr(progress, "bytes_bar", bar)
    write("a", content(3 * MEBIBYTE))
    area.put("a", content(3 * MEBIBYTE))
    write("not read", b"abc")
    area.put("not read", b"abcd")
    write("nor this", b"abc")
    area.check(bar=True)
    assert drawn == [(3 * MEBIBYTE, True)]
    assert counted == [MEBIBYTE] * 3
    area.check()
    assert drawn[1] == (3 * MEBIBYTE, False)
