"""What a page says of all entities: their number, and how often each value occurs (contract §3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hca_azul.errors import AzulError
from hca_azul.search import fields
from hca_core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def total(document: Mapping[str, Any]) -> int:
    """Return how many entities there are. Raises AzulError if the service does not tell."""
    pagination = document["pagination"]
    count = pagination.get("total") if isinstance(pagination, dict) else None
    if not isinstance(count, int):
        raise AzulError("the service does not tell how many there are", hint="check the URL (--service-url)")
    return count


def facets(document: Mapping[str, Any], names: Sequence[str] = ()) -> dict[str, list[dict[str, Any]]]:
    """Return the values of fields and their counts, of all fields if there are no `names`.

    Raises UsageError for a field whose values the service does not count.
    """
    counted = document.get("termFacets")
    counted = counted if isinstance(counted, dict) else {}
    for name in names:
        if name not in counted:
            raise UsageError(
                f"the service does not count the values of {name!r}{fields.did_you_mean(name, counted)}",
                hint=f"it counts {', '.join(sorted(counted)) or 'none'}",
            )
    return {name: _terms(counted[name]) for name in names or sorted(counted)}


def text_of(term: Any) -> str:
    """Return a value as conditions spell it: null, 20:year, or itself."""
    if term is None:
        return "null"
    if isinstance(term, dict):
        return ":".join(str(part) for part in term.values() if part is not None)
    return str(term)


def _terms(facet: Any) -> list[dict[str, Any]]:
    terms = facet.get("terms") if isinstance(facet, dict) else None
    return [one for one in terms if isinstance(one, dict)] if isinstance(terms, list) else []
