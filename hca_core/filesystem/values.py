"""The values of a file system: files as a service tells them, and the directories that their names make."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hca_core import names
from hca_core.errors import HCAError
from hca_core.filesystem.errors import FileMissingError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from hca_core.content import Promise


@dataclass(frozen=True)
class RemoteFile:
    """A file of a service, whose content never changes.

    Parameters: `key` is what the plugin finds its bytes by; equal keys mean equal bytes. `promise` has its size, and
    its digest if the service tells one. `details` are for `info`. `knows_ranges` is False for content that the service
    always sends from its beginning.
    """

    key: tuple[str, ...]
    promise: Promise
    details: Mapping[str, Any] = field(default_factory=dict, compare=False)
    created: datetime | None = None
    modified: datetime | None = None
    knows_ranges: bool = True

    @property
    def size(self) -> int:
        """The size in bytes."""
        return self.promise.size or 0

    def info(self, path: str) -> dict[str, Any]:
        """Return what fsspec tells of a file at `path`."""
        digest = {} if self.promise.digest is None else {self.promise.algorithm: self.promise.digest}
        times = {"created": self.created, "modified": self.modified}
        known = {name: moment for name, moment in times.items() if moment is not None}
        return {**self.details, **digest, **known, "name": path, "size": self.size, "type": "file"}


class Container:
    """Files that belong together, such as those of a bundle, by their names; a `/` in a name makes directories.

    Parameters: with the name "" the container is that file itself, and other names are other ways to write it.
    `details` are for `info`. Raises HCAError for a name that would leave the directory that all of it is fetched to.
    """

    def __init__(self, files: Mapping[str, RemoteFile], details: Mapping[str, Any] | None = None) -> None:
        self.files = files
        self.details = dict(details or {})
        self._children: dict[str, dict[str, None]] = {"": {}}  # dictionaries keep the order of the service
        for name in files:
            why = None if "" in files else names.problem(name)
            if why is not None:
                raise HCAError(f"file name {name!r} {why}", hint="it needs another name at the service")
            folder = ""
            for part in name.split("/"):
                child = f"{folder}/{part}" if folder else part
                self._children.setdefault(folder, {})[child] = None
                folder = child

    def infos(self, root: str, name: str) -> list[dict[str, Any]]:
        """Return what `ls` tells of the path `name` below the container at `root`. Raises FileMissingError."""
        if name in self.files:
            return [self.info(root, name)]
        self.info(root, name)
        return [self.info(root, child) for child in self._children[name]]

    def info(self, root: str, name: str) -> dict[str, Any]:
        """Return what `info` tells of the path `name` below the container at `root`. Raises FileMissingError."""
        path = f"{root}/{name}" if name else root
        file = self.files.get(name)
        if file is not None:
            return file.info(path)
        if name not in self._children:
            raise FileMissingError(f"{path} does not exist", hint=f"there is {self._some()}")
        return {**({} if name else self.details), "name": path, "size": 0, "type": "directory"}

    def _some(self) -> str:
        known = [repr(name) for name in self.files if name]
        more = f" and {len(known) - 5} more" if len(known) > 5 else ""
        return (", ".join(known[:5]) or "no file") + more


def folder(path: str) -> dict[str, Any]:
    """Return what `info` tells of a directory that has no properties."""
    return {"name": path, "size": 0, "type": "directory"}
