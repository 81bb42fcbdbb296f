"""The file system: paths, listings, reading; a plugin adds where files and their bytes are."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from fsspec.utils import isfilelike  # noqa: TID253 - only who uses fsspec loads this module

from hca_core import workers
from hca_core.config import HCAConfig, get_config
from hca_core.errors import NotFoundError, UsageError
from hca_core.filesystem import fetching
from hca_core.filesystem.errors import IsFolderError, NoSignedURLError, told
from hca_core.filesystem.opened import ServiceFile
from hca_core.filesystem.process import Process
from hca_core.filesystem.read_only import ReadOnlyFileSystem
from hca_core.filesystem.reading import Content
from hca_core.filesystem.values import Container, RemoteFile, folder

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from hca_core.transfer import Source

_AT_ONCE = 16  # ranges that are read side by side
_SECRET = "token"  # noqa: S105 - the name of an option


class ServiceFileSystem(ReadOnlyFileSystem):
    """The files of a service, for reading, by paths `TOP/CONTAINER/NAME`.

    A plugin sets `protocol` and `no_listing`, and writes `tops`, `client`, `container` and `source`. Names are taken as
    they are written: nothing in a path is decoded.

    Parameters: `profile` is whose login is used, `token` a token that is used instead; it is never pickled. `versions`
    says which versions paths without one mean. `block_size` (bytes) and `cache_type` are fsspec's: how much is read at
    once, and what is kept of it. Fields of `hca_core.http.Policy` are keywords too (`tries=3`); what the plugin's
    `client` takes beside it is told there. May be used by several threads, and after a fork.
    """

    root_marker = ""
    no_listing: ClassVar[str] = "it may have too many entries"  # why the directory of all containers is not listed
    no_listing_hint: ClassVar[str | None] = None

    def __init__(
        self,
        *,
        profile: str | None = None,
        token: str | None = None,
        versions: Mapping[str, str] | None = None,
        block_size: int | None = None,
        cache_type: str = "readahead",
        **settings: Any,
    ) -> None:
        ours = {"skip_instance_cache", "use_listings_cache", "listings_expiry_time", "max_paths"}
        super().__init__(**{name: value for name, value in settings.items() if name in ours})
        self.block_size = block_size or self.blocksize
        self.cache_type = cache_type
        self.settings = {name: value for name, value in settings.items() if name not in {*ours, "asynchronous", "loop"}}
        self.profile, self.token = profile, token
        self.versions = dict(versions or {})  # the plugin adds what it finds, with names in lower case
        self._process = Process(self)

    # What a plugin writes

    def tops(self) -> Sequence[str]:
        """Return the first parts of paths."""
        raise NotImplementedError

    def check_top(self, top: str) -> None:
        """Raise NotFoundError for what can't be the first part of a path."""
        if top not in self.tops():
            raise NotFoundError(f"there is no {top!r}", hint=f"there is {', '.join(self.tops())}")

    def client(self, name: str) -> Any:
        """Return a new client for this process, for the top `name` where each has one of its own. Raises HCAError."""
        raise NotImplementedError

    def container(self, root: str) -> Container:
        """Return what is at the path `root`, which has two parts. Raises HCAError, NotFoundError."""
        raise NotImplementedError

    def source(self, file: RemoteFile) -> Source:
        """Return where the bytes of a file come from; one that has `piece` unless it knows no ranges."""
        raise NotImplementedError

    # What a plugin may use

    @property
    def process(self) -> Process:
        """What this process knows; after a fork nothing."""
        if self._process.number != os.getpid():
            self._process = Process(self)
        return self._process

    def config(self) -> HCAConfig:
        """Return the configuration, with the profile that was given."""
        if self.profile is None:
            return get_config()
        config = HCAConfig()
        config.assign("profile", self.profile)
        return config

    # What makes an equal file system elsewhere

    @property
    def storage_options(self) -> dict[str, Any]:
        """What this was made with, and the versions that were read since; never the token.

        It is what is pickled, so all processes that read for one program read the same.
        """
        return {**self._options, **({"versions": dict(self.versions)} if self.versions else {})}

    @storage_options.setter
    def storage_options(self, given: Mapping[str, Any]) -> None:
        self._options = {name: value for name, value in given.items() if name != _SECRET}

    # Looking

    def ls(self, path: str, detail: bool = True, **_: Any) -> list[Any]:
        """Return what is in a directory, or the file itself: dictionaries, or paths without `detail`.

        Raises FileMissingError, UsageError for a directory that may have millions of entries, HCAError.
        """
        path = self._strip_protocol(path)
        root, name = _split(path)
        if root:
            with told(path):
                found = self.process.containers(root).infos(root, name)
        elif not path:
            found = [folder(top) for top in self.tops()]
        else:
            self.info(path)
            raise UsageError(f"{self.protocol}://{path} is not listed: {self.no_listing}", hint=self.no_listing_hint)
        return found if detail else [one["name"] for one in found]

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        """Return name, size, type and all that the service tells of a path. Raises FileMissingError, HCAError."""
        path = self._strip_protocol(path)
        root, name = _split(path)
        if root:
            with told(path):
                return self.process.containers(root).info(root, name)
        if path:
            with told(path):
                self.check_top(path)
        return folder(path)

    def exists(self, path: str, **_: Any) -> bool:
        """Tell whether there is such a path. Raises HCAError if that can't be known now."""
        try:
            self.info(path)
        except FileNotFoundError:
            return False
        return True

    def isfile(self, path: str) -> bool:
        """Tell whether a path is a file. Raises HCAError if that can't be known now."""
        return self.exists(path) and self.info(path)["type"] == "file"

    def isdir(self, path: str) -> bool:
        """Tell whether a path is a directory. Raises HCAError if that can't be known now."""
        return self.exists(path) and self.info(path)["type"] == "directory"

    def created(self, path: str) -> datetime | None:
        """Return when a file was made, None if the service does not tell. Raises HCAError."""
        return self._file(path).created

    def modified(self, path: str) -> datetime | None:
        """Return when a file was changed last, None if the service does not tell. Raises HCAError."""
        return self._file(path).modified

    def ukey(self, path: str) -> str:
        """Return what tells the content of a file from all others: its digest if there is one. Raises HCAError."""
        file = self._file(path)
        return f"{file.promise.algorithm}:{file.promise.digest}" if file.promise.digest else ":".join(file.key)

    def checksum(self, path: str) -> int:
        """Return the digest of a file as a number. Raises HCAError, UsageError if the service tells none."""
        digest = self._file(path).promise.digest
        if digest is None:
            raise UsageError(f"the service tells no checksum of {path}")
        return int(digest, 16)

    def invalidate_cache(self, path: str | None = None) -> None:
        """Forget listings and versions, so that the latest version is looked up anew; those of `path` if given."""
        root = _split(self._strip_protocol(path))[0] if path is not None else ""
        self.process.containers.forget(lambda one: one == root or not root)
        for name in [one for one in self.versions if not root or f"{root}.".lower().startswith(f"{one}.")]:
            del self.versions[name]
        super().invalidate_cache(path)

    # Reading

    def _open(self, path: str, mode: str = "rb", block_size: Any = None, **settings: Any) -> ServiceFile:
        if mode != "rb":
            self.refuse()
        file = self._file(path)
        settings.setdefault("cache_type", self.cache_type)
        settings.pop("size", None)
        content = partial(self._content, path, file)
        return ServiceFile(self, path, mode, file, content, block_size=block_size or self.block_size, **settings)

    def cat_file(self, path: str, start: int | None = None, end: int | None = None, **_: Any) -> bytes:
        """Return the bytes of a file from `start` to before `end`, counted from the end if negative; all by default.

        All of a file is compared with its digest. Raises IntegrityError, FileMissingError, HCAError.
        """
        path = self._strip_protocol(path)
        file = self._file(path)
        begin, stop, _step = slice(start, end).indices(file.size)
        with told(path):
            content = self._content(path, file)
            return b"".join(content.whole()) if (begin, stop) == (0, file.size) else content.part(begin, stop)

    def cat_ranges(
        self, paths: list[str], starts: Any, ends: Any, max_gap: int | None = None, on_error: str = "return", **_: Any
    ) -> list[Any]:
        """Return many ranges of files, read side by side; with `on_error="return"` errors stand among them."""
        if max_gap is not None:
            raise NotImplementedError("ranges are not put together")
        starts, ends = ([one] * len(paths) if not isinstance(one, list) else one for one in (starts, ends))
        if not len(paths) == len(starts) == len(ends):
            raise UsageError(f"{len(paths)} paths, {len(starts)} starts and {len(ends)} ends do not belong together")

        def read(number: int) -> tuple[int, bytes | Exception]:
            try:
                return number, self.cat_file(paths[number], starts[number], ends[number])
            except Exception as error:
                if on_error != "return":
                    raise
                return number, error

        found = dict(workers.side_by_side(range(len(paths)), read, jobs=min(_AT_ONCE, max(len(paths), 1)), name="cat"))
        return [found[number] for number in range(len(paths))]

    def get_file(self, rpath: str, lpath: Any, callback: Any = None, outfile: Any = None, **_: Any) -> None:
        """Write a file of the service to the path `lpath`, or into that open file, verified by size and digest.

        An interrupted one goes on where it was; at `lpath` there is all of it or nothing new. Raises IntegrityError,
        FileMissingError, HCAError, OSError.
        """
        rpath = self._strip_protocol(rpath)
        target = outfile if outfile is not None else lpath
        if not isfilelike(target) and self.isdir(rpath):
            os.makedirs(target, exist_ok=True)
            return
        file = self._file(rpath)
        count = fetching.counted(callback, file.size)
        with told(rpath):
            if isfilelike(target):
                for block in self._content(rpath, file).whole():
                    target.write(block)
                    count(len(block))
            else:
                fetching.to_path(rpath, self.source(file), file.promise, os.fspath(target), count)

    def sign(self, path: str, expiration: int = 100, **_: Any) -> str:
        """Return a URL that anybody can read a file by for a while; the service says how long, not `expiration`.

        Raises NoSignedURLError if it gives none, HCAError.
        """
        path = self._strip_protocol(path)
        file = self._file(path)
        with told(path):
            url = self._content(path, file).signed()
        if url is None:
            raise NoSignedURLError(f"the service gives no signed URL of {path}")
        return url

    def _file(self, path: str) -> RemoteFile:
        """Return the file at a path. Raises FileMissingError, IsFolderError, HCAError."""
        path = self._strip_protocol(path)
        root, name = _split(path)
        if self.info(path)["type"] == "directory":
            raise IsFolderError(f"{path or self.protocol + '://'} is a directory", hint="name a file in it")
        return self.process.containers(root).files[name]

    def _content(self, path: str, file: RemoteFile) -> Content:
        look_up = self.process.look_ups(file.key)
        return Content(path, self.source(file), file.promise, look_up, knows_ranges=file.knows_ranges)


def _split(path: str) -> tuple[str, str]:
    """Return the path of the container, empty if `path` is above all containers, and the name in it."""
    top, _, rest = path.partition("/")
    container, _, name = rest.partition("/")
    return (f"{top}/{container}" if container else ""), name
