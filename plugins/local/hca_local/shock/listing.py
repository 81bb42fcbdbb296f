"""GET /node: the nodes that a caller may see and that meet a query (contract §7)."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from hca_local.shock import accounts, archives, finding, nodes, queries, rights, search
from hca_local.shock.calls import DroppedError, ShockError, answer, long_answer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.types import ASGIApp

    from hca_local.shock.calls import Call
    from hca_local.shock.nodes import Doc
    from hca_local.shock.queries import Condition

_LIMIT = 25
_RESERVED = frozenset({
    "query", "limit", "offset", "order", "direction", "distinct", "download_url", "file_name", "archive",
})  # fmt: skip
_LISTS = ("owner", *rights.RIGHTS)
_RESERVED_FOR_NODES = _RESERVED | {"querynode", *_LISTS, *(f"public_{name}" for name in _LISTS)}
# The database has a limit of its own, at about 1,000.
_MOST_CONDITIONS = 200
# Longer pages are sent in pieces of so many nodes.
_PIECE = 100


async def get(call: Call) -> ASGIApp:
    """List nodes, or the values that they have, or make an archive of their files. Raises ShockError (400, 401)."""
    rights.require_login(call, rights.READ)
    # Before the search: one that is refused must not have cost anything.
    limit, offset = _number(call, "limit", _LIMIT), _number(call, "offset", 0)
    if offset < 0:
        raise ShockError(400, f"The offset {offset} is negative; the first node has the offset 0.")
    conditions = await _conditions(call)
    if len(conditions) > _MOST_CONDITIONS:
        raise ShockError(400, f"A query may have {_MOST_CONDITIONS} conditions.")
    wanted = _ordered(call, finding.Search(_readers(call), conditions))
    attribute = call.first("distinct")
    if attribute:
        return await _distinct(call, wanted, attribute)
    if call.has("download_url"):
        # Who asks for an archive means all that he has found, unless he says otherwise.
        limit = limit if call.shock.quirks or call.has("limit") else 0
    # The service takes 0 for no limit and a negative limit for its absolute value; there are not so many nodes.
    most = min(abs(limit), queries.LARGEST)
    found = await call.shock.run(finding.page, call.shock.store, wanted, most or finding.ALL, offset)
    if call.has("download_url"):
        return await archives.link(call, found.numbers)
    return shown(call, found.numbers, limit=limit, offset=offset, total_count=found.total)


def shown(call: Call, numbers: list[int], **paging: int) -> ASGIApp:
    """Return the answer that shows the nodes of these numbers; who is gone is left out.

    Parameters: `paging` is that of `answer`.
    """
    if len(numbers) > _PIECE:
        return long_answer((_shown(call, piece) for piece in _pieces(numbers)), **paging)
    return answer(_shown(call, numbers), **paging)


def _shown(call: Call, numbers: list[int]) -> list[Doc]:
    return [nodes.shown(doc) for doc in finding.documents(call.shock.records, numbers)]


async def _conditions(call: Call) -> tuple[Condition, ...]:
    """Return what the nodes have to meet. `query` is about attributes, `querynode` about any field."""
    if call.has("query"):
        return tuple(_condition(call, f"attributes.{key}", value) for key, value in call.query if key not in _RESERVED)
    if not call.has("querynode"):
        return ()
    conditions = [_condition(call, key, value) for key, value in call.query if key not in _RESERVED_FOR_NODES]
    for name in _LISTS:
        if call.has(f"public_{name}"):
            conditions.append(queries.is_user(f"acl.{name}", rights.PUBLIC))
        for user in (call.first(name) or "").split(",") if call.has(name) else ():
            conditions.append(queries.is_user(f"acl.{name}", await _user(call, user)))
    return tuple(conditions)


def _condition(call: Call, path: str, value: str) -> Condition:
    """Return the condition of one parameter. Raises ShockError (400)."""
    try:
        return queries.condition(path, value, quirks=call.shock.quirks)
    except queries.LoneMarkError as error:
        if call.shock.quirks:
            raise DroppedError from error
        raise ShockError(
            400, f"The value {value} has nothing beside its mark; an empty value asks whether a field is there at all."
        ) from error


async def _user(call: Call, name: str) -> str:
    """Return the uuid of a user, empty if nobody is called so; the service makes one then."""
    name = name if call.shock.quirks else name.strip()
    if name == rights.PUBLIC:
        return rights.PUBLIC
    found = accounts.uuid_of(call.shock.records, name, create=False)
    if not found and call.shock.quirks:
        found = await call.shock.writer.run(lambda connection: accounts.uuid_of(connection, name))
    return found


def _readers(call: Call) -> tuple[str, ...]:
    """Return as whom the caller sees nodes."""
    if call.caller.admin:
        return (search.ADMINISTRATORS,)
    return (rights.PUBLIC,) if call.caller.anonymous else (rights.PUBLIC, call.caller.uuid)


def _ordered(call: Call, wanted: finding.Search) -> finding.Search:
    """Return a search with the order that is asked for; the time of creation is the one that it has anyway."""
    order = call.first("order") or None
    if call.has("query") and order:
        order = f"attributes.{order}"
    order = None if order == "created_on" else order
    return dataclasses.replace(wanted, order=order, ascending=call.first("direction") == "asc")


async def _distinct(call: Call, wanted: finding.Search, attribute: str) -> ASGIApp:
    """Answer with the different values of an attribute.

    The service knows those of attributes that it was told to index, which this one is not: it indexes all.
    """
    if call.shock.quirks:
        raise ShockError(400, "unable to run distinct query on non-indexed attributes field")
    return answer(await call.shock.run(finding.distinct, call.shock.store, wanted, f"attributes.{attribute}"))


def _number(call: Call, key: str, default: int) -> int:
    """Return an integer of the query. What is none counts as 0 for the service. Raises ShockError (400)."""
    text = call.first(key)
    if text is None:
        return default
    number = queries.integer(text)
    if number is None and not call.shock.quirks:
        raise ShockError(400, f"The {key} {text!r} is not an integer.")
    return number or 0


def _pieces(numbers: list[int]) -> Iterator[list[int]]:
    for start in range(0, len(numbers), _PIECE):
        yield numbers[start : start + _PIECE]
