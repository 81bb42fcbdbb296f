"""One plugin harms nobody else, and importing or running `hca` leaves its surroundings as they were."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


def run(*words, **env):
    """Run `hca` as a process; a variable that is None is taken out."""
    settings = {name: value for name, value in {**os.environ, **env}.items() if value is not None}
    command = [sys.executable, "-m", "hca_core", *words]
    return subprocess.run(command, env=settings, capture_output=True, text=True, timeout=60)


def python(code, **env):
    """Run Python code as a process and return what it printed, decoded from JSON."""
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, env={**os.environ, **env}, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


NASTY = {
    "raises": "raise RuntimeError('storm')",
    "exits": "import os; os.write(2, b'imported'); os._exit(9)",  # nothing can be caught: it must not be imported
    "prints": "print('flood' * 1000)\nraise SystemExit",
    "patches": "import sys; sys.modules['click'] = None; sys.path.clear()",
    "loops": "while True: pass",
}


@pytest.mark.parametrize("source", NASTY)
def test_nothing_notices_a_plugin_that_was_not_asked_for(source, plugin, dss):
    """Whatever its code does: it is not run before somebody types its name."""
    folder = str(plugin("nasty", NASTY[source], summary="Is nasty."))
    dss.on("GET", "/v1/events/*").reply(json={"a": 1})
    cases = {
        "--help": "Is nasty.",
        "dss --help": "get-bundle",
        "config list": "log_level" if source == "raises" else None,  # asks every plugin for its defaults
        "config get log_level": "INFO",
        "plugins": "nasty",
        "help dss get-bundle": "--uuid",
        "dss get-event --uuid=u --version=v --replica=aws": '"a": 1',
    }
    for words, expected in cases.items():
        if expected is not None:
            done = run(*words.split(), PYTHONPATH=folder)
            assert done.returncode == 0, (words, done.stderr)
            assert expected in done.stdout
            assert "Traceback" not in done.stderr


def test_a_listing_of_the_configuration_names_the_broken_plugin_once(plugin):
    done = run("config", "list", "--output", "json", PYTHONPATH=str(plugin("nasty", NASTY["raises"])))
    assert done.returncode == 0
    assert [row["key"] for row in json.loads(done.stdout)].count("log_level") == 1
    assert done.stderr.count("RuntimeError: storm; its defaults are left out") == 1
    assert len(done.stderr.splitlines()) == 1


def test_a_disabled_plugin_is_not_imported_by_anything(plugin):
    folder = str(plugin("nasty", NASTY["exits"]))
    for words in (["config", "list"], ["plugins", "--check"], ["nasty"], ["file-head"]):
        done = run(*words, PYTHONPATH=folder, HCA_PLUGINS_DISABLED="nasty")
        assert done.returncode != 9
        assert "imported" not in done.stderr


def test_a_plugin_of_a_service_imports_no_other(plugin, dss):
    """`hca dss` with all plugins installed loads nothing of the others."""
    dss.on("GET", "/v1/events/*").reply(json={"a": 1})
    code = """
import io, json, sys
from hca_core.main import run
out, sys.stdout = sys.stdout, io.StringIO()
assert run(["dss", "get-event", "--uuid=u", "--version=v", "--replica=aws"]) == 0
json.dump(sorted({name.partition(".")[0] for name in sys.modules}), out)
"""
    loaded = python(code, PYTHONPATH=str(plugin("other", "raise RuntimeError('imported')")))
    assert "hca_dss" in loaded
    assert not [name for name in loaded if name.startswith("hca_") and name not in ("hca_core", "hca_dss")]


def test_without_any_plugin_the_core_works():
    done = run("--help", HCA_PLUGINS_DISABLED="dss,local")
    assert done.returncode == 0
    assert "dss" not in done.stdout
    for words in (["config", "list"], ["plugins"], ["clear-hca-cache"], ["completion", "bash"], ["--version"]):
        assert run(*words, HCA_PLUGINS_DISABLED="dss,local").returncode == 0


SURROUNDINGS = """
import json, logging, os, signal, sys, threading, warnings
import requests  # has warning filters of its own

def now():
    return {
        "environment": dict(os.environ), "directory": os.getcwd(), "umask": os.umask(0o022), "path": list(sys.path),
        "handlers": [str(one) for one in logging.getLogger().handlers], "level": logging.getLogger().level,
        "ours": [str(one) for one in logging.getLogger("hca").handlers],
        "sigint": str(signal.getsignal(signal.SIGINT)), "sigpipe": str(signal.getsignal(signal.SIGPIPE)),
        "filters": len(warnings.filters), "threads": threading.active_count(), "hook": str(sys.excepthook),
        "stdout": str(sys.stdout), "files": sorted(os.listdir(os.environ["HOME"])),
    }

os.umask(0o022)
before = now()
"""


@pytest.mark.parametrize(
    "module", ["hca_core", "hca", "hca.dss", "hca_core.service", "hca_core.main", "hca.util.exceptions"]
)
def test_importing_changes_nothing_around_it(module):
    """No handler, no signal, no warning filter, no thread, no file: a library is a guest."""
    code = SURROUNDINGS + f"import {module}\nafter = now()\n" + "json.dump([before, after], sys.stdout)"
    before, after = python(code)
    assert before == after


def test_making_a_client_changes_nothing_around_it(isolated_home):
    """Not even a file: the configuration is read, never written."""
    code = (
        SURROUNDINGS
        + "from hca.dss import DSSClient; DSSClient()\nafter = now()\njson.dump([before, after], sys.stdout)"
    )
    before, after = python(code)
    after["files"] = [name for name in after["files"] if name != ".cache"]  # stevedore's index of installed packages
    assert before == after
    assert not list(Path(isolated_home).rglob("*.json"))


def test_running_in_process_leaves_environment_and_logging_of_the_program(hca, dss):
    """As a notebook does that calls `hca_core.main.run`."""
    import logging

    before = dict(os.environ), Path.cwd(), logging.getLogger().level, list(logging.getLogger().handlers)
    dss.on("GET", "/v1/events/*").reply(json={"a": 1})
    assert hca("--debug", "dss", "get-event", "--uuid=u", "--version=v", "--replica=aws").exit_status == 0
    assert (dict(os.environ), Path.cwd(), logging.getLogger().level, list(logging.getLogger().handlers)) == before


def test_the_public_names_survive_the_import_of_their_modules():
    """A module of the package must not have the name of a function of it: importing it would hide the function."""
    code = """
import json, sys
import hca_core, hca
import hca_core.service, hca_core.config, hca_core.plugins
from hca_core.service import ServiceClient
kinds = [type(hca_core.client("dss")).__name__, type(hca.client("dss")).__name__]
kinds += [callable(getattr(hca_core, name)) for name in hca_core.__all__ if name != "__version__"]
json.dump(kinds, sys.stdout)
"""
    assert python(code) == ["DSSClient", "DSSClient", True, True, True, True]
