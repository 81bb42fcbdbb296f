"""Collections of the embedded DSS: their links, their versions, their privacy."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import requests

VERSION = "2019-07-10T001103.121000Z"
LATER = "2020-07-10T001103.121000Z"
DOCUMENT = {"a": {"b/c": [10, 20]}}


@pytest.fixture(scope="session")
def file(writing: Any) -> str:
    """Return the uuid of a JSON file."""
    made: str = writing.put_file(json.dumps(DOCUMENT).encode())
    return made


@pytest.fixture(scope="session")
def bundle(writing: Any, file: str) -> str:
    """Return the uuid of a bundle."""
    made: str = writing.put_bundle({"a.json": file})
    return made


@pytest.fixture
def owner(writing: Any) -> str:
    """Return the token of a user who has no collections."""
    made: str = writing.token_of(f"{uuid.uuid4()}@example.org")
    return made


@pytest.fixture
def collection() -> str:
    """Return the uuid of a collection that is not there."""
    return str(uuid.uuid4())


def item(kind: str, identity: str, **more: str) -> dict[str, str]:
    return {"type": kind, "uuid": identity, "version": VERSION, **more}


def put(writing: Any, token: str, identity: str, contents: list[Any], **query: Any) -> requests.Response:
    body = {"name": "n", "description": "# d\n\n*x*", "details": {}, "contents": contents}
    return writing.send(
        "PUT", "/collections", body, token=token, **{"uuid": identity, "version": VERSION, "replica": "aws", **query}
    )


def get(writing: Any, token: str, identity: str, **query: Any) -> requests.Response:
    return writing.send("GET", f"/collections/{identity}", token=token, **{"replica": "aws", **query})


def patch(writing: Any, token: str, identity: str, body: object, **query: Any) -> requests.Response:
    return writing.send(
        "PATCH", f"/collections/{identity}", body, token=token, **{"replica": "aws", "version": VERSION, **query}
    )


def told(answer: requests.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def test_it_is_stored_as_it_was_put(writing: Any, owner: str, bundle: str, file: str, collection: str) -> None:
    contents = [
        item("bundle", bundle, path="https://dss.example.org/any text"),
        item("file", file),
        item("name", file, fragment="/a/b~1c/1"),
        item("name", file, path="/a"),
        item("whole", file, path=""),
    ]
    answer = put(writing, owner, collection.upper(), contents)
    assert (answer.status_code, answer.json()) == (201, {"uuid": collection, "version": VERSION})
    for replica in ("aws", "gcp"):
        found = get(writing, owner, collection, replica=replica).json()
        assert found.pop("owner").endswith("@example.org")
        assert found == {"name": "n", "description": "# d\n\n*x*", "details": {}, "contents": contents}


def test_collections_in_collections(writing: Any, owner: str, file: str, collection: str) -> None:
    inner = str(uuid.uuid4())
    assert told(put(writing, owner, collection, [item("collection", inner)])) == (422, "invalid_link")
    put(writing, owner, inner, [item("file", file)])
    assert put(writing, owner, collection, [item("collection", inner)]).status_code == 201


@pytest.mark.parametrize(
    ("link", "problem"),
    [
        (lambda file, bundle: item("file", bundle), "no such file"),
        (lambda file, bundle: item("bundle", file), "no such bundle"),
        (lambda file, bundle: item("bundle", bundle) | {"version": LATER}, "no such bundle"),
        (lambda file, bundle: item("name", file, path="/x"), "nothing at '/x'"),
        (lambda file, bundle: item("name", file, fragment="/a/b~1c/7"), "nothing at"),
        (lambda file, bundle: item("name", file, path="a"), "nothing at"),
        (lambda file, bundle: item("name", file), "needs a JSON pointer"),
        (lambda file, bundle: item("name", bundle, path="/a"), "no such file"),
    ],
)
def test_links_must_lead_somewhere(
    writing: Any, owner: str, file: str, bundle: str, collection: str, link: Any, problem: str
) -> None:
    answer = put(writing, owner, collection, [link(file, bundle)])
    assert told(answer) == (422, "invalid_link")
    assert problem in answer.json()["title"]
    assert get(writing, owner, collection).status_code == 404


def test_what_is_no_json_has_no_parts(writing: Any, owner: str, collection: str) -> None:
    text = writing.put_file(b"not json", "text/plain")
    large = writing.put_file(b'"' + b"x" * 1024 * 1024 + b'"')
    for file, problem in ((text, "not JSON"), (large, "too large")):
        answer = put(writing, owner, collection, [item("x", file, path="")])
        assert (told(answer), problem in answer.json()["title"]) == ((422, "invalid_link"), True)


def test_the_same_item_counts_once(writing: Any, owner: str, file: str, collection: str) -> None:
    put(writing, owner, collection, [item("file", file), item("file", file, path="x"), item("file", file)])
    assert get(writing, owner, collection).json()["contents"] == [item("file", file), item("file", file, path="x")]
    patch(writing, owner, collection, {"add_contents": [item("file", file)]})
    assert len(get(writing, owner, collection).json()["contents"]) == 2


def test_a_thousand_items_and_not_more(writing: Any, owner: str, file: str, collection: str) -> None:
    items = [item("file", file, path=str(number)) for number in range(1001)]
    assert told(put(writing, owner, collection, items)) == (400, "illegal_arguments")
    assert put(writing, owner, collection, items[:1000]).status_code == 201


def test_putting_a_version_again_replaces_it(writing: Any, owner: str, file: str, collection: str) -> None:
    put(writing, owner, collection, [item("file", file)])
    assert put(writing, owner, collection, []).status_code == 201
    assert get(writing, owner, collection).json()["contents"] == []


def test_patches_make_versions(writing: Any, owner: str, file: str, bundle: str, collection: str) -> None:
    put(writing, owner, collection, [item("file", file)])
    body = {
        "add_contents": [item("bundle", bundle)],
        "remove_contents": [item("file", file), item("file", file, path="other")],
        "name": "new",
        "details": {"x": 1},
    }
    answer = patch(writing, owner, collection, body)
    assert (answer.status_code, answer.json()["uuid"]) == (200, collection)
    found = get(writing, owner, collection).json()
    assert (found["name"], found["details"], found["description"]) == ("new", {"x": 1}, "# d\n\n*x*")
    assert found["contents"] == [item("bundle", bundle)]
    assert get(writing, owner, collection, version=VERSION).json()["contents"] == [item("file", file)]
    assert get(writing, owner, collection, version=answer.json()["version"]).json() == found
    assert patch(writing, owner, collection, {}).status_code == 200
    assert told(patch(writing, owner, collection, {}, version=LATER)) == (404, "not_found")
    assert told(patch(writing, owner, collection, {"add_contents": [item("file", bundle)]})) == (422, "invalid_link")


def test_listed_are_the_versions_that_were_put(writing: Any, owner: str, file: str, collection: str) -> None:
    for version in (VERSION, LATER):
        put(writing, owner, collection, [], version=version)
    patch(writing, owner, collection, {"name": "x"}, version=LATER)
    found = writing.send("GET", "/collections", token=owner).json()
    assert found == {"collections": [{"uuid": collection, "version": version} for version in (VERSION, LATER)]}
    writing.send("DELETE", f"/collections/{collection}", token=owner, replica="aws")
    assert writing.send("GET", "/collections", token=owner).json() == {"collections": []}


def test_the_list_comes_in_pages(writing: Any, owner: str) -> None:
    made = sorted(str(uuid.uuid4()) for _ in range(25))
    for identity in made:
        put(writing, owner, identity, [])
    first = writing.send("GET", "/collections", token=owner, per_page=10)
    assert (first.status_code, first.headers["X-OpenAPI-Paginated-Content-Key"]) == (206, "collections")
    seen, answer = [], first
    while True:
        seen += [one["uuid"] for one in answer.json()["collections"]]
        if "next" not in answer.links:
            break
        answer = writing._http.get(
            answer.links["next"]["url"], headers={"Authorization": f"Bearer {owner}"}, timeout=60
        )
    assert (seen, answer.status_code) == (made, 200)
    assert told(writing.send("GET", "/collections", token=owner, per_page=9)) == (400, "illegal_arguments")


def test_they_are_private(writing: Any, owner: str, collection: str) -> None:
    put(writing, owner, collection, [])
    other = writing.token_of("other@example.org")
    assert told(get(writing, other, collection)) == (403, "forbidden")
    assert told(patch(writing, other, collection, {})) == (403, "forbidden")
    assert told(put(writing, other, collection, [])) == (403, "forbidden")
    path = f"/collections/{collection}"
    assert told(writing.send("DELETE", path, token=other, replica="aws")) == (403, "forbidden")
    assert writing.send("GET", "/collections", token=other).json() == {"collections": []}


def test_deleted_is_gone_for_good(writing: Any, owner: str, collection: str) -> None:
    put(writing, owner, collection, [])
    path = f"/collections/{collection}"
    answer = writing.send("DELETE", path, token=owner, replica="gcp")
    assert (answer.status_code, answer.json()) == (200, {})
    for replica in ("aws", "gcp"):
        assert told(get(writing, owner, collection, replica=replica)) == (404, "not_found")
    assert told(writing.send("DELETE", path, token=owner, replica="aws")) == (404, "not_found")
    assert told(patch(writing, owner, collection, {})) == (404, "not_found")


def test_bodies_and_identities_that_are_refused(writing: Any, owner: str, file: str, collection: str) -> None:
    body = {"name": "n", "description": "d", "details": {}}
    where = {"uuid": collection, "version": VERSION, "replica": "aws"}
    assert told(writing.send("PUT", "/collections", body, token=owner, **where)) == (400, "illegal_arguments")
    assert told(put(writing, owner, collection, [{"type": "file"}])) == (400, "illegal_arguments")
    assert told(put(writing, owner, collection, [item("file", file) | {"version": "1"}])) == (400, "illegal_version")
    assert told(put(writing, owner, "../x", [])) == (400, "illegal_arguments")
    assert told(put(writing, owner, collection, [], version="1")) == (400, "illegal_version")
