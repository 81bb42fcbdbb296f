"""Session keys for areas, kept in the deployment's store, and the key ring in which the S3 server finds them."""

from __future__ import annotations

import secrets
import string
import time
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING

from hca_local.s3.keys import Key
from hca_local.store import database
from hca_local.upload.buckets import policy
from hca_local.upload.buckets.values import Keys

if TYPE_CHECKING:
    from pathlib import Path
    from sqlite3 import Connection

    from hca_local.s3.keys import KeyRing

_ID_CHARACTERS = string.ascii_uppercase + "234567"
_ID_LENGTH = 16
# So long are keys kept that have expired: whoever uses one is told so, and a request that came in time may end.
_KEPT_SECONDS = 24 * 3600


class Ring:
    """The keys of the deployment's own S3 server: the permanent ones, and those that were given to areas."""

    def __init__(self, permanent: KeyRing, records: Connection) -> None:
        """Parameters: `records` is the event loop's connection to the store."""
        self._permanent = permanent
        self._records = records

    def find(self, access_key_id: str) -> Key | None:
        """Return the key with this id, None if there is none."""
        return self._permanent.find(access_key_id) or self._session_key(access_key_id)

    def _session_key(self, access_key_id: str) -> Key | None:
        row = self._records.execute(
            "SELECT secret, session_token, expires, area FROM session_keys WHERE access_key_id = ?", (access_key_id,)
        ).fetchone()
        if row is None:
            return None
        secret, token, expires, area = row
        return Key(access_key_id, secret, token, expires, partial(self._allows, access_key_id, area))

    def _allows(self, access_key_id: str, area: str, action: str, bucket: str, key: str) -> bool:
        # Looked for again: the server asks once more when the bytes are there, and by then the area may be deleted.
        query = "SELECT EXISTS (SELECT 1 FROM session_keys WHERE access_key_id = ?)"
        is_kept = self._records.execute(query, (access_key_id,)).fetchone()[0]
        return bool(is_kept) and policy.allows(area, action, bucket, key)


def issue(store: Path, area: str, seconds: int) -> Keys:
    """Return new keys for the area `area` that are good for `seconds`, once they are in the store. For any thread.

    Raises sqlite3.Error.
    """
    now = time.time()
    made = Keys(
        "ASIA" + "".join(secrets.choice(_ID_CHARACTERS) for _ in range(_ID_LENGTH)),
        secrets.token_urlsafe(30),
        secrets.token_urlsafe(96),
        float(int(now) + seconds),  # whole seconds, as clients are told them
    )
    with closing(database.connect(store)) as connection, database.transaction(connection):
        connection.execute("DELETE FROM session_keys WHERE expires < ?", (now - _KEPT_SECONDS,))
        connection.execute(
            "INSERT INTO session_keys VALUES (?, ?, ?, ?, ?)",
            (made.access_key_id, made.secret, made.session_token, area, made.expires),
        )
    return made


def revoke(store: Path, area: str) -> None:
    """Make all keys of the area `area` worthless. For any thread. Raises sqlite3.Error."""
    with closing(database.connect(store)) as connection, database.transaction(connection):
        connection.execute("DELETE FROM session_keys WHERE area = ?", (area,))
