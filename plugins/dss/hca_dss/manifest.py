"""Manifests: tab-separated tables with a row for each file to download; checked whole before anything is sent."""

from __future__ import annotations

import csv
import io
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hca_core import files, names
from hca_core.errors import UsageError, several
from hca_dss import filestore
from hca_dss.files import IDENTIFIER, SHA256

if TYPE_CHECKING:
    from collections.abc import Iterator

REQUIRED = ("bundle_uuid", "bundle_version", "file_name", "file_uuid", "file_sha256", "file_size")
PATH_COLUMN = "file_path"
SIZE = re.compile(r"[0-9]{1,18}")
MOST_PROBLEMS = 1000
_SURPLUS = "\0"  # where a row has more cells than columns, this column, which no header can have, tells so


@dataclass(frozen=True)
class Row:
    """One row: a file of a bundle. `version` is empty where the manifest does not tell it; `line` counts from 1."""

    line: int
    bundle_uuid: str
    bundle_version: str
    name: str
    uuid: str
    version: str
    sha256: str
    size: int


@dataclass(frozen=True)
class Totals:
    """What a checked manifest holds: number of rows and sum of their sizes in bytes."""

    rows: int
    size: int


def check(path: str) -> Totals:
    """Read the whole manifest once, in constant memory, and raise UsageError with every problem and its line."""
    count = size = 0
    problems: list[str] = []
    with _reader(path) as reader:
        try:
            for line, cells in reader:
                found = _problems(cells)
                problems += [f"line {line}: {problem}" for problem in found]
                if len(problems) >= MOST_PROBLEMS:
                    break
                if not found:
                    count += 1
                    size += int(cells["file_size"])
        except UsageError as error:  # what comes behind this line can't be read
            problems.append(error.message)
    _raise_if(problems, path)
    return Totals(count, size)


def _raise_if(problems: list[str], path: str) -> None:
    if problems:
        raise UsageError(several(problems, f"{path} can't be used, and nothing was downloaded"))


def rows(path: str) -> Iterator[Row]:
    """Yield the rows of a manifest that `check` has passed; blank lines are none."""
    with _reader(path) as reader:
        for line, cells in reader:
            yield Row(
                line,
                cells["bundle_uuid"],
                cells["bundle_version"],
                cells["file_name"],
                cells["file_uuid"],
                cells.get("file_version") or "",
                cells["file_sha256"].lower(),
                int(cells["file_size"]),
            )


def by_bundle(path: str) -> dict[tuple[str, str], list[Row]]:
    """Return the rows of a manifest that `check` has passed by uuid and version of their bundle, repeated ones once.

    Raises UsageError if two files of a bundle would have one place on disk.
    """
    bundles: dict[tuple[str, str], dict[str, Row]] = {}
    problems = []
    for row in rows(path):
        other = bundles.setdefault((row.bundle_uuid, row.bundle_version), {}).setdefault(row.name.casefold(), row)
        if (other.name, other.sha256) != (row.name, row.sha256):
            same = f"the bundle's file {other.name!r} of line {other.line}, another one"
            problems.append(f"line {row.line}: file_name {row.name!r} is, at least but for its case, that of {same}")
    _raise_if(problems, path)
    return {bundle: list(found.values()) for bundle, found in bundles.items()}


def write_copy(path: str, download_dir: str) -> str:
    """Write the manifest to the current directory with the column `file_path` filled, and return where.

    The bytes are those of the old client: excel-tab, CRLF, the column last unless it was there. Raises OSError.
    """
    target = os.path.basename(path)

    def lines() -> Iterator[bytes]:
        with _reader(path) as reader:
            columns = list(dict.fromkeys([*reader.columns, PATH_COLUMN]))
            yield _line(columns, dict(zip(columns, columns, strict=True)))
            for _, cells in reader:
                cells[PATH_COLUMN] = filestore.path(download_dir, cells["file_sha256"].lower())
                yield _line(columns, cells)

    files.write_atomic(target, lines(), mode=0o666)
    return target


def _line(columns: list[str], cells: dict[str, str]) -> bytes:
    text = io.StringIO(newline="")
    csv.DictWriter(text, columns, dialect="excel-tab").writerow(cells)
    return text.getvalue().encode()


class _reader:  # noqa: N801 - used like a function
    """Opens a manifest, checks its header, and yields (line, cells by column) for every row that is not blank."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __enter__(self) -> _reader:
        try:
            self._stream = open(self.path, newline="", encoding="utf-8-sig")
        except OSError as error:
            raise UsageError(f"the manifest {self.path} can't be read: {error.strerror}") from error
        try:
            self._rows = csv.reader(self._stream, dialect="excel-tab")
            self.columns = self._header()
        except BaseException:
            self._stream.close()
            raise
        return self

    def __exit__(self, *_: Any) -> None:
        self._stream.close()

    def _next(self) -> list[str] | None:
        """Return the next row that is not blank, None at the end."""
        try:
            for cells in self._rows:
                if any(cell.strip() for cell in cells):
                    return cells
        except csv.Error as error:
            raise UsageError(f"{self.path}, line {self._rows.line_num}: not a tab-separated row ({error})") from error
        except UnicodeDecodeError as error:
            raise UsageError(f"{self.path} is not UTF-8 text (near line {self._rows.line_num + 1})") from error
        return None

    def _header(self) -> list[str]:
        columns = self._next()
        if columns is None:
            raise UsageError(f"{self.path} is empty: its first line must name the columns {', '.join(REQUIRED)}")
        missing = [name for name in REQUIRED if name not in columns]
        if columns[0].startswith("-e "):
            why = "it begins with '-e ', as a script with 'echo -e' writes it when sh runs it: run it with bash"
        elif len(columns) == 1 and len(columns[0].split()) > 1:
            why = "its columns are separated by blanks, but must be by tabs"
        elif missing:
            why = f"it does not name the column{'s' if len(missing) > 1 else ''} {', '.join(missing)}"
        elif len(set(columns)) < len(columns):
            why = "it names a column twice"
        else:
            return columns
        raise UsageError(f"{self.path}: the header can't be used: {why}")

    def __iter__(self) -> Iterator[tuple[int, dict[str, str]]]:
        while (cells := self._next()) is not None:
            named = dict(zip(self.columns, cells + [""] * (len(self.columns) - len(cells)), strict=False))
            if len(cells) > len(self.columns):
                named[_SURPLUS] = f"{len(cells)} cells, but {len(self.columns)} columns"
            yield self._rows.line_num, named


def _problems(cells: dict[str, str]) -> list[str]:
    found = [cells[_SURPLUS]] if _SURPLUS in cells else []
    for column in ("bundle_uuid", "bundle_version", "file_uuid"):
        if not IDENTIFIER.fullmatch(cells[column]):
            found.append(f"{column} {cells[column]!r} is not an identifier")
    if cells.get("file_version") and not IDENTIFIER.fullmatch(cells["file_version"]):
        found.append(f"file_version {cells['file_version']!r} is not a version")
    if problem := names.problem(cells["file_name"]):
        found.append(f"file_name {cells['file_name']!r} {problem}")
    if not SHA256.fullmatch(cells["file_sha256"]):
        found.append(f"file_sha256 {cells['file_sha256']!r} is not 64 hexadecimal digits")
    if not SIZE.fullmatch(cells["file_size"]):
        found.append(f"file_size {cells['file_size']!r} is not a number of bytes")
    return found
