"""HEAD and GET of files against the service contract (§5)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest

from hca_core import checksums

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import requests

    from hca_local.launch import Launched

    Api = Callable[..., requests.Response]
    Launch = Callable[..., Launched]

DONOR = "6887bd52-8bea-47d9-bbd9-ff71e05faeee"
DONOR_VERSION = "2019-01-30T165057.189000Z"
READS = "1330ef1a-7a21-40c6-84c5-5cec18204028"


def query_of(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


@pytest.mark.parametrize("replica", ["aws", "gcp"])
def test_head_tells_everything_in_headers(api: Api, replica: str) -> None:
    answer = api("HEAD", f"/files/{DONOR}", replica=replica, version=DONOR_VERSION)
    assert answer.status_code == 200
    assert answer.content == b""
    assert answer.headers["X-DSS-VERSION"] == DONOR_VERSION
    assert answer.headers["X-DSS-CREATOR-UID"] == "8008"
    assert answer.headers["X-DSS-CONTENT-TYPE"] == 'application/json; dcp-type="metadata/biomaterial"'
    assert int(answer.headers["X-DSS-SIZE"]) > 100
    lengths = {"CRC32C": 8, "S3-ETAG": 32, "SHA1": 40, "SHA256": 64}
    assert {name: len(answer.headers[f"X-DSS-{name}"]) for name in lengths} == lengths


def test_without_a_version_the_latest_is_meant(api: Api) -> None:
    latest = api("HEAD", f"/files/{DONOR}", replica="aws").headers["X-DSS-VERSION"]
    assert latest > DONOR_VERSION


@pytest.mark.parametrize("method", ["HEAD", "GET"])
@pytest.mark.parametrize(
    ("uuid", "query"),
    [
        ("00000000-0000-0000-0000-000000000000", {}),
        (DONOR, {"version": "2019-01-30T165057.189001Z"}),
        (DONOR, {"version": "not a version"}),
        (DONOR.upper(), {}),
    ],
)
def test_what_is_not_there_is_not_found(api: Api, method: str, uuid: str, query: dict[str, str]) -> None:
    answer = api(method, f"/files/{uuid}", replica="aws", **query)
    assert answer.status_code == 404
    if method == "GET":
        problem = answer.json()
        assert (problem["code"], problem["title"]) == ("not_found", "Cannot find file!")


def test_head_has_no_uuid_pattern_but_get_has(api: Api) -> None:
    assert api("HEAD", "/files/short", replica="aws").status_code == 404
    answer = api("GET", "/files/short", replica="aws")
    assert (answer.status_code, answer.json()["code"]) == (400, "illegal_arguments")


def test_get_redirects_to_the_bytes(api: Api, http: requests.Session) -> None:
    answer = api("GET", f"/files/{READS}", replica="aws")
    assert answer.status_code == 302
    assert not urlsplit(answer.headers["Location"]).path.startswith("/v1")
    data = http.get(answer.headers["Location"], timeout=30)
    assert data.headers["Content-Type"] == "application/gzip; dcp-type=data"
    sums = checksums.of_bytes(data.content)
    told = {name: answer.headers[f"X-DSS-{name}"] for name in ("SHA256", "SHA1", "CRC32C", "S3-ETAG", "SIZE")}
    assert told == {
        "SHA256": sums.sha256,
        "SHA1": sums.sha1,
        "CRC32C": sums.crc32c,
        "S3-ETAG": sums.s3_etag,
        "SIZE": str(sums.size),
    }
    assert data.headers["ETag"] == f'"{sums.s3_etag}"'


@pytest.mark.parametrize(("replica", "scheme"), [("aws", "s3"), ("gcp", "gs")])
def test_directurl_names_the_object(api: Api, replica: str, scheme: str) -> None:
    answer = api("GET", f"/files/{READS}", replica=replica, directurl="true", content_disposition="ignored")
    assert answer.status_code == 302
    head = answer.headers
    key = ".".join(head[f"X-DSS-{name}"] for name in ("SHA256", "SHA1", "S3-ETAG", "CRC32C"))
    assert head["Location"] == f"{scheme}://org-humancellatlas-dss-checkout-local/blobs/{key}"


def test_content_disposition_is_what_the_store_answers(api: Api, http: requests.Session) -> None:
    wanted = 'attachment; filename="größe & co.gz"'
    answer = api("GET", f"/files/{READS}", replica="aws", content_disposition=wanted)
    data = http.get(answer.headers["Location"], timeout=30)
    assert data.headers["Content-Disposition"].encode("latin-1").decode() == wanted


def test_a_disposition_can_not_smuggle_headers(api: Api, http: requests.Session) -> None:
    answer = api("GET", f"/files/{READS}", replica="aws", content_disposition="a\r\nX-Evil: yes")
    data = http.get(answer.headers["Location"], timeout=30)
    assert data.status_code == 200
    assert "X-Evil" not in data.headers


def test_a_range_rides_along_the_redirects(deployment: Launched, http: requests.Session) -> None:
    url = f"{deployment.url}/v1/files/{READS}?replica=aws"
    whole = http.get(url, timeout=30).content
    part = http.get(url, headers={"Range": "bytes=1000-1999"}, timeout=30)
    assert part.status_code == 206
    assert part.content == whole[1000:2000]
    assert part.headers["Content-Range"] == f"bytes 1000-1999/{len(whole)}"


@pytest.mark.parametrize("redirects", [0, 1, 3])
def test_the_first_download_waits_as_often_as_it_is_told(
    launched: Launch, http: requests.Session, tmp_path: Path, redirects: int
) -> None:
    deployment = launched(tmp_path / "data", first_get_redirects=redirects, retry_after=7)
    url = f"{deployment.url}/v1/files/{READS}?replica=aws"
    executions = set()
    for attempt in range(redirects):
        answer = http.get(url, headers={"Range": "bytes=0-1"}, allow_redirects=False, timeout=30)
        assert answer.status_code == 301
        assert answer.headers["Retry-After"] == "7"
        assert "X-DSS-SHA256" not in answer.headers
        url = answer.headers["Location"]
        assert query_of(url)["replica"] == "aws"
        token = json.loads(query_of(url)["token"])
        assert token["attempts"] == attempt
        assert isinstance(token["start_time"], float)
        executions.add(token["execution_id"])
    assert len(executions) == min(redirects, 1)
    assert http.get(url, allow_redirects=False, timeout=30).status_code == 302
    # The other replica has a checkout bucket of its own.
    other = http.get(url.replace("replica=aws", "replica=gcp"), allow_redirects=False, timeout=30)
    assert other.status_code == (301 if redirects else 302)


def test_small_json_is_ready_at_once_and_large_json_is_not(
    launched: Launch, http: requests.Session, tmp_path: Path
) -> None:
    deployment = launched(tmp_path / "data")
    listing = http.get(f"{deployment.url}/v1/bundles/all?replica=aws&per_page=500", timeout=30).json()["bundles"]
    files = [
        file
        for one in listing
        for file in http.get(
            f"{deployment.url}/v1/bundles/{one['uuid']}?replica=aws&version={one['version']}", timeout=30
        ).json()["bundle"]["files"]
        if file["content-type"].startswith("application/json")
    ]
    small, large = min(files, key=lambda file: file["size"]), max(files, key=lambda file: file["size"])
    assert small["size"] <= 12_314 < large["size"]
    statuses = [
        http.get(
            f"{deployment.url}/v1/files/{file['uuid']}?replica=aws&version={file['version']}",
            allow_redirects=False,
            timeout=30,
        ).status_code
        for file in (small, large)
    ]
    assert statuses == [302, 301]


def test_what_is_ready_stays_ready_after_a_restart(launched: Launch, http: requests.Session, tmp_path: Path) -> None:
    from hca_local import launch

    def status(url: str) -> int:
        return http.get(f"{url}/v1/files/{READS}?replica=aws", allow_redirects=False, timeout=30).status_code

    with launch.private(tmp_path / "data") as first:
        assert [status(first.url), status(first.url)] == [301, 302]
    assert status(launched(tmp_path / "data").url) == 302


@pytest.mark.parametrize("token", ["nonsense", "{}", "5", "[]", '{"attempts": "x"}', ""])
def test_a_bad_token_is_refused(api: Api, token: str) -> None:
    answer = api("GET", f"/files/{READS}", replica="aws", token=token)
    assert answer.status_code == 400
    assert (answer.json()["code"], answer.json()["title"]) == ("illegal_token", "Could not understand token")
