"""API descriptions: the packaged one, the live one of a service, and the cache of live ones."""

from __future__ import annotations

import binascii
import json
import os
import time
from typing import TYPE_CHECKING, Any

from hca_core import files, log, openapi, paths
from hca_core.errors import HCAError, PluginError, ServiceError, UsageError

if TYPE_CHECKING:
    from hca_core.http import Session

FRESH_SECONDS = 7 * 24 * 3600
HINT = "check the URL of the service: hca config list --show-origin"


def packaged(path: str) -> dict[str, Any]:
    """Return the description that a plugin ships as the JSON file `path`. Raises PluginError if it is none."""
    try:
        with open(path, encoding="utf-8") as stream:
            document: dict[str, Any] = json.load(stream)
    except json.JSONDecodeError as error:
        where = f"{path}, line {error.lineno}, column {error.colno}"
        raise PluginError(
            f"{where}: not JSON ({error.msg})", hint="mend the file, or install the plugin anew"
        ) from error
    return document


def cached(url: str) -> dict[str, Any] | None:
    """Return the cached live description of `url`, however old, or None; asks nobody."""
    entry = _read(url)
    return entry["document"] if entry else None


def fetched(url: str) -> float | None:
    """Return when the cached description of `url` was fetched (seconds since 1970), or None if there is none."""
    entry = _read(url)
    return float(entry["fetched"]) if entry else None


def live(url: str, session: Session, *, refresh: bool = False) -> dict[str, Any]:
    """Return the description that the service serves at `url`, from the cache while that is fresh.

    A stale one is asked for anew with its ETag; if the service gives no new one then, the stale one serves.
    With `refresh` the service is asked in any case. Raises HCAError.
    """
    entry = _read(url)
    if entry and not refresh and 0 <= time.time() - entry["fetched"] < FRESH_SECONDS:
        return dict(entry["document"])
    headers = {"If-None-Match": entry["etag"]} if entry and entry.get("etag") and not refresh else {}
    try:
        response = session.request("GET", url, headers=headers)
        if response.status_code == 304 and entry:
            _write(url, {**entry, "fetched": time.time()})
            return dict(entry["document"])
        document = _checked(response.content, url)
    except UsageError:
        raise
    except HCAError as error:
        if isinstance(error, ServiceError):
            error.hint = HINT
        if entry and not refresh:
            log.logger().warning("%s; using the description of %s days ago", error.message, _days(entry))
            return dict(entry["document"])
        raise
    _write(url, {"url": url, "etag": response.headers.get("ETag"), "fetched": time.time(), "document": document})
    return document


def clear(url: str | None = None) -> None:
    """Drop the cached description of `url`, or all of them. Raises OSError if one can't be dropped."""
    folder = _folder()
    names = [os.path.basename(_path(url))] if url else os.listdir(folder) if os.path.isdir(folder) else []
    for name in names:
        try:
            os.unlink(os.path.join(folder, name))
        except FileNotFoundError:
            pass


def _checked(body: bytes, url: str) -> dict[str, Any]:
    """Return the description in `body`, which can be used: what can't is not kept. Raises HCAError."""
    try:
        document = json.loads(body)
    except ValueError:
        document = None
    try:
        openapi.parse(document, url).check()
    except HCAError as error:
        error.hint = HINT
        raise
    return dict(document)


def _folder() -> str:
    return os.path.join(paths.cache_dir(), "api")


def _path(url: str) -> str:
    # A short name is enough: an entry says which URL it is for, and one of another URL counts as none.
    return os.path.join(_folder(), f"{binascii.crc32(url.encode()):08x}.json")


def _days(entry: dict[str, Any]) -> int:
    return int((time.time() - entry["fetched"]) // 86400)


def _read(url: str) -> dict[str, Any] | None:
    try:
        with open(_path(url), encoding="utf-8") as stream:
            entry = json.load(stream)
    except (OSError, ValueError):
        return None
    usable = isinstance(entry, dict) and entry.get("url") == url and isinstance(entry.get("document"), dict)
    return entry if usable and isinstance(entry.get("fetched"), (int, float)) else None


def _write(url: str, entry: dict[str, Any]) -> None:
    try:
        os.makedirs(_folder(), mode=0o700, exist_ok=True)
        files.write_atomic(_path(url), json.dumps(entry).encode())
    except OSError as error:
        log.logger().debug("the description of %s can't be cached: %s", url, error)
