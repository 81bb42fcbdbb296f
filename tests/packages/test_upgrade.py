"""Over the client of old, later upgrades, and the way back: real wheels, real pip, fresh environments, no network."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from installing import PLUGINS, PROJECTS, build, sources

import hca_core

OLD_FILES = (Path(__file__).parent / "hca-7.0.1.txt").read_text().splitlines()  # those of the wheel on PyPI
OURS = [name for name in PROJECTS if name != "hca-plugin-local"]
LATER = "9.9.9"


@pytest.fixture(scope="module")
def old_wheel(tmp_path_factory):
    """A folder with a wheel that is laid out like the client of old; what it has must not be met any more."""
    import hatchling.build

    folder = tmp_path_factory.mktemp("old")
    for name in OLD_FILES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("import nothing_like_this\n" if name.count("/") > 1 else "")
    (folder / "hca/cli.py").write_text("def main():\n    print('the old client')\n")
    (folder / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
        '[project]\nname = "hca"\nversion = "7.0.1"\n[project.scripts]\nhca = "hca.cli:main"\n'
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        hatchling.build.build_wheel(str(folder / "dist"))
    return folder / "dist"


@pytest.fixture(scope="module")
def later_wheels(source_tree, tmp_path_factory):
    """A folder with all distributions in a later version, whose published path has lost a module and gained one."""
    folder = tmp_path_factory.mktemp("later")
    tree = sources(folder / "tree", of=source_tree)
    version = re.escape(hca_core.__version__)
    for file in (*tree.rglob("pyproject.toml"), tree / "hca_core/__init__.py"):
        file.write_text(re.sub(rf'(version__ = "|version = "|>=){version}', rf"\g<1>{LATER}", file.read_text()))
    (tree / "hca/util/tsv.py").rename(tree / "hca/util/tables.py")
    return build(folder / "wheels", root=tree)


@pytest.fixture
def old_client(environment, old_wheel):
    """An environment with the client of old."""
    environment.install(old_wheel, "hca")
    assert environment.run("hca").stdout == "the old client\n"
    assert (environment.packages / "hca/dss/upload_to_cloud.py").is_file()
    return environment


def works(environment, version=hca_core.__version__):
    """Command and import path are those of today, nothing of the old ones is left, and pip finds no fault."""
    assert environment.run("hca", "--version").stdout == f"hca {version}\n"
    assert environment.run("hca", "dss", "--help").returncode == 0
    environment.python("import hca.auth, hca.azul, hca.dss, hca.shock, hca.upload, hca.util")
    environment.python("import hca, hca.dss; hca.HCAConfig, hca.dss.DSSClient")
    assert [name for name in ("hca/cli.py", "hca/dss/infra.py") if (environment.packages / name).exists()] == []
    assert environment.pip("check").returncode == 0


def leaves_nothing(environment):
    environment.pip("uninstall", "--yes", "hca", *OURS)
    assert not (environment.bin / "hca").exists()
    assert list(environment.packages.rglob("hca*/**/*")) == []


def test_after_the_old_client_was_uninstalled(old_client, wheels):
    old_client.pip("uninstall", "--yes", "hca")
    old_client.install(wheels, "hca")
    works(old_client)


def test_over_the_old_client(old_client, wheels):
    """pip installs the core first, then takes the old files out, some of which have the names of new ones."""
    old_client.install(wheels, "hca")
    works(old_client)
    leaves_nothing(old_client)


def test_over_the_old_client_with_uv(old_client, wheels):
    pytest.importorskip("uv")
    old_client.uv("install", "--no-deps", "--find-links", wheels, "--upgrade", *OURS)
    works(old_client)


def test_the_core_beside_the_old_client_can_be_mended(old_client, wheels):
    """Who installs a plugin beside the old client has parts of both; what the guide says mends that."""
    old_client.install(wheels, "hca-plugin-dss")
    old_client.pip("uninstall", "--yes", "hca")
    old_client.pip(
        *("install", "--no-compile", "--find-links", wheels),
        *("--force-reinstall", "--no-deps", "hca-core", "hca-plugin-dss"),
    )
    assert old_client.run("hca", "dss", "--help").returncode == 0
    old_client.python("import hca.dss")


def test_without_the_distribution_hca_the_core_goes_on_and_can_be_mended(environment, wheels):
    """`pip uninstall hca` takes the files that others have, too; the guide says how to get them back."""
    environment.install(wheels, "hca")
    environment.pip("uninstall", "--yes", "hca")
    assert not (environment.bin / "hca").exists()
    assert environment.run("python", "-m", "hca_core", "dss", "--help").returncode == 0
    assert environment.python("import hca_core; print(hca_core.client('dss').service)") == "dss"
    rest = [name for name in OURS if name != "hca"]
    environment.pip("install", "--no-compile", "--find-links", wheels, "--force-reinstall", "--no-deps", *rest)
    works(environment)


@pytest.mark.parametrize("name", ["hca-core", "hca"])
def test_a_later_version(name, environment, wheels, later_wheels):
    """Of the core only; of a plugin, which brings the core; of all."""
    environment.install(wheels, "hca")
    environment.install(later_wheels, name)
    works(environment, LATER)
    environment.python("import hca.util.tables")
    assert not (environment.packages / "hca/util/tsv.py").exists() or name != "hca"
    leaves_nothing(environment)


def test_a_service_that_is_not_wanted(environment, wheels):
    """A plugin goes with its part of the import path, though `hca` has a copy."""
    environment.install(wheels, "hca")
    environment.pip("uninstall", "--yes", "hca-plugin-shock")
    assert not (environment.packages / "hca/shock").exists()
    assert "pip install hca-plugin-shock" in environment.run("hca", "shock").stderr
    environment.python("import hca.dss")


def test_back_to_the_old_client_and_again_to_this_one(environment, wheels, old_wheel):
    environment.install(wheels, "hca")
    environment.pip("install", "--no-compile", "--find-links", old_wheel, "hca==7.0.1")
    assert environment.run("hca").stdout == "the old client\n"
    assert (environment.packages / "hca/dss/upload_to_cloud.py").is_file()
    environment.install(wheels, "hca")
    works(environment)


def test_every_plugin_with_a_published_path_is_in_the_distribution_hca():
    """Else what its users import would be lost in an upgrade over the client of old."""
    assert {f"hca-plugin-{name}" for name in PLUGINS} - set(OURS) == {"hca-plugin-local"}
    assert {name.split("/")[1] for name in OLD_FILES if name.endswith("/__init__.py") and name.count("/") == 2} - {
        "auth",
        "dss",
        "upload",
        "util",
    } == {"packages"}  # an empty package, which nobody imported
