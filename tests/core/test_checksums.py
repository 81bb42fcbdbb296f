"""Checksums against published vectors and, for the multipart rule, against their definition."""

from __future__ import annotations

import hashlib
import threading

import pytest

from hca_core import checksums
from hca_core.checksums import MEBIBYTE, Summer, of_bytes, of_file, part_size


def test_the_empty_file():
    found = of_bytes(b"")
    assert found.size == 0
    assert found.sha1 == "da39a3ee5e6b4b0d3255bfef95601890afd80709"
    assert found.sha256 == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert found.crc32c == "00000000"
    assert found.s3_etag == "d41d8cd98f00b204e9800998ecf8427e"


def test_the_check_value_of_crc32c():
    assert of_bytes(b"123456789").crc32c == "e3069283"


@pytest.mark.parametrize(
    ("size", "part"),
    [
        (0, 64 * MEBIBYTE),
        (67_108_864, 64 * MEBIBYTE),
        (67_108_865, 64 * MEBIBYTE),
        (671_088_640_000, 64 * MEBIBYTE),
        (671_088_640_001, 65 * MEBIBYTE),
        (65 * MEBIBYTE * 10_000, 65 * MEBIBYTE),
        (65 * MEBIBYTE * 10_000 + 1, 66 * MEBIBYTE),
        (5 * 1024**4, 525 * MEBIBYTE),
    ],
)
def test_part_sizes(size, part):
    """DC-089."""
    assert part_size(size) == part
    assert -(-size // part) <= 10_000


@pytest.mark.parametrize("block", [1, 7, 64, 1000])
@pytest.mark.parametrize("size", [0, 1, 63, 64, 65, 128, 129, 640])
def test_etags_do_not_depend_on_the_blocks(monkeypatch, block, size):
    monkeypatch.setattr(checksums, "PART_SIZE", 64)
    data = bytes(n % 251 for n in range(size))
    summer = Summer(size)
    for start in range(0, size, block):
        summer.update(data[start : start + block])
    parts = [data[start : start + 64] for start in range(0, size, 64)]
    if len(parts) <= 1:
        expected = hashlib.md5(data).hexdigest()
    else:
        joined = b"".join(hashlib.md5(part).digest() for part in parts)
        expected = f"{hashlib.md5(joined).hexdigest()}-{len(parts)}"
    found = summer.result()
    assert found.s3_etag == expected
    assert (found.size, found.sha256) == (size, hashlib.sha256(data).hexdigest())
    assert found.sha1 == hashlib.sha1(data).hexdigest()


def test_the_first_multipart_size():
    """64 MiB has no suffix, one byte more has two parts."""
    block = bytes(MEBIBYTE)
    for extra, suffix in ((b"", ""), (b"x", "-2")):
        summer = Summer(64 * MEBIBYTE + len(extra))
        for _ in range(64):
            summer.update(block)
        if extra:
            summer.update(extra)
        assert summer.result().s3_etag[32:] == suffix


def test_a_file(tmp_path):
    data = bytes(range(256)) * 10_000
    path = tmp_path / "file"
    path.write_bytes(data)
    assert of_file(path) == of_file(str(path)) == of_bytes(data)
    with pytest.raises(FileNotFoundError):
        of_file(tmp_path / "nothing")


@pytest.mark.parametrize("size", [0, 8 * MEBIBYTE - 1, 8 * MEBIBYTE, 20 * MEBIBYTE + 1])
def test_a_file_in_two_threads(tmp_path, monkeypatch, size):
    """Large files are hashed by two threads; the result is that of one."""
    monkeypatch.setattr(checksums, "PART_SIZE", 5 * MEBIBYTE)
    data = (bytes(range(251)) * (size // 251 + 1))[:size]
    path = tmp_path / "file"
    path.write_bytes(data)
    before = set(threading.enumerate())
    assert of_file(path) == of_bytes(data)
    assert set(threading.enumerate()) <= before  # one of another test may end meanwhile


def test_the_parts_and_the_whole_by_themselves():
    data = bytes(range(256))
    whole = checksums.Whole()
    whole.update(data[:100])
    whole.update(data[100:])
    assert whole.result([checksums.md5(data)]) == of_bytes(data)
    assert checksums.s3_etag([checksums.md5(b"")]) == "d41d8cd98f00b204e9800998ecf8427e"
    joined = hashlib.md5(checksums.md5(b"a") + checksums.md5(memoryview(b"b"))).hexdigest()
    assert checksums.s3_etag([checksums.md5(b"a"), checksums.md5(b"b")]) == f"{joined}-2"
