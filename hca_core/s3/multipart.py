"""An object that is sent in parts: read once, hashed while it is sent, several parts at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from hca_core import checksums
from hca_core.checksums import part_size
from hca_core.s3.bucket import KnownPart, SentPart
from hca_core.s3.proofs import ByCrc32c, ByMd5
from hca_core.workers import side_by_side

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from hca_core.s3.bucket import Bucket
    from hca_core.s3.buffers import Buffers, Loan

_JOBS = 4  # parts of one object that are sent side by side


class Part(NamedTuple):
    """A part in memory: its number, its bytes, their crc32c; `loan` is the memory that belongs to it alone."""

    number: int
    view: memoryview
    crc32c: bytes
    loan: Loan | None = None


class Upload(NamedTuple):
    """An upload in parts that was begun. `known` are the parts that the server has from before.

    `by_md5` proves them by their MD5, which is then known of each; otherwise it is their crc32c.
    """

    bucket: Bucket
    key: str
    upload_id: str
    known: Mapping[int, KnownPart]
    by_md5: bool = False


class Filling(Protocol):
    """What parts are read from; see hca_core.s3.bodies.Source."""

    @property
    def size(self) -> int: ...

    def fill(self, view: memoryview, take: Callable[[bytes], None]) -> None: ...


def read_parts(source: Filling, buffers: Buffers, take: Callable[[bytes], None] | None = None) -> Iterator[Part]:
    """Yield the parts of an open `source` as there is memory for them; every block of it is given to `take`.

    Raises HCAError if the file can't be read or has changed.
    """
    size = part_size(source.size)
    for number, start in enumerate(range(0, source.size, size), 1):
        loan = buffers.lend(min(size, source.size - start))
        try:
            part = _filled(source, number, loan.view, take)
        except BaseException:
            loan.give_back()
            raise
        yield part._replace(loan=loan)


def filled_parts(source: Filling, view: memoryview, take: Callable[[bytes], None] | None = None) -> list[Part]:
    """Return the parts of an open `source` all of which fits into `view`; see read_parts. Nothing has no parts."""
    size = part_size(source.size)
    starts = enumerate(range(0, source.size, size), 1)
    return [_filled(source, number, view[start : start + size], take) for number, start in starts]


def _filled(source: Filling, number: int, view: memoryview, take: Callable[[bytes], None] | None) -> Part:
    crc32c = checksums.Crc32c()

    def both(block: bytes) -> None:
        crc32c.update(block)
        if take:
            take(block)

    source.fill(view, both)
    return Part(number, view, crc32c.digest())


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
    md5 = checksums.md5(part.view) if upload.by_md5 else b""
    crc32c = b"" if upload.by_md5 else part.crc32c
    known = upload.known.get(part.number)
    if known and _is_same(part, known, md5):
        on_bytes(len(part.view))
        return SentPart(part.number, known.etag, crc32c, md5)
    proof = ByMd5(md5) if upload.by_md5 else ByCrc32c(crc32c)
    etag = upload.bucket.put_part(upload.key, upload.upload_id, part.number, part.view, proof, on_bytes)
    sent = SentPart(part.number, etag, crc32c, md5)
    on_part(sent)
    return sent


def _is_same(part: Part, known: KnownPart, md5: bytes) -> bool:
    """Tell whether a part is the one that the server has."""
    if known.crc32c and not md5:
        return known.crc32c == part.crc32c.hex()
    return known.etag == (md5 or checksums.md5(part.view)).hex()
