"""The restricted examples of the command line, verbatim, on a deployment of their own (DT-032 to 040, DT-047, DT-048).

The object to register is made before; the file that the bundles have is in the sample dataset.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

BUNDLE, VERSION = "98f6c379-cb78-4a61-9310-f8cc0341c0ea", "2019-08-02T202456.025543Z"
FILE, FILE_VERSION = "2196a626-38da-4489-8b2f-645d342f6aab", "2019-07-10T001103.121000Z"

DELETE_BUNDLE = """#!/usr/bin/env bash

hca dss delete-bundle --reason test --replica gcp --uuid 98f6c379-cb78-4a61-9310-f8cc0341c0ea --version 2019-08-02T202456.025543Z
"""  # noqa: E501 - verbatim

PUT_BUNDLE = """#!/usr/bin/env bash

hca dss put-bundle --creator-uid 0 --replica aws --uuid 98f6c379-cb78-4a61-9310-f8cc0341c0ea --version 2019-08-02T202456.025543Z --files '{"uuid": "2196a626-38da-4489-8b2f-645d342f6aab", "version": "2019-07-10T001103.121000Z" , "name": "process_1.json", "indexed":false}'
"""  # noqa: E501 - verbatim

PATCH_BUNDLE = """#!/usr/bin/env bash

hca dss patch-bundle --replica aws --uuid 98f6c379-cb78-4a61-9310-f8cc0341c0ea --version 2019-08-02T202456.025543Z
"""

PUT_FILE = """#!/usr/bin/env bash

hca dss put-file --uuid 38f6c379-cb78-4a61-9310-f8cc0341c0eb --version 2019-07-30T164352.961501Z --creator-uid 0 --source-url s3://org-humancellatlas-dss-cli-test/930a927d-0138-4a79-8c87-e45936fe4fc3/get_bundle.json
"""  # noqa: E501 - verbatim
SOURCE = "s3://org-humancellatlas-dss-cli-test/930a927d-0138-4a79-8c87-e45936fe4fc3/get_bundle.json"

COLLECTIONS = """#!/usr/bin/env bash

info_instance=$(hca dss put-collection --uuid fff01947-bf94-43e9-86ca-f6ff6ae45d2c --description foo --details {} --version 2018-09-17T161441.564206Z --replica aws --name bar --contents '{"path": "https://dss.dev.data.humancellatlas.org/v1/bundles/ff818282-9735-45fa-a094-e9f2d3d0a954?version=2019-08-06T170839.843085Z&replica=aws", "version": "2019-08-06T170839.843085Z", "type": "bundle", "uuid": "ff818282-9735-45fa-a094-e9f2d3d0a954"}')

ID=`echo ${info_instance} | jq -r '.uuid'`
VERSION=`echo ${info_instance} | jq -r '.version'`

hca dss get-collections

hca dss patch-collection --replica aws --uuid $ID --verison $VERSION

hca dss get-collection --replica aws --uuid $ID

hca dss delete-collection --replica aws --uuid $ID
"""  # noqa: E501 - verbatim
COLLECTION, COLLECTION_VERSION = "fff01947-bf94-43e9-86ca-f6ff6ae45d2c", "2018-09-17T161441.564206Z"
ITEM = {
    "path": "https://dss.dev.data.humancellatlas.org/v1/bundles/ff818282-9735-45fa-a094-e9f2d3d0a954"
    "?version=2019-08-06T170839.843085Z&replica=aws",
    "version": "2019-08-06T170839.843085Z",
    "type": "bundle",
    "uuid": "ff818282-9735-45fa-a094-e9f2d3d0a954",
}

UPLOAD = """#!/usr/bin/env bash

hca dss upload --src-dir data/ --replica aws --staging-bucket upload-test-unittest
"""
REMOVE = "aws s3 rm s3://upload-test-unittest --recursive\n"


@pytest.fixture(scope="module")
def deployment(own):
    """These examples write."""
    return own


def done(result: subprocess.CompletedProcess[str]) -> list[object]:
    """Check that a script ended well and quietly, and return the documents that it printed."""
    assert (result.returncode, result.stderr) == (0, "")
    return documents(result.stdout)


def documents(text: str) -> list[object]:
    """Return the JSON documents that `text` consists of."""
    decoder, found = json.JSONDecoder(), []
    while text := text.lstrip():
        document, end = decoder.raw_decode(text)
        found.append(document)
        text = text[end:]
    return found


def test_put_file(script, stage, hca):
    content = b'{"bundle": {"files": []}}'
    stage(content, SOURCE)
    assert done(script("put_file.sh", PUT_FILE)) == [{"version": "2019-07-30T164352.961501Z"}]
    got = hca("dss", "get-file", "--replica", "aws", "--uuid", "38f6c379-cb78-4a61-9310-f8cc0341c0eb", text=False)
    assert got.stdout == content


def test_put_bundle(script):
    (told,) = done(script("put_bundle.sh", PUT_BUNDLE))
    assert told["version"] == VERSION
    (entry,) = told["manifest"]["files"]
    assert (entry["uuid"], entry["version"], entry["name"]) == (FILE, FILE_VERSION, "process_1.json")
    assert (entry["indexed"], told["manifest"]["creator_uid"]) == (False, 0)


def test_patch_bundle(script, answer):
    done(script("put_bundle.sh", PUT_BUNDLE))
    (told,) = done(script("patch_bundle.sh", PATCH_BUNDLE))
    assert told["uuid"] == BUNDLE
    assert told["version"] > VERSION
    before, after = (
        answer("get-bundle", "--replica", "aws", "--uuid", BUNDLE, "--version", version)["bundle"]
        for version in (VERSION, told["version"])
    )
    assert before["files"] == after["files"]


def test_delete_bundle(script, hca):
    """On gcp, though the bundle was put on aws."""
    done(script("put_bundle.sh", PUT_BUNDLE))
    assert done(script("delete_bundle.sh", DELETE_BUNDLE)) == [{}]
    for replica in ("aws", "gcp"):
        words = ("--replica", replica, "--uuid", BUNDLE, "--version", VERSION)
        assert hca("dss", "get-bundle", *words).returncode == 4
    assert done(script("delete_bundle_aws.sh", DELETE_BUNDLE.replace("gcp", "aws"))) == [{}]
    again = script("patch_bundle.sh", PATCH_BUNDLE)
    assert (again.returncode, again.stdout) == (4, "")
    assert again.stderr.startswith("hca: not_found: ")


def test_collections(script):
    """With `--version`, as is meant."""
    if not shutil.which("jq"):
        pytest.skip("there is no jq here")
    listed, patched, shown, deleted = done(script("collections.sh", COLLECTIONS.replace("--verison", "--version")))
    assert {"uuid": COLLECTION, "version": COLLECTION_VERSION} in listed["collections"]
    assert patched["uuid"] == COLLECTION
    assert patched["version"] > COLLECTION_VERSION
    owner = shown.pop("owner")
    assert shown == {"name": "bar", "description": "foo", "details": {}, "contents": [ITEM]}
    assert owner == "admin@example.org"
    assert deleted == {}


def test_collections_as_printed(script, answer):
    """`--verison` is a typo: an error with a hint; the other lines of the script do their work."""
    if not shutil.which("jq"):
        pytest.skip("there is no jq here")
    text = COLLECTIONS.replace("fff01947", "fff01948")
    result = script("collections.sh", text)
    assert (result.returncode, len(documents(result.stdout))) == (0, 3)
    said = result.stderr.splitlines()
    assert re.fullmatch(r"hca: No such option '--verison'\. .*[Dd]id you mean .*'--version'.*", said[0])
    assert said[1:] == ["try 'hca dss patch-collection --help'"]
    kept = script("put_only.sh", text.partition("ID=")[0].replace("fff01948", "fff01949"))
    assert kept.returncode == 0
    wrong = ("--uuid", COLLECTION.replace("fff01947", "fff01949"), "--verison", COLLECTION_VERSION)
    assert script("typo.sh", "hca dss patch-collection --replica aws " + " ".join(wrong)).returncode == 2
    only = {"uuid": COLLECTION.replace("fff01947", "fff01949"), "version": COLLECTION_VERSION}
    assert answer("get-collections")["collections"] == [only]


@pytest.fixture
def data():
    """The directory that the examples upload: the content of its files by their paths below it."""
    contents = {
        "cell_suspension_0.json": b'{"cells": 4}',
        "reads/lane 1.fastq.gz": b"\x1f\x8b reads",
        "reads/empty.txt": b"",
        "R&D #1 (100%) \u00fc.txt": b"all of it",
    }
    for name, content in contents.items():
        path = Path("data", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return contents


def test_upload(script, data, bucket, hca):
    (told,) = done(script("upload.sh", UPLOAD))
    assert sorted(file["name"] for file in told["files"]) == sorted(data)
    assert len(list(bucket.objects.all())) == len(data)
    where = ("--replica", "aws", "--bundle-uuid", told["bundle_uuid"], "--version", told["version"])
    assert hca("dss", "download", *where).returncode == 0
    folder = Path(f"{told['bundle_uuid']}.{told['version']}")
    assert {name: (folder / name).read_bytes() for name in data} == data
    bucket.objects.all().delete()
    assert list(bucket.objects.all()) == []
    assert hca("dss", "get-file", "--replica", "gcp", "--uuid", told["files"][0]["uuid"]).returncode == 0


@pytest.mark.usefixtures("data")
def test_upload_and_removal_with_the_aws_program(script, bucket, run):
    program = shutil.which("aws")
    if not program or run(program, "--version").returncode:
        pytest.skip("there is no aws program that works here")
    result = script("upload.sh", UPLOAD + REMOVE)
    assert result.returncode == 0, result.stderr
    told, end = json.JSONDecoder().raw_decode(result.stdout)
    assert len(re.findall(r"^delete: s3://upload-test-unittest/", result.stdout[end:], re.MULTILINE)) == 4
    assert list(bucket.objects.all()) == []
    assert len(told["files"]) == 4


def test_the_format_that_is_told_for_changes(answer, ask):
    """Objects with path, type, uuid and version: right for collections; bundles need name and indexed."""
    uuid, version = "ffffaf55-f19c-40e3-aa81-a6c69d357265", "2019-08-01T200147.836832Z"
    item = {"path": "string", "type": "bundle", "uuid": uuid, "version": version}
    words = ("--name", "n", "--description", "d", "--details", "{}", "--replica", "aws", "--version", version)
    made = answer("put-collection", *words, "--uuid", "fff01950-bf94-43e9-86ca-f6ff6ae45d2c", "--contents", "[]")
    where = ("--replica", "aws", "--uuid", made["uuid"], "--version", made["version"])
    answer("patch-collection", *where, "--add-contents", json.dumps([item]))
    assert answer("get-collection", "--replica", "aws", "--uuid", made["uuid"])["contents"] == [item]
    answer("delete-collection", "--replica", "aws", "--uuid", made["uuid"])
    where = ("--replica", "aws", "--uuid", uuid, "--version", version)
    refused = ask("dss", "patch-bundle", *where, "--add-files", json.dumps([item]))
    assert refused.exit_status == 1
    assert "illegal_arguments" in refused.stderr
    assert re.search("'(name|indexed)' is a required property", refused.stderr)
