"""One file on its way into the staging bucket, taken up where a run stopped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hca_core.checksums import MEBIBYTE, Summer, Whole, part_size
from hca_core.s3.bodies import Source
from hca_core.s3.buffers import Buffers
from hca_core.s3.multipart import Upload, read_parts, send_parts
from hca_core.s3.proofs import ByMd5

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from hca_core.checksums import Checksums
    from hca_core.folders import FolderFile
    from hca_core.s3.bucket import Bucket, KnownPart
    from hca_dss.journal import Entry, Journal

MEMORY = 256 * MEBIBYTE  # of file content that is on its way at one time


class Sender:
    """Stages files; may be used by several threads. All methods raise HCAError, and KeyboardInterrupt when stopped."""

    def __init__(
        self, bucket: Bucket, journal: Journal, stopped: threading.Event, on_bytes: Callable[[int], None]
    ) -> None:
        self._bucket = bucket
        self._journal = journal
        self._stopped = stopped
        self._on_bytes = on_bytes
        self._buffers = Buffers(MEMORY)

    def url(self, name: str) -> str:
        """Return the address that the service reads the file `name` from."""
        return self._bucket.url(_key(name, self._journal.entries[name]))

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
            self._bucket.abort(_key(name, entry), entry.upload_id)

    def _is_there(self, file: FolderFile, entry: Entry) -> bool:
        """Tell whether an earlier run put the whole file into the bucket; it may have been removed since."""
        expected = entry.staged or (entry.sums.s3_etag if entry.sums else "")
        key = _key(file.name, entry)
        if not expected or self._bucket.etag(key) != expected:
            return False
        if entry.sums:
            self._finish(file, entry, entry.sums, expected)
        return True

    def _send_whole(self, file: FolderFile, entry: Entry) -> None:
        summer = Summer(file.size)
        loan = self._buffers.lend(file.size)
        try:
            with self._source(file) as source:
                source.fill(loan.view, summer.update)
            sums = summer.result()
            proof = ByMd5(bytes.fromhex(sums.s3_etag))
            key = _key(file.name, entry)
            etag = self._bucket.put(key, loan.view, proof, file.content_type, self._on_bytes, tags=_tags(sums))
        finally:
            loan.give_back()
        self._journal.note(file.name, staged=etag)

    def _send_in_parts(self, file: FolderFile, entry: Entry) -> None:
        key = _key(file.name, entry)
        known = self._begun(file, entry)
        upload = Upload(self._bucket, key, entry.upload_id, known, by_md5=True)
        whole = Whole()
        with self._source(file) as source:
            parts = send_parts(upload, read_parts(source, self._buffers, whole.update), self._stopped, self._on_bytes)
        sums = whole.result([part.md5 for part in parts])
        self._journal.note(file.name, sums=sums)
        etag = self._bucket.complete(key, entry.upload_id, parts)
        self._finish(file, entry, sums, etag)

    def _source(self, file: FolderFile) -> Source:
        return Source(file.path, file.size, file.changed, self._stopped)

    def _begun(self, file: FolderFile, entry: Entry) -> dict[int, KnownPart]:
        """Return the parts that an earlier run sent, by their numbers; begin anew if there was none."""
        key = _key(file.name, entry)
        found = self._bucket.parts(key, entry.upload_id) if entry.upload_id else None
        if found is None:
            self._journal.note(file.name, upload_id=self._bucket.begin(key, file.content_type))
        return found or {}

    def _finish(self, file: FolderFile, entry: Entry, sums: Checksums, etag: str) -> None:
        """Give an object that was made of parts its tags: its checksums were not known when it was begun."""
        self._bucket.tag(_key(file.name, entry), _tags(sums))
        self._journal.note(file.name, staged=etag, sums=None)


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
