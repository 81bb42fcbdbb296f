"""Writing a new plugin: the template's files with the names filled in, all of them or none."""

from __future__ import annotations

import os
import shutil
from string import Template
from typing import TYPE_CHECKING, NamedTuple

from hca_core import files
from hca_core.errors import UsageError
from hca_core.scaffold import metadata, names
from hca_core.scaffold.parts import chosen

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_TEMPLATE = os.path.join(os.path.dirname(__file__), "template")
_SUFFIX = ".tmpl"  # so that no tool takes the template's files for what they become
_BASE = "base"  # the folder of what every plugin has; those of the parts lie beside it


class Written(NamedTuple):
    """A new plugin: its folder, and the commands to run next."""

    folder: str
    commands: tuple[str, ...]


def write(
    name: str,
    *,
    into: files.StrPath = ".",
    author: str = "",
    url: str = "",
    licence: str = "",
    parts: Iterable[str] = (),
) -> Written:
    """Write the plugin `name` into a new folder `hca-plugin-<name>` below the directory `into`.

    Parameters: `author`, `url` (of the project) and `licence` (SPDX) go into its metadata; `parts` are words such as
    "hooks" and "subcommand=shop" (see `hca_core.scaffold.parts`). Raises UsageError if one of them can't be used, or
    the folder can't be made or has something in it; then nothing was written.
    """
    names.checked(name)
    with_parts = chosen(parts)
    if with_parts.get("subcommand", "").partition(".")[0] == name:
        raise UsageError(f"a verb of 'hca {name}' itself belongs into its cli.py", hint="--with subcommand=OTHER")
    names.check_parts(name, with_parts)
    values = metadata.values(name, author=author, url=url, licence=licence, parts=with_parts)
    texts = _texts([_BASE, *with_parts], values)
    folder = os.path.join(os.path.abspath(into), f"hca-plugin-{name}")
    try:
        _write_all(folder, texts)
    except OSError as error:
        raise UsageError(
            f"{folder} can't be written: {error.strerror or error}; nothing was",
            hint="make that directory, or --into another one",
        ) from error
    return Written(folder, _next(os.path.normpath(os.path.join(into, f"hca-plugin-{name}"))))


def _next(folder: str) -> tuple[str, str]:
    """Return the commands that install the plugin in `folder` and run its tests."""
    import shlex

    return f"pip install --editable {shlex.quote(folder + '[test]')}", f"python -m pytest {shlex.quote(folder)}"


def _texts(folders: Iterable[str], values: Mapping[str, str]) -> dict[str, str]:
    """Return the text of each file of the new plugin by its path. Raises UsageError if two have the same path."""
    texts: dict[str, str] = {}
    for path, text in _filled(folders, values):
        if path in texts:
            raise UsageError(f"a plugin can't be called {values['name']!r}: {path} would be two files")
        texts[path] = text
    return texts


def _filled(folders: Iterable[str], values: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the path of each file of the new plugin, below its folder, and its text."""
    for folder in folders:
        root = os.path.join(_TEMPLATE, folder)
        for place, _, found in os.walk(root):
            for file in found:
                path = os.path.join(place, file)
                with open(path, encoding="utf-8") as stream:
                    text = Template(stream.read()).substitute(values)
                target = os.path.relpath(path, root).removesuffix(_SUFFIX).replace("NAME", values["name"])
                yield ".gitignore" if target == "gitignore" else target, text


def _write_all(folder: str, texts: Mapping[str, str]) -> None:
    """Write the files beside `folder` and rename the whole. Raises UsageError, OSError."""
    is_empty = os.path.isdir(folder) and not os.path.islink(folder) and not os.listdir(folder)
    if os.path.lexists(folder) and not is_empty:
        raise UsageError(f"{folder} is there already; nothing was written", hint="take another name, or --into DIR")
    temporary = files.temporary_beside(folder)
    os.mkdir(temporary)
    try:
        for path, text in texts.items():
            target = os.path.join(temporary, path)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            with open(target, "w", encoding="utf-8", newline="\n") as stream:
                stream.write(text)
        if is_empty:
            os.rmdir(folder)  # Windows renames over nothing
        os.rename(temporary, folder)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
