"""`azul://`: files of the Human Cell Atlas, on the stand-in."""

import hashlib
import json
import pickle

import fsspec
import numpy
import pandas
import pytest

from hca_azul.client import AzulClient
from hca_azul.filesystem import AzulFileSystem
from hca_azul.search.hits import row_of
from hca_core.errors import HCAError, IntegrityError, UsageError

QUICK = {"first_wait": 0.01, "most_wait": 0.02, "tries": 3}
GONE = "2cfd3a55-f1d9-5f4e-a0f6-8a0b4ba5e8c1"


@pytest.fixture
def place(served, monkeypatch):
    """Where the stand-in is, named by the environment."""
    url = json.loads(served.directory.state.read_bytes())["azul_url"]
    monkeypatch.setenv("HCA_AZUL_URL", url)
    monkeypatch.setenv("HCA_AZUL_MIRROR_URL", f"{url.replace('127.0.0.1', 'localhost')}/mirror")
    return url


@pytest.fixture
def rows(place):
    """The files of the project with special cases, by name."""
    with AzulClient(**QUICK) as client:
        hits = client.files({"projectTitle": {"is": [_title(client)]}})
        return {row.name: row for row in map(row_of, hits)}


def _title(client):
    (hit,) = [one for one in client.projects() if one["projects"][0]["projectShortname"] == "RetinaSpecialCases"]
    return hit["projects"][0]["projectTitle"]


@pytest.fixture
def fs(place):
    AzulFileSystem.clear_instance_cache()
    yield fsspec.filesystem("azul", **QUICK)
    AzulFileSystem.clear_instance_cache()


def test_all_paths_of_a_file(fs, rows):
    row = rows["protocol.pdf"]
    for path in (
        row.uuid,
        f"azul://{row.uuid}?version={row.version}",
        f"azul://files/{row.uuid}.{row.version}/protocol.pdf",
        f"azul://{row.uuid}/protocol.pdf",
        f"azul://sha256/{row.sha256}",
    ):
        content = fs.cat_file(path)
        assert hashlib.sha256(content).hexdigest() == row.sha256
        info = fs.info(path)
        assert (info["size"], info["type"], info["sha256"]) == (len(content), "file", row.sha256)
        assert fs.cat(path) == content
        assert fs.ukey(path) == f"sha256:{row.sha256}"
    with fsspec.open(f"azul://{row.uuid}?version={row.version}", **QUICK) as stream:
        assert stream.read() == content
    assert fs.modified(row.uuid).isoformat()[:19] == row.version[:19]


def test_places_that_the_mirror_has_not(fs, rows):
    for name in ("cells.csv", "counts.csv"):
        row = rows[name]
        content = fs.cat_file(row.uuid)
        assert hashlib.sha256(content).hexdigest() == row.sha256
        assert fs.cat_file(row.uuid, 3, 9) == content[3:9]
        assert fs.cat_ranges([row.uuid] * 3, [0, 2, 5], [2, 5, 7]) == [content[:2], content[2:5], content[5:7]]


def test_wrong_bytes_of_the_mirror_are_found_and_fetched_elsewhere(fs, rows, tmp_path):
    row = rows["retina.loom"]
    with pytest.raises(IntegrityError):
        fs.cat_file(row.uuid)
    fs.get_file(row.uuid, tmp_path / "x")
    assert hashlib.sha256((tmp_path / "x").read_bytes()).hexdigest() == row.sha256


def test_somebody_may_choose_where_bytes_come_from(fs, rows):
    row = rows["retina.loom"]
    others = fsspec.filesystem("azul", source="azul, drs", **QUICK)
    assert hashlib.sha256(others.cat_file(row.uuid)).hexdigest() == row.sha256
    again = pickle.loads(pickle.dumps(others))
    assert hashlib.sha256(again.cat_file(row.uuid)).hexdigest() == row.sha256
    with pytest.raises(FileNotFoundError, match="no bytes"):
        fsspec.filesystem("azul", source="mirror", **QUICK).info(rows["counts.csv"].uuid)
    with pytest.raises(UsageError, match="sources are"):
        fsspec.filesystem("azul", source="mirrors", **QUICK)


def test_it_reads_the_same_elsewhere(fs, rows):
    row = rows["protocol.pdf"]
    assert fs.isfile(row.uuid)
    again = pickle.loads(pickle.dumps(fs))
    assert again.versions == {f"files/{row.uuid}": row.version}
    with fs.open(row.uuid, block_size=64) as stream:
        stream.seek(10)
        first = stream.read(5)
        assert pickle.loads(pickle.dumps(stream)).tell() == 15
    assert first == fs.cat_file(row.uuid, 10, 15)


def test_pandas_reads_it(fs, rows):
    table = pandas.read_csv(f"azul://{rows['cells.csv'].uuid}/cells.csv", storage_options=QUICK)
    assert len(table)


def test_anndata_reads_it(service, monkeypatch, tmp_path):
    anndata = pytest.importorskip("anndata")
    anndata.AnnData(numpy.eye(3, dtype="float32")).write_h5ad(tmp_path / "x.h5ad")
    content = (tmp_path / "x.h5ad").read_bytes()
    sha256 = hashlib.sha256(content).hexdigest()
    file = {"uuid": GONE, "version": "v", "name": "x.h5ad", "size": len(content), "sha256": sha256}
    file |= {"azul_url": f"{service.url}/repository/files/{GONE}", "azul_mirror_uri": f"s3://abc/file/{sha256}.sha256"}
    service.on("GET", "/index/catalogs").reply(json={"default_catalog": "new", "catalogs": {"new": {}}})
    service.on("GET", "/index/files").reply(json={"hits": [{"entryId": "x", "files": [file]}]})
    service.on("GET", f"/mirror/abc/info/{sha256}.sha256.json").reply(json={"$schema": "v2.json"})
    service.on("GET", f"/mirror/abc/file/{sha256}.sha256").reply(body=content, ranges=True)
    monkeypatch.setenv("HCA_AZUL_MIRROR_URL", f"{service.url}/mirror")
    with fsspec.open(f"azul://{GONE}", url=service.url, **QUICK) as stream:
        assert anndata.read_h5ad(stream).shape == (3, 3)


def test_content_that_no_catalog_has_any_more(service, monkeypatch):
    content = b"0123456789"
    sha256 = hashlib.sha256(content).hexdigest()
    service.on("GET", "/index/catalogs").reply(json={"default_catalog": "new", "catalogs": {"new": {}}})
    service.on("GET", "/index/files").reply(json={"hits": []})
    service.on("GET", f"/mirror/humancellatlas/info/{sha256}.sha256.json").reply(json={"$schema": "v2.json"})
    service.on("*", f"/mirror/humancellatlas/file/{sha256}.sha256").reply(body=content, ranges=True)
    monkeypatch.setenv("HCA_AZUL_MIRROR_URL", f"{service.url}/mirror")
    fs = fsspec.filesystem("azul", url=service.url, **QUICK)
    assert fs.cat_file(f"sha256/{sha256}", 2, 5) == content[2:5]
    assert fs.cat_file(f"azul://sha256/{sha256}") == content


@pytest.mark.parametrize(
    "path", [GONE, f"files/{GONE}.x", "sha256/" + "ab" * 32, "sha256/abc", "files/x", "other/x", ".."]
)
def test_what_is_not_there(fs, path):
    assert not fs.exists(path)
    with pytest.raises(FileNotFoundError) as caught:
        fs.info(path)
    assert isinstance(caught.value, HCAError)


def test_another_version_is_not_there(fs, rows):
    assert not fs.exists(f"{rows['protocol.pdf'].uuid}?version=2001-01-01T00:00:00.000000Z")
    assert not fs.exists(rows["lost.bam"].uuid)


def test_nobody_lists_millions(fs):
    assert fs.ls("", detail=False) == ["files", "sha256"]
    with pytest.raises(UsageError, match="millions of files"):
        fs.ls("files")
    with pytest.raises(OSError, match="read"):
        fs.open(GONE, "wb")
