"""Files that somebody names for what a run tells of itself: reports, events, failures, checksums.

A regular file is replaced whole, and only if it is empty or of the kind that is written: who mistypes a name loses
nothing. A pipe or a terminal gets the bytes as they are, and a symbolic link stays what it is.
"""

from __future__ import annotations

import os
import re
import stat
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

from hca_core import files
from hca_core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import TextIO

# How files begin that may be written over.
REPORT = re.compile(rb'\{\s*"directory": ')
EVENTS = re.compile(rb'\{"event": "')
FAILURES = re.compile(rb'\{"name": "[^\n]*"row": \{[^\n]*\}\}\n')
SUMS = re.compile(rb"\\?[0-9a-f]{64} [ *]")
_LOOKED_AT = 100_000  # bytes
# Names of streams that this process has open. Opened anew, a file behind one would be written from its beginning.
_STREAM = re.compile(r"(?:/dev/(?:(stdout)|(stderr)|fd/([0-9]{1,6}))|/proc/self/fd/([0-9]{1,6}))")


def check(path: str, what: str, kind: re.Pattern[bytes]) -> None:
    """Raise UsageError if `what` can't be written to `path`, or should not be, as a file of another kind lies there."""
    try:
        problem = _problem(path, kind)
    except OSError as error:
        problem = str(error.strerror)
    if problem:
        raise UsageError(f"{what} can't be written to {path}: {problem}")


def check_new(path: str, *, force: bool) -> None:
    """Raise UsageError if a file is at `path`, unless somebody said that it may be replaced (`force`)."""
    if not force and is_file(path):
        raise UsageError(f"{path} exists", hint="--force replaces it")


def _problem(path: str, kind: re.Pattern[bytes]) -> str:
    """Return why nothing should be written to `path`, "" if it may be. Raises OSError."""
    if path in ("", "-"):
        return "standard output is called /dev/stdout" if path else "its name is empty"
    number = _descriptor(path)
    if number is not None:
        os.fstat(number)
        return ""
    place = _place(path)
    folder = os.path.dirname(place) or "."
    if not os.path.isdir(folder):
        return f"there is no directory {folder}"
    try:
        found = os.stat(place)
    except FileNotFoundError:
        found = None
    if found is not None and not stat.S_ISREG(found.st_mode):
        if stat.S_ISDIR(found.st_mode):
            return "it is a directory"
        return "" if _takes_bytes(found) else "it is neither a file nor a pipe"
    if not os.access(folder, os.W_OK):
        return f"the directory {folder} is read-only"
    if found is not None and found.st_size:
        with open(place, "rb") as stream:
            if not kind.match(stream.read(_LOOKED_AT)):
                return "another file is there; name another one, or move it away"
    return ""


@contextmanager
def replacing(path: str) -> Iterator[IO[bytes]]:
    """Give a stream for the new content of `path`; a regular file changes at the end, if the block does not raise.

    Raises OSError that names the file.
    """
    place = _place(path)
    try:
        if _descriptor(path) is None and not _is_straight(place):
            with files.replacing(place, mode=0o666) as stream:
                yield stream
        else:
            with open(_opened(path), "wb") as stream:
                yield stream
    except OSError as error:
        # That of a write has no name, and that of a temporary file tells nobody anything.
        if error.filename is None or str(error.filename).endswith(".tmp"):
            error.filename = path
        raise


def appending(path: str) -> TextIO:
    """Open `path` to write text behind what it has. Raises OSError."""
    return open(_opened(path), "a", encoding="utf-8")


def is_file(path: str) -> bool:
    """Tell whether there is a regular file that `replacing` would replace."""
    return _descriptor(path) is None and os.path.isfile(path)


def are_one(paths: Iterable[str]) -> bool:
    """Tell whether two of `paths` are one file; pipes and terminals may be shared."""
    places = [os.path.realpath(path) for path in paths if _descriptor(path) is None and not _is_straight(_place(path))]
    return len(set(places)) < len(places)


def _place(path: str) -> str:
    """Return what is written to: of a symbolic link the place that it leads to."""
    return os.path.realpath(path) if os.path.islink(path) else path


def _descriptor(path: str) -> int | None:
    """Return the file descriptor of this process that `path` means, None if it is none."""
    match = _STREAM.fullmatch(path)
    if match is None:
        return None
    return 1 if match[1] else 2 if match[2] else int(match[3] or match[4])


def _opened(path: str) -> int | str:
    """Return what to open for `path`. Raises OSError."""
    number = _descriptor(path)
    return path if number is None else os.dup(number)


def _is_straight(place: str) -> bool:
    try:
        return _takes_bytes(os.stat(place))
    except FileNotFoundError:
        return False


def _takes_bytes(found: os.stat_result) -> bool:
    """Tell whether bytes go straight into it: a pipe or a terminal, /dev/null. Never a disk."""
    return stat.S_ISFIFO(found.st_mode) or stat.S_ISCHR(found.st_mode)
