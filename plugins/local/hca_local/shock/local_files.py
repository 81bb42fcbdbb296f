"""Files that are on this machine already, below the directory that the settings allow."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from hca_local.shock import nodes
from hca_local.shock.arriving import Arrived, new_name, sync_directory
from hca_local.shock.calls import ShockError
from hca_local.shock.source import Source

if TYPE_CHECKING:
    from sqlite3 import Connection

    from hca_local.shock.calls import Call
    from hca_local.shock.nodes import Doc
    from hca_local.shock.shock import Shock

KEEP, COPY, MOVE = ACTIONS = ("keep_file", "copy_file", "move_file")
_BLOCK = 1024 * 1024


async def source(call: Call, path: str, action: str | None) -> Source:
    """Return the source that the file at `path` is. Raises ShockError (400), OSError.

    Parameters: `action` says whether the node is to point to the file, or to have a copy of it, or to have it alone.
    """
    if action not in ACTIONS:
        raise ShockError(400, f"A path needs an action: {', '.join(ACTIONS)}.")
    found = _allowed(path, call.shock.settings.shock_paths)
    try:
        file, data = await call.shock.run(_taken, call.shock, found, action)
    except PermissionError as error:
        raise ShockError(400, "The file at this path can't be read by the server.") from error

    def edit(connection: Connection, doc: Doc) -> None:
        nodes.set_file(doc, found.name, file.size, file.md5)
        nodes.add_size_index(doc)
        doc["data"] = data
        doc["path"] = str(found) if action == KEEP else None

    done = (lambda: found.unlink(missing_ok=True)) if action == MOVE else None
    return Source(edit, (data,) if data else (), done)


def _allowed(path: str, allowed: str) -> Path:
    """Return the real place of a file, if it is below the directory `allowed`. Raises ShockError (400)."""
    refused = ShockError(400, f"file not in local files path: the server allows {allowed or 'none'}.")
    if not (allowed and os.path.isabs(path) and "\0" not in path):
        raise refused
    try:
        found = Path(path).resolve(strict=True)
        if not found.is_relative_to(Path(allowed).resolve()):
            raise refused
        if not stat.S_ISREG(found.stat().st_mode):
            raise ShockError(400, "The path does not lead to a plain file.")
    except (OSError, RuntimeError) as error:
        raise refused from error
    return found


def _taken(shock: Shock, path: Path, action: str) -> tuple[Arrived, str | None]:
    """Return what is known of a file, and the name of the data file made of it, in a thread. Raises OSError."""
    data = _linked(shock, path) if action == MOVE else None
    file = Arrived(shock.incoming, path.name)
    is_there = action == KEEP or data is not None
    try:
        with open(path, "rb", buffering=0) as stream:
            while block := stream.read(_BLOCK):
                if shock.is_over:
                    raise ShockError(503, "The server is being stopped.")
                if is_there:
                    file.count(block)
                else:
                    file.feed(block)
        file.finish()
        return file, data if is_there else file.keep(shock)
    except BaseException:
        shock.remove_files([data] if data else [])
        raise
    finally:
        file.close()


def _linked(shock: Shock, path: Path) -> str | None:
    """Return the name of a data file that is the file itself; None if it is on another disk. Raises OSError."""
    data = new_name()
    target = shock.path_of(data)
    target.parent.mkdir(exist_ok=True, mode=0o700)
    try:
        os.link(path, target)
    except OSError:
        return None
    descriptor = os.open(target, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    sync_directory(target.parent)
    return data
