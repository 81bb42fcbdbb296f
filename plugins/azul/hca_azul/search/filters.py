"""Filters as values: what is asked of a service, checked before anything is sent (contract §0.9, §4)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hca_azul.search import checking, fields, packaged, words
from hca_core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hca_azul.search.fields import Field


class Filter:
    """What entities must be like: for each field one relation and its values, and all fields must be so.

        Filter.parse("organ=kidney,lung")
        Filter.of({"organ": {"is": ["kidney", "lung"]}})

    `Filter(mapping)` takes a mapping as it is, without a check. Filters that say the same in the same words are equal.
    """

    __slots__ = ("_text",)

    def __init__(self, mapping: Mapping[str, Mapping[str, Any]] | None = None) -> None:
        # As text it can't change.
        self._text = json.dumps(mapping or {}, ensure_ascii=False, separators=(",", ":"), sort_keys=True)

    @classmethod
    def of(cls, mapping: Mapping[str, Any], known: Mapping[str, Field] | None = None) -> Filter:
        """Return the filter that a mapping in the service's own form says, checked.

        Parameters: `known` are the fields of the service, those of the Human Cell Atlas if None. Raises UsageError.
        """
        if not isinstance(mapping, Mapping):
            raise UsageError('filters must be an object, as in {"organ": {"is": ["kidney"]}}')
        have = packaged.fields() if known is None else known
        return cls({name: checking.check(fields.named(have, name), given) for name, given in mapping.items()})

    @classmethod
    def parse(cls, conditions: str | Iterable[str], known: Mapping[str, Field] | None = None) -> Filter:
        """Return the filter that conditions say, one text or several, as `organ=kidney,lung` or `fileSize=1..1e9`.

        Values of one field that are named one after the other count as if they were named together. Parameters:
        `known` as of `of`. Raises UsageError.
        """
        have = packaged.fields() if known is None else known
        made = cls()
        for word in [conditions] if isinstance(conditions, str) else conditions:
            name, said = words.condition(word, have)
            made = made.merged(cls({name: said}), have)
        return made

    def merged(self, other: Filter, known: Mapping[str, Field] | None = None) -> Filter:
        """Return the filter that says what both say; values of `is` join, ranges must all hold.

        Raises UsageError if the two compare a field by two relations, which the service can't.
        """
        have = packaged.fields() if known is None else known
        mapping = self.as_dict()
        for name, said in other.as_dict().items():
            if name in mapping:
                said = checking.check(fields.named(have, name), _joined(name, mapping[name], said))
            mapping[name] = said
        return Filter(mapping)

    def as_dict(self) -> dict[str, dict[str, Any]]:
        """Return a copy in the service's own form: `{field: {relation: [value, ...]}}`."""
        mapping: dict[str, dict[str, Any]] = json.loads(self._text)
        return mapping

    def to_json(self) -> str:
        """Return it as JSON: compact, with sorted fields, so that the same filter is always the same text."""
        return self._text

    def __bool__(self) -> bool:
        """Tell whether it asks for anything at all."""
        return self._text != "{}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Filter) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __repr__(self) -> str:
        return f"Filter({self.as_dict()})"


def _joined(name: str, first: Mapping[str, list[Any]], second: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
    (relation,), (other,) = first, second
    if relation != other:
        raise UsageError(
            f"{name} is compared by {relation!r} and by {other!r}; the service takes one of them", hint="drop one"
        )
    return {relation: [*first[relation], *(value for value in second[relation] if value not in first[relation])]}
