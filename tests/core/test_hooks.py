"""Observers: what they are told, what they may add, and that one that fails harms nobody."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from hca_core import hooks, http
from hca_core.errors import NetworkError
from hca_core.transfer import Address, Settings, Transfer, fetch, values

RECORDING = """
import json, os
from hca_core import hookimpl

def keep(kind, **told):
    with open(os.environ["SEEN"], "a") as stream:
        stream.write(json.dumps([kind, told]) + "\\n")

@hookimpl
def hca_request(service, method, url, headers):
    keep("request", service=service, method=method, url=url, login="Authorization" in headers)
    headers["X-Laboratory"] = "B12"

@hookimpl
def hca_response(service, method, url, status, seconds, error):
    assert seconds >= 0
    keep("response", service=service, method=method, url=url, status=status, error=error)

@hookimpl
def hca_transfer(event):
    keep("transfer", **event)

@hookimpl
def hca_command_finished(command, exit_status, seconds):
    keep("finished", command=command, exit_status=exit_status)
"""


@pytest.fixture
def observer(plugin):
    """Register a module with hooks, and nothing else, of a distribution of its own."""

    def register(source, name="acme", **settings):
        module = f"hooks_of_{name}"
        settings = {"modules": {module: source}, "entry_points": {"hca.hooks": {name: module}}, **settings}
        return plugin(f"command-of-{name}", **settings)

    return register


@pytest.fixture
def seen(observer, tmp_path, monkeypatch):
    """What a recording observer has seen so far, as (kind, what it was told)."""
    path = tmp_path / "seen"
    path.touch()
    monkeypatch.setenv("SEEN", str(path))
    observer(RECORDING)
    monkeypatch.setattr(values, "_plain", [])  # a session of another test knows no observer
    return lambda *kinds: [
        told for line in path.read_text().splitlines() for kind, told in [json.loads(line)] if kind in kinds
    ]


# Requests


def test_every_try_is_told_and_carries_what_was_added(seen, service):
    service.on("GET", "/a").fail(503, times=2, retry_after=0).reply(json={})
    http.Session(http.Policy(first_wait=0.001), service="weather").request("GET", f"{service.url}/a")
    assert [one["status"] for one in seen("response")] == [503, 503, 200]
    told = {"service": "weather", "method": "GET", "url": f"{service.url}/a"}
    assert seen("request") == [{**told, "login": False}] * 3
    assert [one.headers["X-Laboratory"] for one in service.asked()] == ["B12"] * 3


def test_a_redirect_is_told_as_a_request_of_its_own(seen, service):
    service.on("GET", "/a").redirect(f"{service.url}/b")
    service.on("GET", "/b").reply(json={})
    http.Session().request("GET", f"{service.url}/a")
    assert [(one["url"][-2:], one["status"]) for one in seen("response")] == [("/a", 302), ("/b", 200)]


def test_what_was_added_for_one_host_is_added_anew_for_the_next(observer, service, plugin):
    """Else a header for one service would go wherever it redirects to."""
    source = """
from hca_core import hookimpl
@hookimpl
def hca_request(url, headers):
    if url.endswith("/a"):
        headers["X-Only-For-A"] = "1"
"""
    observer(source)
    service.on("GET", "/a").redirect(f"{service.url}/b")
    service.on("GET", "/b").reply(json={})
    http.Session().request("GET", f"{service.url}/a")
    assert [one.headers.get("X-Only-For-A") for one in service.asked()] == ["1", None]


def test_no_answer_is_told_with_its_reason(seen, service):
    service.on("GET", "/a").drop()
    session = http.Session(http.Policy(tries=1))
    with pytest.raises(NetworkError):
        session.request("GET", f"{service.url}/a")
    (told,) = seen("response")
    assert told["status"] is None
    assert told["error"]


def test_the_login_is_neither_shown_nor_replaced(observer, seen, service):
    observer(
        """
from hca_core import hookimpl
@hookimpl
def hca_request(headers):
    assert not {"Authorization", "Api-Key"} & set(headers), headers
    headers["authorization"] = "Bearer of-the-observer"
    headers["api-key"] = "of-the-observer"
    headers["accept"] = "of/the-observer"
    headers["X-Broken"] = "a\\r\\nX-Smuggled: 1"
    headers["X Y"] = "1"
    headers["X-Number"] = 1
    headers["X-Good"] = "1"
""",
        "other",
    )
    service.on("GET", "/a").reply(json={})
    session = http.Session(token=lambda: "the-token", token_origin=service.url)
    own = {"Api-Key": "the-key", "Accept": "a/b"}
    session.request("GET", f"{service.url}/a", authenticated=True, headers=own)
    (asked,) = service.asked()
    assert asked.headers.get_all("Api-Key") == ["the-key"]
    assert asked.headers.get_all("Accept") == ["of/the-observer"]
    lines = session.observers.lines("GET", service.url, ["Api-Key: the-key", "Accept: a/b"])
    assert {"Api-Key: the-key", "Accept: of/the-observer"} <= set(lines)
    assert not [line for line in lines if line.startswith(("accept", "api-key"))], "no line is there twice"
    assert asked.headers.get_all("Authorization") == ["Bearer the-token"]
    assert {name for name in asked.headers if name.startswith("X")} == {"X-Good", "X-Laboratory"}
    assert seen("request")[0]["login"] is False


def test_downloads_are_requests_too(seen, service, tmp_path):
    service.on("GET", "/a").fail(503, retry_after=0).reply(body=b"abc")
    (result,) = fetch([Transfer("a", str(tmp_path / "a"), Address(f"{service.url}/a"), 3)], Settings(min_delay=0.001))
    assert result.error is None
    assert [one["status"] for one in seen("response")] == [503, 200]
    assert [one.headers["X-Laboratory"] for one in service.asked()] == ["B12"] * 2


def test_answers_without_a_body_have_a_status_too(seen, service, tmp_path):
    service.on("GET", "/a").redirect(f"{service.url}/b")
    service.on("GET", "/b").reply(body=b"abc")
    (result,) = fetch([Transfer("a", str(tmp_path / "a"), Address(f"{service.url}/a"), 3)], Settings(min_delay=0.001))
    assert result.error is None
    assert [one["status"] for one in seen("response")] == [302, 200]


def test_a_download_without_an_answer_is_told(seen, service, tmp_path):
    service.on("GET", "/a").drop().reply(body=b"abc")
    (result,) = fetch([Transfer("a", str(tmp_path / "a"), Address(f"{service.url}/a"), 3)], Settings(min_delay=0.001))
    assert result.error is None
    first, second = seen("response")
    assert (first["status"], second["status"]) == (None, 200)
    assert "broke" in first["error"]


# Commands and downloads


def test_the_end_of_a_command_is_told_without_its_values(seen, hca, dss):
    dss.on("GET", "/v1/events/*").reply(json={"a": 1})
    hca("dss", "get-event", "--uuid", "a-secret", "--version=v", "--replica=aws")
    hca("--log-level", "ERROR", "config", "get", "nothing.there")
    hca("dss", "nonsense")
    assert seen("finished") == [
        {"command": "hca dss get-event", "exit_status": 0},
        {"command": "hca config get", "exit_status": 4},
        {"command": "hca dss", "exit_status": 2},
    ]
    assert {one["service"] for one in seen("request")} == {"dss"}


def test_an_impatient_person_need_not_wait_for_observers(observer, hca):
    source = "from hca_core import hookimpl\n\n@hookimpl\ndef hca_command_finished():\n    raise KeyboardInterrupt\n"
    observer(source)
    outcome = hca("config", "path")
    assert (outcome.exit_status, outcome.stderr) == (130, "hca: interrupted\n")


@pytest.mark.parametrize("words", [[], ["--help"], ["dss", "--help"], ["help"]])
def test_help_waits_for_no_observer(words, seen, hca):
    assert hca(*words).exit_status == 0
    assert seen("finished") == ([{"command": "hca help", "exit_status": 0}] if words == ["help"] else [])


def test_downloads_tell_their_events(seen, hca, dss, tmp_path):
    manifest = "bundle_uuid\tbundle_version\tfile_name\tfile_uuid\tfile_version\tfile_sha256\tfile_size\n"
    sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    Path("m.tsv").write_text(f"{manifest}b\tv\ta.txt\tf\tw\t{sha256}\t3\n")
    dss.on("GET", "/v1/files/f").reply(body=b"abc")
    outcome = hca("dss", "download-manifest", "--manifest", "m.tsv", "--replica", "aws", "--download-dir", "d")
    assert outcome.exit_status == 0, outcome.stderr
    told = [one for one in seen("transfer") if one["event"] != "progress"]
    assert [one["event"] for one in told] == ["start", "file", "end"]
    assert told[1]["status"] == "fetched"


# What can be wrong with an observer


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("raise RuntimeError('storm')", "RuntimeError: storm"),
        ("import sys\nsys.exit(3)", "SystemExit: 3"),
        (
            "from hca_core import hookimpl\n@hookimpl\ndef hca_requst(url): pass\n",
            "there is no hook hca_requst; did you mean hca_request?",
        ),
        ("from hca_core import hookimpl\n@hookimpl\ndef hca_response(body): pass\n", "Argument(s) {'body'}"),
    ],
    ids=["raises", "exits", "misspelt", "argument"],
)
def test_a_broken_module_is_one_line(source, told, observer, hca, dss, seen):
    observer(source, "nasty")
    dss.on("GET", "/v1/events/*").reply(json={"a": 1})
    outcome = hca("dss", "get-event", "--uuid=u", "--version=v", "--replica=aws")
    assert (outcome.exit_status, outcome.json()) == (0, {"a": 1})
    (line,) = outcome.stderr.splitlines()
    assert told in line
    assert "'nasty' (hca-plugin-command-of-nasty 1.0) are left out" in line
    assert seen("finished"), "the others are told all the same"
    assert hca("plugins", "--check").exit_status == 8


def test_one_that_fails_is_told_once_and_left_out(observer, seen, hca, dss):
    observer("from hca_core import hookimpl\n@hookimpl\ndef hca_response():\n    raise ValueError('no')\n", "bad")
    dss.on("GET", "/v1/events/*").fail(503, times=3, retry_after=0).reply(json={"a": 1})
    outcome = hca("dss", "get-event", "--uuid=u", "--version=v", "--replica=aws")
    assert outcome.exit_status == 0
    assert outcome.stderr.count("ValueError: no") == 1
    assert [one["status"] for one in seen("response")][-4:] == [503, 503, 503, 200]


def test_one_that_leaves_the_process_is_left_out(observer, hca):
    observer("from hca_core import hookimpl\n@hookimpl\ndef hca_command_finished():\n    raise SystemExit(77)\n", "bad")
    outcome = hca("config", "path")
    assert outcome.exit_status == 0
    assert "are left out: SystemExit: 77" in outcome.stderr


def test_the_requests_of_an_observer_are_not_observed(observer, seen, service):
    observer(
        """
from hca_core import hookimpl, http
@hookimpl
def hca_response(url):
    http.Session().request("GET", url + "-told")
""",
        "other",
    )
    service.on("GET", "/*").reply(json={})
    http.Session().request("GET", f"{service.url}/a")
    assert [one.path for one in service.asked()] == ["/a", "/a-told"]
    assert len(seen("request")) == 1


def test_a_disabled_observer_is_not_loaded(observer, hca):
    observer("raise RuntimeError('storm')", "nasty")
    outcome = hca("config", "list", env={"HCA_PLUGINS_DISABLED": "nasty"})
    assert (outcome.exit_status, outcome.stderr) == (0, "")


def test_one_module_may_name_its_parts_and_observe(plugin, hca, tmp_path, monkeypatch):
    path = tmp_path / "seen"
    path.touch()
    monkeypatch.setenv("SEEN", str(path))
    commands = "\n@hookimpl\ndef hca_commands(): return {'both': 'both:both'}\n"
    both = "import click\nboth = click.Command('both', callback=lambda: click.echo('here'))\n"
    modules = {"both_hooks": RECORDING + commands, "both": both}
    groups = {"hca.plugins": {"both": "both_hooks"}, "hca.hooks": {"both": "both_hooks"}}
    plugin("both", entry_points=groups, modules=modules)
    assert hca("both").stdout == "here\n"
    assert json.loads(path.read_text()) == ["finished", {"command": "hca both", "exit_status": 0}]


# Without observers


def test_without_observers_nothing_is_loaded_for_them():
    code = "import sys, hca_core.hooks as h; h.command_finished('a', 0, 0.0); print('pluggy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=os.environ.copy())
    assert done.stdout == "False\n"
    assert not hooks.Requests("weather")


# Tracing and asking


def test_calls_are_traced_without_secrets(observer, hca, dss):
    observer("from hca_core import hookimpl\n@hookimpl\ndef hca_request(url, headers): headers['X-A'] = '1'\n")
    dss.on("GET", "/v1/events/*").reply(json={"a": 1})
    words = ["dss", "get-event", "--uuid=u", "--version=v", "--replica=aws"]
    outcome = hca(*words, env={"HCA_TRACE_HOOKS": "1"})
    lines = [line for line in outcome.stderr.splitlines() if line.startswith("hca: hook ")]
    assert any("hca_commands() of dss (hca-plugin-dss) -> {'dss': 'hca_dss.cli:dss'} in" in line for line in lines)
    assert any("hca_request(url='http://127.0.0.1" in line and "of acme" in line for line in lines)
    assert hca(*words).stderr == ""


def test_a_trace_tells_no_secret(observer, monkeypatch, capsys):
    observer("from hca_core import hookimpl\n@hookimpl\ndef hca_request(url): pass\n")
    monkeypatch.setenv("HCA_TRACE_HOOKS", "1")
    hooks.Requests("weather").headers("GET", "https://a.example.org/b?X-Amz-Signature=0123abcd", {})
    told = capsys.readouterr().err
    assert "hca_request(url='https://a.example.org/b?X-Amz-Signature=***" in told
    assert "0123abcd" not in told
