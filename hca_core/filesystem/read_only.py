"""A file system of fsspec that says no to whoever wants to write; fsspec's own base does nothing, and says nothing."""

from __future__ import annotations

from typing import Any, NoReturn

from fsspec.spec import AbstractFileSystem  # noqa: TID253 - only who uses fsspec loads this module

from hca_core.filesystem.errors import ReadOnlyError


class ReadOnlyFileSystem(AbstractFileSystem):  # type: ignore[misc]
    """All that would change something raises ReadOnlyError."""

    def refuse(self, *_: Any, **__: Any) -> NoReturn:
        """Raise ReadOnlyError."""
        raise ReadOnlyError(f"{self.protocol}:// is for reading only")

    mkdir = makedirs = rmdir = rm = rm_file = _rm = refuse
    cp_file = copy = mv = put_file = put = pipe_file = pipe = touch = refuse
