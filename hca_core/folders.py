"""Folders on this machine as bundles to be: which files they have, under which names, and why one is refused."""

from __future__ import annotations

import mimetypes
import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hca_core.errors import UsageError, several

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hca_core.files import StrPath

# Names that a bundle's files can't have (service contract §6).
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
    """A file below a folder: its name in the bundle, where it is, its content type, whether it is metadata.

    `size` in bytes and `changed` (nanoseconds since 1970) are those of the moment when it was listed.
    """

    name: str
    path: Path
    content_type: str
    indexed: bool
    size: int
    changed: int


def files_of(folder: StrPath) -> list[FolderFile]:
    """Return the files below `folder`, in the order of their names.

    Raises UsageError that tells everything that is wrong: nothing to put into a bundle, names that the service
    refuses, links that lead out of the folder or to folders, things that are no files or can't be read.
    """
    root = os.fspath(folder)
    if not os.path.isdir(root):
        raise UsageError(f"{_shown(root)} is not a folder")
    files: list[FolderFile] = []
    problems: list[str] = []
    real_root = Path(root).resolve()
    for name, entry in _entries(root, "", problems):
        problem = _problem(real_root, entry, name)
        if problem:
            problems.append(f"{_shown(name)} {problem}")
        else:
            files.append(_file(name, entry))
    if problems:
        raise UsageError(several(problems, f"{_shown(root)} can't be made a bundle"))
    if not files:
        raise UsageError(f"{_shown(root)} has no files in it")
    return sorted(files)


def _entries(directory: str, prefix: str, problems: list[str]) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Yield everything below `directory` that is no folder itself, with its name; links are not followed."""
    try:
        with os.scandir(directory) as listed:
            entries = list(listed)
    except OSError as error:
        problems.append(f"{_shown(prefix.rstrip('/')) or _shown(directory)} can't be read: {error.strerror}")
        return
    for entry in entries:
        name = prefix + entry.name
        if entry.is_dir(follow_symlinks=False):
            yield from _entries(entry.path, name + "/", problems)
        else:
            yield name, entry


def _problem(root: Path, entry: os.DirEntry[str], name: str) -> str | None:
    """Return why the file `entry` can't be in a bundle as `name`, None if it can."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return "has a name that is not UTF-8"
    if _REFUSED_NAME.search(name):
        return "has a name that the service refuses (no hidden files in folders, no backslash, no ./)"
    try:
        mode = entry.stat().st_mode
        if entry.is_symlink() and not Path(entry.path).resolve(strict=True).is_relative_to(root):
            return "is a link to something outside the folder"
    except (OSError, RuntimeError):
        return "is a link to nothing"
    if stat.S_ISDIR(mode):
        return "is a link to a folder; these are not followed"
    if not stat.S_ISREG(mode):
        return "is not a regular file"
    if not os.access(entry.path, os.R_OK):
        return "can't be read: permission denied"
    return None


def _file(name: str, entry: os.DirEntry[str]) -> FolderFile:
    known = entry.stat()
    indexed = name.endswith(".json")
    content_type = "application/json" if indexed else f"{_media_type(name)}; dcp-type=data"
    return FolderFile(name, Path(entry.path), content_type, indexed, known.st_size, known.st_mtime_ns)


def _media_type(name: str) -> str:
    guessed, encoding = _TYPES.guess_type(name)
    if encoding:
        guessed = _ENCODED.get(encoding)
    return guessed or "application/octet-stream"


def _shown(name: str) -> str:
    return name.encode("utf-8", "backslashreplace").decode()
