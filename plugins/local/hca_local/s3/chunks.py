"""The `aws-chunked` encoding: a body in chunks that may be signed, with headers that may follow it."""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import TYPE_CHECKING

from hca_local.s3 import signature
from hca_local.s3.errors import S3Error

if TYPE_CHECKING:
    from hca_local.s3.authentication import Caller

_CHUNK_HEADER = re.compile(rb"([0-9a-fA-F]{1,15})(?:;chunk-signature=([0-9a-f]{64}))?", re.ASCII)
_LONGEST_LINE = 1024
_LARGEST_TRAILER = 16 * 1024
_NOTHING = hashlib.sha256().hexdigest()
_TRAILER_SIGNATURE = "x-amz-trailer-signature"


class ChunkSigner:
    """Checks the chain of signatures: that of the request, of each chunk, of the headers behind them."""

    def __init__(self, caller: Caller) -> None:
        self._key = signature.signing_key(caller.claim, caller.key.secret)
        self._where = f"{caller.claim.timestamp}\n{caller.claim.scope}"
        self._previous = caller.claim.signature

    def check_chunk(self, digest: str, claimed: str) -> None:
        """Check the signature of the chunk with the SHA-256 `digest`. Raises S3Error."""
        self._check(f"{signature.ALGORITHM}-PAYLOAD\n{self._where}\n{self._previous}\n{_NOTHING}\n{digest}", claimed)

    def check_trailer(self, trailer: dict[str, str]) -> None:
        """Check the signature of the headers behind the body, which is one of them. Raises S3Error."""
        signed = sorted(f"{name}:{value}\n" for name, value in trailer.items() if name != _TRAILER_SIGNATURE)
        digest = hashlib.sha256("".join(signed).encode("latin-1")).hexdigest()
        self._check(
            f"{signature.ALGORITHM}-TRAILER\n{self._where}\n{self._previous}\n{digest}",
            trailer.get(_TRAILER_SIGNATURE, ""),
        )

    def _check(self, text: str, claimed: str) -> None:
        self._previous = signature.sign(self._key, text)
        if not hmac.compare_digest(self._previous.encode(), claimed.encode("latin-1")):
            raise S3Error(403, "SignatureDoesNotMatch", "The signature of a chunk is not the one for its bytes.")


class ChunkDecoder:
    """Takes an encoded body piece by piece and gives the bytes in it."""

    def __init__(self, signer: ChunkSigner | None, *, has_trailer: bool) -> None:
        """Parameters: `signer` is None if the chunks are not signed."""
        self._signer = signer
        self._has_trailer = has_trailer
        self._line = b""
        self._left = 0
        self._inside = False
        self._ended = False
        self._trailer = b""
        self._digest = hashlib.sha256()
        self._claimed = ""

    def feed(self, data: bytes) -> list[bytes]:
        """Return the bytes of the body in the next piece `data` of the encoded one. Raises S3Error."""
        found = []
        position = 0
        while position < len(data):
            if self._ended:
                self._take_trailer(data[position:])
                break
            if self._left:
                piece = data[position : position + self._left]
                position += len(piece)
                self._take_bytes(piece)
                found.append(piece)
            else:
                end = data.find(b"\n", position) + 1 or len(data)
                self._line += data[position:end]
                position = end
                self._take_line()
        return found

    def finish(self) -> dict[str, str]:
        """Return the headers behind the body by lower-case name. Raises S3Error if the body isn't whole."""
        if not self._ended:
            raise _incomplete()
        lines = (line.strip() for line in self._trailer.decode("latin-1").split("\n"))
        split = (line.partition(":") for line in lines if line)
        trailer = {name.strip().lower(): value.strip() for name, _, value in split}
        if self._signer and self._has_trailer:
            self._signer.check_trailer(trailer)
        return trailer

    def _take_bytes(self, piece: bytes) -> None:
        self._left -= len(piece)
        if self._signer:
            self._digest.update(piece)
            if not self._left:
                self._end_chunk(self._signer)

    def _take_line(self) -> None:
        """Take the line so far, if it is whole: the head of a chunk, or the empty one behind a chunk's bytes."""
        if len(self._line) > _LONGEST_LINE:
            raise _incomplete()
        if not self._line.endswith(b"\n"):
            return
        line, self._line = self._line.strip(), b""
        if self._inside and not line:
            self._inside = False
            return
        match = _CHUNK_HEADER.fullmatch(line)
        if match is None or self._inside:
            raise _incomplete()
        self._left = int(match[1], 16)
        self._inside, self._ended = True, not self._left
        self._claimed = (match[2] or b"").decode()
        if self._ended and self._signer:
            self._end_chunk(self._signer)

    def _end_chunk(self, signer: ChunkSigner) -> None:
        signer.check_chunk(self._digest.hexdigest(), self._claimed)
        self._digest = hashlib.sha256()

    def _take_trailer(self, data: bytes) -> None:
        self._trailer += data
        if len(self._trailer) > _LARGEST_TRAILER:
            raise S3Error(400, "MalformedTrailerError", "The headers behind the body are too long.")


def _incomplete() -> S3Error:
    return S3Error(400, "IncompleteBody", "The request body terminated unexpectedly, or is not in chunks.")
