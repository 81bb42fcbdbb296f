"""One file on its way into an upload area: read once, hashed while it is sent, taken up where a run stopped."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from hca_core import checksums, log
from hca_core.checksums import MEBIBYTE
from hca_core.errors import HCAError, IntegrityError, LoginError, NetworkError, NotFoundError
from hca_core.s3.bodies import SMALL, Source
from hca_core.s3.buffers import Buffers
from hca_core.s3.multipart import Upload, filled_parts, read_parts, send_parts
from hca_core.s3.proofs import ByCrc32c
from hca_upload import content_types

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterable, Mapping

    from hca_core.s3.bucket import Bucket, SentPart
    from hca_core.s3.buffers import Loan
    from hca_core.s3.multipart import Part
    from hca_upload.journal import Journal
    from hca_upload.sources import Item

MEMORY = 256 * MEBIBYTE  # of file content that is on its way at one time; what fits into it is read before it is sent
_HEAD = 8192  # bytes that tell the type of a file
_BY_CRC32C = {"checksum": "CRC32C"}
_TRIES = 2  # of an object that S3 can't put together of its parts


class Readable(Protocol):
    """What is read once, from its beginning; see hca_core.s3.bodies.Source."""

    size: int

    def __enter__(self) -> Readable: ...

    def __exit__(self, *_: object) -> None: ...

    def check(self) -> None: ...

    def peek(self, count: int) -> bytes: ...

    def whole(self) -> bytes: ...

    def fill(self, view: memoryview, take: Callable[[bytes], None]) -> None: ...


class Content(NamedTuple):
    """What a file in an area is to be: bytes that can be read anew for another try, and what is said of them.

    `type` tells the content type by the first bytes. `metadata` is what is known of an object before it is read.
    """

    open: Callable[[], Readable]
    type: Callable[[bytes], str]
    metadata: Mapping[str, str] | None = None


class Sender:
    """Sends files to an area, whose keys begin with `prefix`; may be used by several threads.

    All methods raise HCAError, and KeyboardInterrupt when stopped.
    """

    def __init__(
        self,
        bucket: Bucket,
        prefix: str,
        dcp_type: str,
        journal: Journal,
        stopped: threading.Event,
        on_bytes: Callable[[int], None],
    ) -> None:
        self._bucket = bucket
        self._prefix = prefix
        self._dcp_type = dcp_type
        self._journal = journal
        self._stopped = stopped
        self._on_bytes = on_bytes
        self._buffers = Buffers(MEMORY)

    def key(self, item: Item) -> str:
        """Return the key that a file has in the bucket."""
        return self._prefix + item.name

    def source(self, item: Item) -> Source:
        """Return a file of this machine as something that is read once and must not change meanwhile."""
        return Source(item.path, item.size, item.changed, self._stopped)

    def send(self, item: Item) -> str:
        """Put a file of this machine into the area and return the ETag that it has there."""

        def content_type(head: bytes) -> str:
            return content_types.of_file(item.name, head, self._dcp_type)

        return self.send_content(item, Content(lambda: self.source(item), content_type))

    def send_content(self, item: Item, content: Content) -> str:
        """Put `content` into the area as the file `item` and return the ETag that it has there."""
        if item.size <= SMALL:
            return self._send_small(item, content)
        if item.size > MEMORY:
            return self._send_piecemeal(item, content)
        loan = self._buffers.lend(item.size)
        try:
            return self._send_from(loan, item, content)
        except BaseException:
            loan.give_up()  # a thread may still be reading from it
            raise
        finally:
            loan.give_back()

    def put_together(
        self, item: Item, content_type: str, send: Callable[[Upload], list[SentPart]], **described: Any
    ) -> str:
        """Have an object made of the parts that `send` sends (again, if S3 can't use them), and return its ETag.

        Parameters: `described` is what else the object gets when it is begun.
        """
        for tries_left in reversed(range(_TRIES)):
            upload = self._begun(item, content_type, **described)
            sent = send(upload)
            try:
                return self._bucket.complete(upload.key, upload.upload_id, sent)
            except (LoginError, NetworkError):
                raise
            except HCAError as error:
                # S3 has lost a part: it is asked which ones it has. If it made something else of them, all go again.
                keep = tries_left and not isinstance(error, (IntegrityError, NotFoundError))
                self._journal.note(item, upload_id=upload.upload_id if keep else "")
                if not tries_left:
                    raise
                log.logger().info("%s: %s; sending it again", item.name, error)
                self._on_bytes(-item.size)
        raise AssertionError("unreachable")

    def abandon(self, item: Item, upload_id: str) -> None:
        """Drop the parts of a state of a file that is no more; keys that may not do that leave it to the service."""
        try:
            self._bucket.abort(self.key(item), upload_id)
        except HCAError as error:
            log.logger().debug("parts of an earlier state of %s stay in the bucket: %s", item.name, error)

    def _send_small(self, item: Item, content: Content) -> str:
        with content.open() as source:
            data = source.whole()
        return self._put(item, data, checksums.crc32c(data), content)

    def _put(self, item: Item, data: memoryview | bytes, crc32c: bytes, content: Content) -> str:
        content_type = content.type(bytes(data[:_HEAD]))
        metadata = {"crc32c": crc32c.hex()}
        proof = ByCrc32c(crc32c)
        return self._bucket.put(self.key(item), data, proof, content_type, self._on_bytes, metadata=metadata)

    def _send_from(self, loan: Loan, item: Item, content: Content) -> str:
        """Send a file that is read into memory first: so its crc32c can be told with it (contract §6)."""
        whole = checksums.Crc32c()
        with content.open() as source:
            parts = filled_parts(source, loan.view, whole.update)
        if len(parts) == 1:
            return self._put(item, loan.view, whole.digest(), content)
        content_type = content.type(bytes(loan.view[:_HEAD]))
        described = _BY_CRC32C | {"metadata": {"crc32c": whole.digest().hex()}}
        return self.put_together(item, content_type, lambda upload: self._send_parts(item, upload, parts), **described)

    def _send_piecemeal(self, item: Item, content: Content) -> str:
        """Send a file part by part, as it is read.

        S3 wants an object's metadata before its first part, when its crc32c is not known yet: to read a file twice
        would cost more than that is worth, as every part is sent with its crc32c, which S3 checks and repeats.
        """
        with content.open() as head:
            content_type = content.type(head.peek(_HEAD))

        def send(upload: Upload) -> list[SentPart]:
            with content.open() as source:
                sent = self._send_parts(item, upload, read_parts(source, self._buffers))
                source.check()
                return sent

        return self.put_together(item, content_type, send, **_BY_CRC32C, metadata=content.metadata)

    def _send_parts(self, item: Item, upload: Upload, parts: Iterable[Part]) -> list[SentPart]:
        def note(part: SentPart) -> None:
            self._journal.note(item, part=(part.number, part.etag, part.crc32c.hex()))

        return send_parts(upload, parts, self._stopped, self._on_bytes, note)

    def _begun(self, item: Item, content_type: str, **described: Any) -> Upload:
        """Go on with the upload in parts that an earlier run began, or begin one.

        What S3 is told at the beginning is kept: it must not be said of a file that has changed, its time or not.
        """
        key = self.key(item)
        entry = self._journal.found(item)
        begun = json.dumps([content_type, described])
        if entry and entry.upload_id and entry.begun == begun:
            known = self._bucket.parts(key, entry.upload_id, unlisted=entry.parts)
            if known is not None:
                return Upload(self._bucket, key, entry.upload_id, known)
        elif entry and entry.upload_id:
            self.abandon(item, entry.upload_id)
        upload_id = self._bucket.begin(key, content_type, **described)
        self._journal.note(item, upload_id=upload_id, begun=begun)
        return Upload(self._bucket, key, upload_id, {})
