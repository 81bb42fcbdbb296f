"""`hca dss upload` through a real S3 server that enforces its credentials, with `hca local` reading from there."""

from __future__ import annotations

import json
import os
import subprocess
import uuid
from pathlib import Path

import pytest

ENDPOINT = os.environ.get("HCA_TEST_S3_ENDPOINT", "")
KEY, SECRET = os.environ.get("HCA_TEST_S3_KEY", ""), os.environ.get("HCA_TEST_S3_SECRET", "")
pytestmark = [
    pytest.mark.real_s3,
    pytest.mark.network,
    pytest.mark.skipif(not ENDPOINT, reason="HCA_TEST_S3_ENDPOINT names no S3 server"),
]


def aws(service: str, key: str = KEY, secret: str = SECRET, token: str | None = None):
    import boto3

    session = boto3.session.Session(key, secret, token, region_name="us-east-1")
    return session.client(service, endpoint_url=ENDPOINT)


@pytest.fixture
def bucket():
    """A bucket of the test's own."""
    name = f"hca-{uuid.uuid4()}"
    client = aws("s3")
    client.create_bucket(Bucket=name)
    yield name
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=name):
        for item in page.get("Contents", ()):
            client.delete_object(Bucket=name, Key=item["Key"])
    client.delete_bucket(Bucket=name)


@pytest.fixture
def folder(tmp_path) -> Path:
    """A folder with a metadata file, an empty file, one in a folder, and one of several parts."""
    root = tmp_path / "my data"
    (root / "sub").mkdir(parents=True)
    (root / "cell_0.json").write_text('{"a": 1}')
    (root / "empty").touch()
    (root / "sub" / "a b#ü.txt").write_text("text")
    with (root / "large.bin").open("wb") as stream:
        stream.truncate(64 * 1024**2 + 1)
    return root


@pytest.fixture
def upload(env, tmp_path, folder, bucket):
    """A function that uploads the folder with the keys given, by a deployment that has those of the administrator."""
    # The deployment reads with the administrator's keys; what uploads gets others.
    private = tmp_path / "home"

    def run(key: str = KEY, secret: str = SECRET, token: str = "") -> subprocess.CompletedProcess[str]:
        words = ["hca", "dss", "upload", "--src-dir", str(folder), "--replica", "aws", "--staging-bucket", bucket]
        own = {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret, "AWS_SESSION_TOKEN": token}
        exported = "; ".join(f"export {name}='{value}'" for name, value in own.items() if value)
        check = "hca dss download --replica aws --bundle-uuid $(jq -r .bundle_uuid out.json) --download-dir got >&2"
        script = f"{exported}; {' '.join(repr(word) for word in words)} > out.json && {check} && cat out.json"
        environment = {
            **{name: value for name, value in env.items() if not name.startswith(("AWS_", "HCA_"))},
            "HOME": str(private),
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_DEFAULT_REGION": "us-east-1",
        }
        command = ["hca", "local", "run", "--empty", "--s3-endpoint", ENDPOINT, "--", "bash", "-c", script]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=110, check=False)

    return run


def test_a_folder_goes_up_and_comes_down_again(upload, folder, bucket):
    result = upload()
    assert result.returncode == 0, result.stderr
    made = json.loads(result.stdout)
    assert [file["name"] for file in made["files"]] == ["cell_0.json", "empty", "large.bin", "sub/a b#ü.txt"]
    (got,) = [path for path in Path("got").iterdir() if path.name.startswith(made["bundle_uuid"])]
    for path in (path for path in folder.rglob("*") if path.is_file()):
        assert (got / path.relative_to(folder)).read_bytes() == path.read_bytes()
    keys = [item["Key"] for item in aws("s3").list_objects_v2(Bucket=bucket)["Contents"]]
    assert sorted(key.partition("/")[2] for key in keys) == ["a b#ü.txt", "cell_0.json", "empty", "large.bin"]
    assert "Uploads" not in aws("s3").list_multipart_uploads(Bucket=bucket)


@pytest.mark.parametrize("wrong", [{"secret": "wrong"}, {"key": "NOSUCHKEY000000001"}])
def test_keys_that_are_none_are_refused_before_anything_is_sent(upload, bucket, wrong):
    result = upload(**wrong)
    assert (result.returncode, result.stdout) == (3, "")
    assert result.stderr.count("\n") <= 2
    assert bucket in result.stderr
    assert "Contents" not in aws("s3").list_objects_v2(Bucket=bucket)


def test_a_session_that_may_read_only_is_refused(upload, bucket):
    policy = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": ["s3:ListBucket"], "Resource": [f"arn:aws:s3:::{bucket}"]}],
    }
    result = upload(**session(policy))
    assert (result.returncode, result.stdout) == (3, "")
    assert "AccessDenied" in result.stderr
    assert "Contents" not in aws("s3").list_objects_v2(Bucket=bucket)


def test_a_session_with_just_the_rights_it_takes(upload, bucket):
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": ["s3:ListBucket"], "Resource": [f"arn:aws:s3:::{bucket}"]},
            {
                "Effect": "Allow",
                "Action": ["s3:PutObject", "s3:PutObjectTagging", "s3:GetObject", "s3:AbortMultipartUpload"],
                "Resource": [f"arn:aws:s3:::{bucket}/*"],
            },
        ],
    }
    result = upload(**session(policy))
    assert result.returncode == 0, result.stderr


def session(policy: dict[str, object]) -> dict[str, str]:
    """Return the keys of a session that may do what `policy` says."""
    name = f"uploader-{uuid.uuid4()}"
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"AWS": ["arn:aws:iam:::user/hca"]}, "Action": ["sts:AssumeRole"]}
        ],
    }
    everything = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": ["s3:*"], "Resource": ["arn:aws:s3:::*"]}],
    }
    compact = {"separators": (",", ":")}  # the server takes no other
    roles = aws("iam")
    role = roles.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust, **compact))["Role"]
    roles.put_role_policy(RoleName=name, PolicyName="all", PolicyDocument=json.dumps(everything, **compact))
    found = aws("sts").assume_role(
        RoleArn=role["Arn"], RoleSessionName="upload", Policy=json.dumps(policy, **compact), DurationSeconds=900
    )["Credentials"]
    return {"key": found["AccessKeyId"], "secret": found["SecretAccessKey"], "token": found["SessionToken"]}
