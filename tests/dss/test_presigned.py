"""Signed addresses by bundle: asked for where that saves requests, and never waited for. Requests are counted."""

from __future__ import annotations

import pickle
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from hca_core.errors import ExitStatus
from hca_core.testing import reply
from hca_core.transfer import Service
from hca_dss import presigned
from hca_dss.client import DSSClient
from hca_dss.source import FileSource

PAGED = {"X-OpenAPI-Paginated-Content-Key": "bundle.files"}


def document(bundle: Any, files: list[dict[str, Any]]) -> dict[str, Any]:
    return {"bundle": {"uuid": bundle.uuid, "version": bundle.version, "creator_uid": 1, "files": files}}


@pytest.fixture(autouse=True)
def _small_bundles(monkeypatch):
    """Bundles of few files are worth asking for."""
    monkeypatch.setattr(presigned, "FEWEST", 4)


@pytest.fixture
def few_rows(monkeypatch):
    """Four rows of a bundle are worth asking for."""
    monkeypatch.setattr(presigned, "FEWEST", 2)


@pytest.fixture
def signing(shelf):
    """A function that adds a bundle whose service tells signed addresses; what they answer can be changed."""

    def add(
        *files: dict[str, Any],
        answer: Any = None,
        signed: Any = None,
        page: int = 500,
        status: int = 200,
        address: Any = None,
    ) -> Any:
        bundle = shelf.bundle()
        route = shelf.service.on("GET", f"/v1/bundles/{bundle.uuid}")
        route._answers.clear()

        def found(request: Any) -> Any:
            query = dict(request.query)
            start = int(query.get("start_at", 0))
            listed = [dict(file) for file in files[start : start + page]]
            if query.get("presignedurls") == "true":
                if answer is not None:
                    return answer
                for file in listed:
                    file["url"] = address or f"{shelf.service.url}/signed/{file['sha256']}?X-Signature=secret"
                if status != 200:
                    return reply(status=status, json=document(bundle, listed), headers={"Location": "/v1/later"})
            link = None
            if start + page < len(files):
                more = "&presignedurls=true" if "presignedurls" in query else ""
                link = f"{shelf.service.url}/v1/bundles/{bundle.uuid}?replica=aws&start_at={start + page}{more}"
            return reply(json=document(bundle, listed), headers=PAGED, status=206 if link else 200, link=link)

        route.reply(found)
        for file in files:
            script = shelf.service.on("GET", f"/signed/{file['sha256']}")
            if signed is not None:
                script.reply(signed)
            else:
                script.reply(body=shelf.data[file["sha256"]], ranges=True)
        object.__setattr__(bundle, "files", files)
        return bundle

    shelf.data = {}
    file = shelf.file

    def remembering(name: str, data: bytes = b"", /, **other: Any) -> dict[str, Any]:
        entry = file(name, data, **other)
        shelf.data[entry["sha256"]] = data
        return entry

    shelf.file = remembering
    return add


@pytest.fixture
def asked(shelf):
    """A function that counts the requests so far by kind."""

    def count() -> dict[str, int]:
        kinds: Counter[str] = Counter()
        for one in shelf.service.requests:
            kind = one.path.removeprefix("/v1").split("/")[1]
            if kind == "bundles":
                kind = "signed listings" if "presignedurls" in dict(one.query) else "listings"
            kinds[kind] += 1
        kinds.pop("swagger.json", None)
        return dict(kinds)

    return count


def download(hca, bundle, *more: str):
    return hca("dss", "download", "--replica", "aws", "--bundle-uuid", bundle.uuid, *more)


def by_manifest(hca, name: str, *more: str):
    return hca("dss", "download-manifest", "--replica", "aws", "--manifest", name, *more)


def files_of(shelf, count: int, size: int = 50) -> list[dict[str, Any]]:
    return [shelf.file(f"f{number}", b"%d" % number * size) for number in range(count)]


def test_a_whole_bundle_takes_no_look_ups(signing, shelf, hca, asked, tree):
    bundle = signing(*files_of(shelf, 10))
    assert download(hca, bundle).exit_status == 0
    assert asked() == {"listings": 1, "signed listings": 1, "signed": 10}
    assert tree(bundle.fqid)["f7"] == b"7" * 50
    signed = [one for one in shelf.service.requests if one.path.startswith("/signed/")]
    assert all(one.headers["Authorization"] is None for one in signed)
    assert b"X-Signature" not in Path(bundle.fqid, "bundle.json").read_bytes()
    assert download(hca, bundle).exit_status == 0
    assert asked() == {"listings": 2, "signed listings": 1, "signed": 10}  # all there: nothing is signed for nothing


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], {"signed listings": 1, "signed": 10}),
        (["--data-filter", "f[0-4]"], {"signed listings": 1, "signed": 5}),
        (["--data-filter", "f[0-3]"], {"files": 4, "blobs": 4}),
        (["--data-filter", "f1"], {"files": 1, "blobs": 1}),
    ],
    ids=["all", "half", "less", "one"],
)
def test_addresses_are_asked_for_if_half_of_the_bytes_are_wanted(signing, shelf, hca, asked, options, expected):
    bundle = signing(*files_of(shelf, 10))
    assert download(hca, bundle, *options).exit_status == 0
    assert asked() == {"listings": 1} | expected


def test_what_is_there_already_is_not_wanted(signing, shelf, hca, asked):
    bundle = signing(*files_of(shelf, 10))
    download(hca, bundle, "--data-filter", "f[0-5]")
    before = asked()
    assert download(hca, bundle).exit_status == 0
    assert asked() == before | {"listings": 2, "files": 4, "blobs": 4}


def test_three_files_are_looked_up(signing, shelf, hca, asked):
    assert download(hca, signing(*files_of(shelf, 3))).exit_status == 0
    assert asked() == {"listings": 1, "files": 3, "blobs": 3}


def test_large_bundles_are_signed_in_pages(signing, shelf, hca, asked, tree):
    bundle = signing(*files_of(shelf, 12), page=5)
    assert download(hca, bundle).exit_status == 0
    # 12 files are one page of 500; the others' addresses are not worth more requests than were reckoned with
    assert asked() == {"listings": 3, "signed listings": 1, "signed": 5, "files": 7, "blobs": 7}
    assert len(tree(bundle.fqid)) == 13


@pytest.mark.parametrize(
    "answer",
    [
        reply(status=301, headers={"Location": "/v1/bundles/x?token=1", "Retry-After": "600"}),
        reply(status=503, headers={"Retry-After": "600"}),
        reply(status=400, json={"title": "no such parameter"}),
        reply(status=500),
        reply(json=[]),
        reply(json={"bundle": {"files": [None, 1, "x", {}, {"url": 7}, {"url": "s3://bucket/key"}]}}),
        reply(body=b"<html>"),
    ],
    ids=["301", "503", "400", "500", "a list", "odd entries", "HTML"],
)
def test_a_service_without_addresses_is_not_waited_for(signing, shelf, hca, asked, answer):
    bundle = signing(*files_of(shelf, 5), answer=answer)
    outcome = download(hca, bundle)
    assert (outcome.exit_status, outcome.stderr) == (0, "")
    assert asked() == {"listings": 1, "signed listings": 1, "files": 5, "blobs": 5}


@pytest.mark.parametrize(
    "told",
    [{"status": 301}, {"status": 202}, *({"address": one} for one in ("s3://bucket/key", "http://x/\ny", "/x", 7))],
    ids=str,
)
def test_what_is_no_answer_with_addresses_is_not_used(signing, shelf, hca, asked, told):
    assert download(hca, signing(*files_of(shelf, 5), **told)).exit_status == 0
    assert asked() == {"listings": 1, "signed listings": 1, "files": 5, "blobs": 5}


def test_who_never_has_addresses_is_not_asked_for_ever(signing, shelf, hca, asked, write_manifest):
    bundles = [
        signing(
            *(shelf.file(f"f{number}", b"%d of %d" % (number, one)) for number in range(4)), answer=reply(status=400)
        )
        for one in range(30)
    ]
    rows = [row for bundle in bundles for row in bundle.rows()]
    assert by_manifest(hca, write_manifest(rows), "--layout", "bundle").exit_status == 0
    told = asked()
    assert (told["listings"], told["files"]) == (30, 120)
    # Up to eight bundles are asked for at once, and those that fail together may count as one in vain.
    assert 3 <= told["signed listings"] <= 3 * 8


@pytest.mark.parametrize("status", [403, 401])
def test_an_address_that_expired_is_looked_up(signing, shelf, hca, asked, status, tree):
    bundle = signing(*files_of(shelf, 5), signed=reply(status=status))
    assert download(hca, bundle, "--min-delay-seconds", "0.001").exit_status == 0
    assert asked() == {"listings": 1, "signed listings": 1, "signed": 5, "files": 5, "blobs": 5}
    assert tree(bundle.fqid)["f3"] == b"3" * 50


def test_bytes_from_a_signed_address_are_checked_too(signing, shelf, hca):
    bundle = signing(*files_of(shelf, 5), signed=reply(body=b"x" * 50))
    outcome = download(hca, bundle, "--num-retries", "0")
    assert outcome.exit_status == ExitStatus.INTEGRITY
    assert "secret" not in outcome.stderr


# Manifests


@pytest.mark.usefixtures("few_rows")
def test_rows_of_one_bundle_are_signed_together(signing, shelf, hca, asked, write_manifest):
    first, second = signing(*files_of(shelf, 10)), signing(*files_of(shelf, 4, size=60))
    assert by_manifest(hca, write_manifest([*first.rows(), *second.rows()])).exit_status == 0
    assert asked() == {"listings": 2, "signed listings": 2, "signed": 14}
    assert by_manifest(hca, "manifest.tsv").exit_status == 0
    assert asked() == {"listings": 2, "signed listings": 2, "signed": 14}  # all there: no request at all


def test_a_few_rows_of_a_bundle_are_looked_up(signing, shelf, hca, asked, write_manifest):
    bundle = signing(*files_of(shelf, 10))
    assert by_manifest(hca, write_manifest(bundle.rows()[:3])).exit_status == 0
    assert asked() == {"files": 3, "blobs": 3}


@pytest.mark.usefixtures("few_rows")
def test_rows_that_are_less_than_half_of_their_bundle_are_looked_up(signing, shelf, hca, asked, write_manifest):
    bundle = signing(*files_of(shelf, 10))
    assert by_manifest(hca, write_manifest(bundle.rows()[:4])).exit_status == 0
    assert asked() == {"listings": 1, "files": 4, "blobs": 4}


@pytest.mark.usefixtures("few_rows")
def test_rows_whose_bundle_is_gone_are_looked_up(shelf, hca, asked, write_manifest):
    bundle = shelf.bundle(*files_of(shelf, 5))
    shelf.service.on("GET", f"/v1/bundles/{bundle.uuid}")._answers.clear()
    shelf.service.on("GET", f"/v1/bundles/{bundle.uuid}").reply(status=404)
    assert by_manifest(hca, write_manifest(bundle.rows())).exit_status == 0
    assert asked() == {"listings": 1, "files": 5, "blobs": 5}


def test_a_dry_run_makes_the_service_copy_nothing(signing, shelf, hca, asked, write_manifest, tree):
    bundle = signing(*files_of(shelf, 10))
    assert by_manifest(hca, write_manifest(bundle.rows()), "--dry-run").exit_status == 0
    assert asked() == {}
    assert download(hca, bundle, "--dry-run").exit_status == 0
    assert asked() == {"listings": 1}
    assert set(tree()) == {"manifest.tsv"}


# Bundles ahead of their use


@pytest.mark.parametrize("kind", ["manifest", "collection"])
def test_bundles_are_listed_side_by_side_and_not_all_at_once(shelf, hca, write_manifest, monkeypatch, kind):
    """Eight of them are asked for at once, whose latency does not add up then."""
    monkeypatch.setenv("HCA_TOKEN", "test")
    bundles = [shelf.bundle(shelf.file("f", b"%d" % number)) for number in range(40)]
    meeting, now, most = threading.Barrier(8), [0], [0]
    lock = threading.Lock()

    def slow(found: Any) -> Any:
        def answer(request: Any) -> Any:
            with lock:
                now[0] += 1
                most[0] = max(most[0], now[0])
            meeting.wait(60)  # breaks if fewer than eight ever come together
            with lock:
                now[0] -= 1
            return found(request)

        return answer

    for bundle in bundles:
        route = shelf.service.on("GET", f"/v1/bundles/{bundle.uuid}")
        route._answers[:] = [slow(route._answers[0])]
    if kind == "manifest":
        name = write_manifest([row for bundle in bundles for row in bundle.rows()])
        outcome = by_manifest(hca, name, "--layout", "bundle")
    else:
        uuid = shelf.uuid()
        items = [{"type": "bundle", "uuid": one.uuid, "version": one.version} for one in bundles]
        shelf.service.on("GET", f"/v1/collections/{uuid}").reply(json={"contents": items})
        outcome = hca("dss", "download-collection", "--replica", "aws", "--uuid", uuid)
    assert outcome.exit_status == 0
    assert sorted(outcome.json()["bundles"]) == [one.fqid for one in bundles]
    assert most[0] == 8


# Sources


def test_a_source_holds_no_secret_when_it_is_shown_or_pickled(dss):
    source = FileSource(Service("dss", {}, DSSClient()), "u", "v", "aws", "https://s3/x?X-Signature=secret")
    assert "secret" not in repr(source)
    data = pickle.dumps(source)
    assert b"secret" not in data
    assert pickle.loads(data)[1:] == ("u", "v", "aws", "")


def test_every_part_of_a_request_is_encoded(dss):
    source = FileSource(Service("dss", {}, DSSClient()), "a/b?c", "v&w=x#y", "aws")
    request = source.request(7)
    assert request.url == f"{dss.url}/v1/files/a%2Fb%3Fc?replica=aws&version=v%26w%3Dx%23y"
    assert (request.headers, request.authenticated) == ({"Accept-Encoding": "identity", "Range": "bytes=7-"}, False)
    assert (source.requests_each, source._replace(signed="https://x").requests_each) == (2, 1)


def test_a_source_knows_its_address_in_the_cloud(shelf, dss):
    file = shelf.file("f", b"f")
    route = shelf.service.on("GET", f"/v1/files/{file['uuid']}")
    route._answers[:] = []
    route.redirect("s3://bucket/key")
    source = FileSource(Service("dss", {}, DSSClient()), file["uuid"], file["version"], "aws")
    assert source.direct() == "s3://bucket/key"
    assert dict(shelf.service.requests[-1].query)["directurl"] == "true"
