"""The options that each verb requires, and those that are passed on as they are (DC-003 to DC-160)."""

from __future__ import annotations

import json

import pytest

U, V = "ffffaf55-f19c-40e3-aa81-a6c69d357265", "2019-08-01T200147.836832Z"
OBJECT = json.dumps({"uuid": U, "version": V, "name": "n", "indexed": False, "type": "bundle"})
VALUES = {
    "replica": "aws",
    "uuid": U,
    "bundle-uuid": U,
    "version": V,
    "checkout-job-id": U,
    "reason": "test",
    "creator-uid": "0",
    "files": OBJECT,
    "contents": OBJECT,
    "description": "d",
    "details": "{}",
    "name": "n",
    "source-url": "s3://b/k",
    "es-query": "{}",
    "callback-url": "http://127.0.0.1:9/",
    "src-dir": ".",
    "staging-bucket": "bucket",
    "manifest": "manifest.tsv",
}
REQUIRED = {
    "get-bundles-all": "replica",
    "get-bundles-checkout": "replica checkout-job-id",
    "delete-bundle": "reason uuid replica",
    "get-bundle": "uuid replica",
    "patch-bundle": "uuid replica version",
    "put-bundle": "creator-uid files uuid version replica",
    "post-bundles-checkout": "uuid replica",
    "get-collections": "",
    "put-collection": "contents description details name replica uuid version",
    "delete-collection": "uuid replica",
    "get-collection": "uuid replica",
    "patch-collection": "uuid replica version",
    "get-events": "replica",
    "get-event": "uuid version replica",
    "get-file": "uuid replica",
    "head-file": "uuid replica",
    "put-file": "creator-uid source-url uuid version",
    "post-search": "es-query replica",
    "get-subscriptions": "replica",
    "put-subscription": "callback-url replica",
    "delete-subscription": "uuid replica",
    "get-subscription": "uuid replica",
    "upload": "src-dir replica staging-bucket",
    "download": "bundle-uuid replica",
    "download-manifest": "manifest replica",
    "download-collection": "uuid replica",
    "read-events": "replica",
}


def words_for(verb: str, without: str = "", **changes: str) -> list[str]:
    """Return a verb with its required options but one."""
    values = VALUES | {name.replace("_", "-"): value for name, value in changes.items()}
    names = [name for name in REQUIRED[verb].split() if name != without]
    return [verb, *(word for name in names for word in (f"--{name}", values[name]))]


@pytest.fixture
def ask(ask, dss):
    """A function that runs a verb against a service that only records what it is asked."""
    where = {"HCA_CONFIG_FILE": "", "HCA_CREDENTIALS_FILE": "", "HCA_DSS_URL": f"{dss.url}/v1/swagger.json"}
    return lambda *words, token="token": ask("dss", *words, **where, HCA_TOKEN=token)


@pytest.mark.parametrize(("verb", "name"), [(verb, name) for verb, names in REQUIRED.items() for name in names.split()])
def test_each_required_option_is_missed(ask, dss, verb, name):
    outcome = ask(*words_for(verb, without=name))
    assert (outcome.exit_status, outcome.stdout) == (2, "")
    assert f"--{name}" in outcome.stderr.splitlines()[0]
    assert [one.path for one in dss.asked() if one.path != "/v1/swagger.json"] == []


@pytest.mark.parametrize("verb", [verb for verb, names in REQUIRED.items() if "replica" in names.split()])
def test_replicas_are_two(ask, dss, verb):
    outcome = ask(*words_for(verb, replica="xyz"))
    assert (outcome.exit_status, outcome.stdout) == (2, "")
    assert "--replica" in outcome.stderr
    assert "aws" in outcome.stderr
    assert [one.path for one in dss.asked() if one.path != "/v1/swagger.json"] == []


@pytest.mark.parametrize("verb", REQUIRED)
def test_help_tells_what_is_required(ask, verb):
    text = ask(verb, "-h").stdout
    told = " ".join(text.split())
    for name in REQUIRED[verb].split():
        assert f"--{name} " in told
    # A file of failures (--retry-failed) does instead of a manifest and a replica.
    required = 0 if verb == "download-manifest" else len(REQUIRED[verb].split())
    assert told.count("[required]") == required
    assert ask(verb, "--help").stdout == text


@pytest.mark.parametrize(
    ("verb", "option", "value"),
    [
        ("get-bundles-all", "token", "X"),
        ("get-bundles-all", "per-page", "15"),
        ("get-bundles-all", "search-after", "X"),
        ("get-bundle", "token", "X"),
        ("get-bundle", "per-page", "15"),
        ("get-bundle", "start-at", "3"),
        ("get-collections", "per-page", "15"),
        ("get-collections", "start-at", "3"),
        ("get-events", "per-page", "5"),
        ("get-events", "token", "X"),
        ("get-file", "token", "X"),
        ("get-file", "directurl", "true"),
        ("post-search", "per-page", "15"),
        ("post-search", "search-after", "X"),
        ("post-search", "output-format", "raw"),
        ("get-subscriptions", "subscription-type", "elasticsearch"),
        ("delete-subscription", "subscription-type", "elasticsearch"),
    ],
)
def test_options_that_are_passed_on(ask, dss, verb, option, value):
    dss.on("*", "/v1/*").reply(json={})
    ask(*words_for(verb), f"--{option}", value)
    asked = next(one for one in dss.asked() if one.path != "/v1/swagger.json")
    assert (option.replace("-", "_"), value) in asked.query


@pytest.mark.parametrize(
    ("verb", "method", "path", "key"),
    [
        ("get-bundles-all", "GET", "/v1/bundles/all", "bundles"),
        ("get-bundle", "GET", f"/v1/bundles/{U}", "bundle.files"),
        ("get-collections", "GET", "/v1/collections", "collections"),
        ("get-events", "GET", "/v1/events", "event_streams"),
        ("post-search", "POST", "/v1/search", "results"),
    ],
)
def test_all_pages_or_the_first(ask, dss, verb, method, path, key):
    outer, _, inner = key.partition(".")

    def page(item):
        return {outer: {inner: [item]} if inner else [item]}

    paged = {"X-OpenAPI-Pagination": "true", "X-OpenAPI-Paginated-Content-Key": key}
    following = f"{dss.url}{path}?replica=aws&page=2"
    dss.on(method, path).reply(json=page({"n": 1}), status=206, headers=paged, link=following).reply(
        json=page({"n": 2}), headers=paged
    )
    first = ask(*words_for(verb), "--no-paginate")
    assert (first.exit_status, first.json()) == (0, page({"n": 1}))
    assert len(dss.asked(method, path)) == 1


@pytest.mark.parametrize(
    ("verb", "option", "value"),
    [
        ("post-search", "output-format", "xml"),
        ("get-subscriptions", "subscription-type", "other"),
        ("get-subscription", "subscription-type", "other"),
        ("download-manifest", "layout", "x"),
        ("get-bundle", "directurls", "maybe"),
        ("put-bundle", "creator-uid", "x"),
    ],
)
def test_other_choices_are_refused(ask, dss, verb, option, value):
    outcome = ask(*words_for(verb), f"--{option}", value)
    assert (outcome.exit_status, outcome.stdout) == (2, "")
    assert f"--{option}" in outcome.stderr
    assert [one.path for one in dss.asked() if one.path != "/v1/swagger.json"] == []


@pytest.mark.parametrize(
    ("verb", "defaults"),
    [
        ("upload", ["1200"]),
        ("download", ["10", "0.25"]),
        ("download-manifest", ["10", "0.25", "none"]),
    ],
)
def test_published_defaults(ask, verb, defaults):
    told = " ".join(ask(verb, "-h").stdout.split())
    for default in defaults:
        assert f"[default: {default}" in told


def test_all_published_verbs_are_there(ask):
    listed = [line.split()[0] for line in ask("-h").stdout.partition("Commands:")[2].splitlines() if line.strip()]
    extra = {"login", "logout", "create-version", "refresh-swagger"}
    assert set(REQUIRED) | extra <= set(listed)


@pytest.mark.parametrize(
    ("heading", "verb"),
    [
        ("create-version", "hca dss create-version"),
        ("download", "hca dss download"),
        ("file-head", "hca dss head-file"),
        ("get-bundle", "hca dss get-bundle"),
        ("login", "hca dss login"),
    ],
)
def test_headings_of_the_tutorials_are_no_commands(hca, heading, verb):
    result = hca(heading)
    assert result.returncode == 2
    assert verb in result.stderr


def test_a_token_that_is_kept_is_sent_until_it_is_forgotten(ask, dss):
    paged = {"X-OpenAPI-Pagination": "true", "X-OpenAPI-Paginated-Content-Key": "collections"}
    dss.on("GET", "/v1/collections").reply(json={"collections": []}, headers=paged)
    assert ask("login", "--access-token", "T", token="").exit_status == 0
    assert ask("get-collections", token="").exit_status == 0
    assert [one.headers["Authorization"] for one in dss.asked("GET", "/v1/collections")] == ["Bearer T"]
    assert [ask("logout", token="").exit_status for _ in range(2)] == [0, 0]
    assert ask("get-collections", token="").exit_status == 3
    assert len(dss.asked("GET", "/v1/collections")) == 1
