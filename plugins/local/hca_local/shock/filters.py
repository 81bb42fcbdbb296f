"""The filters of downloads: FASTQ as FASTA, and sequences without what their names tell (contract §6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hca_local.shock import sequences
from hca_local.shock.calls import ShockError
from hca_local.shock.sequences import EMPTY, Kind, MalformedError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator

    from hca_local.shock.shock import Shock

NAMES = ("fq2fa", "anonymize")
_RETURN, _LINE_FEED = b"\r\n"
# What is not sent before the end of its record has come.
_MOST_HELD = 16 * 1024 * 1024


class Filter:
    """Turns the blocks of a sequence file into what is sent of it; a line may be longer than memory."""

    def __init__(self, name: str, format: str) -> None:
        """Parameters: `name` is that of the filter, `format` that of the file."""
        self._reader = sequences.READERS[format]()
        self._is_anonymous = name == "anonymize"
        self._count = 0
        self._kind = Kind.OTHER
        self._begins = True
        self._length = 0
        self._before = EMPTY  # the last byte of the line in former blocks
        self._out: list[bytes] = []
        self._settled = 0  # how many of `_out` are of whole records
        self._was_early = False

    def feed(self, block: bytes) -> bytes:
        """Return what is ready to be sent after `block`. Raises MalformedError."""
        for line in _cut(block):
            ends = line[-1] == _LINE_FEED
            if self._begins:
                self._begin(line)
            elif self._is_copied():
                self._out.append(line)
            self._length += len(line)
            if ends:
                self._end(line)
            else:
                self._before = line[-1]
            self._begins = ends
        return self._ready()

    def finish(self, *, is_slice: bool) -> bytes:
        """Return what is left. Raises MalformedError.

        Parameters: `is_slice` tells that the file may go on, so that the record that is not complete is left out.
        """
        if not self._begins:
            self._reader.end(self._length - (self._before == _RETURN))
        if self._reader.is_complete:
            self._settled = len(self._out)
        elif not is_slice or self._was_early:
            raise MalformedError("The last record is not complete.")
        return self._ready()

    def _begin(self, line: bytes) -> None:
        """Begin a line: tell what it is, and write what it begins with or is replaced with."""
        is_empty = line in (b"\n", b"\r\n")
        self._kind = self._reader.begin(EMPTY if is_empty else line[0])
        if self._kind is Kind.HEAD:
            self._settled = len(self._out)
            self._was_early = False
            self._count += 1
        self._length = 0
        if self._is_copied():
            self._out.append(b">" + line[1:] if self._kind is Kind.HEAD else line)
        elif self._is_anonymous:
            self._out.append(b"%c%d\n" % (line[0], self._count) if self._kind is Kind.HEAD else b"+\n")

    def _end(self, line: bytes) -> None:
        ended = 1
        if (line[-2] if len(line) > 1 else self._before) == _RETURN:
            ended = 2
        self._reader.end(self._length - ended)
        self._before = EMPTY

    def _is_copied(self) -> bool:
        """Tell whether lines like this one are sent as they are."""
        if self._is_anonymous:
            return self._kind not in (Kind.HEAD, Kind.PLUS)
        return self._kind in (Kind.HEAD, Kind.SEQUENCE)

    def _ready(self) -> bytes:
        if self._reader.is_complete and self._begins:
            self._settled = len(self._out)
        elif sum(map(len, self._out[self._settled :])) > _MOST_HELD:
            self._settled = len(self._out)
            self._was_early = True
        ready = b"".join(self._out[: self._settled])
        del self._out[: self._settled]
        self._settled = 0
        return ready


async def applied(
    shock: Shock, name: str, pieces: AsyncGenerator[bytes, None], *, is_slice: bool
) -> AsyncGenerator[bytes, None]:
    """Yield what the filter `name` makes of `pieces`.

    Raises ShockError (400) before the first if they are not of sequences, MalformedError if they turn out not to be.
    """
    chosen: Filter | None = None
    sent = False
    async for piece in pieces:
        try:
            chosen = chosen or _filter_for(name, piece)
            made = await shock.run(chosen.feed, piece)
        except MalformedError as error:
            if shock.quirks:
                return
            if sent:
                raise
            raise ShockError(400, f"The filter {name} can't read what was asked for: {error}") from error
        if made:
            sent = True
            yield made
    if chosen and (made := _last(chosen, is_slice=is_slice or shock.quirks)):
        yield made


def _filter_for(name: str, head: bytes) -> Filter:
    """Return a filter for a file, or a slice of one, that begins with `head`. Raises MalformedError."""
    format = sequences.format_of(head)
    wanted = ("fastq",) if name == "fq2fa" else ("fasta", "fastq")
    if format is None or format not in wanted:
        raise MalformedError(f"it does not begin with a record of {' or '.join(wanted).upper()}.")
    return Filter(name, format)


def _last(chosen: Filter, *, is_slice: bool) -> bytes:
    return chosen.finish(is_slice=is_slice)


def _cut(block: bytes) -> Iterator[bytes]:
    """Yield the lines of `block` with their ends; the last may have none."""
    at = 0
    while (end := block.find(b"\n", at)) >= 0:
        yield block[at : end + 1]
        at = end + 1
    if at < len(block):
        yield block[at:]
