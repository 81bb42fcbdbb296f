"""Who may do what with a node of the embedded Shock, and who may change that (contract §8, §11)."""

from __future__ import annotations

import sqlite3
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from hca_local.shock import nodes, rights
from hca_local.shock.accounts import ANONYMOUS, Caller

if TYPE_CHECKING:
    from collections.abc import Callable

    import requests

ANN, BOB, CAL, STRANGER = "ann", "bob", "cal", None
RIGHTS = ("read", "write", "delete")
ONLY_THEMSELVES = "Users that are not node owners can only delete themselves from ACLs."
NO_USERS = "Action requires list of comma separated usernames in 'users' parameter"


def error_of(answer: requests.Response) -> tuple[int, str]:
    found = answer.json()
    assert found["data"] is None
    assert found["status"] == answer.status_code
    return answer.status_code, found["error"][0]


class Node:
    """A node of a service, and its lists."""

    def __init__(self, shock: Any, owner: str | None = BOB) -> None:
        self.shock = shock
        answer = shock.send("POST", "/node", owner, files={"upload": ("a.txt", b"content")})
        self.id = answer.json()["data"]["id"]

    def acl(self, method: str, path: str, user: str | None = BOB, **more: Any) -> requests.Response:
        answer: requests.Response = self.shock.send(method, f"/node/{self.id}/acl{path}", user, **more)
        return answer

    def lists(self, method: str = "GET", path: str = "", user: str | None = BOB, **more: Any) -> dict[str, Any]:
        """Return the lists in an answer, with the names of users instead of their uuids."""
        answer = self.acl(method, path, user, **more)
        assert answer.status_code == 200, answer.text
        with closing(sqlite3.connect(self.shock.directory.store)) as connection:
            names = dict(connection.execute("SELECT uuid, name FROM shock_users").fetchall())
        found = answer.json()["data"]
        return {
            "owner": names.get(found["owner"], found["owner"]),
            **{right: [names.get(one, one) for one in found[right]] for right in RIGHTS},
            "public": "".join(right[0] for right in RIGHTS if found["public"][right]),
        }

    def allowed(self, user: str | None) -> str:
        """Return the first letters of what a user may do, found out by doing it; the node is gone after a d."""
        tried = {
            "r": self.shock.send("GET", f"/node/{self.id}", user),
            "w": self.shock.send("PUT", f"/node/{self.id}", user, files={"priority": (None, "1")}),
            "d": self.shock.send("DELETE", f"/node/{self.id}", user),
        }
        for answer in tried.values():
            if answer.status_code != 200:
                assert error_of(answer) == (401, "User Unauthorized" if user else "No Authorization")
        return "".join(letter for letter, answer in tried.items() if answer.status_code == 200)


def test_a_new_node_is_its_makers_alone_and_a_strangers_is_everybodys(shock: Any) -> None:
    assert Node(shock).lists() == {"owner": BOB, "read": [BOB], "write": [BOB], "delete": [BOB], "public": ""}
    whose = {"owner": "public", "read": [], "write": [], "delete": [], "public": "rwd"}
    assert Node(shock, STRANGER).lists(user=STRANGER) == whose
    for owner, user, expected in [(BOB, BOB, "rwd"), (BOB, ANN, "rwd"), (BOB, CAL, ""), (BOB, STRANGER, "")]:
        assert Node(shock, owner).allowed(user) == expected, user
    for user in (CAL, STRANGER):
        assert Node(shock, STRANGER).allowed(user) == "rwd"


@pytest.mark.parametrize("kind", ["read", "write", "delete", "all"])
def test_a_right_is_given_and_taken(shock: Any, kind: str) -> None:
    node = Node(shock)
    granted = RIGHTS if kind == "all" else (kind,)
    before = node.lists()
    after = node.lists("PUT", f"/{kind}?users=cal")
    assert after == before | {right: [BOB, CAL] for right in granted}
    assert node.lists("POST", f"/{kind}?users=cal") == after  # not twice
    assert node.lists() == node.lists(path=f"/{kind}") == after
    assert node.lists("DELETE", f"/{kind}?users=cal") == before
    node.acl("PUT", f"/{kind}?users=cal")
    assert node.allowed(CAL) == "".join(right[0] for right in granted)


@pytest.mark.parametrize("kind", ["public_read", "public_write", "public_delete", "public_all"])
def test_a_right_is_given_to_everybody_and_taken(shock: Any, kind: str) -> None:
    node = Node(shock)
    letters = "rwd" if kind == "public_all" else kind.removeprefix("public_")[0]
    assert node.lists("PUT", f"/{kind}")["public"] == letters
    assert node.lists("DELETE", f"/{kind}")["public"] == ""
    node.acl("PUT", f"/{kind}")
    assert node.allowed(STRANGER) == letters
    other = Node(shock)
    other.acl("PUT", f"/{kind}")
    assert other.allowed(CAL) == letters


def test_users_are_named_in_many_ways(shock: Any) -> None:
    node = Node(shock)
    uuid_of_cal = Node(shock, CAL).acl("GET", "", CAL).json()["data"]["owner"]
    unknown = str(uuid.uuid4())
    assert node.lists("PUT", f"/read?users={uuid_of_cal.upper()},{unknown}")["read"] == [BOB, CAL, unknown]
    assert node.lists("PUT", "/write?users=%20ann%20,,cal")["write"] == [BOB, ANN, CAL]
    assert node.lists("PUT", "/delete", files={"users": (None, "ann,cal")})["delete"] == [BOB, ANN, CAL]
    assert node.lists("DELETE", "/delete", files={"users": (None, "ann,bob")})["delete"] == [CAL]
    assert node.lists("PUT", "/delete?users=not-known-yet")["delete"] == [CAL, "not-known-yet"]


@pytest.mark.parametrize(
    ("method", "path", "message"),
    [
        ("PUT", "/read", NO_USERS),
        ("PUT", "/read?users=", NO_USERS),
        ("PUT", "/read?users=,%20", NO_USERS),
        ("DELETE", "/all", NO_USERS),
        ("PUT", "/owner?users=ann,cal", "Too many users. Nodes may have only one owner."),
        ("DELETE", "/owner?users=bob", "Deleting ownership is not a supported request type."),
        ("PUT", "/admin?users=cal", "Invalid acl type"),
        ("GET", "/admin", "Invalid acl type"),
        ("PUT", "/read?users=public", "Everybody is no user"),
        ("PUT", "/read?users=a%0ab", "A username has at most"),
        ("PUT", "/read?users=" + "x" * 129, "A username has at most"),
    ],
)
def test_what_makes_no_sense_is_refused(shock: Any, method: str, path: str, message: str) -> None:
    node = Node(shock)
    status, told = error_of(node.acl(method, path))
    assert status == 400
    assert message in told
    assert node.lists()["read"] == [BOB]


def test_users_in_an_urlencoded_form_are_not_read(shock: Any) -> None:
    assert error_of(Node(shock).acl("PUT", "/read", data={"users": "cal"})) == (400, NO_USERS)


def test_a_node_gets_another_owner_and_the_lists_stay(shock: Any) -> None:
    node = Node(shock)
    assert node.lists("PUT", "/owner?users=cal") == {
        "owner": CAL, "read": [BOB], "write": [BOB], "delete": [BOB], "public": "",
    }  # fmt: skip
    assert error_of(node.acl("PUT", "/read?users=ann")) == (400, ONLY_THEMSELVES)
    assert node.lists("PUT", "/read?users=ann", CAL)["read"] == [BOB, ANN]
    assert node.lists("PUT", "/owner?users=bob", ANN)["owner"] == BOB  # an administrator may too
    assert Node(shock, STRANGER).lists("PUT", "/owner?users=cal", ANN)["owner"] == CAL


def test_who_is_not_the_owner_only_removes_himself(shock: Any) -> None:
    node = Node(shock)
    before = node.lists("PUT", "/all?users=cal,ann")
    for method, path in [
        ("PUT", "/read?users=zoe"),
        ("PUT", "/read?users=cal"),
        ("PUT", "/owner?users=cal"),
        ("DELETE", "/read?users=ann"),
        ("DELETE", "/read?users=cal,ann"),
        ("PUT", "/public_read?users=cal"),
        ("DELETE", "/public_read?users=cal"),
    ]:
        assert error_of(node.acl(method, path, CAL)) == (400, ONLY_THEMSELVES), path
        status, _ = error_of(node.acl(method, path, STRANGER))
        assert status == 401
    assert node.lists() == before
    with closing(sqlite3.connect(shock.directory.store)) as connection:
        assert not connection.execute("SELECT 1 FROM shock_users WHERE name='zoe'").fetchone()
    assert node.lists("DELETE", "/write?users=cal", CAL)["write"] == [BOB, ANN]
    assert node.lists("DELETE", "/all?users=cal", CAL)["read"] == [BOB, ANN]


def test_readers_see_the_lists_and_others_do_not(shock: Any, quirky: Any) -> None:
    node = Node(shock)
    for path in ("", "/", "/read", "/all", "/owner", "/public_all"):
        assert error_of(node.acl("GET", path, CAL)) == (401, "User Unauthorized")
        assert error_of(node.acl("GET", path, STRANGER)) == (401, "No Authorization")
    node.acl("PUT", "/read?users=cal")
    for path in ("", "/", "/read", "/all", "/owner"):
        assert node.lists(path=path, user=CAL) == node.lists(path=path)
    public = Node(shock)
    public.acl("PUT", "/public_read")
    for user in (CAL, STRANGER):
        assert public.lists(user=user) == public.lists(path="/read", user=user) == public.lists()
    # The hosted service hides what is public from who is logged in, and single lists from readers.
    odd = Node(quirky)
    odd.acl("PUT", "/public_read")
    assert odd.lists(user=STRANGER) == odd.lists()
    assert error_of(odd.acl("GET", "", CAL)) == (401, "User Unauthorized")
    odd.acl("PUT", "/read?users=cal")
    assert odd.lists(user=CAL) == odd.lists()
    assert odd.acl("GET", "/read", CAL).status_code == 400
    nobodys = Node(quirky, STRANGER)
    nobodys.acl("DELETE", "/public_all", ANN)
    assert [nobodys.acl("GET", "", user).status_code for user in (CAL, STRANGER)] == [200, 200]


def test_strangers_get_nothing_where_everybody_has_to_log_in(own_shock: Callable[..., Any]) -> None:
    service = own_shock(shock_anonymous="none", shock_users=["ann:ann:admin", "bob:bob"])
    node = Node(service)
    node.acl("PUT", "/public_all")
    for method, path in [
        ("GET", "/node"),
        ("GET", f"/node/{node.id}"),
        ("GET", f"/node/{node.id}/acl"),
        ("GET", f"/node/{node.id}/acl/read"),
        ("GET", f"/node/{node.id}/locations"),
        ("GET", f"/node/{node.id}/restore"),
        ("GET", f"/node/{uuid.uuid4()}/acl"),
    ]:
        assert error_of(service.send(method, path, STRANGER)) == (401, "No Authorization"), path
    assert node.acl("GET", "", ANN).status_code == 200
    assert service.send("GET", "/locker").status_code == 200


def test_users_are_described_where_that_is_wanted(shock: Any) -> None:
    node = Node(shock)
    node.acl("DELETE", "/write?users=bob")
    found = node.acl("PUT", "/read?users=ann&verbosity=full").json()["data"]
    assert list(found) == ["owner", "read", "write", "delete", "public"]
    assert [one["username"] for one in found["read"]] == [BOB, ANN]
    assert list(found["read"][1]) == ["uuid", "username", "fullname", "email", "shock_admin"]
    assert [one["shock_admin"] for one in found["read"]] == [False, True]
    assert found["owner"]["username"] == BOB
    assert found["write"] is None
    assert node.acl("GET", "").json()["data"]["write"] == []
    assert node.acl("GET", "?verbosity=full").json()["data"] == found


def test_the_version_of_a_node_tells_of_a_change(shock: Any) -> None:
    node = Node(shock)

    def versions() -> tuple[str, str, str]:
        found = shock.send("GET", f"/node/{node.id}", BOB).json()["data"]
        parts = found["version_parts"]
        return found["version"], parts["acl_ver"], parts["attributes_ver"]

    before = versions()
    node.acl("PUT", "/read?users=cal")
    after = versions()
    assert [one == other for one, other in zip(before, after, strict=True)] == [False, False, True]


def test_an_unknown_node_is_not_found(shock: Any) -> None:
    for method in ("GET", "PUT", "DELETE"):
        assert error_of(shock.send(method, f"/node/{uuid.uuid4()}/acl/read?users=cal", BOB)) == (404, "Node not found")
    assert error_of(Node(shock).acl("PUT", "/?users=cal"))[0] == 501


def test_six_grants_at_once_are_six_and_with_quirks_some_are_lost(shock: Any, quirky: Any) -> None:
    names = [f"user{number}" for number in range(6)]
    for service, is_whole in ((shock, True), (quirky, False)):
        node = Node(service)
        with ThreadPoolExecutor(6) as pool:
            answers = list(pool.map(lambda name, it=node: it.acl("PUT", f"/read?users={name}"), names))
        assert {answer.status_code for answer in answers} == {200}
        assert (set(node.lists()["read"]) == {BOB, *names}) is is_whole


def test_rights_of_callers() -> None:
    doc = nodes.new("owner")
    doc["acl"] = {
        "owner": "owner", "read": ["reader"], "write": [], "delete": [],
        "public": {"read": False, "write": True, "delete": False},
    }  # fmt: skip

    def caller(identity: str, *, admin: bool = False) -> Caller:
        return Caller(identity, identity, admin, anonymous=False)

    def letters(one: Caller, *, public: bool = True) -> str:
        return "".join(right[0] for right in RIGHTS if rights.may(doc, one, right, public=public))

    assert letters(caller("owner")) == letters(caller("x", admin=True)) == "rwd"
    assert (letters(caller("reader")), letters(caller("x")), letters(ANONYMOUS)) == ("rw", "w", "w")
    assert (letters(caller("reader"), public=False), letters(caller("x"), public=False)) == ("r", "")
    doc["acl"]["owner"] = "public"
    assert letters(ANONYMOUS) == "w"  # to be nobody is not to own what nobody owns
    assert (letters(caller("x")), letters(caller("x"), public=False)) == ("w", "rwd")
    assert not rights.is_owner(doc, ANONYMOUS)
