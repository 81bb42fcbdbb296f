"""`hca shock acl`: rights by name, changes that the server loses, refusals, names that nobody has."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
import shock_doubles as doubles

from hca_core.errors import UsageError
from hca_local import launch
from hca_shock.acl.documents import Acl, rights_of
from hca_shock.client import ShockClient
from hca_shock.errors import ShockApiError, ShockError, ShockRefusedError
from hca_shock.metadata.errors import LostChangeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hca_core.testing import LoopbackService, Outcome


ID = doubles.ID
ANN = doubles.uuid_of("ann")
BOB = doubles.uuid_of("bob")
KNOWN = {"ann": ("Ann A", "ann@example.org"), "bob": ("Bob B", ""), "carl": ("", "carl@example.org")}


@pytest.fixture
def acl(service: LoopbackService, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("HCA_SHOCK_URL", service.url)
    service.on("GET", "/").reply(json={"id": "Shock", "type": "Shock"})
    return doubles.Acl(service, **KNOWN)


@pytest.fixture
def shock(service: LoopbackService) -> Iterator[ShockClient]:
    with ShockClient(service.url, first_wait=0.01, tries=2) as client:
        yield client


@pytest.fixture(scope="module")
def quirky(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of an embedded Shock with the traps of the real one; ann, bob and root (an administrator) are known."""
    users = ["ann:secret", "bob:secret", "root:secret:admin"]
    data = tmp_path_factory.mktemp("acl") / "data"
    with launch.private(data, empty=True, shock_users=users, shock_quirks=1) as launched:
        yield str(json.loads(launched.directory.state.read_bytes())["shock_url"])


def names(acl: Acl, right: str) -> list[str]:
    return [user.username for user in acl.users(right)]


# --- words ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "rights"),
    [
        ("read", ("read",)),
        ("delete, read", ("read", "delete")),
        (["write", "read"], ("read", "write")),
        ("all", ("read", "write", "delete")),
        ("all,read", ("read", "write", "delete")),
    ],
)
def test_rights_are_read_from_words(words: str | list[str], rights: tuple[str, ...]) -> None:
    assert rights_of(words) == rights


@pytest.mark.parametrize("words", ["", "owner", "read,", "read,read", [], "Read"])
def test_what_is_no_right_is_refused(words: str | list[str]) -> None:
    with pytest.raises(UsageError):
        rights_of(words)


@pytest.mark.parametrize("users", ["", "ann,,bob", ["ann", " ann "], [" "], [], "public"])
def test_users_that_the_server_would_read_otherwise_are_refused(shock: ShockClient, acl: Any, users: Any) -> None:
    for change in (shock.acl.grant, shock.acl.revoke):
        with pytest.raises(UsageError):
            change(ID, "read", users)
    assert acl.changes == []


@pytest.mark.parametrize("raw", [None, [], {"owner": "x", "read": 3}, {"owner": "x", "public": 3}])
def test_what_is_no_access_list_is_an_error(raw: Any) -> None:
    with pytest.raises(ShockError, match="access list"):
        Acl.parse(raw)


# --- changes ----------------------------------------------------------------------------------------------------------


def test_a_list_is_shown_with_names_and_ids_where_there_is_no_name(shock: ShockClient, acl: Any) -> None:
    acl.lists["read"] = ["ann", "bob"]
    found = shock.acl.show(ID)
    assert names(found, "read") == ["ann", "bob"]
    assert (found.owner.fullname, found.user("bob").uuid) == ("Ann A", BOB)  # type: ignore[union-attr]
    acl.names = False
    assert shock.acl.show(ID).document()["read"] == [ANN, BOB]


def test_rights_are_granted_and_taken(shock: ShockClient, acl: Any) -> None:
    granted = shock.acl.grant(ID, "read,write", ["bob", " carl "])
    assert (names(granted, "read"), names(granted, "write")) == (["ann", "bob", "carl"], ["ann", "bob", "carl"])
    assert acl.changes == [("PUT", "read", "bob,carl"), ("PUT", "write", "bob,carl")]
    assert names(shock.acl.revoke(ID, "write", "carl"), "write") == ["ann", "bob"]
    assert names(shock.acl.grant(ID, "all", "bob"), "delete") == ["ann", "bob"]
    assert acl.changes[2:] == [("DELETE", "write", "carl"), ("PUT", "all", "bob")]


def test_ids_of_accounts_are_names_too(shock: ShockClient, acl: Any) -> None:
    acl.names = False
    shock.acl.grant(ID, "read", BOB)
    assert acl.lists["read"] == ["ann", "bob"]
    shock.acl.revoke(ID, "read", BOB)
    assert acl.lists["read"] == ["ann"]
    acl.lost = 100
    with pytest.raises(LostChangeError):
        shock.acl.grant(ID, "read", BOB)


def test_a_server_that_tells_no_names_is_believed_with_a_warning(
    shock: ShockClient, acl: Any, caplog: pytest.LogCaptureFixture
) -> None:
    acl.names = False
    shock.acl.grant(ID, "read", "bob")
    assert f"the server tells no names of users: look whether node {ID} is granted read to bob" in caplog.text
    shock.acl.revoke(ID, "read", "bob")
    assert acl.changes == [("PUT", "read", "bob"), ("DELETE", "read", "bob")]


def test_everybody_gets_rights_and_loses_them(shock: ShockClient, acl: Any) -> None:
    assert shock.acl.public(ID, "read").public == {"read"}
    assert shock.acl.public(ID, "all").public == {"read", "write", "delete"}
    assert shock.acl.public(ID, "write,delete", on=False).public == {"read"}
    assert [change[:2] for change in acl.changes] == [
        ("PUT", "public_read"),
        ("PUT", "public_all"),
        ("DELETE", "public_write"),
        ("DELETE", "public_delete"),
    ]


def test_a_node_is_given_away(shock: ShockClient, acl: Any) -> None:
    assert shock.acl.chown(ID, "bob").owner.username == "bob"
    with pytest.raises(UsageError, match="one owner"):
        shock.acl.chown(ID, "ann,bob")


def test_whoever_may_not_look_any_more_is_shown_the_answer(shock: ShockClient, acl: Any) -> None:
    acl.hidden = True
    assert shock.acl.chown(ID, "bob").owner.username == "bob"
    assert names(shock.acl.revoke(ID, "all", "ann"), "read") == []


def test_a_lost_change_is_made_again(shock: ShockClient, acl: Any) -> None:
    acl.lost = 2
    assert names(shock.acl.grant(ID, "read", "bob"), "read") == ["ann", "bob"]
    assert len(acl.changes) == 3


@pytest.mark.parametrize("change", ["grant", "revoke", "public", "chown"])
def test_a_change_that_stays_lost_is_an_error(shock: ShockClient, acl: Any, change: str) -> None:
    acl.lost = 100
    words: dict[str, tuple[str, ...]] = {"grant": ("read", "bob"), "revoke": ("read", "ann")}
    with pytest.raises(LostChangeError, match="after 3 tries") as caught:
        getattr(shock.acl, change)(ID, *words.get(change, ("read",) if change == "public" else ("bob",)))
    assert caught.value.exit_status == 6
    assert len(acl.changes) == 3


def test_a_name_that_nobody_has_is_told(shock: ShockClient, acl: Any, caplog: pytest.LogCaptureFixture) -> None:
    shock.acl.grant(ID, "read", ["bob", "carl"])
    assert caplog.text == ""
    shock.acl.grant(ID, "read", "bbo")
    assert "the server knows of bbo nothing but the name" in caplog.text


def test_nothing_is_taken_from_who_has_nothing(shock: ShockClient, acl: Any, caplog: pytest.LogCaptureFixture) -> None:
    shock.acl.revoke(ID, "read,write", ["ann", "bbo"])
    assert {users for _, _, users in acl.changes} == {"ann"}
    assert "bbo had no right to read or write" in caplog.text
    shock.acl.revoke(ID, "read", "bbo")
    assert len(acl.changes) == 2


def test_a_refusal_tells_who_may(shock: ShockClient, acl: Any) -> None:
    acl.refusal = doubles.refusal(400, "Users that are not node owners can only delete themselves from ACLs.")
    with pytest.raises(ShockRefusedError) as caught:
        shock.acl.grant(ID, "read", "bob")
    assert caught.value.exit_status == 3
    assert "only the owner of a node and administrators" in str(caught.value.hint)
    acl.refusal = doubles.refusal(400, "Invalid acl type")
    with pytest.raises(ShockApiError, match="Invalid acl type") as other:
        shock.acl.grant(ID, "read", "bob")
    assert other.value.exit_status == 1


# --- the command line -------------------------------------------------------------------------------------------------


def test_the_verbs_show_the_list(hca: Callable[..., Outcome], acl: Any) -> None:
    assert hca("shock", "acl", "show", ID).json() == {
        "owner": "ann",
        **{right: ["ann"] for right in ("read", "write", "delete")},
        "public": {"read": False, "write": False, "delete": False},
        "users": [
            {
                "uuid": doubles.uuid_of("ann"),
                "username": "ann",
                "fullname": "Ann A",
                "email": "ann@example.org",
                "admin": False,
            }
        ],
    }
    assert hca("shock", "acl", "grant", ID, "read", "bob", "carl").json()["read"] == ["ann", "bob", "carl"]
    assert hca("shock", "acl", "revoke", ID, "read", "bob").json()["read"] == ["ann", "carl"]
    assert hca("shock", "acl", "public", ID, "read").json()["public"]["read"] is True
    assert hca("shock", "acl", "public", ID, "all", "--off").json()["public"]["read"] is False
    assert hca("shock", "acl", "chown", ID, "carl").json()["owner"] == "carl"


def test_a_warning_goes_to_stderr_only(hca: Callable[..., Outcome], acl: Any) -> None:
    outcome = hca("shock", "acl", "grant", ID, "read", "bbo")
    assert outcome.exit_status == 0
    assert outcome.json()["read"] == ["ann", "bbo"]
    assert outcome.stderr.startswith("hca: the server knows of bbo nothing but the name")


def test_a_wrong_right_is_refused_before_a_request(hca: Callable[..., Outcome], acl: Any) -> None:
    outcome = hca("shock", "acl", "grant", ID, "reed", "bob")
    assert outcome.exit_status == 2
    assert outcome.stderr == "hca: 'reed' is no right; there are: read, write, delete, and all\n"
    assert acl.service.requests == []


# --- the embedded server with the traps of the real one ---------------------------------------------------------------


def client(url: str, user: str) -> ShockClient:
    return ShockClient(url, user=(user, "secret"))


def made(shock: ShockClient) -> str:
    """Make an empty node and return its id."""
    return str(shock.server.call("POST", "node")["id"])


def test_six_grants_at_once_are_six_grants(quirky: str) -> None:
    users = [f"user{number}" for number in range(6)]
    with client(quirky, "ann") as shock:
        id = made(shock)

        def grant(user: str) -> None:
            with client(quirky, "ann") as other:
                other.acl.grant(id, "read", user)

        with ThreadPoolExecutor(6) as pool:
            list(pool.map(grant, users))
        assert sorted(names(shock.acl.show(id), "read")) == ["ann", *users]


def test_a_grant_survives_somebody_else_who_changes_the_node_at_the_same_time(quirky: str) -> None:
    with client(quirky, "ann") as shock, client(quirky, "root") as stranger:
        id = made(shock)

        def meddle(number: int) -> None:  # without the lock that programs of this machine share
            stranger.server.call("PUT", "node", id, "acl", "write", params=[("users", f"other{number}")])

        with ThreadPoolExecutor(2) as pool:
            theirs = [pool.submit(meddle, number) for number in range(2)]  # each can undo one of three tries
            assert "bob" in names(shock.acl.grant(id, "read", "bob"), "read")
            for one in theirs:
                one.result()


def test_a_reader_may_only_take_his_own_rights(quirky: str) -> None:
    with client(quirky, "ann") as shock, client(quirky, "bob") as bob:
        id = made(shock)
        shock.acl.grant(id, "read,write", "bob")
        with pytest.raises(ShockRefusedError) as caught:
            bob.acl.grant(id, "read", "dora")
        assert "only the owner" in str(caught.value.hint)
        with pytest.raises(ShockRefusedError):
            bob.acl.revoke(id, "read", "ann")
        assert names(bob.acl.revoke(id, "all", "bob"), "read") == ["ann"]
        with pytest.raises(ShockRefusedError):
            bob.node(id)


def test_a_node_that_was_given_away_has_the_new_owner(quirky: str) -> None:
    with client(quirky, "ann") as shock, client(quirky, "bob") as bob:
        id = made(shock)
        shock.acl.chown(id, "bob")
        bob.acl.revoke(id, "all", "ann")
        assert bob.acl.show(id).owner.username == "bob"
        with pytest.raises(ShockRefusedError):
            shock.node(id)
