"""Changes of users, groups and roles. Each is made whole or not at all: call it inside a transaction only."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from hca_local.fusillade import defaults, directory, errors
from hca_local.fusillade.directory import GROUP, USER

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from sqlite3 import Connection

    from hca_local.fusillade.errors import FusilladeError

_LIMIT = f"A user may be in {defaults.GROUP_LIMIT - 1} groups at most, and {{}} would be in more. Nothing was changed."


def create(
    connection: Connection,
    kind: str,
    name: str,
    *,
    policy: dict[str, Any] | None,
    owner: str,
    links: Iterable[tuple[str, str]] = (),
) -> None:
    """Make a user, group or role with what it belongs to (`links`: kind and name each).

    Raises FusilladeError (400, 409).
    """
    if not directory.add_new(connection, kind, name, policy, owner):
        raise errors.exists(kind, name)
    ends = set(links)
    if kind == USER and directory.is_there(connection, GROUP, defaults.DEFAULT_GROUP):
        ends.add((GROUP, defaults.DEFAULT_GROUP))
    for end_kind in sorted({end_kind for end_kind, _ in ends}):
        require(connection, end_kind, [end for found, end in ends if found == end_kind])
    if kind == USER and sum(1 for end_kind, _ in ends if end_kind == GROUP) >= defaults.GROUP_LIMIT:
        raise _too_many(name)
    for end in ends:
        directory.link(connection, (kind, name), end)


def require_node(connection: Connection, kind: str, name: str) -> None:
    """Raise FusilladeError (404) unless there is a node."""
    if not directory.is_there(connection, kind, name):
        raise errors.not_found()


def require(connection: Connection, kind: str, names: Iterable[str]) -> None:
    """Raise FusilladeError (400) unless all `names` are there."""
    if not all(directory.is_there(connection, kind, name) for name in names):
        raise errors.illegal_arguments(f"One or more {kind} does not exist.")


def add_links(connection: Connection, node: tuple[str, str], kind: str, names: Sequence[str]) -> None:
    """Give a node the groups or roles `names`. Raises FusilladeError (404, 400, 409, 304 if it has one already)."""
    require_node(connection, *node)
    require(connection, kind, names)
    if kind == GROUP and _is_full(connection, node[1], len(set(names))):
        raise _too_many(node[1])
    for name in dict.fromkeys(names):
        if not directory.link(connection, node, (kind, name)):
            raise errors.unchanged()


def remove_links(connection: Connection, node: tuple[str, str], kind: str, names: Sequence[str]) -> None:
    """Take groups or roles from a node. Raises FusilladeError (404, 400, 304 if it doesn't have one)."""
    require_node(connection, *node)
    require(connection, kind, names)
    for name in dict.fromkeys(names):
        _unlink(connection, node, (kind, name))


def add_users(connection: Connection, group: str, users: Sequence[str]) -> None:
    """Put `users` into a group.

    Raises FusilladeError (404, 400, 304, 409 if one has too many groups).
    """
    require_node(connection, GROUP, group)
    require(connection, USER, users)
    for user in dict.fromkeys(users):
        if _is_full(connection, user, 1):
            raise _too_many(user)
        if not directory.link(connection, (USER, user), (GROUP, group)):
            raise errors.unchanged()


def remove_users(connection: Connection, group: str, users: Sequence[str]) -> None:
    """Take `users` out of a group. Raises FusilladeError (404, 400, 304)."""
    require_node(connection, GROUP, group)
    require(connection, USER, users)
    for user in dict.fromkeys(users):
        _unlink(connection, (USER, user), (GROUP, group))


def set_policy(connection: Connection, kind: str, name: str, policy: dict[str, Any]) -> None:
    """Replace the policy of a node. Raises FusilladeError (404)."""
    require_node(connection, kind, name)
    connection.execute("UPDATE fusillade_nodes SET policy=? WHERE kind=? AND name=?", (json.dumps(policy), kind, name))


def set_enabled(connection: Connection, user: str, *, enabled: bool) -> None:
    """Let a user do something, or nothing. Raises FusilladeError (404)."""
    require_node(connection, USER, user)
    connection.execute("UPDATE fusillade_nodes SET enabled=? WHERE kind=? AND name=?", (enabled, USER, user))


def delete(connection: Connection, kind: str, name: str) -> None:
    """Delete a group or role; those who had it stay. Raises FusilladeError (404)."""
    if not connection.execute("DELETE FROM fusillade_nodes WHERE kind=? AND name=?", (kind, name)).rowcount:
        raise errors.not_found(f"Failed to delete {name}. {kind} does not exist.")
    connection.execute("DELETE FROM fusillade_links WHERE kind=? AND name=?", (kind, name))
    connection.execute("DELETE FROM fusillade_links WHERE of_kind=? AND of_name=?", (kind, name))
    connection.execute("DELETE FROM fusillade_access WHERE kind=? AND member=?", (kind, name))


def _unlink(connection: Connection, node: tuple[str, str], end: tuple[str, str]) -> None:
    row = connection.execute(
        "DELETE FROM fusillade_links WHERE kind=? AND name=? AND of_kind=? AND of_name=?", (*node, *end)
    )
    if not row.rowcount:
        raise errors.unchanged()


def _is_full(connection: Connection, user: str, new: int) -> bool:
    """Tell whether `user` has no room for `new` more groups; the limit itself is out of reach (contract §4)."""
    return len(directory.groups_of(connection, user)) + new >= defaults.GROUP_LIMIT


def _too_many(user: str) -> FusilladeError:
    """Return the refusal of one group too many. The hosted service answers 500 at some routes, which clients repeat."""
    return errors.conflict(_LIMIT.format(user))
