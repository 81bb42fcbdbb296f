"""What the service refuses, as the client tells it: a sentence with code, title, request id, and an exit status."""

from __future__ import annotations

import json
import re
from pathlib import Path
from uuid import uuid4

import pytest

from hca_core import versions

B, BV = "ffffaf55-f19c-40e3-aa81-a6c69d357265", "2019-08-01T200147.836832Z"
NOBODY = "00000000-0000-4000-8000-000000000000"
AWS = ("--replica", "aws")
CREATOR = ("--creator-uid", "0")
ENTRY = {"uuid": NOBODY, "version": BV, "name": "a", "indexed": False}
COLLECTION = (*AWS, "--name", "n", "--description", "d", "--details", "{}", "--uuid", NOBODY, "--version", BV)
LOST = json.dumps({"type": "bundle", "uuid": NOBODY, "version": BV})
SENTENCE = re.compile(
    r"hca: (?P<code>\w+): (?P<title>.+) "
    r"\(HTTP (?P<status>4\d\d), (GET|HEAD|PUT|POST|PATCH|DELETE) /v1/\S+, request [0-9a-f-]{36}\)"
)

USUAL = [
    (400, "illegal_arguments", ("get-bundles-all", *AWS, "--per-page", "9")),
    (400, "illegal_arguments", ("get-bundle", *AWS, "--uuid", "not-a-uuid")),
    (400, "illegal_version", ("put-file", *CREATOR, "--uuid", NOBODY, "--version", "2019", "--source-url", "s3://b/k")),
    (400, "illegal_version", ("patch-bundle", *AWS, "--uuid", B, "--version", "2019-08-01T20:01:47.836832Z")),
    (400, "unknown_source_schema", ("put-file", *CREATOR, "--uuid", B, "--version", BV, "--source-url", "wasb://b/k")),
    (400, "illegal_arguments", ("put-file", *CREATOR, "--uuid", B, "--version", BV, "--source-url", "ftp://b/k")),
    (400, "illegal_token", ("get-bundle", *AWS, "--uuid", B, "--presignedurls", "true", "--token", "x")),
    (400, "only_one_urltype", ("get-bundle", *AWS, "--uuid", B, "--presignedurls", "true", "--directurls", "true")),
    (
        400,
        "file_missing",
        ("put-bundle", *AWS, *CREATOR, "--uuid", NOBODY, "--version", BV, "--files", json.dumps(ENTRY)),
    ),
    (
        400,
        "duplicate_filename",
        ("put-bundle", *AWS, *CREATOR, "--uuid", NOBODY, "--version", BV, "--files", json.dumps([ENTRY, ENTRY])),
    ),
    (
        400,
        "illegal_arguments",
        (
            *("put-bundle", *AWS, *CREATOR, "--uuid", NOBODY, "--version", BV),
            *("--files", json.dumps({**ENTRY, "name": "../up"})),
        ),
    ),
    (400, "illegal_arguments", ("post-bundles-checkout", *AWS, "--uuid", B, "--destination", "a/b")),
    (400, "elasticsearch_bad_request", ("post-search", *AWS, "--es-query", '{"query": {"mtch": {}}}')),
    (400, "bad_request", ("get-events", *AWS, "--from-date", BV, "--to-date", "2018-08-01T200147.836832Z")),
    (404, "not_found", ("get-bundle", *AWS, "--uuid", NOBODY)),
    (404, "not_found", ("get-bundle", *AWS, "--uuid", B, "--version", "2018-08-01T200147.836832Z")),
    (404, "not_found", ("patch-bundle", *AWS, "--uuid", NOBODY, "--version", BV)),
    (404, "not_found", ("delete-bundle", *AWS, "--uuid", NOBODY, "--reason", "none")),
    (404, "not_found", ("get-file", *AWS, "--uuid", NOBODY)),
    (404, "not_found", ("post-bundles-checkout", *AWS, "--uuid", NOBODY)),
    (404, "not_found", ("get-bundles-checkout", *AWS, "--checkout-job-id", NOBODY)),
    (404, "not_found", ("get-collection", *AWS, "--uuid", NOBODY)),
    (404, "not_found", ("delete-collection", *AWS, "--uuid", NOBODY)),
    (404, "not_found", ("get-subscription", *AWS, "--uuid", NOBODY)),
    (404, "not_found", ("delete-subscription", *AWS, "--uuid", NOBODY)),
    (404, "not_found", ("get-event", *AWS, "--uuid", NOBODY, "--version", BV)),
    (
        404,
        "not_found",
        ("put-file", *CREATOR, "--uuid", NOBODY, "--version", BV, "--source-url", "s3://no-such-bucket/k"),
    ),
    (422, "invalid_link", ("put-collection", *COLLECTION, "--contents", LOST)),
    (400, "invalid_jmespath", ("put-subscription", *AWS, "--callback-url", "http://a/", "--jmespath-query", "a[")),
]


@pytest.fixture
def deployment(writable):
    return writable


@pytest.fixture
def refused(ask):
    """A function that runs a verb which is refused, checks the form of what it says, and returns status and code."""

    def call(*words: str, **more: str) -> tuple[int, str]:
        outcome = ask("dss", *words, **more)
        assert outcome.stdout == ""
        first, *rest = outcome.stderr.splitlines()
        told = SENTENCE.fullmatch(first)
        assert told, outcome.stderr
        assert [line for line in rest if not line.startswith("next: ")] == []
        status = int(told["status"])
        assert outcome.exit_status == {401: 3, 403: 3, 404: 4}.get(status, 1)
        return status, told["code"]

    return call


@pytest.mark.parametrize(("status", "code", "words"), USUAL)
def test_what_is_wrong_with_a_request(refused, status, code, words):
    assert refused(*words) == (status, code)


def test_a_file_without_metadata_of_its_own(ask):
    """The answer to HEAD has no body: there is no code to tell."""
    outcome = ask("dss", "head-file", *AWS, "--uuid", NOBODY)
    assert (outcome.exit_status, outcome.stdout) == (4, "")
    assert re.match(r"hca: .*HTTP 404, HEAD /v1/files/", outcome.stderr)


def test_other_content_under_the_same_identity(refused, answer, stage, new_file):
    uuid, version = str(uuid4()), versions.now()
    words = ("put-file", *CREATOR, "--uuid", uuid, "--version", version, "--source-url")
    assert answer(*words, stage(b"one")) == answer(*words, stage(b"one")) == {"version": version}
    assert refused(*words, stage(b"two")) == (409, "file_already_exists")
    words = ("put-bundle", *CREATOR, *AWS, "--uuid", uuid, "--version", version, "--files")
    one, two = json.dumps(new_file("a", b"one")), json.dumps(new_file("a", b"two"))
    assert answer(*words, one) == answer(*words, one)
    assert refused(*words, two) == (409, "bundle_already_exists")
    answer("delete-bundle", *AWS, "--uuid", uuid, "--reason", "one")
    tombstone = refused("delete-bundle", *AWS, "--uuid", uuid, "--reason", "two")
    assert tombstone == (409, "bundle_tombstone_already_exists")


@pytest.mark.parametrize("words", [("get-collections",), ("get-subscriptions", *AWS)])
def test_tokens_that_are_none(refused, token, words):
    assert refused(*words, HCA_TOKEN="nonsense") == (401, "Unauthorized")
    assert refused(*words, HCA_TOKEN=token(lifetime=-60)) == (401, "Unauthorized")
    assert refused(*words, HCA_TOKEN=token(group="strangers")) == (403, "Forbidden")


def test_the_token_of_another_deployment(refused, start, ask):
    other = start("--empty")
    foreign = ask("local", "token", "--data", str(other.data)).stdout.strip()
    assert refused("get-collections", HCA_TOKEN=foreign)[0] in (401, 403)


def test_without_a_token_nothing_is_sent(ask, deployment):
    before = len(deployment.requests("GET", "/v1/collections"))
    Path("none.json").write_text("{}")
    outcome = ask("dss", "get-collections", HCA_CREDENTIALS_FILE=str(Path("none.json").resolve()))
    assert (outcome.exit_status, outcome.stdout) == (3, "")
    assert outcome.stderr.startswith("hca: this needs a login at http://127.0.0.1:")
    assert len(deployment.requests("GET", "/v1/collections")) == before


def test_only_some_may_delete(refused, token):
    assert refused("delete-bundle", *AWS, "--uuid", B, "--reason", "x", HCA_TOKEN=token()) == (403, "Forbidden")


def test_a_deployment_that_is_only_read_from(start, ask):
    reading = start("--empty", "--read-only", "1")
    Path("once.json").write_text('{"http": {"tries": 1}}')
    config = f"{reading.environment['HCA_CONFIG_FILE']}:once.json"
    more = reading.environment | {"HCA_CONFIG_FILE": config}
    outcome = ask("dss", "delete-bundle", *AWS, "--uuid", B, "--reason", "x", **more)
    assert (outcome.exit_status, outcome.stdout) == (5, "")
    assert outcome.stderr.startswith("hca: read_only: ")
    assert "HTTP 503" in outcome.stderr
