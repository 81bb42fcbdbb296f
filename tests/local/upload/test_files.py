"""Files: how they are stored, shown and named (contract §5)."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from hca_core import checksums

if TYPE_CHECKING:
    from collections.abc import Callable

    from hca_local.launch import Launched

BUCKET = "org-humancellatlas-upload-local"
TYPE = "application/json; dcp-type=metadata"
SUMS = ("s3_etag", "sha1", "sha256", "crc32c")
# Each with the paths that mean it.
NAMES = {
    "a b": ["a%20b"],
    "naïve/文": ["na%C3%AFve%2F%E6%96%87", "na%C3%AFve/%E6%96%87"],
    "#1?x=%41&y": ["%231%3Fx%3D%2541%26y"],
    "two\nlines": ["two%0Alines"],
    "a/checksum": ["a%2Fchecksum"],
    "a//b/": ["a%2F%2Fb%2F", "a//b/"],
    "../up": ["%2E%2E%2Fup"],
    "files_info": ["files_info"],
    "+": ["%2B", "+"],
}


def told(content: bytes) -> dict[str, str]:
    """Return the checksums of `content` as clients are told them."""
    sums = checksums.of_bytes(content)
    return {name: getattr(sums, name) for name in SUMS}


def store(area: Any, name: str, content: bytes, content_type: str = TYPE) -> Any:
    return area.send("PUT", f"/{quote(name, safe='')}", data=content, headers={"Content-Type": content_type})


@pytest.mark.parametrize("name", NAMES)
def test_names(area: Any, name: str) -> None:
    assert area.put(name, b"1", ContentType=TYPE)
    area.reaches(name, "CHECKSUMMED")
    for path in NAMES[name]:
        found = area.send("GET", f"/{path}", key=None)
        assert (found.status_code, found.json()["name"]) == (200, name)
        assert area.send("POST", f"/{path}", key=None).status_code == 202
        if not path.endswith("/"):
            assert area.send("GET", f"/{path}/checksum", key=None).json()["checksum_status"] == "CHECKSUMMED"
        assert area.send("GET", f"/{path}/validate", key=None).json()["validation_status"] == "UNSCHEDULED"
    if name != "files_info":
        assert store(area, f"{name}2", b"2").json()["url"] == f"s3://{BUCKET}/{area.uuid}/{name}2"
        assert f"{name}2" in area.names()


def test_what_is_told_of_a_file(area: Any) -> None:
    area.put("file", b"hello", ContentType="text/plain; dcp-type=data")
    area.reaches("file", "CHECKSUMMED")
    found = area.send("GET", "/file", key=None).json()
    written = datetime.fromisoformat(found.pop("last_modified"))
    assert written.utcoffset() is not None
    assert found == {
        "upload_area_id": area.uuid,
        "name": "file",
        "size": 5,
        "content_type": "text/plain; dcp-type=data",
        "url": f"s3://{BUCKET}/{area.uuid}/file",
        "checksums": told(b"hello"),
    }


def test_checksums_are_none_until_all_are_there(area: Any) -> None:
    some = "&".join(f"hca-dss-{name}=0" for name in SUMS[:3])
    area.service.change("INSERT OR REPLACE INTO upload_holds VALUES ('checksums', 'SCHEDULED')")
    try:
        area.put("file", b"1", Tagging=some)
        assert area.send("GET", "/file").json()["checksums"] is None
    finally:
        area.service.change("DELETE FROM upload_holds")
    area.reaches("file", "CHECKSUMMED")
    assert area.send("GET", "/file").json()["checksums"] == told(b"1")


def test_a_file_is_stored_with_its_checksums(area: Any) -> None:
    answer = store(area, "sample.json", b"{}")
    assert answer.status_code == 201
    assert answer.json()["checksums"] == told(b"{}")
    assert answer.json()["content_type"] == TYPE
    assert area.status("sample.json") == "CHECKSUMMED"
    assert area.tags("sample.json") == {f"hca-dss-{name}": value for name, value in told(b"{}").items()}
    head = area.service.s3.head_object(Bucket=BUCKET, Key=f"{area.uuid}/sample.json")
    assert head["Metadata"] == {"crc32c": told(b"{}")["crc32c"]}
    assert area.send("GET", "/checksums").json()["CHECKSUMMED"] == 1


def test_the_same_content_is_not_written_again(area: Any) -> None:
    store(area, "file", b"{}")
    again = store(area, "file", b"{}", "text/plain; dcp-type=other")
    assert (again.status_code, again.json()["content_type"]) == (201, TYPE)
    other = store(area, "file", b"[]", "text/plain; dcp-type=other")
    assert other.json()["content_type"] == "text/plain; dcp-type=other"
    assert other.json()["checksums"] == told(b"[]")
    assert area.jobs() == [("file", "CHECKSUMMED"), ("file", "CHECKSUMMED")]


def test_the_same_content_gets_the_tags_that_it_has_lost(area: Any) -> None:
    crc32c = told(b"{}")["crc32c"]
    area.put("file", b"{}", Metadata={"crc32c": crc32c.upper()})
    area.reaches("file", "CHECKSUMMED")
    area.service.s3.put_object_tagging(
        Bucket=BUCKET, Key=f"{area.uuid}/file", Tagging={"TagSet": [{"Key": "mine", "Value": "1"}]}
    )
    answer = store(area, "file", b"{}")
    assert answer.json()["checksums"] == told(b"{}")
    assert answer.json()["content_type"] == "binary/octet-stream", "it was written again"
    assert area.tags("file")["mine"] == "1"


def test_a_wrong_claim_does_not_keep_the_old_bytes(area: Any) -> None:
    area.put("file", b"other bytes", Metadata={"crc32c": told(b"{}")["crc32c"]})
    assert store(area, "file", b"{}").json()["checksums"] == told(b"{}")
    body = area.service.s3.get_object(Bucket=BUCKET, Key=f"{area.uuid}/file")["Body"].read()
    assert body == b"{}"


@pytest.mark.parametrize(
    "content_type", ["application/json", "", "application/json; type=dcp-type", "a/b; dcp-type=", "dcp-type=x"]
)
def test_a_stored_file_says_its_type(area: Any, content_type: str) -> None:
    answer = store(area, "file", b"{}", content_type)
    assert (answer.status_code, answer.json()["title"]) == (400, "Invalid Content-Type")
    assert area.names() == []


@pytest.mark.parametrize("content_type", ['a/b; DCP-Type="metadata/sample"', "a/b;charset=x;dcp-type=y"])
def test_ways_to_say_it(area: Any, content_type: str) -> None:
    assert store(area, "file", b"{}", content_type).json()["content_type"] == content_type


def test_what_can_not_be_stored(area: Any) -> None:
    assert store(area, "x" * 1000, b"{}").status_code == 400
    assert store(area, "a\0b", b"{}").status_code == 400
    large = store(area, "file", b"0" * (10 * 1024 * 1024 + 1))
    assert (large.status_code, large.json()["title"]) == (413, "Request Entity Too Large")
    assert area.names() == []


@pytest.mark.parametrize("name", ["%fe", "a%C3%FFb", "%ff/checksum"])
def test_names_that_are_no_text_are_refused(area: Any, name: str) -> None:
    """They would all be one file."""
    for method in ("PUT", "POST", "GET"):
        answer = area.send(method, f"/{name}", data=b"{}", headers={"Content-Type": TYPE})
        assert (answer.status_code, answer.json()["title"]) in [(400, "Bad Request"), (405, "Method Not Allowed")]
        assert answer.status_code == 400 or name.endswith("/checksum")
    assert area.names() == []
    assert area.service.send("HEAD", "/area/%fe").status_code == 400
    assert area.send("POST", "/update_checksum/%fe", json={"status": "FAILED"}).status_code == 400
    area.put("\ufffd", b"1")
    assert area.send("PUT", "/files_info", json=["%fe"]).status_code == 404, "it is not the file of that sign"


def test_files_that_are_not_there(area: Any) -> None:
    for path in ("/file", "/file/checksum", "/file/validate", "/" + "x" * 2000, "/a%00b"):
        answer = area.send("GET", path, key=None)
        detail = "No such file in that upload area"
        assert (answer.status_code, answer.json()) == (404, {"status": 404, "title": "No such file", "detail": detail})
    told_of = area.send("POST", "/file", key=None)
    assert (told_of.status_code, told_of.json()) == (202, None)
    assert area.send("POST", "/" + "x" * 2000, key=None).status_code == 202
    assert area.send("GET", "/checksums").json()["TOTAL_NUM_FILES"] == 0


def test_several_files_in_the_order_asked_for(area: Any) -> None:
    for name in ("b c", "a", "100%25"):
        area.put(name, b"1")

    def infos(*names: str) -> Any:
        return area.send("PUT", "/files_info", json=names, key=None)

    assert [one["name"] for one in infos("b c", "a", "b%20c").json()] == ["b c", "a", "b c"]
    assert infos("100%25").json()[0]["name"] == "100%25", "a name as it stands comes first"
    assert infos().json() == []
    missing = infos("a", "none")
    assert (missing.status_code, missing.json()["title"]) == (404, "No such file")
    for wrong in ('{"a": 1}', "[1]", "[", '["\\ud800"]', ""):
        answer = area.send("PUT", "/files_info", data=wrong, key=None)
        assert (answer.status_code, answer.json()["title"]) == (400, "Bad Request"), wrong


def test_a_locked_area_takes_files_of_the_service(area: Any) -> None:
    area.service.change("UPDATE upload_areas SET status='LOCKED' WHERE uuid=?", area.uuid)
    assert store(area, "file", b"{}").status_code == 201
    assert area.send("POST", "/credentials").status_code == 409


def test_the_dss_takes_over_what_was_uploaded(uploads: Any, user: Callable[[Any], Any]) -> None:
    area = uploads.area()
    area.put("reads.fastq", b"ACGT", ContentType="application/octet-stream; dcp-type=data")
    area.reaches("reads.fastq", "CHECKSUMMED")
    launched: Launched = uploads
    body = {"source_url": area.send("GET", "/reads.fastq").json()["url"], "creator_uid": 0}
    path = "/files/aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"
    answer = user(launched).send("PUT", path, body, version="2019-07-10T001103.121000Z")
    assert answer.status_code == 201, answer.text
