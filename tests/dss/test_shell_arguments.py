"""Lists and objects on the command line of the writing verbs: every spelling arrives as the same JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from hca_core.testing import LoopbackService, Outcome

UUID = "00000000-0000-4000-8000-000000000001"
VERSION = "2019-08-01T200147.836832Z"
ONE = {"uuid": UUID, "version": VERSION, "name": "dinosaur dna.fa", "indexed": False}
TWO = {**ONE, "name": 'a"b.json', "indexed": True}
QUERY = {"query": {"bool": {"must": [{"match": {"files.project_json.x": "ü"}}]}}}


@pytest.fixture
def body(dss: LoopbackService, hca: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """A function that runs a verb of `hca dss` and returns the document that it sent."""
    monkeypatch.setenv("HCA_TOKEN", "t")
    dss.on("*", "/v1/*").reply(json={})

    def run(*words: str, **settings: Any) -> Any:
        outcome = hca("dss", *words, **settings)
        assert (outcome.exit_status, outcome.stderr) == (0, "")
        return dss.requests[-1].json()

    return run


def put_bundle(*words: str) -> list[str]:
    return ["put-bundle", "--uuid", UUID, "--version", VERSION, "--replica", "aws", "--creator-uid", "8008", *words]


@pytest.mark.parametrize(
    "words",
    [
        ["--files", json.dumps(ONE), json.dumps(TWO)],
        ["--files", json.dumps(ONE), "--files", json.dumps(TWO)],
        ["--files", json.dumps([ONE, TWO])],
        ["--files", "@files.json"],
        ["--files", "@one.json", json.dumps(TWO)],
    ],
)
def test_files_of_a_bundle(body: Callable[..., Any], words: list[str]) -> None:
    Path("files.json").write_text(json.dumps([ONE, TWO]))
    Path("one.json").write_text(json.dumps(ONE))
    assert body(*put_bundle(*words)) == {"creator_uid": 8008, "files": [ONE, TWO]}


def test_files_from_standard_input(body: Callable[..., Any]) -> None:
    assert body(*put_bundle("--files", "-"), input=json.dumps([ONE]))["files"] == [ONE]


def test_a_change_of_a_bundle(body: Callable[..., Any]) -> None:
    words = ["patch-bundle", "--uuid", UUID, "--version", VERSION, "--replica", "aws"]
    added = body(*words, "--add-files", json.dumps(ONE), json.dumps(TWO), "--remove-files", json.dumps([ONE]))
    assert added == {"add_files": [ONE, TWO], "remove_files": [ONE]}
    assert body(*words) == {}


def test_a_collection(body: Callable[..., Any]) -> None:
    item = {"type": "bundle", "uuid": UUID, "version": VERSION}
    words = ["--replica", "aws", "--version", VERSION]
    described = ["--name", "n", "--description", "# d\n", "--details", "{}"]
    put = body("put-collection", "--uuid", UUID, *words, *described, "--contents", json.dumps(item), json.dumps(item))
    assert put == {"name": "n", "description": "# d\n", "details": {}, "contents": [item, item]}
    patched = body(
        "patch-collection", "--uuid", UUID, *words, "--add-contents", json.dumps(item), "--details", '{"a":[1]}'
    )
    assert patched == {"add_contents": [item], "details": {"a": [1]}}


def test_a_search(body: Callable[..., Any]) -> None:
    Path("query.json").write_text(json.dumps(QUERY))
    words = ["post-search", "--replica", "aws", "--no-paginate", "--es-query"]
    assert body(*words, "@query.json") == body(*words, json.dumps(QUERY)) == {"es_query": QUERY}
    assert body(*words, "-", input=json.dumps(QUERY)) == {"es_query": QUERY}


def test_a_subscription(body: Callable[..., Any]) -> None:
    attachments = {"name": {"type": "jmespath", "expression": "files.x[].y"}}
    Path("attachments.json").write_text(json.dumps(attachments))
    sent = body(
        *("put-subscription", "--replica", "aws", "--callback-url", "https://example.org/x"),
        *("--form-fields", '{"a": "b"}', "--attachments", "@attachments.json", "--es-query", "{}"),
    )
    assert sent == {
        "callback_url": "https://example.org/x",
        "form_fields": {"a": "b"},
        "attachments": attachments,
        "es_query": {},
    }


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (put_bundle("--files", "{'uuid': 1}"), "not JSON at line 1, column 2"),
        (put_bundle("--files", '"x"'), "must be JSON objects"),
        (put_bundle("--files", "@nowhere.json"), "can't read 'nowhere.json'"),
        (["post-search", "--replica", "aws", "--es-query", "[]"], "must be a JSON object"),
    ],
)
def test_what_is_no_json_is_told(
    dss: LoopbackService, hca: Callable[..., Outcome], words: list[str], sentence: str
) -> None:
    outcome = hca("dss", *words)
    assert (outcome.exit_status, dss.asked("PUT"), dss.asked("POST")) == (2, [], [])
    assert sentence in outcome.stderr


@pytest.mark.parametrize("address", ["gs://bucket/blobs/x.y", "s3://bucket/blobs/x.y"])
def test_direct_addresses_are_shown_and_not_fetched(
    dss: LoopbackService, hca: Callable[..., Outcome], address: str
) -> None:
    dss.on("GET", f"/v1/files/{UUID}").redirect(address)
    outcome = hca("dss", "get-file", "--uuid", UUID, "--replica", "gcp", "--directurl", "true")
    assert (outcome.exit_status, outcome.stdout) == (0, address + "\n")
    assert dict(dss.asked("GET", f"/v1/files/{UUID}")[0].query)["directurl"] == "true"
