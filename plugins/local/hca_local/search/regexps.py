"""Regular expressions as Lucene has them, matched in a time that grows with the text only.

Python's own are no substitute: with some patterns they need longer than anyone can wait, nobody can stop them, and
they know neither complement nor intersection.
"""

from __future__ import annotations

import threading
from functools import lru_cache

from hca_local.search.expressions import Expressions, TooComplexError

LONGEST = 1000
_MOST_REPEATS = 1000


class PatternError(Exception):
    """A pattern that is malformed, or too much for this search."""


class Language:
    """The texts that a pattern describes. Raises PatternError."""

    def __init__(self, pattern: str) -> None:
        self._expressions = Expressions()
        self._lock = threading.Lock()
        if len(pattern) > LONGEST:
            raise PatternError(f"the regular expression is longer than {LONGEST} characters")
        try:
            self._start = _Parser(pattern, self._expressions).parsed()
        except (TooComplexError, RecursionError) as error:
            raise PatternError("the regular expression is too complex") from error

    def has(self, text: str) -> bool:
        """Tell whether the pattern describes all of `text`. Raises PatternError if that takes too much."""
        expressions = self._expressions
        moves, nothing, everything = expressions.moves, expressions.nothing, expressions.everything
        state = self._start
        for character in text:
            following = moves[state].get(character)
            state = self._moved(state, character) if following is None else following
            if state == nothing:
                return False
            if state == everything:
                return True
        return expressions.nullable[state]

    def _moved(self, state: int, character: str) -> int:
        # Searches in several threads may have the same pattern.
        with self._lock:
            try:
                return self._expressions.move(state, character)
            except (TooComplexError, RecursionError) as error:
                raise PatternError("the regular expression is too complex") from error


@lru_cache(maxsize=32)
def language(pattern: str) -> Language:
    """Return what `pattern` describes. Raises PatternError."""
    return Language(pattern)


class _Parser:
    """Reads the syntax of Lucene's RegExp with all of its flags but numeric intervals.

    A character that has no meaning where it stands, such as a `*` with nothing before it, is itself.
    """

    def __init__(self, pattern: str, expressions: Expressions) -> None:
        self._pattern = pattern
        self._at = 0
        self._expressions = expressions

    def parsed(self) -> int:
        if not self._pattern:
            return self._expressions.empty
        found = self._union()
        if self._at < len(self._pattern):
            raise PatternError(f"unexpected {self._pattern[self._at]!r} at position {self._at}")
        return found

    def _union(self) -> int:
        parts = {self._intersection()}
        while self._take("|"):
            parts.add(self._intersection())
        return self._expressions.union(parts)

    def _intersection(self) -> int:
        parts = {self._sequence()}
        while self._take("&"):
            parts.add(self._sequence())
        return self._expressions.intersection(parts)

    def _sequence(self) -> int:
        parts = [self._repeat()]
        while self._at < len(self._pattern) and self._pattern[self._at] not in ")|&":
            parts.append(self._repeat())
        return self._expressions.sequence(parts)

    def _repeat(self) -> int:
        found = self._complement()
        while True:
            if self._take("?"):
                found = self._expressions.repeat(found, 0, 1)
            elif self._take("*"):
                found = self._expressions.repeat(found, 0, None)
            elif self._take("+"):
                found = self._expressions.sequence([found, self._expressions.repeat(found, 0, None)])
            elif self._take("{"):
                found = self._expressions.repeat(found, *self._counts())
            else:
                return found

    def _counts(self) -> tuple[int, int | None]:
        text = self._until("}")
        least, comma, most = text.partition(",")
        if not all(part.isascii() and part.isdigit() for part in ([least, most] if most else [least])):
            raise PatternError(f"{{{text}}} is no number of repetitions")
        counts = int(least), (int(most) if most else None) if comma else int(least)
        if max(counts[0], counts[1] or 0) > _MOST_REPEATS:
            raise PatternError(f"{{{text}}} has more than {_MOST_REPEATS} repetitions")
        if counts[1] is not None and counts[0] > counts[1]:
            raise PatternError(f"{{{text}}} is no range")
        return counts

    def _complement(self) -> int:
        return self._expressions.complement(self._complement()) if self._take("~") else self._class()

    def _class(self) -> int:
        if not self._take("["):
            return self._simple()
        negated = self._take("^")
        ranges = [self._range()]
        while not self._take("]"):
            ranges.append(self._range())
        return self._expressions.characters(tuple(ranges), negated=negated)

    def _range(self) -> tuple[str, str]:
        first = self._character()
        if not self._take("-"):
            return first, first
        if self._pattern[self._at : self._at + 1] == "]":
            raise PatternError("a range in brackets has no end")
        last = self._character()
        if first > last:
            raise PatternError(f"{first}-{last} is no range")
        return first, last

    def _simple(self) -> int:
        expressions = self._expressions
        if self._take("."):
            return expressions.any_character
        if self._take("#"):
            return expressions.nothing
        if self._take("@"):
            return expressions.everything
        if self._take('"'):
            return expressions.sequence([self._literal(character) for character in self._until('"')])
        if self._take("("):
            if self._take(")"):
                return expressions.empty
            found = self._union()
            if not self._take(")"):
                raise PatternError("a parenthesis is not closed")
            return found
        if self._take("<"):
            raise PatternError("numeric intervals, <m-n>, are not supported")
        return self._literal(self._character())

    def _literal(self, character: str) -> int:
        return self._expressions.characters(((character, character),))

    def _character(self) -> str:
        self._take("\\")
        if self._at >= len(self._pattern):
            raise PatternError("the regular expression ends too early")
        self._at += 1
        return self._pattern[self._at - 1]

    def _take(self, character: str) -> bool:
        """Go on behind `character` if it is next."""
        if self._pattern.startswith(character, self._at):
            self._at += 1
            return True
        return False

    def _until(self, end: str) -> str:
        """Return the text before `end`, and go on behind it."""
        stop = self._pattern.find(end, self._at)
        if stop < 0:
            raise PatternError(f"{end} is missing")
        start, self._at = self._at, stop + 1
        return self._pattern[start:stop]
