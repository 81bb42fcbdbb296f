"""How fast `hca` computes sha1, sha256, crc32c and s3_etag of a file, against one serial loop over it.

    python benchmarks/checksums.py [--size MIB] [--rounds 5] [--json]

The file lies in memory where there is a /dev/shm. Both read it once, and their results must be the same.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from common import Case, clean_environment, compile_sources, measure, rows, show

OURS = """
import sys
from hca_core import checksums

sums = checksums.of_file(sys.argv[1])
print(sums.sha1, sums.sha256, sums.crc32c, sums.s3_etag)
"""
# What somebody without `hca` writes.
SERIAL = """
import hashlib, sys
import google_crc32c

PART = 64 * 1024 * 1024
sha1, sha256, crc32c, md5, digests, left = hashlib.sha1(), hashlib.sha256(), google_crc32c.Checksum(), None, [], 0
with open(sys.argv[1], "rb") as stream:
    while block := stream.read(1024 * 1024):
        sha1.update(block)
        sha256.update(block)
        crc32c.update(block)
        if not left:
            md5, left = hashlib.md5(), PART
            digests.append(md5)
        md5.update(block)
        left -= len(block)
parts = [md5.digest() for md5 in digests]
etag = parts[0].hex() if len(parts) == 1 else f"{hashlib.md5(b''.join(parts)).hexdigest()}-{len(parts)}"
print(sha1.hexdigest(), sha256.hexdigest(), crc32c.digest().hex(), etag)
"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=1024, metavar="MIB", help="size of the file (default: 1024)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds that count (default: 5)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    settings = parser.parse_args()
    compile_sources()
    memory = "/dev/shm" if os.path.isdir("/dev/shm") else None
    with clean_environment() as environment, tempfile.TemporaryDirectory(prefix="hca-benchmark-", dir=memory) as folder:
        path = Path(folder) / "file"
        block = hashlib.shake_128(b"hca").digest(1024 * 1024)
        with path.open("wb") as stream:
            for number in range(settings.size):
                stream.write(number.to_bytes(8, "big") + block[8:])
        serial = [sys.executable, "-c", SERIAL, str(path)]
        expected = subprocess.run(serial, env=environment, capture_output=True, text=True, check=True).stdout.strip()
        peer = f"{settings.size} MiB: one serial loop"
        ours = [sys.executable, "-c", OURS, str(path)]
        cases = [
            Case(f"{settings.size} MiB: hca", ours, peer, 0.53, expected),
            Case(peer, serial, expected=expected),
        ]
        show(rows(cases, measure(cases, max(settings.rounds, 3), environment)), as_json=settings.json)


if __name__ == "__main__":
    main()
