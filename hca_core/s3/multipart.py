"""An object that is sent in parts: read once, hashed while it is sent, several parts at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from hca_core import checksums
from hca_core.checksums import part_size
from hca_core.s3.bodies import Body
from hca_core.workers import side_by_side

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from hca_core.s3.bodies import Source
    from hca_core.s3.bucket import Bucket
    from hca_core.s3.buffers import Buffers, Loan

_JOBS = 4  # parts of one object that are sent side by side


class Part(NamedTuple):
    """A part in memory; `loan` is the memory that belongs to it alone."""

    number: int
    view: memoryview
    loan: Loan | None = None


class SentPart(NamedTuple):
    """A part that the server has: its MD5 digest and the ETag that the server gave it."""

    number: int
    md5: bytes
    etag: str


class Upload(NamedTuple):
    """An upload in parts that was begun. `known` are the ETags of the parts that the server has from before."""

    bucket: Bucket
    key: str
    upload_id: str
    known: Mapping[int, str]


def read_parts(source: Source, buffers: Buffers, take: Callable[[bytes], None]) -> Iterator[Part]:
    """Yield the parts of an open `source` as there is memory for them; every block of it is given to `take`.

    Raises HCAError if the file can't be read or has changed.
    """
    size = part_size(source.size)
    for number, start in enumerate(range(0, source.size, size), 1):
        loan = buffers.lend(min(size, source.size - start))
        try:
            source.fill(loan.view, take)
        except BaseException:
            loan.give_back()
            raise
        yield Part(number, loan.view, loan)


def parts_of(view: memoryview) -> Iterator[Part]:
    """Yield the parts of a whole file that is in memory."""
    size = part_size(len(view))
    for number, start in enumerate(range(0, len(view), size), 1):
        yield Part(number, view[start : start + size])


def send_parts(
    upload: Upload,
    parts: Iterable[Part],
    stopped: threading.Event,
    on_bytes: Callable[[int], None],
    on_part: Callable[[SentPart], None] = lambda sent: None,
) -> list[SentPart]:
    """Send those `parts` that the server does not have yet, and return all, in order.

    `on_bytes` counts what is there, `on_part` is told of each part that was sent; both are called by several threads.
    Raises HCAError, and KeyboardInterrupt once `stopped` is set.
    """
    loans: set[Loan] = set()

    def lent() -> Iterator[Part]:
        for part in parts:
            if part.loan:
                loans.add(part.loan)
            yield part

    def send(part: Part) -> SentPart:
        try:
            return _send(upload, part, stopped, on_bytes, on_part)
        finally:
            if part.loan:
                part.loan.give_back()
                loans.discard(part.loan)

    try:
        sent = list(side_by_side(lent(), send, jobs=_JOBS, name="part"))
    finally:
        for loan in list(loans):
            loan.give_up()  # a thread may still be reading from it
    return sorted(sent)


def _send(
    upload: Upload,
    part: Part,
    stopped: threading.Event,
    on_bytes: Callable[[int], None],
    on_part: Callable[[SentPart], None],
) -> SentPart:
    if stopped.is_set():
        raise KeyboardInterrupt
    md5 = checksums.md5(part.view)
    if upload.known.get(part.number) == md5.hex():
        on_bytes(len(part.view))
        return SentPart(part.number, md5, md5.hex())
    body = Body(part.view, on_bytes)
    etag = upload.bucket.put_part(upload.key, upload.upload_id, part.number, body, md5)
    sent = SentPart(part.number, md5, etag)
    on_part(sent)
    return sent
