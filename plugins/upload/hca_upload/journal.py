"""What a run has sent so far, kept so that the same command goes on where it stopped, and `--sync` need not read."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from hca_core.journals import JsonLines, read_each
from hca_core.s3.bucket import KnownPart

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import TracebackType

    from hca_upload.sources import Item

FORMAT = 1


@dataclass(slots=True)
class Entry:
    """What is known about one file: `path`, `size` and `changed` tell which state of it on disk this is about.

    `upload_id` is that of an upload in parts, `begun` what S3 was told of the object when it began, `parts` are those
    that were sent; `etag` is that of the complete object in the area, `told` says that the service knows of it.
    `source` is the ETag of an object that is copied.
    """

    path: str
    size: int
    changed: int
    upload_id: str = ""
    begun: str = ""
    parts: dict[int, KnownPart] = field(default_factory=dict)
    etag: str = ""
    told: bool = False
    source: str = ""


class Journal:
    """The journal of one command: the same area, the same sources. Locked while open, for several threads.

    `is_open` tells whether an earlier run stopped before its end: then what its entries say to be done is done. After
    a run that ended they are only what `--sync` may rely on.
    """

    def __init__(self, key: Sequence[object], *, only_look: bool = False) -> None:
        """Parameters: `key` is what the command is known by; `only_look` is for who sends nothing."""
        self._file = JsonLines("upload-areas", key, busy="another run is uploading the same to this area")
        self._only_look = only_look
        self.entries: dict[str, Entry] = {}
        self.is_open = False

    def __enter__(self) -> Journal:
        """Open and lock the journal, or look at it only. Raises HCAError if another run uses it, OSError."""
        if self._only_look:
            self._read(iter(self._file.look()))
            return self
        self._file.open()
        try:
            self._read(self._file.lines())
        except BaseException:
            self._file.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._only_look:
            self._file.close()

    def _read(self, lines: Iterator[dict[str, Any]]) -> None:
        if next(lines, {}).get("journal") == FORMAT:
            self.is_open = True
            read_each(lines, self._apply)

    def begin(self, *, trusted: bool) -> None:
        """Begin a run; what the journal has is written anew, as short as it can be. Raises OSError.

        Parameters: `trusted` keeps what a run that ended has done.
        """
        if not self.is_open and not trusted:
            self.entries.clear()
        lines = [{"name": name, **_line(entry)} for name, entry in self.entries.items()]
        self._file.restart([{"journal": FORMAT}, *lines])

    def found(self, item: Item) -> Entry | None:
        """Return what is known about a file in its present state, None if nothing is."""
        entry = self.entries.get(item.name)
        return entry if entry and self.is_of(entry, item) else None

    def is_of(self, entry: Entry, item: Item) -> bool:
        """Tell whether `item` is still what `entry` is about."""
        return (entry.size, entry.changed) == (item.size, item.changed) and entry.path == self._place(item)

    def _place(self, item: Item) -> str:
        """Return where a file is, whatever the directory that a run is started in."""
        is_whole = os.path.isabs(item.path) or item.is_remote
        return item.path if is_whole else os.path.normpath(os.path.join(self._folder, item.path))

    @cached_property
    def _folder(self) -> str:
        return os.getcwd()

    def note(self, item: Item, **told: Any) -> Entry:
        """Keep what became of a file, and return its entry. Raises OSError.

        Parameters: `told` are fields of the entry, or `part=(number, etag, crc32c)`.
        """
        line = {"name": item.name, **told}
        if self.found(item) is None:
            line |= {"path": self._place(item), "size": item.size, "changed": item.changed}
        self._file.append([line])
        self._apply(line)  # a file is the work of one thread
        return self.entries[item.name]

    def end(self) -> None:
        """Note that all was done. Raises OSError."""
        self._file.append([{"ended": True}])

    def _apply(self, line: dict[str, Any]) -> None:
        if line.get("ended"):
            self.is_open = False
            return
        told = dict(line)
        name = str(told.pop("name"))
        part = told.pop("part", None)
        parts = {int(number): _known(*known) for number, known in told.pop("parts", {}).items()}
        if "path" in told:
            self.entries[name] = Entry(**told, parts=parts)
        entry = self.entries[name]  # none: its beginning was cut off
        for key, value in told.items():
            if type(value) is not type(getattr(entry, key)):
                raise ValueError(key)
            setattr(entry, key, value)
            if key == "upload_id":
                entry.parts = parts
        if part:
            entry.parts[int(part[0])] = _known(*part[1:])


def _known(etag: str, crc32c: str) -> KnownPart:
    return KnownPart(str(etag), str(crc32c))


def _line(entry: Entry) -> dict[str, Any]:
    line: dict[str, Any] = {"path": entry.path, "size": entry.size, "changed": entry.changed}
    if entry.source:
        line["source"] = entry.source
    if entry.etag:
        return line | {"etag": entry.etag, "told": entry.told}
    return line | {"upload_id": entry.upload_id, "begun": entry.begun, "parts": entry.parts}
