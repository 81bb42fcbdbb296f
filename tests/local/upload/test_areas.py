"""Areas: their life, who may do what with them, and the keys for them (contract §2, §3, §4)."""

from __future__ import annotations

import subprocess
import sys
import time
import uuid
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest
from waiting import until

from hca_local import data_directory
from hca_local.data_directory import DataDirectory

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import requests

    Launch = Callable[..., Any]

BUCKET = "org-humancellatlas-upload-local"
UNKNOWN = "00000000-0000-0000-0000-000000000000"
PRIVILEGED = [
    ("POST", ""),
    ("DELETE", ""),
    ("PUT", "/file"),
    ("PUT", "/file/validate"),
    ("PUT", "/validate"),
    ("POST", "/update_checksum/1"),
    ("POST", "/update_validation/1"),
]
OF_KNOWN_AREAS = [
    ("HEAD", "", None),
    ("DELETE", "", None),
    ("POST", "/credentials", None),
    ("GET", "/file", None),
    ("POST", "/file", None),
    ("PUT", "/file", None),
    ("PUT", "/files_info", ["file"]),
    ("GET", "/file/checksum", None),
    ("GET", "/checksums", None),
    ("GET", "/file/validate", None),
    ("GET", "/validations", None),
    ("PUT", "/file/validate", {"validator_image": "x"}),
    ("PUT", "/validate", {"validator_image": "x", "files": ["file"]}),
    ("POST", "/update_checksum/1", {"status": "FAILED"}),
    ("POST", "/update_validation/1", {"status": "FAILED"}),
]


def test_an_area_is_made_once_and_stays(uploads: Any) -> None:
    identity = str(uuid.uuid4())
    assert uploads.send("HEAD", f"/area/{identity}", key=None).status_code == 404
    for _ in range(2):
        answer = uploads.send("POST", f"/area/{identity}")
        assert (answer.status_code, answer.json()) == (201, {"uri": f"s3://{BUCKET}/{identity}/"})
    answer = uploads.send("HEAD", f"/area/{identity}", key=None)
    assert (answer.status_code, answer.content) == (200, b"")


def test_the_uuid_is_any_letters_and_digits_as_they_stand(uploads: Any) -> None:
    identity = f"Z{str(uuid.uuid4())[1:].upper()}"
    assert uploads.send("POST", f"/area/{identity}").json()["uri"] == f"s3://{BUCKET}/{identity}/"
    assert uploads.send("HEAD", f"/area/{identity.lower()}").status_code == 404
    for wrong in ("x", identity[:-1], f"{identity}0", f"{identity}%0A", identity.replace("-", "_"), "%2e%2e"):
        for method in ("HEAD", "POST"):
            answer = uploads.send(method, f"/area/{wrong}")
            assert answer.status_code == 400, wrong
        assert {**answer.json(), "detail": ""} == {
            "type": "about:blank", "title": "Bad Request", "status": 400, "detail": "",
        }  # fmt: skip


@pytest.mark.parametrize(("method", "path"), PRIVILEGED)
def test_privileged_routes_ask_for_the_key(area: Any, method: str, path: str) -> None:
    missing = area.send(method, path, key=None)
    assert (missing.status_code, missing.json()["title"]) == (400, "Bad Request")
    wrong = area.send(method, path, key="abcdefgh")
    assert wrong.status_code == 401
    assert wrong.headers["content-type"] == "application/problem+json"
    detail = "Unrecognized Api-Key: abc..."
    assert wrong.json() == {"status": 401, "title": "Access Denied.", "detail": detail}
    near = area.send(method, path, key=area.service.api_key[:-1])
    assert (near.status_code, area.service.api_key[:-1] in near.text) == (401, False)
    assert area.send("HEAD").status_code == 200, "nothing was done"


@pytest.mark.parametrize(("method", "path", "body"), OF_KNOWN_AREAS)
def test_nothing_is_done_in_an_area_that_is_not_there(uploads: Any, method: str, path: str, body: Any) -> None:
    headers = {"Content-Type": "application/json; dcp-type=x"}
    answer = uploads.send(method, f"/area/{UNKNOWN}{path}", json=body, headers=headers)
    assert answer.status_code == 404
    if method != "HEAD":
        assert answer.json() == {"status": 404, "title": "Upload Area Not Found"}


def test_paths_and_methods_that_are_none(uploads: Any, area: Any) -> None:
    answer = area.send("PATCH", "/file")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, POST, PUT")
    assert area.send("GET").headers["allow"] == "DELETE, HEAD, POST"
    assert area.send("GET", "/").status_code == 404
    assert uploads.send("GET", "/area/").status_code == 405


def test_health_and_version(uploads: Any, http: requests.Session) -> None:
    for path in ("/health", "/v1/health"):
        answer = http.get(f"{uploads.url}{path}", timeout=30)
        assert (answer.status_code, answer.text) == (200, "200")
    version = http.get(f"{uploads.url}/version", timeout=30).json()
    assert version["upload_service_version"] == version["version_info"]["version"]


def test_keys_for_an_area(area: Any) -> None:
    before = time.time()
    answer = area.send("POST", "/credentials", key=None)
    found = answer.json()
    assert answer.status_code == 201
    assert sorted(found) == ["AccessKeyId", "Expiration", "SecretAccessKey", "SessionToken"]
    assert found["AccessKeyId"].startswith("ASIA")
    expires = datetime.fromisoformat(found["Expiration"])
    assert expires.utcoffset() is not None
    assert before + 3599 <= expires.timestamp() <= time.time() + 3600
    s3 = area.service.client(found["AccessKeyId"], found["SecretAccessKey"], found["SessionToken"])
    s3.put_object(Bucket=BUCKET, Key=f"{area.uuid}/file", Body=b"1")
    assert area.names() == ["file"]
    log = area.service.directory.log.read_text()
    assert found["SecretAccessKey"] not in log
    assert area.service.api_key not in log


def test_the_lifetime_of_keys_is_a_setting(tmp_path: Path, launched: Launch, served: Any) -> None:
    service = served(launched(tmp_path / "data", empty=True, upload_key_lifetime=60))
    area, before = service.area(), time.time()
    expires = datetime.fromisoformat(area.send("POST", "/credentials").json()["Expiration"])
    assert before + 59 <= expires.timestamp() <= time.time() + 60


def test_a_deletion_takes_everything(area: Any, uploads: Any) -> None:
    other = uploads.area()
    other.put("file", b"1")
    for name in ("file", "folder/file"):
        area.put(name, b"1")
    area.reaches("file", "CHECKSUMMED")
    begun = uploads.s3.create_multipart_upload(Bucket=BUCKET, Key=f"{area.uuid}/part")
    assert begun["UploadId"]
    answer = area.send("DELETE")
    assert (answer.status_code, answer.json()) == (202, None)
    until(lambda: area.send("HEAD").status_code == 404)
    assert area.names() == []
    assert uploads.s3.list_multipart_uploads(Bucket=BUCKET, Prefix=area.uuid).get("Uploads", []) == []
    assert other.names() == ["file"]
    assert uploads.rows("SELECT COUNT(*) FROM upload_files WHERE area=?", area.uuid) == [(0,)]
    assert area.send("DELETE").status_code == 404

    again = area.send("POST")
    assert (again.status_code, again.json()) == (201, {"uri": f"s3://{BUCKET}/{area.uuid}/"})
    assert area.send("HEAD").status_code == 404
    assert area.send("POST", "/credentials").status_code == 404


def test_an_area_that_is_being_deleted_takes_nothing(area: Any, uploads: Any) -> None:
    uploads.change("UPDATE upload_areas SET status='DELETING' WHERE uuid=?", area.uuid)
    refused = area.send("POST", "/credentials")
    detail = f"Cannot issue credentials, upload area {area.uuid} is DELETING"
    assert (refused.status_code, refused.json()) == (
        409,
        {"status": 409, "title": "Upload Area is Not Writable", "detail": detail},
    )
    headers = {"Content-Type": "application/json; dcp-type=x"}
    assert area.send("PUT", "/file", data=b"1", headers=headers).status_code == 409
    assert area.send("HEAD").status_code == 200
    assert area.send("DELETE").status_code == 202, "who asks twice is told the same"


def test_a_killed_deletion_goes_on(data: Path, launched: Launch, served: Any) -> None:
    first = launched(data, empty=True)
    service = served(first)
    area = service.area()
    for number in range(3):
        area.put(f"file {number}", b"1")
    first.process.kill()
    first.process.wait()
    service.change("UPDATE upload_areas SET status='DELETING'")
    second = served(launched(data))
    until(lambda: second.rows("SELECT status FROM upload_areas") == [("DELETED",)])
    found = second.s3.list_objects_v2(Bucket=BUCKET)
    assert found["KeyCount"] == 0


def test_the_key_is_made_once_and_kept_from_others(tmp_path: Path) -> None:
    directory = DataDirectory(tmp_path / "data")
    data_directory.make(directory)
    key = data_directory.api_key(directory)
    assert len(key) > 30
    assert data_directory.api_key(directory) == key
    assert directory.upload_key.stat().st_mode & 0o777 == 0o600
    directory.upload_key.write_bytes(b"")
    replaced = data_directory.api_key(directory)
    assert len(replaced) > 30
    assert replaced != key


def test_the_configuration_has_the_key_for_its_owner_only(uploads: Any) -> None:
    assert uploads.directory.config.stat().st_mode & 0o777 == 0o600
    assert uploads.api_key == data_directory.api_key(uploads.directory)


def test_who_never_uploads_does_not_pay(tmp_path: Path, launched: Launch, user: Any) -> None:
    code = "import sys, hca_local.server.application; print({'boto3', 'botocore'} & set(sys.modules))"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert answer.stdout == "set()\n"
    s3 = user(launched(tmp_path / "data", empty=True)).s3
    assert BUCKET not in [one["Name"] for one in s3.list_buckets()["Buckets"]]


def test_areas_on_another_s3_server(
    tmp_path: Path, uploads: Any, launched: Launch, served: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here the other server is another deployment's: it tells nobody of new objects, and gives out no keys."""
    found = data_directory.access_key(uploads.directory)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", found.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", found.secret)
    service = served(launched(tmp_path / "data", empty=True, s3_endpoint=uploads.s3_url))
    assert service.s3_url == uploads.s3_url
    area = service.area()
    uploads.s3.put_object(Bucket=BUCKET, Key=f"{area.uuid}/file", Body=b"1")
    assert area.send("POST", "/file", key=None).status_code == 202
    area.reaches("file", "CHECKSUMMED")
    headers = {"Content-Type": "application/json; dcp-type=x"}
    stored = area.send("PUT", "/stored", data=b"1", headers=headers).json()
    assert stored["checksums"] == area.send("GET", "/file").json()["checksums"]
    refused = area.send("POST", "/credentials")
    assert (refused.status_code, refused.json()["title"]) == (503, "The S3 server can't be used")
