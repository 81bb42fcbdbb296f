"""Which files are meant, and their names in an area; all that is wrong, at once and before anything is sent."""

from __future__ import annotations

import os
import socket
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hca_core.errors import ExitStatus, UsageError
from hca_upload import sources
from hca_upload.sources import Item

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

NFC, NFD = "caf\N{LATIN SMALL LETTER E WITH ACUTE}", "cafe\N{COMBINING ACUTE ACCENT}"
FILES = {
    "a.fq": b"1",
    "run1/a.fq": b"22",
    "run1/b.txt": b"333",
    "run1/sub/c.fq": b"",
    "run1/sub/.hidden": b"4",
    "run1/afq": b"5",
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A directory with files, which is the current one; others may look at it."""
    was = os.umask(0o022)
    for name, content in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    os.umask(was)


@contextmanager
def as_nobody() -> Iterator[None]:
    """Do something as a user who may not read everything, if the user of the test may."""
    was = os.getresuid()
    if was[0] == 0:
        os.setresuid(65534, 65534, 0)
    try:
        yield
    finally:
        os.setresuid(*was)


def names(items: Sequence[Item]) -> list[str]:
    return [item.name for item in items]


def problems(call: Callable[[], object]) -> list[str]:
    """Return the lines that tell what is wrong, without the sentence before them."""
    with pytest.raises(UsageError) as caught:
        call()
    assert caught.value.exit_status is ExitStatus.USAGE
    title, *lines = caught.value.message.splitlines()
    assert title.startswith(f"not all of these files can be taken: {len(lines)} problem"), caught.value.message
    assert all(line.startswith("  ") for line in lines)
    return [line.strip() for line in lines]


def sentence(call: Callable[[], object]) -> str:
    """Return the one sentence that tells what is wrong."""
    with pytest.raises(UsageError) as caught:
        call()
    assert "\n" not in caught.value.message
    return caught.value.message


def test_an_item_is_what_is_known_of_a_file(folder: Path) -> None:
    known = (folder / "run1/a.fq").stat()
    assert sources.local(["run1/a.fq"]) == [Item("a.fq", "run1/a.fq", 2, known.st_mtime_ns)]
    assert not hasattr(sources.local(["a.fq"])[0], "__dict__")


def test_a_file_has_its_own_name_and_a_directory_gives_paths_below_it(folder: Path) -> None:
    below = ["a.fq", "afq", "b.txt", "sub/.hidden", "sub/c.fq"]
    for given in ("run1", "run1/", "./run1//", "run1/sub/..", "../" + folder.name + "/run1", str(folder / "run1")):
        items = sources.local([given])
        assert names(items) == below
        assert [Path(item.path).read_bytes() for item in items] == [b"22", b"5", b"333", b"4", b""]
    assert names(sources.local(["."])) == ["a.fq", *(f"run1/{name}" for name in below)]
    assert names(sources.local(["run1/sub/../a.fq", "run1/sub"])) == [".hidden", "a.fq", "c.fq"]
    assert names(sources.local([folder / "run1" / "b.txt"])) == ["b.txt"]
    assert sources.local([]) == []


def test_flat_names(folder: Path) -> None:
    assert names(sources.local(["run1"], flatten=True)) == [".hidden", "a.fq", "afq", "b.txt", "c.fq"]
    assert problems(lambda: sources.local(["."], flatten=True)) == ["a.fq would be the name of ./a.fq, ./run1/a.fq"]


@pytest.mark.parametrize("extension", ["fq", ".fq"])
def test_an_extension_limits_directories(extension: str) -> None:
    assert names(sources.local(["run1"], file_extension=extension)) == ["a.fq", "sub/c.fq"]
    assert problems(lambda: sources.local(["run1", "a.fq"], file_extension=extension)) == [
        "a.fq is no directory, and an extension limits directories only"
    ]


def test_extensions(folder: Path) -> None:
    (folder / "run1/x.fastq.gz").touch()
    assert names(sources.local(["run1"], file_extension="fastq.gz")) == ["x.fastq.gz"]
    assert names(sources.local(["run1"], file_extension=".gz")) == ["x.fastq.gz"]
    assert "no file ending in .bam in run1" in sentence(lambda: sources.local(["run1"], file_extension="bam"))
    for none in ("", "."):
        assert "is not a file extension" in sentence(lambda given=none: sources.local(["run1"], file_extension=given))


def test_what_an_extension_leaves_out_is_no_problem(folder: Path) -> None:
    os.mkfifo(folder / "run1/pipe")
    (folder / "run1/nowhere").symlink_to("nothing")
    assert names(sources.local(["run1"], file_extension="fq")) == ["a.fq", "sub/c.fq"]


def test_another_name_for_one_file() -> None:
    assert names(sources.local(["a.fq"], target_filename="b c.fq")) == ["b c.fq"]
    assert names(sources.local(["a.fq"], target_filename="x/y.fq")) == ["x/y.fq"]
    assert problems(lambda: sources.local(["run1"], target_filename="x")) == [
        "run1 is a directory, which x can't be the name of"
    ]
    assert "2 sources can't all be named x" in problems(lambda: sources.local(["a.fq", "run1"], target_filename="x"))


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "empty"),
        ("/x", "empty segment"),
        ("x/", "empty segment"),
        ("x//y", "empty segment"),
        ("../x", "'..'"),
        ("x/../y", "'..'"),
        ("./x", "'.'"),
        ("..", "'..'"),
        ("x\0", "zero byte"),
        ("\udc80", "not UTF-8"),
        ("n" * 988, "longer than 987 bytes"),
        ("é" * 494, "longer than 987 bytes"),
    ],
)
def test_names_that_can_not_be(name: str, reason: str) -> None:
    (told,) = problems(lambda: sources.local(["a.fq"], target_filename=name))
    assert reason in told
    told = sentence(lambda: sources.of_bucket([("k", 1)], "k", target_filename=name, bucket="b"))
    assert reason in told


@pytest.mark.parametrize("name", ["n" * 987, "é" * 493 + "n", "a b", "#?%+&", "new\nline", "x..y", "...", "a\\b", "~"])
def test_names_that_can_be(name: str) -> None:
    assert names(sources.local(["a.fq"], target_filename=name)) == [name]


@pytest.mark.skipif(sys.platform == "darwin", reason="its disks change names")
def test_names_are_kept_as_they_are(folder: Path) -> None:
    odd = ["a b", "#?%+&", "new\nline", NFC, NFD, "日本語", "~", "a\\b", "*", "-rf", "'\""]
    for name in odd:
        (folder / "odd" / name).parent.mkdir(exist_ok=True)
        (folder / "odd" / name).touch()
    assert names(sources.local(["odd"])) == sorted(odd)
    assert names(sources.local([f"odd/{name}" for name in odd])) == sorted(odd)


def test_one_name_for_two_files(folder: Path) -> None:
    for number in range(2, 6):
        (folder / f"run{number}").mkdir()
        (folder / f"run{number}/a.fq").touch()
    given = ["a.fq", "run5", "run2", "run3", "run4", "run1/b.txt", "run1/b.txt"]
    assert problems(lambda: sources.local(given)) == ["a.fq would be the name of a.fq, run5/a.fq, run2/a.fq and 2 more"]


def test_a_file_that_is_given_twice_is_one(folder: Path) -> None:
    given = ["run1/a.fq", "./run1/a.fq", str(folder / "run1/a.fq"), "run1"]
    assert names(sources.local(given)) == ["a.fq", "afq", "b.txt", "sub/.hidden", "sub/c.fq"]
    assert names(sources.local(["run1", "run1/"])) == names(sources.local(["run1"]))
    (folder / "link").mkdir()
    (folder / "link/a.fq").symlink_to("../run1/a.fq")
    assert names(sources.local(["link", "run1/a.fq"])) == ["a.fq"]


def test_links_are_followed(folder: Path) -> None:
    (folder / "run1/file.lnk").symlink_to("../a.fq")
    (folder / "other").mkdir()
    (folder / "other/o").touch()
    (folder / "run1/one").symlink_to("../other")
    (folder / "run1/two").symlink_to(folder / "other")
    (folder / "run1/sub/three").symlink_to(folder / "other")
    found = {item.name: item.size for item in sources.local(["run1"])}
    assert {name: found[name] for name in ("file.lnk", "one/o", "two/o", "sub/three/o")} == {
        "file.lnk": 1, "one/o": 0, "two/o": 0, "sub/three/o": 0
    }  # fmt: skip
    (folder / "link").symlink_to("run1")
    assert names(sources.local(["link"])) == names(sources.local(["run1"]))
    assert names(sources.local(["run1/file.lnk"])) == ["file.lnk"]


def test_loops_of_links(folder: Path) -> None:
    (folder / "run1/sub/self").symlink_to(".")
    (folder / "run1/sub/up").symlink_to("../..")
    (folder / "run1/root").symlink_to("/")
    (folder / "run1/mirror").symlink_to("mirror")
    assert sorted(problems(lambda: sources.local(["run1"]))) == [
        "run1/mirror is a link that leads back to itself",
        "run1/root is a link to a directory that it is in",
        "run1/sub/self is a link to a directory that it is in",
        "run1/sub/up is a link to a directory that it is in",
    ]
    assert problems(lambda: sources.local(["run1/mirror"])) == ["run1/mirror is a link that leads back to itself"]


def test_a_loop_through_another_tree(folder: Path) -> None:
    (folder / "away/deep").mkdir(parents=True)
    (folder / "away/deep/back").symlink_to("../../run1")
    (folder / "run1/out").symlink_to("../away")
    assert problems(lambda: sources.local(["run1"])) == ["run1/out/deep/back is a link to a directory that it is in"]


def test_everything_that_is_wrong_is_told_at_once(folder: Path) -> None:
    (folder / "run1/dangling").symlink_to("nothing")
    (folder / "dangling").symlink_to("nothing")
    os.mkfifo(folder / "run1/pipe")
    os.mkfifo(folder / "pipe")
    (folder / "run1/device").symlink_to("/dev/zero")
    with open(b"run1/latin-\xe9", "wb"):
        pass
    (folder / "twice").mkdir()
    (folder / "twice/b.txt").touch()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("run1/socket")  # the name of a socket must be short
        given = ["missing", "run1", "dangling", "pipe", "a.fq/", "twice", "zero\0byte", "/dev/null", ""]
        found = sorted(problems(lambda: sources.local(given)))
    assert found == sorted(
        [
            "missing does not exist",
            "run1/dangling is a link to nothing",
            "run1/pipe is neither a file nor a directory",
            "run1/device is neither a file nor a directory",
            "run1/socket is neither a file nor a directory",
            "'run1/latin-\\udce9' has a name that is not UTF-8",
            "dangling is a link to nothing",
            "pipe is neither a file nor a directory",
            "a.fq/ can't be read: not a directory",
            "b.txt would be the name of run1/b.txt, twice/b.txt",
            "'zero\\x00byte' can't be a path",
            "/dev/null is neither a file nor a directory",
            "'' does not exist",
        ]
    )


def test_many_problems_are_counted(folder: Path) -> None:
    with pytest.raises(UsageError) as caught:
        sources.local([f"missing{number}" for number in range(1000)])
    lines = caught.value.message.splitlines()
    assert len(lines) == 22
    assert (lines[0], lines[-1]) == ("not all of these files can be taken: 1000 problems", "  ... and 980 more")


def test_names_can_not_move_a_terminal(folder: Path) -> None:
    (folder / "run1/\x1b[2J\n").symlink_to("nothing")
    assert problems(lambda: sources.local(["run1"])) == ["'run1/\\x1b[2J\\n' is a link to nothing"]


def test_what_can_not_be_read(folder: Path) -> None:
    folder.chmod(0o755)
    unreadable = ("a.fq", "run1/b.txt", "run1/sub")
    for name in unreadable:
        (folder / name).chmod(0)
    with as_nobody():
        found = sorted(problems(lambda: sources.local(["run1", "a.fq"])))
    (folder / "run1/sub").chmod(0o700)
    assert found == [f"{name} can't be read: permission denied" for name in unreadable]


def test_a_directory_in_one_that_may_not_be_looked_at(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder / "run1")
    folder.chmod(0)
    try:
        with as_nobody():
            assert len(sources.local(["."])) == 5
    finally:
        folder.chmod(0o700)


def test_long_names(folder: Path) -> None:
    deep = folder / "deep" / Path(*["d" * 100] * 9)
    deep.mkdir(parents=True)
    above = len("/".join(["d" * 100] * 9)) + 1
    (deep / ("n" * (987 - above))).touch()
    assert [len(name) for name in names(sources.local(["deep"]))] == [987]
    (deep / ("n" * (988 - above))).touch()
    (told,) = problems(lambda: sources.local(["deep"]))
    assert told.endswith("has a name that is longer than 987 bytes")
    assert len(sources.local(["deep"], flatten=True)) == 2


def test_deeper_than_python_calls(folder: Path) -> None:
    deep = folder / "deep"
    deep.mkdir()
    for _ in range(1200):
        deep /= "d"
        deep.mkdir()
    (deep / "f").touch()
    try:
        assert names(sources.local(["deep"], flatten=True)) == ["f"]
    finally:
        (deep / "f").unlink()
        os.removedirs(deep)  # pytest would call itself for each


def test_nothing_to_take(folder: Path) -> None:
    (folder / "empty/below").mkdir(parents=True)
    assert sentence(lambda: sources.local(["empty"])) == "there is nothing to take: no file in empty"
    assert names(sources.local(["empty", "a.fq"])) == ["a.fq"]


def test_split() -> None:
    given = ["a", Path("b"), "s3://bucket", "s3:/c", "s3://bucket/a b?#%", "S3://d"]
    assert sources.split(given) == (["a", "b", "s3:/c", "S3://d"], ["s3://bucket", "s3://bucket/a b?#%"])
    assert "no path was given" in sentence(lambda: sources.split([]))
    for url in ("s3://", "s3:///key"):
        assert "is not an address in S3" in sentence(lambda given=url: sources.split([given]))
    assert sources.split(["a"], target_filename="x") == (["a"], [])
    assert "2 sources can't all be named x" in sentence(lambda: sources.split(["a", "s3://b/c"], target_filename="x"))


def test_addresses() -> None:
    assert sources.address("s3://b/k/l?m#n//") == ("b", "k/l?m#n//")
    assert sources.address("s3://b") == sources.address("s3://b/") == ("b", "")


OBJECTS = [("run1", 1), ("run1/", 0), ("run1/a.fq", 2), ("run1/sub/", 0), ("run1/sub/b.txt", 3), ("run10/c.fq", 4)]


def of(prefix: str, objects: Sequence[tuple[str, int]] = OBJECTS, **options: object) -> list[Item]:
    listed = [one for one in objects if one[0].startswith(prefix)]
    return sources.of_bucket(listed, prefix, bucket="b", **options)  # type: ignore[arg-type]


def test_one_object() -> None:
    assert of("run1") == [Item("run1", "s3://b/run1", 1, 0)]
    assert of("run1/sub/b.txt") == [Item("b.txt", "s3://b/run1/sub/b.txt", 3, 0)]
    assert names(of("run1", target_filename="x/y")) == ["x/y"]
    assert "an extension limits many" in sentence(lambda: of("run1", file_extension="fq"))
    assert "has a segment" in sentence(lambda: of("x/..", [("x/..", 1)]))
    assert "longer than" in sentence(lambda: of("k" * 988, [("k" * 988, 1)]))


def test_one_object_in_any_order() -> None:
    assert names(of("run1", [("run1/..", 5), ("run1", 1)])) == ["run1"]


def test_objects_below_a_prefix() -> None:
    below = [Item("a.fq", "s3://b/run1/a.fq", 2, 0), Item("sub/b.txt", "s3://b/run1/sub/b.txt", 3, 0)]
    assert of("run1/") == below
    assert of("run1", OBJECTS[1:]) == below
    assert names(of("")) == ["run1", "run1/a.fq", "run1/sub/b.txt", "run10/c.fq"]
    assert names(of("run1/", flatten=True)) == ["a.fq", "b.txt"]
    assert names(of("", file_extension="fq")) == ["run1/a.fq", "run10/c.fq"]
    assert problems(lambda: of("run1/", target_filename="x")) == [
        "s3://b/run1/ is many objects, which x can't be the name of"
    ]
    assert sentence(lambda: of("run2")) == "there is nothing to take: no object at s3://b/run2"
    assert sentence(lambda: of("r", OBJECTS)) == "there is nothing to take: no object at s3://b/r"
    assert "no object ending in .bam at" in sentence(lambda: of("run1/", file_extension="bam"))


def test_hostile_keys() -> None:
    hostile = ["p/../x", "p/.", "p//x", "p/x/", "p/a\0", "p/" + "k" * 988, "p/\udc80", "p/\x1b[2J/.."]
    told = problems(lambda: of("p/", [(key, 1) for key in hostile]))
    assert sorted(line.rpartition(" has a name that ")[0] for line in told) == sorted(
        f"s3://b/{key}" if key.isprintable() else repr(f"s3://b/{key}") for key in hostile
    )
    assert problems(lambda: of("p/", [("p/../x", 1)], flatten=True)) == [
        "s3://b/p/../x has a name that has a segment '.' or '..'"
    ]
    assert names(sources.of_bucket([("elsewhere/x", 1), ("p/x", 1)], "p/", bucket="b")) == ["x"]
    assert problems(lambda: of("", [("x/a", 1), ("y/a", 2)], flatten=True)) == [
        "a would be the name of s3://b/x/a, s3://b/y/a"
    ]


def test_all_sources_together(folder: Path) -> None:
    here, there = sources.local(["run1"]), of("run1/", [("run1/a.txt", 1), ("run1/z", 2)])
    assert names(sources.merged(here, there)) == sorted(names(here) + names(there))
    assert problems(lambda: sources.merged(here, of("run1/"))) == [
        "a.fq would be the name of run1/a.fq, s3://b/run1/a.fq"
    ]
    assert len(sources.merged(there, there)) == len(there)
    # Two keys that would be one path are two objects.
    two = [Item("k", "s3://b/x//k", 1, 0)], [Item("k", "s3://b/x/k", 1, 0)]
    assert problems(lambda: sources.merged(*two)) == ["k would be the name of s3://b/x//k, s3://b/x/k"]
