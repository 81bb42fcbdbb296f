"""Parts: what has arrived of a file that is not complete, beside its place, for this run or the next one to finish.

Every process writes a part of its own, so two of them in one directory can't mix their bytes. There are no locks: on
cluster file systems they do nothing (NFS, Lustre and GPFS often have none).
"""

from __future__ import annotations

import hashlib
import os
import shutil
import threading
import time
from functools import cache
from typing import BinaryIO

SUFFIX = ".part"
OLD_SECONDS = 3600.0
_MANY = 100  # files in a folder
_LONGEST = 140  # bytes of a name that a part has in its own


def new(target: str) -> str:
    """Return the name of a new part of `target`. Nothing is made."""
    return f"{_prefix(target)}{owner(os.getpid())}-{threading.get_ident()}-{time.monotonic_ns()}{SUFFIX}"


def owner(pid: int) -> str:
    """Return how the parts of a process of this machine are marked: the system's run, the namespace, the process."""
    return f"{_namespace() or 'unknown'}-{pid}"


class Listing:
    """The parts that lie in the folders of one run. May be used by several threads.

    A folder with many files is listed once, or the time for a file would grow with their number. The parts that others
    make after that are theirs to finish and to remove.
    """

    def __init__(self) -> None:
        self._large: dict[str, dict[str, list[str]]] = {}

    def of(self, target: str) -> list[str]:
        """Return the parts of `target` that there are, anybody's."""
        folder = os.path.dirname(target) or "."
        found = self._large.get(folder)
        if found is None:
            try:
                names = os.listdir(folder)
            except FileNotFoundError:
                return []
            found = {}
            for name in names:
                if name.endswith(SUFFIX):
                    found.setdefault(f"{name.removesuffix(SUFFIX).rpartition('.')[0]}.", []).append(name)
            if len(names) > _MANY:
                self._large[folder] = found
        prefix = os.path.basename(_prefix(target))
        return [os.path.join(folder, name) for name in found.get(prefix, ())]


def opened(target: str, part: str, listing: Listing, *, take_up: bool) -> BinaryIO:
    """Make and open our `part` of `target`: with the longest one of `listing` in it if it may be used, else empty.

    That of a process which is certainly dead becomes ours by a rename, which succeeds for one process only and needs
    no room on the disk. Any other is copied: its owner may still write to it. Raises OSError.
    """
    taken = not take_up
    for other in sorted(listing.of(target), key=size, reverse=True):
        dead = _owner_lives(other) is False
        if not taken:
            try:
                os.rename(other, part) if dead else shutil.copyfile(other, part)
                taken = True
            except FileNotFoundError:
                continue  # another process took or finished it just now
        if is_abandoned(other):
            drop(other)
    # In one step, as another process that finishes the file drops all parts; whoever has one open does not mind.
    return handle(part, os.O_CREAT)


def handle(part: str, more: int = 0) -> BinaryIO:
    """Open a part to read and to write, without a buffer; `more` are flags of os.open. Raises OSError."""
    flags = os.O_RDWR | getattr(os, "O_BINARY", 0) | more
    return os.fdopen(os.open(part, flags, 0o666), "r+b", buffering=0)


def drop(path: str) -> None:
    """Remove a part, if it is there."""
    try:
        os.unlink(path)
    except OSError:
        pass


def size(path: str) -> int:
    """Return the size of a part in bytes, -1 if it is not there."""
    try:
        return os.stat(path).st_size
    except OSError:
        return -1


def is_abandoned(path: str) -> bool:
    """Tell whether nobody writes to a part any more: its process is dead, or unknown here and did not for long."""
    lives = _owner_lives(path)
    return _is_old(path) if lives is None else not lives


def _prefix(target: str) -> str:
    folder, name = os.path.split(target)
    raw = os.fsencode(name)
    if len(raw) > _LONGEST:  # with what follows it would be longer than a name may be
        digest = hashlib.md5(raw, usedforsecurity=False).hexdigest()
        name = f"{raw[: _LONGEST - len(digest)].decode('ascii', 'ignore')}{digest}"
    return os.path.join(folder, f".{name}.")


@cache
def _namespace() -> str:
    """Return what tells this run of the system and its process namespace from all others, "" where nothing does.

    A host name would not: containers share it and do not see each other's processes, and a dead one must be dead.
    """
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as stream:
            boot = stream.read().strip().replace("-", "")
        # A copy of a running virtual machine has all of that in common with it, but seldom the name.
        name = hashlib.md5(os.uname().nodename.encode(), usedforsecurity=False).hexdigest()[:6]
        return f"{boot}{os.stat('/proc/self/ns/pid').st_ino:x}{name}"
    except OSError:
        return ""


def _owner_lives(part: str) -> bool | None:
    """Tell whether the process that wrote `part` lives; None where that can't be known from here."""
    namespace, _, rest = part.removesuffix(SUFFIX).rpartition(".")[2].partition("-")
    pid = rest.partition("-")[0]
    if not _namespace() or namespace != _namespace() or not pid.isdigit():
        return None
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass  # somebody else's
    return not _is_zombie(pid)


def _is_zombie(pid: str) -> bool:
    """Tell whether a process has ended, and only its parent has not asked yet how."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as stream:
            return stream.read().rpartition(b")")[2].split()[0] == b"Z"
    except (OSError, IndexError):
        return False


def _is_old(part: str) -> bool:
    """Tell whether a part was not written to for so long that whoever still does will not miss it."""
    try:
        return time.time() - os.stat(part).st_mtime > OLD_SECONDS
    except OSError:
        return False
