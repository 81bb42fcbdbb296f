"""Start-up is a feature: which modules each command loads. Module sets are exact where times are noise."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

# Tells on stderr, when the process ends, what it has imported; the command itself runs as the console script runs it.
PROBE = """
import atexit, sys
known = set(sys.modules)
atexit.register(lambda: sys.stderr.write("\\nLOADED " + " ".join(sorted(set(sys.modules) - known))))
sys.argv[0] = "hca"
from hca_core.__main__ import main
main()
"""
# Tells who imports the module that is looked for: -X importtime would not see what importlib.import_module starts.
WATCH = """
import sys

class Watch:
    def find_spec(self, name, path=None, target=None):
        if name == {culprit!r}:
            chain, frame = [name], sys._getframe()
            while frame := frame.f_back:
                importer = frame.f_globals["__name__"]
                if importer != chain[-1] and not importer.startswith(("importlib", "_frozen")):
                    chain.append(importer)
            sys.stderr.write("\\nCHAIN " + " <- ".join(chain) + "\\n")

sys.meta_path.insert(0, Watch())
"""
HEAVY = {
    *(
        "asyncio",
        "concurrent.futures",
        "dataclasses",
        "email",
        "hashlib",
        "http.client",
        "importlib.metadata",
        "ipaddress",
    ),
    *("json", "logging", "socket", "ssl", "subprocess", "urllib.parse", "urllib.request"),
    *("boto3", "botocore", "google", "jmespath", "platformdirs", "pluggy", "requests", "stevedore", "tabulate", "tqdm"),
    *("urllib3", "yaml"),
}
NETWORK_VERB = "dss get-bundle --uuid=u --replica=aws"
# requests itself brings json, logging, ssl, http.client and, through urllib3, importlib.metadata.
HEAVY_FOR_A_VERB = {
    *("asyncio", "boto3", "botocore", "google", "jmespath", "platformdirs", "stevedore", "tabulate", "tqdm", "yaml"),
}


def process(code, words, env):
    command = [sys.executable, "-c", code, *words.split()]
    return subprocess.run(command, env={**os.environ, **env}, capture_output=True, text=True, timeout=60)


def loaded(words, **env):
    """Return the modules that `hca` + `words` imports beyond those of an idle interpreter."""
    done = process(PROBE, words, env)
    told, _, names = done.stderr.partition("\nLOADED ")
    assert done.returncode == 0, told
    return set(names.split())


def chain(words, culprit, **env):
    """Return who imports `culprit`: its importers, nearest first."""
    told = process(WATCH.format(culprit=culprit) + PROBE, words, env).stderr
    return next((line.removeprefix("CHAIN ") for line in told.splitlines() if line.startswith("CHAIN ")), culprit)


def refuse(words, names, **env):
    """Fail with the chain of imports for each of `names`."""
    assert not names, "\n".join(chain(words, name, **env) for name in sorted(names))


def among(modules, forbidden):
    return {name for name in modules for bad in forbidden if name == bad or name.startswith(bad + ".")}


def foreign(modules, allowed):
    """Return the modules that belong neither to the standard library nor to the packages `allowed`."""
    tops = {*allowed, *sys.stdlib_module_names, "__main__"}
    return {name for name in modules if name.partition(".")[0] not in tops}


@pytest.mark.parametrize("words", ["", "--help", "-h", "--version", "help"])
def test_the_root_loads_the_core_and_click_only(words):
    modules = loaded(words)
    refuse(words, among(modules, HEAVY))
    refuse(words, foreign(modules, {"hca_core", "click"}))


def test_the_version_does_not_even_load_click():
    modules = loaded("--version")
    assert {"hca_core", "hca_core.__main__"} <= modules
    refuse("--version", among(modules, {"click", "typing", "inspect", "hca_core.main"}))


def test_completion_of_the_first_word():
    env = {"_HCA_COMPLETE": "bash_complete", "COMP_WORDS": "hca d", "COMP_CWORD": "1"}
    modules = loaded("", **env)
    refuse("", among(modules, HEAVY), **env)
    refuse("", foreign(modules, {"hca_core", "click"}), **env)


GROUP = {"hca_dss", "hca_dss.cli", "hca_dss.plugin"}


def test_a_groups_help_loads_its_plugin_and_nothing_of_its_work():
    modules = loaded("dss --help")
    ours = {name for name in modules if name.partition(".")[0].startswith("hca_") and not name.startswith("hca_core")}
    assert ours == GROUP
    allowed = {"json", "hashlib", "dataclasses", "urllib.parse", "ipaddress", "pluggy"}
    refuse("dss --help", among(modules, HEAVY - allowed))
    refuse("dss --help", foreign(modules, {"hca_core", "hca_dss", "click", "pluggy"}))


@pytest.mark.parametrize("verb", ["get-bundle", "download", "create-version"])
def test_so_does_a_verbs_help(verb):
    modules = loaded(f"dss {verb} --help")
    assert {name for name in modules if name.startswith("hca_dss")} == GROUP
    refuse(f"dss {verb} --help", among(modules, {"requests", "stevedore", "importlib.metadata", "logging", "ssl"}))


def test_completion_below_a_group_loads_no_more_than_its_help():
    env = {"_HCA_COMPLETE": "bash_complete", "COMP_WORDS": "hca dss get-", "COMP_CWORD": "2"}
    modules = loaded("", **env)
    assert {name for name in modules if name.startswith("hca_dss")} == GROUP
    refuse("", among(modules, {"requests", "stevedore", "importlib.metadata", "logging", "ssl", "hca_local"}), **env)


def test_a_network_verb_adds_requests_and_no_other_library(dss):
    dss.on("GET", "/v1/bundles/u").reply(
        json={"bundle": {"files": []}},
        headers={"X-OpenAPI-Paginated-Content-Key": "bundle.files", "Content-Type": "application/json"},
    )
    modules = loaded(NETWORK_VERB)
    assert "requests" in modules
    refuse(NETWORK_VERB, among(modules, HEAVY_FOR_A_VERB))
    others = {
        name for name in modules if name.startswith("hca_") and name.partition(".")[0] not in ("hca_core", "hca_dss")
    }
    refuse(NETWORK_VERB, others)


def test_import_of_the_package_costs_nothing():
    """`import hca_core` in a plugin's module must not drag the configuration, click or requests in."""
    command = [
        sys.executable,
        "-c",
        "import sys; known = set(sys.modules); import hca_core; print(*(set(sys.modules) - known))",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "hca_core" in done.stdout.split()
    assert not [name for name in done.stdout.split() if name.startswith(("hca_core.", "click", "pluggy", "json"))]


def test_the_budget_can_fail(plugin):
    """The tests above see what they claim to see: a plugin whose group imports `requests` is caught, with its chain."""
    source = "import requests\nimport click\nfrom hca_core import hookimpl\ngreedy = click.Group('greedy')\n"
    hook = "\n@hookimpl\ndef hca_commands():\n    return {'greedy': __name__ + ':greedy'}\n"
    env = {"PYTHONPATH": str(plugin("greedy", source + hook))}
    caught = among(loaded("greedy --help", **env), HEAVY)
    assert {"requests", "json", "logging", "ssl"} <= caught
    told = chain("greedy --help", "urllib3", **env)
    assert told.startswith("urllib3 <- requests")
    assert "_greedy <- hca_core.plugins" in told


def test_what_asks_about_a_deployment_loads_nothing_that_serves_one():
    """`hca local env` and `status` stand in start-up files of shells."""
    code = "import sys, hca_local.control, hca_local.shell; print(*sys.modules)"
    names = process(code, "", {}).stdout.split()
    assert "hca_local.shell" in names
    assert not {"asyncio", "starlette", "uvicorn"} & set(names)
