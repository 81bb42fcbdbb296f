"""The languages inside: regular expressions of Lucene, dates, words, minima."""

from __future__ import annotations

import random
import re
from typing import Any

import pytest

from hca_local.search import dates, minimum, patterns, regexps, values
from hca_local.search.errors import QueryError


@pytest.mark.parametrize(
    ("pattern", "inside", "outside"),
    [
        ("", [""], ["a"]),
        ("abc", ["abc"], ["ab", "abcd", "xabc"]),
        ("a.c", ["abc", "a.c", "aüc"], ["ac"]),
        ("ab?c", ["ac", "abc"], ["abbc"]),
        ("ab*", ["a", "abbb"], ["b"]),
        ("(ab)+", ["ab", "abab"], ["", "aba"]),
        ("a{2}", ["aa"], ["a", "aaa"]),
        ("a{2,}", ["aa", "aaaa"], ["a"]),
        ("a{1,3}b", ["ab", "aaab"], ["b", "aaaab"]),
        ("(a?){3}b", ["b", "aaab"], ["aaaab"]),
        ("a|bc", ["a", "bc"], ["ab"]),
        ("[a-c0]+", ["ab0"], ["d", ""]),
        ("[^a-c]", ["d", "-"], ["a", ""]),
        ("[a\\-c]", ["-", "a", "c"], ["b"]),
        ("~(ab)", ["", "a", "abc"], ["ab"]),
        ("~~a", ["a"], ["b"]),
        ("ab~(.*c.*)", ["ab", "abd"], ["abc", "abdcd"]),
        (".*a.*&.*b.*", ["ab", "xbxax"], ["a", "b"]),
        ("@", ["", "anything"], []),
        ("a@", ["a", "ab"], ["b"]),
        ("#", [], ["", "#"]),
        ("a|#", ["a"], [""]),
        ("()", [""], ["()"]),
        ("x()y", ["xy"], ["x"]),
        ('"a.*"b', ["a.*b"], ["axxb"]),
        (r"\.\*\\", [".*\\"], ["xx"]),
        (r"\d", ["d"], ["1"]),  # Lucene of that time has no classes of characters by letter
        ("*a", ["*a"], ["a"]),
        ("^a$", ["^a$"], ["a"]),
        ("(a*)*(b|c)*", ["", "aabcb"], ["ba"]),
    ],
)
def test_regular_expressions(pattern: str, inside: list[str], outside: list[str]) -> None:
    language = regexps.language(pattern)
    assert [text for text in inside if not language.has(text)] == []
    assert [text for text in outside if language.has(text)] == []


def test_regular_expressions_agree_with_those_of_python() -> None:
    chance = random.Random(11)

    def some(depth: int) -> str:
        if depth == 0:
            return chance.choice(["a", "b", ".", "[ab]", "[^a]", "ab"])
        kind = chance.choice(["sequence", "union", "star", "count", "optional"])
        if kind == "sequence":
            return some(depth - 1) + some(depth - 1)
        if kind == "union":
            return f"({some(depth - 1)}|{some(depth - 1)})"
        return f"({some(depth - 1)})" + {"star": "*", "count": "{1,2}", "optional": "?"}[kind]

    outcomes = set()
    for _ in range(300):
        pattern = some(3)
        for _ in range(20):
            text = "".join(chance.choice("abc") for _ in range(chance.randrange(7)))
            expected = re.fullmatch(pattern, text) is not None
            assert regexps.language(pattern).has(text) == expected, (pattern, text)
            outcomes.add(expected)
    assert outcomes == {True, False}


@pytest.mark.parametrize(
    "pattern", ["a|", "(a", "a)", "[a", "[", "a\\", '"a', "a{", "a{x}", "a{3,2}", "[b-a]", "[a-]", "<1-2>"]
)
def test_malformed_regular_expressions(pattern: str) -> None:
    with pytest.raises(regexps.PatternError):
        regexps.Language(pattern)


def test_wildcards() -> None:
    for pattern, text in (("a*?", "abc"), (r"a\*b", "a*b"), ("[x]*", "[x]y"), ("a\\", "a\\")):
        assert regexps.language(patterns.regexp(pattern)).has(text), pattern
    assert patterns.glob(r"a\*[b?*") == "a[*][[]b?*"
    assert not regexps.language(patterns.regexp(r"a\*b")).has("axb")
    assert regexps.language(patterns.quoted('.*"[~')).has('.*"[~')


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("1970-01-01T00:00:00Z", 0, 999),
        ("1970-01-01T00:00:00.001Z", 1, 1),
        ("1970-01-01T00:00:00.0019Z", 1, 1),
        ("1970-01-01T00:00:00.1Z", 100, 100),
        ("1970-01-01 00:00:01", 1000, 1999),
        ("1970-01-01", 0, 86_399_999),
        ("1970-01", 0, 31 * 86_400_000 - 1),
        ("1970", 0, 365 * 86_400_000 - 1),
        ("1970-01-01T01", 3_600_000, 7_199_999),
        ("1970-01-01T00:01", 60_000, 119_999),
        ("1970-01-01T01:00:00+01:00", 0, 999),
        ("1969-12-31T23:00:00-0100", 0, 999),
        ("1972-02", 789 * 86_400_000 - 28 * 86_400_000, 790 * 86_400_000 - 1),
        ("9999-12-31", 253_402_214_400_000, 253_402_300_799_999),
    ],
)
def test_dates_cover_a_time(text: str, first: int, last: int) -> None:
    assert dates.period(text) == (first, last)
    assert dates.moment(text) == (first if len(text) >= 10 else None)


@pytest.mark.parametrize(
    "text",
    ["", "x", "2019-02-30", "2019-13-01", "0000-01-01", "2019-1-1", "20190101", "2019-05-14T154432.123456Z", "201",
     "2019-01-01T25:00:00Z", "2019-01-01 10:00", "2019-01-01T10:00:00+99:00", "２０１９-01-01"],
)  # fmt: skip
def test_what_is_no_date(text: str) -> None:
    assert dates.period(text) is None
    assert dates.moment(text) is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("cd4-positive t cell", ["cd4", "positive", "t", "cell"]),
        ("fastq.gz", ["fastq.gz"]),
        ("1.5 and 1,000", ["1.5", "and", "1,000"]),
        ("uberon:0000178", ["uberon", "0000178"]),
        ("don't a_b _", ["don't", "a_b"]),
        ("größe µm", ["größe", "µm"]),
        (" .,! ", []),
    ],
)
def test_words(text: str, words: list[str]) -> None:
    assert values.words(text) == words


@pytest.mark.parametrize("wanted", ["", "x", "1.5", "%", "50 %", "3<", "<3", "3<x", None, [], {}, True, 1.5])
def test_malformed_minima(wanted: Any) -> None:
    with pytest.raises(QueryError):
        minimum.needed(wanted, 5, "here")


def test_minima_are_never_more_than_there_are() -> None:
    assert [minimum.needed(one, 4, "") for one in (9, "200%", "-9", "-200%", "25%", "-25%", "49%")] == [
        4,
        4,
        0,
        0,
        1,
        3,
        1,
    ]
