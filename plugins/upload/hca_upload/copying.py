"""Objects that are copied from other buckets into an area: inside S3 where that is allowed, else through here."""

from __future__ import annotations

from contextlib import closing
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from hca_core import checksums, log
from hca_core.checksums import part_size
from hca_core.errors import HCAError, IntegrityError, LoginError, NetworkError
from hca_core.http import Policy
from hca_core.s3.bucket import SentPart
from hca_core.s3.connecting import Place, connect
from hca_core.s3.telling import Words, told
from hca_core.workers import side_by_side
from hca_upload import content_types, sources
from hca_upload.sending import Content
from hca_upload.storage import REGION

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Mapping

    from hca_core.s3.bucket import Bucket
    from hca_core.s3.multipart import Upload
    from hca_upload.area import UploadArea
    from hca_upload.journal import Journal
    from hca_upload.sending import Sender
    from hca_upload.sources import Item

_JOBS = 8  # parts of one object that S3 copies side by side
_TRIES = 4  # of a piece that stops in the middle


class Object(NamedTuple):
    """An object that is to be copied: where it is, its size in bytes, its ETag, and the crc32c that it claims.

    `is_open` tells whether the area's credentials may read it.
    """

    bucket: str
    key: str
    size: int
    etag: str
    crc32c: str
    is_open: bool

    @property
    def condition(self) -> dict[str, Any]:
        """What a request for a copy says, so that it gets this state of the object or none."""
        return {"CopySource": {"Bucket": self.bucket, "Key": self.key}, "CopySourceIfMatch": f'"{self.etag}"'}


class Outside:
    """The buckets that are copied from: seen with the user's own keys, or with those of the area if there are none."""

    def __init__(self, area_bucket: Bucket, area: UploadArea, connections: int) -> None:
        self.area_bucket = area_bucket
        self._place = Place(area.config.s3_endpoint_url or "", REGION)
        self._connections = connections
        self._closed: set[str] = set()  # buckets that the area's credentials may not read

    @cached_property
    def client(self) -> Any:
        """boto3's client for reading. Raises HCAError."""
        try:
            return connect(Policy(), self._connections, self._words("bucket to copy from"), self._place)
        except LoginError:
            return self.area_bucket.client

    def items(self, url: str, **chosen: Any) -> list[Item]:
        """Return the objects that are meant by `s3://bucket/prefix`. Raises HCAError."""
        bucket, prefix = sources.address(url)
        with told(self._words(f"bucket {bucket!r}")):
            pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
            listed = ((one["Key"], one["Size"]) for page in pages for one in page.get("Contents", []))
            return sources.of_bucket(listed, prefix, bucket=bucket, **chosen)

    def described(self, item: Item) -> Object:
        """Return what is known of an object. Raises HCAError if it has not the size that it had when it was listed."""
        bucket, key = sources.address(item.path)
        head = None if bucket in self._closed else self._head(self.area_bucket.client, bucket, key)
        is_open = head is not None
        if head is None:
            self._closed.add(bucket)
            with told(self._words(f"bucket {bucket!r}")):
                head = self.client.head_object(Bucket=bucket, Key=key)
        if head["ContentLength"] != item.size:
            raise HCAError("it changed while it was being sent")
        metadata: Mapping[str, str] = head.get("Metadata", {})
        crc32c = metadata.get("crc32c") or metadata.get("hca-dss-crc32c") or ""
        return Object(bucket, key, item.size, str(head["ETag"]).strip('"'), crc32c, is_open)

    def _head(self, client: Any, bucket: str, key: str) -> Any:
        """Return what S3 tells of an object, None if it refuses that to these credentials."""
        try:
            with told(self._words(f"bucket {bucket!r}")):
                return client.head_object(Bucket=bucket, Key=key)
        except LoginError:
            return None

    def read(self, source: Object, start: int, view: memoryview) -> None:
        """Fill `view` with the bytes of an object from `start` on. Raises HCAError."""
        if not view:
            return
        for tries_left in reversed(range(_TRIES)):
            try:
                self._read(source, start, view)
            except NetworkError:
                if not tries_left:
                    raise
            else:
                return

    def _read(self, source: Object, start: int, view: memoryview) -> None:
        from botocore.exceptions import HTTPClientError

        with told(self._words(f"bucket {source.bucket!r}")):
            answer = self.client.get_object(
                Bucket=source.bucket,
                Key=source.key,
                IfMatch=f'"{source.etag}"',
                Range=f"bytes={start}-{start + len(view) - 1}",
            )
            at = 0
            with closing(answer["Body"]) as body:
                while at < len(view) and (block := body.read(min(checksums.BLOCK, len(view) - at))):
                    view[at : at + len(block)] = block
                    at += len(block)
            if at < len(view):
                raise HTTPClientError(error="the answer broke off")

    def _words(self, what: str) -> Words:
        refused = "'aws sts get-caller-identity' tells whose keys these are; AWS_PROFILE names others"
        return Words(what=what, refused=refused, missing="check its name, and whose keys these are")


class ObjectSource:
    """An object that is read once, from its beginning, like a file of this machine; see hca_core.s3.bodies.Source."""

    def __init__(self, outside: Outside, source: Object, stopped: threading.Event) -> None:
        self.size = source.size
        self._outside = outside
        self._source = source
        self._stopped = stopped
        self._at = 0

    def __enter__(self) -> ObjectSource:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def check(self) -> None:
        """Do nothing: every request asks for the same state of the object."""

    def peek(self, count: int) -> bytes:
        """Return nothing: the type of an object is told by its key."""
        return b""

    def whole(self) -> bytes:
        """Return all of a small object. Raises HCAError."""
        data = bytearray(self.size)
        self.fill(memoryview(data), lambda block: None)
        return bytes(data)

    def fill(self, view: memoryview, take: Callable[[bytes], None]) -> None:
        """Fill `view` with what comes next, and give every block of it to `take`. Raises HCAError."""
        if self._stopped.is_set():
            raise KeyboardInterrupt
        self._outside.read(self._source, self._at, view)
        self._at += len(view)
        for start in range(0, len(view), checksums.BLOCK):
            take(bytes(view[start : start + checksums.BLOCK]))


class Copier:
    """Copies objects into an area; may be used by several threads. All methods raise HCAError."""

    def __init__(
        self,
        sender: Sender,
        outside: Outside,
        journal: Journal,
        dcp_type: str,
        stopped: threading.Event,
        on_bytes: Callable[[int], None],
    ) -> None:
        self._sender = sender
        self._outside = outside
        self._journal = journal
        self._dcp_type = dcp_type
        self._stopped = stopped
        self._on_bytes = on_bytes

    def etag(self, item: Item) -> str:
        """Return the ETag of an object."""
        return self._outside.described(item).etag

    def copy(self, item: Item) -> str:
        """Have an object in the area and return the ETag that it has there."""
        source = self._outside.described(item)
        entry = self._journal.found(item)
        if entry and entry.upload_id and entry.source != source.etag:
            self._sender.abandon(item, entry.upload_id)
            self._journal.note(item, upload_id="")
        self._journal.note(item, source=source.etag)
        content_type = content_types.of_object(source.key, self._dcp_type)
        metadata = {"metadata": {"crc32c": source.crc32c}} if source.crc32c else {}
        if source.is_open:
            try:
                return self._copy_inside(item, source, content_type, metadata)
            except LoginError as error:  # some servers let session credentials read, but not copy in parts
                log.logger().debug("%s goes through this machine: %s", item.path, error)
        return self._copy_through(item, source, content_type, metadata)

    def _copy_inside(self, item: Item, source: Object, content_type: str, described: Mapping[str, Any]) -> str:
        """Let S3 copy an object."""
        bucket, key = self._outside.area_bucket, self._sender.key(item)
        if item.size <= part_size(item.size):
            etag = bucket.copy(key, source.condition, content_type, **described)
            if "-" not in source.etag and etag != source.etag and "-" not in etag:
                raise IntegrityError(f"{item.name}: expected the ETag {source.etag}, S3 has {etag}")
            self._on_bytes(item.size)
            return etag

        def copied(upload: Upload) -> list[SentPart]:
            def copy_one(part: tuple[int, int, int]) -> SentPart:
                if self._stopped.is_set():
                    raise KeyboardInterrupt
                number, start, end = part
                known = upload.known.get(number)
                etag = known.etag if known else ""
                if not etag:
                    etag = bucket.copy_part(key, upload.upload_id, number, source.condition, start, end)
                    self._journal.note(item, part=(number, etag, ""))
                self._on_bytes(end - start)
                return SentPart(number, etag)

            step = part_size(item.size)
            parts = [
                (number, start, min(start + step, item.size))
                for number, start in enumerate(range(0, item.size, step), 1)
            ]
            return sorted(side_by_side(parts, copy_one, jobs=_JOBS, name="part"))

        return self._sender.put_together(item, content_type, copied, **described)

    def _copy_through(self, item: Item, source: Object, content_type: str, described: Mapping[str, Any]) -> str:
        """Read an object with the user's keys and send it with those of the area."""

        def opened() -> ObjectSource:
            return ObjectSource(self._outside, source, self._stopped)

        return self._sender.send_content(item, Content(opened, lambda head: content_type, described.get("metadata")))

    def is_unchanged(self, item: Item, etag: str) -> bool:
        """Tell whether an object still has the ETag that it had when it was copied."""
        return bool(etag) and self.etag(item) == etag
