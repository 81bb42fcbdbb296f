"""Conditions on nodes, a word each: what of them the server is asked, and what has to be compared here.

A Shock server compares text, integers and times (service contract §7). All else - truth values, fractions, the empty
text, text that it would read as more than text - it is asked for more than that, and the rest is left out here.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from hca_core.errors import UsageError
from hca_shock.node import moment
from hca_shock.query import comparing, fields
from hca_shock.query.asking import Query, Test, combined
from hca_shock.query.fields import Field, Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

_WORD = re.compile(r"([^=!<>]+)(!=|>=|<=|=|>|<)(.*)", re.DOTALL)
_RANGE = re.compile(r"[\[\]].*;.*[\[\]]", re.DOTALL)
# What a server may take for more than the letter itself in a pattern, and what parts a range.
_SPECIAL = re.compile(r"[.^$*+?{}\[\]\\|();]")
_HIGHEST = "\U0010ffff"
_FIRST, _LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)


def parsed(words: str | Iterable[str]) -> Query:
    """Return what the conditions in `words` ask for; all must hold. Raises UsageError for one that says nothing.

    A word is NAME (is there), !NAME (is not there), or NAME with =, !=, <, <=, > or >= and a VALUE. An asterisk at the
    beginning or the end of a value stands for anything; a value in double quotes is that text, as JSON writes it.
    """
    return combined(map(_parsed, [words] if isinstance(words, str) else words))


def of_attributes(values: Mapping[str, Any]) -> Query:
    """Return what asks for nodes with attributes of these `values`: text to the letter, numbers, booleans, None."""
    found = []
    for name, value in values.items():
        field = fields.named(name if name.startswith("attributes.") else f"attributes.{name}")
        text = _quoted(value) if isinstance(value, str) else json.dumps(value)
        found.append(_equals(field, text))
    return combined(found)


def _parsed(word: str) -> Query:
    found = _WORD.fullmatch(word)
    if found is None:
        missing = word.startswith("!")
        name = word[missing:]
        if not name or re.search("[=!<>]", name):
            raise UsageError(f"{word!r} is no condition", hint="write NAME=VALUE, NAME>VALUE, NAME or !NAME")
        return _missing(fields.named(name)) if missing else _exists(fields.named(name))
    name, operator, text = found.groups()
    field = fields.named(name)
    if not text:
        raise UsageError(
            f"{word!r} has no value", hint=f"{name} asks whether it is there, '{name}=\"\"' for the empty text"
        )
    query = _compared(field, operator, text)
    if query.tests and field.is_hidden:
        raise UsageError(
            f"{word!r} can't be asked: the server compares text only, and does not show {field.path}",
            hint="--owner, --reader, --writer and --deleter ask for users, --public for everybody",
        )
    return query


def _compared(field: Field, operator: str, text: str) -> Query:
    if operator == "=":
        return _equals(field, text)
    if operator == "!=":
        return _differs(field, text)
    if field.kind is Kind.TIME:
        return _times(field, operator, text)
    if field.kind is Kind.INTEGER:
        return _numbers(field, operator, comparing.amount(field.name, text))
    told = _unquoted(field, text)
    if told is None and field.kind is Kind.ANYTHING and comparing.is_number(text):
        return _numbers(field, operator, comparing.number(text))
    return _texts(field, operator, text if told is None else told)


def _exists(field: Field) -> Query:
    return Query(((field.path, ""),))


def _missing(field: Field) -> Query:
    """Ask for nodes without `field`; null counts as there. The server's "null" is also the text of that name."""
    return Query(((field.path, "null"),), (Test(field, lambda value: True, negated=True),))


def _equals(field: Field, text: str) -> Query:
    if field.kind is Kind.TIME:
        return _times(field, "=", text)
    if field.kind is Kind.INTEGER:
        return Query(((field.path, str(comparing.amount(field.name, text))),))
    told = _unquoted(field, text)
    if told is not None:
        return _literal(field, told)
    if text.startswith("!") or _RANGE.fullmatch(text):
        raise UsageError(
            f"{field.name}={text} can't be asked: a server takes such a value for an order",
            hint=f"write {field.name}!=VALUE, {field.name}>=A {field.name}<=B, or the text in double quotes",
        )
    if "*" in text:
        return _pattern(field, text)
    if field.path == "file.checksum.md5":
        text = text.lower()
    beyond = text in ("true", "false") or (comparing.is_number(text) and not comparing.is_integer(text))
    if beyond and field.kind is Kind.ANYTHING:
        return _compared_here(field, text)
    asked = Query(((field.path, text),))
    if comparing.is_integer(text) or text == "null" or not comparing.looks_typed(text):
        return asked
    return replace(asked, tests=(Test(field, lambda value: comparing.same(value, text)),))


def _differs(field: Field, text: str) -> Query:
    """Ask for nodes whose field is not `text`, those without the field too."""
    equal = _equals(field, text)
    if field.kind is Kind.TIME:
        return Query((), tuple(replace(test, negated=True) for test in equal.tests), _notes(field, f"!={text}"))
    told = _unquoted(field, text)
    if text == "null":  # what is not there is null, too
        return Query(((field.path, ""),), (Test(field, _same(text), negated=True),))
    asked = equal.params[0][1]
    params: tuple[tuple[str, str], ...] = ()
    if not equal.tests and "*" not in asked:
        params = ((field.path, f"!{asked}"),)
        if field.is_hidden:
            return Query(params)  # the server's word is all there is
    fits = _same_text(told) if told is not None else _matcher(text) if "*" in asked else _same(asked or text)
    return Query(params, (Test(field, fits, negated=True),), () if params else _notes(field, f"!={text}"))


def _literal(field: Field, text: str) -> Query:
    """Ask for a text to the letter, whatever a server would read into it."""
    test = (Test(field, _same_text(text)),)
    if not text or text[0] in "!*" or text[-1] == "*" or _RANGE.fullmatch(text):
        return Query(((field.path, ""),), test, _notes(field, f"={_quoted(text)}"))
    return Query(((field.path, text),), test if comparing.looks_typed(text) else ())


def _compared_here(field: Field, text: str) -> Query:
    return Query(((field.path, ""),), (Test(field, _same(text)),), _notes(field, f"={text}"))


def _pattern(field: Field, text: str) -> Query:
    inner = text.strip("*")
    if not inner:
        raise UsageError(f"{field.name}={text} says nothing", hint=f"{field.name} alone asks whether it is there")
    if "*" in inner or text.startswith("**") or text.endswith("**"):
        raise UsageError(
            f"{field.name}={text} can't be asked: an asterisk stands at the beginning or at the end",
            hint="to find an asterisk itself, write the whole value in double quotes",
        )
    runs = _SPECIAL.split(inner)
    # Some servers read the rest as a regular expression, some to the letter: they are asked for what is both.
    if not text.startswith("*"):
        asked = f"{runs[0]}*" if runs[0] else ""
    elif not text.endswith("*"):
        asked = f"*{runs[-1]}" if runs[-1] else ""
    else:
        longest = max(runs, key=len)
        asked = f"*{longest}*" if longest else ""
    if asked == text:
        return Query(((field.path, asked),))
    notes = () if asked else _notes(field, f"={text}")
    return Query(((field.path, asked),), (Test(field, _matcher(text)),), notes)


def _numbers(field: Field, operator: str, bound: int | float) -> Query:
    """Ask for numbers on one side of `bound`: the server compares integers, and knows two ends only."""
    if not math.isfinite(bound) or not comparing.LEAST_INTEGER <= bound <= comparing.MOST_INTEGER:
        raise UsageError(f"{field.name}{operator}{bound} is further than a server counts")
    if operator in (">", ">="):
        asked = f"[{math.floor(bound)};{comparing.MOST_INTEGER}]"
    else:
        asked = f"[{comparing.LEAST_INTEGER};{math.ceil(bound)}]"
    exact = operator in (">=", "<=") and isinstance(bound, int)
    test = Test(field, lambda value: comparing.is_numeric(value) and _ordered(value, operator, bound))
    return Query(((field.path, asked),), () if exact else (test,))


def _texts(field: Field, operator: str, bound: str) -> Query:
    """Ask for texts on one side of `bound`; a server would compare what looks like a date as one."""
    test = (Test(field, lambda value: isinstance(value, str) and _ordered(value, operator, bound)),)
    start = _SPECIAL.split(bound)[0].rstrip("!")
    while start and comparing.looks_typed(start):
        start = start[:-1]
    if operator in (">", ">=") and start:
        return Query(((field.path, f"[{start};{_HIGHEST}]"),), () if (operator, start) == (">=", bound) else test)
    # There is no text below all others that a server would take for an end.
    return Query(((field.path, ""),), test, _notes(field, operator + bound))


def _times(field: Field, operator: str, text: str) -> Query:
    begins, ends = comparing.moments(field.name, text)
    whole_day = begins != ends
    low, high = _FIRST, _LAST
    if operator in ("=", ">="):
        low = begins
    if operator == ">":
        low = ends
    if operator in ("=", "<="):
        high = ends
    if operator == "<":
        high = begins
    # A day ends before the next one begins; a moment is a part of its own range.
    open_low, open_high = operator == ">" and not whole_day, operator == "<" or (operator in ("=", "<=") and whole_day)

    def fits(value: Any) -> bool:
        at = moment(value)
        if at is None:
            return False
        return (low < at or (low == at and not open_low)) and (at < high or (at == high and not open_high))

    return Query(((field.path, f"[{_sent(low)};{_sent(high, up=True)}]"),), (Test(field, fits),))


def _sent(at: datetime, *, up: bool = False) -> str:
    """Return a time as a server reads it, to the second: the one before it, or with `up` the one after it."""
    if up and at.microsecond:
        at += timedelta(seconds=1)
    return at.replace(microsecond=0).isoformat()


def _unquoted(field: Field, text: str) -> str | None:
    """Return the text in double quotes, None if there are none. Raises UsageError."""
    if len(text) < 2 or not (text.startswith('"') and text.endswith('"')):
        return None
    try:
        found = json.loads(text)
    except ValueError as error:
        raise UsageError(
            f"the value of {field.name} begins and ends with a quote, but is no JSON string: {text}",
            hint='inside of it write \\" for a quote and \\\\ for a backslash',
        ) from error
    return str(found)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _same(text: str) -> Callable[[Any], bool]:
    return lambda value: comparing.same(value, text)


def _same_text(text: str) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and value == text


def _matcher(text: str) -> Callable[[Any], bool]:
    inner = text.strip("*")

    def fits(value: Any) -> bool:
        if not isinstance(value, str):
            return False
        if not text.startswith("*"):
            return value.startswith(inner)
        return inner in value if text.endswith("*") else value.endswith(inner)

    return fits


def _ordered(value: Any, operator: str, bound: Any) -> bool:
    if operator == ">":
        return bool(value > bound)
    if operator == ">=":
        return bool(value >= bound)
    return bool(value < bound) if operator == "<" else bool(value <= bound)


def _notes(field: Field, condition: str) -> tuple[str, ...]:
    return (f"the server can't compare {field.name}{condition}; more nodes are fetched and compared here",)
