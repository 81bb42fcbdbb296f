"""Where the lines, records and columns of a file begin; read once, in memory that does not grow with the file."""

from __future__ import annotations

import re
from itertools import chain, pairwise
from typing import TYPE_CHECKING

from hca_local.shock import sequences
from hca_local.shock.sequences import EMPTY, Kind, MalformedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

CHUNK = 1024 * 1024
_LINE_END = re.compile(rb"\n")
_RETURN = ord("\r")
# Of the lines of a table so much is looked at for the column.
_LONGEST = 16 * 1024 * 1024


def lines(blocks: Iterable[bytes]) -> Iterator[int]:
    """Yield where each line begins. What follows the last line feed is one more, empty or not: so Shock counts."""
    start = 0
    yield start
    for block in blocks:
        for found in _LINE_END.finditer(block):
            yield start + found.end()
        start += len(block)


def records(blocks: Iterable[bytes]) -> Iterator[int]:
    """Yield where each record of a FASTA, FASTQ or SAM file begins; what is before the first belongs to it.

    Raises MalformedError.
    """
    blocks = iter(blocks)
    head = next(blocks, b"")
    name = sequences.format_of(head)
    if name is None:
        raise MalformedError("Invalid file type for filter")
    reader = sequences.READERS[name]()
    is_first = True
    for start, first, length in _lines(chain([head], blocks)):
        if reader.begin(first) is Kind.HEAD:
            yield 0 if is_first else start
            is_first = False
        reader.end(length)
    if not reader.is_complete:
        raise MalformedError("The last record is not complete.")


def chunks(blocks: Iterable[bytes]) -> Iterator[int]:
    """Yield where groups of records begin that are 1 MiB or little more. Raises MalformedError."""
    before = None
    for start in records(blocks):
        if before is None or start - before >= CHUNK:
            before = start
            yield start


def column(blocks: Iterable[bytes], number: int) -> Iterator[int]:
    """Yield where consecutive rows of a table with one value in column `number`, counted from 1, begin.

    Empty lines go with the rows before them. Raises MalformedError if a row has no such column.
    """
    before: bytes | None = None
    for start, line in _texts(blocks):
        text = line.rstrip(b"\r\n")
        if not text:
            continue
        fields = text.split(b"\t", number)
        if len(fields) < number:
            raise MalformedError(f"The line at byte {start} has no column {number}.")
        value = fields[number - 1]
        if value != before:
            yield 0 if before is None else start
            before = value


def units(starts: Iterable[int], size: int) -> Iterator[tuple[int, int]]:
    """Yield offset and length of the units that begin at `starts`, the last one up to `size`."""
    for start, end in pairwise(chain(starts, [size])):
        yield start, end - start


def _lines(blocks: Iterable[bytes]) -> Iterator[tuple[int, int, int]]:
    """Yield of each line where it begins, its first byte (EMPTY if it has none), and its length without its end."""
    start = 0
    carried, first, last = 0, EMPTY, EMPTY  # of what a line has in former blocks
    for block in blocks:
        at = 0
        while (end := block.find(b"\n", at)) >= 0:
            if end > at:
                first = block[at] if not carried else first
                last = block[end - 1]
            length = carried + end - at
            yield start, _none_of_return(first, length), length - (length > 0 and last == _RETURN)
            start += length + 1
            carried, first, last = 0, EMPTY, EMPTY
            at = end + 1
        if at < len(block):
            first = block[at] if not carried else first
            last = block[-1]
            carried += len(block) - at
    if carried:
        yield start, _none_of_return(first, carried), carried - (last == _RETURN)


def _none_of_return(first: int, length: int) -> int:
    """Return the first byte of a line; a line that is only a carriage return has none."""
    return EMPTY if length == 1 and first == _RETURN else first


def _texts(blocks: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """Yield of each line where it begins, and itself with its end. Raises MalformedError if it is too long."""
    start = 0
    rest = b""
    for block in blocks:
        *whole, rest = (rest + block).split(b"\n")
        for line in whole:
            yield start, line
            start += len(line) + 1
        if len(rest) > _LONGEST:
            raise MalformedError(f"The line at byte {start} is too long for a table.")
    if rest:
        yield start, rest
