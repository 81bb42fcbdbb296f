"""Expressions of regular languages and their derivatives, each expression made once and known by its number.

The derivative of an expression by a character (Brzozowski, 1964) describes what may follow that character. With all
derivatives there is an automaton: the expressions are its states. Those that are equal but for the order of
alternatives are one, so there are finitely many.
"""

from __future__ import annotations

from typing import Any

Ranges = tuple[tuple[str, str], ...]

# What does not fit is refused, as in Lucene.
MOST_STATES = 5_000
MOST_MOVES = 200_000


class TooComplexError(Exception):
    """There are too many derivatives."""


class Expressions:
    """A growing set of expressions. `nullable` tells of each whether it describes the empty text."""

    def __init__(self) -> None:
        self.nullable: list[bool] = []
        self.moves: list[dict[str, int]] = []
        self._made: list[tuple[str, Any]] = []
        self._numbers: dict[tuple[str, Any], int] = {}
        self._move_count = 0
        self.nothing = self._number(("union", frozenset()), False)
        self.everything = self._number(("intersection", frozenset()), True)
        self.empty = self._number(("sequence", ()), True)
        self.any_character = self.characters((), negated=True)

    def characters(self, ranges: Ranges, *, negated: bool = False) -> int:
        """Return the expression for one character that is in `ranges`, or in none of them."""
        return self._number(("characters", (ranges, negated)), False)

    def sequence(self, parts: list[int]) -> int:
        """Return the expression for `parts` one after the other."""
        if self.nothing in parts:
            return self.nothing
        flat: list[int] = []
        for part in parts:
            kind, inner = self._made[part]
            flat += inner if kind == "sequence" else [part]
        if len(flat) == 1:
            return flat[0]
        return self._number(("sequence", tuple(flat)), all(self.nullable[part] for part in flat))

    def union(self, parts: set[int]) -> int:
        """Return the expression for any of `parts`."""
        flat = self._flat("union", parts)
        if self.everything in flat:
            return self.everything
        return self._joined("union", flat, any(self.nullable[part] for part in flat))

    def intersection(self, parts: set[int]) -> int:
        """Return the expression for all of `parts` at once."""
        flat = self._flat("intersection", parts)
        if self.nothing in flat:
            return self.nothing
        return self._joined("intersection", flat, all(self.nullable[part] for part in flat))

    def complement(self, part: int) -> int:
        """Return the expression for everything that `part` does not describe."""
        kind, inner = self._made[part]
        if kind == "complement":
            return int(inner)
        if part in (self.nothing, self.everything):
            return self.everything if part == self.nothing else self.nothing
        return self._number(("complement", part), not self.nullable[part])

    def repeat(self, part: int, least: int, most: int | None) -> int:
        """Return the expression for `part` repeated `least` to `most` times, None for as often as one likes."""
        if self.nullable[part]:
            least = 0
        if most == 0 or part == self.empty:
            return self.empty
        if (least, most) == (1, 1):
            return part
        if part == self.nothing:
            return self.nothing if least else self.empty
        if part == self.any_character and (least, most) == (0, None):
            return self.everything
        kind, inner = self._made[part]
        if kind == "repeat" and inner[1:] == (0, None):
            return part
        return self._number(("repeat", (part, least, most)), least == 0)

    def move(self, state: int, character: str) -> int:
        """Return the derivative of the expression `state` by `character`. Raises TooComplexError."""
        found = self.moves[state].get(character)
        if found is None:
            found = self._derivative(*self._made[state], character)
            self._move_count += 1
            if self._move_count > MOST_MOVES:
                raise TooComplexError
            self.moves[state][character] = found
        return found

    def _derivative(self, kind: str, inner: Any, character: str) -> int:
        if kind == "characters":
            ranges, negated = inner
            inside = any(first <= character <= last for first, last in ranges)
            return self.nothing if inside == negated else self.empty
        if kind == "union":
            return self.union({self.move(part, character) for part in inner})
        if kind == "intersection":
            return self.intersection({self.move(part, character) for part in inner})
        if kind == "complement":
            return self.complement(self.move(inner, character))
        if kind == "repeat":
            part, least, most = inner
            rest = self.repeat(part, max(least - 1, 0), None if most is None else most - 1)
            return self.sequence([self.move(part, character), rest])
        found = set()
        for position, part in enumerate(inner):
            found.add(self.sequence([self.move(part, character), *inner[position + 1 :]]))
            if not self.nullable[part]:
                break
        return self.union(found)

    def _flat(self, kind: str, parts: set[int]) -> frozenset[int]:
        nested = [self._made[part][1] for part in parts if self._made[part][0] == kind]
        return frozenset().union(*nested, (part for part in parts if self._made[part][0] != kind))

    def _joined(self, kind: str, parts: frozenset[int], nullable: bool) -> int:
        return next(iter(parts)) if len(parts) == 1 else self._number((kind, parts), nullable)

    def _number(self, made: tuple[str, Any], nullable: bool) -> int:
        number = self._numbers.get(made)
        if number is None:
            number = len(self._made)
            if number >= MOST_STATES:
                raise TooComplexError
            self.nullable.append(nullable)
            self.moves.append({})
            self._made.append(made)
            self._numbers[made] = number
        return number
