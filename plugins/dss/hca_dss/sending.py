"""One file on its way into the staging bucket: read once, hashed while it is sent, taken up where a run stopped."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from hca_core import checksums
from hca_core.checksums import MEBIBYTE, Summer, Whole, part_size
from hca_core.errors import HCAError
from hca_core.workers import side_by_side
from hca_dss.buffers import Buffers
from hca_dss.staging import Body

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator

    from hca_core.checksums import Checksums
    from hca_core.folders import FolderFile
    from hca_dss.buffers import Loan
    from hca_dss.journal import Entry, Journal
    from hca_dss.staging import Staging

MEMORY = 256 * MEBIBYTE  # of file content that is on its way at one time
_BLOCK = MEBIBYTE // 4  # that is read at one time: it fits a processor's cache, and each thread's heap keeps some
_PART_JOBS = 4  # parts of one file that are sent side by side


class Sender:
    """Stages files; may be used by several threads. All methods raise HCAError, and KeyboardInterrupt when stopped."""

    def __init__(
        self, staging: Staging, journal: Journal, stopped: threading.Event, on_bytes: Callable[[int], None]
    ) -> None:
        self._staging = staging
        self._journal = journal
        self._stopped = stopped
        self._on_bytes = on_bytes
        self._buffers = Buffers(MEMORY)

    def url(self, name: str) -> str:
        """Return the address that the service reads the file `name` from."""
        return self._staging.url(_key(name, self._journal.entries[name]))

    def stage(self, file: FolderFile) -> None:
        """Put a file into the bucket, with its checksums as tags, unless an earlier run did."""
        entry = self._journal.entries[file.name]
        if self._is_there(file, entry):
            self._on_bytes(file.size)
        elif file.size <= part_size(file.size):
            self._send_whole(file, entry)
        else:
            self._send_in_parts(file, entry)

    def abandon(self, name: str, entry: Entry) -> None:
        """Drop what an earlier run left of an upload in parts that nobody needs any more."""
        if entry.upload_id and not entry.staged:
            self._staging.abort(_key(name, entry), entry.upload_id)

    def _is_there(self, file: FolderFile, entry: Entry) -> bool:
        """Tell whether an earlier run put the whole file into the bucket; it may have been removed since."""
        expected = entry.staged or (entry.sums.s3_etag if entry.sums else "")
        key = _key(file.name, entry)
        if not expected or self._staging.etag(key) != expected:
            return False
        if entry.sums:
            self._finish(file, entry, entry.sums, expected)
        return True

    def _send_whole(self, file: FolderFile, entry: Entry) -> None:
        summer = Summer(file.size)
        loan = self._buffers.lend(file.size)
        try:
            with _Source(file, self._stopped) as source:
                source.fill(loan.view, summer.update)
            sums = summer.result()
            small = file.size <= MEBIBYTE
            body = bytes(loan.view) if small else Body(loan.view, self._on_bytes)
            md5 = bytes.fromhex(sums.s3_etag)
            etag = self._staging.put(_key(file.name, entry), body, md5, file.content_type, _tags(sums))
        finally:
            loan.give_back()
        self._journal.note(file.name, staged=etag)
        if small:
            self._on_bytes(file.size)

    def _send_in_parts(self, file: FolderFile, entry: Entry) -> None:
        known = self._begun(file, entry)
        whole = Whole()
        loans: set[Loan] = set()
        sent: dict[int, _Sent] = {}

        def filled() -> Iterator[_Part]:
            size = part_size(file.size)
            with _Source(file, self._stopped) as source:
                for number, start in enumerate(range(0, file.size, size), 1):
                    loan = self._buffers.lend(min(size, file.size - start))
                    loans.add(loan)
                    source.fill(loan.view, whole.update)
                    yield _Part(number, loan)

        def send(part: _Part) -> _Sent:
            try:
                return self._send_part(file, entry, part, known.get(part.number, ""))
            finally:
                part.loan.give_back()
                loans.discard(part.loan)

        try:
            for one in side_by_side(filled(), send, jobs=_PART_JOBS, name="part"):
                sent[one.number] = one
        finally:
            for loan in list(loans):
                loan.give_up()
        parts = [sent[number] for number in sorted(sent)]
        sums = whole.result([part.md5 for part in parts])
        self._journal.note(file.name, sums=sums)
        key = _key(file.name, entry)
        etag = self._staging.complete(key, entry.upload_id, [part.etag for part in parts], sums.s3_etag)
        self._finish(file, entry, sums, etag)

    def _begun(self, file: FolderFile, entry: Entry) -> dict[int, str]:
        """Return the ETags of the parts that an earlier run sent, by their numbers; begin anew if there was none."""
        key = _key(file.name, entry)
        found = self._staging.parts(key, entry.upload_id) if entry.upload_id else None
        if found is None:
            self._journal.note(file.name, upload_id=self._staging.begin(key, file.content_type))
        return found or {}

    def _send_part(self, file: FolderFile, entry: Entry, part: _Part, known: str) -> _Sent:
        if self._stopped.is_set():
            raise KeyboardInterrupt
        view = part.loan.view
        md5 = checksums.md5(view)
        if known == md5.hex():
            self._on_bytes(len(view))
            return _Sent(part.number, md5, known)
        body = Body(view, self._on_bytes)
        etag = self._staging.put_part(_key(file.name, entry), entry.upload_id, part.number, body, md5)
        return _Sent(part.number, md5, etag)

    def _finish(self, file: FolderFile, entry: Entry, sums: Checksums, etag: str) -> None:
        """Give an object that was made of parts its tags: its checksums were not known when it was begun."""
        self._staging.tag(_key(file.name, entry), _tags(sums))
        self._journal.note(file.name, staged=etag, sums=None)


class _Part(NamedTuple):
    number: int
    loan: Loan


class _Sent(NamedTuple):
    number: int
    md5: bytes
    etag: str


class _Source:
    """A file that is read once, from its beginning, and must stay what it was when it was listed."""

    def __init__(self, file: FolderFile, stopped: threading.Event) -> None:
        self._file = file
        self._stopped = stopped

    def __enter__(self) -> _Source:
        with _read_errors():
            self._stream = open(self._file.path, "rb", buffering=0)
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    def fill(self, view: memoryview, take: Callable[[bytes], None]) -> None:
        """Fill `view` with what comes next in the file, and give every block of it to `take`."""
        at = 0
        with _read_errors():
            while at < len(view):
                if self._stopped.is_set():
                    raise KeyboardInterrupt
                block = self._stream.read(min(_BLOCK, len(view) - at))
                if not block:
                    break
                take(block)
                view[at : at + len(block)] = block
                at += len(block)
            now = os.fstat(self._stream.fileno())
        if at < len(view) or (now.st_size, now.st_mtime_ns) != (self._file.size, self._file.changed):
            raise HCAError("it changed while it was being sent")


@contextmanager
def _read_errors() -> Iterator[None]:
    """Tell that a file can't be read: it alone fails, where an OSError would end the whole run."""
    try:
        yield
    except OSError as error:
        raise HCAError(f"it can't be read: {error.strerror}") from error


def _key(name: str, entry: Entry) -> str:
    return f"{entry.uuid}/{name.rpartition('/')[2]}"


def _tags(sums: Checksums) -> dict[str, str]:
    """Return the tags that the service reads a file's checksums from (service contract §5)."""
    return {
        "hca-dss-s3_etag": sums.s3_etag,
        "hca-dss-sha1": sums.sha1,
        "hca-dss-sha256": sums.sha256,
        "hca-dss-crc32c": sums.crc32c,
    }
