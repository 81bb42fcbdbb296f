"""A bucket: the operations that sending files needs; what S3 has is checked every time."""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, urlencode

from hca_core import log
from hca_core.checksums import s3_etag
from hca_core.errors import IntegrityError, LoginError, NotFoundError
from hca_core.s3.bodies import sending
from hca_core.s3.proofs import checked
from hca_core.s3.telling import Words, told

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from hca_core.s3.proofs import Proof

_TRIES = 3  # of what arrives changed
_MD5 = re.compile(r"[0-9a-f]{32}")


class Listed(NamedTuple):
    """An object as a listing tells it; `size` in bytes, `etag` without quotes."""

    key: str
    size: int
    etag: str
    modified: datetime


class KnownPart(NamedTuple):
    """A part that the server has from before: its ETag, and its crc32c in hexadecimal ("" if that is not known)."""

    etag: str
    crc32c: str = ""


class SentPart(NamedTuple):
    """A part that the server has now; `crc32c` and `md5` are there if they were computed."""

    number: int
    etag: str
    crc32c: bytes = b""
    md5: bytes = b""


class Bucket:
    """A bucket, asked through boto3's `client`; may be used by several threads.

    Parameters: `extra` goes along whenever an object is made (an ACL, say). `visible` is for keys that may not look at
    objects, but list what has this prefix: objects are looked up there. Raises HCAError whenever S3 refuses.
    """

    def __init__(
        self, name: str, client: Any, words: Words, *, extra: Mapping[str, str] | None = None, visible: str = ""
    ) -> None:
        self.name = name
        self.endpoint = str(client.meta.endpoint_url)
        self.client = client
        self.words = words
        self._extra = dict(extra or {})
        self._visible = visible

    def check(self) -> None:
        """Ask for the bucket, so that what is wrong is told before anything is sent."""
        with told(self.words):
            self.client.head_bucket(Bucket=self.name)

    def url(self, key: str) -> str:
        """Return the address of an object."""
        return f"s3://{self.name}/{key}"

    def listed(self, prefix: str, *, after: str = "") -> Iterator[Listed]:
        """Yield the objects whose keys begin with `prefix`, in the order of their keys, from the first `after` on."""
        paginator = self.client.get_paginator("list_objects_v2")
        with told(self.words):
            for page in paginator.paginate(Bucket=self.name, Prefix=prefix, StartAfter=after):
                for one in page.get("Contents", []):
                    yield Listed(one["Key"], one["Size"], one["ETag"].strip('"'), one["LastModified"])

    def put(
        self,
        key: str,
        data: memoryview | bytes,
        proof: Proof,
        content_type: str,
        on_bytes: Callable[[int], None],
        *,
        tags: Mapping[str, str] | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> str:
        """Store `data` as an object and return its ETag; `on_bytes` counts what has gone."""
        described: dict[str, Any] = {"ContentType": content_type, **self._extra, **proof.arguments}
        if tags:
            described["Tagging"] = urlencode(tags, quote_via=quote)
        if metadata:
            described["Metadata"] = dict(metadata)

        def put() -> str:
            with told(self.words), sending(data, on_bytes) as body:
                answer = self.client.put_object(Bucket=self.name, Key=key, Body=body, **described)
                return proof.etag(answer, data, key)

        return _proved(put)

    def begin(
        self, key: str, content_type: str, *, metadata: Mapping[str, str] | None = None, checksum: str = ""
    ) -> str:
        """Begin an object in parts and return the id of this upload; `checksum` says which one comes with each part."""
        described: dict[str, Any] = {"ContentType": content_type, **self._extra}
        if metadata:
            described["Metadata"] = dict(metadata)
        if checksum:
            described["ChecksumAlgorithm"] = checksum
        with told(self.words):
            answer = self.client.create_multipart_upload(Bucket=self.name, Key=key, **described)
        return str(answer["UploadId"])

    def parts(
        self, key: str, upload_id: str, *, unlisted: Mapping[int, KnownPart] | None = None
    ) -> dict[int, KnownPart] | None:
        """Return the parts that are there by their numbers; None if there is no such upload.

        Keys that may write parts need not be allowed to list them: then `unlisted` is all that is known.
        """
        found: dict[int, KnownPart] = {}
        try:
            with told(self.words):
                pages = self.client.get_paginator("list_parts").paginate(Bucket=self.name, Key=key, UploadId=upload_id)
                for page in pages:
                    for part in page.get("Parts", []):
                        crc32c = b64decode(part.get("ChecksumCRC32C", "")).hex()
                        found[part["PartNumber"]] = KnownPart(part["ETag"].strip('"'), crc32c)
        except NotFoundError:
            return None
        except LoginError:
            return dict(unlisted or {})
        return found

    def put_part(
        self, key: str, upload_id: str, number: int, data: memoryview, proof: Proof, on_bytes: Callable[[int], None]
    ) -> str:
        """Store one part and return its ETag; `on_bytes` counts what has gone."""

        def put() -> str:
            with told(self.words), sending(data, on_bytes) as body:
                answer = self.client.upload_part(
                    Bucket=self.name, Key=key, UploadId=upload_id, PartNumber=number, Body=body, **proof.arguments
                )
                return proof.etag(answer, data, f"part {number} of {key}")

        return _proved(put)

    def complete(self, key: str, upload_id: str, parts: Sequence[SentPart]) -> str:
        """Make an object of all its `parts` and return its ETag, which must be the one that follows from theirs."""
        listed = [
            {"PartNumber": part.number, "ETag": f'"{part.etag}"'}
            | ({"ChecksumCRC32C": b64encode(part.crc32c).decode()} if part.crc32c else {})
            for part in parts
        ]
        try:
            with told(self.words):
                answer = self.client.complete_multipart_upload(
                    Bucket=self.name, Key=key, UploadId=upload_id, MultipartUpload={"Parts": listed}
                )
        except NotFoundError:
            answer = {}  # an earlier try was done, only its answer was lost
        if not answer.get("ETag", "").strip('"'):  # some servers leave it empty
            etag = self.etag(key)
            if etag is None:
                raise NotFoundError(f"S3 has neither the parts of {key} any more nor the whole")
            answer = {"ETag": etag}
        if not all(_MD5.fullmatch(part.etag) for part in parts):
            return str(answer["ETag"]).strip('"')  # encrypted parts, whose ETags say nothing
        return checked(answer, s3_etag([bytes.fromhex(part.etag) for part in parts], in_parts=True), key)

    def copy(
        self, key: str, source: Mapping[str, Any], content_type: str, *, metadata: Mapping[str, str] | None = None
    ) -> str:
        """Make an object a copy of another one, without its metadata and tags, and return its ETag.

        Parameters: `source` are the arguments of boto3 that name the other one and say in which state it must be.
        """
        with told(self.words):
            answer = self.client.copy_object(
                Bucket=self.name,
                Key=key,
                ContentType=content_type,
                Metadata=dict(metadata or {}),
                MetadataDirective="REPLACE",
                TaggingDirective="REPLACE",
                **source,
                **self._extra,
            )
        return str(answer["CopyObjectResult"]["ETag"]).strip('"')

    def copy_part(self, key: str, upload_id: str, number: int, source: Mapping[str, Any], start: int, end: int) -> str:
        """Make a part of the bytes of another object from `start` up to `end`, and return its ETag."""
        with told(self.words):
            answer = self.client.upload_part_copy(
                Bucket=self.name,
                Key=key,
                UploadId=upload_id,
                PartNumber=number,
                CopySourceRange=f"bytes={start}-{end - 1}",
                **source,
            )
        return str(answer["CopyPartResult"]["ETag"]).strip('"')

    def tag(self, key: str, tags: Mapping[str, str]) -> None:
        """Give an object its tags."""
        listed = [{"Key": name, "Value": value} for name, value in tags.items()]
        with told(self.words):
            self.client.put_object_tagging(Bucket=self.name, Key=key, Tagging={"TagSet": listed})

    def etag(self, key: str) -> str | None:
        """Return the ETag of an object, None if there is none."""
        if self._visible:
            for one in self.listed(self._visible, after=key[:-1]):
                if one.key.encode() >= key.encode():  # the order of S3 is that of the bytes
                    return one.etag if one.key == key else None
            return None
        try:
            with told(self.words):
                return str(self.client.head_object(Bucket=self.name, Key=key)["ETag"]).strip('"')
        except NotFoundError:
            return None

    def abort(self, key: str, upload_id: str) -> None:
        """Drop what is there of an upload in parts, if it still exists."""
        try:
            with told(self.words):
                self.client.abort_multipart_upload(Bucket=self.name, Key=key, UploadId=upload_id)
        except NotFoundError:
            pass


def _proved(put: Callable[[], str]) -> str:
    """Send something again if other bytes have arrived. Raises IntegrityError if they do so every time."""
    for _ in range(_TRIES - 1):
        try:
            return put()
        except IntegrityError as error:
            log.logger().debug("%s; sending it again", error)
    return put()
