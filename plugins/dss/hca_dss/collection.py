"""Collections: which bundles are in one, and in the collections in it."""

from __future__ import annotations

from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any

from hca_core.errors import HCAError, one_line
from hca_core.transfer.report import Missing
from hca_dss.download import Asked, of_bundles
from hca_dss.files import IDENTIFIER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hca_core.transfer.report import Report
    from hca_dss.run import Download


def of_collection(run: Download, uuid: str, version: str | None) -> Report:
    """Download every bundle of a collection and of the collections in it."""
    return run.run(of_bundles(run, bundles_in(run, run.in_time(lambda: _contents(run, uuid, version)))), dealt_out=True)


def bundles_in(run: Download, contents: list[Any]) -> Iterator[Asked | Missing]:
    """Yield the bundles among the items of a collection, and those in collections among them, each once."""
    waiting = deque(contents)
    seen: set[tuple[str, str, str]] = set()
    while waiting:
        kind, uuid, version = key = _item(waiting.popleft())
        if key in seen:
            continue
        seen.add(key)
        name = one_line(f"{uuid}.{version}")
        if kind == "collection":
            try:
                waiting.extend(run.in_time(partial(_contents, run, uuid, version)))
            except HCAError as error:
                row = {"service": "dss", "replica": run.replica, "collection": uuid, "version": version}
                yield Missing(name, error, row)
        elif not run.has(f"{uuid}.{version}"):
            continue
        elif kind != "bundle":
            yield Missing(name, HCAError(f"items of type {kind[:60]!r} are not downloaded"))
        elif not IDENTIFIER.fullmatch(uuid) or (version and not IDENTIFIER.fullmatch(version)):
            yield Missing(name, HCAError("this is no identifier of a bundle"))
        else:
            yield Asked(uuid, version)


def _contents(run: Download, uuid: str, version: str | None) -> list[Any]:
    """Return the items of a collection. Raises HCAError."""
    content = run.client.get_collection(uuid=uuid, version=version, replica=run.replica)
    # The published description wraps the document; the service does not. Both are read.
    document = content.get("collection", content) if isinstance(content, dict) else None
    contents = document.get("contents") if isinstance(document, dict) else None
    if not isinstance(contents, list):
        raise HCAError(f"the service's answer for collection {uuid} has no 'contents' in it")
    return contents


def _item(item: Any) -> tuple[str, str, str]:
    """Return type, uuid and version of a collection's item, each empty where the item does not tell it."""
    told = item if isinstance(item, dict) else {}
    return str(told.get("type", "")), str(told.get("uuid", "")), str(told.get("version", ""))
