"""What Python callers see, as the documents show it, against a real deployment (DS-001 to DS-049)."""

from __future__ import annotations

import inspect
import io
import re
import time
from pathlib import Path

import jwt
import pytest

from hca import HCAConfig
from hca.dss import DSSClient, DSSFile, TaskRunner
from hca.util import tsv
from hca_core.errors import ServiceError

B, BV = "ffffaf55-f19c-40e3-aa81-a6c69d357265", "2019-08-01T200147.836832Z"
JSON_FILE, OTHER_FILE = "666ff3f0-67a1-4ead-82e9-3f96a8c0a9b1", "1330ef1a-7a21-40c6-84c5-5cec18204028"

# As published: `name` is required (shown with or without a default of None), `name=value` is not.
SIGNATURES = {
    "delete_bundle": "reason uuid replica version=None",
    "delete_collection": "uuid replica",
    "get_collection": "uuid replica version=None",
    "delete_subscription": "uuid replica subscription_type='jmespath'",
    "get_subscription": "uuid replica subscription_type='jmespath'",
    "get_subscriptions": "replica subscription_type='jmespath'",
    "get_bundle": "uuid version=None replica directurls=None presignedurls=None token=None per_page=500 start_at=None",
    "get_bundles_all": "replica prefix=None token=None per_page=100 search_after=None",
    "get_bundles_checkout": "replica checkout_job_id",
    "get_collections": "per_page=500 start_at=None",
    "get_event": "uuid version replica",
    "get_events": "from_date=None to_date=None replica per_page=1 token=None",
    "get_file": "uuid replica version=None token=None directurl=None content_disposition=None",
    "head_file": "uuid replica version=None",
    "patch_bundle": "add_files=None remove_files=None uuid replica version",
    "patch_collection": (
        "add_contents=None description=None details=None name=None remove_contents=None uuid replica version"
    ),
    "post_bundles_checkout": "destination=None email=None uuid version=None replica",
    "post_search": "es_query output_format='summary' replica per_page=100 search_after=None",
    "put_bundle": "creator_uid files uuid version replica",
    "put_collection": "contents description details name replica uuid version",
    "put_file": "creator_uid source_url uuid version",
    "put_subscription": (
        "attachments=None callback_url encoding='application/json' es_query=None form_fields={} hmac_key_id=None "
        "hmac_secret_key=None jmespath_query=None method='POST' payload_form_field='payload' replica"
    ),
    "download": (
        "bundle_uuid replica version='' download_dir='' metadata_filter=('*',) data_filter=('*',) no_metadata=False "
        "no_data=False num_retries=10 min_delay_seconds=0.25 order=None"
    ),
    "download_manifest": (
        "manifest replica layout='none' no_metadata=False no_data=False num_retries=10 min_delay_seconds=0.25 "
        "download_dir='' order=None"
    ),
    "download_collection": "uuid replica version=None download_dir='' order=None",
    "upload": "src_dir replica staging_bucket timeout_seconds=1200 no_progress=False bundle_uuid=None",
    "create_version": "",
    "login": "access_token='' remote=False",
    "logout": "",
    "expired_token": "",
    "clear_cache": "",
}


@pytest.mark.parametrize("name", SIGNATURES)
def test_signatures(client, name):
    told = []
    for parameter in inspect.signature(getattr(client, name)).parameters.values():
        is_required = parameter.name in SIGNATURES[name].split()
        told.append(parameter.name if is_required else f"{parameter.name}={parameter.default!r}")
    assert " ".join(told) == SIGNATURES[name]


@pytest.mark.parametrize("name", SIGNATURES)
def test_every_method_tells_its_parameters(client, name):
    text = inspect.getdoc(getattr(client, name))
    assert text
    assert not re.search(r"\{prog\}|sphinx", text)
    for parameter in inspect.signature(getattr(client, name)).parameters:
        assert parameter in text


def test_ways_to_make_a_client(client, deployment):
    url = f"{deployment.url}/swagger.json"
    config = HCAConfig()
    config["DSSClient"].swagger_url = url
    for made in (DSSClient(None, url), DSSClient(swagger_url=url), DSSClient(config=config), DSSClient(tries=2)):
        assert made.get_bundle(uuid=B, replica="aws")["bundle"]["version"] == BV
        made.session.close()
    with pytest.raises(TypeError, match="colour"):
        DSSClient(colour="red")


def test_pages_are_iterated_on_instance_and_class(client, living):
    wanted = [(one.uuid, one.version) for one in living]
    for bundles in (client.get_bundles_all, DSSClient.get_bundles_all):
        found = bundles.iterate(replica="aws", per_page=10)
        assert [(one["uuid"], one["version"]) for one in found] == wanted
    assert len(client.get_bundles_all(replica="aws", per_page=10)["bundles"]) == 10
    paged = [name for name in SIGNATURES if hasattr(getattr(client, name), "iterate")]
    assert paged == ["get_bundle", "get_bundles_all", "get_collections", "get_events", "post_search"]


def test_contents(client, sample):
    contents = {one.uuid: one.content for one in sample.files()}
    assert isinstance(client.get_file(uuid=JSON_FILE, replica="aws"), dict)
    assert client.get_file(uuid=OTHER_FILE, replica="aws") == contents[OTHER_FILE]
    for uuid in (JSON_FILE, OTHER_FILE):
        received = b""
        with client.get_file.stream(uuid=uuid, replica="aws") as fh:
            while True:
                chunk = fh.raw.read(1024)
                received += chunk
                if not chunk:
                    break
        assert received == contents[uuid]


def test_arguments(client):
    with pytest.raises(TypeError, match="replica"):
        client.get_bundle(uuid=B)
    assert client.get_collections(replica="aws") == {"collections": []}
    files = client.get_bundle(uuid=B, replica="aws", presignedurls=True)["bundle"]["files"]
    assert all(file["url"].startswith("http://127.0.0.1:") for file in files)
    with pytest.raises(ValueError, match="metadata"):
        client.download(B, "aws", no_metadata=True, metadata_filter=("a*",))
    with pytest.raises(ValueError, match="data"):
        client.download(B, "aws", no_data=True, data_filter=("a*",))


def test_errors_tell_code_and_text(client):
    with pytest.raises(ServiceError) as caught:
        client.get_bundle(uuid="00000000-0000-0000-0000-000000000000", replica="aws")
    assert (caught.value.code, caught.value.reason, caught.value.title) == (404, "not_found", "Cannot find bundle!")
    assert re.fullmatch(r"[0-9a-f-]{36}", caught.value.request_id)


def test_versions_are_returned_not_printed(client, capsys):
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d{6}\.\d{6}Z", client.create_version())
    assert capsys.readouterr().out == ""


def test_expired_tokens(client, monkeypatch):
    monkeypatch.delenv("HCA_CREDENTIALS_FILE")
    assert client.expired_token() is False
    for seconds, expired in ((5, True), (3600, False)):
        token = jwt.encode({"exp": int(time.time()) + seconds}, "k" * 32)
        monkeypatch.setenv("HCA_TOKEN", token)
        assert client.expired_token() is expired


def test_the_description_is_fetched_anew(client, deployment):
    client.get_bundle(uuid=B, replica="aws")
    before = len(deployment.requests("GET", "/v1/swagger.json"))
    client.clear_cache()
    client.get_bundle(uuid=B, replica="aws")
    assert len(deployment.requests("GET", "/v1/swagger.json")) == before + 1


def test_references_of_a_description_are_resolved():
    text = '{"paths": {"/x": {"$ref": "#/definitions/x"}}, "definitions": {"x": {"get": {}}}}'
    document = DSSClient.load_swagger_json(io.StringIO(text))
    assert document["paths"]["/x"] == {"get": {}}


def test_the_tuple_of_a_file():
    assert DSSFile._fields == ("name", "uuid", "version", "sha256", "size", "indexed", "replica")
    file = DSSFile.for_bundle_manifest(b"{}", B, BV, "aws")
    assert (file.size, file[6], file.count("aws"), file.index("aws")) == (2, "aws", 1, 6)
    assert file.sha256 == "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"


def test_tasks_that_make_tasks():
    done = []
    with TaskRunner(threads=2) as runner:

        def outer():
            done.append("outer")
            runner.submit("inner", lambda: done.append("inner"))

        runner.submit("outer", outer)
        runner.wait_for_futures()
    assert done == ["outer", "inner"]


def test_tables_of_tabs():
    with open("t.tsv", "w", newline="") as stream:
        writer = tsv.DictWriter(stream, fieldnames=("a", "b"))
        writer.writeheader()
        writer.writerow({"a": 1, "b": "x y"})
    assert Path("t.tsv").read_bytes().split() == [b"a", b"b", b"1", b"x", b"y"]
    assert Path("t.tsv").read_bytes().startswith(b"a\tb")
    with open("t.tsv", newline="") as stream:
        assert list(tsv.DictReader(stream)) == [{"a": "1", "b": "x y"}]
