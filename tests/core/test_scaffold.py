"""`hca plugins new`: what it writes installs, passes its own tests and every check; bad input writes nothing."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import tomllib
from pathlib import Path

import click
import pytest
from installing import Environment, sources

from hca_core import scaffold
from hca_core.errors import UsageError
from hca_core.scaffold import writing
from hca_core.scaffold.parts import PARTS

ALL = ["subcommand=dss", *(part for part in PARTS if part != "subcommand")]


@pytest.fixture(scope="module")
def core(tmp_path_factory, third_parties):
    """An environment with the core as it is released, and what tests need."""
    pytest.importorskip("hatchling")
    made = Environment(tmp_path_factory.mktemp("environment") / "env", third_parties)
    tree = sources(tmp_path_factory.mktemp("core") / "tree")
    made.pip("install", "--no-deps", "--no-build-isolation", "--no-compile", tree)
    return made


@pytest.fixture(scope="module")
def mypy_cache(tmp_path_factory):
    """What mypy has read of the core, which takes most of its time."""
    return tmp_path_factory.mktemp("mypy")


def checked(folder, *words):
    """Run a tool on the new plugin, in its folder, and return what it says."""
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=110)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def files_in(folder):
    """Return the files below `folder` by their paths."""
    return {str(path.relative_to(folder)): path.read_text() for path in Path(folder).rglob("*") if path.is_file()}


# What is written works


@pytest.mark.parametrize("parts", [[], ALL], ids=["base", "all parts"])
def test_a_new_plugin_works_at_once(core, tmp_path, mypy_cache, parts):
    written = scaffold.write("weather", into=tmp_path, author="Ann", licence="MIT", parts=parts)
    core.pip("install", "--no-deps", "--no-build-isolation", "--no-compile", "--editable", written.folder)
    assert "  weather          Work with the weather service.\n" in core.run("hca", "--help").stdout
    assert "count" in core.run("hca", "weather", "--help").stdout
    assert "broken" not in core.run("hca", "plugins", "--check", "--output", "tsv").stdout
    python = str(core.bin / "python")
    pytest_words = ("-W", "error", "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--basetemp={tmp_path / 'tests'}")
    tested = checked(tmp_path, python, *pytest_words, written.folder)  # as the command says that is told
    assert " passed" in tested
    assert "warning" not in tested
    assert "skipped" not in tested
    checked(written.folder, python, "-m", "mypy", "--cache-dir", str(mypy_cache))
    checked(written.folder, sys.executable, "-m", "ruff", "check", "--no-cache")
    checked(written.folder, sys.executable, "-m", "ruff", "format", "--no-cache", "--check")


@pytest.mark.parametrize("name", ["a", "b" * 20])
def test_names_of_any_length_keep_the_style(tmp_path, name):
    folder = scaffold.write(name, into=tmp_path, parts=ALL).folder
    checked(folder, sys.executable, "-m", "ruff", "format", "--no-cache", "--check")
    checked(folder, sys.executable, "-m", "ruff", "check", "--no-cache")


def test_it_has_the_lint_rules_of_the_house(tmp_path):
    ours = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["tool"]
    theirs = tomllib.loads(Path(scaffold.write("weather", into=tmp_path).folder, "pyproject.toml").read_text())["tool"]
    assert set(theirs["ruff"]["lint"]["select"]) == set(ours["ruff"]["lint"]["select"]) - {"PTH"}
    assert theirs["ruff"]["line-length"] == ours["ruff"]["line-length"]
    assert theirs["mypy"]["strict"]


def test_no_file_of_the_template_is_taken_for_what_it_becomes():
    root = Path(writing.__file__).with_name("template")
    assert {path.suffix for path in root.rglob("*") if path.is_file()} == {".tmpl"}
    assert {path.name for path in root.iterdir()} == {"base", *PARTS}


@pytest.mark.parametrize("part", PARTS)
def test_a_part_adds_a_module_a_test_and_an_entry_point(tmp_path, part):
    word = f"{part}=shop" if part == "subcommand" else part
    (tmp_path / "other").mkdir()
    base = files_in(scaffold.write("weather", into=tmp_path).folder)
    with_part = files_in(scaffold.write("weather", into=tmp_path / "other", parts=[word]).folder)
    module = PARTS[part].target.partition(":")[0]
    assert set(with_part) - set(base) == {f"hca_weather/{module}.py", f"tests/test_{module}.py"}
    points = tomllib.loads(with_part["pyproject.toml"])["project"]["entry-points"]
    group = "hca.commands.shop" if part == "subcommand" else PARTS[part].group
    assert points.keys() == {"hca.plugins", group}
    assert points[group]["weather"].startswith(f"hca_weather.{module}")
    assert f"hca_weather/{module}.py" in with_part["README.md"]


def test_metadata(tmp_path):
    author, url = 'Ann "É" \\ Ångström', "https://example.org/w"
    folder = Path(scaffold.write("weather", into=tmp_path, author=author, url=url, licence="MIT OR Apache-2.0").folder)
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    assert project["authors"] == [{"name": author}]
    assert project["urls"] == {"Homepage": url}
    assert project["license"] == "MIT OR Apache-2.0"
    assert stat.S_IMODE(folder.stat().st_mode) & 0o700 == 0o700
    other = scaffold.write("climate", into=tmp_path).folder
    assert {"authors", "urls", "license"} & tomllib.loads(Path(other, "pyproject.toml").read_text())[
        "project"
    ].keys() == set()


# The verb


def test_the_path_is_on_stdout_and_the_next_commands_on_stderr(hca, tmp_path):
    place = tmp_path / "my plugins"
    place.mkdir()
    outcome = hca("plugins", "new", "weather", "--into", str(place), "--with", "hooks,format", "--with", "credentials")
    folder = place / "hca-plugin-weather"
    assert (outcome.exit_status, outcome.stdout) == (0, f"{folder}\n")
    assert outcome.stderr == f"next: pip install --editable '{folder}[test]'\nnext: python -m pytest '{folder}'\n"
    assert (folder / "tests" / "test_hooks.py").is_file()
    assert (folder / "hca_weather" / "formats.py").is_file()
    assert (folder / "hca_weather" / "credentials.py").is_file()


def test_it_goes_into_the_current_directory(hca, isolated_home):
    outcome = hca("plugins", "new", "weather")
    assert outcome.stdout == f"{Path.cwd() / 'hca-plugin-weather'}\n"
    assert "next: python -m pytest hca-plugin-weather\n" in outcome.stderr


def test_an_empty_folder_is_used(tmp_path):
    (tmp_path / "hca-plugin-weather").mkdir()
    assert files_in(scaffold.write("weather", into=tmp_path).folder)


# Bad input


NAMES = {
    "Weather": "hca plugins new weather",
    "my-weather": "hca plugins new myweather",
    "my_weather": "hca plugins new myweather",
    "hca-plugin-weather": "hca plugins new weather",
    "hca_weather": "hca plugins new weather",
    "wetter.de": "hca plugins new wetterde",
    "7days": None,
    "": None,
    "été": None,
    "../weather": None,
    "a/b": None,
    "weather\n": None,
    "w" * 21: None,
    "class": None,
    "match": None,
    "core": None,
    "hca": None,
    "plugins": None,
    "config": None,
    "--help me": "hca plugins new helpme",
    "\ud800": None,
}


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_names_that_can_not_be(name, tmp_path):
    with pytest.raises(UsageError) as told:
        scaffold.write(name, into=tmp_path)
    assert told.value.hint == NAMES[name]
    assert "\n" not in told.value.message
    assert len(told.value.message) < 200
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_somebody_has(hca, plugin, tmp_path):
    plugin("weather", commands={"weather": click.Command("weather")}, distribution="acme-weather", version="2.5")
    for env in ({}, {"HCA_PLUGINS_DISABLED": "weather"}):
        outcome = hca("plugins", "new", "weather", "--into", str(tmp_path), env=env)
        assert outcome.exit_status == 2
        assert "acme-weather 2.5 has it, which is installed" in outcome.stderr
    outcome = hca("plugins", "new", "config", "--into", str(tmp_path))
    assert outcome.exit_status == 2
    assert "'hca config' is a command of hca itself" in outcome.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--with", "hook"], "did you mean hooks?"),
        (["--with", "zzz"], "there are subcommand, hooks, format"),
        (["--with", ""], "names no part"),
        (["--with", "hooks,"], "names no part"),
        (["--with", "subcommand"], "--with subcommand=GROUP"),
        (["--with", "subcommand=Shop"], "--with subcommand=GROUP"),
        (["--with", 'subcommand=x"]\n'], "--with subcommand=GROUP"),
        (["--with", "hooks=1"], "takes no value"),
        (["--with", "subcommand=weather.days"], "belongs into its cli.py"),
        (["--url", "weather"], "is no address on the web"),
        (["--url", 'https://x.org/"'], "is no address on the web"),
        (["--licence", "free for all!"], "is no SPDX expression"),
        (["--licence", "XYZ"], "is no SPDX expression"),
        (["--licence", 'MIT"\n'], "is no SPDX expression"),
        (["--author", "Ann\nB"], "can't be printed"),
        (["--autor", "Ann"], "--author"),
    ],
)
def test_bad_options(hca, tmp_path, words, said):
    outcome = hca("plugins", "new", "weather", "--into", str(tmp_path), *words)
    assert outcome.exit_status == 2
    assert said in outcome.stderr
    assert outcome.stdout == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "part", "said"),
    [
        ("conformance", "hooks", "tests/test_conformance.py would be two files"),
        ("credentials", "credentials", "tests/test_credentials.py would be two files"),
        ("csv", "format", "hca has that one itself"),
        ("memory", "filesystem", "fsspec has that one itself"),
    ],
)
def test_names_that_hide_something(tmp_path, name, part, said):
    pytest.importorskip("fsspec")
    with pytest.raises(UsageError, match=said):
        scaffold.write(name, into=tmp_path, parts=[part])
    assert list(tmp_path.iterdir()) == []
    assert scaffold.write("weather", into=tmp_path, parts=[part])


def test_it_asks_for_the_click_of_the_core(tmp_path):
    """An older one, which the lowest bound allows, would not do."""
    ours = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    theirs = tomllib.loads(Path(scaffold.write("weather", into=tmp_path).folder, "pyproject.toml").read_text())
    (click_bound,) = [one for one in ours["dependencies"] if one.startswith("click")]
    assert click_bound in theirs["project"]["dependencies"]


def test_a_name_is_needed(hca):
    outcome = hca("plugins", "new")
    assert outcome.exit_status == 2
    assert "NAME" in outcome.stderr


def test_nothing_is_overwritten(hca, tmp_path):
    folder = tmp_path / "hca-plugin-weather"
    folder.mkdir()
    (folder / "mine").write_text("mine")
    outcome = hca("plugins", "new", "weather", "--into", str(tmp_path))
    assert outcome.exit_status == 2
    assert f"{folder} is there already; nothing was written" in outcome.stderr
    assert files_in(tmp_path) == {"hca-plugin-weather/mine": "mine"}


@pytest.mark.parametrize("kind", ["file", "link", "link to nothing"])
def test_what_is_no_folder_is_left_alone(tmp_path, kind):
    (tmp_path / "elsewhere").mkdir()
    place = tmp_path / "hca-plugin-weather"
    if kind == "file":
        place.write_text("mine")
    else:
        place.symlink_to(tmp_path / ("elsewhere" if kind == "link" else "nowhere"))
    with pytest.raises(UsageError, match="is there already"):
        scaffold.write("weather", into=tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["elsewhere", "hca-plugin-weather"]
    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.parametrize("place", ["nowhere", "file", "x" * 300])
def test_a_place_that_can_not_be(hca, tmp_path, place):
    (tmp_path / "file").write_text("mine")
    outcome = hca("plugins", "new", "weather", "--into", str(tmp_path / place))
    assert outcome.exit_status == 2
    assert "can't be written" in outcome.stderr
    assert files_in(tmp_path) == {"file": "mine"}


def test_a_folder_without_rights(tmp_path):
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    tmp_path.chmod(0o500)
    with pytest.raises(UsageError, match="Permission denied"):
        scaffold.write("weather", into=tmp_path)


def test_half_a_plugin_is_never_left(tmp_path, monkeypatch):
    """As on a full disk, or when Ctrl-C comes."""

    def stopped(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(writing.os, "rename", stopped)
    with pytest.raises(KeyboardInterrupt):
        scaffold.write("weather", into=tmp_path)
    assert list(tmp_path.iterdir()) == []
