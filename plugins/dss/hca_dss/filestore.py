"""The content-addressed filestore below a download directory, and links from it into the layout that people see."""

from __future__ import annotations

import errno
import os
import shutil

from hca_core import files, transfer
from hca_core.errors import HCAError

# The old client's layout; its stores are used on.
FOLDER = os.path.join(".hca", "v2", "files_2_4")
# What says that a file system, or this pair of places, can't do hard links.
_NO_LINKS = {
    getattr(errno, name)
    for name in ("EXDEV", "EPERM", "EACCES", "EMLINK", "EOPNOTSUPP", "ENOTSUP", "ENOSYS")
    if hasattr(errno, name)  # not all of them on every system
}

_MOST_RACES = 5


def path(download_dir: str, sha256: str) -> str:
    """Return where content with that sha256 (64 lower-case hex digits) lies below `download_dir`."""
    return os.path.join(download_dir, FOLDER, sha256[:2], sha256[2:6], sha256)


def link(source: str, target: str, sha256: str) -> bool:
    """Make `target` show the content of `source`, whose sha256 is given; tell whether that took a copy.

    A target that is there and has the same content is left as it is. Raises HCAError if it has another: it may be
    somebody's work. Raises OSError if the disk refuses.
    """
    os.makedirs(os.path.dirname(target), exist_ok=True)
    try:
        return _link_or_copy(source, target)
    except FileExistsError:
        if os.path.samestat(os.stat(source), os.lstat(target)) or has_content(target, sha256):
            return False
        raise HCAError(f"{target} is there and has another content; move it away") from None


def replace(source: str, target: str) -> None:
    """Make `target` show the content of `source`, whatever it showed before, in one step. Raises OSError."""
    os.makedirs(os.path.dirname(target), exist_ok=True)
    temporary = files.temporary_beside(target)
    _link_or_copy(source, temporary)
    os.replace(temporary, target)
    if os.path.lexists(temporary):
        os.unlink(temporary)  # a rename does nothing where both names are links to one file (POSIX rename)


def _link_or_copy(source: str, target: str) -> bool:
    """Link `target` to `source`, or copy it where that is impossible; tell whether it was copied. Raises OSError."""
    for attempt in range(_MOST_RACES):
        try:
            os.link(source, target)
            return False
        except FileNotFoundError:
            # Another process that fetched the same content put its file there just now: the inode we saw is gone.
            if attempt == _MOST_RACES - 1:
                raise
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            break
    _copy(source, target)
    return True


def has_content(path: str, sha256: str) -> bool:
    """Tell whether a regular file at `path` has that sha256; it is read to know. Raises OSError."""
    return os.path.isfile(path) and not os.path.islink(path) and transfer.digest_of(path) == sha256


def _copy(source: str, target: str) -> None:
    temporary = files.temporary_beside(target)
    try:
        shutil.copyfile(source, temporary)
        os.replace(temporary, target)
    except BaseException:
        if os.path.exists(temporary):
            os.unlink(temporary)
        raise
