"""`azul://UUID`: files of the Human Cell Atlas for pandas, dask, pyarrow, anndata, and all of fsspec."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import parse_qsl

from hca_azul.download.run import Choice
from hca_azul.download.sources import KINDS, FileKey, FileSource, source_of
from hca_azul.resolve import finding, identifiers
from hca_azul.rows import Row
from hca_core.content import Promise
from hca_core.errors import NotFoundError
from hca_core.filesystem import Container, RemoteFile, ServiceFileSystem
from hca_core.transfer import Service

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hca_azul.client import AzulClient

FILES, DIGESTS = "files", "sha256"
# fsspec takes a question mark for a pattern, so a version stands behind a dot in the paths that it sees.
_SHORT = re.compile(rf"(?P<uuid>{identifiers.UUID.pattern})(?:\?(?P<query>[^/]*))?(?P<rest>/.*)?")
_FILE = re.compile(rf"(?P<uuid>{identifiers.UUID.pattern})(?:\.(?P<version>[^/]+))?")
_FORM = "a path is azul://UUID, azul://UUID?version=VERSION or azul://sha256/HEX, with /NAME behind it or without"


class AzulFileSystem(ServiceFileSystem):
    """Files of the Human Cell Atlas, for reading.

        pandas.read_csv("azul://UUID/cells.csv.gz")

    A path is `azul://UUID`, `azul://UUID?version=VERSION` or `azul://sha256/HEX`; the name of the file may stand behind
    it, `/NAME`, for libraries that look at the end of a path. Bytes come from the open-data mirror if it has them.
    Without a version a path means the newest one at the moment of its first use, and that one as long as this object
    lives, in other processes too.

    Parameters: `source` is where bytes come from, in this order, as of `hca azul download --source`: "azul,drs" for
    what the mirror has wrong. `url` and `catalog` are those of `AzulClient`; the others are those of
    `ServiceFileSystem`. Raises UsageError for a source that there is not.
    """

    protocol = "azul"
    no_listing: ClassVar[str] = "there are millions of files"
    no_listing_hint: ClassVar[str | None] = "hca azul get-files, with filters"

    def __init__(self, *, source: str = ",".join(KINDS), **settings: Any) -> None:
        super().__init__(**settings)
        self.kinds = tuple(word.strip() for word in source.split(","))
        Choice(sources=self.kinds).check()

    @classmethod
    def _strip_protocol(cls, path: Any) -> Any:
        """Return a path as this class sees it: below `files` or `sha256`, a version behind a dot."""
        found = super()._strip_protocol(path)
        match = _SHORT.fullmatch(found) if isinstance(found, str) else None
        if match is None:
            return found
        version = dict(parse_qsl(match["query"] or "")).get("version", "")
        return f"{FILES}/{match['uuid']}{f'.{version}' if version else ''}{match['rest'] or ''}"

    def tops(self) -> tuple[str, ...]:
        """Return what files are named by: their UUID or their sha256."""
        return (FILES, DIGESTS)

    def client(self, name: str) -> AzulClient:
        """Return a new client. Raises ConfigError, TypeError for an unknown option."""
        from hca_azul.client import AzulClient

        return AzulClient(config=self.config(), token=self.token, **self.settings)

    def container(self, root: str) -> Container:
        """Return the file at files/UUID[.VERSION] or sha256/HEX. Raises NotFoundError, HCAError."""
        top, _, name = root.partition("/")
        if top == DIGESTS and identifiers.SHA256.fullmatch(name):
            row = finding.by_digest(self.process.clients("").service, name.lower())
        elif top == FILES and (match := _FILE.fullmatch(name)):
            row = self._by_uuid(match["uuid"].lower(), match["version"] or "")
        else:
            raise NotFoundError(f"{root} can't be a file", hint=_FORM)
        file = self._file_of(row)
        names = {"": file, row.name.rpartition("/")[2]: file}
        return Container(names, {"uuid": row.uuid, "version": row.version})

    def source(self, file: RemoteFile) -> FileSource:
        """Return where the bytes of a file come from."""
        return FileSource(self._service(), FileKey(*file.key[1:]), tuple(file.key[0].split(",")))

    def _by_uuid(self, uuid: str, version: str) -> Row:
        name = f"{FILES}/{uuid}"
        row = finding.by_uuid(self.process.clients("").service, uuid, version or self.versions.get(name, ""))
        if not version:
            self.versions.setdefault(name, row.version)
        return row

    def _file_of(self, row: Row) -> RemoteFile:
        """Return a file, whose bytes come from the first place that has them. Raises NotFoundError if there is none."""
        found = source_of(self._service(), row, self.kinds)
        if found is None or row.size is None:
            raise NotFoundError(f"file {row.uuid or row.sha256} has no bytes that somebody could read")
        kinds = finding.there(self.process.clients("").service, row, found.kinds)
        moment = _moment(row.version)
        return RemoteFile(
            (",".join(kinds), *found.file), Promise(row.size, row.sha256 or None), _details(row), moment, moment
        )

    def _service(self) -> Service:
        return Service(self.protocol, client=self.process.clients(""))


def _details(row: Row) -> Mapping[str, Any]:
    told = {"uuid": row.uuid, "version": row.version, "format": row.format, "file_name": row.name}
    return {name: value for name, value in told.items() if value}


def _moment(version: str) -> datetime | None:
    """Return the moment that a version tells, None for one of another form."""
    try:
        return datetime.strptime(version, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
    except ValueError:
        return None
