"""Errors: exit statuses as documented, one sentence each, and what a service said."""

from __future__ import annotations

import pickle

import pytest
import requests  # noqa: TID253

from hca_core import errors
from hca_core.errors import ExitStatus, HCAError, ServiceError, service_error


def answered(code, reason="Reason", **headers):
    response = requests.Response()
    response.status_code, response.reason = code, reason
    response.headers.update(headers)
    response.request = requests.Request("GET", "https://h/v1/x?token=s").prepare()
    response.url = "https://h/v1/x?token=s"
    return response


def test_exit_statuses_are_the_documented_ones():
    table = {0: "DONE", 1: "ERROR", 2: "USAGE", 3: "LOGIN", 4: "NOT_FOUND", 5: "NETWORK", 6: "INTEGRITY", 7: "PARTLY"}
    table |= {8: "PLUGIN", 130: "INTERRUPTED", 141: "CLOSED_PIPE", 143: "TERMINATED"}
    assert {status.value: status.name for status in ExitStatus} == table


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (errors.HCAError, 1),
        (errors.UsageError, 2),
        (errors.ConfigError, 2),
        (errors.LoginError, 3),
        (errors.NotFoundError, 4),
        (errors.NetworkError, 5),
        (errors.IntegrityError, 6),
        (errors.PartialError, 7),
        (errors.PluginError, 8),
    ],
)
def test_each_class_has_its_status(kind, status):
    error = kind("what is wrong", hint="what to do")
    assert (error.exit_status, str(error), error.message, error.hint) == (
        status,
        "what is wrong",
        "what is wrong",
        "what to do",
    )
    assert isinstance(error, HCAError)


def test_usage_errors_are_value_errors():
    assert issubclass(errors.UsageError, ValueError)


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (400, 1),
        (401, 3),
        (403, 3),
        (404, 4),
        (410, 4),
        (409, 1),
        (422, 1),
        (429, 5),
        (500, 5),
        (502, 5),
        (503, 5),
        (504, 5),
    ],
)
def test_statuses_of_a_service(code, status):
    error = service_error(answered(code), {"title": "t", "code": "c"})
    assert isinstance(error, ServiceError)
    assert (error.exit_status, error.code) == (status, code)
    assert isinstance(error, errors.LoginError) == (status == 3)
    assert isinstance(error, errors.NotFoundError) == (status == 4)


def test_the_problem_document_is_told():
    problem = {"status": 404, "code": "not_found", "title": "Cannot find file!", "stacktrace": "line 1"}
    error = service_error(answered(404), problem)
    assert "not_found: Cannot find file!" in str(error)
    assert "HTTP 404" in str(error)
    assert (error.reason, error.title, error.stacktrace, error.details) == (
        "not_found",
        "Cannot find file!",
        "line 1",
        problem,
    )


@pytest.mark.parametrize(
    "problem",
    [
        "",
        "text",
        "x" * 5000,
        "<html>\n<b>x</b>",
        None,
        [],
        5,
        {},
        "\x1b[31m\x9b",
        {"title": "a\x1b]0;x\x07b\nc"},
        {"code": "x" * 999},
        {"title": None},
        {"title": {"a": 1}, "code": 5},
    ],
)
def test_odd_bodies_are_told_in_one_short_sentence(problem):
    error = service_error(answered(500, "Internal Server Error"), problem)
    assert "HTTP 500" in str(error)
    assert len(str(error)) < 500
    assert str(error).isprintable()
    assert error.reason


def test_the_query_of_a_url_is_not_told():
    assert "token" not in str(service_error(answered(500), {}))


def test_the_id_of_the_request_is_kept():
    told = service_error(answered(500, **{"X-AWS-REQUEST-ID": "abc"}), {})
    assert (told.request_id, ", request abc)" in str(told)) == ("abc", True)
    assert service_error(answered(500), {}).request_id is None


def test_several_problems():
    text = errors.several([f"line {n}" for n in range(1, 30)], "manifest.tsv")
    assert text.splitlines()[0] == "manifest.tsv: 29 problems"
    assert text.splitlines()[1] == "  line 1"
    assert text.splitlines()[-1] == "  ... and 9 more"
    assert len(text.splitlines()) == 22
    assert errors.several(["x"], "f") == "f: 1 problem\n  x"


@pytest.mark.parametrize(("code", "status"), [(401, 3), (404, 4), (400, 1), (503, 5)])
def test_exit_statuses_of_the_command(hca, dss, code, status):
    with open("quick.json", "w") as stream:
        stream.write('{"http": {"first_wait": 0.001, "tries": 2}}')
    dss.on("GET", "/v1/bundles/all").fail(code, json={"code": "some_code", "title": "Some title."})
    outcome = hca("dss", "get-bundles-all", "--replica", "aws", env={"HCA_CONFIG_FILE": "quick.json"})
    assert outcome.exit_status == status
    assert outcome.stdout == ""
    assert "some_code: Some title." in outcome.stderr
    assert "Traceback" not in outcome.stderr
    assert len([one for one in outcome.stderr.splitlines() if one.startswith("hca: some_code")]) == 1


def test_the_next_step_is_a_note_of_the_exception():
    """Python's own tracebacks, and notebooks, show notes (PEP 678), where nobody looks at `hint`."""
    error = errors.NotFoundError("it is not there", "look elsewhere")
    error.add_note("somebody else's")
    assert error.__notes__ == ["next: look elsewhere", "somebody else's"]
    error.hint = "ask Ann"
    assert error.__notes__ == ["somebody else's", "next: ask Ann"]
    error.hint = None
    assert error.__notes__ == ["somebody else's"]
    again = pickle.loads(pickle.dumps(errors.NotFoundError("it is not there", "look elsewhere")))
    assert (again.hint, again.__notes__) == ("look elsewhere", ["next: look elsewhere"])
    assert errors.NotFoundError("it is not there").__notes__ == []
