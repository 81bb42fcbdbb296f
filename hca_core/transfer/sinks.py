"""Where the bytes of one file go while they arrive: hashed on the way, renamed into place when they are right."""

from __future__ import annotations

import errno
import os
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from hca_core import checksums
from hca_core.errors import HCAError, IntegrityError
from hca_core.transfer import parts, seal

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from hca_core.transfer.values import Transfer

# A directory where a file should be, a file where a directory should be, a name that this file system can't hold.
OF_THIS_PLACE = frozenset(
    getattr(errno, name)
    for name in ("EISDIR", "ENOTDIR", "EEXIST", "ENAMETOOLONG", "EILSEQ", "ELOOP", "EINVAL")
    if hasattr(errno, name)
) | ({errno.EACCES} if os.name == "nt" else set())  # a file that another program has open
SMALL = 1024 * 1024  # bytes up to which a file is held in memory until it is complete
BLOCK = 1024 * 1024


class PartError(IntegrityError):
    """What had come of a file is not there as it was left: no fault of where it came from."""


class Held:
    """A small file: held in memory, hashed and written in one go. What an interruption loses is less than SMALL."""

    def __init__(self, transfer: Transfer, listing: parts.Listing) -> None:
        self._transfer = transfer
        self._listing = listing
        self._pieces: list[bytes] = []
        self.got = 0

    def take(self, piece: bytes) -> None:
        """Take the next bytes."""
        self._pieces.append(piece)
        self.got += len(piece)

    def afresh(self) -> None:
        """Forget what was taken."""
        self._pieces, self.got = [], 0

    keep = drop = afresh  # what is in memory goes with the process

    def rest(self) -> None:
        """Do nothing: there is nothing that could be put down."""

    settle = rest

    def commit(self) -> None:
        """Check what was taken and put it into place. Raises HCAError, OSError."""
        transfer = self._transfer
        data = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        hasher = transfer.promise.hasher()
        hasher.update(data)
        transfer.promise.check(transfer.name, len(data), hasher.hexdigest())
        try:
            is_new = _make_folder(transfer.target)
            part = parts.new(transfer.target)
            try:
                _write(part, data, transfer.digest)
                _into_place(transfer, part, parts.Listing() if is_new else self._listing, is_new=is_new)
            except BaseException:
                parts.drop(part)
                raise
        except OSError as error:
            raise told(error, transfer.target) from None


class Kept:
    """A large file: a part beside its place, which survives the process and is taken up by the next one.

    It is open only while it is written to: thousands of files may wait for their service.
    """

    def __init__(self, transfer: Transfer, listing: parts.Listing) -> None:
        self._transfer = transfer
        self._listing = listing
        self._part = ""
        self._stream: Any = None
        self._written = 0  # bytes that are in the part
        self._hasher: Any = None
        self._hashing = ExitStack()
        self._hash: Callable[[bytes | memoryview], None] | None = None
        self._block: bytearray | None = None
        self._filled = 0
        self.got = 0

    def open(self, stopped: threading.Event) -> None:
        """Make the part, with what an earlier run left in it, and hash that.

        Raises HCAError, OSError, KeyboardInterrupt.
        """
        transfer = self._transfer
        try:
            _make_folder(transfer.target)
            self._part = parts.new(transfer.target)
            # What nobody can check must not be made of two runs' bytes.
            resumable = transfer.digest is not None
            with parts.opened(transfer.target, self._part, self._listing, take_up=resumable) as stream:
                self._hasher = transfer.promise.hasher()
                self._written = 0
                while block := stream.read(BLOCK):
                    self._hasher.update(block)
                    self._written += len(block)
                    if stopped.is_set():
                        raise KeyboardInterrupt
        except OSError as error:
            raise told(error, transfer.target) from None
        self.got = self._written
        self._begin_to_hash()

    def _begin_to_hash(self) -> None:
        """Hash here, or in a thread of its own where that takes longer than the disk and a good network do (MD5)."""
        left = (self._transfer.size or 0) - self.got
        if self._transfer.algorithm != "md5" or left < checksums.WORTH_A_THREAD:
            self._hash = self._hasher.update
        else:
            hand_over = self._hashing.enter_context(checksums.beside(self._hasher.update, alone=False))
            self._hash = lambda view: hand_over(bytes(view))

    def take(self, piece: bytes) -> None:
        """Take the next bytes. Raises HCAError, OSError."""
        if self._block is None:
            self._block = bytearray(BLOCK)
        length = len(piece)
        if self._filled + length > BLOCK:
            self.settle()
        # libcurl brings 16 KiB at a time; hashing and writing those one by one would take half as long again.
        self._block[self._filled : self._filled + length] = piece
        self._filled += length
        self.got += length

    def afresh(self) -> None:
        """Forget what was taken. Raises HCAError, OSError."""
        self._hashing.close()
        self._close()
        self._hasher = self._transfer.promise.hasher()
        self._filled = self.got = self._written = 0
        self._begin_to_hash()
        try:
            self._stream = parts.handle(self._part, os.O_CREAT | os.O_TRUNC)
        except OSError as error:
            raise told(error, self._transfer.target) from None

    def settle(self) -> None:
        """Write what is in memory, so that no more than a second of a slow transfer can be lost.

        Raises HCAError, OSError.
        """
        if not self._filled or self._block is None:
            return
        try:
            stream = self._stream or self._open_again()
            view = memoryview(self._block)[: self._filled]
            self._filled = 0
            assert self._hash is not None  # noqa: S101 - for the type checker
            self._hash(view)
            while view:
                done = stream.write(view)
                self._written += done
                view = view[done:]
        except OSError as error:
            raise told(error, self._transfer.target) from None

    def _open_again(self) -> Any:
        """Open the part once more. Raises IntegrityError if it is not as it was left, OSError."""
        try:
            self._stream = parts.handle(self._part)
        except FileNotFoundError:
            if not os.path.isdir(os.path.dirname(self._part) or "."):
                raise
            raise _removed(self._transfer) from None
        if self._stream.seek(0, os.SEEK_END) != self._written:
            raise PartError(f"{self._transfer.name}: another program wrote to its part")
        return self._stream

    def rest(self) -> None:
        """Put down what was taken, as nothing comes for a while. Raises HCAError, OSError."""
        self.settle()
        self._close()
        self._block = None

    def keep(self) -> None:
        """Close the part for a later run; one that could not be used is removed."""
        if not self._part:
            return
        try:
            self.settle()
        except (OSError, IntegrityError):
            pass  # a full disk, or a folder that is gone: that was told already, or does not matter any more
        self._hashing.close()
        self._close()
        if self._transfer.digest is None or parts.size(self._part) == 0:
            parts.drop(self._part)

    def drop(self) -> None:
        """Close and remove the part."""
        self._hashing.close()
        self._close()
        parts.drop(self._part)

    def commit(self) -> None:
        """Check what was taken and put it into place. Raises HCAError, OSError."""
        self.settle()
        self._hashing.close()
        transfer = self._transfer
        digest = self._hasher.hexdigest()
        transfer.promise.check(transfer.name, self.got, digest)
        try:
            self._close()
            if transfer.digest is not None:
                seal.put(self._part, self.got, digest)
            _into_place(transfer, self._part, self._listing)
        except OSError as error:
            raise told(error, transfer.target) from None

    def _close(self) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None


def _removed(transfer: Transfer) -> PartError:
    return PartError(f"{transfer.name}: its part was removed by another program")


def _make_folder(target: str) -> bool:
    """Make the folder of `target` if it is missing; tell whether it was. Raises OSError."""
    folder = os.path.dirname(target)
    if not folder:
        return False
    try:
        os.mkdir(folder)
    except FileExistsError:
        return False
    except FileNotFoundError:
        os.makedirs(folder, exist_ok=True)
    return True


def _write(path: str, data: bytes, digest: str | None) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]
    finally:
        os.close(descriptor)
    if digest is not None:
        seal.put(path, len(data), digest)


def _into_place(transfer: Transfer, part: str, listing: parts.Listing, *, is_new: bool = False) -> None:
    """Rename a part that was checked to its target, and drop all others. Raises OSError."""
    target = transfer.target
    try:
        # Another process may have been faster. Its file is kept: links to it may exist already.
        if is_new or not _is_finished(transfer):
            os.replace(part, target)
            part = ""
    except FileNotFoundError:
        # Another process finished the same file first and tidied up; what it left was checked as ours was.
        if not seal.is_complete(target, transfer.promise):
            if not os.path.isdir(os.path.dirname(target) or "."):
                raise
            raise _removed(transfer) from None
    if part:
        parts.drop(part)
    if not is_new:
        for other in listing.of(target):
            parts.drop(other)


def _is_finished(transfer: Transfer) -> bool:
    """Tell whether the target is there with its seal; one without is not read again, but replaced."""
    try:
        found = os.stat(transfer.target)
    except OSError:
        return False
    return transfer.digest is not None and seal.is_sealed(found, transfer.digest)


def told(error: OSError, target: str) -> OSError | HCAError:
    """Return an error that says where it happened: one of a write does not.

    What is the matter with this place only is no reason to end a run: an HCAError.
    """
    if error.errno in OF_THIS_PLACE:
        return HCAError(f"{error.filename or target}: {error.strerror}")
    if error.filename is None:
        error.filename = target
    return error
