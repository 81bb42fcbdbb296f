"""The SQL that selects entries of the dictionary. Values are always parameters, never part of the text."""

from __future__ import annotations

import json
from typing import NamedTuple

from hca_local.search.nodes import Between, Condition, Equal, Glob, Pattern, Phrase, Present, Words
from hca_local.search.values import Kind, Value

_FIELD = """SELECT number FROM search_values
  WHERE field=(SELECT number FROM search_fields WHERE name=? AND kind=?)"""
_TEXTS = """SELECT number FROM search_values
  WHERE field IN (SELECT number FROM search_fields WHERE name=? AND kind IN ('string', 'long'))"""
# '/' follows '.' in the order of characters: this is the field and everything below it.
_BELOW = """SELECT number FROM search_values
  WHERE field IN (SELECT number FROM search_fields WHERE name=? OR (name>=? AND name<?))"""
# Spares most texts the function: words stand in their text as they are.
_CONTAINS = "instr(value, ?) > 0"


class Sql(NamedTuple):
    """A piece of SQL with its parameters."""

    text: str
    parameters: tuple[Value, ...] = ()


def values_of(condition: Condition) -> Sql:
    """Return the statement that gives the numbers of the values which `condition` selects."""
    match condition:
        case Equal(field, kind, value):
            return Sql(f"{_FIELD} AND value=?", (field, kind, value))
        case Between():
            return _between(condition)
        case Glob(field, pattern):
            return Sql(f"{_FIELD} AND value GLOB ?", (field, Kind.STRING, pattern))
        case Pattern(field, regexp, words=True):
            return Sql(f"{_TEXTS} AND search_word_matches(?, value)", (field, regexp))
        case Pattern(field, regexp):
            return Sql(f"{_FIELD} AND search_matches(?, value)", (field, Kind.STRING, regexp))
        case Words(field, words, needed):
            test, wanted = "search_has_words(?, ?, value)", json.dumps(words)
            if needed < len(words):
                return Sql(f"{_TEXTS} AND {test}", (field, wanted, needed))
            return Sql(f"{_TEXTS} AND {_CONTAINS} AND {test}", (field, max(words, key=len), wanted, needed))
        case Phrase(field, words):
            test = f"{_TEXTS} AND {_CONTAINS} AND search_has_phrase(?, value)"
            return Sql(test, (field, max(words, key=len), " ".join(words)))
        case Present(field, text=True):
            return Sql(_TEXTS, (field,))
        case Present(field):
            return Sql(_BELOW, (field, f"{field}.", f"{field}/"))


def _between(condition: Between) -> Sql:
    parts = [_FIELD]
    parameters: list[Value] = [condition.field, condition.kind]
    if condition.low is not None:
        parts.append("value>?" if condition.over else "value>=?")
        parameters.append(condition.low)
    if condition.high is not None:
        parts.append("value<?" if condition.under else "value<=?")
        parameters.append(condition.high)
    return Sql(" AND ".join(parts), tuple(parameters))
