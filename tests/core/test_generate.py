"""The verbs made from an API description, run as a user runs them against a service that records what comes."""

from __future__ import annotations

import hashlib
import json
import os

import pytest

from hca_core.testing import reply

UUID = "7bb01b9c-7b1f-4c4b-9fb0-9d4a9c3a1b2c"
VERSION = "2026-11-21T185524.763038Z"
FILE = {"uuid": UUID, "version": VERSION, "name": "a.json", "indexed": True}
FILES = json.dumps(FILE)

# What each verb requires, with a value for each flag: DC-003, 012, 014, 017, 027, 033, 040, 049, 058, 060, 063, 069,
# 076, 078, 084, 087, 092, 099, 102, 118, 121. Written down from the published reference, not from the description.
COMMON = {
    "--replica": "aws",
    "--uuid": UUID,
    "--version": VERSION,
    "--reason": "wrong",
    "--checkout-job-id": "job",
    "--creator-uid": "8008",
    "--files": FILES,
    "--contents": FILES,
    "--description": "text",
    "--details": "{}",
    "--name": "name",
    "--source-url": "s3://bucket/key",
    "--es-query": "{}",
    "--callback-url": "https://example.org/hook",
}
REQUIRED = {
    "get-bundles-all": ["--replica"],
    "get-bundles-checkout": ["--replica", "--checkout-job-id"],
    "delete-bundle": ["--reason", "--uuid", "--replica"],
    "get-bundle": ["--uuid", "--replica"],
    "patch-bundle": ["--uuid", "--replica", "--version"],
    "put-bundle": ["--creator-uid", "--files", "--uuid", "--version", "--replica"],
    "post-bundles-checkout": ["--uuid", "--replica"],
    "get-collections": [],
    "put-collection": ["--contents", "--description", "--details", "--name", "--replica", "--uuid", "--version"],
    "delete-collection": ["--uuid", "--replica"],
    "get-collection": ["--uuid", "--replica"],
    "patch-collection": ["--uuid", "--replica", "--version"],
    "get-events": ["--replica"],
    "get-event": ["--uuid", "--version", "--replica"],
    "get-file": ["--uuid", "--replica"],
    "head-file": ["--uuid", "--replica"],
    "put-file": ["--creator-uid", "--source-url", "--uuid", "--version"],
    "post-search": ["--es-query", "--replica"],
    "get-subscriptions": ["--replica"],
    "put-subscription": ["--callback-url", "--replica"],
    "delete-subscription": ["--uuid", "--replica"],
    "get-subscription": ["--uuid", "--replica"],
}
# What is accepted and passed on: verb, flag, what is typed, where it goes, what the service sees.
PASSED_ON = [
    ("get-bundles-all", "--prefix", "ab", "query", "ab"),
    ("get-bundles-all", "--token", "X", "query", "X"),
    ("get-bundles-all", "--per-page", "5", "query", "5"),
    ("get-bundles-all", "--search-after", "X/Y=", "query", "X/Y="),
    ("get-bundle", "--version", VERSION, "query", VERSION),
    ("get-bundle", "--directurls", "true", "query", "true"),
    ("get-bundle", "--directurls", "True", "query", "true"),
    ("get-bundle", "--presignedurls", "false", "query", "false"),
    ("get-bundle", "--token", "X", "query", "X"),
    ("get-bundle", "--per-page", "5", "query", "5"),
    ("get-bundle", "--start-at", "5", "query", "5"),
    ("delete-bundle", "--version", VERSION, "query", VERSION),
    ("patch-bundle", "--add-files", FILES, "body", [FILE]),
    ("patch-bundle", "--remove-files", FILES, "body", [FILE]),
    ("post-bundles-checkout", "--destination", "bucket", "body", "bucket"),
    ("post-bundles-checkout", "--email", "me@example.org", "body", "me@example.org"),
    ("post-bundles-checkout", "--version", VERSION, "query", VERSION),
    ("get-collections", "--per-page", "5", "query", "5"),
    ("get-collections", "--start-at", "5", "query", "5"),
    ("get-collection", "--version", VERSION, "query", VERSION),
    ("patch-collection", "--add-contents", FILES, "body", [FILE]),
    ("patch-collection", "--remove-contents", FILES, "body", [FILE]),
    ("patch-collection", "--description", "*text*\nmore", "body", "*text*\nmore"),
    ("patch-collection", "--details", '{"a": {}}', "body", {"a": {}}),
    ("patch-collection", "--name", "name", "body", "name"),
    ("get-events", "--from-date", VERSION, "query", VERSION),
    ("get-events", "--to-date", VERSION, "query", VERSION),
    ("get-events", "--per-page", "5", "query", "5"),
    ("get-events", "--token", "X", "query", "X"),
    ("get-file", "--version", VERSION, "query", VERSION),
    ("get-file", "--token", "X", "query", "X"),
    ("get-file", "--directurl", "true", "query", "true"),
    ("get-file", "--content-disposition", "attachment; filename=data.json", "query", "attachment; filename=data.json"),
    ("head-file", "--version", VERSION, "query", VERSION),
    ("post-search", "--output-format", "raw", "query", "raw"),
    ("post-search", "--per-page", "5", "query", "5"),
    ("post-search", "--search-after", "X,Y", "query", "X,Y"),
    ("get-subscriptions", "--subscription-type", "elasticsearch", "query", "elasticsearch"),
    ("get-subscription", "--subscription-type", "jmespath", "query", "jmespath"),
    ("delete-subscription", "--subscription-type", "elasticsearch", "query", "elasticsearch"),
    ("put-subscription", "--attachments", '{"a": {"type": "jmespath"}}', "body", {"a": {"type": "jmespath"}}),
    ("put-subscription", "--encoding", "multipart/form-data", "body", "multipart/form-data"),
    ("put-subscription", "--es-query", "{}", "body", {}),
    ("put-subscription", "--form-fields", '{"foo": "bar"}', "body", {"foo": "bar"}),
    ("put-subscription", "--hmac-key-id", "id", "body", "id"),
    ("put-subscription", "--hmac-secret-key", "secret", "body", "secret"),
    ("put-subscription", "--jmespath-query", "a==`1`", "body", "a==`1`"),
    ("put-subscription", "--method", "PUT", "body", "PUT"),
    ("put-subscription", "--payload-form-field", "field", "body", "field"),
]
CHOICES = [(verb, "--replica", "xyz", ["aws", "gcp"]) for verb, flags in REQUIRED.items() if "--replica" in flags] + [
    ("post-search", "--output-format", "brief", ["summary", "raw"]),
    ("get-subscriptions", "--subscription-type", "x", ["elasticsearch", "jmespath"]),
    ("get-subscription", "--subscription-type", "x", ["elasticsearch", "jmespath"]),
    ("delete-subscription", "--subscription-type", "x", ["elasticsearch", "jmespath"]),
    ("put-subscription", "--method", "GET", ["POST", "PUT"]),
    ("put-subscription", "--encoding", "text/plain", ["application/json", "multipart/form-data"]),
]
PAGED = {
    "get-bundle": "bundle.files",
    "get-bundles-all": "bundles",
    "get-collections": "collections",
    "get-events": "event_streams",
    "post-search": "results",
}


@pytest.fixture(autouse=True)
def _token(monkeypatch, dss):
    monkeypatch.setenv("HCA_TOKEN", "T")


@pytest.fixture
def anything(dss):
    """The service answers whatever it is asked, and the test looks at what that was."""
    dss.on("*", "/v1/*").reply(lambda request: {"bundles": []})

    def seen():
        return [one for one in dss.requests if not one.path.endswith("swagger.json")]

    return seen


def line(verb, *without, **extra):
    """A command line of `verb` with all that it requires, but for the flags `without`."""
    words = ["dss", verb]
    for flag in REQUIRED[verb]:
        if flag not in without:
            words += [flag, COMMON[flag]]
    return words + (["--no-paginate"] if verb in PAGED else [])


# Options


@pytest.mark.parametrize(("verb", "flag"), [(verb, flag) for verb, flags in REQUIRED.items() for flag in flags])
def test_what_is_required_and_missing_is_named_and_nothing_is_sent(hca, dss, verb, flag):
    outcome = hca(*line(verb, flag))
    assert outcome.exit_status == 2
    assert f"'{flag}'" in outcome.stderr
    assert outcome.stdout == ""
    assert dss.requests == []


@pytest.mark.parametrize("verb", sorted(REQUIRED))
def test_what_is_required_suffices(hca, anything, verb):
    outcome = hca(*line(verb))
    assert outcome.stderr == ""
    assert outcome.exit_status == 0
    assert len(anything()) == 1


@pytest.mark.parametrize("verb", sorted(REQUIRED))
def test_help_marks_what_is_required(hca, dss, verb):
    outcome = hca("dss", verb, "--help", env={"COLUMNS": "200"})
    short = hca("dss", verb, "-h", env={"COLUMNS": "200"})
    assert outcome.exit_status == 0
    assert outcome.stdout == short.stdout
    options = outcome.stdout.partition("Options:")[2].split("\n  --")[1:]
    assert {"--" + one.split()[0] for one in options if "[required]" in " ".join(one.split())} == set(REQUIRED[verb])
    assert "{prog}" not in outcome.stdout
    assert dss.requests == []


@pytest.mark.parametrize(("verb", "flag", "typed", "place", "value"), PASSED_ON)
def test_what_is_accepted_is_passed_on_under_its_name(hca, anything, verb, flag, typed, place, value):
    outcome = hca(*line(verb), flag, typed)
    assert outcome.stderr == ""
    (seen,) = anything()
    name = flag[2:].replace("-", "_")
    if place == "query":
        assert (name, value) in seen.query
    else:
        assert seen.json()[name] == value


def test_what_was_not_given_is_not_sent(hca, anything):
    """Defaults are the service's: the client sends none."""
    for verb in REQUIRED:
        hca(*line(verb))
    names = {name for one in anything() for name, _ in one.query}
    assert names == {"replica", "uuid", "version"}


@pytest.mark.parametrize(("verb", "flag", "typed", "choices"), CHOICES)
def test_ill_chosen_values_are_told_with_the_choices(hca, dss, verb, flag, typed, choices):
    outcome = hca(*line(verb, flag), flag, typed)
    assert outcome.exit_status == 2
    assert f"'{flag}'" in outcome.stderr
    assert all(choice in outcome.stderr for choice in choices)
    assert dss.requests == []


@pytest.mark.parametrize(
    ("verb", "flag", "typed"),
    [
        ("put-bundle", "--creator-uid", "x"),
        ("put-file", "--creator-uid", "1.5"),
        ("get-bundles-all", "--per-page", "many"),
        ("get-bundle", "--start-at", ""),
        ("get-bundle", "--presignedurls", "maybe"),
        ("put-collection", "--details", "[]"),
        ("put-collection", "--contents", "5"),
        ("post-search", "--es-query", "{"),
        ("post-search", "--query", "["),
        ("get-bundles-all", "--query", "bundles[?"),
        ("get-bundles-all", "--output", "xml"),
    ],
)
def test_bad_values_name_their_option_and_nothing_is_sent(hca, dss, verb, flag, typed):
    outcome = hca(*line(verb, flag), flag, typed)
    assert outcome.exit_status == 2
    assert flag in outcome.stderr
    assert dss.requests == []


def test_integers_are_integers_in_the_body(hca, anything):
    hca(*line("put-file"))
    assert anything()[0].json() == {"creator_uid": 8008, "source_url": "s3://bucket/key"}


def test_a_forgotten_value_names_the_option(hca, dss):
    outcome = hca("dss", "put-subscription", "--callback-url", "--replica", "aws")
    assert outcome.exit_status == 2
    assert "Option --callback-url needs a value" in outcome.stderr
    assert "Option --access-token needs a value" in hca("dss", "login", "--access-token", "--remote").stderr
    assert dss.requests == []


def test_several_files_as_several_words(hca, anything):
    other = {**FILE, "name": "b.json"}
    hca(*line("put-bundle", "--files"), "--files", FILES, json.dumps(other))
    assert anything()[0].json()["files"] == [FILE, other]


def test_patch_with_nothing_to_change_sends_an_empty_object(hca, anything):
    """DC-030, DC-067."""
    hca(*line("patch-bundle"))
    hca(*line("patch-collection"))
    assert [one.json() for one in anything()] == [{}, {}]


def test_an_unknown_option_is_answered_with_the_near_one(hca, dss):
    outcome = hca(*line("get-bundle"), "--verison", "x")
    assert outcome.exit_status == 2
    assert "--version" in outcome.stderr
    assert dss.requests == []


def test_the_published_verbs_are_listed(hca):
    """DC-001, as far as the verbs are generated."""
    shown = hca("dss", "--help").stdout
    for verb in [*REQUIRED, "login", "logout", "download", "download-manifest", "create-version", "refresh-swagger"]:
        assert f"\n  {verb} " in shown


# Pages


def script_pages(service, verb, path, method="GET", pages=3):
    key = PAGED[verb]

    def page(request):
        number = int(dict(request.query).get("page", 0))
        document = {"page": number}
        holder = document
        *outer, name = key.split(".")
        for part in outer:
            holder = holder.setdefault(part, {"uuid": UUID})
        holder[name] = [{"n": number * 2}, {"n": number * 2 + 1}]
        headers = {"X-OpenAPI-Paginated-Content-Key": key}
        if number + 1 < pages:
            headers["Link"] = f"<{service.url}{path}?page={number + 1}>; rel='next'"
        return reply(json=document, headers=headers, status=206 if number + 1 < pages else 200)

    service.on(method, path).reply(page)
    return lambda: service.asked(method, path)


ROUTES = [
    ("get-bundle", f"/v1/bundles/{UUID}", "GET"),
    ("get-bundles-all", "/v1/bundles/all", "GET"),
    ("get-collections", "/v1/collections", "GET"),
    ("get-events", "/v1/events", "GET"),
    ("post-search", "/v1/search", "POST"),
]


@pytest.mark.parametrize(("verb", "path", "method"), ROUTES)
def test_all_pages_are_one_result(hca, dss, verb, path, method):
    asked = script_pages(dss, verb, path, method)
    words = line(verb)[:-1]
    document = hca(*words).json()
    assert len(asked()) == 3
    for part in PAGED[verb].split("."):
        items = document = document[part]
    assert items == [{"n": n} for n in range(6)]


@pytest.mark.parametrize(("verb", "path", "method"), ROUTES)
def test_the_first_page_only(hca, dss, verb, path, method):
    """DC-010, 025, 047, 074, 097."""
    asked = script_pages(dss, verb, path, method)
    document = hca(*line(verb)).json()
    assert document["page"] == 0
    assert len(asked()) == 1


def test_one_document_of_a_bundle_has_no_key_of_the_client_s_own(hca, dss):
    """Legacy defect D5."""
    script_pages(dss, "get-bundle", f"/v1/bundles/{UUID}")
    document = hca(*line("get-bundle")[:-1]).json()
    assert set(document) == {"bundle", "page"}
    assert set(document["bundle"]) == {"uuid", "files"}


def test_rows_and_queries_over_all_pages(hca, dss):
    script_pages(dss, "get-bundles-all", "/v1/bundles/all")
    words = line("get-bundles-all")[:-1]
    assert hca(*words, "--output", "jsonl").stdout.splitlines() == [f'{{"n":{n}}}' for n in range(6)]
    assert hca(*words, "--output", "csv").stdout.splitlines() == ["n", *map(str, range(6))]
    assert hca(*words, "--query", "bundles[].n").json() == [0, 1, 2, 3, 4, 5]
    assert hca(*words, "--no-paginate", "--query", "length(bundles)").stdout == "2\n"


def test_an_error_in_the_middle_is_an_error(hca, dss):
    dss.on("GET", "/v1/bundles/all").reply(
        json={"bundles": [1]}, headers={"X-OpenAPI-Paginated-Content-Key": "bundles"}, link="/v1/gone", status=206
    )
    outcome = hca(*line("get-bundles-all")[:-1], "--output", "jsonl")
    assert outcome.exit_status == 4
    assert outcome.stdout == "1\n"


# Results


def test_head_shows_headers_in_the_described_spelling(hca, dss):
    """DC-083; proxies write header names in lower case, readers of the JSON do heed it."""
    names = ["X-DSS-SHA256", "X-DSS-SIZE", "X-DSS-VERSION", "X-DSS-S3-ETAG", "X-DSS-SHA1", "X-DSS-CRC32C"]
    names += ["X-DSS-CONTENT-TYPE", "X-DSS-CREATOR-UID"]
    dss.on("HEAD", f"/v1/files/{UUID}").reply(headers={name.lower(): "v" for name in names})
    document = hca(*line("head-file")).json()
    assert {name: document[name] for name in names} == dict.fromkeys(names, "v")


def test_nothing_is_shown_for_nothing(hca, dss):
    dss.on("DELETE", f"/v1/collections/{UUID}").reply(status=204)
    outcome = hca(*line("delete-collection"))
    assert (outcome.exit_status, outcome.stdout) == (0, "")


def test_bytes_are_untouched(hca, dss):
    dss.on("GET", f"/v1/events/{UUID}").reply(body=b"\x00\xff\r\n", headers={"Content-Type": "text/plain"})
    assert hca(*line("get-event")).stdout_bytes == b"\x00\xff\r\n"


def test_errors_of_the_service_have_their_exit_status_and_words(hca, dss):
    dss.on("GET", f"/v1/bundles/{UUID}").fail(404, json={"code": "not_found", "title": "Cannot find bundle!"})
    outcome = hca(*line("get-bundle"))
    assert (outcome.exit_status, outcome.stdout) == (4, "")
    assert "not_found: Cannot find bundle!" in outcome.stderr
    assert "Traceback" not in outcome.stderr


def test_a_refused_login_is_told(hca, dss):
    dss.on("GET", "/v1/collections").fail(403, json={"code": "forbidden", "title": "no"})
    assert hca("dss", "get-collections").exit_status == 3
    assert hca("dss", "get-collections", env={"HCA_TOKEN": None}).exit_status == 3
    assert len(dss.asked("GET", "/v1/collections")) == 1


def test_a_parameter_of_the_service_may_be_called_as_an_option_of_ours(hca, service):
    parameters = [{"in": "query", "name": name, "type": "string"} for name in ("output", "query", "output_file", "a.b")]
    document = {"swagger": "2.0", "paths": {"/x": {"get": {"parameters": parameters, "responses": {"302": {}}}}}}
    env = {"HCA_DSS_URL": service.describe(document, at="/own.json")}
    assert hca("dss", "refresh-swagger", env=env).exit_status == 0
    service.on("GET", "/x").reply(json={"a": 1})
    outcome = hca("dss", "get-x", "--output", "mine", "--query", "q", "--a.b", "dot", env=env)
    assert outcome.stderr == ""
    assert sorted(service.asked("GET", "/x")[0].query) == [("a.b", "dot"), ("output", "mine"), ("query", "q")]


# Files


CONTENT = b'{ "b":1,\r\n"a" : [ ]}\n' + bytes(range(256)) * 5000


@pytest.fixture
def file(dss):
    """A file of the service: preparing, then a redirect with what is promised of it, then a blob on the same host."""
    promised = {"X-DSS-SHA256": hashlib.sha256(CONTENT).hexdigest(), "X-DSS-SIZE": str(len(CONTENT))}
    path = f"/v1/files/{UUID}"
    dss.on("GET", path).reply(
        lambda request: (
            reply(status=301, headers={"Location": path + "?token=t", "Retry-After": "0.01"})
            if "token" not in dict(request.query)
            else reply(status=302, headers={"Location": "/blob?X-Amz-Signature=s", **promised})
        )
    )
    return dss.on("GET", "/blob")


def test_a_file_s_bytes_are_untouched_even_if_it_is_json(hca, file):
    """DC-077."""
    file.reply(body=CONTENT, headers={"Content-Type": "application/json"})
    outcome = hca(*line("get-file"))
    assert outcome.stderr == ""
    assert outcome.stdout_bytes == CONTENT


@pytest.mark.parametrize("option", ["--output-file", "-o"])
def test_a_file_appears_when_it_is_complete(hca, file, option):
    file.reply(body=CONTENT)
    outcome = hca(*line("get-file"), option, "here.bin")
    assert (outcome.exit_status, outcome.stdout) == (0, "")
    with open("here.bin", "rb") as stream:
        assert stream.read() == CONTENT
    assert os.listdir() == ["here.bin"]


def test_a_broken_connection_is_taken_up_where_it_broke(hca, file, dss):
    file.truncate(1_000_000, body=CONTENT, ranges=True).reply(body=CONTENT, ranges=True)
    outcome = hca(*line("get-file"), "-o", "here.bin")
    assert outcome.exit_status == 0
    with open("here.bin", "rb") as stream:
        assert stream.read() == CONTENT
    ranges = [one.headers["Range"] for one in dss.asked("GET", "/blob")]
    assert ranges[0] is None
    assert ranges[1].startswith("bytes=")
    assert ranges[1] != "bytes=0-"


def test_a_broken_connection_is_taken_up_on_stdout_too(hca, file):
    file.truncate(700_000, body=CONTENT, ranges=True).drop().reply(body=CONTENT, ranges=True)
    assert hca(*line("get-file")).stdout_bytes == CONTENT


@pytest.mark.parametrize("body", [CONTENT[:-1] + b"x", CONTENT + b"x"])
def test_wrong_content_leaves_no_file(hca, file, body):
    file.reply(body=body)
    outcome = hca(*line("get-file"), "-o", "here.bin")
    assert outcome.exit_status == 6
    assert "expected" in outcome.stderr or "more than the promised" in outcome.stderr
    assert os.listdir() == []


def test_wrong_content_leaves_an_older_file_as_it_was(hca, file):
    with open("here.bin", "w") as stream:
        stream.write("old")
    file.reply(body=b"x" * len(CONTENT))
    assert hca(*line("get-file"), "-o", "here.bin").exit_status == 6
    with open("here.bin") as stream:
        assert stream.read() == "old"
    assert os.listdir() == ["here.bin"]


def test_wrong_content_on_stdout_is_told_by_the_exit_status(hca, file):
    file.reply(body=b"x" * len(CONTENT))
    assert hca(*line("get-file")).exit_status == 6


def test_an_address_inside_a_cloud_is_shown(hca, dss):
    """DC-081."""
    dss.on("GET", f"/v1/files/{UUID}").redirect("s3://bucket/blobs/key")
    outcome = hca(*line("get-file"), "--directurl", "true")
    assert (outcome.exit_status, outcome.stdout) == (0, "s3://bucket/blobs/key\n")
    assert "does not fetch" in outcome.stderr


def test_a_file_that_is_not_there(hca, dss):
    dss.on("GET", f"/v1/files/{UUID}").fail(404)
    outcome = hca(*line("get-file"), "-o", "here.bin")
    assert outcome.exit_status == 4
    assert os.listdir() == []


def test_output_and_query_do_not_apply_to_content(hca, file, dss):
    outcome = hca(*line("get-file"), "--query", "[")
    assert outcome.exit_status == 2
    assert dss.requests == []
