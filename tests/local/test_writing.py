"""PUT, PATCH and DELETE of bundles."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import pytest
from waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable

    import requests

VERSION = "2019-07-10T001103.121000Z"
LATER = "2020-07-10T001103.121000Z"


def entry(name: str, file: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "uuid": file, "version": VERSION, "indexed": False, **more}


def told(answer: requests.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def put(writing: Any, bundle: str, files: list[dict[str, Any]], version: str = VERSION, **query: Any) -> Any:
    body = {"creator_uid": 0, "files": files}
    return writing.send("PUT", f"/bundles/{bundle}", body, **{"version": version, "replica": "aws", **query})


def names(writing: Any, bundle: str, **query: Any) -> list[str]:
    answer = writing.send("GET", f"/bundles/{bundle}", **{"replica": "aws", **query})
    assert answer.status_code == 200, answer.text
    return [file["name"] for file in answer.json()["bundle"]["files"]]


@pytest.fixture(scope="session")
def file(writing: Any) -> str:
    """Return the uuid of a file."""
    made: str = writing.put_file(b"some content", "text/plain")
    return made


@pytest.fixture
def bundle() -> str:
    """Return the uuid of a bundle that is not there."""
    return str(uuid.uuid4())


def test_a_bundle_is_made(writing: Any, file: str, bundle: str) -> None:
    answer = put(writing, bundle.upper(), [entry("b c/ü.txt", file.upper()), entry("a.json", file, indexed=True)])
    assert answer.status_code == 201
    manifest = answer.json()["manifest"]
    assert (manifest["format"], manifest["creator_uid"], manifest["version"]) == ("0.0.1", 0, VERSION)
    assert [(one["name"], one["indexed"], "s3-etag" in one) for one in manifest["files"]] == [
        ("b c/ü.txt", False, True), ("a.json", True, True),
    ]  # fmt: skip
    for replica in ("aws", "gcp"):
        assert names(writing, bundle, replica=replica) == ["b c/ü.txt", "a.json"]


def test_the_same_again_is_fine_and_another_is_not(writing: Any, file: str, bundle: str) -> None:
    files = [entry("a", file), entry("b", file)]
    first = put(writing, bundle, files)
    again = put(writing, bundle, files)
    assert (again.status_code, again.json()) == (200, first.json())
    assert told(put(writing, bundle, files[::-1])) == (409, "bundle_already_exists")
    assert told(put(writing, bundle, files[:1])) == (409, "bundle_already_exists")
    assert names(writing, bundle) == ["a", "b"]


def test_an_empty_bundle_is_one(writing: Any, bundle: str) -> None:
    assert put(writing, bundle, []).status_code == 201
    assert names(writing, bundle) == []


@pytest.mark.parametrize("name", ["", ".hidden", "with blank", "sub/x.txt", "...", "a" * 300, "x\ny", "~x", "100%#?"])
def test_names_that_are_allowed(writing: Any, file: str, bundle: str, name: str) -> None:
    assert put(writing, bundle, [entry(name, file)]).status_code == 201
    assert names(writing, bundle) == [name]


@pytest.mark.parametrize("name", ["/x", "~/x", "a\\b", "a./b", "./a", "a/.b", ".", "..", "../x"])
def test_names_that_are_not(writing: Any, file: str, bundle: str, name: str) -> None:
    assert told(put(writing, bundle, [entry(name, file)])) == (400, "illegal_arguments")


def test_what_a_bundle_needs(writing: Any, file: str, bundle: str) -> None:
    assert told(put(writing, bundle, [entry("a", file), entry("a", file)])) == (400, "duplicate_filename")
    assert told(put(writing, bundle, [entry("a", bundle)])) == (400, "file_missing")
    assert told(put(writing, bundle, [entry("a", file, version=LATER)])) == (400, "file_missing")
    assert told(put(writing, bundle, [entry("a", file, version="2019")])) == (400, "illegal_version")
    assert told(put(writing, bundle, [{"name": "a", "uuid": file}])) == (400, "illegal_arguments")
    assert told(put(writing, bundle, [], version="now")) == (400, "illegal_version")
    assert told(put(writing, "no-uuid", [])) == (400, "illegal_arguments")
    assert told(put(writing, bundle, [], replica="azure")) == (400, "illegal_arguments")
    assert writing.send("GET", f"/bundles/{bundle}", replica="aws").status_code == 404


def test_names_that_differ_in_case_are_two(writing: Any, file: str, bundle: str) -> None:
    assert put(writing, bundle, [entry("a", file), entry("A", file)]).status_code == 201


class TestPatch:
    """A patch makes a new version."""

    def patch(self, writing: Any, bundle: str, body: object, **query: Any) -> requests.Response:
        return writing.send("PATCH", f"/bundles/{bundle}", body, **{"replica": "aws", "version": VERSION, **query})

    def test_files_come_and_go(self, writing: Any, file: str, bundle: str) -> None:
        put(writing, bundle, [entry("a", file), entry("b", file)])
        answer = self.patch(
            writing, bundle, {"add_files": [entry("c", file)], "remove_files": [entry("a", file, indexed=True)]}
        )
        assert (answer.status_code, answer.json()["uuid"]) == (200, bundle)
        assert answer.json()["version"] > LATER
        assert names(writing, bundle) == ["b", "c"]
        assert names(writing, bundle, version=VERSION) == ["a", "b"]

    def test_only_exact_matches_go(self, writing: Any, file: str, bundle: str) -> None:
        put(writing, bundle, [entry("a", file)])
        wrong = [entry("a", file, version=LATER), entry("A", file), entry("a", bundle)]
        assert self.patch(writing, bundle, {"remove_files": wrong}).status_code == 200
        assert names(writing, bundle) == ["a"]

    def test_a_name_can_be_replaced_but_not_doubled(self, writing: Any, file: str, bundle: str) -> None:
        put(writing, bundle, [entry("a", file)])
        assert told(self.patch(writing, bundle, {"add_files": [entry("a", file)]})) == (400, "duplicate_filename")
        both = {"add_files": [entry("a", file)], "remove_files": [entry("a", file)]}
        assert self.patch(writing, bundle, both).status_code == 200

    def test_nothing_to_change_is_a_new_version(self, writing: Any, file: str, bundle: str) -> None:
        put(writing, bundle, [entry("a", file)])
        first, second = (self.patch(writing, bundle, {}).json()["version"] for _ in range(2))
        assert first < second

    def test_what_is_refused(self, writing: Any, file: str, bundle: str) -> None:
        assert told(self.patch(writing, bundle, {})) == (404, "not_found")
        put(writing, bundle, [])
        assert told(self.patch(writing, bundle, {"add_files": [entry("a", bundle)]})) == (400, "file_missing")
        many = {"add_files": [entry(str(number), file) for number in range(1001)]}
        answer = self.patch(writing, bundle, many)
        assert told(answer) == (400, "illegal_arguments")
        assert len(answer.json()["title"]) < 1000
        writing.send("DELETE", f"/bundles/{bundle}", {"reason": "test"}, replica="aws", version=VERSION)
        assert told(self.patch(writing, bundle, {})) == (404, "not_found")


class TestDelete:
    """A tombstone hides a version or all of them."""

    def delete(self, writing: Any, bundle: str, reason: str = "test", **query: Any) -> requests.Response:
        return writing.send("DELETE", f"/bundles/{bundle}", {"reason": reason}, **{"replica": "aws", **query})

    def status(self, writing: Any, bundle: str, **query: Any) -> int:
        found: int = writing.send("GET", f"/bundles/{bundle}", **{"replica": "gcp", **query}).status_code
        return found

    def listed(self, writing: Any, bundle: str) -> list[str]:
        answer = writing.send("GET", "/bundles/all", replica="aws", prefix=bundle)
        return [one["version"] for one in answer.json()["bundles"]]

    def test_one_version(self, writing: Any, bundle: str) -> None:
        put(writing, bundle, [])
        put(writing, bundle, [], LATER)
        answer = self.delete(writing, bundle.upper(), version=LATER)
        assert (answer.status_code, answer.json()) == (200, {})
        assert self.status(writing, bundle, version=LATER) == 404
        assert self.status(writing, bundle, version=VERSION) == 200
        assert self.listed(writing, bundle) == [VERSION]
        assert writing.send("GET", f"/bundles/{bundle}", replica="aws").json()["bundle"]["version"] == VERSION

    def test_all_versions(self, writing: Any, bundle: str) -> None:
        put(writing, bundle, [])
        put(writing, bundle, [], LATER)
        assert self.delete(writing, bundle).status_code == 200
        assert {self.status(writing, bundle, version=one) for one in (VERSION, LATER)} == {404}
        assert self.listed(writing, bundle) == []
        assert put(writing, bundle, [], "2021-07-10T001103.121000Z").status_code == 201
        assert self.status(writing, bundle) == 404

    def test_again(self, writing: Any, bundle: str) -> None:
        put(writing, bundle, [])
        assert self.delete(writing, bundle).status_code == 200
        assert self.delete(writing, bundle).status_code == 200
        assert told(self.delete(writing, bundle, "another")) == (409, "bundle_tombstone_already_exists")

    def test_what_is_refused(self, writing: Any, bundle: str) -> None:
        assert told(self.delete(writing, bundle)) == (404, "not_found")
        put(writing, bundle, [])
        assert told(self.delete(writing, bundle, version=LATER)) == (404, "not_found")
        assert told(writing.send("DELETE", f"/bundles/{bundle}", {}, replica="aws")) == (400, "illegal_arguments")
        guest = writing.token_of("guest@example.org")
        answer = writing.send("DELETE", f"/bundles/{bundle}", {"reason": "x"}, replica="aws", token=guest)
        assert told(answer) == (403, "Forbidden")
        assert self.status(writing, bundle) == 200


def test_replicas_that_differ_for_a_while(
    launched: Callable[..., Any], tmp_path: Any, user: Callable[..., Any], replicate: Callable[..., None]
) -> None:
    writing = user(launched(tmp_path / "data", empty=True, replica_delay=3600))
    file = writing.put_file(b"x", "text/plain")
    replicate(writing, 1)
    bundle = writing.put_bundle({"x": file}, replica="gcp")  # it waits until the file is there
    path = f"/bundles/{bundle}"
    assert writing.send("GET", path, replica="gcp").status_code == 200
    assert writing.send("GET", path, replica="aws").status_code == 404
    replicate(writing, 0)
    until(lambda: writing.send("GET", path, replica="aws").status_code == 200)
    writing.send("DELETE", path, {"reason": "x"}, replica="aws")
    assert writing.send("GET", path, replica="gcp").status_code == 200
    replicate(writing, 0)
    until(lambda: writing.send("GET", path, replica="gcp").status_code == 404)


def test_what_was_to_be_replicated_survives_a_kill(
    launched: Callable[..., Any], tmp_path: Any, user: Callable[..., Any]
) -> None:
    first = launched(tmp_path / "data", empty=True, replica_delay=2)
    file = user(first).put_file(b"x", "text/plain")
    first.process.kill()
    first.process.wait()
    writing = user(launched(tmp_path / "data"))
    until(lambda: writing.send("HEAD", f"/files/{file}", replica="gcp").status_code == 200)


def test_a_read_only_deployment(launched: Callable[..., Any], tmp_path: Any, user: Callable[..., Any]) -> None:
    writing = user(launched(tmp_path / "data", read_only=1))
    answer = put(writing, str(uuid.uuid4()), [])
    assert told(answer) == (503, "read_only")
    assert "600" in answer.headers["Retry-After"]
    assert writing.send("GET", "/bundles/all", replica="aws").status_code == 200
    assert writing.send("HEAD", f"/files/{uuid.uuid4()}", replica="aws").status_code == 503
