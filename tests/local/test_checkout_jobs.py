"""Checkout jobs: RUNNING, then SUCCEEDED or FAILED, with the files where they say."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import pytest
from waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable

    import requests

VERSION = "2019-07-10T001103.121000Z"
CHECKOUT = "s3://org-humancellatlas-dss-checkout-local/bundles"


@pytest.fixture(scope="session")
def bundle(writing: Any) -> str:
    """Return the uuid of a bundle with two files."""
    made: str = writing.put_bundle({"a.json": writing.put_file(b"{}"), "sub/b": writing.put_file(b"b", "text/plain")})
    return made


def begin(writing: Any, bundle: str, body: object = None, **query: Any) -> str:
    answer = writing.send("POST", f"/bundles/{bundle}/checkout", body, token=None, **{"replica": "aws", **query})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["checkout_job_id"])


def state(writing: Any, job: str, replica: str = "aws") -> dict[str, str]:
    found: dict[str, str] = writing.send("GET", f"/bundles/checkout/{job}", token=None, replica=replica).json()
    return found


def ended(writing: Any, job: str, replica: str = "aws") -> dict[str, str]:
    until(lambda: state(writing, job, replica)["status"] != "RUNNING")
    return state(writing, job, replica)


def told(answer: requests.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


@pytest.mark.parametrize("body", [None, {}, {"email": "me@example.org"}])
def test_a_checkout_succeeds(writing: Any, bundle: str, body: object) -> None:
    found = ended(writing, begin(writing, bundle, body))
    assert found == {"status": "SUCCEEDED", "location": f"{CHECKOUT}/{bundle}.{VERSION}"}


def test_the_other_replica_is_another_cloud(writing: Any, bundle: str) -> None:
    job = begin(writing, bundle, replica="gcp", version=VERSION)
    assert ended(writing, job, "gcp")["location"] == f"{CHECKOUT}/{bundle}.{VERSION}".replace("s3:", "gs:")
    answer = writing.send("GET", f"/bundles/checkout/{job}", replica="aws")
    assert told(answer) == (404, "not_found")


def test_a_bucket_of_the_user_gets_the_files(writing: Any, bundle: str) -> None:
    writing.s3.create_bucket(Bucket="mine")
    found = ended(writing, begin(writing, bundle, {"destination": "mine"}))
    folder = f"bundles/{bundle}.{VERSION}"
    assert found == {"status": "SUCCEEDED", "location": f"s3://mine/{folder}"}
    listed = writing.s3.list_objects_v2(Bucket="mine")["Contents"]
    assert [one["Key"] for one in listed] == [f"{folder}/a.json", f"{folder}/sub/b"]
    copied = writing.s3.get_object(Bucket="mine", Key=f"{folder}/sub/b")
    assert (copied["Body"].read(), copied["ContentType"]) == (b"b", "text/plain")


def test_a_bucket_that_is_not_there(writing: Any, bundle: str) -> None:
    found = ended(writing, begin(writing, bundle, {"destination": "nobodys"}))
    assert found == {"status": "FAILED", "cause": "There is no bucket 'nobodys'. (FAILED)"}


def test_what_is_refused(writing: Any, bundle: str) -> None:
    for body, path in (({"destination": "a/b"}, bundle), ({"email": 1}, bundle)):
        answer = writing.send("POST", f"/bundles/{path}/checkout", body, replica="aws")
        assert told(answer) == (400, "illegal_arguments")
    answer = writing.send("POST", f"/bundles/{uuid.uuid4()}/checkout", {}, replica="aws")
    assert told(answer) == (404, "not_found")
    assert told(writing.send("GET", f"/bundles/checkout/{uuid.uuid4()}", replica="aws")) == (404, "not_found")


def test_a_job_that_runs_can_be_seen_and_survives_a_kill(
    launched: Callable[..., Any], tmp_path: Any, user: Callable[..., Any]
) -> None:
    first = launched(tmp_path / "data", empty=True, checkout_seconds=60)
    writing = user(first)
    bundle = writing.put_bundle({})
    job = begin(writing, bundle)
    assert state(writing, job) == {"status": "RUNNING"}
    first.process.kill()
    first.process.wait()
    writing = user(launched(tmp_path / "data", checkout_seconds=0))
    assert ended(writing, job)["status"] == "SUCCEEDED"


def test_urls_of_a_bundle_that_was_checked_out_come_at_once(
    launched: Callable[..., Any],
    tmp_path: Any,
    http: requests.Session,
    user: Callable[..., Any],
) -> None:
    writing = user(launched(tmp_path / "data", empty=True, checkout_seconds=0))
    bundle = writing.put_bundle({"a": writing.put_file(b"a", "text/plain")})
    ended(writing, begin(writing, bundle))
    answer = writing.send("GET", f"/bundles/{bundle}", replica="aws", presignedurls="true")
    assert http.get(answer.json()["bundle"]["files"][0]["url"], timeout=60).content == b"a"
