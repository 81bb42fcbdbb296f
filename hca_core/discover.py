"""Names of installed plugins, read from `*.dist-info` folders; imports neither them nor importlib.metadata (40 ms)."""

from __future__ import annotations

import os
import sys
from functools import cache
from typing import NamedTuple

PREFIX = "hca."
PLUGINS = "hca.plugins"
CREDENTIALS = "hca.credentials"  # functions that give tokens


class EntryPoint(NamedTuple):
    """One entry point of one installed distribution."""

    group: str
    name: str
    target: str
    folder: str  # the *.dist-info (or *.egg-info) folder that declares it

    @property
    def distribution(self) -> str:
        """Name of the distribution as its metadata gives it."""
        return _header(self.folder, "Name") or os.path.basename(self.folder).split("-")[0]

    @property
    def version(self) -> str:
        """Version of the distribution."""
        return _header(self.folder, "Version") or "unknown"

    @property
    def summary(self) -> str:
        """One-line summary of the distribution: the line that `hca --help` shows for it."""
        return _header(self.folder, "Summary") or ""


def installed(group: str) -> dict[str, EntryPoint]:
    """Return the usable entry points of `group` by name: first on the path wins, disabled ones are left out."""
    found: dict[str, EntryPoint] = {}
    for entry in declared(group):
        if entry.name not in disabled():
            found.setdefault(entry.name, entry)
    return found


def declared(group: str) -> list[EntryPoint]:
    """Return all entry points of `group` in path order, shadowed and disabled ones too."""
    return _scan(tuple(sys.path)).get(group, [])


def disabled() -> frozenset[str]:
    """Return the plugin names that `HCA_PLUGINS_DISABLED` (a comma-separated list) hides and blocks."""
    return frozenset(name.strip() for name in os.environ.get("HCA_PLUGINS_DISABLED", "").split(",") if name.strip())


@cache
def _scan(path: tuple[str, ...]) -> dict[str, list[EntryPoint]]:
    groups: dict[str, list[EntryPoint]] = {}
    seen: set[str] = set()
    for directory in dict.fromkeys(path):
        for entry in _of_directory(directory or os.curdir, seen):
            groups.setdefault(entry.group, []).append(entry)
    return groups


def _of_directory(directory: str, seen: set[str]) -> list[EntryPoint]:
    try:
        names = sorted(os.listdir(directory))
    except NotADirectoryError:
        return _of_archive(directory, seen)
    except OSError:
        return []
    entries = []
    for name in names:
        if not name.endswith((".dist-info", ".egg-info")):
            continue
        # The same distribution further down the path is not importable: Python takes the first.
        distribution = name.rsplit(".", 1)[0].split("-")[0].lower().replace(".", "_")
        if distribution in seen:
            continue
        seen.add(distribution)
        folder = os.path.join(directory, name)
        text = _read(os.path.join(folder, "entry_points.txt"))
        if PREFIX in text:
            entries += _parse(text, folder)
    return entries


def _of_archive(path: str, seen: set[str]) -> list[EntryPoint]:
    """Read a zip file on the path the slow way; nobody but a zipapp has one."""
    import zipfile

    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (OSError, zipfile.BadZipFile):
        return []
    entries = []
    for name in names:
        folder, _, file = name.rpartition("/")
        distribution = folder.split("-")[0].lower().replace(".", "_")
        if file == "entry_points.txt" and folder.endswith(".dist-info") and distribution not in seen:
            seen.add(distribution)
            entries += _parse(_read(os.path.join(path, name)), os.path.join(path, folder))
    return entries


def _parse(text: str, folder: str) -> list[EntryPoint]:
    entries = []
    group = ""
    for line in text.splitlines():
        line = line.strip()
        if line.startswith("[") and line.endswith("]"):
            group = line[1:-1].strip()
        elif group.startswith(PREFIX) and "=" in line and not line.startswith(("#", ";")):
            name, _, target = line.partition("=")
            # Blanks around the colon are allowed, extras in brackets are of no use here.
            entries.append(EntryPoint(group, name.strip(), "".join(target.split("[")[0].split()), folder))
    return entries


def _header(folder: str, header: str) -> str | None:
    """Return one header of a distribution's METADATA (core metadata: e-mail headers until the first empty line)."""
    text = _read(os.path.join(folder, "METADATA")) or _read(os.path.join(folder, "PKG-INFO"))
    for line in text.splitlines():
        if not line:
            return None
        key, _, value = line.partition(":")
        if key == header:
            return value.strip()
    return None


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return stream.read()
    except NotADirectoryError:
        return _read_in_archive(path)
    except OSError:
        return ""


def _read_in_archive(path: str) -> str:
    import zipfile

    folder, file = os.path.split(path)
    archive, folder = os.path.split(folder)
    try:
        with zipfile.ZipFile(archive) as opened:
            return opened.read(f"{folder}/{file}").decode(errors="replace")
    except (OSError, KeyError, zipfile.BadZipFile):
        return ""
