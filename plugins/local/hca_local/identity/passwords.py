"""Passwords of people: made out of the deployment's key and the e-mail address, so that none is stored anywhere."""

from __future__ import annotations

import base64
import hmac
import os
import re
import secrets
from typing import TYPE_CHECKING

from hca_core.errors import HCAError, UsageError
from hca_core.files import temporary_beside, write_atomic
from hca_local.identity.secret_values import are_equal

if TYPE_CHECKING:
    from pathlib import Path

    from hca_local.data_directory import DataDirectory

LONGEST_EMAIL = 128
_KEY_SIZE = 32
_LENGTH = 12
_GROUP = 4
# What the auth service takes as the name of a user (contract §2); it has no plus sign.
_EMAIL = re.compile(r"[0-9a-z._\-$,=]+@[0-9a-z.\-]+", re.ASCII)


def load_key(path: Path) -> bytes:
    """Return the secret in the file `path`, made at its first use. Raises OSError; HCAError if it is damaged.

    Two processes that make it at the same time get the same one.
    """
    if not path.exists():
        # Not `write_atomic` onto `path`: the second of two would replace the key that the first has handed out.
        made = temporary_beside(path)
        write_atomic(made, secrets.token_bytes(_KEY_SIZE))
        try:
            os.link(made, path)
        except FileExistsError:
            pass
        finally:
            os.unlink(made)
    key = path.read_bytes()
    if len(key) < _KEY_SIZE:  # a short key would let anybody compute passwords
        raise HCAError(f"The key of passwords in {path} is damaged.", hint="delete the file; all passwords change then")
    return key


def email_of(text: str) -> str | None:
    """Return the e-mail address that somebody typed as it is used everywhere, in lower case; None if it is none."""
    email = text.strip().lower()
    return email if len(email) <= LONGEST_EMAIL and _EMAIL.fullmatch(email) else None


def password(key: bytes, email: str) -> str:
    """Return the password of `email`: 60 bits of a keyed hash as three groups of four letters and digits."""
    hashed = hmac.digest(key, email.lower().encode(), "sha256")
    letters = base64.b32encode(hashed).decode()[:_LENGTH]
    return "-".join(letters[start : start + _GROUP] for start in range(0, _LENGTH, _GROUP))


def is_password(key: bytes, email: str, given: str) -> bool:
    """Tell whether `given` is the password of `email`; case, dashes and spaces don't count."""
    return are_equal(_bare(password(key, email)), _bare(given))


def password_of(directory: DataDirectory, email: str) -> str:
    """Return the password of `email` for the deployment of `directory`. Raises UsageError, HCAError."""
    found = email_of(email)
    if found is None:
        raise UsageError(f"{email!r} is not an e-mail address that can log in.", hint="write it like ada@example.org")
    if not directory.root.is_dir():
        raise HCAError(f"There is no deployment in {directory.root}.", hint="hca local up")
    path = directory.login_key
    try:
        return password(load_key(path), found)
    except OSError as error:
        raise HCAError(f"The key of passwords in {path} can't be used: {error.strerror}.") from error


def _bare(text: str) -> str:
    return re.sub(r"[\s\-]", "", text).upper()
