"""The journal of an upload: what a run has done so far, kept so that the same command goes on where it stopped."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from hca_core import versions
from hca_core.checksums import Checksums
from hca_core.journals import JsonLines, read_each

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from types import TracebackType

    from hca_core.folders import FolderFile

FORMAT = 1


@dataclass(slots=True)
class Entry:
    """What is known about one file: its identity in the service, and how far it has come.

    `size` and `changed` tell which state of the file on disk this is about. `upload_id` is that of an upload in parts,
    `sums` are there as soon as all of it was read, `staged` is the ETag of the complete object in the bucket.
    """

    uuid: str
    size: int
    changed: int
    upload_id: str = ""
    sums: Checksums | None = None
    staged: str = ""
    registered: bool = False

    def is_of(self, file: FolderFile) -> bool:
        """Tell whether the file on disk is still what this entry is about."""
        return (self.size, self.changed) == (file.size, file.changed)


class Journal:
    """What happened to the files of one bundle to be: first the bundle, then line by line what became of its files.

    It is locked while it is open, and may be used by several threads.
    """

    def __init__(self, key: Sequence[object], bundle_uuid: str | None) -> None:
        self._file = JsonLines("uploads", key, busy="another run is uploading this directory")
        self.bundle_uuid = bundle_uuid or str(uuid4())
        self.version = versions.now()
        self.entries: dict[str, Entry] = {}
        self._changing = threading.Lock()

    @property
    def path(self) -> str:
        """Where the journal lies."""
        return self._file.path

    def __enter__(self) -> Journal:
        """Open and lock the journal, and begin one if there is none.

        Raises HCAError if another run uses it, OSError.
        """
        self._file.open()
        try:
            if not self._read():
                self._file.restart([{"journal": FORMAT, "bundle_uuid": self.bundle_uuid, "version": self.version}])
        except BaseException:
            self._file.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def outdated(self, listed: Iterable[FolderFile]) -> dict[str, Entry]:
        """Return the entries, by name, that are about files which are gone or have changed since."""
        current = {file.name for file in listed if file.name in self.entries and self.entries[file.name].is_of(file)}
        return {name: entry for name, entry in self.entries.items() if name not in current}

    def plan(self, listed: Iterable[FolderFile]) -> None:
        """Give every file that is new or has changed an entry, and drop those of files that are gone."""
        old = dict(self.entries)
        lines: list[dict[str, Any]] = []
        for file in listed:
            known = old.pop(file.name, None)
            if known is None or not known.is_of(file):
                # What may be registered keeps its content for good, so other content needs another identity.
                uuid = known.uuid if known and not known.staged else str(uuid4())
                lines.append({"name": file.name, "uuid": uuid, "size": file.size, "changed": file.changed})
        self._write([*lines, *({"name": name, "uuid": ""} for name in old)])

    def note(self, name: str, **told: Any) -> None:
        """Keep what became of the file `name`: fields of its entry. Raises OSError."""
        self._write([{"name": name, **told}])

    def forget(self, name: str) -> None:
        """Forget a file, so that the next run begins it anew under another identity. Raises OSError."""
        self._write([{"name": name, "uuid": ""}])

    def remove(self) -> None:
        """Remove the journal: the same command makes another bundle next time. Raises OSError."""
        self._file.remove()

    def _read(self) -> bool:
        """Take in what the journal tells; tell whether it was one."""
        lines = self._file.lines()
        first = next(lines, {})
        if first.get("journal") != FORMAT:
            return False
        self.bundle_uuid, self.version = str(first["bundle_uuid"]), str(first["version"])
        read_each(lines, self._apply)
        return True

    def _write(self, lines: list[dict[str, Any]]) -> None:
        with self._changing:
            self._file.append(lines)
            for line in lines:
                self._apply(line)

    def _apply(self, line: dict[str, Any]) -> None:
        told = dict(line)
        name = told.pop("name")
        if isinstance(told.get("sums"), dict):
            told["sums"] = Checksums(**told["sums"])
        if told.get("uuid"):
            self.entries[name] = Entry(**told)
        elif "uuid" in told:
            self.entries.pop(name, None)
        elif name in self.entries:
            for field, value in told.items():
                setattr(self.entries[name], field, value)
