"""What is said of an error: hints that are true, options in the wrong place, JSON for programs, chosen statuses."""

from __future__ import annotations

import errno
import json

import click
import pytest

from hca_core import errors, http_statuses, messages

PROBLEM = {"code": "not_found", "title": "Cannot find it!", "access_token": "s3cret-words", "status": 404}
EVENT = ("dss", "get-event", "--uuid=u", "--version=v", "--replica=aws")


@pytest.fixture
def failing(plugin):
    """A function that makes a command, `weather` by default, end with an error."""

    def make(error, name="weather"):
        @click.command()
        @click.option("--output")
        def command(output):
            raise error

        plugin(name, commands={name: command})

    return make


def told(outcome):
    """Return what was said as JSON; there must be one line of it and nothing else (click ends the line of a ^C)."""
    (line,) = outcome.stderr.removeprefix("\n").splitlines()
    document = json.loads(line)
    assert list(document) == ["error"]
    return document["error"]


# JSON


@pytest.mark.parametrize("words", [["--output", "json"], ["--output", "jsonl"], ["--output=json"], ["--output=jsonl"]])
def test_who_asks_for_json_gets_errors_as_json(hca, words):
    outcome = hca("config", "get", "no.such", *words)
    assert (outcome.exit_status, outcome.stdout) == (4, "")
    hint = "hca config list"
    expected = {"kind": "NotFoundError", "message": "there is no setting 'no.such'", "exit_status": 4, "hint": hint}
    assert told(outcome) == expected


@pytest.mark.parametrize(
    "words", [["--output", "yaml"], ["--output=table"], ["--query", "json"], [], ["--", "--output", "json"]]
)
def test_nobody_else_does(hca, words):
    assert hca("config", "get", "no.such", *words).stderr.startswith("hca: ")


def test_an_answer_of_a_service_is_told_whole_and_without_secrets(hca, dss):
    dss.on("GET", "/v1/events/*").fail(404, json=PROBLEM, headers={"X-AWS-REQUEST-ID": "abc"})
    outcome = hca(*EVENT, "--output", "json")
    found = told(outcome)
    assert outcome.exit_status == 4
    assert "s3cret-words" not in outcome.stderr
    assert found["kind"] == "ServiceNotFoundError"
    assert found["message"].startswith("not_found: Cannot find it! (HTTP 404, GET /v1/events/u")
    assert [found[one] for one in ("exit_status", "http_status", "reason", "request_id")] == [
        4,
        404,
        "not_found",
        "abc",
    ]
    assert found["details"] == {**PROBLEM, "access_token": "***"}


@pytest.mark.parametrize(
    ("error", "hint"), [(KeyboardInterrupt("do it again"), "\nnext: do it again"), (EOFError("no more lines"), "")]
)
def test_who_is_interrupted_may_say_what_is_next(hca, failing, error, hint):
    failing(error)
    assert hca("weather").stderr.strip() == f"hca: interrupted{hint}"


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        (errors.PluginError("Bearer s3cret-words is no use", hint="out with it"), 8, "PluginError"),
        (FileNotFoundError(2, "No such file", "https://x?token=s3cret-words"), 1, "FileNotFoundError"),
        (ZeroDivisionError("password=s3cret-words"), 1, "ZeroDivisionError"),
        (click.ClickException("Bearer s3cret-words"), 1, "Error"),
        (SystemExit("Bearer s3cret-words"), 1, "Error"),
        (KeyboardInterrupt(), 130, "Interrupted"),
        (click.Abort(), 130, "Interrupted"),
        (errors.HCAError("two\nlines", hint="Bearer s3cret-words"), 1, "HCAError"),
    ],
)
def test_every_kind_of_error_is_one_line(hca, failing, error, status, kind):
    failing(error)
    outcome = hca("weather", "--output", "json")
    found = told(outcome)
    assert (outcome.exit_status, found["exit_status"], found["kind"]) == (status, status, kind)
    assert "s3cret-words" not in outcome.stderr
    assert "http_status" not in found


def test_the_choices_of_a_missing_option_are_on_its_line(hca):
    sentence, hint = hca("dss", "get-bundles-all").stderr.splitlines()
    assert sentence == "hca: Missing option '--replica'. Choose from: aws, gcp"
    assert hint == "try 'hca dss get-bundles-all --help'"


@pytest.mark.parametrize(
    "words", [["config", "gte"], ["dss", "get-bundle"], ["config", "list", "--no-such"], ["--log-level", "X"]]
)
def test_wrong_usage_is_json_too(hca, words):
    found = told(hca(*words, "--output", "json"))
    assert (found["kind"], found["exit_status"]) == ("UsageError", 2)
    assert found["hint"].startswith("try 'hca")


@pytest.mark.parametrize("depth", [100, 700])
def test_what_a_service_nests_too_deeply_is_left_out(hca, dss, depth):
    """It may be so deep that JSON is read, but not redacted: then nothing of it is shown."""
    body = b'{"code": "odd", "token": "s3cret-words", "x": ' + b"[" * depth + b"]" * depth + b"}"
    dss.on("GET", "/v1/events/*").reply(body=body, status=400, headers={"Content-Type": "application/json"})
    outcome = hca(*EVENT, "--output", "json")
    found = told(outcome)
    assert (outcome.exit_status, found["reason"], "s3cret" in outcome.stderr) == (1, "odd", False)
    assert (found["details"] is None) == (depth > 500)


def test_log_lines_stay_text(hca, dss):
    dss.on("GET", "/v1/events/*").fail(404, json=PROBLEM)
    *lines, last = hca("-v", *EVENT, "--output", "json").stderr.splitlines()
    assert lines
    assert all(line.startswith("hca: debug: ") for line in lines)
    assert json.loads(last)["error"]["http_status"] == 404


# Statuses that are chosen


@pytest.mark.parametrize(
    ("texts", "statuses"),
    [
        (["404=50"], {404: 50, 403: None}),
        (["404=50,500-599=51"], {404: 50, 500: 51, 555: 51, 599: 51, 499: None}),
        (["404=50", "404=60"], {404: 60}),
        (["400-499=70,404=71"], {404: 71, 405: 70}),
        ([" 404=99 , ", ""], {404: 99}),
        ([], {404: None}),
    ],
)
def test_what_was_said_of_statuses(texts, statuses):
    mapped = http_statuses.parse(texts)
    assert {code: http_statuses.exit_status(mapped, code) for code in statuses} == statuses


@pytest.mark.parametrize(
    "text", ["404", "404=", "=50", "404=49", "404=100", "404=1e1", "99=50", "600=50", "500-400=50", "4xx=50", "404=٥٠"]
)
def test_what_can_t_be_chosen_is_refused_before_anything_is_done(hca, dss, text):
    for words, env in (([f"--map-http-status={text}"], {}), ([], {"HCA_MAP_HTTP_STATUS": text})):
        outcome = hca(*words, *EVENT, env=env)
        assert (outcome.exit_status, outcome.stdout) == (2, "")
        assert outcome.stderr.startswith("hca: Invalid value for '--map-http-status'")
    assert dss.requests == []


def test_the_exit_status_is_the_chosen_one(hca, dss):
    dss.on("GET", "/v1/events/*").fail(404, json=PROBLEM, times=9)
    assert hca("--map-http-status", "404=50", *EVENT).exit_status == 50
    assert hca("--map-http-status", "400=50", *EVENT).exit_status == 4
    assert hca(*EVENT, env={"HCA_MAP_HTTP_STATUS": "500-599=51,404=52"}).exit_status == 52
    assert hca(*EVENT, env={"HCA_MAP_HTTP_STATUS": "500-599=51 404=52"}).exit_status == 52
    both = hca("--map-http-status", "404=53", *EVENT, "--output=json", env={"HCA_MAP_HTTP_STATUS": "404=52"})
    assert (both.exit_status, told(both)["exit_status"]) == (53, 53)


def test_an_error_that_was_made_of_an_answer_counts_as_one(hca, failing, dss):
    """Plugins translate: `raise NotFoundError(...) from answer`."""
    answer = errors.ServiceError.__new__(errors.ServiceError, "x")
    vars(answer).update(code=404, reason="r", request_id=None, details={}, message="x", hint=None)
    error = errors.HCAError("there is no such node")
    error.__cause__ = answer
    failing(error)
    assert hca("--map-http-status", "404=50", "weather").exit_status == 50
    failing(errors.NotFoundError("nothing to do with HTTP"), "climate")
    assert hca("--map-http-status", "404=50", "climate").exit_status == 4


# Options in the wrong place

LEVELS = "CRITICAL|ERROR|WARNING|INFO|DEBUG"


@pytest.mark.parametrize(
    ("typed", "option", "meant"),
    [
        (["dss", "--quiet", "get-bundle"], "--quiet", "hca --quiet dss ..."),
        (["config", "list", "--version"], "--version", "hca --version config list ..."),
        (["plugins", "--log-level=INFO"], "--log-level", f"hca --log-level [{LEVELS}] plugins ..."),
    ],
)  # fmt: skip
def test_an_option_of_hca_behind_a_group(hca, typed, option, meant):
    outcome = hca(*typed)
    assert (outcome.exit_status, outcome.stdout) == (2, "")
    assert outcome.stderr.startswith(f"hca: {option} is an option of hca itself: {meant}\n")


@pytest.mark.parametrize("said", [["-v"], ["--debug"], ["--log-level", "DEBUG"], ["--log-level=DEBUG"]])
def test_an_option_of_hca_behind_a_verb_is_heeded(hca, dss, said):
    dss.on("GET", "/v1/events/*").reply(json={"a": 1})
    words = ["dss", "get-event", "--uuid", "u", *said, "--version=v", "--replica=aws"]
    outcome = hca(*words)
    assert outcome.json() == {"a": 1}
    assert "GET http://127.0.0.1" in outcome.stderr


def test_what_was_said_before_stays_in_force(hca):
    outcome = hca("--debug", "config", "get", "nothing", "-v")
    assert outcome.exit_status == 4
    assert "Traceback" in outcome.stderr
    refused = hca("--quiet", "config", "list", "-v")
    assert refused.exit_status == 2
    assert "--quiet and --verbose can't be used together" in refused.stderr


def test_a_profile_may_be_said_behind_the_verb(hca):
    hca("--profile", "work", "config", "set", "http.tries", "3")
    assert hca("config", "get", "http.tries", "--profile", "work").stdout == "3\n"
    assert hca("config", "get", "http.tries", "--profile", "wrok").exit_status == 2


def test_a_value_that_looks_like_an_option_of_hca_is_a_value(hca):
    assert hca("config", "set", "a.b", "--", "-v").exit_status == 0
    assert hca("config", "get", "a.b").stdout == "-v\n"


def test_a_verb_may_have_an_option_of_the_same_name(hca, plugin):
    import click

    from hca_core.commands import Verb

    verb = Verb("climate", callback=lambda **told: click.echo(told), params=[click.Option(["--profile"])])
    plugin("climate", commands={"climate": verb})
    assert hca("climate", "--profile", "nobody").stdout == "{'profile': 'nobody'}\n"


def test_an_option_that_nobody_knows_is_no_option_of_hca(hca):
    assert "itself" not in hca("config", "list", "--no-such").stderr
    assert hca("--no-such").stderr.startswith("hca: No such option '--no-such'.")


# Hints

FULL = "make room, then run the same command again"
MAY_NOT = "see whose it is and what they may do with it (ls -ld), or name another place"


@pytest.mark.parametrize(
    ("error", "hint"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "f"), FULL),
        (PermissionError(errno.EACCES, "Permission denied", "f"), MAY_NOT),
        (OSError(errno.EROFS, "Read-only file system", "f"), MAY_NOT),
        (OSError(errno.EMFILE, "Too many open files"), "let this shell open more files: ulimit -n 4096"),
        (PermissionError(errno.EPERM, "Operation not permitted"), None),
        (FileNotFoundError(errno.ENOENT, "No such file or directory", "f"), None),
    ],
)  # fmt: skip
def test_errors_of_the_system(error, hint):
    assert messages.problem_of(error).hint == hint


def test_what_a_service_does_not_have(hca, dss):
    dss.on("GET", "/v1/events/*").fail(404, json=PROBLEM)
    _, hint = hca(*EVENT).stderr.splitlines()
    assert hint == "next: check the names and ids; 'hca config list --show-origin' tells which service was asked"


def test_errors_without_a_word():
    assert messages.problem_of(TimeoutError()).message == "TimeoutError"
    assert messages.problem_of(MemoryError()).message == "unexpected MemoryError"


def test_a_cause_that_is_its_own_cause_ends():
    error = errors.HCAError("a circle")
    error.__cause__ = errors.HCAError("of two")
    error.__cause__.__cause__ = error
    assert messages.tell(error) == 1
