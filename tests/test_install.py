"""What installing our packages gives: real wheels, subsets of the plugins, fresh environments, no network.

What the wheels hold is told by `packages/test_wheels.py`, upgrades by `packages/test_upgrade.py`.
"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from installing import PLUGINS, Environment

import hca_core

# Each alone: it needs no other. All but one: nobody needs that one, and it is told how to get it. All: nobody is in the
# way of another. All 64 would show no more than what goes wrong where two are there and a third is not.
ALONE = {name: (name,) for name in PLUGINS}
WITHOUT = {name: tuple(other for other in PLUGINS if other != name) for name in PLUGINS}
SUBSETS = [(), *ALONE.values(), *WITHOUT.values(), PLUGINS]
IMPORTABLE = [name for name in PLUGINS if name != "local"]  # nobody imports that one
# Runs command lines in one process, which is what costs time: each as the console script would.
LINES = """
import contextlib, io, json, sys
from hca_core.main import run
told = []
for words in json.loads(sys.argv[1]):
    stdout, stderr = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr):
        status = run(words)
    told.append([int(status), stdout.getvalue(), stderr.getvalue()])
found = []
for name in json.loads(sys.argv[2]):
    try:
        __import__(f"hca.{name}")
    except ModuleNotFoundError as error:
        assert error.name == f"hca.{name}", error
    else:
        found.append(name)
print(json.dumps([told, found]))
"""


def distributions(plugins):
    return ["hca-core", *(f"hca-plugin-{name}" for name in plugins)]


def expose(environment, *lines):
    """Return (exit status, stdout, stderr) of each command line, and which parts of `hca` can be imported."""
    done = environment.run("python", "-W", "error", "-c", LINES, json.dumps(lines), json.dumps(PLUGINS))
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return json.loads(done.stdout)


def listed(help_page):
    """Return the plugins that a help page of `hca` lists."""
    words = {line.split()[0] for line in help_page.partition("Commands:\n")[2].splitlines() if line.startswith("  ")}
    return [name for name in PLUGINS if name in words]


# Subsets


@pytest.fixture(scope="module")
def subset_environments(wheels, third_parties, tmp_path_factory):
    """An environment for each subset of the plugins, by the subset."""
    pytest.importorskip("uv")
    folder = tmp_path_factory.mktemp("subsets")

    def made(subset):
        environment = Environment(folder / ("-".join(subset) or "none"), third_parties)
        environment.uv("install", "--no-deps", "--find-links", wheels, *distributions(subset))
        return environment

    with ThreadPoolExecutor(4) as executor:
        return dict(zip(SUBSETS, executor.map(made, SUBSETS), strict=True))


@pytest.fixture(scope="module")
def contents(subset_environments):
    """The files of each subset's environment as they were installed."""
    return {subset: environment.files() for subset, environment in subset_environments.items()}


@pytest.mark.parametrize("subset", SUBSETS, ids=lambda subset: "-".join(subset) or "none")
def test_a_subset_of_the_plugins(subset, subset_environments):
    """Exactly these are commands and imports, each can be loaded, and the others say what to install."""
    environment = subset_environments[subset]
    others = [name for name in PLUGINS if name not in subset]
    lines = [["--help"], ["plugins", "--check", "--output", "json"]]
    told, importable = expose(environment, *lines, *([name, "--help"] for name in PLUGINS))
    assert listed(told[0][1]) == list(subset)
    states = {row["command"]: row["state"] for row in json.loads(told[1][1])}
    assert {name: states.get(name) for name in subset} == dict.fromkeys(subset, "ok")
    assert states.keys().isdisjoint(others)
    for name, (status, stdout, stderr) in zip(PLUGINS, told[2:], strict=True):
        if name in subset:
            assert (status, stderr) == (0, ""), name
            assert stdout.startswith(f"Usage: hca {name} ")
        else:
            assert (status, stdout) == (2, ""), name
            assert f"No such command '{name}'" in stderr
            assert f"pip install hca-plugin-{name}" in stderr
    assert importable == [name for name in subset if name in IMPORTABLE]


@pytest.mark.parametrize("name", PLUGINS)
@pytest.mark.parametrize("others", [True, False], ids=["among-all", "alone"])
def test_taking_a_plugin_out_is_as_if_it_had_never_been_there(name, others, subset_environments, contents, wheels):
    """The same files as where it never was, and back again. No two plugins share a file: `test_wheels.py`."""
    subset, rest = (PLUGINS, WITHOUT[name]) if others else (ALONE[name], ())
    environment = subset_environments[subset]
    environment.uv("uninstall", f"hca-plugin-{name}")
    assert differing(environment.files(), contents[rest]) == []
    environment.uv("install", "--no-deps", "--find-links", wheels, f"hca-plugin-{name}")
    assert differing(environment.files(), contents[subset]) == []


def differing(one, other):
    return sorted(path for path in one.keys() | other.keys() if one.get(path) != other.get(path))


# With pip


def test_the_core_alone(environment, wheels):
    environment.install(wheels, "hca-core")
    assert environment.run("hca", "--version").stdout == f"hca {hca_core.__version__}\n"
    help_page = environment.run("hca", "--help")
    assert help_page.returncode == 0
    assert "dss" not in help_page.stdout
    refused = environment.run("hca", "dss", "get-bundle")
    assert refused.returncode == 2
    assert "No such command 'dss'" in refused.stderr
    assert "pip install hca-plugin-dss" in refused.stderr
    assert environment.run("hca", "plugins", "--output", "json").stdout.strip() == "[]"
    assert environment.run("hca", "config", "list").returncode == 0
    assert environment.python("import hca; print(hca.HCAConfig()['log_level'])") == "INFO"
    done = environment.run("python", "-c", "import hca.dss")
    assert "ModuleNotFoundError: No module named 'hca.dss'" in done.stderr


def test_plugins_come_and_go(environment, wheels):
    environment.install(wheels, "hca-core", "hca-plugin-dss", "hca-plugin-local")
    assert "dss" in environment.run("hca", "--help").stdout
    assert environment.run("hca", "dss", "get-bundle", "--help").returncode == 0
    assert environment.run("hca", "plugins", "--check").returncode == 0
    code = "import hca.dss, hca_dss.client; print(hca.dss.DSSClient is hca_dss.client.DSSClient, hca.dss.__file__)"
    same, file = environment.python(code).split(maxsplit=1)
    assert same == "True"
    assert Path(file).is_relative_to(environment.packages)

    environment.pip("uninstall", "--yes", "hca-plugin-local")
    assert environment.run("hca", "local").returncode == 2
    assert environment.python("import hca, hca.dss; print(hca.dss.DSSClient.__name__)") == "DSSClient"

    environment.pip("uninstall", "--yes", "hca-plugin-dss")
    assert "pip install hca-plugin-dss" in environment.run("hca", "dss").stderr
    assert environment.run("hca", "--help").returncode == 0
    assert environment.python("import hca; print(hca.get_config()['log_level'])") == "INFO"

    environment.pip("uninstall", "--yes", "hca-core")
    assert not (environment.bin / "hca").exists()
    left = [path for path in environment.packages.rglob("*.py") if "hca" in str(path.relative_to(environment.packages))]
    assert left == []


def test_a_plugin_brings_what_it_needs(environment, wheels):
    """pip takes the core as a dependency, with the extra that the plugin names, and finds no fault."""
    environment.install(wheels, "hca-plugin-upload")
    assert environment.pip("check").returncode == 0
    assert environment.run("hca", "upload", "--help").returncode == 0


def test_one_name_gives_all_that_is_promised(environment, wheels):
    """CORE-001 and CORE-008, for the services that there are: `pip install hca`."""
    environment.install(wheels, "hca")
    assert environment.run("hca", "--version").stdout == f"hca {hca_core.__version__}\n"
    assert f"Version: {hca_core.__version__}" in environment.pip("show", "hca").stdout
    assert environment.python("import hca, hca.dss; print(hca.HCAConfig.__name__)") == "HCAConfig"
    assert environment.pip("check").returncode == 0
