"""The conda recipe says the same as the pyproject.toml files: versions, dependencies, commands, licences."""

from __future__ import annotations

import re
import tomllib

import pytest
from installing import PROJECTS, ROOT
from packaging.requirements import Requirement

import hca_core

RECIPE = ROOT / "packaging" / "conda" / "recipe" / "recipe.yaml"
# Names that differ on conda-forge would stand here; today ours are the same there.
CONDA_NAMES: dict[str, str] = {}


def substituted(value, context):
    """Return `value` with the variables of the recipe put in."""
    if isinstance(value, dict):
        return {name: substituted(inner, context) for name, inner in value.items()}
    if isinstance(value, list):
        return [substituted(inner, context) for inner in value]
    if isinstance(value, str):
        return re.sub(r"\$\{\{ (\w+) \}\}", lambda match: str(context[match[1]]), value)
    return value


@pytest.fixture(scope="module")
def recipe():
    import yaml

    document = yaml.safe_load(RECIPE.read_text())
    return substituted(document, document["context"])


@pytest.fixture(scope="module")
def outputs(recipe):
    return {output["package"]["name"]: output for output in recipe["outputs"]}


def project(name):
    return tomllib.loads((ROOT / PROJECTS[name] / "pyproject.toml").read_text())


def conda(requirement):
    """Return a requirement of PyPI as conda writes it."""
    return f"{CONDA_NAMES.get(requirement.name, requirement.name)} {requirement.specifier}".strip()


def expected(name):
    """Return what a distribution needs, its extras of the core spelled out, as conda has no extras."""
    extras = project("hca-core")["project"]["optional-dependencies"]
    needed = set()
    for requirement in map(Requirement, project(name)["project"]["dependencies"]):
        needed.add(conda(requirement))
        needed |= {conda(Requirement(one)) for extra in requirement.extras for one in extras[extra]}
    return needed


def test_there_is_an_output_for_each_distribution(recipe, outputs):
    assert outputs.keys() == PROJECTS.keys()
    assert recipe["recipe"]["version"] == str(recipe["context"]["version"]) == hca_core.__version__
    assert (RECIPE.parent / recipe["source"]["path"]).resolve() == ROOT


@pytest.mark.parametrize("name", PROJECTS)
def test_dependencies(name, outputs):
    run = outputs[name]["requirements"]["run"]
    assert len(run) == len(set(run))
    python = {one for one in run if one.split()[0] in ("python", "__unix")}
    assert set(run) - python == expected(name)
    if name != "hca":
        assert f"python {project(name)['project']['requires-python']}" in python
    # Where a dependency is for some systems only, the package is, too.
    markers = [Requirement(one).marker for one in project(name)["project"]["dependencies"]]
    assert ("__unix" in python) == any(markers)


def test_what_the_core_can_use_is_bounded(outputs):
    extras = project("hca-core")["project"]["optional-dependencies"].values()
    optional = {conda(Requirement(one)) for extra in extras for one in extra if one.partition(">")[0] not in PROJECTS}
    assert set(outputs["hca-core"]["requirements"]["run_constraints"]) == optional


@pytest.mark.parametrize("name", PROJECTS)
def test_what_is_told_of_a_package(name, outputs):
    about = outputs[name]["about"]
    assert about["summary"] == project(name)["project"]["description"]
    assert about["license"] == project(name)["project"]["license"]
    assert (ROOT / about["license_file"]).is_file()


@pytest.mark.parametrize("name", [name for name in PROJECTS if name != "hca"])
def test_how_a_package_is_built(name, outputs):
    output = outputs[name]
    folder = "." if name == "hca-core" else f"./{PROJECTS[name]}"
    assert output["build"]["noarch"] == "python"
    assert output["build"]["script"] == f"python -m pip install {folder} --no-deps --no-build-isolation -vv"
    assert {one.split()[0] for one in output["requirements"]["host"]} == {"python", "pip", "hatchling"}
    scripts = project(name)["project"].get("scripts", {})
    listed = output["build"].get("python", {}).get("entry_points", [])
    assert listed == [f"{command} = {target}" for command, target in scripts.items()]


@pytest.mark.parametrize("name", PROJECTS)
def test_a_package_is_tested_where_it_was_installed(name, outputs):
    """Its imports, its command, and that pip finds nothing missing."""
    tests = outputs[name]["tests"]
    commands = [line for test in tests for line in test.get("script", [])]
    assert any(line.startswith("hca ") for line in commands)
    if name != "hca":
        (python,) = [test["python"] for test in tests if "python" in test]
        assert python["pip_check"] is True
        folder = ROOT / PROJECTS[name]
        assert [one for one in python["imports"] if not (folder / one.replace(".", "/")).is_dir()] == []
