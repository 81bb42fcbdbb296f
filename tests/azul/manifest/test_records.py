"""Lines of a manifest become cells as the csv module has them, and most of them without it."""

from __future__ import annotations

import csv
import io
import random

import pytest

from hca_azul.manifest.records import records
from hca_core.errors import UsageError


def read(text: str) -> list[tuple[int, list[str]]]:
    return [(record.line, record.cells) for record in records(io.StringIO(text, newline=""), "m.tsv")]


def by_the_library(text: str) -> list[list[str]]:
    return [cells for cells in csv.reader(io.StringIO(text, newline=""), dialect="excel-tab", strict=True) if cells]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\tb\r\n1\t2\r\n", [(1, ["a", "b"]), (2, ["1", "2"])]),
        ("a\tb\n\n\r\n1\t2", [(1, ["a", "b"]), (4, ["1", "2"])]),
        ("\t\r\n", [(1, ["", ""])]),
        ('a\r\n"b\r\n\r\nc"\td\r\ne\r\n', [(1, ["a"]), (2, ["b\r\n\r\nc", "d"]), (5, ["e"])]),
        ('"a""b"\tc\r\nd\te\r\n', [(1, ['a"b', "c"]), (2, ["d", "e"])]),
        ('""\r\nx\r\n', [(1, [""]), (2, ["x"])]),
    ],
)
def test_records(text, expected):
    assert read(text) == expected
    assert [cells for _, cells in expected] == by_the_library(text)


@pytest.mark.parametrize("seed", range(50))
def test_it_is_what_the_library_reads(seed):
    some = random.Random(seed)
    words = ["", "a", "b c", '"', "\t", "\r\n", "\n", "\r", "é", "\x85", "\u2028", "\x0b", "\0"]
    text = io.StringIO(newline="")
    writer = csv.writer(text, dialect="excel-tab")
    for _ in range(30):
        writer.writerow("".join(some.choices(words, k=some.randrange(4))) for _ in range(some.randrange(1, 5)))
    assert [cells for _, cells in read(text.getvalue())] == by_the_library(text.getvalue())


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('a\r\n"b\r\nc\r\n', "m.tsv: line 2 ends within quotes"),
        ('a\r\n\r\n"b"c\r\n', "m.tsv: line 3 can't be read"),
        ('"a\nb"\r\n"c', "m.tsv: line 3 ends within quotes"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(text, problem):
    with pytest.raises(UsageError, match=problem):
        read(text)


@pytest.mark.parametrize("text", ["a || b\tc || d || e\r\n", '"a || b"\t"c || d || e"\r\n'])
def test_it_is_counted_how_often_values_are_joined(text):
    assert [record.joints for record in records(io.StringIO(text, newline=""), "m.tsv")] == [3]
