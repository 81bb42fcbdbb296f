"""Errors of file systems: each is one of `hca`, and one that Python knows, so that either way of catching it works."""

from __future__ import annotations

import errno
from contextlib import contextmanager
from typing import TYPE_CHECKING

from hca_core.errors import ExitStatus, HCAError, LoginError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterator


class FileMissingError(NotFoundError, FileNotFoundError):
    """There is no such file or directory."""

    errno = errno.ENOENT


class AccessRefusedError(LoginError, PermissionError):
    """A login is needed, or the one there is has no right to this file."""

    errno = errno.EACCES


class IsFolderError(HCAError, IsADirectoryError):
    """What should be a file is a directory."""

    exit_status = ExitStatus.USAGE
    errno = errno.EISDIR


class ReadOnlyError(HCAError, OSError):
    """Somebody wanted to write to a file system that is for reading."""

    exit_status = ExitStatus.USAGE
    errno = errno.EROFS


class NoSignedURLError(HCAError, NotImplementedError):
    """The service gives no URL that anybody could read a file by."""


@contextmanager
def told(path: str) -> Iterator[None]:
    """Raise what is missing or refused as an error that Python's own code knows, too; it names `path`."""
    try:
        yield
    except (FileMissingError, AccessRefusedError):
        raise
    except NotFoundError as error:
        raise FileMissingError(f"{path}: {error.message}", error.hint) from error
    except LoginError as error:
        raise AccessRefusedError(f"{path}: {error.message}", error.hint) from error
