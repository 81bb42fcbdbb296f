"""Downloads once more of what failed, from the file of failures that a run left."""

from __future__ import annotations

import os
from itertools import chain, starmap
from typing import TYPE_CHECKING, Any

from hca_core import names
from hca_core.errors import HCAError, UsageError, one_line
from hca_core.transfer import failures
from hca_core.transfer.report import Missing
from hca_dss.collection import bundles_in
from hca_dss.download import Asked, ByRow, of_bundles
from hca_dss.files import IDENTIFIER, SHA256, is_size
from hca_dss.manifest import Row

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from hca_core.transfer import Transfer
    from hca_core.transfer.report import Report
    from hca_dss.run import Download

_FILE, _ROW, _BUNDLE, _COLLECTION, _LOST = "file", "row", "bundle", "collection", "lost"


def replica_of(path: str) -> str:
    """Return the replica of what is in the file of failures at `path`. Raises UsageError if it is none of ours."""
    replica = ""
    for number, told in enumerate(failures.rows(path), 1):
        if _is_lost(told):
            continue
        if told.get("service") != "dss" or told.get("replica") not in ("aws", "gcp"):
            raise UsageError(f"{path}, line {number}: this is no failure of a download from the DSS")
        if replica not in ("", told["replica"]):
            raise UsageError(f"{path}, line {number}: it has failures of two replicas; a download has one")
        replica = told["replica"]
    if not replica:
        raise UsageError(f"there are no failures in {path} that can be asked for again")
    return replica


def run(download: Download, path: str) -> Report:
    """Fetch what failed; nothing is sent before the whole file has been read. Raises UsageError."""
    for _ in _read(download, path):
        pass
    return download.run(_Failed(download, path))


class _Failed:
    """What failed; each iteration reads the file again."""

    def __init__(self, download: Download, path: str) -> None:
        self._download = download
        self._path = path

    def __iter__(self) -> Iterator[Transfer | Missing]:
        def read(kind: str) -> Iterator[Any]:
            return (one[1:] for one in _read(self._download, self._path) if one[0] == kind)

        return chain(
            starmap(self._download.transfer, read(_FILE)),
            ByRow(self._download, lambda: (row for (row,) in read(_ROW))),
            of_bundles(self._download, (asked for (asked,) in read(_BUNDLE))),
            of_bundles(self._download, bundles_in(self._download, [item for (item,) in read(_COLLECTION)])),
            (Missing(name, HCAError("it can't be asked for again")) for (name,) in read(_LOST)),
        )


def _read(download: Download, path: str) -> Iterator[tuple[Any, ...]]:
    """Yield what failed: (_FILE, row, link), (_ROW, row) of a file whose version is to be found, (_BUNDLE, asked),
    (_COLLECTION, item), and (_LOST, name) of what can't be asked for again.

    Raises UsageError.
    """
    for line, told in enumerate(failures.rows(path), 1):
        try:
            if _is_lost(told):
                yield _LOST, told["name"]
            elif "collection" in told:
                yield _COLLECTION, _collection(told)
            elif "named" in told:
                yield _BUNDLE, _asked(told)
            elif told["version"]:
                yield _FILE, _row(line, told), _link(told, download.report.directory)
            else:
                yield _ROW, _row(line, told)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            why = error.args[0] if isinstance(error, ValueError) else "it does not tell what failed"
            raise UsageError(f"{path}, line {line}: {why}") from error


def _is_lost(told: Mapping[str, Any]) -> bool:
    return told.keys() == {"name"}


def _collection(told: Mapping[str, Any]) -> dict[str, str]:
    uuid, version = told["collection"], told["version"]
    if not isinstance(uuid, str) or not isinstance(version, str):
        raise ValueError("this is no collection")
    return {"type": "collection", "uuid": uuid, "version": version}


def _asked(told: Mapping[str, Any]) -> Asked:
    named = told["named"]
    if named is not None:
        named = {str(name): str(sha256) for name, sha256 in named.items()}
    if not IDENTIFIER.fullmatch(told["uuid"]) or (told["version"] and not IDENTIFIER.fullmatch(told["version"])):
        raise ValueError("this is no identifier of a bundle")
    return Asked(told["uuid"], told["version"], named, bool(told["no_metadata"]), bool(told["no_data"]))


def _row(line: int, told: Mapping[str, Any]) -> Row:
    uuid, version, sha256, size = (told[name] for name in ("uuid", "version", "sha256", "size"))
    bundle: tuple[str, str] = ("", "") if version else (told["bundle_uuid"], told["bundle_version"])
    identifiers = (uuid, *([version] if version else bundle))
    if not all(map(IDENTIFIER.fullmatch, identifiers)) or not SHA256.fullmatch(sha256) or not is_size(size):
        raise ValueError("this is no file of the DSS")
    return Row(
        line, *bundle, one_line(str(told.get("name") or f"{uuid}.{version}")), uuid, version, sha256.lower(), size
    )


def _link(told: Mapping[str, Any], directory: str) -> str:
    link = str(told.get("link") or "")
    if link and names.problem(os.path.relpath(link, directory or ".").replace(os.sep, "/")):
        raise ValueError(f"{link!r} is not below the download directory; name the one of that run")
    return link
