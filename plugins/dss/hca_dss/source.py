"""Where the bytes of a file of the DSS come from: a signed address, if there is one, else a look-up at the service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from hca_core.errors import HCAError
from hca_core.transfer import Request, range_from

if TYPE_CHECKING:
    from hca_core.transfer import Service


class FileSource(NamedTuple):
    """A version of a file on a replica; a tuple, because there may be a million of them.

    `signed` is an address that needs no login and expires: a credential, so it is neither shown nor pickled.
    """

    service: Service
    uuid: str
    version: str
    replica: str
    signed: str = ""

    @property
    def requests_each(self) -> int:
        """How many requests it takes to fetch the file."""
        return 1 if self.signed else 2

    def request(self, offset: int, *, anew: bool = False) -> Request:
        """Return the request for the bytes from `offset` on. Raises HCAError."""
        return self._asking(offset, None, "" if anew else self.signed)

    def piece(self, offset: int, length: int) -> Request:
        """Return the request for `length` bytes from `offset` on. Raises HCAError."""
        return self._asking(offset, length, self.signed)

    def _asking(self, offset: int, length: int | None, signed: str) -> Request:
        client = self.service.client
        if signed:
            headers = {"Accept-Encoding": "identity", **range_from(offset, length)}
            return Request(signed, client.session, headers)
        found: Request = client.file_request(self.uuid, self.version, self.replica, offset, length)
        return found

    def direct(self) -> str:
        """Return the address of the file in its cloud, such as s3://bucket/key. Raises HCAError."""
        arguments = {"uuid": self.uuid, "version": self.version, "replica": self.replica}
        with self.service.client.get_file.stream(**arguments, directurl=True) as response:
            address = str(response.headers.get("Location", ""))
        if not address.startswith(("s3://", "gs://")):
            raise HCAError(f"the service tells no address in a cloud for file {self.uuid}.{self.version}")
        return address

    def row(self) -> dict[str, Any]:
        """Return what a later run needs to ask for the file again."""
        return {"service": "dss", "uuid": self.uuid, "version": self.version, "replica": self.replica}

    def __repr__(self) -> str:
        return f"FileSource({self.uuid}.{self.version}, {self.replica})"

    def __reduce__(self) -> tuple[Any, ...]:
        return FileSource, tuple(self)[:-1]
