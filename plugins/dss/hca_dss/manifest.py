"""Manifests: tab-separated tables with a row for each file to download; checked whole before anything is sent."""

from __future__ import annotations

import os
import re
from itertools import count, groupby
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

from hca_core import files, names
from hca_core.errors import UsageError, several
from hca_dss.files import IDENTIFIER, SHA256, stored_in
from hca_dss.tables import Table, line_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence, Set

REQUIRED = ("bundle_uuid", "bundle_version", "file_name", "file_uuid", "file_sha256", "file_size")
VERSION_COLUMN = "file_version"
PATH_COLUMN = "file_path"
SIZE = re.compile(r"[0-9]{1,18}")
MOST_PROBLEMS = 1000
# What cells of a row without problems look like nearly always. A line that does not match as a whole is looked at cell
# by cell; so a pattern here may be too strict, never too generous. Windows has rules for names that no pattern tells.
_CELL = r'[^\t\r\n"\0]{0,1000}'
_ID = IDENTIFIER.pattern
_NAME_PART = r"[A-Za-z0-9_+=@,#%~()-][A-Za-z0-9_+=@,#%~(). -]{0,199}"
_PLAIN = {
    "bundle_uuid": _ID,
    "bundle_version": _ID,
    "file_name": rf"{_NAME_PART}(?:/{_NAME_PART}){{0,20}}" if os.name != "nt" else r"(?!)",
    "file_uuid": _ID,
    VERSION_COLUMN: f"(?:{_ID})?",
    "file_sha256": SHA256.pattern,
    "file_size": SIZE.pattern,
}


class Row(NamedTuple):
    """One row: a file of a bundle. `version` is empty where the manifest does not tell it; `line` counts from 1."""

    line: int
    bundle_uuid: str
    bundle_version: str
    name: str
    uuid: str
    version: str
    sha256: str
    size: int


_bundle_of = itemgetter(1, 2)


class Totals(NamedTuple):
    """What a checked manifest holds: number of rows and sum of their sizes in bytes."""

    rows: int
    size: int


class Manifest:
    """A manifest in an open file: whoever replaces it meanwhile changes nothing for us. Raises UsageError."""

    def __init__(self, path: str) -> None:
        self._table = Table(path)
        self.path = self._table.path
        try:
            self._check_header()
        except BaseException:
            self._table.__exit__()
            raise
        self._position = {name: position for position, name in enumerate(self._table.columns)}

    def __enter__(self) -> Manifest:
        return self

    def __exit__(self, *_: object) -> None:
        self._table.__exit__()

    def _check_header(self) -> None:
        columns = self._table.columns
        if not columns:
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
            return
        raise UsageError(f"{self.path}: the header can't be used: {why}")

    def check(self) -> Totals:
        """Read the whole manifest, in constant memory, and raise UsageError with every problem and its line."""
        rows = size = 0
        problems: list[str] = []
        try:
            for piece in self._table.pieces(self._checking_pattern("file_size")):
                if piece.found is not None:
                    rows += len(piece.found)
                    size += sum(map(int, piece.found))
                    continue
                for line, cells in piece.cells:
                    found = self._problems(cells)
                    problems += [f"line {line}: {problem}" for problem in found]
                    if not found:
                        rows += 1
                        size += int(cells[self._position["file_size"]])
                    if len(problems) >= MOST_PROBLEMS:
                        break
                if len(problems) >= MOST_PROBLEMS:
                    break
        except UsageError as error:  # what comes behind this line can't be read
            problems.append(error.message)
        self._raise_if(problems)
        return Totals(rows, size)

    def rows(self) -> Iterator[Row]:
        """Yield the rows of a manifest that `check` has passed; blank lines are none."""
        pattern = self._splitting_pattern(*_PLAIN)
        pick = itemgetter(*(pattern.groupindex[name] - 1 for name in _PLAIN))
        for piece in self._table.pieces(pattern):
            found = (
                zip(count(piece.line), map(pick, piece.found))
                if piece.found is not None
                else ((line, self._picked(cells)) for line, cells in piece.cells)
            )
            for line, (bundle_uuid, bundle_version, name, uuid, version, sha256, size) in found:
                yield Row(line, bundle_uuid, bundle_version, name, uuid, version, sha256.lower(), int(size))

    def check_bundles(self) -> frozenset[int]:
        """Raise UsageError if two files of a bundle would have one place on disk; `check` comes first.

        Returns what `by_bundle` needs: which bundles have rows in several places of the manifest. Memory grows with the
        number of bundles, and with the rows of those in several places, not with the number of rows.
        """
        seen: set[int] = set()
        scattered: set[int] = set()
        problems: list[str] = []
        for bundle, group in groupby(self.rows(), _bundle_of):
            key = hash(bundle)  # two bundles with one hash are both taken for scattered, which costs memory only
            if key in seen:
                scattered.add(key)
            seen.add(key)
            problems += _clashes(group)
            if len(problems) >= MOST_PROBLEMS:
                break
        self._raise_if(problems)
        for rows in self._gathered(scattered).values():
            problems += _clashes(rows)
        self._raise_if(problems)
        return frozenset(scattered)

    def by_bundle(self, scattered: Set[int]) -> Iterator[tuple[tuple[str, str], list[Row]]]:
        """Yield each bundle (uuid, version) with its rows; `scattered` is what `check_bundles` returned."""
        for bundle, group in groupby(self.rows(), _bundle_of):
            if hash(bundle) not in scattered:
                yield bundle, list(group)
        yield from self._gathered(scattered).items()

    def _gathered(self, scattered: Set[int]) -> dict[tuple[str, str], list[Row]]:
        bundles: dict[tuple[str, str], list[Row]] = {}
        for row in self.rows() if scattered else ():
            if hash(_bundle_of(row)) in scattered:
                bundles.setdefault(_bundle_of(row), []).append(row)
        return bundles

    def check_copy(self) -> None:
        """Raise UsageError if `write_copy` can't write."""
        target = self._table.name
        if os.path.isdir(target):
            raise UsageError(f"the manifest's copy can't be written: {target} is a directory here")
        if target and not os.access(".", os.W_OK):
            raise UsageError("the manifest's copy can't be written: the current directory is read-only; go to another")

    def write_copy(self, download_dir: str) -> str:
        """Write the manifest to the current directory with the column `file_path` filled, and return where.

        The bytes are those of the old client: excel-tab, CRLF, the column last unless it was there. A manifest that
        came from a pipe has no name for a copy: "". Raises OSError.
        """
        target = self._table.name
        if not target:
            return ""
        with files.replacing(target, mode=0o666) as stream:
            for text in self._copy(download_dir):
                stream.write(text.encode(errors="surrogateescape"))  # a directory may have a name that is no text
        return target

    def _copy(self, download_dir: str) -> Iterator[str]:
        columns = self._table.columns
        widened = list(dict.fromkeys([*columns, PATH_COLUMN]))
        place = widened.index(PATH_COLUMN)
        stored = stored_in(download_dir)
        yield line_of(widened)
        pattern = self._copy_pattern(place)
        if line_of([download_dir, ""]) != f"{download_dir}\t\r\n":
            pattern = re.compile("(?!)")  # csv writes the path in quotes, so csv has to write all lines
        pick = itemgetter(*(pattern.groupindex.get(name, 0) - 1 for name in ("before", "file_sha256", "behind")))
        tab = "\t" if len(widened) > len(columns) else ""
        for piece in self._table.pieces(pattern):
            if piece.found is not None:
                found = map(pick, piece.found)
                yield "".join(f"{before}{tab}{stored(sha256.lower())}{behind}\r\n" for before, sha256, behind in found)
                continue
            for _, cells in piece.cells:
                cells += [""] * (len(widened) - len(cells))
                cells[place] = stored(cells[self._position["file_sha256"]].lower())
                yield line_of(cells)

    def _checking_pattern(self, captured: str) -> re.Pattern[str]:
        """Return what matches a whole line without problems, with the `captured` column as a group of its name."""
        return _line("\t".join(_cell(name, _PLAIN.get(name, _CELL), (captured,)) for name in self._table.columns))

    def _splitting_pattern(self, *captured: str) -> re.Pattern[str]:
        """Return what splits lines that were checked, with the `captured` columns as groups of their names."""
        # A column that the table does not have is empty in each row.
        empty = [f"(?P<{name}>)" for name in captured if name not in self._table.columns]
        return _line("\t".join(self._split_cells(captured)) + "".join(empty))

    def _split_cells(self, captured: Sequence[str]) -> list[str]:
        # Whatever is no tab; that the sha256 is one tells a row from a line of blanks.
        patterns = {self._table.columns[-1]: r"[^\r\n]*", "file_sha256": SHA256.pattern}
        return [_cell(name, patterns.get(name, r"[^\t]*"), captured) for name in self._table.columns]

    def _copy_pattern(self, place: int) -> re.Pattern[str]:
        """Return what splits lines that were checked: into what they have before and behind the cell at `place`."""
        cells = self._split_cells(("file_sha256",))
        if place == len(cells):
            return _line(f"(?P<before>{chr(9).join(cells)})(?P<behind>)")
        before = "".join(f"{cell}\t" for cell in cells[:place])
        behind = "".join(f"\t{cell}" for cell in cells[place + 1 :])
        return _line(f"(?P<before>{before}){cells[place]}(?P<behind>{behind})")

    def _problems(self, cells: list[str]) -> list[str]:
        columns = self._table.columns
        if len(cells) > len(columns):
            return [f"{len(cells)} cells, but {len(columns)} columns", *_cell_problems(self._named(cells))]
        return _cell_problems(self._named(cells))

    def _named(self, cells: list[str]) -> dict[str, str]:
        """Return a row by column; cells that are missing are empty."""
        columns = self._table.columns
        return dict(zip(columns, cells + [""] * (len(columns) - len(cells)), strict=False))

    def _picked(self, cells: list[str]) -> tuple[str, ...]:
        named = {VERSION_COLUMN: "", **self._named(cells)}
        return tuple(named[column] for column in _PLAIN)

    def _raise_if(self, problems: list[str]) -> None:
        if problems:
            raise UsageError(several(problems, f"{self.path} can't be used, and nothing was downloaded"))


def _line(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"^{pattern}\r?$", re.MULTILINE | re.ASCII)


def _cell(column: str, pattern: str, captured: Sequence[str]) -> str:
    return f"(?P<{column}>{pattern})" if column in captured else pattern


def _cell_problems(cells: Mapping[str, str]) -> list[str]:
    found = []
    for column in ("bundle_uuid", "bundle_version", "file_uuid"):
        if not IDENTIFIER.fullmatch(cells[column]):
            found.append(f"{column} {cells[column]!r} is not an identifier")
    if cells.get(VERSION_COLUMN) and not IDENTIFIER.fullmatch(cells[VERSION_COLUMN]):
        found.append(f"file_version {cells[VERSION_COLUMN]!r} is not a version")
    if problem := names.problem(cells["file_name"]):
        found.append(f"file_name {cells['file_name']!r} {problem}")
    if not SHA256.fullmatch(cells["file_sha256"]):
        found.append(f"file_sha256 {cells['file_sha256']!r} is not 64 hexadecimal digits")
    if not SIZE.fullmatch(cells["file_size"]):
        found.append(f"file_size {cells['file_size']!r} is not a number of bytes")
    return found


def _clashes(rows: Iterable[Row]) -> list[str]:
    """Return what is wrong with rows of one bundle: different files at one place, at least on some file systems."""
    first: dict[str, Row] = {}
    problems = []
    for row in rows:
        other = first.setdefault(row.name.casefold(), row)
        if (other.name, other.sha256) != (row.name, row.sha256):
            same = f"the bundle's file {other.name!r} of line {other.line}, another one"
            problems.append(f"line {row.line}: file_name {row.name!r} is, at least but for its case, that of {same}")
    return problems
