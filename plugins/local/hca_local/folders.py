"""Folders on this machine as bundles to be: which files they have, under which names, and why one is refused."""

from __future__ import annotations

import mimetypes
import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hca_core.errors import HCAError, several

if TYPE_CHECKING:
    from collections.abc import Iterator

# The service refuses these names of files in bundles (contract §6).
_REFUSED_NAME = re.compile(r"^(?:/|~/)|\\|\./|/\.|^\.{1,2}$")
_ENCODED = {
    "gzip": "application/gzip",
    "bzip2": "application/x-bzip2",
    "xz": "application/x-xz",
    "compress": "application/x-compress",
    "br": "application/x-brotli",
}
# Python's own tables only: what a machine has in /etc/mime.types must not change a bundle.
_TYPES = mimetypes.MimeTypes()


@dataclass(frozen=True, order=True)
class FolderFile:
    """A file below a folder: its name in the bundle, where it is, its content type, whether it is metadata."""

    name: str
    path: Path
    content_type: str
    indexed: bool


def files_of(folder: Path) -> list[FolderFile]:
    """Return the files below `folder`, in the order of their names.

    Raises HCAError that tells everything that is wrong: nothing to put into a bundle, names that the service
    refuses, links that lead out of the folder or to folders, things that are no files or can't be read.
    """
    if not folder.is_dir():
        raise HCAError(f"{folder} is not a folder.")
    files: list[FolderFile] = []
    problems: list[str] = []
    for path in _paths(folder, problems):
        name = path.relative_to(folder).as_posix()
        problem = _problem(folder, path, name)
        if problem:
            problems.append(f"{_shown(name)} {problem}")
        else:
            files.append(_file(name, path))
    if problems:
        raise HCAError(several(problems, f"{folder} can't be made a bundle"))
    if not files:
        raise HCAError(f"{folder} has no files in it.")
    return sorted(files)


def _paths(folder: Path, problems: list[str]) -> Iterator[Path]:
    """Return everything below `folder` that is not a folder itself; folders that can't be read are `problems`."""

    def note(error: OSError) -> None:
        problems.append(f"{_shown(os.path.relpath(error.filename, folder))} can't be read: {error.strerror}")

    for directory, names, files in os.walk(folder, onerror=note):
        for name in files:
            yield Path(directory, name)
        for name in names:
            if os.path.islink(os.path.join(directory, name)):  # walk lists these and does not enter them
                yield Path(directory, name)


def _problem(folder: Path, path: Path, name: str) -> str | None:
    """Return why the file at `path` can't be in a bundle as `name`, None if it can."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return "has a name that is not UTF-8"
    if _REFUSED_NAME.search(name):
        return "has a name that the service refuses (no hidden files in folders, no backslash, no ./)"
    try:
        target = path.resolve(strict=True)
        mode = target.stat().st_mode
    except (OSError, RuntimeError):
        return "is a link to nothing"
    if not target.is_relative_to(folder.resolve()):
        return "is a link to something outside the folder"
    if stat.S_ISDIR(mode):
        return "is a link to a folder; these are not followed"
    if not stat.S_ISREG(mode):
        return "is not a regular file"
    if not os.access(path, os.R_OK):
        return "can't be read: permission denied"
    return None


def _file(name: str, path: Path) -> FolderFile:
    if name.endswith(".json"):
        return FolderFile(name, path, "application/json", indexed=True)
    guessed, encoding = _TYPES.guess_type(name)
    media_type = _ENCODED.get(encoding, "application/octet-stream") if encoding else guessed
    return FolderFile(name, path, f"{media_type or 'application/octet-stream'}; dcp-type=data", indexed=False)


def _shown(name: str) -> str:
    return name.encode("utf-8", "backslashreplace").decode()
