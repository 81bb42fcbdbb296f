"""Passwords that are made, not stored; and the key that makes them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from hca_core.errors import HCAError, UsageError
from hca_local.data_directory import DataDirectory
from hca_local.identity import passwords
from hca_local.identity.guesses import Guesses

KEY = bytes(range(32))


def test_a_password_is_sixty_bits_of_a_keyed_hash() -> None:
    found = passwords.password(KEY, "Ada@Example.org")
    assert re.fullmatch(r"[A-Z2-7]{4}-[A-Z2-7]{4}-[A-Z2-7]{4}", found)
    hashed = hmac.new(KEY, b"ada@example.org", hashlib.sha256).digest()
    assert (
        int.from_bytes(base64.b32decode(found.replace("-", "") + "A==="), "big") >> 4
        == int.from_bytes(hashed[:8], "big") >> 4
    )
    assert found == passwords.password(KEY, "ada@example.org")
    assert found != passwords.password(KEY, "bda@example.org")
    assert found != passwords.password(b"x" * 32, "ada@example.org")


def test_checking() -> None:
    right = passwords.password(KEY, "ada@example.org")
    for given in (right, right.lower(), right.replace("-", ""), f" {right.replace('-', ' ')}\n"):
        assert passwords.is_password(KEY, "ada@example.org", given)
    for given in ("", right[:-1], right + "A", right[::-1], "é", "\ud800"):
        assert not passwords.is_password(KEY, "ada@example.org", given)


@pytest.mark.parametrize("email", ["ada@example.org", "a.b-c_d$,=@x.y", "ada@localhost"])
def test_addresses(email: str) -> None:
    assert passwords.email_of(f" {email.upper()} ") == email


@pytest.mark.parametrize(
    "email",
    [
        "",
        "ada",
        "@x",
        "a@",
        "a@b@c",
        "a b@c",
        "a@b c",
        "a\n@b",
        "<a>@b",
        'a"@b',
        "ä@b",
        "a/b@c",
        "a+b@c",
        "a%b@c",
        f"{'a' * 127}@b",
        "ſ@b",
    ],
)
def test_what_is_no_address(email: str) -> None:
    assert passwords.email_of(email) is None


def test_the_key_is_made_once_and_is_secret(tmp_path: Path) -> None:
    together = threading.Barrier(8)

    def load(path: Path) -> bytes:
        together.wait()
        return passwords.load_key(path)

    with ThreadPoolExecutor(8) as pool:
        for number in range(30):
            path = tmp_path / str(number) / "login.key"
            path.parent.mkdir()
            keys = set(pool.map(load, [path] * 8))
            assert len(keys) == 1
            assert len(keys.pop()) == 32
            assert path.stat().st_mode & 0o777 == 0o600
            assert [found.name for found in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("content", [b"", b"x" * 31])
def test_a_damaged_key(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "login.key"
    path.write_bytes(content)
    with pytest.raises(HCAError, match="damaged"):
        passwords.load_key(path)
    assert path.read_bytes() == content


def test_the_password_for_a_person(tmp_path: Path) -> None:
    directory = DataDirectory(tmp_path)
    found = passwords.password_of(directory, "Ada@example.org")
    assert found == passwords.password((tmp_path / "login.key").read_bytes(), "ada@example.org")
    with pytest.raises(UsageError, match="'ada' is not an e-mail address"):
        passwords.password_of(directory, "ada")
    with pytest.raises(HCAError, match="no deployment"):
        passwords.password_of(DataDirectory(tmp_path / "none"), "ada@example.org")
    (tmp_path / "login.key").unlink()
    (tmp_path / "login.key").mkdir()
    with pytest.raises(HCAError, match="can't be used"):
        passwords.password_of(directory, "ada@example.org")


def test_guesses_fill_no_memory() -> None:
    guesses = Guesses()
    for number in range(10_050):
        for _ in range(5):
            guesses.was_wrong(f"{number}@example.org", 1.0)
    assert len(guesses._wrong) == 10_000
    assert guesses.wait("49@example.org", 1.0) == 0
    assert guesses.wait("50@example.org", 1.0) == 5


def test_the_longest_wait() -> None:
    guesses = Guesses()
    for _ in range(2000):
        guesses.was_wrong("a", 1.0)
    assert guesses.wait("a", 1.0) == 900
    assert guesses.wait("a", 901.0) == 0
