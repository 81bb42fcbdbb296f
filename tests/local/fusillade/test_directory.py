"""What the other services ask the directory, without a server."""

from __future__ import annotations

import pytest

from hca_local.fusillade import changes, directory
from hca_local.fusillade.errors import FusilladeError

ADMIN = "admin@example.org"


def allow(*actions, effect="Allow"):
    return {"Statement": [{"Effect": effect, "Action": list(actions), "Resource": "*"}]}


def everything(records):
    tables = "nodes", "links", "types", "levels", "resources", "access"
    return {table: records.execute(f"SELECT * FROM fusillade_{table}").fetchall() for table in tables}


def test_a_new_directory(records):
    """Roles, groups, and two users."""
    assert directory.groups_of(records, ADMIN) == ["hca", "user_default"]
    assert directory.roles_of(records, ADMIN) == ["fusillade_admin"]
    assert directory.groups_of(records, "public") == ["user_default"]
    assert directory.roles_of(records, "public") == []
    assert directory.linked(records, ("group", "user_default"), "role") == ["default_user"]
    names = records.execute("SELECT kind, name FROM fusillade_nodes ORDER BY kind, name").fetchall()
    assert names == [
        *(("group", "hca"), ("group", "user_default"), ("role", "default_user"), ("role", "fusillade_admin")),
        *(("user", ADMIN), ("user", "public")),
    ]


def test_bootstrap_again_changes_nothing(records):
    """A second start finds everything as it was, changed policies too."""
    changes.set_policy(records, "role", "default_user", allow("x:y"))
    changes.remove_links(records, ("group", "user_default"), "role", ["default_user"])
    changes.set_enabled(records, "public", enabled=False)
    before = everything(records)
    directory.bootstrap(records, ADMIN)
    assert everything(records) == before


def test_bootstrap_with_another_admin(records):
    """Somebody who is there already becomes an administrator too."""
    directory.provision(records, "new@x.org")
    directory.bootstrap(records, "new@x.org")
    assert directory.roles_of(records, "new@x.org") == ["fusillade_admin"]
    assert directory.groups_of(records, "new@x.org") == ["hca", "user_default"]
    assert directory.roles_of(records, ADMIN) == ["fusillade_admin"]


def test_provision(records):
    """A user is made once, with the default group, and left alone afterwards."""
    assert not directory.is_known(records, "a@x.org")
    assert directory.is_enabled(records, "a@x.org")
    directory.provision(records, "a@x.org")
    assert directory.is_known(records, "a@x.org")
    assert not directory.is_known(records, "A@x.org")
    assert directory.groups_of(records, "a@x.org") == ["user_default"]
    changes.set_enabled(records, "a@x.org", enabled=False)
    changes.remove_links(records, ("user", "a@x.org"), "group", ["user_default"])
    directory.provision(records, "a@x.org")
    assert not directory.is_enabled(records, "a@x.org")
    assert directory.groups_of(records, "a@x.org") == []


def test_without_the_default_group(records):
    """If somebody deleted it, users are made without it."""
    changes.delete(records, "group", "user_default")
    directory.provision(records, "a@x.org")
    changes.create(records, "user", "b@x.org", policy=None, owner=ADMIN)
    assert directory.groups_of(records, "a@x.org") == directory.groups_of(records, "b@x.org") == []


def test_effective_policies(records):
    """The user's own, his groups', his roles' and his groups' roles', each once."""
    for role in "r1", "r2", "r3":
        changes.create(records, "role", role, policy=allow(f"{role}:x"), owner=ADMIN)
    ends = [("role", "r1"), ("role", "r2")]
    changes.create(records, "group", "g", policy=allow("g:x"), owner=ADMIN, links=ends)
    links = [("group", "g"), ("role", "r1")]
    changes.create(records, "user", "u", policy=allow("u:x", "a:x"), owner=ADMIN, links=links)
    found = [(source.kind, source.name) for source in directory.effective(records, "u")]
    expected = [("user", "u"), ("group", "g"), ("role", "default_user"), ("role", "r1"), ("role", "r2")]
    assert found == expected
    assert directory.allowed_actions(records, "u") == ["a:x", "fus:GetUser", "g:x", "r1:x", "r2:x", "u:x"]
    changes.set_policy(records, "user", "u", allow("n:x", effect="Deny"))
    assert directory.allowed_actions(records, "u") == ["fus:GetUser", "g:x", "r1:x", "r2:x"]
    assert directory.effective(records, "nobody") == []
    assert directory.allowed_actions(records, ADMIN) == ["fus:*", "fus:GetGroup", "fus:GetRole", "fus:GetUser"]


@pytest.mark.parametrize("kind", ["group", "role"])
def test_what_is_deleted_leaves_nothing(records, kind):
    """No link is left, so that one made later under the name begins anew; users stay."""
    before = everything(records)
    changes.create(records, kind, "it", policy=allow("x:y"), owner=ADMIN, links=[("role", "default_user")])
    changes.add_links(records, ("user", ADMIN), kind, ["it"])
    changes.delete(records, kind, "it")
    assert everything(records) == before
    with pytest.raises(FusilladeError) as caught:
        changes.delete(records, kind, "it")
    assert (caught.value.status, caught.value.detail) == (404, f"Failed to delete it. {kind} does not exist.")
