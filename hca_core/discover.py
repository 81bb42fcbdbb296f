"""Names of installed plugins, read from `*.dist-info` folders; imports neither them nor importlib.metadata (40 ms)."""

from __future__ import annotations

import os
import re
import sys
from functools import cache
from typing import NamedTuple

from hca_core import paths

PREFIX = "hca."
PLUGINS = "hca.plugins"
COMMANDS = "hca.commands."  # with the name of a plugin behind it: subcommands of its group
CREDENTIALS = "hca.credentials"  # functions that give tokens
FORMATS = "hca.formats"  # functions that write results
HOOKS = "hca.hooks"  # modules that observe what others do
LOCAL = "hca.local"  # services that the embedded deployment runs


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
    entries = declared(group)
    hidden = disabled() if entries else frozenset()
    found: dict[str, EntryPoint] = {}
    for entry in entries:
        if entry.name not in hidden:
            found.setdefault(entry.name, entry)
    return found


def declared(group: str) -> list[EntryPoint]:
    """Return all entry points of `group` in path order, shadowed and disabled ones too."""
    return _scan(tuple(sys.path)).get(group, [])


def groups() -> list[str]:
    """Return all groups of entry points that are declared for `hca`, misspelt ones too, sorted."""
    return sorted(_scan(tuple(sys.path)))


def disabled() -> frozenset[str]:
    """Return the plugin names that are hidden and blocked: by `HCA_PLUGINS_DISABLED`, and by the file that is kept."""
    return disabled_by_variable() | disabled_by_file()


def disabled_by_variable() -> frozenset[str]:
    """Return the plugin names in `HCA_PLUGINS_DISABLED`, a comma-separated list."""
    return frozenset(name.strip() for name in os.environ.get("HCA_PLUGINS_DISABLED", "").split(",") if name.strip())


def disabled_by_file() -> frozenset[str]:
    """Return the plugin names that `hca plugins disable` keeps, a line each.

    In a file of its own: every start of `hca` reads it, and to import what decodes the configuration takes 8 ms.
    """
    return frozenset(line.strip() for line in _read(paths.disabled_file()).splitlines() if line.strip())


def installing(name: str) -> str | None:
    """Return what installs the plugin `name` if it is one of this project, as the core's own extras tell; else None.

    Nothing is guessed: a name that somebody mistyped may have been registered by anybody.
    """
    distribution = f"hca-plugin-{name}"
    for directory in sys.path:
        for folder in _named(directory or os.curdir, "hca_core-"):
            for line in _read(os.path.join(folder, "METADATA")).splitlines():
                key, _, value = line.partition(": ")
                # PEP 508: a name ends before what is neither a letter nor a digit nor one of these.
                required = re.match(r"[\w.-]*", value)
                if key == "Requires-Dist" and required is not None and required[0] == distribution:
                    return f"pip install {distribution}"
    return None


def _named(directory: str, beginning: str) -> list[str]:
    try:
        names = os.listdir(directory)
    except OSError:
        return []
    return [os.path.join(directory, one) for one in names if one.startswith(beginning) and one.endswith(".dist-info")]


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
            name, _, target = _printable(line).partition("=")
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
            return _printable(value.strip())
    return None


def _printable(text: str) -> str:
    """Return what a distribution says with nothing in it that moves a terminal: help and lists show it."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in text)


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
