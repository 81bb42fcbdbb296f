"""`hca config get|set|unset|list|path`, as somebody types them."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from hca_core import paths


def mine():
    return json.loads(Path(paths.config_file()).read_text())


@pytest.mark.parametrize(
    ("typed", "kept", "shown"),
    [
        (
            "https://x.example.org/v1/swagger.json",
            "https://x.example.org/v1/swagger.json",
            "https://x.example.org/v1/swagger.json\n",
        ),
        ("12", 12, "12\n"),
        ("true", True, "true\n"),
        ("null", None, "null\n"),
        ('"12"', "12", "12\n"),
        ("[1, 2]", [1, 2], "[\n  1,\n  2\n]\n"),
        ('{"a": 1}', {"a": 1}, '{\n  "a": 1\n}\n'),
        ("{not json", "{not json", "{not json\n"),
        ("", "", "\n"),
        ("é", "é", "é\n"),
        ("NaN", "NaN", "NaN\n"),
        ("1" * 5000, "1" * 5000, "1" * 5000 + "\n"),
        ("[" * 5000, "[" * 5000, "[" * 5000 + "\n"),
    ],
)
def test_what_is_set_is_what_is_got(hca, typed, kept, shown):
    assert hca("config", "set", "section.key", typed).exit_status == 0
    assert mine() == {"section": {"key": kept}}
    outcome = hca("config", "get", "section.key")
    assert (outcome.exit_status, outcome.stdout, outcome.stderr) == (0, shown, "")


@pytest.mark.parametrize("words", [["config", "set", "a", "\udcff"], ["config", "set", "a\ud800", "1"]])
def test_half_a_character_is_refused(hca, words):
    hca("config", "set", "b", "1")
    outcome = hca(*words)
    assert outcome.exit_status == 2
    assert "can't be written as UTF-8 text; nothing was changed" in outcome.stderr
    assert mine() == {"b": 1}


@pytest.mark.parametrize("name", ["x\ny", " ", "x" * 65])
def test_nothing_is_written_for_a_profile_without_a_proper_name(hca, name):
    outcome = hca("--profile", name, "config", "set", "a", "1")
    assert outcome.exit_status == 2
    assert "can't be the name of a profile" in outcome.stderr
    assert not Path(paths.config_file()).exists()


def test_a_value_that_begins_with_a_dash_needs_two_of_them(hca):
    assert hca("config", "set", "x", "--", "-1").exit_status == 0
    assert mine() == {"x": -1}


def test_setting_keeps_everything_else_in_the_file(hca):
    hca("config", "set", "b", "1")
    hca("config", "set", "a.b.c", "2")
    hca("config", "set", "a.b.d", "3")
    assert mine() == {"b": 1, "a": {"b": {"c": 2, "d": 3}}}
    assert stat.S_IMODE(os.stat(paths.config_file()).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(paths.config_dir()).st_mode) == 0o700


def test_unset_lets_lower_layers_show_through(hca):
    hca("config", "set", "log_level", "DEBUG")
    assert hca("config", "get", "log_level").stdout == "DEBUG\n"
    assert hca("config", "unset", "log_level").exit_status == 0
    assert hca("config", "get", "log_level").stdout == "INFO\n"
    assert mine() == {}


def test_unset_of_what_is_not_in_ones_own_file(hca):
    for key in ("log_level", "DSSClient.swagger_url", "nothing.at.all"):
        outcome = hca("config", "unset", key)
        assert outcome.exit_status == 4
        assert outcome.stderr.startswith(f"hca: {paths.config_file()} has no {key!r}\nnext: hca config list")
    assert not os.path.exists(paths.config_file())


@pytest.mark.parametrize("key", ["", ".", "a.", ".a", "a..b"])
def test_what_is_not_a_key(hca, key):
    for words in (["set", key, "1"], ["unset", key]):
        outcome = hca("config", *words)
        assert outcome.exit_status == 2
        assert "is not a key" in outcome.stderr
    assert not os.path.exists(paths.config_file())


def test_a_value_is_not_turned_into_a_section(hca):
    outcome = hca("config", "set", "log_level.x", "1")
    assert outcome.exit_status == 2
    assert outcome.stderr.startswith("hca: log_level is a value, not a section")


def test_get_of_nothing(hca):
    outcome = hca("config", "get", "no.such")
    assert (outcome.exit_status, outcome.stdout) == (4, "")
    assert outcome.stderr == "hca: there is no setting 'no.such'\nnext: hca config list\n"


def test_list_shows_every_layer_with_its_origin(hca, tmp_path):
    overlay = tmp_path / "overlay.json"
    overlay.write_text('{"x": {"$append": 2}}')
    hca("config", "set", "x", "[1]")
    env = {"HCA_CONFIG_FILE": str(overlay), "HCA_DSS_URL": "https://dss.example.org/v1"}
    rows = {row["key"]: row for row in hca("config", "list", "--show-origin", "--output", "json", env=env).json()}
    assert rows["log_level"] == {"key": "log_level", "value": "INFO", "origin": "packaged defaults"}
    assert rows["x"] == {"key": "x", "value": [1, 2], "origin": f"{paths.config_file()} + {overlay}"}
    assert rows["DSSClient.swagger_url"] == {
        "key": "DSSClient.swagger_url",
        "value": "https://dss.example.org/v1/swagger.json",
        "origin": "HCA_DSS_URL",
    }


def test_list_is_a_table_for_people(hca):
    lines = hca("config", "list").stdout.splitlines()
    assert lines[0].split() == ["key", "value"]
    assert any(line.split() == ["log_level", "INFO"] for line in lines)
    assert hca("config", "list", "--show-origin").stdout.splitlines()[0].split() == ["key", "value", "origin"]


def test_no_secret_is_ever_shown(hca):
    Path(paths.config_dir()).mkdir(parents=True)
    secret = "s3cr3t"
    document = {
        "oauth2_token": {"access_token": secret, "hosts": {"example.org": secret}},
        "application_secrets": {"installed": {"client_secret": secret, "token_uri": "https://x.example.org/token"}},
        "accounts": [{"password": secret}],
        "proxy": f"http://me:{secret}@proxy.example.org",
        "Api_Key": secret,
    }
    Path(paths.config_file()).write_text(json.dumps(document))
    for form in ("table", "json", "yaml", "csv"):
        outcome = hca("config", "list", "--show-origin", "--output", form)
        assert secret not in outcome.stdout + outcome.stderr
        assert "https://x.example.org/token" in outcome.stdout
    for key in (
        "oauth2_token",
        "oauth2_token.access_token",
        "oauth2_token.hosts",
        "oauth2_token.hosts.example",
        "accounts",
        "proxy",
        "Api_Key",
    ):
        assert secret not in hca("config", "get", key).stdout
    assert json.loads(Path(paths.config_file()).read_text()) == document


def test_path_works_with_any_file(hca, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert hca("config", "path").stdout == f"{tmp_path}/hca/config.json\n"
    assert not (tmp_path / "hca").exists()


def test_bare_config_is_a_question(hca):
    outcome = hca("config")
    assert (outcome.exit_status, outcome.stderr) == (0, "")
    assert outcome.stdout == hca("config", "--help").stdout


def test_settings_that_are_made_at_the_same_time_are_all_kept(isolated_home):
    command = [sys.executable, "-m", "hca_core", "config", "set"]
    runs = [subprocess.Popen([*command, f"http.x{number}", str(number)]) for number in range(8)]
    assert [one.wait(60) for one in runs] == [0] * 8
    kept = json.loads((isolated_home / ".config" / "hca" / "config.json").read_text())
    assert kept == {"http": {f"x{number}": number for number in range(8)}}
