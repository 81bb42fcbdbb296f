"""The file that keeps logins: what belongs to whom, who may read it, and that no change of another is lost."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from hca_core import files
from hca_core.credentials import entries
from hca_core.credentials.entries import Entry
from hca_core.errors import ConfigError

URL = "https://weather.example.org/v1/swagger.json"


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


def keep(url, token, profile="default"):
    entries.keep(url, profile, Entry(access_token=token))


def token(url, profile="default"):
    found = entries.find(entries.path(), url, profile)
    return found and found.access_token


def test_a_login_belongs_to_its_host():
    keep(URL, "one")
    keep("https://other.example.org", "two")
    assert token("https://WEATHER.example.org:443/elsewhere") == "one"
    assert token("https://other.example.org/x") == "two"
    for foreign in ("http://weather.example.org", "https://weather.example.org:444", "https://example.org"):
        assert token(foreign) is None
    assert entries.drop(URL, "default").access_token == "one"
    assert token(URL) is None
    assert token("https://other.example.org/x") == "two"
    assert entries.drop(URL, "default") is None


def test_a_login_belongs_to_its_profile():
    keep(URL, "mine")
    keep(URL, "the lab's", "lab")
    assert (token(URL), token(URL, "lab"), token(URL, "none")) == ("mine", "the lab's", None)
    entries.drop(URL, "lab")
    assert (token(URL), token(URL, "lab")) == ("mine", None)


def test_all_of_an_entry_is_kept():
    texts = {field.name: f"{field.name} hidden" for field in fields(Entry) if isinstance(field.default, str)}
    entry = Entry(expires_at=12.5, renew_at=11.5, in_keyring=True, **texts)
    entries.keep(URL, "default", entry)
    assert entries.find(entries.path(), URL, "default") == entry
    assert "token" not in repr(entry)
    assert "client" not in repr(entry)


def test_what_a_killed_process_left_goes_with_the_next_change():
    keep(URL, "one")
    left = Path(entries.path()).with_name(".credentials.json.abc123.tmp")
    left.write_text("a-token")
    other = left.with_name(".config.json.abc123.tmp")
    other.write_text("of another file")
    keep(URL, "two")
    assert not left.exists()
    assert other.exists()


def test_the_file_is_private(isolated_home):
    os.umask(0)
    keep(URL, "secret")
    path = isolated_home / ".config" / "hca" / "credentials.json"
    assert str(path) == entries.path()
    assert {one.name: mode(one) for one in path.parent.iterdir()} == {
        "credentials.json": 0o600,
        "credentials.lock": 0o600,
    }
    assert mode(path.parent) == 0o700


def test_the_file_is_private_from_its_first_byte(monkeypatch):
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
    keep(URL, "secret")
    assert seen == [(0o600, True)]
    assert set(opened) == {(0o600, 0)}


def test_a_file_that_others_may_read_becomes_private_again():
    keep(URL, "one")
    os.chmod(entries.path(), 0o644)
    keep(URL, "two")
    assert mode(entries.path()) == 0o600


def test_a_link_to_where_dotfiles_are_kept_stays_one(isolated_home):
    keep(URL, "one")
    elsewhere = isolated_home / "dotfiles.json"
    os.rename(entries.path(), elsewhere)
    os.symlink(elsewhere, entries.path())
    keep(URL, "two")
    assert os.path.islink(entries.path())
    assert "two" in elsewhere.read_text()


@pytest.mark.parametrize("content", ["{", "[]", "\xff", '"text"', "[" * 100_000])
def test_a_broken_file_is_told_and_left_alone(isolated_home, content):
    path = isolated_home / ".config" / "hca" / "credentials.json"
    path.parent.mkdir(parents=True)
    path.write_text(content, encoding="latin-1")
    for action in (lambda: token(URL), lambda: keep(URL, "x")):
        with pytest.raises(ConfigError, match=r"credentials\.json"):
            action()
    assert path.read_text(encoding="latin-1") == content


@pytest.mark.parametrize("entry", ["text", None, {}, {"access_token": None}, {"access_token": ["x"]}])
def test_a_foreign_entry_is_no_token(isolated_home, entry):
    keep(URL, "x")
    Path(entries.path()).write_text(json.dumps({"profiles": {"default": {"https://weather.example.org": entry}}}))
    assert not token(URL)


@pytest.mark.parametrize("document", [{}, {"profiles": []}, {"profiles": {"default": []}}, {"https://x": {}}])
def test_a_file_without_logins_has_none(isolated_home, document):
    keep(URL, "x")
    Path(entries.path()).write_text(json.dumps(document))
    assert token(URL) is None
    keep(URL, "y")
    assert token(URL) == "y"


def test_a_folder_that_cannot_be_written_is_told(isolated_home):
    (isolated_home / ".config").write_text("a file, not a folder")
    with pytest.raises(ConfigError, match=r"credentials\.json.*nothing was stored"):
        keep(URL, "x")


def test_logins_at_the_same_time_are_all_kept():
    code = (
        "import sys; from hca_core.credentials import entries\n"
        "sys.stdin.readline()\n"
        "for n in range(10): entries.keep(f'https://h{sys.argv[1]}-{n}.org', 'default', entries.Entry('t'))"
    )
    runs = [
        subprocess.Popen([sys.executable, "-c", code, str(number)], stdin=subprocess.PIPE, text=True)
        for number in range(8)
    ]
    for one in runs:
        one.stdin.write("\n")
        one.stdin.close()
    assert [one.wait(60) for one in runs] == [0] * 8
    assert len(entries.read(entries.path(), "default")) == 80


def test_a_document_for_others_to_read(tmp_path):
    path = tmp_path / "given.json"
    path.write_bytes(entries.document({URL: Entry("given")}, "default"))
    assert entries.find(str(path), "https://weather.example.org", "default") == Entry("given")
