"""What the SQL of a search needs besides SQLite: regular expressions, and words in texts."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING

from hca_local.search import regexps, values

if TYPE_CHECKING:
    from collections.abc import Callable
    from sqlite3 import Connection


def register(connection: Connection) -> None:
    """Give `connection` the functions, once: SQLite refuses to replace one while a statement runs."""
    known = "SELECT 1 FROM pragma_function_list WHERE name='search_matches'"
    if connection.execute(known).fetchone() is None:
        for name, count, function in _FUNCTIONS:
            connection.create_function(name, count, function, deterministic=True)


def _matches(pattern: str, text: str) -> bool:
    return regexps.language(pattern).has(text)


def _word_matches(pattern: str, text: str) -> bool:
    language = regexps.language(pattern)
    return any(language.has(word) for word in values.words(text))


def _has_words(wanted: str, needed: int, text: str) -> bool:
    return len(_decoded(wanted).intersection(values.words(text))) >= needed


def _has_phrase(wanted: str, text: str) -> bool:
    # Words have no blanks.
    return f" {wanted} " in f" {' '.join(values.words(text))} "


@lru_cache(maxsize=32)
def _decoded(words: str) -> frozenset[str]:
    return frozenset(json.loads(words))


_FUNCTIONS: tuple[tuple[str, int, Callable[..., bool]], ...] = (
    ("search_matches", 2, _matches),
    ("search_word_matches", 2, _word_matches),
    ("search_has_words", 3, _has_words),
    ("search_has_phrase", 2, _has_phrase),
)
