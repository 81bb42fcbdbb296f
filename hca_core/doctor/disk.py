"""The disks below `hca`: room, whether they can be written to, what they can't do, what killed runs left on them."""

from __future__ import annotations

import os
import tempfile
from typing import TYPE_CHECKING

from hca_core import paths
from hca_core.doctor.values import Check, Look

if TYPE_CHECKING:
    from collections.abc import Iterator

AREA = "disk"
SECONDS = 10.0  # that a disk may take; one over a network may be gone
_LITTLE, _NOTHING = 1_000_000_000, 10_000_000  # bytes
_FEW_FILES = 1000
_MOST_COUNTED = 10_000  # entries of a folder; more are not worth the time


def looks() -> list[Look]:
    """Return the looks at the places that `hca` writes to."""
    places = {
        "configuration": paths.config_dir(),
        "cache": paths.cache_dir(),
        "state": paths.state_dir(),
        "this directory": os.curdir,
    }
    return [
        *(Look(AREA, name, lambda name=name, path=path: _place(name, path)) for name, path in places.items()),  # type: ignore[misc]
        Look(AREA, "file system", _file_system),
        Look(AREA, "leftovers", _leftovers),
    ]


def _place(name: str, path: str) -> Iterator[Check]:
    """Yield how much room there is at `path`, and whether it can be written to. It need not exist yet."""
    from hca_core.transfer.report import in_bytes
    from hca_core.transfer.space import free_below

    path = os.path.abspath(path)
    folder = _existing(path)
    if not os.access(folder, os.W_OK | os.X_OK):
        yield Check(name, "problem", f"{folder} can't be written to", "name another place, or see whose it is: ls -ld")
        return
    free, files = free_below(folder), _free_files(folder)
    told = "an unknown number of bytes" if free is None else in_bytes(free)
    text = f"{path}: {told} free"
    if free is not None and free < _NOTHING:
        yield Check(name, "problem", text, "make room")
    elif files is not None and files < _FEW_FILES:
        step = "remove files: there is room for bytes, but not for many more files"
        yield Check(name, "warning" if files else "problem", f"{text}, for {files} more files", step)
    elif free is not None and free < _LITTLE:
        yield Check(name, "warning", text, "make room before you download much")
    else:
        yield Check(name, "ok", text)


def _existing(path: str) -> str:
    """Return the nearest folder above `path` that there is."""
    while not os.path.isdir(path) and os.path.dirname(path) != path:
        path = os.path.dirname(path)
    return path


def _free_files(folder: str) -> int | None:
    """Return how many more files there may be, None where the file system has no such limit or does not tell."""
    if not hasattr(os, "statvfs"):
        return None
    found = os.statvfs(folder)
    return found.f_favail if found.f_files else None


def _file_system() -> Iterator[Check]:
    """Yield what the file system of this directory can't do; tried with two empty files that are removed again."""
    try:
        with tempfile.TemporaryDirectory(prefix=".hca-doctor-", dir=os.curdir) as folder:
            name = os.path.join(folder, "a")
            with open(name, "wb"):
                pass
            alike = os.path.exists(os.path.join(folder, "A"))
            linked = _can_link(name)
    except OSError as error:
        yield Check("file system", "skipped", f"it could not be tried here: {error.strerror or error}")
        return
    if alike:
        text = "this file system takes a.txt and A.TXT for one: of files with such names only one can be downloaded"
        yield Check("file system", "warning", text, "download to another file system")
    if not linked:
        text = "this file system has no hard links: a download keeps a second copy of each file for others to share"
        yield Check("file system", "warning", text, "download to another file system if room is scarce")
    if linked and not alike:
        yield Check("file system", "ok", "it has hard links, and tells upper from lower case")


def _can_link(name: str) -> bool:
    try:
        os.link(name, f"{name}-link")
    except OSError:
        return False
    return True


def _leftovers() -> Iterator[Check]:
    """Yield what runs that ended early left: journals to go on from, and parts of files in this directory."""
    from hca_core.transfer import parts

    journals = sum(name.endswith(".jsonl") for name in _names(paths.state_dir()))
    if journals:
        text = f"{journals} uploads have not ended yet; their journals are in {paths.state_dir()}"
        yield Check("leftovers", "ok", text, "run the same commands again, if they were killed")
    unfinished = sum(name.startswith(".") and name.endswith(parts.SUFFIX) for name in _names(os.curdir))
    if unfinished:
        text = f"{unfinished} files below this directory are not complete; their parts are kept"
        yield Check("leftovers", "ok", text, "run the same download again, or see 'hca cache prune --help'")


def _names(folder: str) -> Iterator[str]:
    """Yield the names of files below `folder`, of so many entries only."""
    count = 0
    for _, _, names in os.walk(folder):
        yield from names
        count += len(names) + 1
        if count > _MOST_COUNTED:
            return
