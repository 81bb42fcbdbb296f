"""How it is proved that S3 has the bytes that were sent: by their MD5, or by their crc32c where MD5 is not needed."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, Any, Protocol

from hca_core import checksums
from hca_core.errors import IntegrityError

if TYPE_CHECKING:
    from collections.abc import Mapping


class Proof(Protocol):
    """What goes along with a body, and the check of what S3 answers."""

    @property
    def arguments(self) -> dict[str, str]:
        """What to give to boto3, so that S3 refuses other bytes."""

    def etag(self, answer: Mapping[str, Any], data: memoryview | bytes, what: str) -> str:
        """Return the ETag of `data` in an answer. Raises IntegrityError if S3 has something else."""


class ByMd5:
    """The MD5 that is S3's ETag of what is sent in one piece."""

    def __init__(self, md5: bytes) -> None:
        self._md5 = md5

    @property
    def arguments(self) -> dict[str, str]:
        """See Proof."""
        return {"ContentMD5": b64encode(self._md5).decode()}

    def etag(self, answer: Mapping[str, Any], data: memoryview | bytes, what: str) -> str:
        """See Proof."""
        return checked(answer, self._md5.hex(), what)


class ByCrc32c:
    """The crc32c that S3 computes too and repeats in its answer; it takes a tenth of the time of MD5.

    Servers that repeat nothing may have looked at nothing: there the MD5 is computed after all.
    """

    def __init__(self, crc32c: bytes) -> None:
        self._told = b64encode(crc32c).decode()

    @property
    def arguments(self) -> dict[str, str]:
        """See Proof."""
        return {"ChecksumCRC32C": self._told}

    def etag(self, answer: Mapping[str, Any], data: memoryview | bytes, what: str) -> str:
        """See Proof."""
        repeated = answer.get("ChecksumCRC32C")
        if repeated is None:
            return checked(answer, checksums.md5(data).hex(), what)
        if repeated != self._told:
            raise IntegrityError(f"{what}: expected the crc32c {self._told}, S3 has {repeated}")
        return str(answer.get("ETag", "")).strip('"')


def checked(answer: Mapping[str, Any], expected: str, what: str) -> str:
    """Return the ETag that S3 answered. Raises IntegrityError if it is not the `expected` one.

    Objects encrypted with keys of KMS or of the customer have ETags that say nothing about their content; there what
    was sent along is all there is.
    """
    etag = str(answer.get("ETag", "")).strip('"')
    opaque = answer.get("ServerSideEncryption", "AES256") != "AES256" or "SSECustomerAlgorithm" in answer
    if etag != expected and not opaque:
        raise IntegrityError(f"{what}: expected the ETag {expected}, S3 has {etag or 'none'}")
    return etag
