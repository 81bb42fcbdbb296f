"""`hca plugins`: what is installed and why a name means what it means; disabling and enabling."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from hca_core import discover, paths

HELLO = {"hello": "import click\nhello = click.Command('hello', callback=lambda: click.echo('hello'))\n"}


def named(rows, name):
    return {row["command"]: row for row in rows if row["command"].split()[-1] == name}


@pytest.fixture
def everything(plugin):
    """A distribution that declares one of each kind under the name `acme`."""
    source = "from hca_core import hookimpl\n@hookimpl\ndef hca_commands(): return {'acme': 'hello:hello'}\n"
    modules = {"acme_hooks": "from hca_core import hookimpl\n@hookimpl\ndef hca_request(url): pass\n", **HELLO}
    groups = {
        "hca.hooks": {"acme": "acme_hooks"},
        "hca.formats": {"acme": "hello:hello"},
        "hca.credentials": {"acme": "hello:hello"},
        "hca.local": {"acme": "hello:hello"},
        "hca.commands.dss": {"acme": "hello:hello"},
    }
    return plugin("acme", source, entry_points=groups, modules=modules)


def test_every_kind_is_listed(everything, hca):
    rows = named(hca("plugins", "--output", "json").json(), "acme")
    kinds = {"acme", "dss acme", "(hooks) acme", "(format) acme", "(credentials) acme", "(local service) acme"}
    assert set(rows) == kinds
    assert {row["state"] for row in rows.values()} == {"ok"}
    assert {row["location"] for row in rows.values()} == {str(everything)}


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ('{"url": "file:///a%20b", "dir_info": {"editable": true}}', "/a b (editable)"),
        ('{"url": "file:///a", "dir_info": {}}', None),
        ('{"dir_info": {"editable": true}}', None),
        ('{"url": "https://x", "dir_info": null}', None),
        ('["list"]', None),
        ("[" * 100_000, None),
    ],
)
def test_what_an_installer_says_of_the_origin_may_be_anything(text, tree, plugin, hca):
    folder = plugin("acme")
    next(folder.glob("*.dist-info")).joinpath("direct_url.json").write_text(text)
    rows = named(hca("plugins", "--output", "json").json(), "acme")
    assert rows["acme"]["location"] == (tree or str(folder))


def test_a_check_tells_hooks_and_seconds(everything, hca):
    outcome = hca("plugins", "--check", "--output", "json")
    rows = named(outcome.json(), "acme")
    assert outcome.exit_status == 0, outcome.stdout
    assert rows["acme"]["hooks"] == "hca_commands"
    assert rows["(hooks) acme"]["hooks"] == "hca_request"
    assert rows["(format) acme"]["hooks"] == ""
    assert all(0 <= row["seconds"] < 60 for row in rows.values())


@pytest.mark.parametrize(
    ("group", "told"),
    [
        ("hca.format", "unused: there is no such group of entry points (did you mean hca.formats?)"),
        ("hca.commands.dsss", "unused: there is no 'hca dsss'"),
        ("hca.command.dss", "unused: there is no such group of entry points (did you mean hca.commands.dss?)"),
    ],
)
def test_a_misspelt_group_is_told(group, told, plugin, hca):
    plugin("acme", entry_points={group: {"lost": "hello:hello"}}, modules=HELLO)
    (row,) = named(hca("plugins", "--output", "json").json(), "lost").values()
    assert row["state"] == told
    assert hca("plugins", "--check").exit_status == 8, "the plugin itself names no command acme"


def test_a_name_of_our_own_is_shadowed(plugin, hca):
    plugin("config", entry_points={"hca.formats": {"json": "hello:hello"}}, modules=HELLO)
    rows = hca("plugins", "--output", "json").json()
    assert [row["state"] for row in rows if row["command"] in ("config", "(format) json")] == [
        "shadowed by hca-core",
        "shadowed by hca-core",
    ]
    first, second = hca("plugins", "explain", "config", "--output", "json").json()
    assert first["why"] == "it is a command of hca itself"
    assert second["why"] == "names of hca itself win"
    assert second["next"] == "hca-plugin-config must choose another name"


def test_a_shadowed_name_is_explained(plugin, hca):
    plugin("twice", distribution="one", modules=HELLO)
    plugin("twice", distribution="two", modules=HELLO)
    first, second = hca("plugins", "explain", "twice", "--output", "json").json()
    assert (first["distribution"], first["state"]) == ("one", "ok")
    assert first["why"] == "one declares it in hca.plugins; it wins over two, as it comes first on sys.path"
    assert (second["distribution"], second["state"]) == ("two", "shadowed by one")
    assert second["next"] == "pip uninstall one"


def test_an_unknown_name_is_not_found(hca):
    outcome = hca("plugins", "explain", "dsss")
    assert outcome.exit_status == 4
    assert "nothing installed is called 'dsss'; did you mean 'dss'?" in outcome.stderr


# Disabling


def test_what_is_disabled_stays_so_and_is_not_imported(plugin, hca):
    plugin("nasty", "import os; os._exit(9)", modules=HELLO)
    assert hca("plugins", "disable", "nasty").exit_status == 0
    path = Path(paths.disabled_file())
    assert path.read_text() == "nasty\n"
    assert path.stat().st_mode & 0o777 == 0o600
    assert "nasty" not in hca("--help").stdout
    refused = hca("nasty")
    assert refused.exit_status == 2
    assert "Its plugin is disabled: hca plugins enable nasty." in refused.stderr
    (row,) = hca("plugins", "explain", "nasty", "--output", "json").json()
    assert (row["state"], row["next"]) == ("disabled", "hca plugins enable nasty")
    assert row["why"] == f"{path} names it"


def test_enabling_brings_it_back(plugin, hca):
    plugin("acme", commands={"acme": "hello:hello"}, modules=HELLO)
    hca("plugins", "disable", "acme", "dss")
    assert hca("plugins", "enable", "acme").exit_status == 0
    assert hca("acme").stdout == "hello\n"
    assert hca("dss").exit_status == 2
    assert hca("plugins", "enable", "dss").exit_status == 0
    assert Path(paths.disabled_file()).read_text() == ""


def test_a_mistyped_name_is_not_enabled_and_told_by_the_doctor(hca):
    hca("plugins", "disable", "shock")
    refused = hca("plugins", "enable", "shok")
    assert refused.exit_status == 2
    assert "'shok' is not disabled; did you mean 'shock'?" in refused.stderr
    rows = hca("doctor", "--offline", "--output", "json", env={"HCA_PLUGINS_DISABLED": "wether"}).json()
    text = json.dumps(rows)
    assert "'wether' is disabled, but nothing is called so" in text
    assert "'shock' is disabled, but" not in text


def test_what_belongs_to_a_plugin_of_ours_that_is_not_there(plugin, hca, monkeypatch):
    plugin("acme", entry_points={"hca.commands.dss": {"lost": "hello:hello"}}, modules=HELLO)
    declared = discover.declared
    monkeypatch.setattr(discover, "declared", lambda group: [one for one in declared(group) if one.name != "dss"])
    (row,) = hca("plugins", "explain", "lost", "--output", "json").json()
    assert row["state"] == "unused: there is no 'hca dss'"
    assert row["next"] == "pip install hca-plugin-dss"


def test_a_variable_beats_enabling(hca):
    hca("plugins", "disable", "dss")
    outcome = hca("plugins", "enable", "dss", env={"HCA_PLUGINS_DISABLED": "dss"})
    assert outcome.stderr == "hca: HCA_PLUGINS_DISABLED still names dss\n"
    outcome = hca("plugins", "explain", "dss", "--output", "json", env={"HCA_PLUGINS_DISABLED": "dss"})
    assert outcome.json()[0]["next"] == "take it out of HCA_PLUGINS_DISABLED"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["disable", "dss", "dsss"], "no plugin is called 'dsss'; did you mean 'dss'?"),
        (["enable", "dss"], "'dss' is not disabled\n"),
        (["disable"], "Missing argument 'NAME...'"),
        (["--check", "explain", "dss"], "Put the options behind 'explain', not before it."),
        (["--output", "json", "enable", "dss"], "Put the options behind 'enable', not before it."),
    ],
)
def test_what_is_refused_changes_nothing(words, told, hca):
    outcome = hca("plugins", *words)
    assert outcome.exit_status == 2
    assert told in outcome.stderr
    assert not Path(paths.disabled_file()).exists()


def test_two_at_a_time_keep_both(hca, isolated_home):
    """Each process reads, changes and writes the file; with no lock one of the names would sometimes be lost."""
    names = ["auth", "azul", "dss", "local", "shock", "upload"]
    command = [sys.executable, "-m", "hca_core", "plugins", "disable"]
    running = [subprocess.Popen([*command, name]) for name in names]
    assert [process.wait(60) for process in running] == [0] * len(names)
    assert Path(paths.disabled_file()).read_text().split() == names


def test_the_file_may_be_a_link(plugin, hca, tmp_path):
    """Dotfiles are often kept elsewhere; what a link points to is replaced, not the link."""
    kept = tmp_path / "kept"
    kept.write_text("")
    path = Path(paths.disabled_file())
    path.parent.mkdir(parents=True)
    path.symlink_to(kept)
    hca("plugins", "disable", "dss")
    assert path.is_symlink()
    assert kept.read_text() == "dss\n"


def test_names_are_completed(hca):
    env = {"_HCA_COMPLETE": "bash_complete", "COMP_WORDS": "hca plugins explain ds", "COMP_CWORD": "3"}
    assert hca(env=env).stdout == "plain,dss\n"
