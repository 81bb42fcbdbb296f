"""Resource types, their access levels, and who has which access to a resource. Write inside a transaction only."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from hca_local.fusillade import changes, defaults, directory, errors
from hca_local.fusillade.directory import GROUP, USER
from hca_local.policies.documents import Policy, resource_policy
from hca_local.policies.evaluation import Source

if TYPE_CHECKING:
    from collections.abc import Sequence
    from sqlite3 import Connection

RESOURCE_POLICY = "ResourcePolicy"


def actions_of(connection: Connection, type_name: str) -> list[str]:
    """Return the actions of a type. Raises FusilladeError (404)."""
    row = connection.execute("SELECT actions FROM fusillade_types WHERE name=?", (type_name,)).fetchone()
    if row is None:
        raise errors.not_found()
    found: list[str] = json.loads(row[0])
    return found


def is_registered(connection: Connection, type_name: str) -> bool:
    """Tell whether there is a type."""
    return connection.execute("SELECT 1 FROM fusillade_types WHERE name=?", (type_name,)).fetchone() is not None


def add_type(connection: Connection, type_name: str, actions: Sequence[str]) -> None:
    """Make a type, with the access level of those who make resources. Raises FusilladeError (409)."""
    if is_registered(connection, type_name):
        raise errors.exists("resource_type", type_name)
    connection.execute("INSERT INTO fusillade_types VALUES (?,?)", (type_name, json.dumps(sorted(set(actions)))))
    policy = json.dumps(defaults.owner_policy(type_name))
    connection.execute("INSERT INTO fusillade_levels VALUES (?,?,?)", (type_name, defaults.OWNER_LEVEL, policy))


def remove_type(connection: Connection, type_name: str) -> None:
    """Delete a type that has no resources."""
    connection.execute("DELETE FROM fusillade_levels WHERE type=?", (type_name,))
    connection.execute("DELETE FROM fusillade_types WHERE name=?", (type_name,))


def set_actions(connection: Connection, type_name: str, actions: set[str]) -> None:
    """Replace the actions of a type."""
    connection.execute("UPDATE fusillade_types SET actions=? WHERE name=?", (json.dumps(sorted(actions)), type_name))


def level(connection: Connection, type_name: str, name: str) -> dict[str, Any]:
    """Return the policy of an access level. Raises FusilladeError (404)."""
    row = connection.execute(
        "SELECT policy FROM fusillade_levels WHERE type=? AND name=?", (type_name, name)
    ).fetchone()
    if row is None:
        raise errors.not_found()
    found: dict[str, Any] = json.loads(row[0])
    return found


def add_level(connection: Connection, type_name: str, name: str, policy: dict[str, Any]) -> None:
    """Make an access level. Raises FusilladeError (404, 409)."""
    actions_of(connection, type_name)
    row = (type_name, name, json.dumps(policy))
    if not connection.execute("INSERT OR IGNORE INTO fusillade_levels VALUES (?,?,?)", row).rowcount:
        raise errors.exists("policy", name)


def set_level(connection: Connection, type_name: str, name: str, policy: dict[str, Any]) -> None:
    """Replace the policy of an access level. Raises FusilladeError (404)."""
    level(connection, type_name, name)
    row = (json.dumps(policy), type_name, name)
    connection.execute("UPDATE fusillade_levels SET policy=? WHERE type=? AND name=?", row)


def remove_level(connection: Connection, type_name: str, name: str) -> None:
    """Delete an access level; who has it loses his access. Raises FusilladeError (404, 409)."""
    level(connection, type_name, name)
    if name == defaults.OWNER_LEVEL:
        raise errors.conflict(f"The policy {name} can't be deleted: it is the one of whoever makes a resource.")
    connection.execute("DELETE FROM fusillade_access WHERE type=? AND level=?", (type_name, name))
    connection.execute("DELETE FROM fusillade_levels WHERE type=? AND name=?", (type_name, name))


def require_resource(connection: Connection, type_name: str, name: str) -> None:
    """Raise FusilladeError (404) unless there is a resource."""
    row = connection.execute("SELECT 1 FROM fusillade_resources WHERE type=? AND name=?", (type_name, name)).fetchone()
    if row is None:
        raise errors.not_found()


def add_resource(connection: Connection, type_name: str, name: str, owner: str) -> None:
    """Make a resource that belongs to `owner`. Raises FusilladeError (404, 409)."""
    actions_of(connection, type_name)
    cursor = connection.execute("INSERT OR IGNORE INTO fusillade_resources VALUES (?,?)", (type_name, name))
    if not cursor.rowcount:
        raise errors.exists("resource", name)
    row = (type_name, name, USER, owner, defaults.OWNER_LEVEL)
    connection.execute("INSERT INTO fusillade_access VALUES (?,?,?,?,?)", row)


def remove_resource(connection: Connection, type_name: str, name: str) -> None:
    """Delete a resource with the list of its members. Raises FusilladeError (404)."""
    require_resource(connection, type_name, name)
    connection.execute("DELETE FROM fusillade_access WHERE type=? AND resource=?", (type_name, name))
    connection.execute("DELETE FROM fusillade_resources WHERE type=? AND name=?", (type_name, name))


def set_access(connection: Connection, type_name: str, name: str, member: tuple[str, str], to: str | None) -> None:
    """Set the access level of a member (kind and name) of a resource, or take it away if `to` is None.

    Raises FusilladeError (404, 400).
    """
    require_resource(connection, type_name, name)
    kind, member_name = member
    changes.require(connection, kind, [member_name])
    where = (type_name, name, kind, member_name)
    if to is None:
        connection.execute("DELETE FROM fusillade_access WHERE type=? AND resource=? AND kind=? AND member=?", where)
        return
    known = connection.execute("SELECT 1 FROM fusillade_levels WHERE type=? AND name=?", (type_name, to)).fetchone()
    if known is None:
        raise errors.illegal_arguments(f"The access level {to} does not exist: it must be a policy of {type_name}.")
    connection.execute("INSERT OR REPLACE INTO fusillade_access VALUES (?,?,?,?,?)", (*where, to))


def access_of(connection: Connection, type_name: str, name: str, user: str) -> list[Source]:
    """Return the policies that `user` and his groups have for a resource; none means that it is hidden from him."""
    members = [(USER, user), *((GROUP, group) for group in directory.groups_of(connection, user))]
    levels: set[str] = set()
    for kind, member in members:
        rows = connection.execute(
            "SELECT level FROM fusillade_access WHERE type=? AND resource=? AND kind=? AND member=?",
            (type_name, name, kind, member),
        )
        levels.update(row[0] for row in rows)
    found = [(one, json.dumps(level(connection, type_name, one))) for one in sorted(levels)]
    return [Source(f"{type_name}/{one}", "resource", _parsed(text)) for one, text in found]


@lru_cache(maxsize=1024)
def _parsed(text: str) -> Policy:
    return resource_policy(json.loads(text))
