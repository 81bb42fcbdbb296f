"""The data directory of a deployment: what lies where in it, its creation, and what is refused as one."""

from __future__ import annotations

import os
import secrets
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hca_core.credentials import entries
from hca_core.credentials.entries import Entry
from hca_core.credentials.values import DEFAULT_PROFILE
from hca_core.errors import HCAError, UsageError
from hca_core.files import write_atomic
from hca_local.fusillade import directory as users
from hca_local.identity import issuer
from hca_local.s3.keys import Key
from hca_local.services.values import ServiceDirectory
from hca_local.store import blobs, database

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Iterator, Sequence

# Names the data directory that the commands are for; `hca local env` sets it.
VARIABLE = "HCA_LOCAL_DATA"
# What may lie in a directory before its store exists: a start that was killed leaves these.
_BEFORE_THE_STORE = {"lock", "log", "log.1", "state.json"}
_KEY_SIZE = 32
_FORMAT_WITH_USERS = 3


@dataclass(frozen=True)
class DataDirectory:
    """The paths of one deployment."""

    root: Path

    @property
    def store(self) -> Path:
        """The database with the records."""
        return self.root / "store.sqlite3"

    @property
    def blobs(self) -> Path:
        """The directory of the bytes."""
        return self.root / "blobs"

    @property
    def signing_key(self) -> Path:
        """The secret that signs URLs."""
        return self.root / "signing.key"

    @property
    def issuer_key(self) -> Path:
        """The secret that signs tokens."""
        return self.root / "issuer.key"

    @property
    def login_key(self) -> Path:
        """The secret that passwords are made of."""
        return self.root / "login.key"

    @property
    def s3_key(self) -> Path:
        """The access key of the S3 server."""
        return self.root / "s3.key"

    @property
    def upload_key(self) -> Path:
        """The secret that opens the privileged routes of the upload service."""
        return self.root / "upload.key"

    @property
    def s3(self) -> Path:
        """The directory of the S3 server: staging buckets and what is in them."""
        return self.root / "s3"

    @property
    def shock(self) -> Path:
        """The directory of the Shock server: the bytes of its nodes and their indexes."""
        return self.root / "shock"

    @property
    def azul(self) -> Path:
        """The directory of the stand-in for Azul: the bytes of its files, manifests."""
        return self.root / "azul"

    @property
    def credentials(self) -> Path:
        """The first users' tokens, for clients."""
        return self.root / "credentials.json"

    @property
    def settings(self) -> Path:
        """The settings of the deployment."""
        return self.root / "settings.json"

    @property
    def state(self) -> Path:
        """Which process serves it, and where."""
        return self.root / "state.json"

    @property
    def config(self) -> Path:
        """The configuration file for clients."""
        return self.root / "config.json"

    @property
    def lock(self) -> Path:
        """The file that the serving process holds locked."""
        return self.root / "lock"

    @property
    def log(self) -> Path:
        """What the services did."""
        return self.root / "log"

    @property
    def cache(self) -> Path:
        """The cache directory of clients that run privately on this deployment."""
        return self.root / "cache"

    def service(self, name: str) -> ServiceDirectory:
        """Return the directory of the service `name` of a plugin."""
        return ServiceDirectory(self.root / "services" / name)


def at(path: str | None) -> DataDirectory:
    """Return the data directory `path`; by default that of the deployment that the environment is made for
    (`hca local env`), or else the one below the user's data directory. Raises UsageError.
    """
    if path is None:
        path = os.environ.get(VARIABLE) or None
    if path is None:
        import platformdirs

        path = os.path.join(platformdirs.user_data_dir("hca"), "local")
    path = os.path.abspath(path)
    if os.pathsep in path:
        raise UsageError(
            f"The data directory {path} has {os.pathsep!r} in its name, which separates the files of HCA_CONFIG_FILE.",
            hint="give another one with --data",
        )
    return DataDirectory(Path(path))


def is_store(directory: DataDirectory) -> bool:
    """Tell whether `directory` holds a complete store; False if it may become one. Nothing is made or changed.

    Raises HCAError if it is something else: a file, a directory with other things in it, a store of another format.
    """
    root = directory.root
    if not root.exists():
        return False
    if not root.is_dir():
        raise HCAError(f"{root} is not a directory.", hint="give another one with --data")
    try:
        names = {entry.name for entry in os.scandir(root)}
    except OSError as error:
        raise HCAError(f"The directory {root} can't be read: {error.strerror}.") from error
    if directory.store.name in names:
        return database.is_complete(directory.store)
    foreign = sorted(names - _BEFORE_THE_STORE)
    if foreign:
        raise HCAError(
            f"{root} is not empty and not a store of hca local: it has {foreign[0]!r} in it. Nothing was changed.",
            hint="give a new or empty directory with --data",
        )
    return False


def make(directory: DataDirectory) -> None:
    """Make the directory itself if need be, for its owner only. Raises HCAError if it can't be written to."""
    try:
        directory.root.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise HCAError(f"The directory {directory.root} can't be made: {error.strerror}.") from error
    if not os.access(directory.root, os.W_OK | os.X_OK):
        raise HCAError(f"The directory {directory.root} can't be written to.", hint="give another one with --data")


def create_store(directory: DataDirectory, *, sample: bool, lasting: bool = True) -> None:
    """Make the store of `directory` if it has none that is complete; hold the lock while calling this.

    Parameters: `sample` fills a new store with the sample dataset; `lasting` False saves the wait for the disk, for
    a store that is thrown away. A process that is killed in the middle leaves a store that doesn't claim to be one.
    Raises HCAError, OSError, sqlite3.Error.
    """
    if is_store(directory):
        with closing(database.connect(directory.store)) as connection, database.transaction(connection):
            upgrade(connection)
        return
    with closing(database.connect(directory.store)) as connection:
        directory.store.chmod(0o600)
        connection.execute("PRAGMA journal_mode=WAL")
        if not lasting:
            connection.execute("PRAGMA synchronous=OFF")
        with database.transaction(connection):
            database.create_tables(connection)
            users.bootstrap(connection, issuer.FIRST_USER)
            directory.blobs.mkdir(exist_ok=True, mode=0o700)
            if sample:
                from hca_local.sample import loading, staging

                loading.load(connection, directory.blobs)
                staging.load(directory.s3)
            if lasting and hasattr(os, "sync"):
                os.sync()  # once for thousands of blobs, before the commit that makes them count


def upgrade(connection: sqlite3.Connection) -> None:
    """Give a store of an older format what is new, inside a transaction. Raises sqlite3.Error."""
    if database.upgrade(connection) < _FORMAT_WITH_USERS:
        users.bootstrap(connection, issuer.FIRST_USER)


@contextmanager
def changing(directory: DataDirectory) -> Iterator[sqlite3.Connection]:
    """Give the store of `directory` inside a transaction, whether or not it is being served.

    Raises HCAError if there is none.
    """
    if not is_store(directory):
        raise HCAError(f"There is no deployment in {directory.root}.", hint="hca local up")
    with closing(database.connect(directory.store)) as connection, database.transaction(connection):
        upgrade(connection)
        yield connection


def signing_key(directory: DataDirectory) -> bytes:
    """Return the secret of the deployment, made at its first use. Raises OSError."""
    try:
        key = directory.signing_key.read_bytes()
    except FileNotFoundError:
        key = b""
    if len(key) < _KEY_SIZE:  # a power cut can leave an empty file, and an empty key would sign for anybody
        key = secrets.token_bytes(_KEY_SIZE)
        write_atomic(directory.signing_key, key)
    return key


def access_key(directory: DataDirectory) -> Key:
    """Return the access key of the deployment's S3 server, made at its first use. Raises OSError, ValueError."""
    try:
        key_id, secret = directory.s3_key.read_text().split()
    except FileNotFoundError:
        key_id, secret = f"HCALOCAL{secrets.token_hex(6).upper()}", secrets.token_hex(20)
        write_atomic(directory.s3_key, f"{key_id} {secret}\n".encode())
    return Key(key_id, secret)


def api_key(directory: DataDirectory) -> str:
    """Return the Api-Key of the deployment's upload service, made at its first use. Raises OSError."""
    try:
        key = directory.upload_key.read_text().strip()
    except FileNotFoundError:
        key = ""
    if not key:  # a power cut can leave an empty file, and an empty key would let anybody in
        key = secrets.token_urlsafe(_KEY_SIZE)
        write_atomic(directory.upload_key, f"{key}\n".encode())
    return key


def keep_shock_users(directory: DataDirectory, given: Sequence[str]) -> None:
    """Let the users in who are `given` as for `--shock-user`; hold the lock. Raises UsageError, sqlite3.Error."""
    from hca_local.shock import accounts  # which loads asyncio: most commands need neither

    wanted = [accounts.account(text) for text in given]
    with closing(database.connect(directory.store)) as connection, database.transaction(connection):
        for one in wanted:
            accounts.keep(connection, one)


def write_credentials(
    directory: DataDirectory,
    own: issuer.Issuer,
    lifetime: int,
    records: sqlite3.Connection,
    shock_url: str,
    others: Collection[str] = (),
) -> None:
    """Write what `hca` logs in with: the first user's token, and for the Shock server that of its first user, if any.

    Parameters: `own` signs the one, which is good for `lifetime` seconds, and at the services with the URLs `others`
    too; `records` has the other, for the server at `shock_url`, empty if there is none. Raises OSError,
    sqlite3.Error.
    """
    from hca_local.shock import accounts

    entry = Entry(access_token=own.token(issuer.FIRST_USER, issuer.FIRST_GROUP, lifetime))
    found = dict.fromkeys([own.url, *others], entry)
    token = accounts.first_token(records) if shock_url else None
    if token:
        found[shock_url] = Entry(access_token=token)
    write_atomic(directory.credentials, entries.document(found, DEFAULT_PROFILE))


def clean(directory: DataDirectory) -> None:
    """Remove what killed processes left; hold the lock while calling this. Raises OSError."""
    blobs.remove_stale(directory.blobs)
