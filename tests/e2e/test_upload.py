"""`hca dss upload` against a real deployment: what it makes, what it refuses, ends in the middle (DC-127 to DC-132)."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import termios
import time
from pathlib import Path

import pytest
from waiting import until

from hca_core import checksums

BUCKET = "upload-test-unittest"
UUID = "1b5d34b3-d6d3-4c2f-9e8a-1d1f0d3f6b11"
MANY = 200


@pytest.fixture
def deployment(writable):
    return writable


@pytest.fixture
def data():
    """A directory to upload: the content of its files by their paths below it."""
    contents = {
        "a.json": b"{}",
        "sub/lane 1#2%3.fastq.gz": b"\x1f\x8b",
        "sub/deep/\u00fc.txt": "\u00fc".encode(),
        "empty": b"",
    }
    for name, content in contents.items():
        Path("data", name).parent.mkdir(parents=True, exist_ok=True)
        Path("data", name).write_bytes(content)
    return contents


def uploads(*words: str) -> tuple[str, ...]:
    return ("dss", "upload", "--src-dir", "data", "--staging-bucket", BUCKET, *words)


def on_disk(folder: str) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in Path(folder).rglob("*")
        if path.is_file() and ".hca" not in path.parts and path.name != "bundle.json"
    }


# What it makes


@pytest.mark.usefixtures("bucket")
@pytest.mark.parametrize("replica", ["aws", "gcp"])
def test_a_bundle_with_every_file(hca, answer, data, replica):
    result = hca(*uploads("--replica", replica))
    assert (result.returncode, result.stderr) == (0, "")
    told = json.loads(result.stdout)
    where = ("--replica", replica, "--uuid", told["bundle_uuid"])
    files = answer("get-bundle", *where)["bundle"]["files"]
    assert {file["name"]: file["sha256"] for file in files} == {
        name: checksums.of_bytes(content).sha256 for name, content in data.items()
    }
    assert {file["name"]: file["indexed"] for file in files} == {name: name.endswith(".json") for name in data}
    answer("download", "--replica", replica, "--bundle-uuid", told["bundle_uuid"], "--download-dir", "back")
    assert on_disk(f"back/{told['bundle_uuid']}.{told['version']}") == data


@pytest.mark.usefixtures("bucket", "data")
def test_versions_of_a_bundle_that_is_named(hca, answer):
    words = uploads("--replica", "aws", "--bundle-uuid", UUID)
    first, second = (json.loads(hca(*words).stdout) for _ in range(2))
    assert first["bundle_uuid"] == second["bundle_uuid"] == UUID
    listed = answer("get-bundles-all", "--replica", "aws", "--prefix", UUID)["bundles"]
    assert [one["version"] for one in listed] == [first["version"], second["version"]]


@pytest.mark.usefixtures("bucket")
def test_a_file_of_two_parts(hca, answer):
    """One byte more than 64 MiB: sent in parts, copied behind the answer, waited for."""
    Path("data").mkdir()
    with open("data/large", "wb") as stream:
        stream.truncate(64 * 1024 * 1024 + 1)
    result = hca(*uploads("--replica", "aws"))
    assert (result.returncode, result.stderr) == (0, "")
    (file,) = json.loads(result.stdout)["files"]
    headers = answer("head-file", "--replica", "aws", "--uuid", file["uuid"])
    assert headers["X-DSS-SIZE"] == "67108865"
    assert headers["X-DSS-S3-ETAG"].endswith("-2")


@pytest.mark.usefixtures("bucket", "data")
def test_the_bar_is_for_terminals(env):
    def drawn(*before: str, after: tuple[str, ...] = ()) -> bytes:
        ours, theirs = pty.openpty()
        termios.tcsetwinsize(theirs, (24, 80))
        command = ["hca", *before, *uploads("--replica", "aws", *after)]
        process = subprocess.Popen(command, env=env | {"TERM": "xterm"}, stdout=subprocess.DEVNULL, stderr=theirs)
        os.close(theirs)
        written = b""
        while True:
            try:
                part = os.read(ours, 4096)
            except OSError:  # on Linux a terminal that nobody writes to any more is an error
                part = b""
            if not part:
                break
            written += part
        os.close(ours)
        assert process.wait(60) == 0
        return written

    assert b"%" in drawn()
    assert drawn(after=("--no-progress",)) == b""
    assert drawn("--log-level", "ERROR") == b""


# What it refuses


def refused(hca, *words: str, **settings) -> tuple[int, str]:
    """Run an upload that is refused; return its exit status and its sentence."""
    result = hca(*uploads("--replica", "aws", *words), **settings)
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    return result.returncode, result.stderr


@pytest.mark.usefixtures("data")
def test_a_bucket_that_is_not_there(hca, deployment):
    status, said = refused(hca, "--staging-bucket", "not-there")
    assert (status, said.splitlines()[0]) == (4, "hca: there is no staging bucket 'not-there'")
    assert deployment.requests("PUT", "/not-there") == []


@pytest.mark.usefixtures("data", "bucket")
def test_keys_that_are_refused(hca, env):
    wrong = env | {"AWS_SECRET_ACCESS_KEY": "wrong"}
    status, said = refused(hca, env=wrong)
    assert status == 3
    assert BUCKET in said
    without = {name: value for name, value in env.items() if not name.startswith("AWS_") or "URL" in name}
    status, said = refused(hca, env=without | {"AWS_EC2_METADATA_DISABLED": "true"})
    assert status == 3
    assert "keys" in said


@pytest.mark.usefixtures("data", "bucket")
def test_tokens_that_are_refused(hca, env, token):
    status, said = refused(hca, env=env | {"HCA_TOKEN": token(lifetime=-60)})
    assert status == 3
    assert "Unauthorized" in said
    status, said = refused(hca, env=env | {"HCA_TOKEN": token(group="public")})
    assert status == 3
    assert "Forbidden" in said


@pytest.mark.usefixtures("bucket")
def test_directories_that_can_not_be_uploaded(hca, env, nobody):
    Path("data").mkdir()
    nobody = env | nobody
    assert refused(hca, env=nobody)[0] == 2  # nothing in it
    Path("data", "secret").symlink_to("/etc/hostname")
    Path("data", "broken").symlink_to("nowhere")
    status, said = refused(hca, env=nobody)
    assert status == 2
    assert "secret" in said
    assert "broken" in said
    assert refused(hca, "--src-dir", "nowhere", env=nobody)[0] == 2
    Path("file").write_text("x")
    assert refused(hca, "--src-dir", "file", env=nobody)[0] == 2


@pytest.mark.usefixtures("data")
def test_a_replica_that_is_none(hca):
    result = hca("dss", "upload", "--src-dir", "data", "--replica", "xyz", "--staging-bucket", BUCKET)
    assert result.returncode == 2
    assert "--replica" in result.stderr


def test_a_copy_that_takes_too_long(start, run, env):
    Path("data").mkdir()
    Path("data", "a.txt").write_text("a")
    slow = start("--empty", "--copy-threshold", "0", "--copy-seconds", "60")
    settings = env | slow.environment
    made = "import boto3; boto3.client('s3').create_bucket(Bucket='upload-test-unittest')"
    assert run("python", "-c", made, env=settings).returncode == 0
    begun = time.monotonic()
    result = run("hca", *uploads("--replica", "aws", "--timeout-seconds", "2"), env=settings)
    assert 2 <= time.monotonic() - begun < 30
    assert (result.returncode, result.stdout) == (5, "")
    assert "within 2 s" in result.stderr


# The end in the middle


@pytest.fixture
def many():
    """A directory with many small files."""
    contents = {f"plate_{number % 4}/well_{number}.txt": f"well {number}\n".encode() for number in range(MANY)}
    contents["donor_organism_0.json"] = b'{"sex": "female"}'
    for name, content in contents.items():
        Path("data", name).parent.mkdir(parents=True, exist_ok=True)
        Path("data", name).write_bytes(content)
    return contents


@pytest.mark.parametrize("victim", ["deployment", "upload"])
def test_after_a_kill_the_same_command_makes_the_same_bundle(run, env, deployed, tmp_path, many, victim):
    home, place = tmp_path / "home", tmp_path / "D"
    with deployed(home, place, "--empty") as here:
        env = env | here.environment
        run("python", "-c", f"import boto3; boto3.client('s3').create_bucket(Bucket='{BUCKET}')", env=env)
        Path("once.json").write_text('{"http": {"tries": 1}}')
        once = {**env, "HCA_CONFIG_FILE": f"{env['HCA_CONFIG_FILE']}:once.json"}
        words = ("hca", *uploads("--replica", "aws", "--jobs", "2"))
        process = subprocess.Popen(words, env=once, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        until(lambda: len(here.requests("PUT", "/v1/files/")) >= MANY // 10)
        server = json.loads((place / "state.json").read_bytes())["pid"]
        os.kill(server if victim == "deployment" else process.pid, signal.SIGKILL)
        out, err = process.communicate(timeout=60)
        assert (process.returncode, out) == (7 if victim == "deployment" else -signal.SIGKILL, ""), err
        (journal,) = home.rglob("uploads/*.jsonl")
        begun = json.loads(journal.read_text().splitlines()[0])
        assert run("hca", "local", "up", "--data", str(place), env=env).returncode == 0
        before = len(here.requests("PUT", "/v1/files/"))
        assert before < MANY
        result = run(*words, env=env)
        assert result.returncode == 0, result.stderr
        told = json.loads(result.stdout)
        assert (told["bundle_uuid"], told["version"]) == (begun["bundle_uuid"], begun["version"])
        # Those that were answered, and at most two that were on their way, are not sent again.
        assert before + len(here.requests("PUT", "/v1/files/")[before:]) <= len(many) + 2
        listed = json.loads(run("hca", "dss", "get-bundles-all", "--replica", "aws", env=env).stdout)["bundles"]
        assert listed == [{"uuid": told["bundle_uuid"], "version": told["version"]}]
        counted = run("hca", "local", "status", "--data", str(place), "--output", "json", env=env)
        assert json.loads(counted.stdout)[0]["files"] == len(many)
        staged = "import boto3; print(len(list(boto3.resource('s3').Bucket('upload-test-unittest').objects.all())))"
        assert int(run("python", "-c", staged, env=env).stdout) == len(many)
        back = ("hca", "dss", "download", "--replica", "gcp", "--bundle-uuid", told["bundle_uuid"])
        assert run(*back, "--download-dir", "back", env=env).returncode == 0
        assert on_disk(f"back/{told['bundle_uuid']}.{told['version']}") == many
        assert not list(home.rglob("uploads/*.jsonl"))
