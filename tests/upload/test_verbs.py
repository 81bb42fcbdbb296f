"""The verbs of `hca upload`, run as a user runs them; UC-001 to UC-023 are the promises."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import subprocess
from pathlib import Path

import pytest

from hca_core.testing import reply

AREA = "aaaaaaaa-1111-2222-3333-444444444444"
OTHER = "aaaabbbb-1111-2222-3333-444444444444"
BUCKET = "org-humancellatlas-upload-local"
URI = f"s3://{BUCKET}/{AREA}/"
DEV = f"s3://org-humancellatlas-upload-dev/{OTHER}/"
BASE = f"/v1/area/{AREA}"
VERBS = {"select", "files", "list", "areas", "forget", "creds", "status", "report"}
OURS = {"create", "delete", "exists", "validate", "check", "help"}


@pytest.fixture
def told(hca):
    """A function that runs `hca upload` + words, which must succeed and say nothing on stderr, and returns stdout."""

    def run(*words):
        outcome = hca("upload", *words)
        assert (outcome.exit_status, outcome.stderr) == (0, ""), outcome.stderr
        return outcome.stdout

    return run


@pytest.fixture
def refused(hca):
    """A function that runs `hca upload` + words, which must fail with a status and one sentence, and returns that."""

    def run(status, *words):
        outcome = hca("upload", *words)
        assert (outcome.exit_status, outcome.stdout) == (status, ""), outcome
        assert outcome.stderr.startswith("hca: ")
        assert "Traceback" not in outcome.stderr
        return outcome.stderr

    return run


def test_help_lists_the_verbs(told):
    """UC-001."""
    text = told("--help")
    assert text == told("help")
    for verb in VERBS | OURS:
        assert f"\n  {verb} " in text
        assert told("help", verb) == told(verb, "--help")
        assert f"Usage: hca upload {verb} " in told(verb, "--help")


@pytest.mark.parametrize(
    "words", [["select"], ["files"], ["forget"], ["creds"], ["status"], ["create"], ["delete"], ["validate"], ["check"]]
)
def test_words_that_are_needed(refused, upload, words):
    """UC-003, UC-006."""
    assert "Missing argument" in refused(2, *words)
    assert upload.requests == []


def test_select_by_address_and_by_alias(told):
    """UC-002, UC-004, UC-014, UC-017."""
    assert told("select", URI) == (
        f'Upload area {AREA} selected.\nIn future you may refer to this upload area using the alias "a"\n'
    )
    assert told("select", DEV.rstrip("/")) == (
        f'Upload area {OTHER} selected.\nIn future you may refer to this upload area using the alias "aaaab"\n'
    )
    assert told("areas") == f"{AREA}\n{OTHER} <- selected\n"
    assert told("select", "aaaaa").splitlines()[0] == f"Upload area {AREA} selected."
    assert told("areas") == f"{AREA} <- selected\n{OTHER}\n"
    assert told("select", OTHER).splitlines()[0] == f"Upload area {OTHER} selected."


def test_choices_that_are_none(told, refused):
    """UC-003, UC-017: a beginning is literal, errors are on stderr and have their status."""
    told("select", URI)
    told("select", DEV)
    before = Path(os.environ["XDG_CONFIG_HOME"], "hca", "config.json").read_bytes()
    for verb in ("select", "forget", "creds"):
        for alias in ("zz", "a(", ".", "a.*", OTHER.replace("b", "c")):
            assert f"begins with {alias!r}" in refused(4, verb, alias)
        assert "beginning of 2 of your upload areas" in refused(2, verb, "aaaa")
    for bad in ("s3://bad", "s3:", f"s3://bucket/{AREA}/", f"s3://b-dev/{AREA}/x"):
        assert "is not the address of an upload area" in refused(2, "select", bad)
    assert Path(os.environ["XDG_CONFIG_HOME"], "hca", "config.json").read_bytes() == before


def test_forget(told, refused):
    """UC-015."""
    told("select", URI)
    told("select", DEV)
    assert told("forget", "aaaaa") == f"Forgetting about area {AREA}.\n"
    assert told("areas") == f"{OTHER} <- selected\n"
    told("forget", "a")
    assert told("areas") == ""
    assert "no upload area is selected" in refused(2, "list")


def test_the_choice_as_documents(hca):
    assert hca("upload", "select", URI, "--output", "json").json() == {"uuid": AREA, "uri": URI, "alias": "a"}
    row = {"uuid": AREA, "uri": URI, "alias": "a", "selected": True}
    assert hca("upload", "areas", "--output", "json").json() == [row]
    assert hca("upload", "areas", "--output", "tsv").stdout == f"uuid\turi\talias\tselected\n{AREA}\t{URI}\ta\ttrue\n"
    assert hca("upload", "areas", "--query", "[].alias").json() == ["a"]
    assert hca("upload", "forget", "a", "--query", "uuid").json() == AREA


@pytest.mark.parametrize(
    "verb", [["files", "x"], ["list"], ["check", "x"], ["status", "x"], ["report"], ["validate", "x", "--image", "i"]]
)
def test_without_a_selection_nothing_is_asked(refused, upload, verb):
    """UC-019, UC-021."""
    Path("x").write_text("x")
    text = refused(2, *verb)
    assert "no upload area is selected" in text
    assert "hca upload select" in text
    assert upload.requests == []


def test_list(told, listed, selected):
    """UC-012: a name a line, all pages."""
    names = ["a b", "b/c", *(f"z{number:03}" for number in range(150)), "é"]
    listed(dict.fromkeys(names, 1), most=100)
    assert told("list").splitlines() == names


def test_names_that_do_not_fit_a_line(told, listed, selected):
    listed({"a\nb": 1, "c\x1b[2J": 2, '"quoted"': 3, "back\\slash": 4, "\u202e": 5})
    lines = told("list").splitlines()
    assert sorted(lines) == sorted(['"a\\nb"', '"c\\u001b[2J"', '"\\"quoted\\""', "back\\slash", '"\\u202e"'])
    assert [json.loads(one) for one in lines if one.startswith('"a')] == ["a\nb"]


def test_list_on_a_narrow_terminal(hca, listed, selected):
    listed({"é": 1})
    outcome = hca("upload", "list", encoding="ascii")
    assert (outcome.exit_status, outcome.stdout) == (0, "\\xe9\n")


SUMS = {"s3_etag": "E", "crc32c": "C", "sha1": "S1", "sha256": "S256"}


def test_list_long(told, listed, keys, selected):
    """UC-013: the published form."""
    listed({"a b": 5, "c": 6})
    infos = [
        {"name": "a b", "size": 5, "content_type": "text/plain", "url": f"{URI}a b", "checksums": SUMS},
        {"name": "c", "size": 6, "content_type": None, "url": f"{URI}c", "checksums": None},
    ]
    keys.on("PUT", f"{BASE}/files_info").reply(json=infos)
    assert (
        told("list", "-l")
        == told("list", "--long")
        == (
            f"a b\n\tsize         5 bytes\n\tURL          {URI}a b\n\tContent-Type text/plain\n"
            "\tS3_Etag      E\n\tCRC32C       C\n\tSHA1         S1\n\tSHA256       S256\n"
            f"c\n\tsize         6 bytes\n\tURL          {URI}c\n\tContent-Type unknown\n"
        )
    )
    documents = json.loads(told("list", "-l", "--output", "json"))
    assert [one["checksums"] for one in documents] == [SUMS, None]


def test_list_as_rows(told, listed, selected):
    listed({"a": 5})
    row = {"name": "a", "size": 5, "last_modified": "2026-11-22T01:02:03+00:00"}
    assert json.loads(told("list", "--output", "json")) == [row]
    assert told("list", "--output", "csv") == f"name,size,last_modified\n{','.join(map(str, row.values()))}\n"
    assert json.loads(told("list", "--query", "[0].size")) == 5


def test_an_area_that_takes_no_files(refused, upload, selected):
    upload.on("POST", f"{BASE}/credentials").fail(409, times=9)
    Path("x").write_text("x")
    for words in (["list"], ["files", "x"], ["creds", "a"]):
        assert f"upload area {AREA} takes no files now" in refused(1, *words)


def test_creds_are_safe_for_a_shell(told, keys, selected):
    """UC-016."""
    text = told("creds", "aaa")
    assert [line.partition("=")[0] for line in text.splitlines()] == [
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
    ]
    script = (
        f'eval {shlex.quote(text)}; printf "%s\\n" "$AWS_ACCESS_KEY_ID" "$AWS_SECRET_ACCESS_KEY" "$AWS_SESSION_TOKEN"'
    )
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["ASIAEXAMPLE", "se/cr+et=of the area", "session$(token)`of`'the'\"area\""]
    assert json.loads(told("creds", "a", "--output", "json"))["expiry_time"] == "2999-01-01T00:00:00+00:00"


@pytest.mark.parametrize(
    ("checksum", "validation", "shown"),
    [
        ("SCHEDULED", None, "CHECKSUMMING_SCHEDULED"),
        ("UNSCHEDULED", None, "CHECKSUMMING_UNSCHEDULED"),
        ("CHECKSUMMING", None, "CHECKSUMMING"),
        ("FAILED", None, "FAILED"),
        ("CHECKSUMMED", "SCHEDULED", "VALIDATION_SCHEDULED"),
        ("CHECKSUMMED", "UNSCHEDULED", "VALIDATION_UNSCHEDULED"),
        ("CHECKSUMMED", "VALIDATING", "VALIDATING"),
        ("CHECKSUMMED", "VALIDATED", "VALIDATED"),
    ],
)
def test_status(told, upload, selected, checksum, validation, shown):
    """UC-018: the second question is only asked when the first is answered for good."""
    upload.on("GET", f"{BASE}/a%20b%2Fc/checksum").reply(json={"checksum_status": checksum, "checksums": None})
    upload.on("GET", f"{BASE}/a%20b%2Fc/validate").reply(json={"validation_status": validation})
    assert told("status", "a b/c") == f"File: a b/c in UploadArea: local/{AREA} is currently {shown}\n"
    assert len(upload.requests) == (2 if validation else 1)


def test_status_as_a_document(told, upload, selected):
    upload.on("GET", f"{BASE}/a/checksum").reply(json={"checksum_status": "CHECKSUMMING"})
    document = {"name": "a", "upload_area": AREA, "stage": "local", "status": "CHECKSUMMING"}
    assert json.loads(told("status", "a", "--output", "json")) == document


def test_status_of_what_is_not_there(refused, upload, selected):
    """UC-018."""
    upload.on("GET", f"{BASE}/a/checksum").fail(404)
    assert f"there is no file 'a' in upload area {AREA}" in refused(4, "status", "a")
    upload.on("GET", f"{BASE}/b/checksum").fail(400, times=9)
    refused(1, "status", "b")


def test_another_area_than_the_selected_one(told, refused, upload):
    """UC-019, UC-021: with both, no selection is needed."""
    upload.on("GET", "/v1/*").reply(json={"checksum_status": "CHECKSUMMING"})
    assert f"dev/{OTHER}" in told("status", "a", "--env", "dev", "--uuid", OTHER)
    assert "not one of yours" in refused(2, "status", "a", "--uuid", OTHER)
    assert "no upload area is selected" in refused(2, "status", "a", "--env", "dev")
    assert "is not a deployment stage" in refused(2, "status", "a", "--env", "a.b/", "--uuid", OTHER)
    told("select", URI)
    assert f"local/{OTHER}" in told("status", "a", "--uuid", OTHER)
    assert f"dev/{AREA}" in told("status", "a", "--env", "dev")
    told("select", DEV)
    assert f"local/{AREA}" in told("status", "a", "--uuid", "aaaaa")
    paths = [request.path for request in upload.requests]
    assert paths == [f"/v1/area/{uuid}/a/checksum" for uuid in (OTHER, OTHER, AREA, AREA)]


REPORT = f"""FILE STATUS REPORT
UploadArea: {AREA}
Total Number of Files: 7
CHECKSUMS
\tCHECKSUMMED files: 4
\tCHECKSUMMING files: 1
\tCHECKSUMMING_UNSCHEDULED files: 2
VALIDATIONS
\tVALIDATED files: 1
\tVALIDATION_UNSCHEDULED files: 3
"""


@pytest.fixture
def counted(upload):
    checksums = {"TOTAL_NUM_FILES": 7, "CHECKSUMMING_UNSCHEDULED": 2, "CHECKSUMMED": 4, "CHECKSUMMING": 1}
    upload.on("GET", f"{BASE}/checksums").reply(json=checksums)
    upload.on("GET", f"{BASE}/validations").reply(json={"VALIDATED": 1})


@pytest.mark.parametrize(
    ("words", "path"),
    [
        ([], f"{AREA}.txt"),
        (["--output_file_name", "mine"], "mine.txt"),
        (["--output_file_name", "mine.txt"], "mine.txt"),
        (["--env", "local", "--uuid", AREA], f"{AREA}.txt"),
    ],
)
def test_report(told, counted, selected, words, path):
    """UC-020, UC-021, UC-022."""
    assert told("report", *words) == f"File status report for local/{AREA} generated, located {path}\n"
    assert Path(path).read_text() == REPORT
    assert os.listdir() == [path]


def test_report_as_a_document(told, counted, selected):
    document = json.loads(told("report", "--output", "json"))
    assert document["files"] == 7
    assert document["validations"] == {"VALIDATED": 1, "VALIDATION_UNSCHEDULED": 3}
    assert document["path"] == f"{AREA}.txt"


def test_a_report_that_can_not_be_had_or_written_leaves_nothing(refused, upload, selected):
    upload.on("GET", f"{BASE}/checksums").fail(404, times=9)
    refused(4, "report")
    upload.on("GET", f"{BASE}/validations").reply(json={"a": "b"})
    assert os.listdir() == []


def test_a_report_into_a_folder_that_is_not_there(refused, counted, selected):
    assert "nowhere" in refused(1, "report", "--output_file_name", "nowhere/mine")


@pytest.fixture
def key(hca):
    assert hca("config", "set", "upload.api_key", "the-key").exit_status == 0


def test_create(told, refused, upload, key):
    upload.on("POST", BASE).reply(json={"uri": URI}, status=201)
    assert told("create", AREA, "--env", "local") == f"{URI}\n"
    assert upload.requests[0].headers["Api-Key"] == "the-key"
    assert json.loads(told("create", AREA, "--env", "local", "--output", "json")) == {"uuid": AREA, "uri": URI}
    assert told("areas") == ""
    told("select", URI)
    assert told("create", AREA) == f"{URI}\n"
    assert "is not the UUID" in refused(2, "create", "x")
    assert [one.headers["Api-Key"] for one in upload.requests] == ["the-key"] * 3


def test_create_without_a_key(refused, upload):
    upload.on("POST", BASE).fail(400)
    text = refused(3, "create", AREA, "--env", "dev")
    assert "wants an Api-Key, and none is configured" in text
    assert "upload.api_keys" in text


def test_delete(told, refused, upload, key, selected):
    upload.on("DELETE", BASE).reply(json=None, status=202)
    for name in (AREA, URI, "aaa"):
        assert told("delete", name) == f"Upload area {AREA} and all its files will be deleted by the service.\n"
    assert [one.headers["Api-Key"] for one in upload.requests] == ["the-key"] * 3
    upload.on("DELETE", f"/v1/area/{OTHER}").fail(404)
    assert "there is no upload area" in refused(4, "delete", OTHER)
    refused(4, "delete", "zz")


def test_exists(hca, upload, selected):
    upload.on("HEAD", BASE).reply(json={})
    upload.on("HEAD", f"/v1/area/{OTHER}").reply(status=404)
    for words in ([], [AREA], [URI], ["a"]):
        outcome = hca("upload", "exists", *words)
        assert (outcome.exit_status, outcome.stdout, outcome.stderr) == (0, "true\n", "")
    outcome = hca("upload", "exists", OTHER, "--env", "dev")
    assert (outcome.exit_status, outcome.stdout, outcome.stderr) == (4, "false\n", "")
    assert hca("upload", "exists", OTHER, "--query", "exists").json() is False


def test_validate(told, refused, upload, key, selected):
    upload.on("PUT", f"{BASE}/validate").reply(json={"validation_id": "v-1"})
    words = ["validate", "a", "b c", "--image", "i", "--environment", '{"A": "1"}', "--original-validation-id", "v-0"]
    assert told(*words) == "v-1\n"
    assert upload.requests[0].json() == {
        "files": ["a", "b c"],
        "validator_image": "i",
        "environment": {"A": "1"},
        "original_validation_id": "v-0",
    }
    assert upload.requests[0].headers["Api-Key"] == "the-key"
    assert "--image" in refused(2, "validate", "a")
    assert json.loads(told("validate", "a", "--image", "i", "--output", "json")) == {"validation_id": "v-1"}


@pytest.fixture
def bucket(keys, listed, selected):
    """S3 takes files; what it got, by name."""
    got: dict[str, bytes] = {}

    def put(request):
        assert "partNumber" not in dict(request.query)
        got[request.path.removeprefix(f"/{BUCKET}/{AREA}/")] = request.body
        return reply(headers={"ETag": f'"{hashlib.md5(request.body).hexdigest()}"'})

    keys.on("PUT", f"/{BUCKET}/*").reply(put)
    keys.on("POST", f"{BASE}/*").reply(json=None, status=202)
    listed({})
    return got


def test_files(hca, bucket, keys):
    """UC-005: each file is told on stdout, all of them on stderr, and the service of each."""
    Path("one").write_text("1")
    os.makedirs("dir/sub")
    Path("dir/sub/t wo").write_text("22")
    outcome = hca("upload", "files", "one", "dir")
    assert outcome.exit_status == 0, outcome.stderr
    assert sorted(outcome.stdout.splitlines()) == [
        f"Upload complete of {name} to upload area {URI}" for name in ("one", "sub/t wo")
    ]
    assert outcome.stderr == "hca: 2 files (3 bytes) uploaded\n"
    assert bucket == {"one": b"1", "sub/t%20wo": b"22"}
    notices = {request.path for request in keys.asked("POST")} - {f"{BASE}/credentials"}
    assert notices == {f"{BASE}/one", f"{BASE}/sub%2Ft%20wo"}


def test_files_quietly(hca, bucket):
    """UC-010."""
    Path("one").write_text("1")
    for flag in ("-q", "--quiet"):
        outcome = hca("upload", "files", "one", flag)
        assert (outcome.exit_status, outcome.stdout, outcome.stderr) == (0, "", "")
    assert bucket == {"one": b"1"}


@pytest.mark.parametrize("flag", ["-t", "--target-filename"])
def test_files_under_another_name(told, refused, hca, bucket, flag):
    """UC-007."""
    Path("one").write_text("1")
    Path("two").write_text("1")
    os.mkdir("dir")
    Path("dir/a").write_text("1")
    for words in (["one", "two"], ["dir"], ["dir", "one"]):
        refused(2, "files", *words, flag, "x")
    assert bucket == {}
    assert hca("upload", "files", "one", flag, "x").exit_status == 0
    assert bucket == {"x": b"1"}


def test_files_with_an_extension_and_without_directories(refused, hca, bucket):
    """UC-008."""
    os.makedirs("dir/sub")
    for name in ("a.fq", "b.txt", "sub/c.fq"):
        Path("dir", name).write_text(name)
    refused(2, "files", "dir/a.fq", "--file-extension", "fq")
    assert bucket == {}
    assert hca("upload", "files", "dir", "--file-extension", "fq").exit_status == 0
    assert set(bucket) == {"a.fq", "sub/c.fq"}
    bucket.clear()
    assert hca("upload", "files", "dir", "--flatten").exit_status == 0
    assert set(bucket) == {"a.fq", "b.txt", "c.fq"}


@pytest.mark.parametrize("flag", ["-s", "--sync"])
def test_files_in_step(hca, bucket, keys, listed, flag):
    """UC-011: what is there is not sent again with the flag, and is without it."""
    Path("one").write_text("1")

    def there(request):
        etag = hashlib.md5(b"1").hexdigest()
        return reply(
            body=f"<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>{AREA}/one</Key><Size>1</Size>"
            f"<ETag>&quot;{etag}&quot;</ETag><LastModified>2026-11-22T01:02:03.000Z</LastModified></Contents>"
            "</ListBucketResult>".encode(),
            headers={"Content-Type": "application/xml"},
        )

    keys.on("GET", f"/{BUCKET}").reply(there)
    keys.on("GET", f"/{BUCKET}")._given = 1
    outcome = hca("upload", "files", "one", flag)
    assert (outcome.exit_status, outcome.stdout) == (0, f"one is in upload area {URI} already\n"), outcome.stderr
    assert bucket == {}
    assert hca("upload", "files", "one").exit_status == 0
    assert bucket == {"one": b"1"}


def test_files_as_a_document(hca, bucket):
    Path("one").write_text("1")
    outcome = hca("upload", "files", "one", "--output", "json")
    assert (outcome.exit_status, outcome.stderr) == (0, "")
    document = outcome.json()
    assert (document["uploaded"], document["failed"], document["bytes"]) == (1, 0, 1)
    rows = hca("upload", "files", "one", "--output", "csv").stdout.splitlines()
    assert rows[0] == "name,source,size,status,error"
    assert rows[1].startswith("one,")
    assert hca("upload", "files", "one", "--query", "files[].name").json() == ["one"]


@pytest.mark.parametrize("flag", ["-n", "--dry-run"])
def test_files_that_would_be_sent(hca, bucket, keys, flag):
    Path("one").write_text("1")
    outcome = hca("upload", "files", "one", flag)
    assert (outcome.exit_status, outcome.stdout, outcome.stderr) == (0, "1 file (1 bytes) would be uploaded\n", "")
    row = hca("upload", "files", "one", flag, "--output", "jsonl").json()
    assert (row["name"], row["size"], row["status"]) == ("one", 1, "would upload")
    assert bucket == {}
    assert {request.path for request in keys.asked("POST")} == {f"{BASE}/credentials"}


def test_files_of_which_some_fail(hca, bucket, keys):
    for name in ("good", "bad"):
        Path(name).write_text(name)
    keys.on("PUT", f"/{BUCKET}/{AREA}/bad").fail(403, times=99)
    outcome = hca("upload", "files", "good", "bad")
    assert outcome.exit_status == 7
    assert outcome.stdout == f"Upload complete of good to upload area {URI}\n"
    assert "1 failed" in outcome.stderr
    assert "bad: " in outcome.stderr
    document = hca("upload", "files", "good", "bad", "--output", "json")
    assert (document.exit_status, document.json()["failed"]) == (7, 1)


def test_files_of_which_all_fail_alike(hca, bucket, keys):
    Path("bad").write_text("bad")
    keys.on("PUT", f"/{BUCKET}/{AREA}/bad").fail(403, times=99)
    outcome = hca("upload", "files", "bad")
    assert (outcome.exit_status, outcome.stdout) == (3, ""), outcome.stderr


def test_files_that_are_not_there(refused, bucket, keys):
    assert "nowhere" in refused(2, "files", "nowhere")
    assert bucket == {}


def test_check(hca, bucket, keys, listed):
    Path("same").write_text("1")
    Path("missing").write_text("2")
    md5 = hashlib.md5(b"1").hexdigest()

    def there(request):
        contents = "".join(
            f"<Contents><Key>{AREA}/{name}</Key><Size>1</Size><ETag>&quot;{md5}&quot;</ETag>"
            "<LastModified>2026-11-22T01:02:03.000Z</LastModified></Contents>"
            for name in ("extra", "same")
        )
        body = f"<ListBucketResult><IsTruncated>false</IsTruncated>{contents}</ListBucketResult>".encode()
        return reply(body=body, headers={"Content-Type": "application/xml"})

    keys.on("GET", f"/{BUCKET}").reply(there)
    keys.on("GET", f"/{BUCKET}")._given = 1
    keys.on("PUT", f"{BASE}/files_info").fail(404, times=99)
    outcome = hca("upload", "check", "same")
    assert outcome.exit_status == 0, outcome.stderr
    assert (outcome.stdout, outcome.stderr) == ("", "hca: 1 the same, 1 more in the area\n")
    outcome = hca("upload", "check", "same", "missing")
    assert (outcome.exit_status, outcome.stdout.split(":")[0]) == (6, "missing  missing")
    assert outcome.stderr == "hca: 1 the same, 1 missing in the area, 1 more in the area\n"
    outcome = hca("upload", "check", "same", "missing", "--output", "json")
    assert outcome.exit_status == 6
    assert sorted((row["name"], row["status"]) for row in outcome.json()) == [
        ("extra", "extra"),
        ("missing", "missing"),
        ("same", "same"),
    ]
    assert set(outcome.json()[0]) == {"name", "status", "size", "detail"}


def test_a_report_onto_a_directory(refused, upload, selected):
    Path("d.txt").mkdir()
    upload.on("GET", f"{BASE}/checksums").reply(json={"TOTAL_NUM_FILES": 0})
    upload.on("GET", f"{BASE}/validations").reply(json={})
    assert "d.txt is a directory" in refused(2, "report", "--output_file_name", "d")
    assert list(Path().iterdir()) == [Path("d.txt")]
