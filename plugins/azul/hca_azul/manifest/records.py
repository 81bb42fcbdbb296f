"""The lines of a compact manifest as cells: tab-separated values in the dialect of Excel (contract §0.6)."""

from __future__ import annotations

import csv
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from hca_azul.manifest.cells import JOINER
from hca_core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TextIO

AGAIN = "make it again: hca azul create-manifest"
_LONGEST_CELL = 16 * 1024 * 1024  # characters; the library's own limit is 128 Ki, which a hundred long values exceed


class Record(NamedTuple):
    """The cells of one row, the number of the line that it begins in, and how often its cells join values."""

    line: int
    cells: list[str]
    joints: int


def records(stream: TextIO, name: str) -> Iterator[Record]:
    """Yield header and rows as they are, without empty lines; `name` is for messages. Raises UsageError."""
    csv.field_size_limit(max(_LONGEST_CELL, csv.field_size_limit()))
    number = 0
    for text in stream:
        number += 1
        if '"' in text:
            reader = csv.reader(chain((text,), stream), dialect="excel-tab", strict=True)
            cells = _quoted(reader, f"{name}: line {number}")
            yield Record(number, cells, sum(cell.count(JOINER) for cell in cells))
            number += reader.line_num - 1
        elif plain := text.rstrip("\r\n"):
            # Without a quote a tab is always between two cells. To split there takes a tenth of the library's time.
            yield Record(number, plain.split("\t"), plain.count(JOINER))


def _quoted(reader: Iterator[list[str]], place: str) -> list[str]:
    """Return the cells of the next record, which may go on over several lines."""
    try:
        return next(reader)
    except csv.Error as error:
        problem = "ends within quotes" if "unexpected end of data" in str(error) else f"can't be read ({error})"
        raise UsageError(f"{place} {problem}", hint=AGAIN) from error
