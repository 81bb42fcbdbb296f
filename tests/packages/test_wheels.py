"""What the wheels and source distributions hold: metadata, files, and the same bytes whoever builds them."""

from __future__ import annotations

import email
import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
from installing import PLUGINS, PROJECTS, ROOT, build, opened, sources
from packaging.requirements import Requirement

import hca_core


@pytest.mark.parametrize("name", PROJECTS)
def test_metadata_of_a_wheel(name, wheels):
    """CORE-036, CORE-002."""
    with opened(wheels, name) as archive:
        (file,) = [one for one in archive.namelist() if one.endswith(".dist-info/METADATA")]
        metadata = email.message_from_bytes(archive.read(file))
        names = archive.namelist()
    assert (metadata["Name"], metadata["Version"]) == (name, hca_core.__version__)
    assert metadata["License-Expression"] == "MIT"
    assert metadata["Summary"].endswith(".")
    assert len(metadata["Summary"]) <= 80
    assert metadata.get_payload().strip(), "the README is missing"
    assert [one for one in names if one.endswith(".dist-info/licenses/LICENSE")]


@pytest.mark.parametrize("name", PROJECTS)
def test_an_older_python_is_refused_by_pip_not_by_a_syntax_error(wheels, name):
    """CORE-002: pip compares this header with the interpreter before it downloads anything."""
    with opened(wheels, name) as archive:
        (file,) = [one for one in archive.namelist() if one.endswith(".dist-info/METADATA")]
        wanted = Requirement(f"python{email.message_from_bytes(archive.read(file))['Requires-Python']}").specifier
    assert [version for version in ("2.7", "3.5", "3.10", "3.11", "3.14") if version in wanted] == ["3.11", "3.14"]


def test_the_package_index_would_take_them(wheels):
    """What twine asks before it uploads: the metadata and a README that can be shown."""
    pytest.importorskip("twine")
    command = [sys.executable, "-m", "twine", "check", "--strict", *wheels.iterdir()]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "NO_COLOR": "1"})
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("PASSED") == 2 * len(PROJECTS)


def own_files(archive):
    return {one: archive.read(one) for one in archive.namelist() if ".dist-info/" not in one}


@pytest.mark.parametrize("name", PLUGINS)
def test_content_of_a_plugin(name, wheels):
    with opened(wheels, f"hca-plugin-{name}") as archive:
        files = own_files(archive)
    assert f"hca_{name}/py.typed" in files
    assert {one.partition("/")[0] for one in files} <= {f"hca_{name}", "hca"}
    # Nothing outside of its own part of the published path, above all no hca/__init__.py.
    assert {one.split("/")[1] for one in files if one.startswith("hca/")} <= {name}
    assert [one for one in files if "__pycache__" in one or "test" in Path(one).name] == []
    if "hca/dss/__init__.py" in files:
        assert "hca/dss/py.typed" in files


def test_no_file_is_in_two_distributions(wheels):
    """Or taking one out would break the other. Only `hca` shares, on purpose."""
    seen = {}
    for name in [one for one in PROJECTS if one != "hca"]:
        with opened(wheels, name) as archive:
            for file in own_files(archive):
                assert seen.setdefault(file, name) == name, file


def test_content_of_the_core(wheels):
    with opened(wheels, "hca-core") as archive:
        files = own_files(archive)
    assert {"hca/__init__.py", "hca/py.typed", "hca_core/py.typed"} <= files.keys()
    assert {one.partition("/")[0] for one in files} == {"hca_core", "hca"}
    assert [one for one in files if "__pycache__" in one] == []


def test_the_distribution_hca_has_copies_of_the_published_path_and_nothing_else(wheels):
    """Byte for byte those of the core and of the plugins that it needs; the same command, too."""
    needed = [name for name in PROJECTS if name not in ("hca", "hca-plugin-local")]
    originals, scripts = {}, {}
    for name in (*needed, "hca"):
        with opened(wheels, name) as archive:
            originals[name] = own_files(archive)
            entry_points = [one for one in archive.namelist() if one.endswith("/entry_points.txt")]
            scripts[name] = [archive.read(one) for one in entry_points]
    published = [item for name in needed for item in originals[name].items() if item[0].startswith("hca/")]
    assert sorted(originals["hca"].items()) == sorted(published)
    assert scripts["hca"] == scripts["hca-core"]


def test_the_distribution_hca_needs_the_version_that_its_copies_are_of():
    metadata = tomllib.loads((ROOT / "meta" / "pyproject.toml").read_text())["project"]
    for requirement in map(Requirement, metadata["dependencies"]):
        assert str(requirement.specifier) == f">={metadata['version']}"


def contents(folder):
    """Return the bytes of each distribution in `folder`, by name."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def differences(one, other):
    """Return which files of which distributions differ: more to read than that two long strings of bytes do."""
    told = []
    for name in sorted({path.name for path in (*one.iterdir(), *other.iterdir())}):
        if not (one / name).exists() or not (other / name).exists():
            told.append(f"only one has {name}")
        elif (one / name).read_bytes() != (other / name).read_bytes():
            told.append(f"{name}: {sorted(members(one / name) ^ members(other / name))[:8]}")
    return told


def members(file):
    if file.suffix == ".whl":
        with zipfile.ZipFile(file) as archive:
            return {(one.filename, one.CRC, one.date_time, one.external_attr) for one in archive.infolist()}
    with tarfile.open(file) as archive:
        return {(one.name, one.size, one.mtime, one.mode, one.uid) for one in archive}


def test_other_circumstances_give_the_same_bytes(wheels, source_tree, tmp_path):
    """Another directory, umask, time zone and language, files of another day and with other rights."""
    tree = sources(tmp_path / "another place" / "tree", of=source_tree)
    for path in sorted(tree.rglob("*"), reverse=True):
        os.utime(path, (1_000_000_000, 1_000_000_000))
        if path.is_file():
            path.chmod(0o666)
    circumstances = {**os.environ, "TZ": "Pacific/Kiritimati", "LC_ALL": "C", "PYTHONHASHSEED": "7"}
    again = build(tmp_path / "again", root=tree, env=circumstances, umask=0o077)
    assert differences(wheels, again) == []


def test_the_date_of_a_release_can_be_given(source_tree, tmp_path):
    dated = {**os.environ, "SOURCE_DATE_EPOCH": "1795305600"}  # 2026-11-22
    one, other = (build(tmp_path / name, root=source_tree, env=dated) for name in ("one", "other"))
    assert differences(one, other) == []
    with opened(one, "hca-core") as archive:
        assert {info.date_time[:3] for info in archive.infolist()} == {(2026, 11, 22)}


def test_source_distributions_build_the_same_wheels(wheels, tmp_path):
    """Each alone, without the repository around it."""
    for archive in wheels.glob("*.tar.gz"):
        folder = tmp_path / archive.name.removesuffix(".tar.gz")
        with tarfile.open(archive) as opened_archive:
            opened_archive.extractall(tmp_path, filter="data")
        command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", tmp_path / "built", folder]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    built = contents(tmp_path / "built")
    assert {name for name in contents(wheels) if name.endswith(".whl")} == built.keys()
    for name, content in built.items():
        assert content == (wheels / name).read_bytes(), name


def test_no_distribution_has_what_is_not_released(wheels):
    for archive in wheels.glob("*.tar.gz"):
        with tarfile.open(archive) as opened_archive:
            names = opened_archive.getnames()
        stray = [one for one in names if re.search(r"__pycache__|\.venv|^[^/]+/tests?/|\.git/|\.whl$", one)]
        assert stray == [], archive.name
