"""The files that benchmarks/download.py downloads: computed from their numbers, so that a million cost no place."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

KIBIBYTE, MEBIBYTE, GIBIBYTE = 2**10, 2**20, 2**30
LARGE = MEBIBYTE  # files from this size on are large: they are not kept in memory
VERSION = "2019-08-01T200147.836832Z"
# The kinds of files: 1-8 KiB, alone in a bundle and with 19 others; 1 KiB, as three reads are; 8 MiB; 1 GiB.
SMALL, BUNDLED, TINY, MEDIUM, HUGE = range(5)
FILES_OF_A_BUNDLE = (1, 20, 3, 1, 1)
COLUMNS = ("bundle_uuid", "bundle_version", "file_name", "file_uuid", "file_version", "file_sha256", "file_size")
STORE = Path(".hca", "v2", "files_2_4")


@dataclass(frozen=True)
class File:
    """File number `number` of a kind; `block` below stands for the bytes that all files have in common."""

    kind: int
    number: int

    @property
    def size(self) -> int:
        """Its size in bytes."""
        varied = KIBIBYTE + self.number * 7919 % (7 * KIBIBYTE + 1)
        return (varied, varied, KIBIBYTE, 8 * MEBIBYTE, GIBIBYTE)[self.kind]

    @property
    def head(self) -> bytes:
        """Its first bytes, by which it differs from all others. The rest is that of the block."""
        return self.kind.to_bytes(2, "big") + self.number.to_bytes(6, "big")

    @property
    def uuid(self) -> str:
        return f"{self.number:08x}-{self.kind:04x}-4000-8000-000000000000"

    @property
    def bundle(self) -> str:
        """UUID of the bundle that it is in, which holds the number of the first of its files."""
        first = self.number - self.number % FILES_OF_A_BUNDLE[self.kind]
        return f"{first:08x}-{self.kind:04x}-5000-8000-000000000000"

    def sha256(self, block: Block) -> str:
        """The digest of its content, in hex."""
        digest = hashlib.sha256(self.head)
        for piece in block.pieces(len(self.head), self.size):
            digest.update(piece)
        return digest.hexdigest()


class Block:
    """The bytes that the files have in common, in a file; the first of them are kept in memory too."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with path.open("rb") as stream:
            self.start = stream.read(64 * KIBIBYTE)

    def pieces(self, begin: int, end: int) -> Iterator[bytes]:
        """Yield the bytes from `begin` to `end`."""
        if end <= len(self.start):
            yield self.start[begin:end]
            return
        with self.path.open("rb") as stream:
            stream.seek(begin)
            while begin < end:
                piece = stream.read(min(MEBIBYTE, end - begin))
                begin += len(piece)
                yield piece


def make_block(path: Path) -> None:
    """Write the bytes that files have in common, as many as the largest has."""
    noise = hashlib.shake_128(b"hca").digest(MEBIBYTE)
    with path.open("wb") as stream:
        for number in range(GIBIBYTE // MEBIBYTE):
            stream.write(noise[:-8] + number.to_bytes(8, "big"))


def file_of(uuid: str) -> File:
    """Return the file with that UUID."""
    number, kind = uuid.split("-")[:2]
    return File(int(kind, 16), int(number, 16))


@dataclass(frozen=True)
class Data:
    """Files to download: how many of which kind."""

    name: str
    parts: tuple[tuple[int, int], ...]

    def files(self) -> Iterator[File]:
        for kind, count in self.parts:
            for number in range(count):
                yield File(kind, number)

    @property
    def count(self) -> int:
        return sum(count for _, count in self.parts)


def write_manifest(path: Path, data: Data, block: Path) -> None:
    """Write the manifest of `data`."""
    known = Block(block)
    with path.open("w") as stream:
        stream.write("\t".join(COLUMNS) + "\n")
        for file in data.files():
            digest = file.sha256(known)
            cells = (file.bundle, VERSION, f"{file.number}.json", file.uuid, VERSION, digest)
            stream.write("\t".join(cells) + f"\t{file.size}\n")


def fill_store(out: Path, data: Data, block: Path) -> None:
    """Put the files of `data` into the store below `out`, checked and sealed as a download leaves them."""
    from hca_core.transfer import seal

    known = Block(block)
    for file in data.files():
        digest = file.sha256(known)
        path = stored(out, digest)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"".join((file.head, *known.pieces(len(file.head), file.size))))
        seal.put(path, file.size, digest)


def stored(out: Path, digest: str) -> Path:
    """Return where the store below `out` has the content with that sha256."""
    return out / STORE / digest[:2] / digest[2:6] / digest
