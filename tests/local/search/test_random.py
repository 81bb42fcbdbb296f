"""Random queries on random documents, against an evaluator that shares nothing with the index but the contract."""

from __future__ import annotations

import fnmatch
import random
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

WORDS = ["Alpha", "beta", "GAMMA", "delta", "alpha beta", "Beta, gamma", "x", ""]
FIELDS = ["a", "b", "b.text", "c.d", "c.e", "n"]


def values(document: Any, path: str) -> Iterator[Any]:
    """Yield what a document has at a path, with all lists and objects on the way opened."""
    if isinstance(document, list):
        for element in document:
            yield from values(element, path)
    elif not path:
        if isinstance(document, dict):
            for below in document.values():
                yield from values(below, "")
        elif document is not None:
            yield document
    elif isinstance(document, dict):
        head, _, rest = path.partition(".")
        yield from values(document.get(head), rest)


def leaves(document: Any, path: str) -> list[Any]:
    """Return what is at a path itself, not below it."""
    if isinstance(document, list):
        return [one for element in document for one in leaves(element, path)]
    if not path:
        return [] if isinstance(document, dict) or document is None else [document]
    head, _, rest = path.partition(".")
    return leaves(document.get(head), rest) if isinstance(document, dict) else []


def as_text(value: Any) -> str:
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value).lower()


def words_at(document: Any, field: str) -> list[list[str]]:
    """Return the words of each string in the field of which `field` is the `.text` sub-field."""
    if not field.endswith(".text"):
        return []
    found = [value for value in leaves(document, field.removesuffix(".text")) if isinstance(value, str)]
    return [value.lower().replace(",", " ").split() for value in found]


def evaluate(query: dict[str, Any], document: Any, filtering: bool = False) -> bool:
    [(name, body)] = query.items()
    if name == "bool":
        return evaluate_bool(body, document, filtering)
    if name == "match_all":
        return True
    if name == "exists":
        return any(True for _ in values(document, body["field"]))
    [(field, wanted)] = body.items()
    here, words = leaves(document, field), words_at(document, field)
    texts = [as_text(value) for value in here if isinstance(value, str)]
    if name == "range":
        return in_range(wanted, here)
    if name == "terms":
        return any(evaluate({"term": {field: one}}, document) for one in wanted)
    text = as_text(wanted)
    if name == "prefix":
        return any(one.startswith(text) for one in texts) or any(w.startswith(text) for ws in words for w in ws)
    if name == "wildcard":
        return any(fnmatch.fnmatchcase(one, text) for one in [*texts, *(w for ws in words for w in ws)])
    numbers = [value for value in here if isinstance(value, int | float) and not isinstance(value, bool)]
    if (
        text in texts
        or text in [as_text(value) for value in here if isinstance(value, bool)]
        or (text.lstrip("-").isdigit() and int(text) in numbers)
    ):
        return True
    if name == "term":
        return any(text in ws for ws in words)
    return any(set(text.replace(",", " ").split()) & set(ws) for ws in words)  # match


def in_range(bounds: dict[str, Any], here: list[Any]) -> bool:
    compare = {
        "gt": lambda a, b: a > b,
        "gte": lambda a, b: a >= b,
        "lt": lambda a, b: a < b,
        "lte": lambda a, b: a <= b,
    }
    strings = [as_text(value) for value in here if isinstance(value, str)]
    numbers = [value for value in here if isinstance(value, int) and not isinstance(value, bool)]
    wanted = {key: as_text(bound) for key, bound in bounds.items()}
    if any(all(compare[key](one, bound) for key, bound in wanted.items()) for one in strings):
        return True
    if not all(isinstance(bound, int) for bound in bounds.values()):
        return False
    return any(all(compare[key](one, bound) for key, bound in bounds.items()) for one in numbers)


def evaluate_bool(body: dict[str, Any], document: Any, filtering: bool) -> bool:
    must, filters, never, should = (body.get(name, []) for name in ("must", "filter", "must_not", "should"))
    hits = sum(evaluate(one, document, filtering) for one in should)
    required = bool(must or filters)
    least = body.get("minimum_should_match", 1 if filtering or not required else 0)
    if not required and should:
        least = max(least, 1)
    return (
        all(evaluate(one, document, filtering) for one in must)
        and all(evaluate(one, document, True) for one in filters)
        and not any(evaluate(one, document, True) for one in never)
        and hits >= min(least, len(should))
    )


class Maker:
    """Makes documents and queries from a seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def value(self) -> Any:
        return self.random.choice([*WORDS, 1, 2, 3, -1, True, False, None, "2"])

    def document(self) -> dict[str, Any]:
        def some() -> Any:
            return self.value() if self.random.random() < 0.6 else [self.value() for _ in range(3)]

        choices = {"a": some(), "b": self.random.choice([some(), {"text": some()}]), "n": self.random.randrange(5)}
        choices["c"] = [{"d": some()}, {"e": some(), "f": {"g": some()}}]
        return {key: value for key, value in choices.items() if self.random.random() < 0.8}

    def leaf(self) -> dict[str, Any]:
        field = "files.x." + self.random.choice([*FIELDS, "a.text", "c.d.text"])
        value = self.random.choice([one for one in [*WORDS, 1, 2, -1, True, "2"] if one != ""])
        kind = self.random.choice(["match", "term", "terms", "range", "exists", "prefix", "wildcard", "match_all"])
        if kind == "match_all":
            return {kind: {}}
        if kind == "exists":
            return {kind: {"field": self.random.choice(["files.x.a", "files.x.b", "files.x.c", "files.x.c.f", "no"])}}
        if kind == "terms":
            return {kind: {field: [value, self.random.choice(["x", 3, "delta"])]}}
        if kind == "range":
            field = field.removesuffix(".text")
            low, high = self.random.choice([(0, 2), ("alpha", "c"), (1, 9), ("B", "z")])
            bounds = {self.random.choice(["gt", "gte"]): low, self.random.choice(["lt", "lte"]): high}
            return {kind: {field: dict(self.random.sample(sorted(bounds.items()), self.random.choice([1, 2])))}}
        if kind == "prefix":
            return {kind: {field: str(value)[:2].lower()}}
        if kind == "wildcard":
            return {kind: {field: self.random.choice(["*a", "?eta", "*", "*a*b*", "al*"])}}
        return {kind: {field: value}}

    def query(self, depth: int) -> dict[str, Any]:
        if depth == 0 or self.random.random() < 0.3:
            return self.leaf()
        body: dict[str, Any] = {}
        for name in ("must", "filter", "must_not", "should"):
            if self.random.random() < 0.5:
                body[name] = [self.query(depth - 1) for _ in range(self.random.randrange(1, 4))]
        if "should" in body and self.random.random() < 0.4:
            body["minimum_should_match"] = self.random.randrange(0, 4)
        return {"bool": body or {"must": [self.leaf()]}}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("kind", ["store", "many"])
def test_random_queries_find_what_an_evaluator_finds(request: pytest.FixtureRequest, kind: str, seed: int) -> None:
    store, maker = request.getfixturevalue(kind), Maker(seed)
    documents = {f"bundle {number}": store.add(f"bundle {number}", {"x": maker.document()}) for number in range(25)}
    sizes = set()
    for _ in range(80):
        query = maker.query(3)
        expected = {name for name, document in documents.items() if evaluate(query, document)}
        assert store.find(query) == expected, query
        sizes.add(len(expected))
    assert len(sizes) > 8, "the queries do not tell the documents apart"
