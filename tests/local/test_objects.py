"""Signed URLs: they answer as S3 does, and open nothing but what they were signed for."""

from __future__ import annotations

import os
import socket
import time
from contextlib import closing, suppress
from http.client import HTTPConnection
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from waiting import until

from hca_local import seeding
from hca_local.data_directory import DataDirectory
from hca_local.objects import conditions
from hca_local.objects.signing import Signer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import requests

    from hca_local.launch import Launched

    Api = Callable[..., requests.Response]
    Launch = Callable[..., Launched]

READS = "1330ef1a-7a21-40c6-84c5-5cec18204028"
LARGE = "7a8fbda7-d470-467a-904e-5c73413fab3e"


@pytest.fixture
def signed(api: Api) -> str:
    """Return a signed URL of a file of some 40 kB."""
    return api("GET", f"/files/{READS}", replica="aws").headers["Location"]


@pytest.fixture
def signed_empty(api: Api, deployment: Launched, http: requests.Session) -> str:
    """Return a signed URL of an empty object."""
    listing = api("GET", "/bundles/all", replica="aws", per_page=500).json()["bundles"]
    for one in listing:
        files = api("GET", f"/bundles/{one['uuid']}", replica="aws", presignedurls="true").json()["bundle"]["files"]
        for file in files:
            if file["name"] == "empty.txt":
                return str(file["url"])
    raise AssertionError("the sample has no empty file any more")


@pytest.mark.parametrize(
    ("wanted", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=10-19", 10, 20),
        ("bytes=40000-", 40000, None),
        ("bytes=-5", -5, None),
        ("bytes=-99999999", 0, None),
        ("bytes=39990-99999999", 39990, None),
    ],
)
def test_ranges(http: requests.Session, signed: str, wanted: str, start: int, end: int | None) -> None:
    whole = http.get(signed, timeout=30).content
    answer = http.get(signed, headers={"Range": wanted}, timeout=30)
    assert answer.status_code == 206
    assert answer.content == whole[start:end]
    first = start % len(whole)
    assert answer.headers["Content-Range"] == f"bytes {first}-{first + len(answer.content) - 1}/{len(whole)}"
    assert answer.headers["Content-Length"] == str(len(answer.content))


@pytest.mark.parametrize("wanted", ["bytes=9-2", "bytes=0-1,4-5", "lines=0-1", "bytes=-", "bytes=a-b", "0-5"])
def test_ranges_that_are_none_are_ignored(http: requests.Session, signed: str, wanted: str) -> None:
    answer = http.get(signed, headers={"Range": wanted}, timeout=30)
    assert (answer.status_code, len(answer.content)) == (
        200,
        int(http.get(signed, timeout=30).headers["Content-Length"]),
    )
    assert answer.headers["Accept-Ranges"] == "bytes"


@pytest.mark.parametrize("wanted", ["bytes=99999999-", "bytes=-0"])
def test_ranges_outside_the_object(http: requests.Session, signed: str, wanted: str) -> None:
    size = http.get(signed, timeout=30).headers["Content-Length"]
    answer = http.get(signed, headers={"Range": wanted}, timeout=30)
    assert answer.status_code == 416
    assert "<Code>InvalidRange</Code>" in answer.text
    assert f"<ActualObjectSize>{size}</ActualObjectSize>" in answer.text
    assert answer.headers["Content-Range"] == f"bytes */{size}"


def test_an_empty_object_has_no_range(http: requests.Session, signed_empty: str) -> None:
    answer = http.get(signed_empty, timeout=30)
    assert (answer.status_code, answer.content, answer.headers["Content-Length"]) == (200, b"", "0")
    assert answer.headers["ETag"] == '"d41d8cd98f00b204e9800998ecf8427e"'
    assert http.get(signed_empty, headers={"Range": "bytes=0-"}, timeout=30).status_code == 416


def test_conditional_requests(http: requests.Session, signed: str) -> None:
    first = http.get(signed, timeout=30)
    etag, modified = first.headers["ETag"], first.headers["Last-Modified"]
    long_ago = "Mon, 01 Jan 2001 00:00:00 GMT"

    def status(**headers: str) -> int:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return http.get(signed, headers=named, timeout=30).status_code

    assert status(If_None_Match=etag) == 304
    assert status(If_None_Match='"other"') == 200
    assert status(If_Modified_Since=modified) == 304
    assert status(If_Modified_Since=long_ago) == 200
    assert status(If_Match=etag) == 200
    assert status(If_Match='"other"') == 412
    assert status(If_Unmodified_Since=long_ago) == 412
    assert status(Range="bytes=0-9", If_Range=etag) == 206
    assert status(Range="bytes=0-9", If_Range='"other"') == 200
    assert status(Range="bytes=0-9", If_Range=modified) == 206
    assert status(Range="bytes=0-9", If_Range=long_ago) == 200


def test_nonsense_in_a_date_is_ignored() -> None:
    headers = {"if-modified-since": "yesterday", "if-unmodified-since": "Mon, 99 Foo 2001"}
    assert conditions.precondition(headers, '"a"', 1.0) is None


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Signature=", "Signature=0"),
        ("/s3/", "/gs/"),
        ("dcp-type%3Ddata", "dcp-type%3Dother"),
        ("&Signature=", "&response-content-disposition=inline&Signature="),
    ],
)
def test_a_changed_url_is_refused(http: requests.Session, signed: str, old: str, new: str) -> None:
    assert old in signed
    answer = http.get(signed.replace(old, new, 1), timeout=30)
    assert answer.status_code == 403
    assert "<Code>SignatureDoesNotMatch</Code>" in answer.text
    assert answer.headers["Content-Type"].startswith("application/xml")


def test_a_longer_lifetime_can_not_be_taken(http: requests.Session, signed: str) -> None:
    expires = signed.split("Expires=")[1].split("&")[0]
    answer = http.get(signed.replace(expires, str(int(expires) + 1)), timeout=30)
    assert (answer.status_code, "SignatureDoesNotMatch" in answer.text) == (403, True)


def test_another_object_can_not_be_read_with_it(api: Api, http: requests.Session, signed: str) -> None:
    other = api("GET", f"/files/{LARGE}", replica="aws").headers["Location"]
    stolen = f"{other.split('?')[0]}?{signed.split('?')[1]}"
    assert http.get(stolen, timeout=30).status_code == 403
    assert http.get(signed.replace("/blobs/", "/blobs/%2e%2e/"), timeout=30).status_code in (403, 404)
    climbing = urlsplit(f"{signed.split('blobs/')[0]}blobs/../../signing.key?{signed.split('?')[1]}")
    with closing(HTTPConnection(climbing.netloc, timeout=30)) as raw:  # requests would tidy the path up
        raw.request("GET", f"{climbing.path}?{climbing.query}")
        assert raw.getresponse().status == 403
    assert http.get(signed.split("?")[0], timeout=30).status_code == 403


def test_the_key_of_one_store_does_not_sign_for_another(http: requests.Session, deployment: Launched) -> None:
    foreign = Signer(b"k" * 32, 60).url(deployment.url, "aws", "blobs/" + ".".join(["a" * 64] * 4), "text/plain")
    assert http.get(foreign, timeout=30).status_code == 403


def test_a_url_expires(http: requests.Session, deployment: Launched, signed: str) -> None:
    signer = Signer(deployment.directory.signing_key.read_bytes(), -1)
    key = urlsplit(signed).path.split("-local/")[1]
    answer = http.get(signer.url(deployment.url, "aws", key, "text/plain"), timeout=30)
    assert answer.status_code == 403
    assert "<Code>AccessDenied</Code><Message>Request has expired</Message>" in answer.text


def test_the_lifetime_is_a_setting(launched: Launch, http: requests.Session, tmp_path: Path) -> None:
    deployment = launched(tmp_path / "data", url_lifetime=100, first_get_redirects=0)
    url = f"{deployment.url}/v1/files/{READS}?replica=aws"
    before = int(time.time())
    location = http.get(url, allow_redirects=False, timeout=30).headers["Location"]
    expires = int(location.split("Expires=")[1].split("&")[0])
    assert before + 100 <= expires <= time.time() + 100


def test_a_second_way_to_authenticate_is_refused(http: requests.Session, signed: str) -> None:
    answer = http.get(signed, headers={"Authorization": "Bearer xyz"}, timeout=30)
    assert answer.status_code == 400
    assert "<Code>InvalidArgument</Code>" in answer.text
    assert "xyz" not in answer.text


def test_methods_other_than_the_signed_one(http: requests.Session, signed: str) -> None:
    head = http.head(signed, timeout=30)
    assert (head.status_code, head.content) == (403, b"")
    assert http.put(signed, data=b"x", timeout=30).status_code == 405


def test_an_object_whose_bytes_are_gone(launched: Launch, http: requests.Session, tmp_path: Path) -> None:
    deployment = launched(tmp_path / "data", first_get_redirects=0)
    url = f"{deployment.url}/v1/files/{READS}?replica=aws"
    location = http.get(url, allow_redirects=False, timeout=30).headers["Location"]
    key = location.split("blobs/")[1].split("?")[0]
    (deployment.directory.blobs / key[:2] / key).unlink()
    answer = http.get(location, timeout=30)
    assert (answer.status_code, "<Code>NoSuchKey</Code>" in answer.text) == (404, True)


def test_large_objects_come_whole_and_in_parts(api: Api, http: requests.Session) -> None:
    location = api("GET", f"/files/{LARGE}", replica="aws").headers["Location"]
    size = int(api("HEAD", f"/files/{LARGE}", replica="aws").headers["X-DSS-SIZE"])
    assert size > 1_000_000
    whole = http.get(location, timeout=30).content
    assert len(whole) == size
    tail = http.get(location, headers={"Range": f"bytes={size - 300_000}-"}, timeout=30)
    assert (tail.status_code, tail.content) == (206, whole[-300_000:])


def test_a_reader_may_leave(launched: Launch, http: requests.Session, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    with (folder / "large.bin").open("wb") as large:
        large.truncate(80_000_000)
    directory = DataDirectory(tmp_path / "data")
    seeding.prepare(directory)
    wanted = seeding.wanted([folder])
    assert [done.bytes for done in seeding.seed(directory, wanted, ["aws"])] == [80_000_000]
    deployment = launched(directory.root, first_get_redirects=0)
    url = f"{deployment.url}/v1/bundles/{wanted[0].uuid}?replica=aws&presignedurls=true"
    parts = urlsplit(http.get(url, timeout=30).json()["bundle"]["files"][0]["url"])
    with socket.create_connection((str(parts.hostname), parts.port or 80)) as leaver:
        leaver.sendall(f"GET {parts.path}?{parts.query} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode())
        assert leaver.recv(100).startswith(b"HTTP/1.1 200")
    until(lambda: " 200 " in directory.log.read_text() and "unfinished" in directory.log.read_text())
    assert "ERROR" not in directory.log.read_text()


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="counts open files by /proc")
def test_no_file_stays_open(launched: Launch, http: requests.Session, tmp_path: Path) -> None:
    deployment = launched(tmp_path / "data", first_get_redirects=0)
    location = http.get(f"{deployment.url}/v1/files/{LARGE}?replica=aws", allow_redirects=False, timeout=30).headers[
        "Location"
    ]
    for _ in range(5):
        http.get(location, timeout=30)
        http.get(location, headers={"Range": "bytes=99999999-"}, timeout=30)
    links = f"/proc/{deployment.process.pid}/fd"

    def blobs_that_are_open() -> list[str]:
        targets = []
        for name in os.listdir(links):
            with suppress(FileNotFoundError):  # it was closed meanwhile
                targets.append(os.readlink(f"{links}/{name}"))
        return [target for target in targets if "/blobs/" in target]

    until(lambda: not blobs_that_are_open())  # a file is closed after its last bytes were sent
