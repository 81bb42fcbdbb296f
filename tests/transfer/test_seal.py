"""Seals: who reads a file while another one seals it, or writes to it."""

from __future__ import annotations

import hashlib
import os

import pytest

from hca_core.transfer import seal

DATA = b"ACGT" * 1000
SHA256 = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def meanwhile(monkeypatch, tmp_path):
    """A function that lets something happen just when a file was read; nothing else meets that moment."""
    path = tmp_path / "file"
    path.write_bytes(DATA)
    os.utime(path, (1_000_000_000, 1_000_000_000))  # what is written within one tick of the clock has one time
    digest = hashlib.file_digest

    def made(happening):
        def read(stream, algorithm):
            found = digest(stream, algorithm)
            happening(path)
            return found

        monkeypatch.setattr(seal.hashlib, "file_digest", read)
        return path

    return made


def test_a_seal_that_another_reader_puts_is_no_change(meanwhile):
    """Contents under several names are one file with several links, which are checked side by side."""
    path = meanwhile(lambda path: seal.put(path, len(DATA), SHA256))
    assert seal.read(path, SHA256) == SHA256
    assert seal.is_sealed(os.stat(path), SHA256)


def test_what_is_written_meanwhile_is_noticed(meanwhile):
    assert seal.read(meanwhile(lambda path: path.write_bytes(b"x" * len(DATA))), SHA256) is None


def test_another_file_in_its_place_is_noticed(meanwhile, tmp_path):
    (tmp_path / "other").write_bytes(DATA)
    seal.put(tmp_path / "other", len(DATA), SHA256)
    assert seal.read(meanwhile(lambda path: os.replace(tmp_path / "other", path)), SHA256) is None
