"""A large file in pieces, over several connections, where one alone is slow: only as long as that brings more.

Pieces are held in memory until all before them are there, so that the part on the disk never has a hole, is hashed in
order, and can be taken up by any later run.
"""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING

from hca_core.errors import HCAError, NetworkError
from hca_core.transfer import curls
from hca_core.transfer.jobs import Job, Step
from hca_core.transfer.sinks import Kept

if TYPE_CHECKING:
    from hca_core.transfer.curls import Exchange
    from hca_core.transfer.values import Request

SIZE = 4 * 1024 * 1024
FIRST = 4  # connections for one file
WORTH_IT = 8 * SIZE  # bytes that must be left
MEASURE_SECONDS = 2.0
_MORE = 1.3  # times as fast, or more connections are not kept
# What one connection brings at least on the way to a service nearby; more of them would take processors only.
_FAST = 100 * 1024 * 1024


class Gathered:
    """Where a piece goes while it arrives: memory. `got` is the place in the whole file."""

    def __init__(self, offset: int, length: int) -> None:
        self.offset, self.length = offset, length
        self._pieces: list[bytes] = []
        self.got = offset

    def take(self, piece: bytes) -> None:
        """Take the next bytes; what is more than was asked for is nothing to us."""
        piece = piece[: self.offset + self.length - self.got]
        self._pieces.append(piece)
        self.got += len(piece)

    def taken(self) -> list[bytes]:
        """Return what was taken."""
        return self._pieces

    def keep(self) -> None:
        """Do nothing: what is in memory goes with the process."""

    settle = rest = drop = commit = afresh = keep


class Piece(Job):
    """One piece of a file; it is asked for as a file is, and fails with it."""

    __slots__ = ("_whole",)

    def __init__(self, whole: Job, offset: int, length: int) -> None:
        super().__init__(whole.transfer, *whole.terms)
        self._whole = whole
        self.sink = Gathered(offset, length)

    @property
    def whole(self) -> Job:
        """The file that this is a piece of."""
        return self._whole

    @property
    def is_whole(self) -> bool:
        """Whether nothing of this piece is missing."""
        sink = self.sink
        return isinstance(sink, Gathered) and sink.got == sink.offset + sink.length

    def _next_request(self) -> Request:
        if self._refused:
            # Where the pieces came from is not good any more; the file finds out what is.
            raise NetworkError("the pieces were refused")
        sink = self.sink
        assert isinstance(sink, Gathered)  # noqa: S101 - for the type checker
        request: Request = self.transfer.source.piece(sink.got, sink.offset + sink.length - sink.got)  # type: ignore[attr-defined]
        return request

    def answered(self, exchange: Exchange) -> int:
        """Look at the headers of an answer, as for a file. Raises HCAError if the service does not give pieces."""
        if exchange.status == 200 and self._request.begins != self._asked:
            raise HCAError("the service does not give pieces")
        return super().answered(exchange)

    def take(self, piece: bytes) -> None:
        """Take the next bytes. Raises NetworkError to break off what goes on behind the end of this piece."""
        if self.is_whole:
            raise NetworkError("more came than was asked for")
        self.sink.take(piece)

    def ended(self, exchange: Exchange, error: curls.BrokenError | None) -> Step:
        """Return what comes next after a request ended."""
        exchange.begin()
        if self.is_whole:
            self.fetched += exchange.content
            return self.complete()
        return super().ended(exchange, error)

    def complete(self) -> Step:
        """Return the step that tells that this piece is there."""
        return Step(is_piece=True)

    def failed(self, failure: Exception) -> Step:
        """Return the step that tells that this piece can't be had."""
        return Step(is_piece=True, failure=failure)


class Split:
    """How one file comes in pieces: those under way, and whether it was worth it."""

    def __init__(self, job: Job, before: float) -> None:
        """Parameters: `before` is how many bytes a second came over one connection."""
        self._job = job
        self._next = job.sink.got
        self._pieces: deque[Piece] = deque()
        self._before = before
        self._allowed = job.terms[0].connections
        self._most = min(FIRST, self._allowed)
        self._since = time.monotonic()
        self._from = job.sink.got

    def wanted(self) -> Piece | None:
        """Return the next piece to ask for, if there should be one."""
        size = self._job.transfer.size or 0
        if len(self._pieces) >= self._most or self._next >= size:
            return None
        piece = Piece(self._job, self._next, min(SIZE, size - self._next))
        self._next += SIZE
        self._pieces.append(piece)
        return piece

    def arrived(self) -> None:
        """Take what is complete and next in order. Raises IntegrityError, OSError."""
        while self._pieces and self._pieces[0].is_whole:
            piece = self._pieces.popleft()
            sink = piece.sink
            assert isinstance(sink, Gathered)  # noqa: S101 - for the type checker
            self._job.fetched += sink.length
            for block in sink.taken():
                self._job.take(block)

    def is_done(self) -> bool:
        """Tell whether nothing is under way."""
        return not self._pieces

    def under_way(self) -> tuple[Piece, ...]:
        """Return the pieces that are under way."""
        return tuple(self._pieces)

    def adapt(self) -> None:
        """Use more connections, or go back to one, once it is known what these bring."""
        now = time.monotonic()
        if now - self._since < MEASURE_SECONDS or not self._most:
            return
        speed = (self._job.sink.got - self._from) / (now - self._since)
        self._since, self._from = now, self._job.sink.got
        if self._most <= FIRST and speed < self._before * _MORE:
            self._most = 0  # those under way end, then one connection goes on alone
        elif self._most < self._allowed and speed > self._before * _MORE:
            self._most, self._before = min(self._most * 2, self._allowed), speed


def may_split(job: Job, exchange: Exchange, seconds: float) -> bool:
    """Tell whether a file might come faster in pieces, after its only connection worked for some `seconds`."""
    left = (job.transfer.size or 0) - job.sink.got
    return (
        seconds >= MEASURE_SECONDS
        and left >= WORTH_IT
        and isinstance(job.sink, Kept)
        and job.transfer.digest is not None  # or pieces of two objects might be put together
        and not job.was_split
        and exchange.content < seconds * _FAST
        and job.terms[0].connections > 1
        and hasattr(job.transfer.source, "piece")
    )
