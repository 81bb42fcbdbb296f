"""The open examples of Python, verbatim but for indentation and ids that the documents lost (DT-020 to DT-031)."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any

import pytest

B, BV = "ffffaf55-f19c-40e3-aa81-a6c69d357265", "2019-08-01T200147.836832Z"

DOWNLOAD = """
from hca.dss import DSSClient

dss = DSSClient()

dss.download(
    bundle_uuid="ffffaf55-f19c-40e3-aa81-a6c69d357265",
    version="2019-08-01T200147.836832Z",
    replica="aws",
    download_dir="download_test",
)
"""

DOWNLOAD_PARTS = """
from hca.dss import DSSClient

dss = DSSClient()

UUID = "ffffaf55-f19c-40e3-aa81-a6c69d357265"
VERSION = "ffffaf55-f19c-40e3-aa81-a6c69d357265"

# Download the metadata only
dss.download(
    bundle_uuid=UUID,
    version=VERSION,
    replica="aws",
    download_dir=".hca_metadata_only"
)

# Download the data only
dss.download(
    bundle_uuid=UUID,
    version=VERSION,
    replica="aws",
    download_dir=".hca_data_only"
)
"""

DOWNLOAD_MANIFEST = """
from hca.dss import DSSClient
import os
from hca.util import tsv
import json
import pprint

from get_bundle_api import fetch_bundle, save_bundle, BUNDLE_JSON

dss = DSSClient()

if not os.path.isfile(BUNDLE_JSON):
    bundle = fetch_bundle()
    save_bundle(bundle)

with open("manifest.tsv", "w", newline='') as manifest:
    writer = tsv.DictWriter(
        manifest,
        fieldnames=(
            "bundle_uuid",
            "bundle_version",
            "file_name",
            "file_uuid",
            "file_version",
            "file_sha256",
            "file_size",
        )
    )
    writer.writeheader()

    with open(BUNDLE_JSON, "w") as jsonfile:
        try:
            data = json.load(jsonfile)
            bundle_uuid, bundle_version = (
                data["bundle"]["uuid"],
                data["bundle"]["version"],
            )
            pprint.pprint(data)
            for content in data["bundle"]["files"]:
                if content["name"].endswith(".json"):
                    writer.writerow(
                        dict(
                            bundle_uuid=bundle_uuid,
                            bundle_version=bundle_version,
                            file_name=content["name"],
                            file_uuid=content["uuid"],
                            file_version=content["version"],
                            file_sha256=content["sha256"],
                            file_size=content["size"],
                        )
                    )

        except ValueError as e:
            print("Not a JSON file: %s" % e)

dss.download_manifest(replica="aws", manifest="manifest.tsv")
"""

GET_BUNDLE = """
import os
import json
import subprocess
from hca.dss import DSSClient

BUNDLE_JSON = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'data', 'get_bundle.json')

def main():
    bundle = fetch_bundle()
    print_bundle(bundle)
    save_bundle(bundle)

def fetch_bundle():
    dss = DSSClient()
    return dss.get_bundle(
        replica="aws", uuid="002aeac5-4d74-462d-baea-88f5c620cb50", version="2019-08-01T200147.836900Z"
    )

def print_bundle(bundle):
    \"\"\"Print a bundle and its contents to the console\"\"\"
    print("Bundle Contents:")
    for file in bundle["bundle"]["files"]:
        print(f"File: {json.dumps(file, indent=4)}")

    print(f'Bundle Creator: {bundle["bundle"]["creator_uid"]}')
    print(f'Bundle UUID   : {bundle["bundle"]["uuid"]}')
    print(f'Bundle Version: {bundle["bundle"]["version"]}')

def save_bundle(bundle):
    \"\"\"Save bundle information to a JSON file. Useful for download_manifest_api.py script.\"\"\"
    if not os.path.exists("data"):
        subprocess.call(["mkdir", "data"])
    with open(BUNDLE_JSON, 'w') as f:
        f.write(json.dumps(bundle))

if __name__=="__main__":
    main()
"""

HEAD_FILE = """
from hca.dss import DSSClient

dss = DSSClient()

print("Calling dss.head_file() with a file UUID:")
response = dss.head_file(
    uuid="6887bd52-8bea-47d9-bbd9-ff71e05faeee",
    replica="aws",
)
if response.status_code==200:
    print("Success!")
    print("Headers: %s"%(response.headers))

print()

# Optionally, add a version
print("Calling dss.head_file() with a file UUID and version:")
response = dss.head_file(
    uuid="6887bd52-8bea-47d9-bbd9-ff71e05faeee",
    replica="aws",
    version="2019-01-30T165057.189000Z",
)
if response.status_code==200:
    print("Success!")
    print("Headers: %s"%(response.headers))
"""

GET_BUNDLES_CHECKOUT = """
from hca.dss import DSSClient

dss = DSSClient()

bundle_checkout_status = dss.get_bundles_checkout(
    replica="aws", checkout_job_id="4de1c603-fa8b-4c07-af37-06159e6951e0"
)

print(f'Bundle checkout status: {bundle_checkout_status["status"]}!')
if bundle_checkout_status["status"] == "SUCCEEDED":
    print(f'File is located at: {bundle_checkout_status["location"]}')
"""

GET_FILE = """
from hca.dss import DSSClient
import json

dss = DSSClient()

json_response = dss.get_file(replica="aws", uuid="666ff3f0-67a1-4ead-82e9-3f96a8c0a9b1")
for content in json_response:
    print(f"{content}: {json.dumps(json_response[content], indent=4)}")
"""

LOGIN = """
from hca.dss import DSSClient

dss = DSSClient()

access_token = "test_access_token"
dss.login(access_token=access_token)
"""

LOGOUT = """
from hca.dss import DSSClient

dss = DSSClient()

dss.logout()
"""

POST_BUNDLES_CHECKOUT = """
from hca.dss import DSSClient

dss = DSSClient()

checkout_id = dss.post_bundles_checkout(uuid="fff746b3-e3eb-496a-88a3-5fa1fa358392", replica="aws")
print(checkout_id)
"""

POST_SEARCH = """
from hca.dss import DSSClient

dss = DSSClient()

# Note:
# Passing es_query={} runs an empty search, which will match all bundles.

# Iterable post_search
for results in dss.post_search.iterate(replica="aws", es_query={}):
    print(results)
    break

# Non-iterable (first page only) post_search
print(dss.post_search(replica='aws', es_query={}))
"""

SUBSCRIPTIONS = """
from hca import HCAConfig
from hca.dss import DSSClient

hca_config = HCAConfig()

hca_config["DSSClient"].swagger_url = f"https://dss.dev.data.humancellatlas.org/v1/swagger.json"

dss = DSSClient(config=hca_config)

# Creates a sub based given a replica and a url
subscription = dss.put_subscription(
    replica="aws",
    callback_url=" https://dcp-cli-tutorials-put-delete-get-sub-api.humancellatlas.org`"
)

callback, owner, replica, uuid = (
    subscription["callback_url"],
    subscription["owner"],
    subscription["replica"],
    subscription["uuid"],
)

# Lists all subs created
print(dss.get_subscriptions(replica="aws"))

# Lists a sub
print(dss.get_subscription(replica="aws", uuid=uuid))

# Deletes a sub based on a UUID
print(dss.delete_subscription(replica="aws", uuid=uuid))
"""

CONFIGURED = """
from hca import HCAConfig
from hca.dss import DSSClient

hca_config = HCAConfig()
hca_config["DSSClient"].swagger_url = f"https://dss.dev.data.humancellatlas.org/v1/swagger.json"
dss = DSSClient(config=hca_config)
"""


@pytest.fixture(scope="module")
def deployment(own):
    """Checkouts and subscriptions are not for the deployment that others read from."""
    return own


def done(result) -> str:
    """Check that a script ended well and quietly, and return what it printed."""
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout


def values(printed: str) -> list[Any]:
    """Return what lines of `print` stand for."""
    return [ast.literal_eval(line) for line in printed.splitlines()]


def contents(folder: str) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


def expected(sample, uuid: str, version: str) -> dict[str, bytes]:
    (bundle,) = [one for one in sample.bundles if (one.uuid, one.version) == (uuid, version)]
    return {name: file.content for name, file in bundle.files}


def test_create_version(script):
    example = "from hca.dss import DSSClient\n\ndss = DSSClient()\n\ndss.create_version()\n"
    assert done(script("create_version_api.py", example)) == ""
    printed = done(script("create_version_api.py", example.replace("dss.create", "print(dss.create") + ")"))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d{6}\.\d{6}Z\n", printed)


def test_download(script, sample):
    assert done(script("download_api.py", DOWNLOAD)) == ""
    got = contents(f"download_test/{B}.{BV}")
    assert got.pop("bundle.json")
    assert got == expected(sample, B, BV)


def test_download_of_parts(script, sample):
    result = script("download_parts_api.py", DOWNLOAD_PARTS)
    assert result.returncode == 1
    assert "ServiceNotFoundError: not_found: Cannot find bundle!" in result.stderr
    assert not Path(".hca_metadata_only").exists()
    done(script("download_parts_api.py", DOWNLOAD_PARTS.replace(f'VERSION = "{B}"', f'VERSION = "{BV}"')))
    for folder in (".hca_metadata_only", ".hca_data_only"):
        assert expected(sample, B, BV).items() <= contents(f"{folder}/{B}.{BV}").items()


def test_download_manifest(script, sample):
    """As printed it truncates the file that it wants to read, so the manifest has only its header; then repaired."""
    Path("get_bundle_api.py").write_text(GET_BUNDLE)
    assert "Not a JSON file" in done(script("download_manifest_api.py", DOWNLOAD_MANIFEST))
    (header,) = Path("manifest.tsv").read_bytes().splitlines(keepends=True)
    assert header.endswith(b"\tfile_size\tfile_path\r\n")
    Path("data/get_bundle.json").unlink()
    repaired = DOWNLOAD_MANIFEST.replace('open(BUNDLE_JSON, "w")', 'open(BUNDLE_JSON, "r")')
    done(script("download_manifest_api.py", repaired))
    header, *rows = Path("manifest.tsv").read_text().splitlines()
    wanted = expected(sample, "002aeac5-4d74-462d-baea-88f5c620cb50", "2019-08-01T200147.836900Z")
    named = {row.split("\t")[2]: row.split("\t")[-1] for row in rows}
    assert {name: Path(path).read_bytes() for name, path in named.items()} == {
        name: data for name, data in wanted.items() if name.endswith(".json")
    }


def test_head_file(script):
    printed = done(script("file_head_api.py", HEAD_FILE))
    assert printed.count("Success!") == 2
    assert printed.upper().count("'X-DSS-SHA256'") == 2


def test_get_bundle(script, tmp_path):
    printed = done(script("get_bundle_api.py", GET_BUNDLE))
    assert "Bundle UUID   : 002aeac5-4d74-462d-baea-88f5c620cb50" in printed
    assert "Bundle Version: 2019-08-01T200147.836900Z" in printed
    saved = json.loads(Path("data/get_bundle.json").read_text())
    assert saved["bundle"]["uuid"] == "002aeac5-4d74-462d-baea-88f5c620cb50"


def test_get_file(script):
    assert "schema_type: " in done(script("get_file_api.py", GET_FILE))


def test_login_and_logout(script):
    assert done(script("login_api.py", LOGIN)) == ""
    assert done(script("logout_api.py", LOGOUT)) == ""


def test_get_bundles_checkout(script):
    status, place = done(script("get_bundles_checkout_api.py", GET_BUNDLES_CHECKOUT)).splitlines()
    assert status == "Bundle checkout status: SUCCEEDED!"
    assert place.startswith("File is located at: s3://")
    assert place.endswith("/bundles/fff54b87-26fe-42a9-be54-3f5a7ef8176e.2019-03-26T131455.775610Z")


def test_post_bundles_checkout(script):
    (answer,) = values(done(script("post_bundles_checkout_api.py", POST_BUNDLES_CHECKOUT)))
    checkout = GET_BUNDLES_CHECKOUT.replace("4de1c603-fa8b-4c07-af37-06159e6951e0", answer["checkout_job_id"])
    assert "Bundle checkout status: " in done(script("get_bundles_checkout_api.py", checkout))


def test_post_search(script):
    one, page = values(done(script("post_search_api.py", POST_SEARCH)))
    assert one == page["results"][0]
    assert one.keys() == {"bundle_fqid", "bundle_url", "search_score"}
    assert page["es_query"] == {}


def test_subscriptions(script, deployment):
    text = SUBSCRIPTIONS.replace("https://dss.dev.data.humancellatlas.org", deployment.url.removesuffix("/v1"))
    every, one, deleted = values(done(script("subscriptions_api.py", text)))
    assert every == {"subscriptions": [one]}
    assert one["callback_url"] == "https://dcp-cli-tutorials-put-delete-get-sub-api.humancellatlas.org"
    assert (one["owner"], one["replica"]) == ("admin@example.org", "aws")
    assert deleted.keys() == {"timeDeleted"}


def test_a_configured_client(script, deployment):
    here = CONFIGURED.replace("https://dss.dev.data.humancellatlas.org", deployment.url.removesuffix("/v1"))
    listing = 'print(len(list(dss.get_bundles_all.iterate(replica="aws"))))\n'
    assert int(done(script("configured.py", here + listing))) > 60
