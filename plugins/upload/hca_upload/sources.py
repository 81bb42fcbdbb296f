"""What is to be in an area: files and directories of this machine, or objects of a bucket, and their names there."""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass
from itertools import chain, groupby
from operator import attrgetter
from typing import TYPE_CHECKING

from hca_core.errors import UsageError, several

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from hca_core.files import StrPath

_S3 = "s3://"
_AREA_PREFIX = 37  # bytes of "<area uuid>/", which comes before the name in a key
LONGEST = 1024 - _AREA_PREFIX  # bytes of UTF-8 that S3 leaves for a name
_SHOWN = 3  # sources that are told of one name

_Identity = tuple[int, int]  # device and inode


@dataclass(frozen=True, slots=True, order=True)
class Item:
    """One file that is to be in an area.

    `name` is its name there, relative and with "/" between its segments; `path` is where it is: a path on this
    machine or `s3://bucket/key`. `size` in bytes and `changed` (nanoseconds since 1970) are those of the moment when
    it was listed; an object in S3 has 0 as `changed`.
    """

    name: str
    path: str
    size: int
    changed: int

    @property
    def is_remote(self) -> bool:
        """Tell whether it is an object in S3."""
        return is_remote(self.path)


def split(paths: Sequence[StrPath], *, target_filename: str | None = None) -> tuple[list[str], list[str]]:
    """Return those of `paths` that are on this machine, and those that are addresses in S3.

    Raises UsageError: there are none, an address has no bucket, `target_filename` would name several sources.
    """
    if not paths:
        raise UsageError("there is nothing to take: no path was given")
    if target_filename is not None and len(paths) > 1:
        raise UsageError(f"{len(paths)} sources can't all be named {_shown(target_filename)}", hint="give one file")
    texts = [os.fsdecode(path) for path in paths]
    remote = [text for text in texts if is_remote(text)]
    for text in remote:
        address(text)
    return [text for text in texts if not is_remote(text)], remote


def is_remote(path: str) -> bool:
    """Tell whether a path that was given is an address in S3."""
    return path.startswith(_S3)


def address(url: str) -> tuple[str, str]:
    """Return the bucket and the key, or its beginning, of `s3://bucket/key`. Raises UsageError."""
    bucket, _, key = url.removeprefix(_S3).partition("/")  # no more: "?" and "#" may be in a key
    if not is_remote(url) or not bucket:
        raise UsageError(f"{_shown(url)} is not an address in S3", hint="they look like s3://bucket/key")
    return bucket, key


def suffix(file_extension: str) -> str:
    """Return what the names end in that have an extension, given with a dot or without. Raises UsageError."""
    bare = file_extension.removeprefix(".")
    if not bare:
        raise UsageError(f"{file_extension!r} is not a file extension", hint="they look like fq or .fastq.gz")
    return f".{bare}"


def local(
    paths: Sequence[StrPath],
    *,
    target_filename: str | None = None,
    file_extension: str | None = None,
    flatten: bool = False,
) -> list[Item]:
    """Return the files that are meant by `paths` on this machine, in the order of their names.

    A file has its own name, those in a directory have their paths below it. Links are followed. No file is opened.

    Parameters: `target_filename` is another name for the only path, which is a file. `file_extension` limits what is
        taken from directories; then there may be nothing else. `flatten` leaves directories out of names.
    Raises UsageError that tells everything that is wrong.
    """
    ending = suffix(file_extension) if file_extension is not None else ""
    texts = [os.fsdecode(path) for path in paths]
    problems: list[str] = []
    if target_filename is not None and len(texts) > 1:
        problems.append(f"{len(texts)} sources can't all be named {_shown(target_filename)}")
    found = (_found(path, target_filename, ending, flatten, problems) for path in texts)
    items = _unique(chain.from_iterable(found), problems)
    _refuse(problems)
    if not items and texts:
        what = f"file ending in {_shown(ending)}" if ending else "file"
        more = f" and {len(texts) - _SHOWN} more" if len(texts) > _SHOWN else ""
        raise UsageError(f"there is nothing to take: no {what} in {', '.join(map(_shown, texts[:_SHOWN]))}{more}")
    return items


def of_bucket(
    listed: Iterable[tuple[str, int]],
    prefix: str,
    *,
    target_filename: str | None = None,
    file_extension: str | None = None,
    flatten: bool = False,
    bucket: str,
) -> list[Item]:
    """Return the objects that are meant by `s3://<bucket>/<prefix>`, in the order of their names.

    If there is an object with the key `prefix` it is the only one; else those below `prefix/` are meant.

    Parameters: `listed` are keys and sizes of all objects whose keys begin with `prefix`. The other ones are those of
        `local`.
    Raises UsageError that tells everything that is wrong.
    """
    url = f"{_S3}{bucket}/{prefix}"
    ending = suffix(file_extension) if file_extension is not None else ""
    above = prefix if prefix.endswith("/") or not prefix else f"{prefix}/"
    problems: list[str] = []
    found: list[Item] = []
    for key, size in listed:
        if key == prefix and prefix != above:
            return [_one_object(url, size, target_filename, ending)]
        name = key.removeprefix(above)
        is_marker = key.endswith("/") and not size  # what consoles make for a "folder"
        if not key.startswith(above) or is_marker or not name.endswith(ending):
            continue
        # The whole name is checked even if its last segment would do: who made such a key has something in mind.
        if problem := _segment_problem(name):
            problems.append(f"{_shown(f'{_S3}{bucket}/{key}')} has a name that {problem}")
        else:
            found.append(Item(name.rpartition("/")[2] if flatten else name, f"{_S3}{bucket}/{key}", size, 0))
    if target_filename is not None and found:
        problems.append(f"{_shown(url)} is many objects, which {_shown(target_filename)} can't be the name of")
    items = _unique(_fitting(found, problems), problems)
    _refuse(problems)
    if not items:
        what = f"object ending in {_shown(ending)}" if ending else "object"
        raise UsageError(f"there is nothing to take: no {what} at {_shown(url)}")
    return items


def merged(*sources: Iterable[Item]) -> list[Item]:
    """Return the items of all `sources` in the order of their names. Raises UsageError if two have the same name."""
    problems: list[str] = []
    items = _unique(chain.from_iterable(sources), problems)
    _refuse(problems)
    return items


def _refuse(problems: list[str]) -> None:
    if problems:
        raise UsageError(several(problems, "not all of these files can be taken"))


def _found(path: str, renamed: str | None, ending: str, flatten: bool, problems: list[str]) -> Iterator[Item]:
    """Yield the files that are meant by one path that was given; what is wrong goes to `problems`."""
    try:
        known = os.stat(path)
    except OSError as error:
        problems.append(f"{_shown(path)} {_reason(path, error)}")
        return
    except ValueError:  # a path with a zero byte in it
        problems.append(f"{_shown(path)} can't be a path")
        return
    name = os.path.basename(path) if renamed is None else renamed
    if stat.S_ISDIR(known.st_mode):
        if renamed is None:
            yield from _fitting(_below(path, ending, flatten, problems), problems)
        else:
            problems.append(f"{_shown(path)} is a directory, which {_shown(renamed)} can't be the name of")
    elif ending:
        problems.append(f"{_shown(path)} is no directory, and an extension limits directories only")
    elif problem := _problem(path, known):
        problems.append(f"{_shown(path)} {problem}")
    elif problem := _segment_problem(name) or _encoding_problem(name):
        problems.append(f"{_shown(path)} can't be named {_shown(name)}, which {problem}")
    else:
        yield Item(name, path, known.st_size, known.st_mtime_ns)


def _below(root: str, ending: str, flatten: bool, problems: list[str]) -> Iterator[Item]:
    """Yield the files below `root` whose names end in `ending`; what is wrong goes to `problems`."""
    # Each directory comes with those that it is in: a link to one of them would go round for ever.
    waiting = [(root, "", _with_parents(root))]
    while waiting:
        folder, prefix, above = waiting.pop()
        try:
            with os.scandir(folder) as listed:
                entries = list(listed)
        except OSError as error:
            problems.append(f"{_shown(folder)} {_reason(folder, error)}")
            continue
        for entry in entries:
            try:
                is_folder = entry.is_dir()
                if not is_folder and not entry.name.endswith(ending):
                    continue
                # Windows tells no identity when it lists a directory.
                known = os.stat(entry.path) if is_folder else entry.stat()
            except OSError as error:
                problems.append(f"{_shown(entry.path)} {_reason(entry.path, error)}")
                continue
            if not is_folder:
                if problem := _problem(entry.path, known):
                    problems.append(f"{_shown(entry.path)} {problem}")
                else:
                    name = entry.name if flatten else prefix + entry.name
                    yield Item(name, entry.path, known.st_size, known.st_mtime_ns)
            elif _identity(known) in above:
                problems.append(f"{_shown(entry.path)} is a link to a directory that it is in")
            else:
                waiting.append((entry.path, f"{prefix}{entry.name}/", above | {_identity(known)}))


def _with_parents(folder: str) -> frozenset[_Identity]:
    """Return the identities of a directory and of those that it is in."""
    found: set[_Identity] = set()
    while True:
        try:
            here = _identity(os.stat(folder))
        except OSError:  # one may be in directories that one can't look at
            return frozenset(found)
        if here in found:  # the uppermost directory is in itself
            return frozenset(found)
        found.add(here)
        folder = os.path.join(folder, os.pardir)


def _identity(known: os.stat_result) -> _Identity:
    return known.st_dev, known.st_ino


def _problem(path: str, known: os.stat_result) -> str | None:
    """Return why what is at `path` can't be sent, None if it can."""
    if not stat.S_ISREG(known.st_mode):
        return "is neither a file nor a directory"
    if not os.access(path, os.R_OK):
        return "can't be read: permission denied"
    return None


def _reason(path: str, error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "is a link to nothing" if os.path.islink(path) else "does not exist"
    if error.errno == errno.ELOOP:
        return "is a link that leads back to itself"
    return f"can't be read: {(error.strerror or str(error)).lower()}"


def _one_object(url: str, size: int, renamed: str | None, ending: str) -> Item:
    """Return the only object that an address in S3 means. Raises UsageError."""
    name = url.rpartition("/")[2] if renamed is None else renamed
    if ending:
        raise UsageError(f"{_shown(url)} is one object, and an extension limits many")
    if problem := _segment_problem(name) or _encoding_problem(name):
        raise UsageError(f"{_shown(url)} can't be named {_shown(name)}, which {problem}")
    return Item(name, url, size, 0)


def _fitting(items: Iterable[Item], problems: list[str]) -> Iterator[Item]:
    """Yield the items whose names can be in an area; the others go to `problems`."""
    for item in items:
        if problem := _encoding_problem(item.name):
            problems.append(f"{_shown(item.path)} has a name that {problem}")
        else:
            yield item


def _segment_problem(name: str) -> str | None:
    """Return why a name from outside leads elsewhere or nowhere, None if it does not."""
    segments = name.split("/")
    if ".." in segments or "." in segments:
        return "has a segment '.' or '..'"
    if "" in segments:
        return "is empty, or has an empty segment"
    return "has a zero byte" if "\0" in name else None


def _encoding_problem(name: str) -> str | None:
    """Return why a name can't be in a key of S3, None if it can."""
    try:
        length = len(name) if name.isascii() else len(name.encode())
    except UnicodeEncodeError:
        return "is not UTF-8"
    return f"is longer than {LONGEST} bytes" if length > LONGEST else None


def _unique(items: Iterable[Item], problems: list[str]) -> list[Item]:
    """Return the items in the order of their names; what has the name of another file goes to `problems`.

    A file that was found twice under one name is one.
    """
    # By name only: to compare whole items costs ten times as much, and no two that stay have the same name.
    inorder = sorted(items, key=attrgetter("name"))
    if len({item.name for item in inorder}) == len(inorder):
        return inorder
    unique: list[Item] = []
    for name, group in groupby(inorder, key=attrgetter("name")):
        files = {_real(item.path): item for item in group}
        unique.append(next(iter(files.values())))
        if len(files) > 1:
            paths = [_shown(item.path) for item in files.values()]
            more = f" and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else ""
            problems.append(f"{_shown(name)} would be the name of {', '.join(paths[:_SHOWN])}{more}")
    return unique


def _real(path: str) -> str:
    return path if is_remote(path) else os.path.realpath(path)


def _shown(text: str) -> str:
    """Return a path or a name as a piece of a sentence, with nothing in it that moves a terminal."""
    return text if text.isprintable() and text else repr(text)
