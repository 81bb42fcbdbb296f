"""Real wheels of our packages, and fresh environments to install them into: fixtures for tests of what is released."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path
from typing import Any

import pytest
from stores import once

import hca_core

ROOT = Path(__file__).resolve().parents[2]
PLUGINS = ("auth", "azul", "dss", "local", "shock", "upload")
PROJECTS = {"hca-core": ".", **{f"hca-plugin-{name}": f"plugins/{name}" for name in PLUGINS}, "hca": "meta"}
# What a source tree needs to build everything. Ignored files are none of it.
SOURCES = ("hca", "hca_core", "meta", "plugins", "scripts", "pyproject.toml", ".gitignore")
SOURCES += ("README.md", "LICENSE", "CHANGELOG.md")


def sources(into: Path, *, of: Path = ROOT) -> Path:
    """Copy what is released from the tree `of` to the folder `into`, which is made, and return it."""
    into.mkdir(parents=True)
    for name in SOURCES:
        if (of / name).is_dir():
            shutil.copytree(of / name, into / name, ignore=shutil.ignore_patterns("__pycache__", "dist", "build"))
        else:
            shutil.copy(of / name, into / name)
    return into


def build(into: Path, *, root: Path, **settings: Any) -> Path:
    """Build wheels and source distributions of all packages of the tree `root` with its own script; return `into`.

    `settings` are those of `subprocess.run`, as `env` or `umask`.
    """
    command = [sys.executable, root / "scripts" / "build_dists.py", into]
    done = subprocess.run(command, capture_output=True, text=True, **settings)
    assert done.returncode == 0, done.stdout + done.stderr
    return into


def opened(wheels: Path, name: str) -> zipfile.ZipFile:
    """Return the wheel of the distribution `name` in the folder `wheels`, opened."""
    (found,) = wheels.glob(f"{name.replace('-', '_')}-{hca_core.__version__}-py3-none-any.whl")
    return zipfile.ZipFile(found)


@pytest.fixture(scope="session")
def source_tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of our sources: what is built twice must not change in between, even while somebody works on them."""
    pytest.importorskip("hatchling")
    return once(tmp_path_factory, "sources", sources)


@pytest.fixture(scope="session")
def wheels(source_tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with wheels and source distributions of all our packages, as they are released."""
    return once(tmp_path_factory, "wheels", lambda folder: build(folder, root=source_tree))


@pytest.fixture(scope="session")
def third_parties(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with links to everything that is installed here but ours: nothing has to be fetched."""
    folder = tmp_path_factory.mktemp("third-parties")
    for item in Path(sysconfig.get_path("purelib")).iterdir():
        ours = item.name.startswith(("hca", "_editable_impl_hca", "pip", "setuptools", "_distutils"))
        if not ours and item.suffix != ".pth" and item.name != "__pycache__":
            (folder / item.name).symlink_to(item)
    return folder


class Environment:
    """A fresh virtual environment in which all third-party libraries are there already."""

    def __init__(self, folder: Path, third_parties: Path) -> None:
        venv.create(folder, symlinks=True)
        self._cache = third_parties.parent / "uv-cache"
        self.bin = folder / "bin"
        (self.packages,) = folder.glob("lib/python*/site-packages")
        (self.packages / "third_parties.pth").write_text(f"{third_parties}\n")

    def pip(self, *words: str | Path, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run pip for this environment, without any index."""
        return self._manage([sys.executable, "-m", "pip", "--python", self.bin / "python", "--no-input", *words], check)

    def uv(self, *words: str | Path, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run `uv pip` for this environment, without any index. It doesn't look for what is installed elsewhere."""
        import uv

        # Of an index it wants to hear by this option only.
        offline = ["--no-index"] if words[0] == "install" else []
        return self._manage([uv.find_uv_bin(), "pip", *words, *offline, "--python", self.bin / "python"], check)

    def install(self, wheels: Path, *names: str) -> None:
        """Install distributions from the folder `wheels`, or upgrade them."""
        self.pip("install", "--no-compile", "--find-links", wheels, "--upgrade", *names)

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a program of this environment."""
        return subprocess.run([self.bin / words[0], *words[1:]], capture_output=True, text=True)

    def python(self, code: str) -> str:
        """Run Python code that must not even warn, and return what it prints."""
        done = self.run("python", "-W", "error", "-c", code)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout.strip()

    def files(self) -> dict[str, bytes]:
        """Return the content of each file of the installed packages, and the names of the programs.

        Not what tells of this environment: notes of the installer, and programs, which name their interpreter.
        """
        own = [path for path in self.packages.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
        notes = ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json")
        found = {str(path.relative_to(self.packages)): path.read_bytes() for path in own if path.name not in notes}
        return found | {f"bin/{path.name}": b"" for path in self.bin.iterdir()}

    def _manage(self, command: list[Any], check: bool) -> subprocess.CompletedProcess[str]:
        settings = {"PIP_NO_INDEX": "1", "UV_NO_CONFIG": "1", "UV_CACHE_DIR": str(self._cache)}
        done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **settings})
        assert done.returncode == 0 or not check, done.stdout + done.stderr
        return done


@pytest.fixture
def environment(tmp_path: Path, third_parties: Path) -> Environment:
    """An environment with nothing of ours."""
    return Environment(tmp_path / "environment", third_parties)
