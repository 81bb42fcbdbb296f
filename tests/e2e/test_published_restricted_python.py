"""The restricted examples of Python, verbatim but for the address of the service (DT-031, DT-041 to DT-046)."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest

BUNDLE, VERSION = "98f6c379-cb78-4a61-9310-f8cc0341c0ea", "2019-08-02T202456.025543Z"

DELETE_BUNDLE = """
from hca import HCAConfig
from hca.dss import DSSClient

hca_config = HCAConfig()

hca_config["DSSClient"].swagger_url = f"https://dss.dev.data.humancellatlas.org/v1/swagger.json"

dss = DSSClient(config=hca_config)

print(dss.delete_bundle(reason='test', uuid='98f6c379-cb78-4a61-9310-f8cc0341c0ea', version='2019-08-02T202456.025543Z', replica='aws'))
"""  # noqa: E501 - verbatim

PUT_BUNDLE = """
from hca import HCAConfig
from hca.dss import DSSClient
import os

hca_config = HCAConfig()

hca_config["DSSClient"].swagger_url = f"https://dss.dev.data.humancellatlas.org/v1/swagger.json"
dss = DSSClient(config=hca_config)

dss.put_bundle(
    creator_uid=0,
    uuid="98f6c379-cb78-4a61-9310-f8cc0341c0ea",
    version="2019-08-02T202456.025543Z",
    replica="aws",
    files=[
        {
            "uuid": "2196a626-38da-4489-8b2f-645d342f6aab",
            "version": "2019-07-10T001103.121000Z",
            "name": "process_1.json1",
            "indexed": False,
        }
    ],
)
"""

PATCH_BUNDLE = """
from hca import HCAConfig
from hca.dss import DSSClient

hca_config = HCAConfig()

hca_config["DSSClient"].swagger_url = f"https://dss.dev.data.humancellatlas.org/v1/swagger.json"
dss = DSSClient(config=hca_config)

print(dss.patch_bundle(uuid='98f6c379-cb78-4a61-9310-f8cc0341c0ea', version='2019-08-02T202456.025543Z', replica='aws'))
"""

PUT_FILE = """
from hca import HCAConfig
from hca.dss import DSSClient

hca_config = HCAConfig()

hca_config["DSSClient"].swagger_url = f"https://dss.dev.data.humancellatlas.org/v1/swagger.json"
dss = DSSClient(config=hca_config)

print(
    dss.put_file(
        uuid="ead6434d-efb5-4554-98bc-027e160547c5",
        version="2019-07-30T174916.268875Z",
        creator_uid=0,
        source_url="s3://jeffwu-test/ead6434d-efb5-4554-98bc-027e160547c5/get_bundle.json",
    )
)
"""

COLLECTIONS = """
from hca import HCAConfig
from hca.dss import DSSClient
import uuid
import os

hca_config = HCAConfig()

hca_config["DSSClient"].swagger_url = f"https://dss.dev.data.humancellatlas.org/v1/swagger.json"
dss = DSSClient(config=hca_config)

# Creates a new collection
collection = dss.put_collection(
    uuid=str(uuid.uuid4()),
    version="2018-09-17T161441.564206Z",  # arbitrary
    description="foo",
    details={},
    replica="aws",
    name="bar",
    contents=[
        {
            "type": "bundle",
            "uuid": "ff818282-9735-45fa-a094-e9f2d3d0a954",  # overwrite if necessary
            "version": "2019-08-06T170839.843085Z",  # arbitrary
            "path": "https://dss.dev.data.humancellatlas.org/v1/bundles/ff818282-9735-45fa-a094-e9f2d3d0a954?version=2019-08-06T170839.843085Z&replica=aws",
        }
    ],
)

uuid, version = collection["uuid"], collection["version"]

# Gets a list of collections
print(dss.get_collections(replica="aws"))

# Can add/remove files from a collection
print(dss.patch_collection(replica="aws", uuid=uuid, version=version))

# Gets a collection based on replcia and uuid
print(dss.get_collection(replica="aws", uuid=uuid))

# Deletes a colelction based on replica and uuid
print(dss.delete_collection(replica="aws", uuid=uuid))
"""

UPLOAD = """
from hca import HCAConfig
from hca.dss import DSSClient
import boto3

s3 = boto3.resource('s3')
bucket = s3.Bucket('upload-test-unittest')

hca_config = HCAConfig()

hca_config["DSSClient"].swagger_url = f"https://dss.dev.data.humancellatlas.org/v1/swagger.json"
dss = DSSClient(config=hca_config)

print(dss.upload(src_dir="data/", replica="aws", staging_bucket="upload-test-unittest"))

bucket.objects.all().delete()

print("Upload successful")
"""


@pytest.fixture(scope="module")
def deployment(own):
    """These examples write."""
    return own


@pytest.fixture
def example(script, deployment):
    """A function that runs an example with the address of the deployment and returns what its lines of output mean."""

    def run(text: str) -> list[Any]:
        here = text.replace('f"https://dss.dev.data.humancellatlas.org/', f'f"{deployment.url.removesuffix("v1")}')
        result = script("example.py", here)
        assert (result.returncode, result.stderr) == (0, "")
        return [ast.literal_eval(line) for line in result.stdout.splitlines() if line != "Upload successful"]

    return run


def test_bundles(example, client):
    assert example(PUT_BUNDLE) == []
    bundle = client.get_bundle(uuid=BUNDLE, replica="aws")["bundle"]
    assert (bundle["version"], bundle["creator_uid"]) == (VERSION, 0)
    assert [(file["name"], file["indexed"]) for file in bundle["files"]] == [("process_1.json1", False)]
    (patched,) = example(PATCH_BUNDLE)
    assert patched["uuid"] == BUNDLE
    assert client.get_bundle(uuid=BUNDLE, replica="aws")["bundle"]["version"] == patched["version"] > VERSION
    assert example(DELETE_BUNDLE) == [{}]
    versions = [one["version"] for one in client.get_bundles_all.iterate(replica="aws", prefix=BUNDLE)]
    assert versions == [patched["version"]]


def test_put_file(example, stage, client):
    content = b'{"bundle": {}}'
    stage(content, "s3://jeffwu-test/ead6434d-efb5-4554-98bc-027e160547c5/get_bundle.json")
    assert example(PUT_FILE) == [{"version": "2019-07-30T174916.268875Z"}]
    assert client.get_file(uuid="ead6434d-efb5-4554-98bc-027e160547c5", replica="aws") == {"bundle": {}}


def test_collections(example):
    listed, patched, shown, deleted = example(COLLECTIONS)
    (mine,) = listed["collections"]
    assert mine["version"] == "2018-09-17T161441.564206Z"
    assert patched["uuid"] == mine["uuid"]
    assert (shown["name"], shown["description"], shown["details"]) == ("bar", "foo", {})
    (item,) = shown["contents"]
    assert item.keys() == {"type", "uuid", "version", "path"}
    assert item["path"].startswith("https://")
    assert item["path"].endswith("ff818282-9735-45fa-a094-e9f2d3d0a954?version=2019-08-06T170839.843085Z&replica=aws")
    assert deleted == {}


def test_upload(example, bucket, client):
    contents = {"a.json": b"{}", "sub/b.txt": b"b"}
    for name, content in contents.items():
        Path("data", name).parent.mkdir(parents=True, exist_ok=True)
        Path("data", name).write_bytes(content)
    (told,) = example(UPLOAD)
    assert told.keys() == {"bundle_uuid", "creator_uid", "replica", "version", "files"}
    assert list(bucket.objects.all()) == []
    client.download(told["bundle_uuid"], "aws", told["version"])
    folder = Path(f"{told['bundle_uuid']}.{told['version']}")
    assert {name: (folder / name).read_bytes() for name in contents} == contents
