"""Deterministic bytes, numbers and identifiers: everything comes out of SHAKE-256, nothing out of the clock."""

from __future__ import annotations

import hashlib
import struct
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_SEED = "hca sample dataset 1"
_STORED_BLOCK = 0xFFFF
# Deflate level 0 written by hand: what zlib makes of the same input differs from version to version.
_GZIP_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"

_BASES = bytes(b"ACGT"[byte & 3] for byte in range(256))
_QUALITIES = bytes(33 + 20 + byte * 21 // 256 for byte in range(256))
READ_LENGTH = 100


def data(name: str, size: int) -> bytes:
    """Return the `size` bytes that belong to `name`."""
    return hashlib.shake_256(f"{_SEED}\n{name}".encode()).digest(size)


def number(name: str, low: int, high: int) -> int:
    """Return the number from `low` to `high` (both included) that belongs to `name`."""
    return low + int.from_bytes(data(name, 8), "big") % (high - low + 1)


def choice(name: str, options: Sequence[str]) -> str:
    """Return the one of `options` that belongs to `name`."""
    return options[number(name, 0, len(options) - 1)]


def uuid(name: str) -> str:
    """Return the version-4 shaped uuid that belongs to `name`."""
    raw = bytearray(data(f"uuid {name}", 16))
    raw[6] = raw[6] & 0x0F | 0x40
    raw[8] = raw[8] & 0x3F | 0x80
    text = raw.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def version(name: str, day: str) -> str:
    """Return the DSS version on the date `day` (`YYYY-MM-DD`) that belongs to `name`."""
    second = number(f"second {name}", 0, 86399)
    micro = number(f"micro {name}", 0, 999) * 1000
    return f"{day}T{second // 3600:02d}{second // 60 % 60:02d}{second % 60:02d}.{micro:06d}Z"


def gzip(content: bytes) -> bytes:
    """Return `content` as a gzip member of stored blocks with a fixed header."""
    parts = [_GZIP_HEADER]
    for start in range(0, max(len(content), 1), _STORED_BLOCK):
        block = content[start : start + _STORED_BLOCK]
        last = start + _STORED_BLOCK >= len(content)
        parts.append(struct.pack("<BHH", last, len(block), len(block) ^ 0xFFFF))
        parts.append(block)
    parts.append(struct.pack("<II", zlib.crc32(content), len(content)))
    return b"".join(parts)


def fastq(run: str, mate: int, reads: int) -> bytes:
    """Return `reads` sequencing reads of `run` as FASTQ text; mates 1 and 2 of a run have the same read names."""
    stream = data(f"reads {run} {mate}", 2 * READ_LENGTH * reads)
    bases, qualities = (
        stream[: READ_LENGTH * reads].translate(_BASES),
        stream[READ_LENGTH * reads :].translate(_QUALITIES),
    )
    lines = []
    for index in range(reads):
        start, end = index * READ_LENGTH, (index + 1) * READ_LENGTH
        lines += [f"@{run}.{index + 1} {index + 1}/{mate}".encode(), bases[start:end], b"+", qualities[start:end]]
    return b"\n".join(lines) + b"\n"
