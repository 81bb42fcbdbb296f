"""`dss://REPLICA/UUID[.VERSION]/NAME`: the files of bundles for pandas, dask, pyarrow, anndata, and all of fsspec."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar

from hca_core import versions
from hca_core.content import Promise
from hca_core.errors import NotFoundError, ServiceError
from hca_core.filesystem import Container, GivenBearer, RemoteFile, ServiceFileSystem
from hca_core.transfer import Service
from hca_dss import bundles
from hca_dss.files import IDENTIFIER
from hca_dss.source import FileSource

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hca_dss.client import DSSClient

REPLICAS = ("aws", "gcp")
_TOLD = ("uuid", "version", "content-type", "indexed", "sha1", "crc32c", "s3_etag")


class DSSFileSystem(ServiceFileSystem):
    """Bundles of the Data Storage System, for reading.

        pandas.read_csv("dss://aws/UUID/cells.csv", storage_options={"swagger_url": ...})

    Without a version a path means the latest one at the moment of its first use, and that one as long as this object
    lives, in other processes too.

    Parameters: `swagger_url` is the URL of the service's description, the configured one if None; the others are those
    of `ServiceFileSystem`.
    """

    protocol = "dss"
    no_listing: ClassVar[str] = "a replica may have millions of bundles"
    no_listing_hint: ClassVar[str | None] = "hca dss get-bundles-all --replica aws, or hca dss post-search"

    def tops(self) -> tuple[str, ...]:
        """Return the replicas."""
        return REPLICAS

    def client(self, name: str) -> DSSClient:
        """Return a new client. Raises ConfigError, TypeError for an unknown option."""
        from hca_dss.client import DSSClient

        made = DSSClient(config=self.config(), **self.settings)
        if self.token is not None:
            made.bearer = GivenBearer(made.need, self.token)
        return made

    def container(self, root: str) -> Container:
        """Return the bundle at REPLICA/UUID or REPLICA/UUID.VERSION. Raises NotFoundError, HCAError."""
        replica, _, fqid = root.partition("/")
        uuid, _, version = fqid.partition(".")
        if replica not in REPLICAS or not IDENTIFIER.fullmatch(uuid):
            raise NotFoundError("this is no bundle", hint="a path is dss://REPLICA/UUID.VERSION/NAME, on aws or gcp")
        name = f"{replica}/{uuid.lower()}"
        bundle = self._read(uuid, version or self.versions.get(name, ""), replica)
        if not version:
            self.versions.setdefault(name, bundle.version)
        listed = json.loads(bundle.manifest)["bundle"]["files"]
        files = {
            file.name: RemoteFile(
                (replica, file.uuid, file.version),
                Promise(file.size, file.sha256),
                _details(told),
                _moment(file.version),
                _moment(file.version),
            )
            for file, told in zip(bundle.files, listed, strict=True)
        }
        return Container(files, {"uuid": bundle.uuid, "version": bundle.version})

    def source(self, file: RemoteFile) -> FileSource:
        """Return where the bytes of a file come from."""
        replica, uuid, version = file.key
        return FileSource(Service("dss", client=self.process.clients("")), uuid, version, replica)

    def _read(self, uuid: str, version: str, replica: str) -> bundles.Bundle:
        try:
            return bundles.read(self.process.clients(""), uuid, version, replica)
        except ServiceError as error:
            if error.code == 400:  # what can't be a UUID or a version
                raise NotFoundError(error.message, error.hint) from error
            raise


def _details(told: Mapping[str, Any]) -> dict[str, Any]:
    return {name: told[name] for name in _TOLD if name in told}


def _moment(version: str) -> datetime | None:
    """Return the moment that a version tells, None for one of another form."""
    if not versions.is_valid(version):
        return None
    return datetime.strptime(version, "%Y-%m-%dT%H%M%S.%fZ").replace(tzinfo=UTC)
