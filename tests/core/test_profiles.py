"""Profiles: settings and logins under a name, chosen for a run, an environment or for good."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from hca_core import paths, profiles
from hca_core.config import HCAConfig
from hca_core.credentials import entries
from hca_core.credentials.entries import Entry
from hca_core.errors import ConfigError


def write(document):
    file = Path(paths.config_file())
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(document))
    return str(file)


def mine():
    return json.loads(Path(paths.config_file()).read_text())


TWO = {"http": {"tries": 1, "patience": 5}, "profiles": {"lab": {"http": {"tries": 2}}, "work": {"http": {"tries": 3}}}}


# The layer


def test_a_profile_lies_over_the_files_and_below_the_environment(monkeypatch):
    file = write({**TWO, "DSSClient": {"swagger_url": "https://a.example.org/s.json"}})
    document = mine()
    document["profiles"]["lab"]["DSSClient"] = {"swagger_url": "https://lab.example.org/s.json"}
    write(document)
    plain, lab = HCAConfig(), HCAConfig(profile="lab")
    assert (plain.http.tries, lab.http.tries, lab.http.patience) == (1, 2, 5)
    assert lab.DSSClient.swagger_url == "https://lab.example.org/s.json"
    assert lab.origin("http.tries") == f"profile lab ({file})"
    assert lab.origin("http.patience") == plain.origin("http.tries") == file
    monkeypatch.setenv("HCA_DSS_URL", "https://env.example.org")
    assert HCAConfig(profile="lab").DSSClient.swagger_url == "https://env.example.org/swagger.json"


def test_a_later_file_s_profile_wins_and_beats_all_plain_settings(monkeypatch, tmp_path):
    write(TWO)
    later = tmp_path / "later.json"
    later.write_text(json.dumps({"http": {"tries": 9}, "profiles": {"lab": {"http": {"patience": 7}}}}))
    monkeypatch.setenv("HCA_CONFIG_FILE", str(later))
    lab = HCAConfig(profile="lab")
    assert (lab.http.tries, lab.http.patience) == (2, 7)
    assert lab.origin("http.patience") == f"profile lab ({later})"


def test_a_profile_may_edit_a_list_that_is_not_its_own():
    write({"mirrors": ["a"], "profiles": {"lab": {"mirrors": {"$append": "b"}}}})
    assert HCAConfig(profile="lab").mirrors == ["a", "b"]
    assert HCAConfig().mirrors == ["a"]
    assert HCAConfig(profile="lab").notes == HCAConfig().notes == []


def test_who_says_which_profile(monkeypatch):
    write({**TWO, "profile": "lab"})
    assert HCAConfig().http.tries == 2
    monkeypatch.setenv("HCA_PROFILE", "work")
    assert HCAConfig().http.tries == 3
    assert HCAConfig().origin("profile") == "HCA_PROFILE"
    assert HCAConfig(profile="lab").http.tries == 2
    assert HCAConfig(profile="default").http.tries == 1
    config = HCAConfig(profile="lab")
    config.assign("profile", "default")
    assert (config.http.tries, profiles.name_of(config)) == (1, "default")
    monkeypatch.setenv("HCA_PROFILE", "")
    assert profiles.name_of(HCAConfig()) == "lab"


def test_a_profile_chooses_no_other_profile():
    write({"profile": "lab", "profiles": {"lab": {"profile": "work", "profiles": {"x": {}}}, "work": {"a": 1}}})
    config = HCAConfig()
    assert (profiles.name_of(config), config.lookup("profile"), config.lookup("a")) == ("lab", "lab", None)
    assert profiles.names(config) == ["default", "lab", "work"]


@pytest.mark.parametrize("section", ["text", 5, None, [], {"lab": 5}, {"lab": None}, {"lab": []}])
def test_a_section_of_another_kind_sets_nothing(section):
    write({"a": 1, "profiles": section})
    assert HCAConfig(profile="lab").lookup("a") == 1


@pytest.mark.parametrize("name", ["", " ", "x" * 65, "a\nb", 5, ["a"], {"a": 1}])
def test_what_can_t_be_a_name(name):
    config = HCAConfig()
    config.assign("profile", name)
    with pytest.raises(ConfigError, match="name of a profile"):
        profiles.name_of(config)


# Verbs


def test_set_and_unset_are_for_the_profile_in_force(hca):
    assert hca("config", "set", "http.tries", "1").exit_status == 0
    assert hca("--profile", "lab", "config", "set", "http.tries", "2").exit_status == 0
    assert hca("config", "set", "http.patience", "3", env={"HCA_PROFILE": "lab"}).exit_status == 0
    assert mine() == {"http": {"tries": 1}, "profiles": {"lab": {"http": {"tries": 2, "patience": 3}}}}
    assert hca("--profile", "lab", "config", "get", "http.tries").stdout == "2\n"
    assert hca("config", "get", "http.tries").stdout == "1\n"
    assert hca("--profile", "lab", "config", "unset", "http.patience").exit_status == 0
    missing = hca("--profile", "lab", "config", "unset", "http.patience")
    assert missing.exit_status == 4
    assert missing.stderr.startswith(f"hca: {paths.config_file()} has no 'http.patience' for the profile 'lab'\n")
    assert hca("--profile", "lab", "config", "unset", "http.tries").exit_status == 0
    assert mine() == {"http": {"tries": 1}}


def test_the_choice_itself_is_for_everybody(hca):
    hca("config", "set", "profiles.lab.http.tries", "2")
    hca("config", "set", "profile", "lab")
    assert mine() == {"profile": "lab", "profiles": {"lab": {"http": {"tries": 2}}}}
    assert hca("config", "get", "http.tries").stdout == "2\n"
    assert hca("config", "set", "profile", "default").exit_status == 0
    assert mine()["profile"] == "default"
    assert hca("config", "unset", "profile").exit_status == 0
    assert "profile" not in mine()


def test_the_profile_of_a_run_is_not_kept(hca):
    hca("--profile", "lab", "config", "set", "a", "1")
    hca("--profile", "default", "config", "set", "b", "2")
    assert mine() == {"profiles": {"lab": {"a": 1}}, "b": 2}


def test_save_in_python_keeps_to_the_profile_too():
    config = HCAConfig(profile="lab")
    config.assign("http.tries", 2)
    config.save()
    assert mine() == {"profiles": {"lab": {"http": {"tries": 2}}}}
    assert (config.http.tries, HCAConfig().lookup("http.tries")) == (2, None)


def test_all_profiles_are_listed(hca):
    write({**TWO, "profile": "work"})
    entries.keep("https://dss.example.org", "lab", Entry("token-of-the-lab"))
    entries.keep("https://dss.example.org", "guest", Entry("token-of-a-guest"))
    rows = hca("config", "profiles", "--output", "json").json()
    assert rows == [
        {"profile": "default", "current": False, "settings": [], "logins": []},
        {"profile": "guest", "current": False, "settings": [], "logins": ["https://dss.example.org"]},
        {"profile": "lab", "current": False, "settings": ["http.tries"], "logins": ["https://dss.example.org"]},
        {"profile": "work", "current": True, "settings": ["http.tries"], "logins": []},
    ]
    lines = hca("--profile", "lab", "config", "profiles").stdout.splitlines()
    assert [line.split()[:2] for line in lines if "true" in line] == [["lab", "true"]]
    assert "token-of" not in hca("config", "profiles", "--output", "yaml").stdout


def test_no_secret_of_a_profile_is_shown(hca):
    write({"profiles": {"lab": {"x": {"api_key": "s3cret-words"}}}})
    for words in (["list"], ["profiles"], ["get", "profiles"], ["get", "profiles.lab.x.api_key"]):
        assert "s3cret-words" not in hca("config", *words).stdout
    assert "s3cret-words" not in hca("--profile", "lab", "config", "list", "--show-origin").stdout


# Names with a typing error


@pytest.mark.parametrize("said", ["option", "environment"])
def test_a_profile_that_does_not_exist_is_refused(hca, dss, said):
    write(TWO)

    def run(name, *words):
        return hca(*words, env={"HCA_PROFILE": name}) if said == "environment" else hca("--profile", name, *words)

    outcome = run("wrk", "dss", "get-bundles-all", "--replica", "aws")
    assert (outcome.exit_status, outcome.stdout) == (2, "")
    assert outcome.stderr.startswith("hca: there is no profile 'wrk'; did you mean 'work'?\nnext: a login or")
    assert "there are: default, lab, work" in run("elsewhere", "config", "list").stderr
    assert dss.requests == []
    assert run("work", "config", "get", "http.tries").stdout == "3\n"
    assert run("wrk", "config", "profiles").exit_status == 0
    assert run("wrk", "config", "path").exit_status in (0, 2)


def test_a_login_makes_one(hca, dss):
    assert hca("--profile", "lab", "dss", "whoami").exit_status == 2
    assert hca("--profile", "lab", "dss", "login", "--access-token", "of-the-lab").exit_status == 0
    assert hca("--profile", "lab", "dss", "whoami").exit_status == 0


def test_logins_that_somebody_else_keeps_are_profiles(hca, dss, tmp_path):
    (tmp_path / "given.json").write_bytes(entries.document({dss.url: Entry("given-token")}, "theirs"))
    env = {"HCA_CREDENTIALS_FILE": str(tmp_path / "given.json")}
    assert hca("--profile", "theirs", "dss", "whoami", env=env).exit_status == 0
    assert hca("--profile", "their", "dss", "whoami", env=env).exit_status == 2


def test_where_plugins_give_tokens_a_profile_may_be_theirs(hca, dss, plugin):
    plugin("vault", entry_points={"hca.credentials": {"vault": lambda need: None}})
    assert hca("--profile", "theirs", "dss", "whoami").exit_status == 3


def test_a_choice_in_a_file_may_come_before_the_profile(hca):
    write({"profile": "later"})
    assert hca("config", "list").exit_status == 0
    assert os.path.exists(paths.config_file())
