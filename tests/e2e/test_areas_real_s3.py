"""`hca upload` through a real S3 server that enforces the credentials of areas: `hca local --s3-endpoint`."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
from neighbours import load
from waiting import until

from hca_core import checksums

ENDPOINT = os.environ.get("HCA_TEST_S3_ENDPOINT", "")
KEY, SECRET = os.environ.get("HCA_TEST_S3_KEY", ""), os.environ.get("HCA_TEST_S3_SECRET", "")
BUCKET = "org-humancellatlas-upload-local"
PART = checksums.PART_SIZE
pytestmark = [
    pytest.mark.real_s3,
    pytest.mark.network,
    pytest.mark.skipif(not ENDPOINT, reason="HCA_TEST_S3_ENDPOINT names no S3 server"),
]


def client(key: str = KEY, secret: str = SECRET, token: str | None = None):
    import boto3

    return boto3.session.Session(key, secret, token, region_name="us-east-1").client("s3", endpoint_url=ENDPOINT)


@pytest.fixture(scope="module")
def administrator():
    """A boto3 client with all rights."""
    made = client()
    yield made
    made.close()


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    """The variables of a user of a deployment that has its areas on the server; no keys are among them."""
    folder = tmp_path_factory.mktemp("real")
    data = str(folder / "data")
    keys = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_DEFAULT_REGION": "us-east-1"}
    private = {"HOME": str(folder), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}

    def local(*words: str) -> str:
        command = ["hca", "local", *words, "--data", data]
        done = subprocess.run(command, env=private | keys, capture_output=True, text=True, timeout=100, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    local("up", "--empty", "--s3-endpoint", ENDPOINT)
    try:
        yield dict(shlex.split(line)[1].partition("=")[::2] for line in local("env").splitlines())
    finally:
        local("down")


@pytest.fixture
def env(settings, tmp_path):
    """The environment of such a user, with a home of the test's own."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return {"HOME": str(tmp_path / "home"), "PATH": path, "LC_ALL": "C.UTF-8", **settings}


@pytest.fixture
def area(hca, administrator):
    """An area of the test's own, which is selected; its UUID."""
    name = str(uuid.uuid4())
    made = hca("upload", "create", name, "--env", "local")
    assert (made.returncode, made.stdout) == (0, f"s3://{BUCKET}/{name}/\n"), made.stderr
    assert hca("upload", "select", made.stdout.strip()).returncode == 0
    yield name
    for key in keys(administrator, name):
        administrator.delete_object(Bucket=BUCKET, Key=key)
    for one in administrator.list_multipart_uploads(Bucket=BUCKET, Prefix=f"{name}/").get("Uploads", []):
        administrator.abort_multipart_upload(Bucket=BUCKET, Key=one["Key"], UploadId=one["UploadId"])


def keys(administrator, area: str) -> list[str]:
    listed = administrator.list_objects_v2(Bucket=BUCKET, Prefix=f"{area}/")
    return [one["Key"] for one in listed.get("Contents", [])]


def sha256(administrator, key: str) -> str:
    digest = hashlib.sha256()
    for block in administrator.get_object(Bucket=BUCKET, Key=key)["Body"].iter_chunks(1024**2):
        digest.update(block)
    return digest.hexdigest()


def credentials(hca, area: str) -> dict[str, str]:
    """Return the credentials of an area, as `creds` writes them."""
    written = hca("upload", "creds", area)
    assert written.returncode == 0, written.stderr
    return dict(word.split("=", 1) for word in shlex.split(written.stdout) if word != "export")


@pytest.fixture
def tree(tmp_path) -> Path:
    """A folder with a small file, an empty one, one with a strange name, one of several parts."""
    root = tmp_path / "tree"
    (root / "sub").mkdir(parents=True)
    (root / "cell.json").write_text('{"a": 1}')
    (root / "empty").touch()
    (root / "sub" / "a b#ü%2F?+&.txt").write_text("text")
    with (root / "large.bin").open("wb") as stream:
        for number in range(3):
            stream.seek(number * PART)
            stream.write(b"part %d" % number)
        stream.truncate(2 * PART + 10)
    return root


def files(root: Path) -> dict[str, Path]:
    return {str(path.relative_to(root)): path for path in sorted(root.rglob("*")) if path.is_file()}


def test_a_tree_goes_up(hca, area, tree, administrator):
    wanted = files(tree)
    result = hca("upload", "files", str(tree))
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("Upload complete of ") == 4
    assert sorted(keys(administrator, area)) == sorted(f"{area}/{name}" for name in wanted)
    for name, path in wanted.items():
        assert sha256(administrator, f"{area}/{name}") == checksums.of_file(path).sha256, name
    assert "Uploads" not in administrator.list_multipart_uploads(Bucket=BUCKET, Prefix=f"{area}/")
    head = administrator.head_object(Bucket=BUCKET, Key=f"{area}/cell.json")
    assert head["ContentType"] == "application/json; dcp-type=data"
    assert head["Metadata"]["crc32c"] == checksums.of_file(tree / "cell.json").crc32c

    listed = hca("upload", "list")
    assert listed.returncode == 0, listed.stderr
    assert sorted(listed.stdout.splitlines()) == sorted(wanted)
    # This server tells nobody of new objects: the service knows of them by what `hca upload files` told it.
    for name, path in wanted.items():
        until(lambda name=name: "VALIDATION_UNSCHEDULED" in hca("upload", "status", name).stdout)
        tagged = administrator.get_object_tagging(Bucket=BUCKET, Key=f"{area}/{name}")["TagSet"]
        sums = checksums.of_file(path)
        assert {tag["Key"]: tag["Value"] for tag in tagged} == {
            f"hca-dss-{kind}": getattr(sums, kind) for kind in ("sha1", "sha256", "crc32c", "s3_etag")
        }, name
    checked = hca("upload", "check", str(tree))
    assert checked.returncode == 0, checked.stdout + checked.stderr

    again = hca("upload", "files", str(tree), "--sync")
    assert again.returncode == 0, again.stderr
    assert "4 (" in again.stderr, "files are there already"
    assert "there already" in again.stderr
    modified = administrator.head_object(Bucket=BUCKET, Key=f"{area}/large.bin")["LastModified"]
    (tree / "cell.json").write_text('{"a": 2}')
    assert hca("upload", "check", str(tree)).returncode == 6
    assert hca("upload", "files", str(tree), "--sync").returncode == 0
    assert sha256(administrator, f"{area}/cell.json") == checksums.of_file(tree / "cell.json").sha256
    assert administrator.head_object(Bucket=BUCKET, Key=f"{area}/large.bin")["LastModified"] == modified


def test_the_server_refuses_what_is_not_in_the_area(hca, area, administrator):
    other = str(uuid.uuid4())
    assert hca("upload", "create", other, "--env", "local").returncode == 0
    given = credentials(hca, area)
    from botocore.exceptions import ClientError

    s3 = client(given["AWS_ACCESS_KEY_ID"], given["AWS_SECRET_ACCESS_KEY"], given["AWS_SESSION_TOKEN"])
    s3.put_object(Bucket=BUCKET, Key=f"{area}/own", Body=b"x")
    assert [one["Key"] for one in s3.list_objects_v2(Bucket=BUCKET, Prefix=f"{area}/")["Contents"]] == [f"{area}/own"]
    attempts = [
        ("put_object", {"Key": f"{other}/x", "Body": b"x"}),
        ("create_multipart_upload", {"Key": f"{other}/x"}),
        ("list_objects_v2", {"Prefix": f"{other}/"}),
        ("list_objects_v2", {}),
        ("get_object", {"Key": f"{area}/own"}),
        ("delete_object", {"Key": f"{area}/own"}),
    ]
    for operation, arguments in attempts:
        with pytest.raises(ClientError) as caught:
            getattr(s3, operation)(Bucket=BUCKET, **arguments)
        assert caught.value.response["Error"]["Code"] == "AccessDenied", operation
    s3.close()
    assert keys(administrator, other) == []


def test_an_upload_that_was_killed_is_gone_on_with(hca, env, area, tree, administrator, tmp_path):
    faults = load(Path(__file__).parents[1] / "upload" / "faults.py", "real_upload_faults")
    large = tree / "large.bin"
    with faults.Proxy(ENDPOINT) as proxy:
        upload = json.loads(Path(env["HCA_CONFIG_FILE"]).read_bytes())["upload"] | {"s3_endpoint_url": proxy.url}
        changed = tmp_path / "changed.json"
        changed.write_text(json.dumps({"upload": upload}))
        changed_env = env | {"HCA_CONFIG_FILE": str(changed)}
        hold = faults.Hold()
        proxy.rule(hold, query={"partNumber": "3"})
        command = ["hca", "upload", "files", str(large)]
        with subprocess.Popen(command, env=changed_env, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            try:
                assert hold.came.wait(60)
                until(lambda: _parts_noted(env) == 2)
            finally:
                process.kill()
        proxy.heal()
        finished = hca("upload", "files", str(large), env=changed_env)
        assert finished.returncode == 0, finished.stderr
        assert proxy.parts() == [3], "what was there is not sent again"
    assert keys(administrator, area) == [f"{area}/large.bin"]
    assert sha256(administrator, f"{area}/large.bin") == checksums.of_file(large).sha256


def _parts_noted(env) -> int:
    """Return how many parts `hca` has in its journals: those that S3 has and it has heard of."""
    journals = (Path(env["HOME"]) / ".local/state/hca/upload-areas").glob("*.jsonl")
    return sum(path.read_text().count('"part": [') for path in journals)


def test_a_deleted_area_is_emptied(hca, area, administrator, tmp_path):
    (tmp_path / "file").write_text("x")
    assert hca("upload", "files", str(tmp_path / "file")).returncode == 0
    given = credentials(hca, area)
    assert hca("upload", "delete", area).returncode == 0
    until(lambda: not keys(administrator, area))
    until(lambda: hca("upload", "exists", area).returncode == 4)
    refused = hca("upload", "files", str(tmp_path / "file"))
    assert refused.returncode == 4, refused.stderr
    assert "Traceback" not in refused.stderr
    assert given["AWS_SESSION_TOKEN"] not in refused.stderr
