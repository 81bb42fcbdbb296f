"""Second paths to content that is there: hard links, reflinks or copies, whichever the file system allows."""

from __future__ import annotations

import errno
import filecmp
import os
import shutil
from typing import TYPE_CHECKING

from hca_core import files
from hca_core.errors import HCAError
from hca_core.transfer import seal

if TYPE_CHECKING:
    from hca_core.content import Promise

HARD, REFLINK, COPY = "hard", "reflink", "copy"


def _numbers(*names: str) -> frozenset[int]:
    return frozenset(getattr(errno, name) for name in names if hasattr(errno, name))  # not all on every system


# What says that this pair of places can't do hard links, and what may concern this one file only.
_NEVER = _numbers("EXDEV", "EOPNOTSUPP", "ENOTSUP", "ENOSYS")
_NOT_THIS = _numbers("EPERM", "EACCES", "EMLINK")
_CLONE = 0x40049409  # Linux: FICLONE of <linux/fs.h>
_MOST_RACES = 5
# What did not work between two devices, so that a million files do not try it each.
_impossible: dict[tuple[int, int], set[str]] = {}


def link(source: str, target: str, promise: Promise) -> str:
    """Make `target` show the content of `source`, which keeps `promise`; return how: hard, reflink or copy.

    A target that is there and has the same content is left as it is: "". Raises HCAError if it has another: it may be
    somebody's work. Raises OSError if the disk refuses.
    """
    try:
        return _make(source, target, promise)
    except FileExistsError:
        if os.path.samestat(os.stat(source), os.lstat(target)) or _has_content(target, source, promise):
            return ""
        raise HCAError(f"{target} is there and has another content; move it away") from None


def shows(target: str, found: os.stat_result) -> bool:
    """Tell whether `target` is a link to the file that `found` describes: one look, where `link` takes four calls."""
    try:
        return os.path.samestat(found, os.lstat(target))
    except (OSError, ValueError):
        return False  # `link` finds out what is the matter


def replace(source: str, target: str, promise: Promise) -> str:
    """Make `target` show the content of `source`, whatever it showed before, in one step; return how.

    Raises OSError.
    """
    temporary = files.temporary_beside(target)
    how = _make(source, temporary, promise)
    try:
        os.replace(temporary, target)
    finally:
        # A rename does nothing where both names are links to one file (POSIX rename).
        if os.path.lexists(temporary):
            os.unlink(temporary)
    return how


def _has_content(target: str, source: str, promise: Promise) -> bool:
    """Tell whether a regular file at `target` has the content of `source`. Raises OSError."""
    if os.path.islink(target) or not os.path.isfile(target):
        return False
    if promise.digest is None:
        return filecmp.cmp(source, target, shallow=False)
    return seal.is_complete(target, promise)


def _make(source: str, target: str, promise: Promise) -> str:
    """Make `target`, and the directories above it, in the best way there is. Raises FileExistsError, OSError."""
    # Without a known obstacle nothing is looked up: nearly all file systems can do hard links.
    known = _known(source, target) if _impossible else set[str]()
    if HARD not in known and _hard(source, target):
        return HARD
    if os.path.lexists(target):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), target)
    return _cloned_or_copied(source, target, promise)


def _known(source: str, target: str) -> set[str]:
    """Return what is known not to work between the devices of two places; the caller may add to it."""
    folder = os.path.dirname(target) or "."
    os.makedirs(folder, exist_ok=True)
    return _impossible.setdefault((os.stat(source).st_dev, os.stat(folder).st_dev), set())


def _hard(source: str, target: str) -> bool:
    """Make a hard link; tell whether that is possible here. Raises FileExistsError, OSError."""
    for attempt in range(_MOST_RACES):
        try:
            os.link(source, target)
            return True
        except FileNotFoundError:
            # There is no directory yet; or another process that fetched the same content put its file there just now,
            # and the inode that was seen is gone.
            if attempt == _MOST_RACES - 1:
                raise
            os.makedirs(os.path.dirname(target) or ".", exist_ok=True)
        except OSError as error:
            if error.errno in _NEVER:
                _known(source, target).add(HARD)
            elif error.errno not in _NOT_THIS:
                raise
            break
    return False


def _cloned_or_copied(source: str, target: str, promise: Promise) -> str:
    """Make a file of its own beside `target` that shares the blocks of `source` if it can, and rename it."""
    known = _known(source, target)
    temporary = files.temporary_beside(target)
    is_sealed = promise.digest is not None and seal.is_sealed(os.stat(source), promise.digest)
    try:
        how = REFLINK if REFLINK not in known and _clone(source, temporary) else COPY
        if how == COPY:
            known.add(REFLINK)
            shutil.copyfile(source, temporary)
        # Only of what has not been written to meanwhile; another one is read when somebody asks for it.
        if promise.digest is not None and is_sealed and seal.is_sealed(os.stat(source), promise.digest):
            seal.put(temporary, os.stat(temporary).st_size, promise.digest)
        os.replace(temporary, target)
        return how
    except BaseException:
        if os.path.lexists(temporary):
            os.unlink(temporary)
        raise


def _clone(source: str, temporary: str) -> bool:
    """Make a reflink; tell whether that is possible here. Whatever it says no to, a copy has to try."""
    try:
        from fcntl import ioctl  # not on Windows
    except ImportError:
        return False
    with open(source, "rb") as original, open(temporary, "wb") as clone:
        try:
            ioctl(clone.fileno(), _CLONE, original.fileno())
        except OSError:
            return False
    return True
