"""A query that was understood: frozen values, so that what was found for one can be kept under it."""

from __future__ import annotations

from dataclasses import dataclass

from hca_local.search.values import Kind, Value


@dataclass(frozen=True, slots=True)
class Equal:
    """The values that are `value`."""

    field: str
    kind: Kind
    value: Value


@dataclass(frozen=True, slots=True)
class Between:
    """The values from `low` to `high`, either None for no bound; `over` and `under` leave the bound itself out."""

    field: str
    kind: Kind
    low: Value | None
    high: Value | None
    over: bool = False
    under: bool = False


@dataclass(frozen=True, slots=True)
class Glob:
    """The strings that look like a pattern of SQLite's GLOB."""

    field: str
    pattern: str


@dataclass(frozen=True, slots=True)
class Pattern:
    """The strings that a regular expression of Lucene describes, or one of their words if `words`."""

    field: str
    regexp: str
    words: bool = False


@dataclass(frozen=True, slots=True)
class Words:
    """The strings with at least `needed` of `words`."""

    field: str
    words: tuple[str, ...]
    needed: int


@dataclass(frozen=True, slots=True)
class Phrase:
    """The strings with `words` one after the other."""

    field: str
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Present:
    """All values of a field and of those below it; strings only, and none below, if `text`."""

    field: str
    text: bool = False


Condition = Equal | Between | Glob | Pattern | Words | Phrase | Present


@dataclass(frozen=True, slots=True)
class Everything:
    """All documents."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """The documents with a value that any of `conditions` selects; without conditions there is none."""

    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Bool:
    """The documents that match all of `must`, none of `must_not` and at least `needed` of `should`."""

    must: tuple[Query, ...]
    must_not: tuple[Query, ...]
    should: tuple[Query, ...]
    needed: int


Query = Everything | Leaf | Bool
