"""Downloads of collections: nested, in circles, in both forms that services use."""

from __future__ import annotations

import os
from typing import Any

import pytest

from hca_core.errors import ExitStatus

VERSION = "2018-09-17T161441.564206Z"


@pytest.fixture(autouse=True)
def _logged_in(monkeypatch):
    monkeypatch.setenv("HCA_TOKEN", "test")


@pytest.fixture
def collection(shelf):
    """A function that adds a collection of items and returns its uuid."""

    def add(*contents: Any, uuid: str = "", wrapped: bool = False) -> str:
        uuid = uuid or shelf.uuid()
        document = {"name": "n", "description": "d", "details": {}, "owner": "o", "contents": list(contents)}
        answer = {"collection": document} if wrapped else document
        shelf.service.on("GET", f"/v1/collections/{uuid}").reply(json=answer)
        return uuid

    return add


def item(kind: str, uuid: str, version: str = VERSION) -> dict[str, str]:
    return {"type": kind, "uuid": uuid, "version": version}


@pytest.fixture
def download(hca):
    def run(uuid: str, *more: str):
        return hca("dss", "download-collection", "--replica", "aws", "--uuid", uuid, *more)

    return run


@pytest.mark.parametrize("wrapped", [True, False])
def test_every_bundle_of_nested_collections_is_downloaded_once(shelf, collection, download, tree, wrapped):
    bundles = [shelf.bundle(shelf.file(f"f{number}", b"%d" % number)) for number in range(3)]
    items = [item("bundle", one.uuid, one.version) for one in bundles]
    inner = collection(items[1], items[2], wrapped=wrapped)
    outer = collection(items[0], item("collection", inner), items[1], wrapped=wrapped)
    outcome = download(outer, "--download-dir", "made/here")
    assert outcome.exit_status == 0
    assert sorted(outcome.json()["bundles"]) == sorted(one.fqid for one in bundles)
    for number, bundle in enumerate(bundles):
        assert tree(f"made/here/{bundle.fqid}")[f"f{number}"] == b"%d" % number
        assert len(shelf.service.asked("GET", f"/v1/bundles/{bundle.uuid}")) == 1
    assert os.listdir() == ["made"]


def test_collections_in_a_circle_end(shelf, collection, download):
    bundle = shelf.bundle(shelf.file("f", b"f"))
    first, second = shelf.uuid(), shelf.uuid()
    collection(item("collection", second), uuid=first)
    collection(item("collection", first), item("bundle", bundle.uuid, bundle.version), uuid=second)
    outcome = download(first)
    assert (outcome.exit_status, outcome.json()["bundles"]) == (0, [bundle.fqid])


def test_a_very_deep_nesting_is_followed(shelf, collection, download):
    uuid = collection()
    for _ in range(1100):
        uuid = collection(item("collection", uuid))
    assert download(uuid).exit_status == 0


def test_versions_are_honoured(shelf, collection, download, tree):
    old = shelf.bundle(shelf.file("f", b"old"), version="2018-01-01T000000.000000Z")
    shelf.bundle(shelf.file("f", b"new"), uuid=old.uuid, version="2019-01-01T000000.000000Z")
    uuid = collection(item("bundle", old.uuid, old.version))
    outcome = download(uuid, "--version", VERSION)
    assert outcome.exit_status == 0
    assert tree(old.fqid)["f"] == b"old"
    (asked,) = shelf.service.asked("GET", f"/v1/collections/{uuid}")
    assert dict(asked.query)["version"] == VERSION
    assert asked.headers["Authorization"] == "Bearer test"


def test_items_that_are_no_bundles_are_told_and_the_rest_is_done(shelf, collection, download, tree):
    bundle = shelf.bundle(shelf.file("f", b"f"))
    file = shelf.file("single", b"s")
    odd = ["text", None, {}, {"type": "bundle"}, {"type": 1, "uuid": [], "version": {}}]
    uuid = collection(item("file", file["uuid"]), *odd, item("bundle", bundle.uuid, bundle.version))
    outcome = download(uuid)
    assert outcome.exit_status == ExitStatus.PARTLY
    assert "items of type 'file' are not downloaded" in outcome.stderr
    assert "Traceback" not in outcome.stderr
    assert tree(bundle.fqid)["f"] == b"f"


@pytest.mark.parametrize("uuid", ["../../evil", "..", "/tmp/x", "a/b"])
def test_an_item_that_leads_elsewhere_is_refused(shelf, collection, download, uuid):
    document = {"bundle": {"uuid": uuid, "version": VERSION, "files": []}}
    headers = {"X-OpenAPI-Paginated-Content-Key": "bundle.files"}
    shelf.service.on("GET", "/v1/bundles/*").reply(json=document, headers=headers)
    outcome = download(collection(item("bundle", uuid)), "--download-dir", "d")
    assert outcome.exit_status != 0
    assert "unexpected" not in outcome.stderr
    assert os.listdir() == []
    assert set(os.listdir("..")) == {"home", "work"}


@pytest.mark.parametrize("answer", [[], None, 7, {}, {"collection": None}, {"contents": {"a": 1}}], ids=str)
def test_an_answer_that_is_no_collection_is_refused(shelf, download, answer):
    uuid = shelf.uuid()
    shelf.service.on("GET", f"/v1/collections/{uuid}").reply(json=answer)
    outcome = download(uuid)
    assert outcome.exit_status == ExitStatus.ERROR
    assert "has no 'contents'" in outcome.stderr


def test_a_collection_that_does_not_exist(dss, download):
    assert download("00000000-0000-4000-8000-000000000000").exit_status == ExitStatus.NOT_FOUND


def test_a_login_is_needed(shelf, collection, download, monkeypatch):
    uuid = collection()
    monkeypatch.delenv("HCA_TOKEN")
    outcome = download(uuid)
    assert outcome.exit_status == ExitStatus.LOGIN
    assert shelf.service.asked("GET", f"/v1/collections/{uuid}") == []
