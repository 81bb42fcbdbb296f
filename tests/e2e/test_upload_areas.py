"""`hca upload` against an embedded deployment: the promises UC-001 to UC-023, and the Python API."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from uuid import uuid4

import pytest
from waiting import until

from hca_core import checksums

BUCKET = "org-humancellatlas-upload-local"


@pytest.fixture(scope="module")
def deployment(own):
    """Areas are held and deleted here."""
    return own


@pytest.fixture
def told(ask):
    """A function that runs `hca upload` + words, which must succeed, and returns its standard output."""

    def run(*words):
        outcome = ask("upload", *words)
        assert outcome.exit_status == 0, outcome.stderr
        return outcome.stdout

    return run


@pytest.fixture
def refused(ask):
    """A function that runs `hca upload` + words, which must fail so, and returns what it says."""

    def run(status, *words):
        outcome = ask("upload", *words)
        assert (outcome.exit_status, outcome.stdout) == (status, ""), outcome
        return outcome.stderr

    return run


@pytest.fixture
def area(told):
    """The UUID of a new area, which is selected."""
    uuid = str(uuid4())
    assert told("create", uuid, "--env", "local") == f"s3://{BUCKET}/{uuid}/\n"
    told("select", f"s3://{BUCKET}/{uuid}/")
    return uuid


@pytest.fixture
def tree():
    """A directory with files of several kinds."""
    files = {"a.fq": b"@1\nACGT\n", "deep/er/b c%#.fq": b"x" * 100_000, "n\u00e9.txt": b"text", "empty": b""}
    for name, content in files.items():
        path = Path("tree", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return files


@pytest.fixture
def switch(ask, deployment):
    """A function that holds or releases the work on files, which is released in the end."""

    def run(*words):
        outcome = ask("local", "area", *words, "--data", str(deployment.data))
        assert outcome.exit_status == 0, outcome.stderr

    yield run
    run("release", "all")


def listed(told):
    return told("list").splitlines()


def lines(names, uuid):
    return sorted(f"Upload complete of {name} to upload area s3://{BUCKET}/{uuid}/" for name in names)


def test_the_installed_command_from_selection_to_report(hca, area, tree):
    """UC-001 to UC-005, UC-012 to UC-014, UC-018, UC-020, UC-022, typed in a shell."""
    for words in (("--help",), ("help",)):
        text = hca("upload", *words)
        assert text.returncode == 0
        assert all(f"\n  {verb} " in text.stdout for verb in ("select", "files", "list", "areas", "forget", "creds"))
    uri = f"s3://{BUCKET}/{area}/"
    assert hca("upload", "select", uri).stdout == (
        f'Upload area {area} selected.\nIn future you may refer to this upload area using the alias "{area[0]}"\n'
    )
    assert hca("upload", "areas").stdout == f"{area} <- selected\n"
    done = hca("upload", "files", "tree")
    assert (done.returncode, sorted(done.stdout.splitlines())) == (0, lines(tree, area)), done.stderr
    assert hca("upload", "list").stdout.splitlines() == sorted(tree, key=str.encode)
    status = f"File: a.fq in UploadArea: local/{area} is currently VALIDATION_UNSCHEDULED\n"
    until(lambda: hca("upload", "status", "a.fq").stdout == status)
    text = hca("upload", "list", "--long").stdout
    sums = checksums.of_bytes(tree["a.fq"])
    for line in (f"size         {sums.size} bytes", f"URL          {uri}a.fq", f"SHA256       {sums.sha256}"):
        assert f"\n\t{line}\n" in text
    assert f"\tS3_Etag      {sums.s3_etag}\n\tCRC32C       {sums.crc32c}\n\tSHA1         {sums.sha1}\n" in text
    assert hca("upload", "report").stdout == f"File status report for local/{area} generated, located {area}.txt\n"
    assert (
        Path(f"{area}.txt")
        .read_text()
        .startswith(f"FILE STATUS REPORT\nUploadArea: {area}\nTotal Number of Files: 4\nCHECKSUMS\n\t")
    )


def test_an_alias_and_what_it_can_not_be(told, refused, area):
    """UC-003, UC-015, UC-017."""
    other = ("0" if area[0] != "0" else "1") + area[1:]
    twin = area[:-1] + ("0" if area[-1] != "0" else "1")
    told("select", f"s3://{BUCKET}/{other}/")
    assert told("select", area[:4]).startswith(f"Upload area {area} selected.\n")
    told("select", f"s3://{BUCKET}/{twin}")
    assert "of 2 of your upload areas" in refused(2, "select", area[:8])
    assert "Missing argument" in refused(2, "select")
    assert "begins with '[a-z]'" in refused(4, "select", "[a-z]")
    told("forget", twin)
    assert told("areas").splitlines() == sorted([area, other])
    assert "no upload area is selected" in refused(2, "list")
    assert told("forget", other[:1]) == f"Forgetting about area {other}.\n"


def test_files_and_directories(told, refused, area, tree):
    """UC-005 to UC-009."""
    Path("single").write_bytes(b"1")
    assert "Missing argument" in refused(2, "files")
    for words in (["single", "tree"], ["tree"]):
        refused(2, "files", *words, "--target-filename", "x")
    refused(2, "files", "single", "--file-extension", "fq")
    assert "nowhere" in refused(2, "files", "single", "nowhere")
    assert listed(told) == []
    told("files", "single", "-t", "renamed", "--no-transfer-acceleration")
    assert listed(told) == ["renamed"]
    told("files", "tree", "--file-extension", "fq", "--no-progress", "--jobs", "2", "--dcp-type", "sequence")
    assert listed(told) == ["a.fq", "deep/er/b c%#.fq", "renamed"]
    told("files", "single", "tree", "--flatten")
    assert "b c%#.fq" in listed(told)
    (one,) = json.loads(told("list", "--long", "--query", "[?name=='a.fq'].content_type"))
    assert one.endswith("; dcp-type=data")


def test_quietly_and_in_step(ask, told, area, tree, deployment):
    """UC-010, UC-011: what is there is neither sent again nor told to the service again."""
    base = f"/v1/area/{area}/"

    def notices():
        return [one for one in deployment.requests("POST", base) if not one.endswith("/credentials")]

    outcome = ask("upload", "files", "tree", "-q")
    assert (outcome.exit_status, outcome.stdout, outcome.stderr) == (0, "", "")
    assert len(notices()) == 4
    for flag in ("-s", "--sync"):
        document = json.loads(told("files", "tree", flag, "--output", "json"))
        assert (document["uploaded"], document["present"]) == (0, 4)
    assert len(notices()) == 4
    assert json.loads(told("files", "tree", "--output", "json"))["uploaded"] == 4
    assert len(notices()) == 8


def test_a_dry_run_sends_nothing(told, area, tree):
    assert told("files", "tree", "--dry-run") == "4 files (97.7 KiB) would be uploaded\n"
    assert listed(told) == []


def test_creds_let_other_programs_write_to_the_area_and_nowhere_else(run, told, area, deployment):
    """UC-016."""
    Path("put.py").write_text(
        "import boto3, sys\n"
        f"boto3.client('s3').put_object(Bucket='{BUCKET}', Key=sys.argv[1] + '/by-hand', Body=b'x',\n"
        "    ContentType='text/plain; dcp-type=data')\n"
    )
    command = f'set -e; text=$(hca upload creds {area[:5]}); set -a; eval "$text"; set +a; python put.py "$1"'
    done = run("bash", "-c", command, "bash", area)
    assert done.returncode == 0, done.stderr
    assert listed(told) == ["by-hand"]
    denied = run("bash", "-c", command, "bash", str(uuid4()))
    assert denied.returncode != 0
    assert "AccessDenied" in denied.stderr


def test_status_of_every_step(told, refused, area, switch, deployment):
    """UC-018, UC-019."""
    switch("hold", "checksums")
    Path("one").write_bytes(b"1")
    told("files", "one")
    place = f"UploadArea: local/{area}"
    assert told("status", "one") == f"File: one in {place} is currently CHECKSUMMING_SCHEDULED\n"
    switch("release", "checksums")
    switch("hold", "validations")
    until(lambda: "VALIDATION_UNSCHEDULED" in told("status", "one"))
    told("validate", "one", "--image", "validator:1")
    until(lambda: "VALIDATION_SCHEDULED" in told("status", "one"))
    switch("release", "validations")
    until(lambda: told("status", "one") == f"File: one in {place} is currently VALIDATED\n")
    assert "there is no file 'two'" in refused(4, "status", "two")
    told("forget", area)
    assert "no upload area is selected" in refused(2, "status", "one")
    assert "VALIDATED" in told("status", "one", "--env", "local", "--uuid", area)


def test_report_of_another_area(told, refused, area, tree):
    """UC-020 to UC-022."""
    told("files", "tree")
    until(lambda: json.loads(told("report", "--query", "checksums.CHECKSUMMED")) == 4)
    told("forget", area)
    assert "no upload area is selected" in refused(2, "report")
    words = ("report", "--env", "local", "--uuid", area, "--output_file_name", "mine")
    assert told(*words) == f"File status report for local/{area} generated, located mine.txt\n"
    text = Path("mine.txt").read_text()
    assert "\tCHECKSUMMED files: 4\n" in text
    assert "\tVALIDATION_UNSCHEDULED files: 4\n" in text


def test_check(ask, told, area, tree):
    told("files", "tree")
    assert ask("upload", "check", "tree").exit_status == 0
    Path("tree/a.fq").write_bytes(b"@1\nACGA\n")
    Path("tree/new").write_bytes(b"")
    outcome = ask("upload", "check", "tree", "--output", "json")
    assert outcome.exit_status == 6
    assert {row["name"]: row["status"] for row in outcome.json() if row["status"] != "same"} == {
        "a.fq": "differs",
        "new": "missing",
    }


def test_the_life_of_an_area(ask, told, refused, area, switch):
    """A locked area takes nothing, a deleted one is gone; both are a sentence."""
    Path("one").write_bytes(b"1")
    told("files", "one")
    switch("lock", area)
    for words in (["files", "one"], ["list"], ["creds", area[:8]]):
        assert "takes no files now" in refused(1, *words)
    switch("unlock", area)
    assert listed(told) == ["one"]
    assert told("exists") == "true\n"
    assert "will be deleted" in told("delete", area)
    until(lambda: ask("upload", "exists").exit_status == 4)
    assert "there is no upload area" in refused(4, "list")
    assert "there is no upload area" in refused(4, "files", "one")


def test_the_key_of_the_stage_is_needed_and_is_told_of(ask, refused, monkeypatch, deployment):
    uuid = str(uuid4())
    for key, said in (("", "none is configured"), ("wrong-key", "refuses the Api-Key")):
        Path("keys.json").write_text(json.dumps({"upload": {"api_keys": {"local": key}}}))
        files = os.pathsep.join([deployment.environment["HCA_CONFIG_FILE"], os.path.abspath("keys.json")])
        outcome = ask("upload", "create", uuid, "--env", "local", HCA_CONFIG_FILE=files)
        assert (outcome.exit_status, outcome.stdout) == (3, "")
        assert said in outcome.stderr
        assert "wrong-key" not in outcome.stderr
    assert ask("upload", "exists", uuid, "--env", "local").exit_status == 4


def test_the_configuration_of_the_deployment_is_the_owners_only(deployment):
    assert stat.S_IMODE(os.stat(deployment.environment["HCA_CONFIG_FILE"]).st_mode) == 0o600


def test_the_python_api(area, env, tree, monkeypatch):
    """UC-023."""
    from hca.upload import UploadArea, UploadAreaURI, UploadConfig, UploadException, UploadService
    from hca_core import testing

    for name, value in env.items():
        monkeypatch.setenv(name, value)
    testing.fresh()
    assert UploadConfig().area_uri().area_uuid == area
    service = UploadService("local")
    made = service.create_area(str(uuid4()))
    assert made.exists()
    found = UploadArea(UploadAreaURI(f"s3://{BUCKET}/{made.uuid}/"), service)
    outcomes = []
    report = found.upload_files(["tree"], told=outcomes.append)
    assert (report.document()["uploaded"], {one.name for one in outcomes}) == (4, set(tree))
    assert found.upload_files(["tree"]).document()["present"] == 4
    content_type = 'application/json; dcp-type="metadata/sample"'
    stored = found.store_file("m.json", "{}", content_type)
    assert stored["checksums"]["sha1"] == checksums.of_bytes(b"{}").sha1
    assert {file["name"]: file["size"] for file in found.list()} == {name: len(one) for name, one in tree.items()} | {
        "m.json": 2
    }
    until(lambda: all(file["checksums"] for file in found.list(detail=True)))
    details = {file["name"]: file for file in found.list(detail=True)}
    assert details["m.json"]["content_type"] == content_type
    assert all(
        details[name]["checksums"]["sha256"] == checksums.of_bytes(content).sha256 for name, content in tree.items()
    )
    assert found.checksum_status("a.fq")["checksum_status"] == "CHECKSUMMED"
    assert found.checksum_statuses()["TOTAL_NUM_FILES"] == 5
    assert found.validate_files(["a.fq"], "image")["validation_id"]
    until(lambda: found.validation_status("a.fq")["validation_status"] == "VALIDATED")
    assert found.validation_statuses()["VALIDATED"] == 1
    assert set(found.get_credentials()) == {
        "aws_access_key_id",
        "aws_secret_access_key",
        "aws_session_token",
        "expiry_time",
    }
    found.delete()
    until(lambda: not found.exists())
    with pytest.raises(UploadException):
        list(found.list())
    service.close()
