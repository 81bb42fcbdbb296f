"""Commands that are imported when they are called, and answers to commands that do not exist."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
import time

import click
import pytest

from hca_core import discover, lazy
from hca_core.main import hca as root

# What is typed, and what was probably meant: headings of the tutorials among them (DC-165).
MEANT = {
    "file-head": "hca dss head-file",
    "head_file": "hca dss head-file",
    "download": "hca azul download' or 'hca dss download",
    "create-version": "hca dss create-version",
    "whoamy": "hca auth whoami",
    "get-bundle": "hca dss get-bundle",
    "post-serch": "hca dss post-search",
    "dsss": "hca dss",
    "confg": "hca config",
    "plugin": "hca plugins",
    "cache-hca-clear": "hca clear-hca-cache",
    "dss get-bundel": "hca dss get-bundle",
    "dss file-head": "hca dss head-file",
    "dss get_file": "hca dss get-file",
    "help dss downlaod": "hca dss download",
    "azul files": "hca azul get-files",
    "dss file": "hca dss get-file' or 'hca dss head-file' or 'hca dss put-file",
}


@pytest.mark.parametrize("typed", MEANT)
def test_did_you_mean(typed, hca):
    outcome = hca(*typed.split())
    assert (outcome.exit_status, outcome.stdout) == (2, "")
    assert outcome.stderr.startswith(f"hca: No such command {typed.split()[-1]!r}. Did you mean '{MEANT[typed]}'")
    assert "Traceback" not in outcome.stderr


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("--verison", "--version"), ("--log-levl=INFO", "--log-level"), ("dss get-bundle --uid x", "--uuid")],
)
def test_a_misspelt_option_gets_a_hint_and_never_runs(typed, meant, hca):
    """CORE, X-16: `--verison` of the tutorial is a mistake, not an abbreviation."""
    outcome = hca(*typed.split())
    assert (outcome.exit_status, outcome.stdout) == (2, "")
    assert f"'{meant}'" in outcome.stderr


def test_an_unknown_command_lists_what_there_is_and_how_to_add_a_plugin(hca):
    outcome = hca("zzz")
    assert outcome.exit_status == 2
    first, second = outcome.stderr.splitlines()
    assert first.startswith("hca: No such command 'zzz'. There are: auth, azul, cache, clear-hca-cache, completion, ")
    assert first.endswith("upload.")
    assert second == "try 'hca --help'"


def test_a_plugin_of_ours_that_is_not_there_is_named(hca, monkeypatch):
    monkeypatch.setattr(discover, "_scan", functools.cache(lambda path: {}))
    refused = hca("auth")
    assert refused.exit_status == 2
    assert "No such command 'auth'. Its plugin is not installed: pip install hca-plugin-auth\n" in refused.stderr


@pytest.mark.parametrize("typed", ["ds", "dsss", "weather", "keyring", "s3", "core", "dss>=1", ""])
def test_no_other_name_is_to_be_installed(typed, hca):
    """A mistyped name on the index may be anybody's."""
    assert discover.installing(typed) is None
    assert "pip install" not in hca(typed).stderr
    assert "pip install" not in hca("dss", "zzz").stderr
    assert "pip install" not in hca("./x;y").stderr


def test_a_broken_plugin_does_not_spoil_somebody_elses_hint(plugin, hca):
    plugin("aaa", "raise SystemExit(1)")
    outcome = hca("file-head")
    assert outcome.stderr.startswith("hca: No such command 'file-head'. Did you mean 'hca dss head-file'?")


def test_a_group_that_can_not_list_its_commands_does_not_either(plugin, hca):
    class Odd(click.Group):
        def list_commands(self, ctx):
            raise RuntimeError("no list")

    plugin("aaa", commands={"aaa": Odd("aaa")})
    assert "'hca dss head-file'" in hca("file-head").stderr


def test_third_party_commands_are_suggested_too(plugin, hca):
    group = click.Group("weather", commands={"today": click.Command("today")})
    plugin("weather", commands={"weather": group})
    assert "'hca weather today'" in hca("tody").stderr


def test_help_is_a_command(hca):
    """CORE-004, CORE-005, CORE-006."""
    text = hca("--help").stdout
    assert text
    assert hca("-h").stdout == hca("help").stdout == hca().stdout == text
    assert hca("help", "dss", "get-bundle").stdout == hca("dss", "get-bundle", "--help").stdout
    assert hca("help", "dss").stdout == hca("dss", "-h").stdout == hca("dss").stdout
    assert "Usage: hca dss get-bundle [OPTIONS]" in hca("help", "dss", "get-bundle").stdout
    for name in ("clear-hca-cache", "help", "dss", "config", "plugins", "completion"):  # CORE-003
        assert f"\n  {name} " in text


def test_a_group_without_a_command_shows_its_help_with_status_0(plugin, hca):
    """As the old client did; a plain click group would answer on stderr with status 2."""
    plugin("weather", commands={"weather": click.Group("weather", help="Tells.", commands={"a": click.Command("a")})})
    for name in ("dss", "config", "weather"):
        outcome = hca(name)
        assert (outcome.exit_status, outcome.stderr) == (0, "")
        assert outcome.stdout == hca(name, "--help").stdout


def test_options_are_not_abbreviated_and_commands_neither(hca):
    assert hca("dss", "get-bundl").exit_status == 2
    assert hca("--vers").exit_status == 2


def test_listing_a_group_imports_nothing(plugin):
    plugin("weather", "raise RuntimeError('imported')", summary="Tells the weather.")
    with click.Context(root, info_name="hca") as ctx:
        assert "weather" in root.list_commands(ctx)
        command = root.get_command(ctx, "weather")
    assert isinstance(command, lazy.LazyCommand)
    assert command.get_short_help_str() == "Tells the weather."


# Every command there is

WALK = """
import contextlib, io, json, sys

def no_network(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto", "socket.bind"):
        raise RuntimeError(f"{event} {arguments}")

sys.addaudithook(no_network)
import click
from hca_core.lazy import LazyCommand
from hca_core.main import hca, run

def walk(command, ctx, words):
    yield words, command
    if isinstance(command, click.Group):
        for name in command.list_commands(ctx):
            found = command.get_command(ctx, name)
            line = found.get_short_help_str(limit=1000)
            inner = found.loaded() if isinstance(found, LazyCommand) else found
            lines[" ".join([*words, name])] = line
            yield from walk(inner, click.Context(inner, ctx, name), [*words, name])

def shown(*words):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = run(words)
    return [status, out.getvalue(), err.getvalue()]

lines = {}
pages = {}
wordless = []
for words, command in list(walk(hca, click.Context(hca, info_name="hca"), [])):
    wordless += [[words, p.opts] for p in command.params if isinstance(p, click.Option) and not (p.help or "").strip()]
    pages[" ".join(words)] = [shown(*words, "--help"), shown(*words, "-h"), shown("help", *words)]
json.dump({"lines": lines, "pages": pages, "wordless": wordless}, sys.stdout)
"""


@pytest.fixture(scope="module")
def walked(tmp_path_factory):
    """Help pages and one-line helps of every command, made by a process that may not use the network."""
    done = subprocess.run(
        [sys.executable, "-c", WALK], capture_output=True, text=True, cwd=tmp_path_factory.mktemp("walk")
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_every_command_has_help_at_every_level_without_network(walked):
    assert len(walked["pages"]) > 40
    assert "dss get-bundle" in walked["pages"]
    for words, answers in walked["pages"].items():
        for status, text, errors in answers:
            assert (status, errors) == (0, ""), words
            assert text.startswith(f"Usage: hca {words}".rstrip()), words
            assert "-h, --help" in text, words
        assert answers[0] == answers[1] == answers[2], words


def test_every_one_line_help_is_short_and_ends_with_a_full_stop(walked):
    for words, line in walked["lines"].items():
        assert 5 < len(line) <= 60, (words, line)
        assert line.endswith("."), (words, line)
        assert line[0].isupper(), (words, line)


def test_no_help_carries_leftovers_of_a_documentation_build(walked):
    """CORE-007."""
    for words, answers in walked["pages"].items():
        for leftover in ("{prog}", "%(prog)s", "sphinx", "argparse", "__main__"):
            assert leftover not in answers[0][1], words


def test_every_option_says_what_it_is(walked):
    assert walked["wordless"] == []


def test_a_slow_plugin_slows_nobody_else(plugin):
    folder = plugin("slow", "import time; time.sleep(60)", summary="Is slow.")
    for words in (["--help"], ["dss", "--help"], ["config", "path"], ["plugins"]):
        started = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-m", "hca_core", *words],
            env={**os.environ, "PYTHONPATH": str(folder)},
            capture_output=True,
            text=True,
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert time.monotonic() - started < 30, words
    assert "slow" in done.stdout
