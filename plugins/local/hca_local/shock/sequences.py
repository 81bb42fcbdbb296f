"""Sequence files line by line: which format a file has, and what each of its lines is.

A reader is told how each line begins and, when its end is known, how long it was. So lines may be of any length, and
those who write what is left of a record, or note where it begins, need no second opinion of what a record is.
"""

from __future__ import annotations

import re
from enum import Enum, auto
from typing import Protocol

# How a line begins if it is empty.
EMPTY = -1
_AT, _GREATER, _PLUS = b"@>+"
_HEAD_BYTES = 64 * 1024
_SAM_HEADER = re.compile(rb"@(HD|SQ|RG|PG|CO)\t")
_SAM_FIELDS = 11


class MalformedError(ValueError):
    """A sequence file that is none; the message says so."""


class Kind(Enum):
    """What a line is."""

    HEAD = auto()  # the first of a record
    SEQUENCE = auto()
    PLUS = auto()  # what parts the sequence from its quality
    QUALITY = auto()
    OTHER = auto()  # empty, or the header of a file


class Reader(Protocol):
    """Tells what lines are."""

    is_complete: bool

    def begin(self, first: int) -> Kind:
        """Return what the line is that begins with the byte `first`, EMPTY if it has none. Raises MalformedError."""

    def end(self, length: int) -> None:
        """Take note that the line had `length` bytes before its line end. Raises MalformedError."""


class Fasta:
    """Reads FASTA: a line with `>`, and lines of sequence."""

    def __init__(self) -> None:
        self.is_complete = True
        self._began = False

    def begin(self, first: int) -> Kind:
        """Return what a line is."""
        if first == _GREATER:
            self._began = True
            return Kind.HEAD
        if self._began:
            return Kind.SEQUENCE
        if first == EMPTY:
            return Kind.OTHER
        raise MalformedError("The first record of FASTA begins with '>'.")

    def end(self, length: int) -> None:
        """Take note of the length of a line, which does not matter here."""


class Fastq:
    """Reads FASTQ: a line with `@`, sequence, a line with `+`, as much quality as there is sequence."""

    def __init__(self) -> None:
        self.is_complete = True
        self._expected = self._kind = Kind.HEAD
        self._missing = 0

    def begin(self, first: int) -> Kind:
        """Return what a line is."""
        kind = self._expected
        if kind is Kind.SEQUENCE and first == _PLUS:
            kind = Kind.PLUS
        elif kind is Kind.HEAD and first == EMPTY:
            kind = Kind.OTHER
        elif kind is Kind.HEAD:
            if first != _AT:
                raise MalformedError("A record of FASTQ begins with '@'.")
            self.is_complete = False
        self._kind = kind
        return kind

    def end(self, length: int) -> None:
        """Take note of the length of a line."""
        kind = self._kind
        if kind is Kind.QUALITY:
            self._missing -= length
            if self._missing < 0:
                raise MalformedError("A record of FASTQ has more quality than sequence.")
        elif kind is Kind.SEQUENCE:
            self._missing += length
        elif kind is Kind.HEAD:
            self._expected = Kind.SEQUENCE
        elif kind is Kind.PLUS:
            self._expected = Kind.QUALITY
        if self._expected is Kind.QUALITY and not self._missing:
            self._expected = Kind.HEAD
            self.is_complete = True


class Sam:
    """Reads SAM: header lines with `@`, then a record on each line."""

    is_complete = True

    def begin(self, first: int) -> Kind:
        """Return what a line is."""
        return Kind.OTHER if first in (EMPTY, _AT) else Kind.HEAD

    def end(self, length: int) -> None:
        """Take note of the length of a line, which does not matter here."""


READERS: dict[str, type[Fasta | Fastq | Sam]] = {"fasta": Fasta, "fastq": Fastq, "sam": Sam}


def format_of(head: bytes) -> str | None:
    """Return the format of a file that begins with `head`, None if it is none of sequences."""
    head = head[:_HEAD_BYTES].lstrip(b"\r\n")
    if head.startswith(b">"):
        return "fasta"
    if _SAM_HEADER.match(head):
        return "sam"
    if head.startswith(b"@"):
        return "fastq"
    if head.split(b"\n", 1)[0].count(b"\t") >= _SAM_FIELDS - 1:
        return "sam"
    return None
