"""A bucket: the operations that sending files needs; every ETag is checked."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, urlencode

from hca_core.errors import IntegrityError, LoginError, NotFoundError
from hca_core.s3.telling import Words, told

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime


class Listed(NamedTuple):
    """An object as a listing tells it; `size` in bytes, `etag` without quotes."""

    key: str
    size: int
    etag: str
    modified: datetime


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
        body: Any,
        md5: bytes,
        content_type: str,
        *,
        tags: Mapping[str, str] | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> str:
        """Store an object and return its ETag."""
        described: dict[str, Any] = {"ContentType": content_type, **self._extra}
        if tags:
            described["Tagging"] = urlencode(tags, quote_via=quote)
        if metadata:
            described["Metadata"] = dict(metadata)
        with told(self.words):
            answer = self.client.put_object(
                Bucket=self.name, Key=key, Body=body, ContentMD5=b64encode(md5).decode(), **described
            )
        return _checked(answer, md5.hex(), key)

    def begin(self, key: str, content_type: str, *, metadata: Mapping[str, str] | None = None) -> str:
        """Begin an object in parts and return the id of this upload."""
        described: dict[str, Any] = {"ContentType": content_type, **self._extra}
        if metadata:
            described["Metadata"] = dict(metadata)
        with told(self.words):
            answer = self.client.create_multipart_upload(Bucket=self.name, Key=key, **described)
        return str(answer["UploadId"])

    def parts(self, key: str, upload_id: str, *, unlisted: Mapping[int, str] | None = None) -> dict[int, str] | None:
        """Return the ETags of the parts that are there by their numbers; None if there is no such upload.

        Keys that may write parts need not be allowed to list them: then `unlisted` is all that is known.
        """
        found: dict[int, str] = {}
        try:
            with told(self.words):
                pages = self.client.get_paginator("list_parts").paginate(Bucket=self.name, Key=key, UploadId=upload_id)
                for page in pages:
                    found |= {part["PartNumber"]: part["ETag"].strip('"') for part in page.get("Parts", [])}
        except NotFoundError:
            return None
        except LoginError:
            return dict(unlisted or {})
        return found

    def put_part(self, key: str, upload_id: str, number: int, body: Any, md5: bytes) -> str:
        """Store one part and return its ETag."""
        with told(self.words):
            answer = self.client.upload_part(
                Bucket=self.name,
                Key=key,
                UploadId=upload_id,
                PartNumber=number,
                Body=body,
                ContentMD5=b64encode(md5).decode(),
            )
        return _checked(answer, md5.hex(), f"part {number} of {key}")

    def complete(self, key: str, upload_id: str, parts: Sequence[str], expected: str) -> str:
        """Make an object of its parts, given by their ETags, and return the ETag that it has, which is `expected`."""
        listed = [{"PartNumber": number, "ETag": f'"{etag}"'} for number, etag in enumerate(parts, 1)]
        try:
            with told(self.words):
                answer = self.client.complete_multipart_upload(
                    Bucket=self.name, Key=key, UploadId=upload_id, MultipartUpload={"Parts": listed}
                )
        except NotFoundError:
            answer = {}  # an earlier try was done, only its answer was lost
        if not answer.get("ETag", "").strip('"'):  # some servers leave it empty
            answer = {"ETag": self.etag(key) or ""}
        return _checked(answer, expected, key)

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


def _checked(answer: Mapping[str, Any], expected: str, what: str) -> str:
    """Return the ETag that S3 answered. Raises IntegrityError if it is not the `expected` one.

    Objects encrypted with keys of KMS or of the customer have ETags that say nothing about their content; there the
    MD5 that was sent along is all there is.
    """
    etag = str(answer.get("ETag", "")).strip('"')
    opaque = answer.get("ServerSideEncryption", "AES256") != "AES256" or "SSECustomerAlgorithm" in answer
    if etag != expected and not opaque:
        raise IntegrityError(f"{what}: expected the ETag {expected}, S3 has {etag or 'none'}")
    return etag
