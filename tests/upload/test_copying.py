"""Objects of other buckets that are uploaded into an area: inside S3, or through this machine."""

from __future__ import annotations

import hashlib
import json
import os
import uuid
from typing import TYPE_CHECKING, Any

import boto3  # noqa: TID253 - a test may take its time
import pytest

from hca.upload import UploadArea, UploadService
from hca_core import checksums
from hca_core.checksums import MEBIBYTE
from hca_core.config import HCAConfig
from hca_core.errors import ExitStatus, LoginError, NotFoundError, UsageError
from hca_local import data_directory, launch
from hca_local.upload.buckets.values import SOURCES
from hca_upload import sending
from hca_upload.upload import UploadFailedError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from hca_local.launch import Launched

BUCKET = "org-humancellatlas-upload-local"
PUBLIC = "hca-test-data"
PART = 5 * MEBIBYTE


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launched]:
    """A deployment that all tests of this module write to, each into an area of its own."""
    with launch.private(tmp_path_factory.mktemp("copying") / "data", empty=True) as launched:
        yield launched


@pytest.fixture(scope="module")
def s3(deployment: Launched) -> Iterator[Any]:
    """A boto3 client with the keys of the deployment's administrator."""
    key = data_directory.access_key(deployment.directory)
    session = boto3.session.Session(key.access_key_id, key.secret, region_name="us-east-1")
    client = session.client("s3", endpoint_url=json.loads(deployment.directory.state.read_bytes())["s3_url"])
    for name in (PUBLIC, "private"):
        client.create_bucket(Bucket=name)
    yield client
    client.close()


@pytest.fixture
def own_keys(deployment: Launched, monkeypatch: pytest.MonkeyPatch) -> None:
    """The user has keys that may read everything."""
    key = data_directory.access_key(deployment.directory)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", key.secret)


@pytest.fixture
def area(deployment: Launched, s3: Any, isolated_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[UploadArea]:
    """A new area; the user has no keys."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("HCA_CONFIG_FILE", str(deployment.directory.config))
    service = UploadService("local", config=HCAConfig())
    yield service.create_area(str(uuid.uuid4()))
    service.close()


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Objects of more than 5 MiB go in parts, and memory is for 10 MiB."""
    monkeypatch.setattr(checksums, "PART_SIZE", PART)
    monkeypatch.setattr(sending, "MEMORY", 2 * PART)


def content(size: int) -> bytes:
    return os.urandom(16) + bytes(size - 16)


def described(s3: Any, area: UploadArea, name: str) -> dict[str, Any]:
    key = f"{area.uuid}/{name}"
    found = s3.get_object(Bucket=BUCKET, Key=key)
    with found["Body"] as body:
        return {
            "sha256": hashlib.sha256(body.read()).hexdigest(),
            "etag": found["ETag"].strip('"'),
            "type": found["ContentType"],
            "crc32c": found["Metadata"].get("crc32c"),
            "tags": [tag["Key"] for tag in s3.get_object_tagging(Bucket=BUCKET, Key=key)["TagSet"]],
        }


def gets(deployment: Launched, bucket: str, key: str) -> int:
    """Return how many times the content of an object was fetched."""
    lines = deployment.directory.log.read_text().splitlines()
    return sum(f" GET /{bucket}/{key} " in line or f" GET /{bucket}/{key}?" in line for line in lines)


def test_the_public_bucket_is_one_that_areas_may_read() -> None:
    assert PUBLIC in SOURCES


def test_what_the_area_may_read_is_copied_inside_s3(deployment: Launched, area: UploadArea, s3: Any) -> None:
    data = b"@read\nACGT\n"
    metadata = {"hca-dss-crc32c": checksums.of_bytes(data).crc32c, "other": "x"}
    s3.put_object(Bucket=PUBLIC, Key="in/a b/r#1.fastq", Body=data, Metadata=metadata, Tagging="hca-dss-sha1=no")
    s3.put_object(Bucket=PUBLIC, Key="in/t.fq.gz", Body=b"gz")
    report = area.upload_files([f"s3://{PUBLIC}/in"], sync=False)
    assert report.document()["uploaded"] == 2
    copy = described(s3, area, "a b/r#1.fastq")
    assert copy["sha256"] == hashlib.sha256(data).hexdigest()
    assert copy["crc32c"] == metadata["hca-dss-crc32c"]
    assert "dcp-type=data" in copy["type"]
    assert described(s3, area, "t.fq.gz")["type"] == "application/gzip; dcp-type=data"
    assert gets(deployment, PUBLIC, "in/t.fq.gz") == 0


def test_one_object_gets_its_own_name_or_another_one(area: UploadArea, s3: Any) -> None:
    s3.put_object(Bucket=PUBLIC, Key="one/object", Body=b"1")
    s3.put_object(Bucket=PUBLIC, Key="one/object.but/not/this", Body=b"2")
    area.upload_files([f"s3://{PUBLIC}/one/object"], sync=False)
    area.upload_files([f"s3://{PUBLIC}/one/object"], target_filename="other", sync=False)
    assert [file["name"] for file in area.list()] == ["object", "other"]


def test_large_objects_are_copied_in_parts_of_the_rule(
    deployment: Launched, area: UploadArea, s3: Any, small_parts: None
) -> None:
    data = content(2 * PART + 1)
    s3.put_object(Bucket=PUBLIC, Key="large", Body=data)
    area.upload_files([f"s3://{PUBLIC}/large"], sync=False)
    copy = described(s3, area, "large")
    assert copy["sha256"] == hashlib.sha256(data).hexdigest()
    assert copy["etag"] == checksums.of_bytes(data).s3_etag
    assert copy["etag"].endswith("-3")
    assert gets(deployment, PUBLIC, "large") == 0


@pytest.mark.parametrize("size", [11, MEBIBYTE + 1, PART + 1, 2 * PART + 1], ids=["small", "put", "parts", "piecemeal"])
def test_what_only_the_user_may_read_goes_through_this_machine(
    area: UploadArea, s3: Any, own_keys: None, small_parts: None, size: int
) -> None:
    data = content(max(size, 16))[:size]
    s3.put_object(Bucket="private", Key=f"mine/{size}.bin", Body=data)
    area.upload_files([f"s3://private/mine/{size}.bin"], sync=False)
    copy = described(s3, area, f"{size}.bin")
    sums = checksums.of_bytes(data)
    assert (copy["sha256"], copy["etag"]) == (sums.sha256, sums.s3_etag)
    # What is larger than the memory has no crc32c before its first part is sent.
    assert copy["crc32c"] == (sums.crc32c if size <= 2 * PART else None)


def test_what_nobody_may_read_is_refused(area: UploadArea, s3: Any, own_keys: None) -> None:
    with pytest.raises(NotFoundError, match="there is no bucket 'not-there'"):
        area.upload_files(["s3://not-there/x"], sync=False)
    with pytest.raises(UsageError, match="there is nothing to take: no object at s3://private/nothing"):
        area.upload_files(["s3://private/nothing"], sync=False)
    assert list(area.list()) == []


def test_without_keys_of_the_user_those_of_the_area_are_used(area: UploadArea, s3: Any) -> None:
    s3.put_object(Bucket="private", Key="secret", Body=b"1")
    with pytest.raises(LoginError, match="refuses these keys"):
        area.upload_files(["s3://private/secret"], sync=False)


def test_objects_and_files_together(area: UploadArea, s3: Any, tmp_path: Path) -> None:
    s3.put_object(Bucket=PUBLIC, Key="both/object", Body=b"1")
    (tmp_path / "file").write_text("2")
    area.upload_files([tmp_path / "file", f"s3://{PUBLIC}/both/"], sync=False)
    assert [file["name"] for file in area.list()] == ["file", "object"]
    (tmp_path / "object").write_text("3")
    with pytest.raises(UsageError, match="object would be the name of"):
        area.upload_files([tmp_path / "object", f"s3://{PUBLIC}/both/"], sync=False)


def test_in_step(area: UploadArea, s3: Any, own_keys: None) -> None:
    """What has not changed is not copied again: by its ETag, and by the one that it had when it was copied."""

    def counts() -> tuple[int, int]:
        document = area.upload_files([f"s3://{PUBLIC}/step/"], sync=True).document()
        return document["uploaded"], document["present"]

    s3.put_object(Bucket=PUBLIC, Key="step/a", Body=b"1")
    upload_id = s3.create_multipart_upload(Bucket=PUBLIC, Key="step/b")["UploadId"]
    part = s3.upload_part(Bucket=PUBLIC, Key="step/b", UploadId=upload_id, PartNumber=1, Body=b"22")
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    s3.complete_multipart_upload(Bucket=PUBLIC, Key="step/b", UploadId=upload_id, MultipartUpload=parts)
    assert counts() == (2, 0)
    assert counts() == (0, 2)
    s3.put_object(Bucket=PUBLIC, Key="step/b", Body=b"33")
    assert counts() == (1, 1)
    assert described(s3, area, "b")["sha256"] == hashlib.sha256(b"33").hexdigest()


def test_an_object_that_goes_meanwhile(area: UploadArea, s3: Any, own_keys: None) -> None:
    for number in range(4):
        s3.put_object(Bucket=PUBLIC, Key=f"gone/{number}", Body=b"1")

    def told(outcome: Any) -> None:
        s3.delete_object(Bucket=PUBLIC, Key="gone/3")

    # One at a time: the last one is not looked at before the first is done.
    with pytest.raises(UploadFailedError) as caught:
        area.upload_files([f"s3://{PUBLIC}/gone/"], sync=False, jobs=1, told=told)
    assert caught.value.exit_status == ExitStatus.PARTLY
    assert [one.name for one in caught.value.report.failures] == ["3"]
