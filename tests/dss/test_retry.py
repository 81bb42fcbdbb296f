"""What failed is fetched by a later run, from the file of failures: files, bundles, rows without versions."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hca.dss import DSSClient
from hca_core.errors import ExitStatus, UsageError
from hca_core.transfer.run import Order
from hca_dss.download import DownloadError

A, B, C = b"content of a\n", b"content of b\n", b"content of c\n"


@pytest.fixture
def failing():
    """An order that leaves a file of failures, and does not try again."""
    from hca_core.transfer import Settings

    return Order(Settings(retries=0), failures="failed.jsonl")


def break_(shelf, file, **answer):
    """Let the look-up of a file fail; returns what makes it right again."""
    route = shelf.service.on("GET", f"/v1/files/{file['uuid']}")
    right = list(route._answers)
    route._answers.clear()
    route.reply(**answer)
    return lambda: route._answers.__setitem__(slice(None), right)


def test_files_of_a_bundle_get_their_places(shelf, failing, tree):
    bundle = shelf.bundle(shelf.file("a", A), shelf.file("dir/b", B), shelf.file("c", C))
    repair = break_(shelf, bundle.files[1], status=404)
    with pytest.raises(DownloadError):
        DSSClient().download(bundle.uuid, "aws", download_dir="d", order=failing)
    assert "dir/b" not in tree(f"d/{bundle.fqid}")
    repair()
    asked = len(shelf.service.requests)
    report = DSSClient().retry_failed("failed.jsonl", "d")
    assert (report.fetched, report.present, report.linked) == (1, 0, 1)
    assert [one.path.split("/")[-1] for one in shelf.service.requests[asked:] if "/files/" in one.path] == [
        bundle.files[1]["uuid"]
    ]
    assert tree(f"d/{bundle.fqid}")["dir/b"] == B


def test_files_of_a_manifest_get_into_the_filestore(shelf, failing, write_manifest, tree, stored):
    bundle = shelf.bundle(shelf.file("a", A), shelf.file("b", B))
    repair = break_(shelf, bundle.files[0], status=404)
    with pytest.raises(DownloadError):
        DSSClient().download_manifest(write_manifest(bundle.rows()), "aws", order=failing)
    repair()
    assert DSSClient().retry_failed("failed.jsonl").fetched == 1
    assert tree()[stored(A)] == A


def test_bundles_that_could_not_be_listed(shelf, failing, write_manifest, tree):
    bundle = shelf.bundle(shelf.file("m.json", A, indexed=True), shelf.file("b", B), shelf.file("c", C))
    route = shelf.service.on("GET", f"/v1/bundles/{bundle.uuid}")
    right = list(route._answers)
    route._answers.clear()
    route.reply(status=404)
    rows = [row for row in bundle.rows() if row["file_name"] == "b"]
    with pytest.raises(DownloadError):
        DSSClient().download_manifest(write_manifest(rows), "aws", layout="bundle", no_metadata=True, order=failing)
    route._answers[:] = right
    report = DSSClient().retry_failed("failed.jsonl")
    assert report.fetched == 1
    assert set(tree(bundle.fqid)) == {"b", "bundle.json"}


def test_rows_whose_version_could_not_be_had(shelf, failing, write_manifest, tree, stored):
    bundle = shelf.bundle(shelf.file("a", A), shelf.file("b", B))
    route = shelf.service.on("GET", f"/v1/bundles/{bundle.uuid}")
    right = list(route._answers)
    route._answers.clear()
    route.reply(status=404)
    rows = [row | {"file_version": ""} for row in bundle.rows()]
    with pytest.raises(DownloadError):
        DSSClient().download_manifest(write_manifest(rows), "aws", order=failing)
    assert len(Path("failed.jsonl").read_text().splitlines()) == 2
    route._answers[:] = right
    assert DSSClient().retry_failed("failed.jsonl").fetched == 2
    assert {stored(A), stored(B)} < set(tree())


def test_what_the_bundle_does_not_have_fails_again(shelf, failing, write_manifest):
    bundle = shelf.bundle(shelf.file("a", A))
    rows = [*bundle.rows(), bundle.rows()[0] | {"file_name": "other"}]
    with pytest.raises(DownloadError):
        DSSClient().download_manifest(write_manifest(rows), "aws", layout="bundle", order=failing)
    with pytest.raises(DownloadError, match="no file of that name"):
        DSSClient().retry_failed("failed.jsonl")


def test_a_collection_that_could_not_be_listed(shelf, failing, tree, monkeypatch):
    monkeypatch.setenv("HCA_TOKEN", "test")
    bundle = shelf.bundle(shelf.file("a", A))
    item = {"type": "bundle", "uuid": bundle.uuid, "version": bundle.version}
    inner, outer = shelf.uuid(), shelf.uuid()
    route = shelf.service.on("GET", f"/v1/collections/{inner}").reply(status=404)
    items = [{"type": "collection", "uuid": inner, "version": "v"}, item | {"uuid": "../\x1b[2J"}]
    shelf.service.on("GET", f"/v1/collections/{outer}").reply(json={"contents": items})
    with pytest.raises(DownloadError) as failed:
        DSSClient().download_collection(outer, "aws", order=failing)
    assert [one.name.split(".")[0] for one in failed.value.report.failures] == [inner, ""]
    assert "\x1b" not in str(failed.value)
    route._answers.clear()
    route.reply(json={"contents": [item]})
    with pytest.raises(DownloadError, match="it can't be asked for again") as failed:
        DSSClient().retry_failed("failed.jsonl", order=failing)
    assert (failed.value.report.fetched, failed.value.report.failed) == (1, 1)
    assert tree(bundle.fqid)["a"] == A
    with pytest.raises(UsageError, match=r"there are no failures in failed.jsonl that can be asked for again"):
        DSSClient().retry_failed("failed.jsonl")


FILE = {
    "service": "dss",
    "replica": "aws",
    "uuid": "u-1",
    "version": "v.1",
    "size": 3,
    "sha256": "0" * 64,
    "link": "",
}
BUNDLE = {
    "service": "dss",
    "replica": "aws",
    "uuid": "u",
    "version": "v",
    "named": None,
    "no_metadata": 0,
    "no_data": 0,
}


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (FILE | {"service": "shock"}, "no failure of a download from the DSS"),
        (FILE | {"replica": "azure"}, "no failure of a download from the DSS"),
        (FILE | {"replica": "gcp"}, "failures of two replicas"),
        (FILE | {"uuid": "../../x"}, "no file of the DSS"),
        (FILE | {"version": "a/b"}, "no file of the DSS"),
        (FILE | {"sha256": "../../x"}, "no file of the DSS"),
        (FILE | {"sha256": None}, "does not tell what failed"),
        *((FILE | {"size": size}, "no file of the DSS") for size in (None, -5, True, 874.9, "874", float("inf"))),
        (FILE | {"link": "/etc/passwd"}, "not below the download directory"),
        (FILE | {"link": "../x"}, "not below the download directory"),
        (FILE | {"link": "e/x"}, "not below the download directory"),
        (FILE | {"version": ""}, "does not tell what failed"),
        (FILE | {"version": "", "bundle_uuid": "..", "bundle_version": "v"}, "no file of the DSS"),
        ({"service": "dss", "replica": "aws"}, "does not tell what failed"),
        (BUNDLE | {"uuid": "../x"}, "no identifier of a bundle"),
        (BUNDLE | {"named": 7}, "does not tell what failed"),
        ({"service": "dss", "replica": "aws", "collection": 7, "version": "v"}, "this is no collection"),
    ],
    ids=range(22),
)
def test_a_file_of_failures_that_somebody_changed_is_refused_before_any_request(dss, row, told):
    good = [FILE | {"sha256": f"{number:064x}"} for number in range(299)]  # enough to begin with, for who would
    lines = [{"name": "x", "error": "e", "exit_status": 1, "row": one} for one in (*good, row)]
    Path("failed.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    with pytest.raises(UsageError, match=f"failed.jsonl, line 300: .*{told}") as caught:
        DSSClient().retry_failed("failed.jsonl", "d")
    assert caught.value.exit_status == ExitStatus.USAGE
    assert [one for one in dss.requests if "swagger" not in one.path] == []


def test_a_file_without_failures_is_told(dss):
    Path("failed.jsonl").touch()
    with pytest.raises(UsageError, match="there are no failures in failed"):
        DSSClient().retry_failed("failed.jsonl")
    with pytest.raises(UsageError, match="No such file"):
        DSSClient().retry_failed("missing.jsonl")
    assert dss.requests == []
