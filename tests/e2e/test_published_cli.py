"""The open examples of the command line, verbatim but for a checksum, a size and two ids (DT-001 to DT-019)."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from waiting import until

B, BV = "ffffaf55-f19c-40e3-aa81-a6c69d357265", "2019-08-01T200147.836832Z"
BUNDLE_KEYS = {"creator_uid", "files", "uuid", "version"}
FILE_KEYS = {"name", "uuid", "version", "content-type", "crc32c", "indexed", "s3_etag", "sha1", "sha256", "size"}

MANIFEST = r"""#!/usr/bin/env bash
MANIFEST="manifest.tsv"

# Make the manifest file
cat /dev/null > ${MANIFEST}

echo -e "bundle_uuid\tbundle_version\tfile_name\tfile_uuid\tfile_version\tfile_sha256\tfile_size\tfile_path\n" >> ${MANIFEST}

echo -e "ffffaf55-f19c-40e3-aa81-a6c69d357265\t2019-08-01T200147.836832Z\tlinks.json\tdbf7bd27-b58e-431d-ba05-6a48f29e7cef\t2019-08-03T150636.118831Z\tda4df14eb39cacdff01a08f27685534822c2d40adf534ea7b3e4adf261b9079a\t2081\t.hca/v2/files_2_4/da/4df1/da4df14eb39cacdff01a08f27685534822c2d40adf534ea7b3e4adf261b9079a\n" >> ${MANIFEST}

echo "manifest.json file: ${MANIFEST}"

# Download files in the manifest
hca dss download-manifest --replica aws --manifest ${MANIFEST}
"""  # noqa: E501 - verbatim


SUBSCRIPTIONS = """#!/usr/bin/env bash

# Creates a sub based given a replica and a url
instance_info=$(hca dss put-subscription --callback-url https://dcp-cli-tutorials-put-get-delete-sub.data.humancellatlas.org --replica aws)

ID=`echo ${instance_info} | jq -r '.uuid'`

echo $ID

# Lists all of subs created
hca dss get-subscriptions --replica aws

# List a sub
hca dss get-subscription --replica aws --uuid $ID

# Deletes a sub based on a UUID
hca dss delete-subscription --replica aws --uuid $ID
"""  # noqa: E501 - verbatim


@pytest.fixture(scope="module")
def deployment(own):
    """Checkouts and subscriptions are not for the deployment that others read from."""
    return own


def listed(sample, uuid: str, version: str) -> dict[str, object]:
    """Return the files of a bundle of the sample by name."""
    (bundle,) = [one for one in sample.bundles if (one.uuid, one.version) == (uuid, version)]
    return dict(bundle.files)


def test_create_version(script):
    result = script("create_version.sh", "#!/usr/bin/env bash\nhca dss create-version\n")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d{6}\.\d{6}Z\n", result.stdout)


def test_download(script, sample):
    result = script(
        "download.sh",
        "#!/usr/bin/env bash\n"
        "hca dss download --replica aws --bundle-uuid ffffaf55-f19c-40e3-aa81-a6c69d357265 "
        "--version 2019-08-01T200147.836832Z --download-dir download_test\n",
    )
    assert (result.returncode, result.stderr) == (0, "")
    folder = Path("download_test", f"{B}.{BV}")
    contents = {path.name: path.read_bytes() for path in folder.iterdir()}
    document = json.loads(contents.pop("bundle.json"))
    assert contents == {name: file.content for name, file in listed(sample, B, BV).items()}
    assert document["bundle"].keys() == BUNDLE_KEYS
    assert all(file.keys() == FILE_KEYS for file in document["bundle"]["files"])
    assert (document["bundle"]["uuid"], document["bundle"]["version"]) == (B, BV)
    report = json.loads(result.stdout)
    assert (report["files"], report["bundles"]) == (16, [f"{B}.{BV}"])


def manifest_script(hca) -> tuple[str, str]:
    """Return the manifest example with the checksum, size and version that links.json has here, and the checksum."""
    found = hca(
        "dss", "get-bundle", "--replica", "aws", "--uuid", B, "--query", "bundle.files[?name=='links.json']|[0]"
    )
    file = json.loads(found.stdout)
    sha256 = file["sha256"]
    text = MANIFEST.replace("da/4df1/", f"{sha256[:2]}/{sha256[2:6]}/").replace("2081", str(file["size"]))
    text = text.replace("da4df14eb39cacdff01a08f27685534822c2d40adf534ea7b3e4adf261b9079a", sha256)
    assert (file["uuid"], file["version"]) == ("dbf7bd27-b58e-431d-ba05-6a48f29e7cef", "2019-08-03T150636.118831Z")
    return text, sha256


def test_download_manifest(script, hca, sample):
    text, sha256 = manifest_script(hca)
    result = script("download_manifest.sh", text)
    assert (result.returncode, result.stderr) == (0, "")
    stored = f".hca/v2/files_2_4/{sha256[:2]}/{sha256[2:6]}/{sha256}"
    assert Path(stored).read_bytes() == listed(sample, B, BV)["links.json"].content
    header, row = Path("manifest.tsv").read_text().splitlines()  # the blank lines are gone
    assert header.split("\t")[-1] == "file_path"
    assert row.split("\t")[-1] == stored


def test_download_manifest_under_sh(script, hca):
    text, _ = manifest_script(hca)
    result = script("download_manifest.sh", text, shell="dash")
    assert result.returncode == 2
    assert "-e " in result.stderr
    assert not Path(".hca").exists()


def test_a_manifest_with_blanks_for_tabs(hca):
    """As the documents show it."""
    Path("manifest.tsv").write_text(
        "bundle_uuid    bundle_version    file_name    file_uuid    file_version    file_sha256    file_size\n"
    )
    result = hca("dss", "download-manifest", "--replica", "aws", "--manifest", "manifest.tsv")
    assert result.returncode == 2
    assert "tab" in result.stderr


def test_file_head(script):
    result = script(
        "file_head.sh",
        "#!/usr/bin/env bash\n"
        "# Get the latest version\n"
        "hca dss head-file --replica aws --uuid 666ff3f0-67a1-4ead-82e9-3f96a8c0a9b1\n"
        "# Get the specified version\n"
        "hca dss head-file --replica aws --uuid 6887bd52-8bea-47d9-bbd9-ff71e05faeee "
        "--version 2019-01-30T165057.189000Z\n",
    )
    assert (result.returncode, result.stderr) == (0, "")
    latest, given = documents(result.stdout)
    assert latest["X-DSS-VERSION"] == "2019-02-19T171710.540000Z"
    for headers in (latest, given):
        assert {"X-DSS-SHA1", "X-DSS-S3-ETAG", "X-DSS-SHA256", "X-DSS-CONTENT-TYPE"} < set(headers)
        assert {"X-DSS-CRC32C", "X-DSS-CREATOR-UID", "X-DSS-VERSION", "X-DSS-SIZE"} < set(headers)
    assert given["X-DSS-VERSION"] == "2019-01-30T165057.189000Z"
    assert given["X-DSS-CONTENT-TYPE"] == 'application/json; dcp-type="metadata/biomaterial"'


def documents(text: str) -> list[dict[str, object]]:
    """Return the JSON documents that `text` consists of."""
    decoder, found, position = json.JSONDecoder(), [], 0
    while position < len(text.rstrip()):
        document, position = decoder.raw_decode(text, position)
        found.append(document)
        position += len(text[position:]) - len(text[position:].lstrip())
    return found


def test_get_bundle(script):
    result = script(
        "get_bundle.sh",
        "#!/usr/bin/env bash\n"
        "hca dss get-bundle --replica aws --uuid fff746b3-e3eb-496a-88a3-5fa1fa358392 "
        "--version 2019-08-01T200147.130156Z\n",
    )
    assert (result.returncode, result.stderr) == (0, "")
    bundle = json.loads(result.stdout)["bundle"]
    assert bundle.keys() == BUNDLE_KEYS
    assert (bundle["uuid"], bundle["version"]) == ("fff746b3-e3eb-496a-88a3-5fa1fa358392", "2019-08-01T200147.130156Z")
    assert all(file.keys() == FILE_KEYS for file in bundle["files"])


def test_get_bundles_checkout(script):
    result = script(
        "get_bundles_checkout.sh",
        "#!/usr/bin/env bash\n"
        "hca dss get-bundles-checkout --replica aws --checkout-job-id 4de1c603-fa8b-4c07-af37-06159e6951e0\n",
    )
    assert (result.returncode, result.stderr) == (0, "")
    told = json.loads(result.stdout)
    assert told.keys() == {"status", "location"}
    assert told["status"] == "SUCCEEDED"
    place = r"s3://[a-z-]+/bundles/fff54b87-26fe-42a9-be54-3f5a7ef8176e\.2019-03-26T131455\.775610Z"
    assert re.fullmatch(place, told["location"])


def test_get_file(script, sample):
    result = script(
        "get_file.sh",
        "#!/usr/bin/env bash\nhca dss get-file --replica aws --uuid 666ff3f0-67a1-4ead-82e9-3f96a8c0a9b1\n",
    )
    assert (result.returncode, result.stderr) == (0, "")
    (file,) = [one for one in sample.files() if one.uuid == "666ff3f0-67a1-4ead-82e9-3f96a8c0a9b1"]
    assert result.stdout.encode() == file.content
    assert json.loads(result.stdout)["schema_type"] == "file"


def test_login_and_logout(script, env):
    stored = Path(env["XDG_CONFIG_HOME"])
    result = script("login.sh", "#!/usr/bin/env bash\nhca dss login --access-token test\n")
    assert (result.returncode, result.stderr) == (0, "")
    assert [path for path in stored.rglob("*") if path.is_file() and b"test" in path.read_bytes()]
    result = script("logout.sh", "#!/usr/bin/env bash\nhca dss logout\n")
    assert (result.returncode, result.stdout) == (0, "")
    assert result.stderr.startswith("hca: logged out of http://127.0.0.1:")
    assert not [path for path in stored.rglob("*") if path.is_file() and b"test" in path.read_bytes()]


def test_post_bundles_checkout(script, hca):
    result = script(
        "post_bundles_checkout.sh",
        "#!/usr/bin/env bash\n"
        "hca dss post-bundles-checkout --replica aws --uuid fff746b3-e3eb-496a-88a3-5fa1fa358392\n",
    )
    assert (result.returncode, result.stderr) == (0, "")
    told = json.loads(result.stdout)
    assert told.keys() == {"checkout_job_id"}
    words = ("dss", "get-bundles-checkout", "--replica", "aws", "--checkout-job-id", told["checkout_job_id"])
    seen = json.loads(hca(*words).stdout)
    # It takes a second at least, and a busy machine may take longer to ask.
    assert seen == {"status": "RUNNING"} or seen.keys() == {"status", "location"}
    done = until(lambda: (state := json.loads(hca(*words).stdout))["status"] != "RUNNING" and state)
    assert done["status"] == "SUCCEEDED"
    assert done["location"].endswith("/bundles/fff746b3-e3eb-496a-88a3-5fa1fa358392.2019-08-01T200147.130156Z")


@pytest.mark.parametrize("shell", ["bash", "zsh", "dash"])
def test_post_search(script, shell):
    text = "#!/usr/bin/env bash\nhca dss post-search --replica aws --es-query {} --no-paginate\n"
    result = script("post_search.sh", text, shell=shell)
    assert (result.returncode, result.stderr) == (0, "")
    page = json.loads(result.stdout)
    assert page["es_query"] == {}
    assert page["total_hits"] >= len(page["results"])
    for found in page["results"]:
        assert found.keys() == {"bundle_fqid", "bundle_url", "search_score"}
        uuid, version = found["bundle_fqid"].split(".", 1)
        assert found["bundle_url"].endswith(f"/v1/bundles/{uuid}?version={version}&replica=aws")
        assert found["search_score"] is None
    fqids = [found["bundle_fqid"] for found in page["results"]]
    assert "fff807ba-bc98-4247-a560-49fb90c9675c.2019-08-01T200147.111027Z" in fqids


def test_subscriptions(script):
    """Read in order, the examples log in with a dummy token and out again before this."""
    if not shutil.which("jq"):
        pytest.skip("there is no jq here")
    script("login.sh", "#!/usr/bin/env bash\nhca dss login --access-token test\n")
    script("logout.sh", "#!/usr/bin/env bash\nhca dss logout\n")
    result = script("subscriptions.sh", SUBSCRIPTIONS)
    assert (result.returncode, result.stderr) == (0, "")
    uuid, _, rest = result.stdout.partition("\n")
    every, one, deleted = documents(rest)
    assert one in every["subscriptions"]
    assert one["uuid"] == uuid
    assert (one["replica"], one["owner"]) == ("aws", "admin@example.org")
    assert one["callback_url"] == "https://dcp-cli-tutorials-put-get-delete-sub.data.humancellatlas.org"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d{6}\.\d{6}Z", deleted["timeDeleted"])


def test_a_callback_url_that_was_lost(script, hca):
    """One of the two documents has lost the URL."""
    result = script("subscribe.sh", "#!/usr/bin/env bash\nhca dss put-subscription --callback-url --replica aws\n")
    assert (result.returncode, result.stdout) == (2, "")
    assert "--callback-url" in result.stderr.splitlines()[0]
    assert json.loads(hca("dss", "get-subscriptions", "--replica", "aws").stdout) == {"subscriptions": []}


def test_refresh_swagger(script, deployment):
    before = len(deployment.requests("GET", "/v1/swagger.json"))
    result = script("refresh_swagger.sh", "#!/usr/bin/env bash\nhca dss refresh-swagger\n")
    assert (result.returncode, result.stderr) == (0, "")
    assert len(deployment.requests("GET", "/v1/swagger.json")) == before + 1
