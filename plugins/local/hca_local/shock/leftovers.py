"""Removes what processes that were killed have left: half-arrived files, nodes of half an archive, files of none."""

from __future__ import annotations

import os
import shutil
from contextlib import closing
from typing import TYPE_CHECKING

from hca_local.shock import locks, nodes, parts, search, unpacking
from hca_local.store import database

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path
    from sqlite3 import Connection

    from hca_local.shock.nodes import Doc
    from hca_local.shock.shock import Shock


async def clean(shock: Shock) -> None:
    """Clean up before the first request. Raises OSError, sqlite3.Error."""
    await unpacking.remove(shock, search.unlisted(shock.records))
    await shock.writer.run(_unlock)
    await shock.run(_remove_files, shock)


def _unlock(connection: Connection) -> None:
    """Unlock the indexes that nobody builds any more; files are put together from the parts they still have."""
    rows = connection.execute("SELECT id FROM shock_nodes WHERE is_busy = 1").fetchall()
    for (id,) in rows:
        doc = nodes.existing(connection, id)
        for name in [*doc["indexes"]]:
            locks.unlock_index(doc, name)
        if _is_failed_assembly(doc):
            doc["file"]["locked"]["error"] = ""  # it is tried again
        nodes.save(connection, doc)


def _is_failed_assembly(doc: Doc) -> bool:
    return bool(doc["file"]["locked"]) and parts.is_waiting(doc) and parts.is_complete(doc)


def _remove_files(shock: Shock) -> None:
    for entry in _entries(shock.incoming):
        os.unlink(entry.path)
    with closing(database.connect(shock.store)) as connection:
        known = {name for (name,) in connection.execute("SELECT data FROM shock_nodes WHERE data IS NOT NULL")}
        for folder in _entries(shock.files):
            for entry in _entries(folder.path):
                if entry.name not in known:
                    os.unlink(entry.path)
        ids = {id for (id,) in connection.execute("SELECT id FROM shock_nodes")}
    folders = [*_entries(shock.parts)]
    for folder in _entries(shock.indexes):
        folders += _entries(folder.path)
    for folder in folders:
        if folder.name not in ids:
            shutil.rmtree(folder.path, ignore_errors=True)


def _entries(directory: Path | str) -> Iterable[os.DirEntry[str]]:
    with os.scandir(directory) as found:
        return [*found]
