"""Texts with wildcards and variables: `*` is any text, `?` any character, `${key}` a value of the request."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hca_local.policies.errors import PolicyError

if TYPE_CHECKING:
    from collections.abc import Mapping

_TOKEN = re.compile(r"\$\{([^}]*)\}|(\$(?!\{)|[^$*?]+)|([*?])")
_VARIABLE = re.compile(r"\s*([^\s,']+)\s*(?:,\s*'([^']*)'\s*)?")
# How characters that mean something are written where they stand for themselves.
_ESCAPES = frozenset("*?$")


@dataclass(frozen=True)
class Variable:
    """A place for the value that the request has for `key` (in lower case), or for `default` if it has none."""

    key: str
    default: str | None


# A part is what stands between two `*`: texts, variables, and None for any one character.
Part = tuple[str | Variable | None, ...]
Filled = tuple[str | None, ...]


@dataclass(frozen=True)
class Template:
    """A text as it stands in a policy: its parts, with any text between each two of them."""

    parts: tuple[Part, ...]

    @property
    def keys(self) -> frozenset[str]:
        """The keys of the variables that have no default."""
        pieces = [piece for part in self.parts for piece in part]
        return frozenset(piece.key for piece in pieces if isinstance(piece, Variable) and piece.default is None)


@dataclass(frozen=True)
class Pattern:
    """A template whose variables have got their values; wildcards in a value mean nothing."""

    parts: tuple[Filled, ...]

    def lower(self) -> Pattern:
        """Return the pattern in lower case."""
        return Pattern(tuple(tuple(piece and piece.lower() for piece in part) for part in self.parts))


def template(text: str, *, wildcards: bool = True) -> Template:
    """Return what `text` says; `wildcards` tells whether `*` and `?` are any. Raises PolicyError."""
    parts: list[list[str | Variable | None]] = [[]]
    place = 0
    while place < len(text):
        token = _TOKEN.match(text, place)
        if token is None:
            raise PolicyError(f"{_short(text)} has a variable that does not end: ${{ needs a }}.")
        place = token.end()
        inside, literal, wildcard = token.groups()
        if inside is not None:
            parts[-1].append(_variable(inside, text))
        elif wildcard == "*" and wildcards:
            parts.append([])
        elif wildcard == "?" and wildcards:
            parts[-1].append(None)
        else:
            parts[-1].append(literal or wildcard)
    return Template(tuple(tuple(part) for part in parts))


def filled(given: Template, values: Mapping[str, str]) -> Pattern | None:
    """Return `given` with `values` in place of its variables; None if one of them has no value."""
    parts: list[Filled] = []
    for part in given.parts:
        pieces = [values.get(piece.key, piece.default) if isinstance(piece, Variable) else piece for piece in part]
        if any(isinstance(old, Variable) and new is None for old, new in zip(part, pieces, strict=True)):
            return None
        parts.append(tuple(pieces))
    return Pattern(tuple(parts))


def matches(pattern: Pattern, text: str) -> bool:
    """Tell whether the whole of `text` is as `pattern` says.

    Each part is looked for from the left, once: whatever fits later fits then too, so there is nothing to try again.
    """
    first, *between = pattern.parts
    if not between:
        return _length(first) == len(text) and _fits(first, text, 0)
    last = between.pop()
    start, end = _length(first), len(text) - _length(last)
    if end < start or not _fits(first, text, 0) or not _fits(last, text, end):
        return False
    places = _places(text) if any(None in part for part in between) else {}
    for part in between:
        place = _find(part, text, start, end, places)
        if place < 0:
            return False
        start = place + _length(part)
    return True


def _variable(inside: str, text: str) -> str | Variable:
    if inside in _ESCAPES:
        return inside
    found = _VARIABLE.fullmatch(inside)
    if found is None:
        raise PolicyError(
            f"{_short(text)} has the variable ${{{inside}}}, which is not written ${{key}} or ${{key, 'default'}}."
        )
    return Variable(found[1].lower(), found[2])


def _length(part: Filled) -> int:
    return sum(1 if piece is None else len(piece) for piece in part)


def _fits(part: Filled, text: str, place: int) -> bool:
    """Tell whether `part` is in `text` at `place`; there must be room for it."""
    for piece in part:
        if piece is None:
            place += 1
        elif not text.startswith(piece, place):
            return False
        else:
            place += len(piece)
    return True


def _find(part: Filled, text: str, start: int, end: int, places: Mapping[str, int]) -> int:
    """Return the first place of `part` between `start` and `end`, -1 if there is none.

    `places` are those of each character, see `_places`. A part with `?` is looked for at all places at once: those of
    its first character, moved by none, that are also those of its second, moved by one, and so on.
    """
    if None not in part:
        return text.find("".join(piece for piece in part if piece), start, end)
    room = end - _length(part) + 1
    found = (1 << room) - 1 >> start << start if room > start else 0
    offset = 0
    for piece in part:
        for character in piece or "":
            found &= places.get(character, 0) >> offset
            offset += 1
        offset += piece is None
    return (found & -found).bit_length() - 1


def _places(text: str) -> dict[str, int]:
    """Return the places of each character of `text`: a number whose bits are 1 there."""
    found: dict[str, int] = {}
    for place, character in enumerate(text):
        found[character] = found.get(character, 0) | 1 << place
    return found


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:57]}...")
