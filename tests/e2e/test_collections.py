"""Collections through the client: made, changed, private, downloaded (DC-044 to DC-067, DC-159 to DC-162)."""

from __future__ import annotations

import json
from pathlib import Path
from uuid import uuid4

import pytest

from hca_core import versions

SAMPLE = {
    "type": "bundle",
    "uuid": "ffffaf55-f19c-40e3-aa81-a6c69d357265",
    "version": "2019-08-01T200147.836832Z",
}
MARKDOWN = "# Islets\n\n* one\n* two \u00fc\n\n    code\n"


@pytest.fixture
def deployment(writable):
    return writable


@pytest.fixture
def user(token, env):
    """The environment of a user who has no collections yet."""
    return env | {"HCA_TOKEN": token()}


@pytest.fixture
def put(answer, user):
    """A function that puts a collection of items and returns its uuid and version."""

    def make(items, *, as_user=None, **changes: str):
        made = {"name": "bar", "description": "foo", "details": "{}", "uuid": str(uuid4()), "version": versions.now()}
        words = [word for name, value in (made | changes).items() for word in (f"--{name}", value)]
        if len(items) > 10:
            Path("items.json").write_text(json.dumps(items))
            told = answer("put-collection", "--replica", "aws", *words, "--contents", "@items.json", **user)
        else:
            told = answer("put-collection", "--replica", "aws", *words, "--contents", json.dumps(items), **user)
        return told["uuid"], told["version"]

    return make


@pytest.fixture
def get(answer, user):
    """A function that returns a collection, the latest version unless given."""

    def shown(uuid: str, version: str = "", replica: str = "aws"):
        words = ("--version", version) if version else ()
        return answer("get-collection", "--replica", replica, "--uuid", uuid, *words, **user)

    return shown


@pytest.fixture
def patch(answer, user):
    """A function that changes a version of a collection and returns the new version."""

    def change(uuid: str, version: str, *words: str):
        told = answer("patch-collection", "--replica", "aws", "--uuid", uuid, "--version", version, *words, **user)
        assert told["uuid"] == uuid
        assert told["version"] > version
        return told["version"]

    return change


# Private to who made them


def test_everybody_sees_their_own(answer, ask, put, user, token):
    uuid, version = put([SAMPLE])
    assert answer("get-collections", **user) == {"collections": [{"uuid": uuid, "version": version}]}
    other = {"HCA_TOKEN": token()}
    assert answer("get-collections", **other) == {"collections": []}
    for verb in (("get-collection",), ("patch-collection", "--version", version), ("delete-collection",)):
        outcome = ask("dss", *verb, "--replica", "aws", "--uuid", uuid, **other)
        assert (outcome.exit_status, outcome.stdout) == (3, "")
        assert outcome.stderr.startswith("hca: forbidden: Collection access denied (HTTP 403")


def test_pages_of_collections(answer, put, user):
    made = [dict(zip(("uuid", "version"), put([]), strict=True)) for _ in range(12)]
    made.sort(key=lambda one: one["uuid"])
    assert answer("get-collections", "--per-page", "10", **user)["collections"] == made
    first = answer("get-collections", "--per-page", "10", "--no-paginate", **user)
    assert first["collections"] == made[:10]
    assert answer("get-collections", "--start-at", "10", **user)["collections"] == made[10:]


# What is in them


def test_it_is_kept_as_it_was_put(put, get):
    uuid, _ = put([{**SAMPLE, "path": "anything"}], description=MARKDOWN, details='{"a": [1, null]}', name="n \u00fc")
    for replica in ("aws", "gcp"):
        collection = get(uuid, replica=replica)
        assert collection.pop("owner")
        assert collection == {
            "name": "n \u00fc",
            "description": MARKDOWN,
            "details": {"a": [1, None]},
            "contents": [{**SAMPLE, "path": "anything"}],
        }


def test_an_item_must_be_there(ask, user):
    words = ("--replica", "aws", "--name", "n", "--description", "d", "--details", "{}", "--uuid", str(uuid4()))
    lost = {**SAMPLE, "uuid": str(uuid4())}
    outcome = ask("dss", "put-collection", *words, "--version", versions.now(), "--contents", json.dumps(lost), **user)
    assert outcome.exit_status == 1
    assert outcome.stderr.startswith("hca: invalid_link: ")
    assert "HTTP 422" in outcome.stderr


def test_a_thousand_items_and_no_more(ask, put, get, client, user):
    files = client.get_bundle.iterate(uuid="a154e987-fd75-49ff-8200-0747162a2f05", replica="aws")
    items = [{"type": "file", "uuid": one["uuid"], "version": one["version"]} for one in files]
    assert len({one["uuid"] for one in items}) > 1000
    uuid, _ = put(items[:1000])
    assert get(uuid)["contents"] == items[:1000]
    Path("many.json").write_text(json.dumps(items[:1001]))
    words = ("--replica", "aws", "--name", "n", "--description", "d", "--details", "{}", "--uuid", str(uuid4()))
    outcome = ask("dss", "put-collection", *words, "--version", versions.now(), "--contents", "@many.json", **user)
    assert outcome.exit_status in (1, 2)


def test_equal_items_are_one(put, get, patch):
    uuid, version = put([SAMPLE, SAMPLE])
    assert get(uuid)["contents"] == [SAMPLE]
    patch(uuid, version, "--add-contents", json.dumps([SAMPLE]))
    assert get(uuid)["contents"] == [SAMPLE]


# Changes


def test_only_exact_items_are_removed(put, get, patch):
    other = {"type": "bundle", "uuid": "fff807ba-bc98-4247-a560-49fb90c9675c", "version": "2019-08-01T200147.111027Z"}
    uuid, first = put([SAMPLE, other])
    wrong = {**other, "version": "2018-01-01T000000.000000Z"}
    second = patch(uuid, first, "--remove-contents", json.dumps([SAMPLE, wrong]))
    assert get(uuid)["contents"] == get(uuid, second)["contents"] == [other]
    assert get(uuid, first)["contents"] == [SAMPLE, other]


def test_fields_are_replaced(put, get, patch):
    uuid, version = put([])
    patch(uuid, version, "--name", "new", "--description", MARKDOWN, "--details", '{"x": 1}')
    collection = get(uuid)
    assert (collection["name"], collection["description"], collection["details"]) == ("new", MARKDOWN, {"x": 1})


def test_no_change_is_a_version_too(put, get, patch):
    uuid, version = put([SAMPLE])
    later = patch(uuid, version)
    assert get(uuid, later) == get(uuid, version)


def test_what_is_deleted_is_not_found(ask, answer, put, user):
    uuid, _ = put([SAMPLE])
    where = ("--replica", "aws", "--uuid", uuid)
    assert answer("delete-collection", *where, **user) == {}
    assert answer("get-collections", **user) == {"collections": []}
    for replica in ("aws", "gcp"):
        outcome = ask("dss", "get-collection", "--replica", replica, "--uuid", uuid, **user)
        assert outcome.exit_status == 4
    assert ask("dss", "delete-collection", *where, **user).exit_status == 4


# Downloads


def directories(folder: str) -> set[str]:
    return {path.name for path in Path(folder).iterdir() if path.name != ".hca"}


def test_a_download_of_collections_in_collections(answer, put, patch, new_bundle, user):
    bundles = [new_bundle({"a.json": b'{"n": %d}' % number, "sub/b c.txt": b"b"}) for number in range(4)]
    items = [{"type": "bundle", "uuid": uuid, "version": version} for uuid, version in bundles]
    innermost = put(items[2:3])
    inner = put([items[1], {"type": "collection", "uuid": innermost[0], "version": innermost[1]}])
    outer, first = put([items[0], items[1], {"type": "collection", "uuid": inner[0], "version": inner[1]}])
    patch(outer, first, "--add-contents", json.dumps([items[3]]), "--remove-contents", json.dumps([items[0]]))
    names = [f"{uuid}.{version}" for uuid, version in bundles]
    words = ("download-collection", "--replica", "aws", "--uuid", outer)
    report = answer(*words, "--download-dir", "made/now", **user)
    assert sorted(report["bundles"]) == sorted(names[1:])
    assert directories("made/now") == set(names[1:])
    answer(*words, "--version", first, "--download-dir", "before", **user)
    assert directories("before") == set(names[:3])
    for number, name in enumerate(names[:3]):
        assert Path("before", name, "a.json").read_bytes() == b'{"n": %d}' % number
        assert Path("before", name, "sub", "b c.txt").read_bytes() == b"b"


def test_a_collection_of_somebody_else_is_not_downloaded(ask, put, token):
    uuid, _ = put([SAMPLE])
    outcome = ask("dss", "download-collection", "--replica", "aws", "--uuid", uuid, HCA_TOKEN=token())
    assert outcome.exit_status == 3
    assert "Collection access denied" in outcome.stderr
    assert not Path(".hca").exists()
