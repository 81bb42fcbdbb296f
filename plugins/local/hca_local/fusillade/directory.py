"""Who is in the directory and what they may do: what the other services ask it. Write inside a transaction only."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from hca_local.fusillade import defaults
from hca_local.policies.documents import DENY, Policy, identity_policy
from hca_local.policies.evaluation import Source

if TYPE_CHECKING:
    from sqlite3 import Connection

USER, GROUP, ROLE = "user", "group", "role"


def bootstrap(connection: Connection, admin: str) -> None:
    """Put into a directory what it has from the beginning, and make `admin` its administrator.

    What is there already stays as it is, so it may be called at every start.
    """
    add_new(connection, ROLE, defaults.DEFAULT_ROLE, defaults.USER_POLICY)
    add_new(connection, ROLE, defaults.ADMIN_ROLE, defaults.ADMIN_POLICY)
    if add_new(connection, GROUP, defaults.DEFAULT_GROUP):
        link(connection, (GROUP, defaults.DEFAULT_GROUP), (ROLE, defaults.DEFAULT_ROLE))
    add_new(connection, GROUP, defaults.WRITERS_GROUP, defaults.GROUP_POLICY)
    provision(connection, defaults.PUBLIC_USER)
    provision(connection, admin)
    for end in (ROLE, defaults.ADMIN_ROLE), (GROUP, defaults.WRITERS_GROUP), (GROUP, defaults.DEFAULT_GROUP):
        link(connection, (USER, admin), end)


def make_administrator(connection: Connection, user: str) -> None:
    """Let `user` do everything, whatever has been made of the roles and groups of the beginning since.

    He leaves groups and roles that deny anything: a Deny would count more than all that he may.
    """
    bootstrap(connection, user)
    connection.execute("UPDATE fusillade_nodes SET enabled=1, policy=NULL WHERE kind=? AND name=?", (USER, user))
    row = (json.dumps(defaults.ADMIN_POLICY), ROLE, defaults.ADMIN_ROLE)
    connection.execute("UPDATE fusillade_nodes SET policy=? WHERE kind=? AND name=?", row)
    for kind in (GROUP, ROLE):
        for name in linked(connection, (USER, user), kind):
            if _denies(connection, (kind, name)):
                connection.execute(
                    "DELETE FROM fusillade_links WHERE kind=? AND name=? AND of_kind=? AND of_name=?",
                    (USER, user, kind, name),
                )


def _denies(connection: Connection, node: tuple[str, str]) -> bool:
    """Tell whether the policy of a group or role, or of a role of the group, denies anything."""
    nodes = [node, *((ROLE, role) for role in linked(connection, node, ROLE))]
    texts = [policy_text(connection, kind, name) for kind, name in nodes]
    return any(one.effect == DENY for text in texts if text for one in _parsed(text).statements)


def provision(connection: Connection, user: str) -> None:
    """Make `user`, enabled and in the default group, unless he is there already."""
    if add_new(connection, USER, user) and is_there(connection, GROUP, defaults.DEFAULT_GROUP):
        link(connection, (USER, user), (GROUP, defaults.DEFAULT_GROUP))


def is_known(connection: Connection, user: str) -> bool:
    """Tell whether there is `user`."""
    return is_there(connection, USER, user)


def is_enabled(connection: Connection, user: str) -> bool:
    """Tell whether `user` may do anything at all; who is not known yet would be let in."""
    row = connection.execute("SELECT enabled FROM fusillade_nodes WHERE kind=? AND name=?", (USER, user)).fetchone()
    return row is None or bool(row[0])


def groups_of(connection: Connection, user: str) -> list[str]:
    """Return the groups of `user`, in order."""
    return linked(connection, (USER, user), GROUP)


def roles_of(connection: Connection, user: str) -> list[str]:
    """Return the roles that `user` has himself, in order; those of his groups are not among them."""
    return linked(connection, (USER, user), ROLE)


def effective(connection: Connection, user: str) -> list[Source]:
    """Return the policies that count for `user`: his own, and those of his groups, his roles and his groups' roles."""
    groups = groups_of(connection, user)
    roles = set(roles_of(connection, user))
    for group in groups:
        roles.update(linked(connection, (GROUP, group), ROLE))
    nodes = [(USER, user), *((GROUP, group) for group in groups), *((ROLE, role) for role in sorted(roles))]
    found = [(kind, name, policy_text(connection, kind, name)) for kind, name in nodes]
    return [Source(name, kind, _parsed(text)) for kind, name, text in found if text is not None]


def allowed_actions(connection: Connection, user: str) -> list[str]:
    """Return the actions that some policy of `user` allows, as they are written there, in order."""
    return sorted({action for source in effective(connection, user) for action in source.policy.allowed})


def is_there(connection: Connection, kind: str, name: str) -> bool:
    """Tell whether there is a node: a user, group or role."""
    row = connection.execute("SELECT 1 FROM fusillade_nodes WHERE kind=? AND name=?", (kind, name)).fetchone()
    return row is not None


def policy_text(connection: Connection, kind: str, name: str) -> str | None:
    """Return the policy of a node as JSON, None if it has none or is not there."""
    row = connection.execute("SELECT policy FROM fusillade_nodes WHERE kind=? AND name=?", (kind, name)).fetchone()
    found: str | None = None if row is None else row[0]
    return found


def linked(connection: Connection, node: tuple[str, str], kind: str) -> list[str]:
    """Return the names of the groups or roles (`kind`) that a node has, in order."""
    rows = connection.execute(
        "SELECT of_name FROM fusillade_links WHERE kind=? AND name=? AND of_kind=? ORDER BY of_name", (*node, kind)
    )
    return [row[0] for row in rows]


def add_new(
    connection: Connection, kind: str, name: str, policy: dict[str, Any] | None = None, owner: str | None = None
) -> bool:
    """Add a node and return True; return False, and change nothing, if there is one of the name."""
    text = None if policy is None else json.dumps(policy)
    row = (kind, name, text, 1, owner)
    return connection.execute("INSERT OR IGNORE INTO fusillade_nodes VALUES (?,?,?,?,?)", row).rowcount == 1


def link(connection: Connection, node: tuple[str, str], end: tuple[str, str]) -> bool:
    """Give a node a group or role and return True; return False if it has it already."""
    return connection.execute("INSERT OR IGNORE INTO fusillade_links VALUES (?,?,?,?)", (*node, *end)).rowcount == 1


@lru_cache(maxsize=1024)
def _parsed(text: str) -> Policy:
    return identity_policy(json.loads(text))
