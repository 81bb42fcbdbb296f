"""Parameters of the index: what is legal, in the address and in a body, and what the gateway says before that."""

from __future__ import annotations

import json
from typing import Any

import pytest

Index = Any

CODE = "BadRequestError"


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"size": "0"}, "Invalid value for parameter `size`, must be greater than 0"),
        ({"size": "1001"}, "Invalid value for parameter `size`, must not be greater than 1000"),
        ({"size": "many"}, "Invalid value for parameter `size`"),
        ({"order": "up"}, "Unknown order `up`. Must be one of ('asc', 'desc')"),
        ({"sort": "bad-field"}, "Unknown field `bad-field`"),
        ({"sort": "accessible"}, "Unknown field `accessible`"),
        ({"x": "1"}, "Unknown query parameter `x`"),
        ({"y": "1", "x": "1"}, "Unknown query parameters `x`, `y`"),
        ({"search_after": "{"}, "The 'search_after' parameter is not valid JSON"),
    ],
)
def test_what_is_refused(index: Index, query: dict[str, str], message: str) -> None:
    assert index.refusal("/index/files", **query) == (400, CODE, message)
    assert index.get("/index/files", **query).headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("sort", ["accessions", "tissueAtlas", "organismAgeRange", "assayType"])
def test_what_nobody_can_sort_by(index: Index, sort: str) -> None:
    assert index.refusal("/index/files", sort=sort)[0] == 500


@pytest.mark.parametrize(
    ("entity_type", "now", "then"), [("files", 1000, 1000), ("samples", 1000, 1000), ("bundles", 100, 100),
                                     ("projects", 75, 100)],
)  # fmt: skip
def test_the_largest_pages(index: Index, old_index: Index, entity_type: str, now: int, then: int) -> None:
    for one, most in ((index, now), (old_index, then)):
        assert one.send("HEAD", f"/index/{entity_type}?size={most}").status_code == 200
        message = f"Invalid value for parameter `size`, must not be greater than {most}"
        assert one.refusal(f"/index/{entity_type}", size=most + 1) == (400, CODE, message)


def test_an_unknown_type_or_catalog(index: Index) -> None:
    status, code, message = index.refusal("/index/cells")
    assert (status, code) == (400, CODE)
    assert message.startswith("Entity type 'cells' is invalid for catalog 'dcp46'. Must be one of {")
    assert index.refusal("/index/cells", size=1)[0] == 500
    status, code, message = index.refusal("/index/files", catalog="dcp1")
    assert (status, code) == (404, "NotFoundError")
    assert message.startswith("Catalog name 'dcp1' does not exist. Must be one of {")
    for name in ("DCP46", "dcp_46", "a" * 65, "-a", ""):
        for path in ("/index/files", "/index/summary", "/repository/sources"):
            assert index.refusal(path, catalog=name)[:2] == (400, CODE)


def post(index: Index, body: Any, **more: Any) -> Any:
    return index.send("POST", "/index/files", json=body, **more)


def test_the_filters_of_a_body_count(index: Index) -> None:
    filters = {"fileFormat": {"is": ["h5ad"]}}
    found = post(index, {"filters": json.dumps(filters)}).json()
    assert found["pagination"]["total"] == 1
    assert post(index, {"filters": filters}).json()["Message"] == "Invalid value for `filters`"


def test_half_of_a_body_counts_where_the_address_has_no_parameters(index: Index) -> None:
    body = {"catalog": "dcp45", "size": 3, "sort": "entryId", "order": "desc"}
    ignored = post(index, body).json()
    assert (ignored["pagination"]["size"], ignored["pagination"]["sort"]) == (10, "fileName")
    assert ignored["pagination"]["total"] > 1000
    heeded = post(index, {name: body[name] for name in ("catalog", "size", "sort")}, params={"order": "desc"}).json()
    told = heeded["pagination"]
    assert (told["size"], told["sort"], told["order"], told["total"]) == (3, "entryId", "desc", 138)
    assert post(index, {**body, "size": 5000}).status_code == 400, "ignored, but checked"


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        (b'{"size": 3}', 400, "Conflicting keys between body and query parameters"),
        (b"[]", 400, "Request body is not a JSON object"),
        (b"{", 400, "Error Parsing JSON"),
        (b'{"x": 1}', 400, "Unknown query parameter `x`"),
        (b"", 200, ""),
        (b"null", 200, ""),
    ],
)
def test_what_a_body_may_be(index: Index, body: bytes, status: int, message: str) -> None:
    headers = {"Content-Type": "application/json; charset=utf-8"}
    answer = index.send("POST", "/index/files", params={"size": 2}, data=body, headers=headers)
    assert answer.status_code == status
    assert answer.json().get("Message", "") == message
    headers = {"Content-Type": "text/plain"}
    assert index.send("POST", "/index/files", data=b"{}", headers=headers).status_code == 415


def test_long_addresses_are_cut_off_by_the_gateway(index: Index) -> None:
    shape = f'{index.url}/index/files?filters={{"organ":{{"is":["x"]}}}}'
    assert index.send("GET", shape).status_code == 200
    filler = 8192 - len(f"{index.url}/index/files?filters=")
    assert index.send("GET", f"{index.url}/index/files?filters={'a' * filler}").status_code == 400
    assert index.send("GET", f"{index.url}/index/files?filters={'a' * (filler + 1)}").status_code == 413
    assert index.send("GET", "/index/files", headers={"X-Large": "a" * 10_240}).status_code == 413


def test_filters_that_needed_a_post_have_a_link_that_is_too_long(index: Index) -> None:
    filters = {"fileFormat": {"is": ["fastq.gz", *(f"format-{number:04d}" for number in range(600))]}}
    found = post(index, {"filters": json.dumps(filters)}).json()["pagination"]
    assert found["total"] > 100
    assert len(found["next"]) > 8192
    assert index.send("GET", found["next"]).status_code == 413


def test_head_checks_and_says_nothing(index: Index) -> None:
    for path in ("/index/files", "/index/summary"):
        answer = index.send("HEAD", path)
        assert (answer.status_code, answer.content, answer.headers.get("Content-Length")) == (200, b"", "0")
        assert index.send("HEAD", f"{path}?catalog=nope").status_code == 404
    assert index.send("HEAD", "/index/catalogs").status_code == 403
    assert index.send("HEAD", "/openapi").status_code == 403


def test_unknown_paths_are_forbidden(index: Index) -> None:
    for method, path in (("GET", "/nothing"), ("PUT", "/index/files"), ("GET", "/index/files/a/b"), ("GET", "/index")):
        answer = index.send(method, path)
        assert (answer.status_code, answer.json()) == (403, {"message": "Missing Authentication Token"})


def test_what_every_answer_carries(index: Index) -> None:
    for path, status in (("/index/projects", 200), ("/index/projects?x=1", 400), ("/nothing", 403)):
        headers = index.send("GET", path).headers
        assert index.send("GET", path).status_code == status
        assert headers["Cache-Control"] == "no-store"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Access-Control-Allow-Origin"] == "*"
        assert headers["Strict-Transport-Security"]
        assert all(headers.get(name) for name in ("x-amzn-RequestId", "x-amz-cf-id", "X-Amzn-Trace-Id"))
    assert index.get("/openapi").headers["Cache-Control"] == "public, max-age=500"
