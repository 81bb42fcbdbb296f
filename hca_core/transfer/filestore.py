"""The content-addressed filestore below a download directory: each content once, under its sha256.

Its layout is that of the stores which there are already; they are used on. Nothing here follows a symbolic link below
the store, and nothing is removed that does not have the name and the place of something that downloads leave.
"""

from __future__ import annotations

import os
import re
import time
from collections import Counter
from contextlib import suppress
from dataclasses import asdict, dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple

from hca_core.errors import HCAError, NotFoundError, UsageError
from hca_core.transfer import parts

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator

FOLDER = os.path.join(".hca", "v2", "files_2_4")
_HEX_FOLDERS = (re.compile("[0-9a-f]{2}"), re.compile("[0-9a-f]{4}"))
_CONTENT = re.compile("[0-9a-f]{64}")
_PART = re.compile(r"\.([0-9a-f]{64})\.[^/]+" + re.escape(parts.SUFFIX))
_TEMPORARY = re.compile(r"\.([0-9a-f]{64})\.[0-9a-f]{12}\.tmp")
# Younger ones may be in use: a folder that was made a moment ago, content that is about to be linked to.
_OLD_SECONDS = 3600.0
_SETTLED_SECONDS = 60.0


def path(download_dir: str, sha256: str) -> str:
    """Return where content with that sha256 (64 lower-case hex digits) lies below `download_dir`."""
    return os.path.join(download_dir, FOLDER, sha256[:2], sha256[2:6], sha256)


class Kind(Enum):
    """What something in a filestore is."""

    CONTENT = "content"
    PART = "part"
    TEMPORARY = "temporary"
    FOLDER = "folder"
    OTHER = "other"


class Entry(NamedTuple):
    """Something in a filestore; `sha256` is that of its name, empty for folders and for what does not belong there."""

    kind: Kind
    path: str
    sha256: str
    found: os.stat_result

    @property
    def has_place_of_content(self) -> bool:
        """Tell whether it is content, or something else, such as a symbolic link, where content should be."""
        return self.kind is Kind.CONTENT or (self.kind is Kind.OTHER and self.sha256 != "")


def walk(download_dir: str) -> Iterator[Entry]:
    """Yield everything in the filestore below `download_dir`, folders behind what is in them, in constant memory.

    Raises NotFoundError if there is no filestore, OSError if it can't be read.
    """
    root = os.path.join(download_dir, FOLDER)
    if not os.path.isdir(root):
        raise NotFoundError(
            f"there is no filestore below {download_dir or '.'}", hint="name the directory that was downloaded to"
        )
    yield from _below(root, "")


def _below(folder: str, place: str) -> Iterator[Entry]:
    """Yield what is in a folder; `place` are the hex digits of the folders down to it: 0, 2 or 6."""
    depth = (0, 2, 6).index(len(place))
    with os.scandir(folder) as listed:
        for entry in listed:
            try:
                found = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue  # a download that goes on renamed or removed it
            name = entry.name
            if depth < 2 and _HEX_FOLDERS[depth].fullmatch(name) and entry.is_dir(follow_symlinks=False):
                yield from _below(entry.path, place + name)
                yield Entry(Kind.FOLDER, entry.path, "", found)
            elif depth == 2 and entry.is_file(follow_symlinks=False):
                yield _file(name, place, entry.path, found)
            else:
                yield Entry(Kind.OTHER, entry.path, name if _is_content(name, place) else "", found)


def _file(name: str, place: str, where: str, found: os.stat_result) -> Entry:
    for kind, pattern in ((Kind.PART, _PART), (Kind.TEMPORARY, _TEMPORARY)):
        if (match := pattern.fullmatch(name)) and match[1].startswith(place):
            return Entry(kind, where, match[1], found)
    if _is_content(name, place):
        return Entry(Kind.CONTENT, where, name, found)
    return Entry(Kind.OTHER, where, "", found)


def _is_content(name: str, place: str) -> bool:
    return len(place) == 6 and _CONTENT.fullmatch(name) is not None and name.startswith(place)


@dataclass
class Info:
    """What a filestore holds; `unlinked` of its `files` no directory links to (their only name is the one here)."""

    files: int = 0
    bytes: int = 0
    unlinked: int = 0
    unlinked_bytes: int = 0
    parts: int = 0
    part_bytes: int = 0
    temporaries: int = 0
    others: int = 0

    def count(self, entry: Entry) -> None:
        """Count one entry."""
        size = entry.found.st_size
        if entry.kind is Kind.CONTENT:
            self.files += 1
            self.bytes += size
            if entry.found.st_nlink == 1:
                self.unlinked += 1
                self.unlinked_bytes += size
        elif entry.kind is Kind.PART:
            self.parts += 1
            self.part_bytes += size
        elif entry.kind is Kind.TEMPORARY:
            self.temporaries += 1
        elif entry.kind is Kind.OTHER:
            self.others += 1

    def document(self) -> dict[str, Any]:
        """Return it as a document."""
        return asdict(self)


def info(download_dir: str) -> Info:
    """Return what the filestore below `download_dir` holds. Raises NotFoundError, OSError."""
    told = Info()
    for entry in walk(download_dir):
        told.count(entry)
    return told


class Checked(NamedTuple):
    """A file that was compared with what it should be; `problem` is empty if it is right. `size` is in bytes.

    `is_known`: the file was read, or is none, and so is wrong for sure; one that the disk did not give may be right.
    """

    path: str
    size: int
    problem: str
    is_known: bool = True


def verify(download_dir: str, *, jobs: int, stopped: threading.Event | None = None) -> Iterator[Checked]:
    """Read all content of a filestore with `jobs` threads and yield what came of each, in any order.

    Raises NotFoundError, OSError if the store itself can't be read.
    """
    from hca_core import workers

    def work(entry: Entry) -> Checked:
        return checked(entry.path, entry.found.st_size, entry.sha256)

    content = (entry for entry in walk(download_dir) if entry.has_place_of_content)
    yield from workers.side_by_side(content, work, jobs=jobs, stopped=stopped, name="verify")


def checked(where: str, size: int, sha256: str) -> Checked:
    """Read a file and compare it with its promised size and sha256.

    One that is right is sealed, so that downloads need not read it again; one that is wrong is so no more.
    """
    from hca_core.transfer import seal

    try:
        found = os.lstat(where)
        if not os.path.isfile(where) or os.path.islink(where):
            return Checked(where, size, "is not a file")
        if found.st_size != size:
            return Checked(where, size, f"has {found.st_size} bytes, but should have {size}")
        digest = seal.read(where, sha256)
    except FileNotFoundError:
        return Checked(where, size, "is missing")
    except OSError as error:
        return Checked(where, size, f"can't be read: {error.strerror}", is_known=False)
    if digest is None:
        return Checked(where, size, "was written to while it was read", is_known=False)
    if digest != sha256:
        return Checked(where, size, f"has sha256 {digest}, but should have {sha256}")
    return Checked(where, size, "")


@dataclass
class Pruned:
    """What was removed from a filestore, or would be; `too_young` files may be about to get their links."""

    parts: int = 0
    temporaries: int = 0
    folders: int = 0
    files: int = 0
    bytes: int = 0
    too_young: int = 0

    def document(self) -> dict[str, Any]:
        """Return it as a document."""
        return asdict(self)


def prune(download_dir: str, *, unlinked: bool = False, dry_run: bool = False) -> Pruned:
    """Remove what downloads left that nobody goes on with: parts, temporary files, empty folders.

    Parameters: `unlinked`: also content that no directory links to. `dry_run`: only count.

    Raises UsageError if all content would go so: it is that of a download without directories, or of a disk that can't
    link. Raises NotFoundError, OSError.
    """
    if unlinked:
        held = info(download_dir)
        if held.files and held.unlinked == held.files:
            raise UsageError(
                f"no directory links to any content of the filestore below {download_dir or '.'}: it is the download",
                hint="remove the directory .hca there if you want to be rid of it",
            )
    pruned = Pruned()
    now = time.time()
    gone: Counter[str] = Counter()  # how much of a folder went; folders come behind what is in them
    for entry in walk(download_dir):
        if _can_go(entry, now, unlinked=unlinked) and _removed(entry, gone, dry_run=dry_run):
            gone[os.path.dirname(entry.path)] += 1
            _count(pruned, entry)
        elif unlinked and entry.kind is Kind.CONTENT and entry.found.st_nlink == 1:
            pruned.too_young += 1
        if entry.kind is Kind.FOLDER:
            del gone[entry.path]
    return pruned


def _can_go(entry: Entry, now: float, *, unlinked: bool) -> bool:
    age = now - entry.found.st_mtime
    if entry.kind is Kind.PART:
        return parts.is_abandoned(entry.path)
    if entry.kind is Kind.CONTENT:
        return unlinked and entry.found.st_nlink == 1 and age > _SETTLED_SECONDS
    return entry.kind in (Kind.TEMPORARY, Kind.FOLDER) and age > _OLD_SECONDS


def _removed(entry: Entry, gone: Counter[str], *, dry_run: bool) -> bool:
    """Remove an entry and tell whether it could be; a folder only if it is empty, or would be."""
    if entry.kind is Kind.FOLDER:
        if dry_run:
            return len(os.listdir(entry.path)) == gone[entry.path]
        with suppress(OSError):  # not empty
            os.rmdir(entry.path)
            return True
        return False
    if not dry_run:
        try:
            os.unlink(entry.path)
        except FileNotFoundError:
            return False
    return True


def _count(pruned: Pruned, entry: Entry) -> None:
    if entry.kind is Kind.FOLDER:
        pruned.folders += 1
        return
    if entry.kind is Kind.PART:
        pruned.parts += 1
    elif entry.kind is Kind.TEMPORARY:
        pruned.temporaries += 1
    else:
        pruned.files += 1
    pruned.bytes += entry.found.st_size


def remove(download_dir: str, where: str) -> bool:
    """Remove content that was found wrong, and tell whether it has other names, such as in directories of bundles.

    Raises HCAError if the path is none of the store below `download_dir`, or if a directory is there.
    """
    name = os.path.basename(where)
    if not _CONTENT.fullmatch(name) or where != path(download_dir, name):
        raise HCAError(f"{where} is no content of this filestore")
    if os.path.isdir(where) and not os.path.islink(where):
        raise HCAError(f"{where} is a directory, which is not removed; move it away")
    try:
        has_more = os.lstat(where).st_nlink > 1
        os.unlink(where)
    except FileNotFoundError:
        return False
    return has_more
