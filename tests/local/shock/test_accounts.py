"""Users of the embedded Shock: what they send, what is remembered of it, what is kept of them."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import sqlite3
import threading
import uuid
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from waiting import PATIENCE

from hca_core.errors import UsageError
from hca_local.shock import accounts
from hca_local.shock.accounts import ANONYMOUS, Account, Accounts, Caller
from hca_local.shock.accounts_schema import TABLES
from hca_local.shock.calls import ShockError
from hca_local.store import database

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def store(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """Return a database with ann, an administrator, and bob, who is none."""
    with closing(database.connect(tmp_path / "store.sqlite3")) as connection:
        connection.executescript(TABLES)
        accounts.keep(connection, Account("bob", "b?>secret", admin=False))
        accounts.keep(connection, Account("ann", "a secret", admin=True))
        yield connection


def basic(name: str, password: str, alphabet: bytes = b"+/") -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode(), alphabet).decode()}


def caller(of: Accounts, headers: dict[str, str]) -> Caller:
    return asyncio.run(of.caller(headers))


def refused(of: Accounts, sent: str) -> bool:
    """Tell whether the header `sent` is refused, in the one way that there is."""
    with pytest.raises(ShockError) as caught:
        caller(of, {"authorization": sent})
    return (caught.value.status, str(caught.value)) == (400, "Invalid authorization header or content")


def test_who_says_nothing_is_anonymous(store: sqlite3.Connection) -> None:
    assert caller(Accounts(store), {"host": "localhost"}) == ANONYMOUS
    assert (ANONYMOUS.uuid, ANONYMOUS.admin, ANONYMOUS.anonymous) == ("public", False, True)


@pytest.mark.parametrize("quirks", [False, True])
def test_name_and_password(store: sqlite3.Connection, quirks: bool) -> None:
    ours = Accounts(store, quirks=quirks)
    identity = accounts.uuid_of(store, "ann")
    assert caller(ours, basic("ann", "a secret")) == Caller(identity, "ann", admin=True, anonymous=False)
    lower = basic("bob", "b?>secret", b"-_")["authorization"].replace("Basic", "bASIC")
    assert "-" in lower or "_" in lower
    assert not caller(ours, {"authorization": lower}).admin


@pytest.mark.parametrize("word", ["OAuth", "oauth", "Bearer", "MGRAST"])
def test_a_token_after_each_of_the_words(store: sqlite3.Connection, word: str) -> None:
    token = accounts.token_of(store, "bob")
    assert caller(Accounts(store), {"authorization": f"{word} {token}"}).name == "bob"


def test_what_is_wrong_is_refused_in_one_way(store: sqlite3.Connection) -> None:
    ours = Accounts(store)
    accounts.uuid_of(store, "carl")  # named in an ACL: no password, no token
    token = accounts.token_of(store, "ann")
    for headers in (basic("ann", "b?>secret"), basic("ann", ""), basic("carl", ""), basic("nobody", "x")):
        assert refused(ours, headers["authorization"])
    good = basic("ann", "a secret")["authorization"]
    cut = base64.b64encode(b"ann").decode()
    odd = ("", "Basic", good.replace(" ", "  "), good[:-2], f"Basic {cut}", "Basic \u00e9", "Basic /w==")
    for sent in (*odd, f"Token {token}", f"OAuth {token} ", "OAuth ", "OAuth", f"{token}", f"OAuth {token}\ud800"):
        assert refused(ours, sent), sent


def test_the_hosted_service_s_reading_of_a_password(store: sqlite3.Connection) -> None:
    more = basic("ann", "a secret:and more")
    assert refused(Accounts(store), more["authorization"])
    assert caller(Accounts(store, quirks=True), more).name == "ann"
    other = basic("bob", "b?>secret")
    assert "+" in other["authorization"] or "/" in other["authorization"].partition(" ")[2]
    assert caller(Accounts(store), other).name == "bob"
    assert refused(Accounts(store, quirks=True), other["authorization"])


def test_credentials_are_remembered_for_an_hour(store: sqlite3.Connection) -> None:
    clock = Clock()
    ours = Accounts(store, clock=clock)
    old = basic("ann", "a secret")
    caller(ours, old)
    accounts.keep(store, Account("ann", "another", admin=True))
    clock.now += 3599
    assert caller(ours, old).name == "ann"
    assert refused(Accounts(store), old["authorization"]), "a restart must forget"
    clock.now += 2
    assert refused(ours, old["authorization"])
    assert caller(ours, basic("ann", "another")).name == "ann"


def count_hashes(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Return a list that gets the passwords that are hashed from now on."""
    made: list[bytes] = []
    scrypt = hashlib.scrypt

    def counted(password: bytes, **how: int) -> bytes:
        made.append(password)
        return scrypt(password, **how)  # type: ignore[arg-type]

    monkeypatch.setattr(hashlib, "scrypt", counted)
    return made


def test_a_thousand_requests_cost_one_hash(store: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    made = count_hashes(monkeypatch)
    ours = Accounts(store)
    for _ in range(1000):
        caller(ours, basic("ann", "a secret"))
    assert made == [b"a secret"]


def test_wrong_credentials_are_remembered_for_a_moment(
    store: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = count_hashes(monkeypatch)
    clock = Clock()
    ours = Accounts(store, clock=clock)
    for _ in range(100):
        assert refused(ours, basic("ann", "wrong")["authorization"])
    assert made == [b"wrong"]
    clock.now += 4
    accounts.keep(store, Account("ann", "wrong", admin=True))
    assert caller(ours, basic("ann", "wrong")).name == "ann"


def test_a_password_is_checked_while_others_go_on(store: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    scrypt, go = hashlib.scrypt, threading.Event()

    def slow(password: bytes, **how: int) -> bytes:
        assert go.wait(PATIENCE), "the loop waits for the hash"
        return scrypt(password, **how)  # type: ignore[arg-type]

    async def ask() -> list[Caller]:
        ours = Accounts(store)
        asking = asyncio.gather(ours.caller(basic("ann", "a secret")), ours.caller(basic("bob", "b?>secret")))
        for _ in range(5):
            await asyncio.sleep(0)
        go.set()
        found = await asking
        ours.close()
        return found

    monkeypatch.setattr(hashlib, "scrypt", slow)
    assert [one.name for one in asyncio.run(ask())] == ["ann", "bob"]


def test_what_is_remembered_has_a_bound(store: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounts, "_MOST_CACHED", 3)
    ours = Accounts(store)
    token = accounts.token_of(store, "ann")
    words = ["oauth", "oautH", "oauTH", "oaUTH", "oAUTH", "OAUTH"]
    assert {caller(ours, {"authorization": f"{word} {token}"}).name for word in words} == {"ann"}
    assert len(ours._known) <= 3
    assert not any(token and token.encode() in key for key in ours._known)


def test_names_and_uuids(store: sqlite3.Connection) -> None:
    carl = accounts.uuid_of(store, "carl")
    assert uuid.UUID(carl)
    assert accounts.uuid_of(store, "carl") == accounts.uuid_of(store, carl.upper()) == carl
    stranger = str(uuid.uuid4())
    assert accounts.uuid_of(store, stranger) == stranger
    assert accounts.uuid_of(store, "dora", create=False) == ""
    assert [(one.name, one.admin, one.login) for one in accounts.listed(store)] == [
        ("bob", False, True),
        ("ann", True, True),
        ("carl", False, False),
    ]


def test_what_is_told_of_a_user(store: sqlite3.Connection) -> None:
    ann, stranger = accounts.uuid_of(store, "ann"), str(uuid.uuid4())
    told = {"uuid": ann, "username": "ann", "fullname": "ann", "email": "", "shock_admin": True}
    assert accounts.describe(store, ann) == told
    named = accounts.uuid_of(store, "carl")  # known from an ACL only
    assert accounts.describe(store, named)["fullname"] == ""
    told |= {"fullname": ""}
    assert accounts.describe(store, stranger) == told | {"uuid": stranger, "username": "", "shock_admin": False}
    everybody = told | {"uuid": "public", "username": "public", "shock_admin": False}
    assert accounts.describe(store, "public") == everybody


def test_a_user_who_is_given_again(store: sqlite3.Connection) -> None:
    before = accounts.uuid_of(store, "ann"), accounts.token_of(store, "ann")
    accounts.keep(store, Account("ann", "new", admin=False))
    assert (accounts.uuid_of(store, "ann"), accounts.token_of(store, "ann")) == before
    assert accounts.describe(store, before[0])["shock_admin"] is False
    named = accounts.uuid_of(store, "carl")
    accounts.keep(store, Account("carl", "now he has one", admin=False))
    assert caller(Accounts(store), basic("carl", "now he has one")).uuid == named


def test_a_user_who_is_removed_and_comes_back(store: sqlite3.Connection) -> None:
    ann, token = accounts.uuid_of(store, "ann"), accounts.token_of(store, "ann")
    assert accounts.remove(store, "ann")
    assert (accounts.remove(store, "ann"), accounts.remove(store, "nobody")) == (False, False)
    ours = Accounts(store)
    assert refused(ours, f"OAuth {token}")
    assert refused(ours, basic("ann", "a secret")["authorization"])
    assert accounts.token_of(store, "ann") is None
    accounts.keep(store, Account("ann", "a secret", admin=False))
    assert accounts.uuid_of(store, "ann") == ann
    assert accounts.token_of(store, "ann") not in (None, token)


def test_whose_token_clients_get(store: sqlite3.Connection) -> None:
    accounts.keep(store, Account("zoe", "z", admin=True))
    assert accounts.first_token(store) == accounts.token_of(store, "ann")
    accounts.remove(store, "ann")
    accounts.remove(store, "zoe")
    assert accounts.first_token(store) == accounts.token_of(store, "bob")
    accounts.remove(store, "bob")
    assert accounts.first_token(store) is None


def test_no_password_is_kept(store: sqlite3.Connection) -> None:
    kept = "\n".join(store.iterdump())
    assert "b?>secret" not in kept
    assert "a secret" not in kept
    accounts.keep(store, Account("ann", "b?>secret", admin=True))
    hashes = [row[0] for row in store.execute("SELECT password FROM shock_users")]
    assert len(set(hashes)) == 2, "two users with one password have the same hash"


def test_a_user_as_text() -> None:
    assert accounts.account("ann:pw") == Account("ann", "pw", admin=False)
    assert accounts.account("Än-n@x.org:p w,ü:admin") == Account("Än-n@x.org", "p w,ü", admin=True)
    assert "pw" not in repr(accounts.account("ann:pw"))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("topsecret", "is given as NAME:PASSWORD"),
        ("", "is given as NAME:PASSWORD"),
        (":topsecret", "'' can't be the name"),
        ("a b:topsecret", "'a b' can't be the name"),
        ("a,b:topsecret", "'a,b' can't be the name"),
        ("a\nb:topsecret", "can't be the name"),
        ("x" * 129 + ":topsecret", "can't be the name"),
        ("9d5a1b0e-6f4d-4f2e-8a35-0d5d3b1e2c11:topsecret", "can't be the name"),
        ("ann:", "password of ann is empty"),
        ("ann::admin", "password of ann is empty"),
        ("ann:topsecret:Admin", "password of ann can't have a colon"),
        ("ann:topsecret:", "password of ann can't have a colon"),
        ("ann:topsecret:more:admin", "password of ann can't have a colon"),
    ],
)
def test_a_user_who_is_given_wrongly(text: str, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence) as caught:
        accounts.account(text)
    assert "topsecret" not in json.dumps([caught.value.message, caught.value.hint])
