"""The bodies of requests that make and change nodes: forms (RFC 7578) that are streamed, and may be sent again.

Two traps of the server decide their order (service contract §0.1, §0.2, §12): a value is read as far as the first
segment of the network reaches, so values go first and together are short; and a blobstore wants to know the length of
a file before it comes, so each part that has one says it.
"""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hca_core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

BLOCK = 1024 * 1024
_COPIED = 64 * 1024  # what is larger is sent by itself rather than copied to something else
MOST_VALUES = 1000  # bytes of all values of a form together: what surely fits the first segment


@dataclass(frozen=True)
class Source:
    """Bytes that are read while they are sent: `blocks` begins anew at each call; `size` in bytes."""

    size: int
    blocks: Callable[[], Iterator[bytes]]


@dataclass(frozen=True)
class FilePart:
    """A part of a form that the server takes for a file: the name of the field, of the file, and the bytes."""

    field: str
    filename: str
    content: bytes | Source

    @property
    def size(self) -> int:
        """The length of the content in bytes."""
        return len(self.content) if isinstance(self.content, bytes) else self.content.size


class Form:
    """A form of `fields` (name, value) and `files`; `len` is its length in bytes, iterating yields them.

    Raises UsageError for an empty value, at which the server would stop reading.
    """

    def __init__(self, fields: Sequence[tuple[str, str]] = (), files: Sequence[FilePart] = ()) -> None:
        for name, value in fields:
            if not value:
                raise UsageError(f"the value of {name!r} is empty, which a Shock server can't take")
        self.fields = tuple(fields)
        self.files = tuple(files)
        boundary = secrets.token_hex(16)
        self.content_type = f"multipart/form-data; boundary={boundary}"
        self._end = f"--{boundary}--\r\n".encode()
        self._values = b"".join(
            f'--{boundary}\r\nContent-Disposition: form-data; name="{_quoted(name)}"\r\n\r\n'.encode()
            + value.encode("utf-8", "surrogateescape")
            + b"\r\n"
            for name, value in self.fields
        )
        self._heads = [_head(boundary, part) for part in self.files]

    def __len__(self) -> int:
        files = sum(len(head) + part.size + 2 for head, part in zip(self._heads, self.files, strict=True))
        return len(self._values) + files + len(self._end)

    def __iter__(self) -> Iterator[bytes]:
        """Yield the body; all values, the first head and what is short come as one piece."""
        waiting = self._values
        for head, part in zip(self._heads, self.files, strict=True):
            waiting += head
            for block in _blocks(part):
                if len(waiting) + len(block) <= BLOCK:
                    waiting += block
                else:
                    yield waiting
                    waiting = block
            if len(waiting) > _COPIED:
                yield waiting
                waiting = b""
            waiting += b"\r\n"
        yield waiting + self._end

    def body(self) -> bytes | Form:
        """Return what is to be sent: the bytes themselves of a small form, else the form, to be streamed."""
        return b"".join(self) if len(self) <= BLOCK else self


def file_blocks(path: str | os.PathLike[str], offset: int = 0, size: int | None = None) -> Iterator[bytes]:
    """Yield `size` bytes of a file from `offset` on (None: all the rest). Raises OSError if there are fewer."""
    with open(path, "rb", buffering=0) as stream:
        stream.seek(offset)
        left = size
        while left is None or left > 0:
            block = stream.read(BLOCK if left is None else min(BLOCK, left))
            if not block:
                if left:
                    raise OSError(f"{os.fspath(path)} has become shorter while it was read")
                return
            yield block
            if left is not None:
                left -= len(block)


def fits(fields: Sequence[tuple[str, str]]) -> bool:
    """Tell whether the values of `fields` may go into one form."""
    return sum(len(value.encode("utf-8", "surrogateescape")) for _, value in fields) <= MOST_VALUES


def _blocks(part: FilePart) -> Iterator[bytes]:
    if isinstance(part.content, bytes):
        yield part.content
    else:
        yield from part.content.blocks()


def _head(boundary: str, part: FilePart) -> bytes:
    return (
        f'--{boundary}\r\nContent-Disposition: form-data; name="{_quoted(part.field)}"; '
        f'filename="{_quoted(part.filename)}"\r\n'
        f"Content-Type: application/octet-stream\r\nContent-Length: {part.size}\r\n\r\n"
    ).encode("utf-8", "surrogateescape")


def _quoted(name: str) -> str:
    """Return a name as it stands between quotes (RFC 7578 §4.2, WHATWG): what would end it is percent-encoded."""
    return name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
