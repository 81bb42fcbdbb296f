"""Staging buckets on a server that is not the deployment's own: another deployment's, reached as any S3 is."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

import pytest
from waiting import until

from hca_local import data_directory

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import requests

    from hca_local.launch import Launched

VERSION = "2019-07-10T001103.121000Z"


@pytest.fixture
def elsewhere(
    launched: Callable[..., Launched],
    user: Callable[..., Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[..., tuple[Any, Any]]:
    """Return a function that gives the users of two deployments: one with buckets, one that reads from those."""

    def start(secret: str | None = None) -> tuple[Any, Any]:
        buckets = user(launched(tmp_path / "buckets", empty=True))
        key = data_directory.access_key(buckets.directory)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", key.access_key_id)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret or key.secret)
        url = json.loads(buckets.directory.state.read_bytes())["s3_url"]
        reader = launched(tmp_path / "reader", empty=True, s3_endpoint=url, first_get_redirects=0, checkout_seconds=0)
        return buckets, user(reader)

    return start


def put(reader: Any, url: str, file: str = "") -> requests.Response:
    body = {"source_url": url, "creator_uid": 0}
    answer: requests.Response = reader.send("PUT", f"/files/{file or uuid.uuid4()}", body, version=VERSION)
    return answer


def test_files_and_checkouts(elsewhere: Callable[..., Any], http: requests.Session) -> None:
    buckets, reader = elsewhere()
    file, bundle = str(uuid.uuid4()), str(uuid.uuid4())
    assert put(reader, buckets.stage(b'{"a": 1}'), file).status_code == 201
    location = reader.send("GET", f"/files/{file}", replica="gcp").headers["Location"]
    assert http.get(location, timeout=60).content == b'{"a": 1}'
    reader.put_bundle({"a b.json": file}, bundle)
    jobs = [
        reader.send("POST", f"/bundles/{bundle}/checkout", {"destination": bucket}, replica="aws").json()
        for bucket in ("staging", "nobodys")
    ]
    states = [until(lambda job=job: ended(reader, job["checkout_job_id"])) for job in jobs]
    assert [one["status"] for one in states] == ["SUCCEEDED", "FAILED"]
    copied = buckets.s3.get_object(Bucket="staging", Key=f"bundles/{bundle}.{VERSION}/a b.json")
    assert (copied["Body"].read(), copied["ContentType"]) == (b'{"a": 1}', "application/json")
    assert states[1]["cause"] == "There is no bucket 'nobodys'. (FAILED)"


def ended(reader: Any, job: str) -> dict[str, str] | None:
    found: dict[str, str] = reader.send("GET", f"/bundles/checkout/{job}", replica="aws").json()
    return None if found["status"] == "RUNNING" else found


@pytest.mark.parametrize(
    ("make", "status", "code"),
    [
        (lambda buckets: "s3://staging/nothing", 404, "not_found"),
        (lambda buckets: "s3://nobodys/nothing", 404, "not_found"),
        (lambda buckets: buckets.stage(b"x", sha1=None), 422, "missing_checksum"),
        (lambda buckets: buckets.stage(b"x", sha1="0" * 40), 422, "invalid_checksum"),
    ],
)
def test_sources_that_are_none(elsewhere: Callable[..., Any], make: Any, status: int, code: str) -> None:
    buckets, reader = elsewhere()
    assert buckets.s3
    answer = put(reader, make(buckets))
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_a_server_that_refuses(elsewhere: Callable[..., Any]) -> None:
    buckets, reader = elsewhere(secret="wrong")
    answer = put(reader, buckets.stage(b"x"))
    assert (answer.status_code, answer.json()["code"]) == (422, "source_refused")


def test_a_server_that_is_down(launched: Callable[..., Any], user: Callable[..., Any], tmp_path: Path) -> None:
    reader = user(launched(tmp_path / "data", empty=True, s3_endpoint="http://127.0.0.1:1"))
    answer = put(reader, "s3://staging/x")
    assert (answer.status_code, answer.json()["code"]) == (503, "service_unavailable")
