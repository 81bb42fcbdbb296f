"""The store survives what happens to processes and directories, and refuses what it can't be sure of."""

from __future__ import annotations

import io
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from hca_core import checksums
from hca_core.errors import HCAError
from hca_local import data_directory, launch, locking, settings
from hca_local.data_directory import DataDirectory
from hca_local.store import blobs, database, reading, writing
from hca_local.store.records import BundleFile, FileRecord, manifest_entry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import requests

    from hca_local.launch import Launched

    Hca = Callable[..., subprocess.CompletedProcess[str]]
    Launch = Callable[..., Launched]

UUID = "ffffaf55-f19c-40e3-aa81-a6c69d357265"
READS = "1330ef1a-7a21-40c6-84c5-5cec18204028"


@pytest.fixture
def directory(tmp_path: Path) -> DataDirectory:
    found = DataDirectory(tmp_path / "data")
    data_directory.make(found)
    return found


@pytest.fixture
def records(directory: DataDirectory) -> Iterator[sqlite3.Connection]:
    data_directory.create_store(directory, sample=False)
    with closing(database.connect(directory.store)) as connection:
        yield connection


def file_record(number: int) -> FileRecord:
    uuid = f"00000000-0000-0000-0000-{number:012d}"
    version = "2020-01-01T000000.000000Z"
    return FileRecord(uuid, version, 0, "text/plain", 1, "0" * 8, "0" * 32, "0" * 40, "0" * 64)


def test_a_creation_that_is_killed_leaves_nothing_that_claims_to_be_a_store(
    directory: DataDirectory, launched: Launch, http: requests.Session
) -> None:
    code = (
        "import os, pathlib, sys\n"
        "os.sync = lambda: os.kill(os.getpid(), 9)\n"
        "from hca_local import data_directory as d\n"
        "d.create_store(d.DataDirectory(pathlib.Path(sys.argv[1])), sample=True)\n"
    )
    killed = subprocess.run([sys.executable, "-c", code, str(directory.root)], check=False, timeout=60)
    assert killed.returncode == -signal.SIGKILL
    assert any(directory.blobs.iterdir()), "it was killed before it did anything"
    assert not data_directory.is_store(directory)
    url = launched(directory.root).url
    assert http.get(f"{url}/v1/bundles/{UUID}?replica=aws", timeout=30).status_code == 200


def test_damaged_bytes_of_a_killed_creation_are_written_anew(directory: DataDirectory) -> None:
    data_directory.create_store(directory, sample=True)
    path = next(path for path in directory.blobs.glob("??/*") if path.stat().st_size)
    wanted = path.read_bytes()
    for store_file in directory.root.glob("store.sqlite3*"):
        store_file.unlink()
    directory.store.touch()
    path.write_bytes(b"")
    data_directory.create_store(directory, sample=True)
    assert path.read_bytes() == wanted


def test_the_bytes_of_the_sample_are_what_their_names_say(deployment: Launched) -> None:
    for path in sorted(deployment.directory.blobs.glob("??/*"))[::40]:
        assert blobs.key_of(checksums.of_file(path)) == f"blobs/{path.name}"


def test_a_server_that_is_killed_can_be_started_again(
    data: Path, hca: Hca, http: requests.Session, launched: Launch
) -> None:
    with launch.private(data) as first:
        waiting = http.get(f"{first.url}/v1/files/{READS}?replica=aws", allow_redirects=False, timeout=30)
        assert waiting.status_code == 301
        first.process.kill()
        first.process.wait()
    assert "stopped" in hca("local", "status", "--data", data).stdout
    url = launched(data).url
    assert http.get(f"{url}/v1/files/{READS}?replica=aws", timeout=30).status_code == 200


def test_a_killed_seed_leaves_no_bundle_and_a_killed_server_does_not_disturb_one(
    data: Path, tmp_path: Path, hca: Hca, http: requests.Session, launched: Launch
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "small.json").write_text("{}")
    with (folder / "large.bin").open("wb") as large:
        large.truncate(40_000_000)
    first = launched(data, empty=True)
    arguments = ["local", "seed", str(folder), "--data", str(data)]
    environment = os.environ | {"HCA_CONFIG_FILE": str(first.directory.config)}
    # Who kills it from outside may come too late.
    code = (
        "import os\n"
        "from hca_core.__main__ import main\n"
        "from hca_local.store import blobs\n"
        "update, seen = blobs.Summer.update, []\n"
        "def count(self, block):\n"
        "    seen.append(len(block))\n"
        "    if sum(seen) > 20_000_000: os.kill(os.getpid(), 9)\n"
        "    update(self, block)\n"
        "blobs.Summer.update = count\n"
        "main()\n"
    )
    killed = subprocess.run([sys.executable, "-c", code, *arguments], env=environment, check=False, timeout=60)
    assert killed.returncode == -signal.SIGKILL
    assert list((data / "blobs").glob("incoming/*")), "it was killed before it did anything"
    url = f"{first.url}/v1/bundles/all?replica=aws"
    assert http.get(url, timeout=30).json()["bundles"] == []

    command = [sys.executable, "-m", "hca_core", *arguments]
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as seeding:
        first.process.kill()
        first.process.wait()
        assert seeding.wait(60) == 0
    second = launched(data)
    bundle = http.get(f"{second.url}/v1/bundles/all?replica=gcp", timeout=30).json()["bundles"][0]
    files = http.get(f"{second.url}/v1/bundles/{bundle['uuid']}?replica=gcp", timeout=30).json()["bundle"]["files"]
    assert [(file["name"], file["size"]) for file in files] == [("large.bin", 40_000_000), ("small.json", 2)]


def test_what_a_killed_copy_left_is_removed_when_it_is_old(directory: DataDirectory) -> None:
    incoming = directory.blobs / "incoming"
    incoming.mkdir(parents=True)
    (incoming / "old").write_bytes(b"x")
    (incoming / "new").write_bytes(b"x")
    os.utime(incoming / "old", (0, 0))
    blobs.remove_stale(directory.blobs)
    assert [path.name for path in incoming.iterdir()] == ["new"]


@pytest.mark.parametrize("size", [9, 11])
def test_a_source_that_changes_while_it_is_copied_is_refused(directory: DataDirectory, size: int) -> None:
    with pytest.raises(OSError, match="changed while it was read"):
        blobs.add_stream(directory.blobs, io.BytesIO(b"x" * 10), size)
    assert list(directory.blobs.glob("*/*")) == []


def test_a_transaction_that_fails_leaves_nothing(records: sqlite3.Connection) -> None:
    files = [file_record(number) for number in range(3)]
    entries = [manifest_entry("same name", file, False) for file in files]

    def add() -> None:
        with database.transaction(records):
            writing.add_files(records, "aws", files)
            writing.add_bundle(records, "aws", UUID, files[0].version, 0, entries)

    with pytest.raises(sqlite3.IntegrityError):
        add()
    assert reading.totals(records) == (0, 0, 0)


def test_pages_of_a_large_bundle_cost_the_same_everywhere(records: sqlite3.Connection) -> None:
    file = file_record(0)
    entries: list[BundleFile] = [manifest_entry(f"file {number}", file, False) for number in range(20_000)]
    with database.transaction(records):
        writing.add_bundle(records, "aws", UUID, file.version, 0, entries)
    bundle = reading.bundle(records, "aws", UUID, None)
    assert bundle is not None

    def steps(start: int) -> int:
        """Count the steps of SQLite's machine, which are the same each time, unlike seconds."""
        counted = 0

        def count() -> int:
            nonlocal counted
            counted += 1
            return 0

        records.set_progress_handler(count, 10)
        page = reading.bundle_files(records, bundle.number, start, 500)
        records.set_progress_handler(None, 0)
        assert [one.name for one in page] == [f"file {number}" for number in range(start, start + 500)]
        return counted

    assert steps(19_500) <= steps(0) + 5


def test_another_program_s_directory_is_refused_and_left_alone(tmp_path: Path, hca: Hca) -> None:
    foreign = tmp_path / "thesis"
    foreign.mkdir()
    (foreign / "chapter.txt").write_text("1")
    for command in (["up"], ["serve"], ["seed", str(tmp_path)], ["status"]):
        answer = hca("local", *command, "--data", foreign)
        assert (answer.returncode, answer.stdout) == (1, "")
        assert "is not empty and not a store" in answer.stderr
        assert "Traceback" not in answer.stderr
    assert hca("local", "run", "--keep", foreign, "--", "true").returncode == 1
    assert [path.name for path in foreign.iterdir()] == ["chapter.txt"]


def test_databases_that_are_no_store_are_refused(directory: DataDirectory) -> None:
    directory.store.write_bytes(b"no database at all, but long enough to look like one" * 20)
    with pytest.raises(HCAError, match="can't be read as a store"):
        data_directory.is_store(directory)
    directory.store.unlink()
    with closing(sqlite3.connect(directory.store)) as foreign:
        foreign.execute("CREATE TABLE notes (text)")
    with pytest.raises(HCAError, match="some other program"):
        data_directory.is_store(directory)


def test_a_store_of_another_format_is_refused(directory: DataDirectory, records: sqlite3.Connection, hca: Hca) -> None:
    records.execute("PRAGMA user_version=99")
    answer = hca("local", "up", "--data", directory.root)
    assert answer.returncode == 1
    assert "has format 99; this version of hca local reads format 5" in answer.stderr


def tables(store: sqlite3.Connection) -> set[str]:
    """Return the names of the tables and indexes of a store."""
    return {name for (name,) in store.execute("SELECT name FROM sqlite_master")}


@pytest.mark.parametrize("older", [2, 3, 4])
def test_a_store_of_an_older_format_gets_what_is_new(data: Path, hca: Hca, launched: Any, older: int) -> None:
    made = launched(data)
    made.process.terminate()
    made.process.wait()
    new_in = {
        3: "fusillade% sessions browsers codes refresh_tokens devices service_accounts",
        4: "upload% session_keys",
        5: "shock%",
    }
    with closing(sqlite3.connect(made.directory.store)) as store:
        wanted = tables(store)
        assert {"shock_users", "shock_nodes", "shock_leaves", "shock_preauth"} <= wanted
        bundles = store.execute("SELECT COUNT(*) FROM bundles").fetchone()
        for pattern in " ".join(new_in[version] for version in range(older + 1, 6)).split():
            ours = "SELECT name FROM sqlite_master WHERE name LIKE ? AND type = 'table'"
            for (name,) in store.execute(ours, (pattern,)).fetchall():
                store.execute(f"DROP TABLE {name}")
        store.execute(f"PRAGMA user_version={older}")
        store.commit()
    accounts = hca("local", "service-account", "list", "--data", data, "--output", "json")
    assert (accounts.returncode, json.loads(accounts.stdout)) == (0, [])
    assert hca("local", "up", "--data", data).returncode == 0
    config, credentials = made.directory.config, made.directory.credentials
    answer = hca("auth", "get-v1-users", HCA_CONFIG_FILE=str(config), HCA_CREDENTIALS_FILE=str(credentials))
    assert json.loads(answer.stdout) == {"users": ["admin@example.org", "public"]}
    assert json.loads(hca("local", "area", "list", "--data", data, "--output", "json").stdout) == []
    with closing(sqlite3.connect(made.directory.store)) as upgraded:
        assert upgraded.execute("SELECT COUNT(*) FROM bundles").fetchone() == bundles
        assert upgraded.execute("PRAGMA user_version").fetchone() == (5,)
        assert tables(upgraded) == wanted


def test_a_file_is_no_data_directory(tmp_path: Path, hca: Hca) -> None:
    (tmp_path / "file").write_text("x")
    assert "is not a directory" in hca("local", "up", "--data", tmp_path / "file").stderr
    below = hca("local", "up", "--data", tmp_path / "file" / "below")
    assert below.returncode == 1
    assert "can't be made" in below.stderr
    assert "Traceback" not in below.stderr


def test_a_directory_that_can_not_be_written_to(directory: DataDirectory, hca: Hca) -> None:
    directory.root.chmod(0o500)
    if os.access(directory.root, os.W_OK):
        pytest.skip("this user may write everywhere")
    answer = hca("local", "up", "--data", directory.root)
    assert (answer.returncode, "can't be written to" in answer.stderr) == (1, True)


def test_damaged_settings_are_told(directory: DataDirectory) -> None:
    wrong = ('{"retry_after": "soon"}', '{"port": -1}', '{"url_lifetime": true}', '{"shock_anonymous": "some"}')
    for damaged in ("{", "[]", *wrong):
        directory.settings.write_text(damaged)
        with pytest.raises(HCAError) as caught:
            settings.load(directory.settings)
        assert caught.value.hint == "correct or delete the file"


def test_only_one_process_serves_a_directory(data: Path, hca: Hca, launched: Launch) -> None:
    launched(data, empty=True)
    assert locking.is_held(data / "lock")
    second = hca("local", "serve", "--data", data)
    assert second.returncode == 1
    assert "is being served by another process" in second.stderr


def test_asking_for_the_lock_does_not_keep_a_server_from_it(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    lock.touch()
    with locking.held(lock):
        assert locking.is_held(lock)
    assert not locking.is_held(lock)
    assert not locking.is_held(tmp_path / "missing")


def test_an_unusable_signing_key_is_replaced(directory: DataDirectory) -> None:
    directory.signing_key.write_bytes(b"")
    key = data_directory.signing_key(directory)
    assert len(key) == 32
    assert data_directory.signing_key(directory) == key
    assert directory.signing_key.stat().st_mode & 0o777 == 0o600


def test_a_taken_port_is_told(data: Path, hca: Hca) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        answer = hca("local", "up", "--data", data, "--port", port)
    assert answer.returncode == 1
    assert f"Port {port} can't be used" in answer.stderr
    assert not (data / "store.sqlite3").exists()
