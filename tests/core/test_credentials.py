"""Tokens: where they come from, the file that keeps them, and who may read it."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from hca_core import credentials, files
from hca_core.errors import ConfigError, LoginError

URL = "https://dss.example.org/v1/swagger.json"


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


def test_a_stored_token_belongs_to_its_host():
    credentials.store(URL, "one")
    credentials.store("https://other.example.org", "two")
    assert credentials.token(URL, "dss") == "one"
    assert credentials.token("https://DSS.example.org:443/elsewhere", "dss") == "one"
    assert credentials.stored("https://other.example.org/x") == "two"
    for foreign in ("http://dss.example.org", "https://dss.example.org:444", "https://example.org"):
        assert credentials.stored(foreign) is None
    credentials.forget(URL)
    assert credentials.stored(URL) is None
    assert credentials.stored("https://other.example.org/x") == "two"
    credentials.forget(URL)


def test_the_environment_comes_first(monkeypatch):
    credentials.store(URL, "stored")
    monkeypatch.setenv("HCA_TOKEN", "  environment\n")
    assert credentials.token(URL, "dss") == "environment"
    monkeypatch.setenv("HCA_TOKEN", "  ")
    assert credentials.token(URL, "dss") == "stored"


def test_without_a_token_the_next_step_is_told():
    with pytest.raises(LoginError, match=r"login at https://dss\.example\.org$") as told:
        credentials.token(URL, "dss")
    assert told.value.hint == "hca dss login, or set HCA_TOKEN"
    assert told.value.exit_status == 3


@pytest.mark.parametrize("value", ["two words", "two\nlines", "sm\N{SNOWMAN}rt", "\x1b[31m"])
def test_what_cannot_be_a_token_is_told_and_not_shown(monkeypatch, value):
    monkeypatch.setenv("HCA_TOKEN", value)
    with pytest.raises(LoginError, match="can't be one") as told:
        credentials.token(URL, "dss")
    assert value not in str(told.value)


def test_the_file_is_private(isolated_home):
    os.umask(0)
    credentials.store(URL, "secret")
    path = isolated_home / ".config" / "hca" / "credentials.json"
    assert str(path) == credentials.store_file()
    assert mode(path) == 0o600
    assert mode(path.parent) == 0o700
    assert [one.name for one in path.parent.iterdir()] == ["credentials.json"]


def test_the_file_is_private_from_its_first_byte(isolated_home, monkeypatch):
    os.umask(0)
    seen = []
    replace = os.replace

    def looking(source, target):
        seen.append((mode(source), "secret" in Path(source).read_text()))
        replace(source, target)

    monkeypatch.setattr(files.os, "replace", looking)
    opened = []
    open_descriptor = os.open

    def opening(path, flags, asked_mode=0o777, **settings):
        descriptor = open_descriptor(path, flags, asked_mode, **settings)
        opened.append((stat.S_IMODE(os.fstat(descriptor).st_mode), os.fstat(descriptor).st_size))
        return descriptor

    monkeypatch.setattr(files.os, "open", opening)
    credentials.store(URL, "secret")
    assert seen == [(0o600, True)]
    assert opened == [(0o600, 0)]


def test_a_file_that_others_may_read_becomes_private_again():
    credentials.store(URL, "one")
    os.chmod(credentials.store_file(), 0o644)
    credentials.store(URL, "two")
    assert mode(credentials.store_file()) == 0o600


@pytest.mark.parametrize("content", ["{", "[]", "\xff", '"text"'])
def test_a_broken_file_is_told_and_left_alone(isolated_home, content):
    path = isolated_home / ".config" / "hca" / "credentials.json"
    path.parent.mkdir(parents=True)
    path.write_text(content, encoding="latin-1")
    for action in (lambda: credentials.token(URL, "dss"), lambda: credentials.store(URL, "x")):
        with pytest.raises(ConfigError, match=r"credentials\.json"):
            action()
    assert path.read_text(encoding="latin-1") == content


def test_a_foreign_entry_is_no_token(isolated_home):
    credentials.store(URL, "x")
    path = isolated_home / ".config" / "hca" / "credentials.json"
    for entry in ("text", None, {}, {"access_token": None}, {"access_token": ""}):
        path.write_text(json.dumps({"https://dss.example.org": entry}))
        assert credentials.stored(URL) is None


def test_a_folder_that_cannot_be_written_is_told(isolated_home):
    (isolated_home / ".config").write_text("a file, not a folder")
    with pytest.raises(ConfigError, match=r"credentials\.json.*Not a directory"):
        credentials.store(URL, "x")


@pytest.mark.parametrize(
    "token", ["", "opaque", "a.b", "a.b.c", "a.e30.c", "..", "a.\N{SNOWMAN}.c", "a.W10.c", "a.MQ.c"]
)
def test_tokens_that_say_nothing_of_their_end_have_not_expired(token):
    assert credentials.is_expired(token) is False


def test_login_and_logout_on_the_command_line(hca, dss):
    dss.on("GET", "/v1/collections").reply(
        json={"collections": []}, headers={"X-OpenAPI-Paginated-Content-Key": "collections"}
    )
    assert hca("dss", "get-collections").exit_status == 3
    outcome = hca("dss", "login", "--access-token", "T0ken")
    assert (outcome.exit_status, outcome.stdout) == (0, "")
    assert "T0ken" not in outcome.stderr
    assert hca("dss", "get-collections").exit_status == 0
    assert dss.requests[-1].headers["Authorization"] == "Bearer T0ken"
    assert hca("dss", "logout").exit_status == 0
    assert hca("dss", "logout").exit_status == 0
    refused = hca("dss", "get-collections")
    assert refused.exit_status == 3
    assert "hca dss login" in refused.stderr
    assert len(dss.asked("GET", "/v1/collections")) == 1
