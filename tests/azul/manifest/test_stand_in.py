"""Manifests of the stand-in for Azul, in both of its modes, and with the faults that it can have."""

from __future__ import annotations

import itertools
import json

import pytest

from hca_azul.client import AzulClient
from hca_azul.errors import AzulUnavailableError
from hca_core.errors import ExitStatus

QUICK = {"tries": 3, "first_wait": 0.01, "most_wait": 0.02}
ORDER = "PUT /fetch/manifest/files"
STORED = "GET /signed/manifests/*"


_sizes = itertools.count(10**12)


def all_files():
    """Return filters that all files meet, as nobody has ordered: a manifest that is there costs no job."""
    return {"fileSize": {"within": [[0, next(_sizes)]]}}


def client(standin, **settings):
    return AzulClient(url=standin.url, **QUICK, **settings)


@pytest.fixture
def azul(standin):
    with client(standin) as made:
        yield made


def rows(azul, **settings):
    with azul.manifest(**settings).rows() as found:
        return list(found)


def test_rows_are_the_files_of_the_index(both):
    with client(both) as azul:
        found = rows(azul)
        files = {hit["files"][0]["uuid"]: hit["files"][0] for hit in azul.files()}
    by_uuid = {row.uuid: row for row in found}
    assert len(by_uuid) == len(found) > 1000
    assert set(files) < set(by_uuid)  # the chunks of zarr stores are in manifests only
    for uuid, file in files.items():
        row = by_uuid[uuid]
        assert (row.name, row.size, row.sha256) == (file["name"], file["size"], file["sha256"])
        assert row.azul_url == (file.get("azul_url") or file.get("url") or "")
        assert row.mirror_uri == (file.get("azul_mirror_uri") or "")
        assert row.drs_uri == (file["drs_uri"] or "")


def test_unusual_rows(azul):
    found = {row.name: row for row in rows(azul) if row.project == "RetinaSpecialCases"}
    lost = found["lost.bam"]
    assert (lost.azul_url, lost.drs_uri, lost.mirror_uri) == ("", "", "")
    chunks = [row for name, row in found.items() if ".zarr/" in name]
    assert len(chunks) == 4
    assert len({row.document_id for row in chunks}) == 1
    assert len({row.uuid for row in chunks}) == 4


def test_a_manifest_for_curl_lists_the_same(both):
    with client(both) as azul:
        compact = {(row.uuid, row.version): row for row in rows(azul)}
        curl = {(row.uuid, row.version): row for row in rows(azul, format="curl")}
    assert set(curl) == set(compact)
    for key, row in curl.items():
        assert bool(row.azul_url) == bool(compact[key].azul_url)
        if row.azul_url:
            assert set(row.bundle_uuids) <= set(compact[key].bundle_uuids)


@pytest.mark.parametrize(
    "faults",
    [
        [{"route": ORDER, "calls": "1", "job": "failed", "polls": 1}],
        [{"route": ORDER, "calls": "1", "lifetime": 0}],
        [{"route": ORDER, "calls": "1-2", "status": 503}],
        [{"route": ORDER, "calls": "1-2", "status": 429, "headers": {"Retry-After": "0"}, "body": "<html>slow</html>"}],
        [{"route": STORED, "calls": "1", "status": 404}],
        [{"route": STORED, "calls": "1", "status": 403}],
        [{"route": STORED, "calls": "1", "cut": 5000}],
        [{"route": STORED, "calls": "1", "reset": True}],
        [{"route": STORED, "calls": "1", "cut": 5000}, {"route": STORED, "calls": "2-3", "status": 403}],
    ],
    ids=["failed", "ended", "down", "firewall", "gone", "refused", "cut", "reset", "ended-on-the-way"],
)
def test_faults_that_pass(standin, faults):
    with client(standin, catalog="dcp45") as azul:  # the small one
        whole = rows(azul)
        standin.scripted(*faults)
        assert rows(azul, filters=all_files()) == whole


def test_faults_that_stay(standin, run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    standin.scripted({"route": ORDER, "job": "failed", "polls": 1})
    outcome = run("create-manifest", "--to", "x", "--filters", json.dumps(all_files()))
    assert outcome.exit_status == ExitStatus.NETWORK
    assert "could not make the manifest" in outcome.stderr
    assert "Traceback" not in outcome.stderr
    assert list(tmp_path.iterdir()) == []


def test_manifests_that_take_too_long(standin, azul):
    standin.scripted({"route": ORDER, "polls": 1000})
    with pytest.raises(AzulUnavailableError, match="not ready within"):
        azul.manifest(all_files(), timeout=0.3)


def test_too_many_filters_for_a_url(azul):
    found = rows(azul)[:300]
    filters = {"fileId": {"is": sorted(row.uuid for row in found)}}
    assert {row.uuid for row in rows(azul, filters=filters)} <= {row.uuid for row in found}


def test_formats_are_those_of_the_service(both, hca):
    names = ["compact", "curl", "verbatim.jsonl"]
    outcome = hca("azul", "create-manifest", "--format", "x", env=both.environment)
    for name in names:
        assert name in outcome.stderr
    assert ("terra.bdbag" in outcome.stderr) == ("-old" in str(both.data))
