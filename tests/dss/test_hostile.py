"""A service that lies: nothing is written outside the directory, and one sentence says what is wrong."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest

from hca_core.errors import ExitStatus
from hca_core.testing import reply

PAGED = {"X-OpenAPI-Paginated-Content-Key": "bundle.files"}


@pytest.fixture
def download(hca, tree):
    """A function that downloads a bundle to `d` and checks that nothing lies elsewhere; returns the outcome."""

    def run(bundle, *more: str):
        outcome = hca("dss", "download", "--replica", "aws", "--bundle-uuid", bundle.uuid, "--download-dir", "d", *more)
        assert "Traceback" not in outcome.stderr
        assert "unexpected" not in outcome.stderr
        assert set(os.listdir()) <= {"d"}
        assert set(os.listdir("..")) == {"home", "work"}
        return outcome

    return run


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"name": "../../x"}, "leads out of its directory"),
        ({"name": "a/../../b"}, "leads out of its directory"),
        ({"name": "/abs"}, "is an absolute path"),
        ({"name": "C:\\x"}, "has a backslash"),
        ({"name": "C:x"}, "begins with a drive letter"),
        ({"name": ""}, "is empty"),
        ({"name": "a\nb"}, "has a control character"),
        ({"name": "./a"}, "has an empty part or a part '.'"),
        ({"name": 7}, "is no text"),
        ({"name": "GOOD"}, "there twice"),
        ({"name": "good/below"}, "is that of a directory"),
        ({"sha256": "../../../../../x"}, "has the sha256"),
        ({"sha256": None}, "has the sha256"),
        ({"size": -1}, "has the size"),
        ({"size": "many"}, "has the size"),
        ({"name": "/".join(["x" * 200] * 11)}, "has more than 2,048 bytes"),
        ({"sha256": hashlib.sha256(b"good").hexdigest(), "size": 3}, "'good' and 'bad' have one sha256, but 4 and 3"),
        ({"uuid": "../x"}, "has the uuid"),
        ({"version": "a/b"}, "has the version"),
    ],
    ids=str,
)
def test_a_bundle_with_a_bad_file_is_refused_whole(shelf, download, change, told):
    bundle = shelf.bundle(shelf.file("good", b"good"), shelf.file("bad", b"bad", **change))
    outcome = download(bundle)
    assert outcome.exit_status == ExitStatus.ERROR
    assert told in outcome.stderr
    assert "nothing of it was written" in outcome.stderr
    assert not Path("d").exists()
    assert shelf.fetched() == []


@pytest.mark.parametrize(
    "answer",
    [
        {"bundle": {"uuid": "00000000-0000-4000-8000-00000000beef", "version": "v", "files": []}},
        {"bundle": {"uuid": "00000000-0000-4000-8000-000000000001", "version": "../../v", "files": []}},
        {"bundle": {"uuid": "00000000-0000-4000-8000-000000000001", "version": None, "files": [1, None, "x"]}},
        {"bundle": {"uuid": "00000000-0000-4000-8000-000000000001", "version": "v", "files": {"a": 1}}},
        {"bundle": {"uuid": "00000000-0000-4000-8000-000000000001", "version": "v", "files": [1, None, "x", []]}},
        {"bundle": {"uuid": "00000000-0000-4000-8000-000000000001", "version": "v"}},
        {"bundle": [1]},
        {"other": 1},
        [],
        7,
        None,
    ],
    ids=str,
)
@pytest.mark.parametrize("paged", [True, False])
def test_an_answer_that_is_no_bundle_is_refused(shelf, download, answer, paged):
    bundle = shelf.bundle()
    script = shelf.service.on("GET", f"/v1/bundles/{bundle.uuid}")
    script._answers.clear()
    script.reply(json=answer, headers=PAGED if paged else {})
    outcome = download(bundle)
    assert outcome.exit_status == ExitStatus.ERROR
    assert outcome.stderr.startswith("hca: ")
    assert not Path("d").exists()


def test_another_version_than_asked_for_is_refused(shelf, download):
    bundle = shelf.bundle(shelf.file("f", b"f"))
    shelf.service.on("GET", f"/v1/bundles/{bundle.uuid}")._answers.clear()
    shelf.service.on("GET", f"/v1/bundles/{bundle.uuid}").reply(
        json={"bundle": {"uuid": bundle.uuid, "version": "other", "files": []}}, headers=PAGED
    )
    outcome = download(bundle, "--version", bundle.version)
    assert outcome.exit_status == ExitStatus.ERROR
    assert "the service answered" in outcome.stderr


def test_a_uuid_that_leads_elsewhere_is_refused_though_the_service_has_it(dss, hca):
    document = {"bundle": {"uuid": "../../evil", "version": "v", "files": []}}
    dss.on("GET", "/v1/bundles/..%2F..%2Fevil").reply(json=document, headers=PAGED)
    outcome = hca("dss", "download", "--replica", "aws", "--bundle-uuid", "../../evil", "--download-dir", "d")
    assert outcome.exit_status == ExitStatus.ERROR
    assert not Path("d").exists()
    assert set(os.listdir("..")) == {"home", "work"}


@pytest.mark.parametrize("name", ["Bundle.json", "bundle.json/x"])
def test_a_file_called_bundle_json_is_kept_and_the_manifest_is_not_written(shelf, download, tree, name):
    own = shelf.file(name, b"{}")
    outcome = download(shelf.bundle(own))
    assert outcome.exit_status == 0
    assert "its manifest is not written" in outcome.stderr
    (folder,) = [name for name in os.listdir("d") if name != ".hca"]
    assert tree(f"d/{folder}") == {name: b"{}"}


def test_entries_that_are_no_files_are_shown_as_they_are(shelf, download):
    bundle = shelf.bundle()
    document = {"bundle": {"uuid": bundle.uuid, "version": bundle.version, "files": [1, "\x1b[2J" * 99]}}
    script = shelf.service.on("GET", f"/v1/bundles/{bundle.uuid}")
    script._answers.clear()
    script.reply(json=document, headers=PAGED)
    outcome = download(bundle)
    assert "1 is listed, which is no file" in outcome.stderr
    assert "attribute" not in outcome.stderr
    assert "\x1b" not in outcome.stderr


@pytest.mark.parametrize("verb", ["download", "download-manifest"])
def test_what_is_in_the_way_of_a_manifest_ends_nothing_else(shelf, hca, tree, write_manifest, verb):
    bundle, other = shelf.bundle(shelf.file("f", b"f")), shelf.bundle(shelf.file("g", b"g"))
    os.makedirs(f"d/{bundle.fqid}/bundle.json/mine")
    where = ("--replica", "aws", "--download-dir", "d")
    if verb == "download":
        outcome = hca("dss", verb, "--bundle-uuid", bundle.uuid, *where)
    else:
        path = write_manifest([*bundle.rows(), *other.rows()])
        outcome = hca("dss", verb, "--manifest", path, "--layout", "bundle", *where)
        assert set(tree(f"d/{other.fqid}")) == {"g", "bundle.json"}
    assert outcome.exit_status == ExitStatus.PARTLY
    (failed,) = outcome.json()["failed"]
    assert failed["name"] == f"{bundle.fqid}/bundle.json"
    assert failed["error"].startswith(f"d/{bundle.fqid}/bundle.json can't be written: Is a directory; move away")
    assert Path(f"d/{bundle.fqid}/f").read_bytes() == b"f"


def test_a_symbolic_link_in_the_layout_is_not_followed(shelf, hca, isolated_home):
    bundle = shelf.bundle(shelf.file("f", b"f"))
    os.makedirs(f"d/{bundle.fqid}")
    outside = isolated_home / "outside"
    os.symlink(outside, f"d/{bundle.fqid}/f")
    outcome = hca("dss", "download", "--replica", "aws", "--bundle-uuid", bundle.uuid, "--download-dir", "d")
    assert outcome.exit_status == ExitStatus.PARTLY
    assert not outside.exists()


@pytest.mark.parametrize("retry_after", [None, 0])
def test_redirects_in_a_circle_end(shelf, hca, retry_after):
    file = shelf.file("f", b"f")
    bundle = shelf.bundle(file)
    script = shelf.service.on("GET", f"/v1/files/{file['uuid']}")
    script._answers.clear()
    url = f"{shelf.service.url}/v1/files/{file['uuid']}?replica=aws"
    script.redirect(url, status=301, retry_after=retry_after, times=3000).reply(status=404)
    words = ("--num-retries", "0", "--min-delay-seconds", "0")
    outcome = hca("dss", "download", "--replica", "aws", "--bundle-uuid", bundle.uuid, *words)
    assert outcome.exit_status == ExitStatus.NETWORK
    assert len(outcome.json()["failed"]) == 1
    assert "circle" in outcome.stderr


def test_a_redirect_into_a_cloud_is_no_content(shelf, hca):
    file = shelf.file("f", b"f")
    bundle = shelf.bundle(file)
    script = shelf.service.on("GET", f"/v1/files/{file['uuid']}")
    script._answers.clear()
    script.redirect("s3://bucket/key")
    words = ("--num-retries", "1", "--min-delay-seconds", "0")
    outcome = hca("dss", "download", "--replica", "aws", "--bundle-uuid", bundle.uuid, *words)
    assert outcome.exit_status != 0
    assert len(outcome.json()["failed"]) == 1
    assert "Traceback" not in outcome.stderr


def test_pages_without_end_are_not_read_for_ever(shelf, hca):
    bundle = shelf.bundle()
    path = f"/v1/bundles/{bundle.uuid}"
    document = {"bundle": {"uuid": bundle.uuid, "version": bundle.version, "files": []}}
    shelf.service.on("GET", path)._answers.clear()
    shelf.service.on("GET", path).reply(
        reply(json=document, status=206, headers=PAGED, link=f"{shelf.service.url}{path}?replica=aws")
    )
    outcome = hca("dss", "download", "--replica", "aws", "--bundle-uuid", bundle.uuid)
    assert outcome.exit_status == ExitStatus.ERROR
    assert "circle" in outcome.stderr


def test_two_pages_are_one_bundle(shelf, hca, tree):
    first, second = shelf.file("first", b"1"), shelf.file("second", b"2")
    bundle = shelf.bundle()
    path = f"/v1/bundles/{bundle.uuid}"

    def page(request):
        start = dict(request.query).get("start_at")
        files = [second] if start else [first]
        document = {"bundle": {"uuid": bundle.uuid, "version": bundle.version, "files": files}}
        link = None if start else f"{shelf.service.url}{path}?replica=aws&start_at=1"
        return reply(json=document, status=200 if start else 206, headers=PAGED, link=link)

    shelf.service.on("GET", path)._answers.clear()
    shelf.service.on("GET", path).reply(page)
    outcome = hca("dss", "download", "--replica", "aws", "--bundle-uuid", bundle.uuid)
    assert outcome.exit_status == 0
    laid_out = tree(bundle.fqid)
    listed = json.loads(laid_out.pop("bundle.json"))["bundle"]["files"]
    assert (laid_out, listed) == ({"first": b"1", "second": b"2"}, [first, second])
