"""The bytes of the atlas: one file per content, named by its sha256."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hca_core import checksums
from hca_core.files import write_atomic

if TYPE_CHECKING:
    from pathlib import Path

    from hca_core.checksums import Checksums


class Contents:
    """The files of the directory `root`, which is made when the first one comes."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, sha256: str) -> Path:
        """Return where the bytes with the digest `sha256` lie; whether they do, nobody has looked."""
        return self.root / sha256

    def add(self, content: bytes) -> Checksums:
        """Keep `content` unless it is there, and return its checksums. Raises OSError."""
        sums = checksums.of_bytes(content)
        path = self.path(sums.sha256)
        try:
            present = path.stat().st_size == sums.size
        except FileNotFoundError:
            present = False
        if not present:
            self.root.mkdir(parents=True, exist_ok=True)
            write_atomic(path, content)
        return sums
