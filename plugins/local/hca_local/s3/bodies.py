"""Bodies of requests: how they are declared, how they come in, and the checks of what came."""

from __future__ import annotations

import asyncio
import binascii
import os
import re
from base64 import b64decode
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from hca_local.s3 import digests, signature
from hca_local.s3.chunks import ChunkDecoder, ChunkSigner
from hca_local.s3.digests import Digests
from hca_local.s3.errors import S3Error, invalid_argument, invalid_request, not_implemented

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping

    from starlette.types import Receive

    from hca_local.s3.authentication import Caller
    from hca_local.s3.request import Request
    from hca_local.s3.store.store import Store

LARGEST_OBJECT = 5 * 1024**3
LARGEST_DOCUMENT = 2 * 1024**2
# What is handed to a thread at once. A hop there and back takes about as long as to receive 64 KiB.
_BATCH = 1024 * 1024
_HEX_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
_CHECKSUM = "x-amz-checksum-"
# Headers that begin like those of checksums but are none.
_ABOUT_CHECKSUMS = {"x-amz-checksum-mode", "x-amz-checksum-type", "x-amz-checksum-algorithm"}
_SIGNED_CHUNKS = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
_SIGNED_CHUNKS_AND_TRAILER = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
_CHUNKS_AND_TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"


class ClientGoneError(Exception):
    """The client has closed the connection before its request was complete."""


@dataclass(frozen=True)
class Declared:
    """What the headers say about a body. `checksums` are those given, `computed` those wanted back."""

    size: int | None
    sha256: str | None
    md5: bytes | None
    checksums: Mapping[str, str]
    computed: frozenset[str]
    trailer: str | None
    decoder: ChunkDecoder | None


@dataclass(frozen=True)
class Received:
    """A body that has come and is what it should be. `checksums` are in base64."""

    size: int
    md5: str
    checksums: Mapping[str, str]


class Sink(Protocol):
    """Where the bytes of a body go."""

    def write(self, data: bytes, /) -> object:
        """Take the next bytes."""


def declared(request: Request, caller: Caller, *, algorithm: str | None = None) -> Declared:
    """Return what `request` says about its body. Raises S3Error.

    Parameters: `algorithm` is a checksum that is wanted, also if the request doesn't give it.
    """
    headers, payload = request.headers, caller.claim.payload
    checksums = {
        name.removeprefix(_CHECKSUM): value
        for name, value in headers.items()
        if name.startswith(_CHECKSUM) and name not in _ABOUT_CHECKSUMS
    }
    trailer = _trailer(headers) if payload in (_SIGNED_CHUNKS_AND_TRAILER, _CHUNKS_AND_TRAILER) else None
    named = headers.get("x-amz-sdk-checksum-algorithm", "").lower()
    computed = {*checksums, *([algorithm] if algorithm else []), *([named] if named else [])}
    if trailer:
        computed.add(trailer)
    for name in computed:
        check_algorithm(name)
    return Declared(
        _declared_size(headers), _declared_sha256(payload), _declared_md5(headers), checksums, frozenset(computed),
        trailer, _decoder(payload, caller),
    )  # fmt: skip


def undeclared(algorithm: str | None) -> Declared:
    """Return what is known of bytes that don't come from the client: nothing, but a checksum may be wanted."""
    return Declared(None, None, None, {}, frozenset({algorithm} if algorithm else ()), None, None)


def check_algorithm(name: str) -> None:
    """Check that the checksum `name` can be computed here. Raises S3Error."""
    if name not in digests.ADDITIONAL:
        known = ", ".join(digests.ADDITIONAL).upper()
        raise not_implemented(
            f"the checksum {name.upper()}, but {known}; or set AWS_REQUEST_CHECKSUM_CALCULATION=when_required"
        )


def _declared_size(headers: Mapping[str, str]) -> int | None:
    text = headers.get("x-amz-decoded-content-length", headers.get("content-length"))
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal()):
        raise invalid_argument("Content-Length", text, "The length of the body is not a number.")
    return int(text)


def _declared_sha256(payload: str) -> str | None:
    if _HEX_SHA256.fullmatch(payload):
        return payload
    if payload in (signature.UNSIGNED_PAYLOAD, _SIGNED_CHUNKS, _SIGNED_CHUNKS_AND_TRAILER, _CHUNKS_AND_TRAILER):
        return None
    if payload.startswith("STREAMING-"):
        raise not_implemented(f"bodies signed as {payload}")
    message = f"x-amz-content-sha256 must be {signature.UNSIGNED_PAYLOAD}, {_SIGNED_CHUNKS} or a valid sha256 value."
    raise invalid_argument("x-amz-content-sha256", payload, message)


def _declared_md5(headers: Mapping[str, str]) -> bytes | None:
    text = headers.get("content-md5")
    if text is None:
        return None
    try:
        digest = b64decode(text, validate=True)
    except binascii.Error:
        digest = b""
    if len(digest) != 16:
        raise S3Error(400, "InvalidDigest", "The Content-MD5 you specified is not valid.", **{"Content-MD5": text})
    return digest


def _trailer(headers: Mapping[str, str]) -> str | None:
    name = headers.get("x-amz-trailer", "").strip().lower()
    if not name:
        return None
    if not name.startswith(_CHECKSUM):
        raise invalid_request("The value specified in the x-amz-trailer header is not supported")
    return name.removeprefix(_CHECKSUM)


def _decoder(payload: str, caller: Caller) -> ChunkDecoder | None:
    if payload in (_SIGNED_CHUNKS, _SIGNED_CHUNKS_AND_TRAILER):
        return ChunkDecoder(ChunkSigner(caller), has_trailer=payload == _SIGNED_CHUNKS_AND_TRAILER)
    return ChunkDecoder(None, has_trailer=True) if payload == _CHUNKS_AND_TRAILER else None


class Intake:
    """Takes the pieces of a body, gives its bytes to a sink, and checks at the end that they are the declared ones."""

    def __init__(self, wanted: Declared, sink: Sink, limit: int) -> None:
        self._wanted = wanted
        self._sink = sink
        self._limit = limit
        self._size = 0
        self._digests = Digests({"md5", *wanted.computed, *({"sha256"} if wanted.sha256 else ())})

    def feed(self, pieces: Iterable[bytes]) -> None:
        """Take the next pieces. Raises S3Error, OSError."""
        data = b"".join(pieces)
        if self._wanted.decoder:
            data = b"".join(self._wanted.decoder.feed(data))
        self._size += len(data)
        if self._size > self._limit:
            raise too_large(self._limit)
        self._digests.update(data)
        self._sink.write(data)

    def finish(self) -> Received:
        """Return what came. Raises S3Error if that isn't what was declared."""
        wanted = self._wanted
        trailer = wanted.decoder.finish() if wanted.decoder else {}
        if wanted.size is not None and wanted.size != self._size:
            raise S3Error(400, "IncompleteBody", "You did not provide the number of bytes specified.")
        if wanted.sha256 and self._digests.digest("sha256").hex() != wanted.sha256:
            message = "The provided 'x-amz-content-sha256' header does not match what was computed."
            raise S3Error(400, "XAmzContentSHA256Mismatch", message)
        if wanted.md5 and self._digests.digest("md5") != wanted.md5:
            raise S3Error(400, "BadDigest", "The Content-MD5 you specified did not match what we received.")
        computed = {name: self._digests.base64(name) for name in wanted.computed}
        for name, value in self._given(trailer).items():
            if value != computed[name]:
                message = f"The {name.upper()} you specified did not match the calculated checksum."
                raise S3Error(400, "BadDigest", message)
        return Received(self._size, self._digests.digest("md5").hex(), computed)

    def _given(self, trailer: Mapping[str, str]) -> dict[str, str]:
        """Return the checksums that the client gave, before and behind the body."""
        given = dict(self._wanted.checksums)
        if self._wanted.trailer:
            value = trailer.get(_CHECKSUM + self._wanted.trailer)
            if value is None:
                message = "The request contained trailing data that was not well-formed or did not conform to schema."
                raise S3Error(400, "MalformedTrailerError", message)
            given[self._wanted.trailer] = value
        return given


def too_large(limit: int) -> S3Error:
    """Return the error for a body that has more bytes than `limit`."""
    return S3Error(
        400, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size.", MaxSizeAllowed=limit
    )


async def document(wanted: Declared, receive: Receive) -> bytes:
    """Return a small body. Raises S3Error, ClientGoneError."""
    body = _Memory()
    intake = Intake(wanted, body, LARGEST_DOCUMENT)
    async for pieces in _batches(receive):
        intake.feed(pieces)
    intake.finish()
    return bytes(body.data)


class _Memory:
    """A sink for small bodies."""

    def __init__(self) -> None:
        self.data = bytearray()

    def write(self, data: bytes, /) -> None:
        self.data += data


class FileIntake:
    """An intake into a new file; its methods are for threads."""

    def __init__(self, wanted: Declared, path: str) -> None:
        self._path = path
        self._file = open(path, "xb", buffering=0, opener=_private)  # noqa: SIM115 - closed by finish or abandon
        self._intake = Intake(wanted, self, LARGEST_OBJECT)

    def feed(self, pieces: Iterable[bytes]) -> None:
        """Take the next pieces. Raises S3Error, OSError."""
        self._intake.feed(pieces)

    def write(self, data: bytes, /) -> None:
        """Write bytes that the intake has decoded. Raises OSError."""
        view = memoryview(data)
        while view:
            view = view[self._file.write(view) :]

    def finish(self) -> Received:
        """Return what came, once it is on disk. Raises S3Error, OSError."""
        received = self._intake.finish()
        os.fsync(self._file.fileno())
        self._file.close()
        return received

    def abandon(self) -> None:
        """Remove the file."""
        self._file.close()
        os.unlink(self._path)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


async def to_file(wanted: Declared, receive: Receive, store: Store) -> tuple[str, Received]:
    """Write a body to a new file and return the name of that; it is on disk then, its name is with the next commit.

    The memory that it takes does not depend on the size: one batch is written in a thread while the next one comes.
    Raises S3Error, ClientGoneError, OSError.
    """
    if wanted.size is not None and wanted.size > LARGEST_OBJECT:
        raise too_large(LARGEST_OBJECT)
    name = store.files.new_name()
    intake = await store.in_thread(FileIntake, wanted, store.files.path(name))
    writing: asyncio.Future[None] | None = None
    try:
        async for pieces in _batches(receive):
            if writing:
                await writing
            writing = store.in_thread(intake.feed, pieces)
        if writing:
            await writing
        received = await store.in_thread(intake.finish)
    except BaseException:
        if writing and not writing.done():
            await asyncio.wait([writing])
        await store.in_thread(intake.abandon)
        raise
    store.files.added()
    return name, received


async def _batches(receive: Receive) -> AsyncIterator[list[bytes]]:
    """Yield the pieces of the body, about _BATCH bytes at once. Raises ClientGoneError."""
    pieces: list[bytes] = []
    size = 0
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGoneError
        pieces.append(message.get("body", b""))
        size += len(pieces[-1])
        more = message.get("more_body", False)
        if size >= _BATCH or not more:
            yield pieces
            pieces, size = [], 0
