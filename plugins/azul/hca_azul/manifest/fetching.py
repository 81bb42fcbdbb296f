"""The bytes of a manifest: fetched, gone on with where they break off, by a new link if one has ended."""

from __future__ import annotations

import hashlib
import os
import re
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote

from hca_azul.errors import AzulApiError, AzulUnavailableError
from hca_core import content, files, names
from hca_core.errors import IntegrityError, ServiceError
from hca_core.transfer import range_from

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import IO

    from requests import Response

    from hca_azul.manifest.manifest import Manifest

# What storage answers for a link that has ended, and for a manifest that is gone (contract §7, §8).
_ENDED = frozenset({400, 401, 403, 404, 410})
_TOO_FAR = 416  # there are fewer bytes
_MOST_RESTARTS = 3
_AS_IT_IS = {"Accept-Encoding": "identity"}
# `filename*` of RFC 6266 tells all characters, `filename` those that a header can hold. Azul writes the latter, quoted;
# without quotes it may be encoded as in a URL, or have blanks.
_NAMED = (
    re.compile(r"filename\*\s*=\s*utf-8'[^']*'([^;\s]+)", re.IGNORECASE),
    re.compile(r'filename\s*=\s*"((?:[^"\\]|\\.)*)"', re.IGNORECASE),
    re.compile(r"filename\s*=\s*([^;\"]+)", re.IGNORECASE),
)
_NOT_IN_NAMES = re.compile(r'[<>:"|?*]')


class Fetched(NamedTuple):
    """What was written: `size` in bytes, `sha256` in hex."""

    size: int
    sha256: str


class Saved(NamedTuple):
    """A manifest in a file: where, its `size` in bytes, its `sha256` in hex."""

    path: str
    size: int
    sha256: str


class _ChangedError(Exception):
    """What is fetched now is not what was begun with."""


class Content:
    """A manifest that is open; `name` is what the service calls the file, "" if it does not. Close it.

    Raises AzulUnavailableError if storage refuses new links too, NetworkError.
    """

    def __init__(self, manifest: Manifest) -> None:
        self._manifest = manifest
        self._storage = manifest.jobs.service.storage
        self._tag = ""
        self._first: Response | None = self._opened(0)
        self.size = _whole_size(self._first)
        self.name = _name_in(self._first.headers.get("Content-Disposition", ""))

    def write_to(self, stream: IO[bytes], told: Callable[[int], None] = lambda count: None) -> Fetched:
        """Write all of it to a seekable `stream`; `told` hears how many bytes have come.

        Raises IntegrityError if it changes again and again, AzulUnavailableError, NetworkError, OSError.
        """
        for _ in range(_MOST_RESTARTS):
            try:
                return self._write(stream, told)
            except _ChangedError:
                stream.seek(0)
                stream.truncate()
                self._tag = ""
                self._first = self._opened(0)
                self.size = _whole_size(self._first)
        raise IntegrityError("the manifest changes while it is fetched", hint="try again later")

    def save(self, path: files.StrPath, told: Callable[[int], None] = lambda count: None) -> Saved:
        """Write all of it to a file, which is there as a whole or not at all; one that is there is replaced.

        Parameters and errors: see `write_to`.
        """
        with files.replacing(path, 0o666) as stream:
            fetched = self.write_to(stream, told)
        return Saved(os.fspath(path), *fetched)

    def close(self) -> None:
        """Close the connection."""
        if self._first is not None:
            self._first.close()

    def _write(self, stream: IO[bytes], told: Callable[[int], None]) -> Fetched:
        digest = hashlib.sha256()
        offset, ended_at = 0, -1
        while True:
            first, self._first = self._first or self._opened(offset), None
            quota = content.Quota(self._storage.policy.tries, self._storage.policy.first_wait)
            try:
                for block in content.blocks(self._open_at, offset, self.size, quota, self._storage.stopped, first):
                    stream.write(block)
                    digest.update(block)
                    offset += len(block)
                    told(len(block))
                return Fetched(offset, digest.hexdigest())
            except ServiceError as error:
                # A link that ends ever and again at the same place will not get further.
                if error.code not in _ENDED or ended_at == offset:
                    raise _refused(error) from error
                ended_at = offset

    def _opened(self, offset: int) -> Response:
        """Return an answer for what is behind `offset`; the manifest is ordered once more if the link has ended."""
        renewed = self._manifest.has_ended
        if renewed:
            self._manifest.renew()
        while True:
            try:
                return self._open_at(offset)
            except ServiceError as error:
                if error.code not in _ENDED or renewed:
                    raise _refused(error) from error
            self._manifest.renew()
            renewed = True

    def _open_at(self, offset: int) -> Response:
        headers = {**_AS_IT_IS, **range_from(offset)}
        try:
            response = self._storage.request("GET", self._manifest.url, headers=headers, stream=True)
        except ServiceError as error:
            if error.code == _TOO_FAR and offset:
                raise _ChangedError from error
            raise
        tag = response.headers.get("ETag", "")
        if offset and (not tag or tag != self._tag):  # two halves of one list, or of two: that must be certain
            response.close()
            raise _ChangedError
        self._tag = tag
        return response


def _refused(error: ServiceError) -> AzulApiError:
    """Return what an error of storage means, without the address: that is a credential."""
    told = f"the manifest can't be fetched: its storage answered {error.code} ({error.response.reason})"
    if error.code in _ENDED or error.code >= 500 or error.code == 429:
        return AzulUnavailableError(told, error.code, error.reason, "try again later")
    return AzulApiError(told, error.code, error.reason, "hca azul get-health")


def _whole_size(response: Response) -> int | None:
    told = response.headers.get("Content-Length", "")
    return int(told) if told.isdigit() else None


def _name_in(disposition: str) -> str:
    """Return the name of a file that a header tells, as one that any system can hold; "" if there is none."""
    for pattern in _NAMED:
        if match := pattern.search(disposition):
            is_quoted = pattern is _NAMED[1]
            told: Any = re.sub(r"\\(.)", r"\1", match[1]) if is_quoted else unquote(match[1])
            name = _NOT_IN_NAMES.sub("_", told.replace("\\", "/").rpartition("/")[2]).strip(" .")
            return name if names.problem(name) is None else ""
    return ""
