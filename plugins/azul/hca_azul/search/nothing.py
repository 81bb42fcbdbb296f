"""What to say where nothing was found: which values there are that are like those asked for (contract §5, end)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hca_azul.search import fields
from hca_azul.search.hits import inner
from hca_core.errors import HCAError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hca_azul.search.filters import Filter
    from hca_azul.search.searching import Searching

_MOST_NAMED = 5


def why(searching: Searching, entity_type: str, filters: Filter) -> str:
    """Return why no entities of a type were found, a line each, by one request for the values that there are."""
    catalog = searching.service.catalog
    if not filters:
        return f"there are no {entity_type} in catalog {catalog} that you may see"
    told = [f"there are no such {entity_type} in catalog {catalog}"]
    asked = {name: said["is"] for name, said in filters.as_dict().items() if "is" in said}
    try:
        counted = searching.facets(type=entity_type)
    except HCAError:
        counted = {}  # the answer was there already; this is only about more words
    managed = _managed(searching, asked)
    if managed:
        is_known = searching.service.is_authenticated
        hint = "ask those who own the data for access" if is_known else "hca azul login"
        who = "this user" if is_known else "you"
        return "\n".join(
            [*told, f"the data of {', '.join(managed)} are managed, and not shown to {who}", f"next: {hint}"]
        )
    named = sorted(set(asked) & set(counted))
    for name in named:
        told += _unknown(name, asked[name], [one.get("term") for one in counted[name]])
    shown = " ".join(named or ["organ", "fileFormat"]) + ("" if entity_type == "files" else f" --type {entity_type}")
    return "\n".join([*told, f"next: hca azul get-facets {shown} shows which values there are"])


def _managed(searching: Searching, asked: dict[str, list[Any]]) -> list[str]:
    """Return the projects that were asked for by name or UUID, and are listed only (contract §10)."""
    named: dict[str, Any] = {name: {"is": asked[name]} for name in ("project", "projectId") if name in asked}
    if not named:
        return []
    try:
        found = list(searching.projects({**named, "accessible": {"is": [False]}}, limit=_MOST_NAMED))
    except HCAError:
        return []
    return [str(one) for hit in found for one in inner(hit, "projects", "projectShortname")]


def _unknown(name: str, asked: list[Any], terms: list[Any]) -> Iterator[str]:
    """Yield a sentence for each text that no entity has."""
    known = [term for term in terms if isinstance(term, str)]
    for value in asked:
        if isinstance(value, str) and value not in known:
            yield f"{name} is never {value!r}{_did_you_mean(value, known)}"


def _did_you_mean(value: str, known: list[str]) -> str:
    # Formats have no fixed spelling: some begin with a dot, and cases differ.
    plain = value.casefold().removeprefix(".")
    same = [one for one in known if one.casefold().removeprefix(".") == plain]
    if same:
        return f": did you mean {' or '.join(map(repr, same))}?"
    return fields.did_you_mean(value, known)
