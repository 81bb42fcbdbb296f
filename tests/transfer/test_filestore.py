"""The filestore: what is in it, what is right, what may go, and all that must never be touched."""

from __future__ import annotations

import errno
import hashlib
import os
import time
import tracemalloc
from pathlib import Path

import pytest

from hca_core.content import Promise
from hca_core.errors import HCAError, NotFoundError, UsageError
from hca_core.transfer import filestore, parts, seal
from hca_core.transfer.filestore import Checked, Kind

OLD = time.time() - 7200
A, B = b"content of a\n", b"content of b\n"


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class Store:
    """A filestore below a directory, filled by a test."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.root = directory / filestore.FOLDER
        self.root.mkdir(parents=True)

    def put(self, data: bytes, *, name: str = "", age: float = 7200, link: str = "") -> Path:
        path = Path(filestore.path(str(self.directory), name or sha256(data)))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        if link:
            os.link(path, self.directory / link)
        os.utime(path, (time.time() - age,) * 2)
        return path

    def beside(self, data: bytes, name: str, *, age: float = 7200) -> Path:
        """Put a file called `name`, in which {} is the sha256, beside that content's place."""
        place = Path(filestore.path(str(self.directory), sha256(data)))
        place.parent.mkdir(parents=True, exist_ok=True)
        path = place.with_name(name.format(sha256(data)))
        path.write_bytes(b"12345")
        os.utime(path, (time.time() - age,) * 2)
        return path

    def age_folders(self) -> None:
        for folder, _, _ in os.walk(self.root, topdown=False):
            os.utime(folder, (OLD, OLD))

    def all(self) -> set[str]:
        return {str(path.relative_to(self.root)) for path in self.root.rglob("*")}


@pytest.fixture
def store(tmp_path) -> Store:
    return Store(tmp_path)


def dead() -> str:
    """Return the name of a part whose process has ended."""
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    return f".{{}}.{parts.owner(pid)}-1-1.part"


LIVING = f".{{}}.{parts.owner(os.getpid())}-1-1.part"
TEMPORARY = ".{}.0123456789ab.tmp"
FOREIGN = ["notes.txt", "{}.bak", ".{}.0123.tmp", ".{}.part", ".x.0123456789ab.tmp", "{}\n"]


def test_everything_is_named_for_what_it_is(store):
    content, part, temporary = store.put(A), store.beside(A, LIVING), store.beside(A, TEMPORARY)
    foreign = [store.beside(A, name) for name in FOREIGN]
    (store.root / "zz").mkdir()
    (store.root / "README").write_text("x")
    (store.root / "ab").symlink_to(store.directory)
    misplaced = store.root / sha256(A)[:2] / sha256(A)[2:6] / sha256(B)
    misplaced.write_bytes(B)
    found = {entry.path: (entry.kind, entry.sha256) for entry in filestore.walk(str(store.directory))}
    folders = [store.root / sha256(A)[:2], store.root / sha256(A)[:2] / sha256(A)[2:6]]
    others = [*foreign, store.root / "zz", store.root / "README", store.root / "ab", misplaced]
    assert found == {
        **{str(path): (Kind.FOLDER, "") for path in folders},
        **{str(path): (Kind.OTHER, "") for path in others},
        str(content): (Kind.CONTENT, sha256(A)),
        str(part): (Kind.PART, sha256(A)),
        str(temporary): (Kind.TEMPORARY, sha256(A)),
    }


def test_info_counts(store):
    store.put(A, link="a")
    store.put(B)
    store.beside(A, LIVING)
    store.beside(A, TEMPORARY)
    store.beside(A, "notes.txt")
    assert filestore.info(str(store.directory)).document() == {
        "files": 2,
        "bytes": len(A) + len(B),
        "unlinked": 1,
        "unlinked_bytes": len(B),
        "parts": 1,
        "part_bytes": 5,
        "temporaries": 1,
        "others": 1,
    }


def test_a_directory_without_a_filestore(tmp_path):
    for ask in (filestore.info, filestore.prune, lambda where: list(filestore.verify(where, jobs=1))):
        with pytest.raises(NotFoundError, match="there is no filestore below"):
            ask(str(tmp_path))


def test_verify_reads_everything_and_seals_what_is_right(store):
    right, wrong = store.put(A), store.put(b"damaged", name=sha256(B))
    store.beside(A, LIVING)
    found = {one.path: one for one in filestore.verify(str(store.directory), jobs=3)}
    assert found == {
        str(right): Checked(str(right), len(A), ""),
        str(wrong): Checked(str(wrong), 7, f"has sha256 {sha256(b'damaged')}, but should have {sha256(B)}"),
    }
    assert seal.is_sealed(os.stat(right), sha256(A))
    assert not seal.is_sealed(os.stat(wrong), sha256(B))


def test_a_seal_is_not_trusted_by_verify(store):
    path = store.put(b"damaged", name=sha256(B))
    seal.put(path, 7, sha256(B))
    assert seal.is_sealed(os.stat(path), sha256(B))
    (one,) = filestore.verify(str(store.directory), jobs=1)
    assert one.problem.startswith("has sha256")


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda path: None, "is missing"),
        (lambda path: path.mkdir(), "is not a file"),
        (lambda path: path.symlink_to("/etc/passwd"), "is not a file"),
        (lambda path: path.write_bytes(b"x"), f"has 1 bytes, but should have {len(A)}"),
    ],
)
def test_what_can_be_wrong_with_a_file(tmp_path, make, problem):
    path = tmp_path / "f"
    make(path)
    assert filestore.checked(str(path), len(A), sha256(A)).problem == problem


def test_prune_takes_what_nobody_needs_and_nothing_else(store):
    abandoned = [store.beside(A, dead(), age=5), store.beside(B, TEMPORARY)]
    kept = [
        store.put(A),
        store.put(B, link="b"),
        store.beside(A, LIVING, age=5),
        store.beside(A, ".{}.fedcba987654.tmp", age=5),
        *(store.beside(A, name) for name in FOREIGN),
    ]
    old_part = store.beside(A, ".{}.elsewhere-7-1-1.part")
    outside = store.directory / "outside"
    outside.mkdir()
    (outside / sha256(A)[2:6]).mkdir()
    (store.root / "fe").symlink_to(outside)
    (store.root / "ee" / "eeee").mkdir(parents=True)
    before = store.all()
    store.age_folders()
    planned = filestore.prune(str(store.directory), dry_run=True)
    assert store.all() == before
    pruned = filestore.prune(str(store.directory))
    assert pruned.document() == {"parts": 2, "temporaries": 1, "folders": 2, "files": 0, "bytes": 15, "too_young": 0}
    assert planned == pruned
    gone = {str(path.relative_to(store.root)) for path in [*abandoned, old_part]} | {"ee", "ee/eeee"}
    assert before - store.all() == gone
    assert all(path.exists() for path in kept)
    assert (outside / sha256(A)[2:6]).is_dir()


def test_empty_folders_go_from_below_in_time(store):
    (store.root / "ee" / "eeee").mkdir(parents=True)
    assert filestore.prune(str(store.directory)).folders == 0  # a download may have made them just now
    store.age_folders()
    assert filestore.prune(str(store.directory), dry_run=True).folders == 2
    assert filestore.prune(str(store.directory)).folders == 2
    assert store.all() == set()


def test_content_that_no_directory_links_to_goes_on_request(store):
    linked, unlinked, new = store.put(A, link="a"), store.put(B), store.put(b"new", age=1)
    assert filestore.prune(str(store.directory)).files == 0
    pruned = filestore.prune(str(store.directory), unlinked=True)
    assert (pruned.files, pruned.bytes, pruned.too_young) == (1, len(B), 1)
    assert (linked.exists(), unlinked.exists(), new.exists()) == (True, False, True)


def test_a_store_without_any_links_is_the_download_itself(store):
    path = store.put(A)
    with pytest.raises(UsageError, match="it is the download"):
        filestore.prune(str(store.directory), unlinked=True)
    assert path.exists()


def test_only_content_of_the_store_is_removed(store, tmp_path):
    path = store.put(A)
    other = tmp_path / sha256(A)
    other.write_bytes(A)
    for wrong in (other, store.beside(A, "notes.txt"), store.root / ".." / path.name):
        with pytest.raises(HCAError, match="is no content of this filestore"):
            filestore.remove(str(store.directory), str(wrong))
    assert other.exists()
    filestore.remove(str(store.directory), str(path))
    filestore.remove(str(store.directory), str(path))
    assert not path.exists()


def test_what_goes_while_it_is_listed_is_no_error(store):
    store.put(A)
    gone = store.put(B)
    found = []
    for entry in filestore.walk(str(store.directory)):
        gone.unlink(missing_ok=True)
        found.append(entry.path)
    assert len(found) in (3, 6)  # 6 if it was met first; never an error


def test_memory_does_not_grow_with_the_store(store):
    for number in range(3000):
        name = f"ab{number:04x}" + "0" * 58
        path = Path(filestore.path(str(store.directory), name))
        path.parent.mkdir(parents=True)
        path.touch()
    tracemalloc.start()
    assert filestore.info(str(store.directory)).files == 3000
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 500_000


# On the command line


def test_info_on_the_command_line(hca, store):
    store.put(A)
    os.chdir(store.directory)
    for words in (["cache", "info"], ["cache", "info", str(store.directory)]):
        document = hca(*words).json()
        assert (document["directory"], document["files"]) == (words[2] if words[2:] else ".", 1)


def test_verify_on_the_command_line(hca, store):
    store.put(A)
    outcome = hca("cache", "verify", str(store.directory))
    assert outcome.exit_status == 0
    assert outcome.json()["wrong_files"] == 0
    wrong = store.put(b"damaged", name=sha256(B))
    outcome = hca("cache", "verify", str(store.directory), "--jobs", "2")
    document = outcome.json()
    assert (outcome.exit_status, document["files"], document["bytes"]) == (6, 2, len(A) + 7)
    assert (document["wrong_files"], [one["file"] for one in document["wrong"]]) == (1, [str(wrong)])
    assert "1 of 2 files is wrong" in outcome.stderr
    assert wrong.exists()
    outcome = hca("cache", "verify", str(store.directory), "--remove")
    assert (outcome.exit_status, outcome.json()["removed"], wrong.exists()) == (6, 1, False)
    assert hca("cache", "verify", str(store.directory)).exit_status == 0


def test_prune_on_the_command_line(hca, store):
    part = store.beside(A, dead())
    outcome = hca("cache", "prune", str(store.directory), "--dry-run")
    assert (outcome.json()["dry_run"], outcome.json()["parts"], part.exists()) == (True, 1, True)
    outcome = hca("cache", "prune", str(store.directory))
    assert (outcome.exit_status, outcome.json()["parts"], part.exists()) == (0, 1, False)
    assert "dry_run" not in outcome.json()


@pytest.mark.parametrize("verb", ["info", "verify", "prune"])
def test_a_wrong_directory_is_told_in_one_sentence(hca, tmp_path, verb):
    outcome = hca("cache", verb, str(tmp_path / "nothing"))
    assert (outcome.exit_status, outcome.stdout) == (4, "")
    assert outcome.stderr.startswith("hca: there is no filestore below ")


def test_what_can_not_be_read_is_told_and_stays(store, hca, monkeypatch):
    path = store.put(A)

    def broken(*_: str) -> str:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(seal, "read", broken)
    outcome = hca("cache", "verify", str(store.directory), "--remove")
    assert (outcome.exit_status, outcome.json()["removed"], path.exists()) == (6, 0, True)
    assert outcome.json()["wrong"] == [{"file": str(path), "problem": "can't be read: Input/output error"}]


@pytest.mark.parametrize("kind", ["link", "directory"])
def test_what_is_no_file_in_the_place_of_content_is_wrong(store, hca, tmp_path, kind):
    path = store.put(A)
    kept = tmp_path / "kept"
    path.rename(kept)
    path.symlink_to(kept) if kind == "link" else path.mkdir()
    (one,) = filestore.verify(str(store.directory), jobs=1)
    assert one == Checked(str(path), one.size, "is not a file")
    outcome = hca("cache", "verify", str(store.directory), "--remove")
    if kind == "link":
        assert (outcome.exit_status, path.is_symlink(), kept.read_bytes()) == (6, False, A)
    else:
        assert (outcome.exit_status, outcome.json()["removed"], path.is_dir()) == (6, 0, True)
        (wrong,) = outcome.json()["wrong"]
        assert wrong["problem"].endswith("is a directory, which is not removed; move it away")
        assert "see what keeps the others from being deleted" in outcome.stderr


@pytest.mark.parametrize("look", ["verify", "download"])
def test_what_is_written_to_while_it_is_read_gets_no_seal(tmp_path, monkeypatch, look):
    """Whoever reads it sees the old bytes; the new ones must not be taken for them."""
    path = tmp_path / "file"
    path.write_bytes(b"right")
    os.utime(path, (OLD, OLD))  # what is written within one tick of the clock has one time
    sha256 = hashlib.sha256(b"right").hexdigest()
    read = hashlib.file_digest

    def overtaken(stream, algorithm):
        digest = read(stream, algorithm)
        path.write_bytes(b"wrong")
        return digest

    monkeypatch.setattr(hashlib, "file_digest", overtaken)
    if look == "verify":
        found = filestore.checked(str(path), 5, sha256)
        assert (found.problem, found.is_known) == ("was written to while it was read", False)
    else:
        assert not seal.is_complete(path, Promise(5, sha256))
    assert not seal.is_sealed(path.stat(), sha256)
