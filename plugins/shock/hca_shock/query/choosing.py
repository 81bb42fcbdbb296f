"""Which nodes are meant, from all the ways to say it: conditions, attributes, users, the server's own language."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hca_core.errors import UsageError
from hca_shock.query import expressions
from hca_shock.query.asking import Query, combined

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_OWNER = "owner="
RIGHTS = ("owner", "read", "write", "delete")
# What the server or its framework takes for itself in a query of nodes (service contract §0.3, §7).
_TAKEN = frozenset(
    {"query", "querynode", "limit", "offset", "order", "direction", "distinct"}
    | {"download_url", "file_name", "archive", "method", "always200", "callback"}
)


def chosen(
    where: str | Iterable[str] = (),
    *,
    attributes: Mapping[str, Any] | None = None,
    users: Mapping[str, Sequence[str]] | None = None,
    public: Sequence[str] = (),
    verbatim: Iterable[tuple[str, str]] = (),
) -> Query:
    """Return what asks for nodes for which all of this holds.

    Parameters: `where` are conditions in words, `attributes` exact values, `users` names for each of RIGHTS, `public`
    those of RIGHTS that everybody has, `verbatim` keys and values in the server's own language, which are sent unread.
    A condition owner=USER asks for nodes of that user. Raises UsageError.
    """
    words = [where] if isinstance(where, str) else [*where]
    owners = [word.removeprefix(_OWNER) for word in words if word.startswith(_OWNER)]
    return combined(
        [
            expressions.parsed(word for word in words if not word.startswith(_OWNER)),
            _users("owner", owners),
            expressions.of_attributes(attributes or {}),
            *(_users(right, names) for right, names in (users or {}).items()),
            Query(tuple((f"public_{_right(right)}", "1") for right in public)),
            *(_verbatim(key, value) for key, value in verbatim),
        ]
    )


def _users(right: str, names: Sequence[str]) -> Query:
    """Return what asks for nodes on which all of `names` have `right`.

    The server makes an account for a name that it does not know: one that can't be a name is not sent.
    """
    for name in names:
        if not name.strip() or name != name.strip() or "," in name:
            raise UsageError(f"{name!r} can't be the name of a user", hint="give the option once for each user")
    # The server looks at the first value only, where names stand with commas between them.
    return Query(((_right(right), ",".join(names)),)) if names else Query()


def _right(right: str) -> str:
    if right not in RIGHTS:
        raise UsageError(f"{right!r} is no right on a node", hint=f"there are: {', '.join(RIGHTS)}")
    return right


def _verbatim(key: str, value: str) -> Query:
    if not key or key.lower() in _TAKEN:
        raise UsageError(f"{key!r} is no field of a node", hint=f"an attribute of that name is attributes.{key}")
    if value and not value.strip("!*"):
        raise UsageError(f"{value!r} can't be asked: the server would drop the connection")
    return Query(((key, value),))
