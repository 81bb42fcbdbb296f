"""Files and bundles: made, changed, deleted, checked out (DC-002 to DC-043, DC-086 to DC-090)."""

from __future__ import annotations

import json
from pathlib import Path
from uuid import uuid4

import pytest

SAMPLE, SAMPLE_VERSION = "ffffaf55-f19c-40e3-aa81-a6c69d357265", "2019-08-01T200147.836832Z"
YEAR_303 = "0303-04-23T193604.240704Z"


@pytest.fixture
def deployment(writable):
    return writable


@pytest.fixture
def listed(answer):
    """A function that returns the versions of a bundle that are listed."""
    return lambda uuid: [
        one["version"] for one in answer("get-bundles-all", "--replica", "aws", "--prefix", uuid)["bundles"]
    ]


@pytest.fixture
def shown(answer):
    """A function that returns a version of a bundle, the latest unless given."""

    def get(uuid: str, version: str = "", replica: str = "aws"):
        words = ("--version", version) if version else ()
        return answer("get-bundle", "--replica", replica, "--uuid", uuid, *words)["bundle"]

    return get


def names(bundle) -> list[str]:
    return [file["name"] for file in bundle["files"]]


# Listing


def test_a_deleted_bundle_is_listed_no_more(answer, listed, new_bundle):
    uuid, version = new_bundle()
    assert listed(uuid) == [version]
    answer("delete-bundle", "--reason", "test", "--replica", "aws", "--uuid", uuid)
    assert listed(uuid) == []


def test_at_most_500_at_a_time(ask):
    outcome = ask("dss", "get-bundles-all", "--replica", "aws", "--per-page", "501")
    assert outcome.exit_status in (1, 2)
    assert "maximum of 500" in outcome.stderr


def test_prefixes(ask, listed, new_bundle):
    uuid, version = new_bundle(uuid=f"ABCDEF{str(uuid4())[6:].upper()}")
    assert listed(uuid[:9]) == listed(uuid[:9].lower()) == [version]
    assert ask("dss", "get-bundles-all", "--replica", "aws", "--prefix", "a_b").exit_status in (1, 2)


# One bundle


def test_versions_of_a_bundle(shown, new_bundle):
    uuid, first = new_bundle({"a.json": b"{}"})
    _, second = new_bundle({"b.json": b"{}"}, uuid)
    assert (shown(uuid)["version"], names(shown(uuid))) == (second, ["b.json"])
    assert (shown(uuid, first)["version"], names(shown(uuid, first))) == (first, ["a.json"])


def test_deleting_one_version_leaves_the_other(answer, ask, shown, listed, new_bundle):
    uuid, first = new_bundle()
    _, second = new_bundle(uuid=uuid)
    answer("delete-bundle", "--reason", "test", "--replica", "aws", "--uuid", uuid, "--version", second)
    assert listed(uuid) == [first]
    assert shown(uuid)["version"] == first
    assert ask("dss", "get-bundle", "--replica", "aws", "--uuid", uuid, "--version", second).exit_status == 4


@pytest.mark.parametrize(("here", "there"), [("aws", "gcp"), ("gcp", "aws")])
def test_what_is_deleted_is_deleted_on_both_replicas(answer, ask, shown, new_bundle, here, there):
    uuid, version = new_bundle()
    assert shown(uuid, replica=there)["version"] == version
    assert answer("delete-bundle", "--reason", "test", "--replica", here, "--uuid", uuid) == {}
    assert ask("dss", "get-bundle", "--replica", there, "--uuid", uuid).exit_status == 4


@pytest.mark.parametrize(("replica", "scheme"), [("aws", "s3://"), ("gcp", "gs://")])
def test_direct_urls_are_those_of_the_cloud(answer, replica, scheme):
    words = ("--replica", replica, "--uuid", SAMPLE, "--directurls", "true")
    files = answer("get-bundle", *words)["bundle"]["files"]
    assert files
    for file in files:
        assert file["url"].startswith(scheme)
        assert file["url"].endswith(f"/bundles/{SAMPLE}.{SAMPLE_VERSION}/{file['name']}")


def test_only_one_kind_of_urls(ask):
    words = ("--replica", "aws", "--uuid", SAMPLE, "--directurls", "true", "--presignedurls", "true")
    outcome = ask("dss", "get-bundle", *words)
    assert outcome.exit_status != 0
    assert "directurls" in outcome.stderr
    assert "presignedurls" in outcome.stderr


# Making them


def test_a_bundle_of_two_files_as_words(answer, shown, new_file):
    uuid, version = str(uuid4()), "2020-01-01T000000.000000Z"
    files = [new_file("sub/x y.txt", b"x"), new_file("a.json", b"{}")]
    words = ("--uuid", uuid, "--version", version, "--replica", "aws", "--creator-uid", "7")
    made = answer("put-bundle", *words, "--files", *map(json.dumps, files))
    assert made["version"] == version
    bundle = shown(uuid)
    assert names(bundle) == ["sub/x y.txt", "a.json"]
    assert bundle["creator_uid"] == 7
    assert [file["indexed"] for file in bundle["files"]] == [False, True]
    answer("download", "--replica", "aws", "--bundle-uuid", uuid)
    assert Path(f"{uuid}.{version}", "sub", "x y.txt").read_bytes() == b"x"


def test_files_that_are_not_there(ask):
    entry = {"uuid": str(uuid4()), "version": SAMPLE_VERSION, "name": "a", "indexed": False}
    words = ("--uuid", str(uuid4()), "--version", SAMPLE_VERSION, "--replica", "aws", "--creator-uid", "0")
    outcome = ask("dss", "put-bundle", *words, "--files", json.dumps(entry))
    assert outcome.exit_status == 1
    assert outcome.stderr.startswith("hca: file_missing: ")


@pytest.mark.parametrize("verb", ["put-bundle", "put-file"])
def test_a_creator_is_a_number(ask, verb):
    outcome = ask("dss", verb, "--creator-uid", "x", "--uuid", str(uuid4()), "--version", SAMPLE_VERSION)
    assert outcome.exit_status == 2
    assert "--creator-uid" in outcome.stderr


def test_years_below_1000(answer, shown, new_file):
    entry = new_file("dragon_dna.fa", b"ACGT", YEAR_303)
    uuid = str(uuid4())
    words = ("--uuid", uuid, "--version", YEAR_303, "--replica", "aws", "--creator-uid", "0")
    assert answer("put-bundle", *words, "--files", json.dumps(entry))["version"] == YEAR_303
    assert shown(uuid, YEAR_303)["files"][0]["version"] == YEAR_303


def test_more_than_20000_files_are_not_indexed(answer, new_file):
    uuid, entry = str(uuid4()), new_file("donor_organism_0.json", b'{"sex": "female"}')
    files = [{**entry, "name": f"donor_organism_{number}.json"} for number in range(20_001)]
    Path("files.json").write_text(json.dumps(files))
    words = ("--uuid", uuid, "--version", SAMPLE_VERSION, "--replica", "aws", "--creator-uid", "0")
    answer("put-bundle", *words, "--files", "@files.json", "--query", "version")
    query = json.dumps({"query": {"match": {"uuid": uuid}}})
    (found,) = answer("post-search", "--replica", "aws", "--es-query", query, "--output-format", "raw")["results"]
    assert (found["metadata"]["manifest"]["files"], found["metadata"]["files"]) == ([], {})


# Changing them


def test_files_come_and_go(answer, shown, new_bundle, new_file):
    uuid, first = new_bundle({"stays.json": b"{}", "goes.json": b"[]"})
    goes = [file for file in shown(uuid)["files"] if file["name"] == "goes.json"]
    removed = [{key: goes[0][key] for key in ("uuid", "version", "name", "indexed")}]
    where = ("--uuid", uuid, "--replica", "aws", "--version", first)
    added = json.dumps([new_file("comes.txt", b"new")])
    told = answer("patch-bundle", *where, "--add-files", added, "--remove-files", json.dumps(removed))
    assert told.keys() == {"uuid", "version"}
    assert told["version"] > first
    assert names(shown(uuid)) == ["stays.json", "comes.txt"]
    assert names(shown(uuid, first)) == ["stays.json", "goes.json"]


def test_only_exact_matches_are_removed(answer, shown, new_bundle):
    uuid, version = new_bundle()
    (file,) = shown(uuid)["files"]
    wrong = {"uuid": file["uuid"], "version": YEAR_303, "name": file["name"], "indexed": True}
    unknown = {"uuid": str(uuid4()), "version": file["version"], "name": "b", "indexed": True}
    where = ("--uuid", uuid, "--replica", "aws", "--version", version)
    answer("patch-bundle", *where, "--remove-files", json.dumps([wrong, unknown]))
    assert names(shown(uuid)) == ["a.json"]


def test_a_name_that_is_there_already(ask, new_bundle, new_file):
    uuid, version = new_bundle()
    where = ("--uuid", uuid, "--replica", "aws", "--version", version)
    outcome = ask("dss", "patch-bundle", *where, "--add-files", json.dumps([new_file("a.json", b"[]")]))
    assert outcome.exit_status == 1
    assert outcome.stderr.startswith("hca: duplicate_filename: ")


# Checkouts


def checked_out(answer, uuid: str, *words: str):
    """Check a bundle out and return the outcome of the job."""
    return answer("post-bundles-checkout", "--replica", "aws", "--uuid", uuid, *words, "--wait")


def test_a_checkout_of_a_version(answer, new_bundle):
    uuid, first = new_bundle()
    _, second = new_bundle(uuid=uuid)
    for words, version in (((), second), (("--version", first), first)):
        done = checked_out(answer, uuid, *words)
        assert done["status"] == "SUCCEEDED"
        assert done["location"].endswith(f"/bundles/{uuid}.{version}")


def test_a_checkout_to_a_bucket_of_the_user(answer, new_bundle, bucket):
    uuid, version = new_bundle({"a.json": b"{}", "sub/b.txt": b"b"})
    done = checked_out(answer, uuid, "--destination", bucket.name, "--email", "me@example.org")
    folder = f"bundles/{uuid}.{version}"
    assert done["location"] == f"s3://{bucket.name}/{folder}"
    found = {one.key: one.get()["Body"].read() for one in bucket.objects.all()}
    assert found == {f"{folder}/a.json": b"{}", f"{folder}/sub/b.txt": b"b"}


def test_a_checkout_that_fails(answer, ask, new_bundle):
    uuid, _ = new_bundle()
    words = ("post-bundles-checkout", "--replica", "aws", "--uuid", uuid, "--destination", "not-there")
    outcome = ask("dss", *words, "--wait")
    assert outcome.exit_status == 1
    assert "not-there" in outcome.stderr
    job = answer(*words)["checkout_job_id"]
    assert ask("dss", "get-bundles-checkout", "--replica", "aws", "--checkout-job-id", job).exit_status == 0


def test_the_address_for_mail_is_sent(ask, dss):
    dss.on("POST", "/v1/bundles/*").reply(json={"checkout_job_id": str(uuid4())})
    words = ("post-bundles-checkout", "--replica", "aws", "--uuid", SAMPLE, "--email", "me@example.org")
    assert ask("dss", *words, HCA_CONFIG_FILE="", HCA_DSS_URL=f"{dss.url}/v1/swagger.json").exit_status == 0
    assert dss.asked("POST")[0].json() == {"email": "me@example.org"}


# Files


def test_a_file_keeps_its_content_type_and_its_sums(answer, new_file):
    entry = new_file("x.bin", b"123456789", content_type="application/x-tar; dcp-type=data")
    headers = answer("head-file", "--replica", "gcp", "--uuid", entry["uuid"])
    assert headers["X-DSS-CONTENT-TYPE"] == "application/x-tar; dcp-type=data"
    assert headers["X-DSS-CRC32C"] == "e3069283"
    assert headers["X-DSS-S3-ETAG"] == "25f9e794323b453885f5181f1b624d0b"
    assert headers["X-DSS-SHA1"] == "f7c3bc1d808e04732adf679965ccc34ca7ae3441"
    assert headers["X-DSS-SHA256"] == "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225"


@pytest.mark.parametrize("name", ["sha1", "sha256", "crc32c", "s3_etag"])
def test_a_checksum_that_is_missing_or_wrong(ask, stage, name):
    words = ("--uuid", str(uuid4()), "--version", SAMPLE_VERSION, "--creator-uid", "0", "--source-url")
    other = {"sha1": "0" * 40, "sha256": "0" * 64, "crc32c": "0" * 8, "s3_etag": "0" * 32}
    for tag, said in ((None, f"missing hca-dss-{name}"), ("zz", f"hca-dss-{name}"), (other[name], "invalid_checksum")):
        outcome = ask("dss", "put-file", *words, stage(b"content", **{name: tag}))
        assert outcome.exit_status == 1
        assert "HTTP 422" in outcome.stderr
        assert said in outcome.stderr
    assert ask("dss", "head-file", "--replica", "aws", "--uuid", words[1]).exit_status == 4


def test_a_source_at_google_is_a_file_of_the_other_replica(answer, ask, stage):
    uuid, content = str(uuid4()), b"at google"
    url = stage(content, f"s3://sources/{uuid}/name").replace("s3://", "gs://")
    where = ("--uuid", uuid, "--version", SAMPLE_VERSION)
    assert answer("put-file", *where, "--creator-uid", "0", "--source-url", url) == {"version": SAMPLE_VERSION}
    for replica, scheme in (("gcp", "gs://"), ("aws", "s3://")):
        assert ask("dss", "get-file", "--replica", replica, "--uuid", uuid).stdout_bytes == content
        shown = ask("dss", "get-file", "--replica", replica, "--uuid", uuid, "--directurl", "true")
        assert shown.exit_status == 0
        assert shown.stdout.startswith(scheme)
        assert "does not fetch it" in shown.stderr


def test_content_disposition_is_that_of_the_answer(client):
    file = client.get_bundle(uuid=SAMPLE, replica="aws")["bundle"]["files"][0]
    wanted = "attachment; filename=data.json"
    with client.get_file.stream(uuid=file["uuid"], replica="aws", content_disposition=wanted) as response:
        assert response.headers["Content-Disposition"] == wanted
        response.raw.read()
