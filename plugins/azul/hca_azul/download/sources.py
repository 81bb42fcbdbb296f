"""Where the bytes of a file come from: the open-data mirror, else Azul, else the repository (contract §17.3)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qsl, quote, urlsplit

from hca_azul.errors import AzulNotFoundError, AzulUnavailableError, told
from hca_core import log
from hca_core.errors import HCAError, IntegrityError, NotFoundError
from hca_core.transfer import Request, Service, range_from

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hca_azul.rows import Row
    from hca_azul.service import AzulService
    from hca_core.errors import ServiceError

KINDS = ("mirror", "azul", "drs")
PLACES = {"mirror": "the mirror", "azul": "Azul", "drs": "the repository"}
_TODAY = "azul today"  # Azul once more, in today's catalog: old ones disappear (contract §0.16)
# The services decode `.gz` files for who allows it, and size and digest would be those of something else (contract §8).
_AS_IT_IS = {"Accept-Encoding": "identity"}
_MOST_TOLD = 3  # files with wrong bytes in one run; the end of the run tells how many there are
_MIRROR_URI = re.compile(r"s3://([A-Za-z0-9][A-Za-z0-9.-]{1,61}[A-Za-z0-9])/([!-~]+)")


class FileKey(NamedTuple):
    """What a file is known by; "" for what is not told.

    `azul_url` is its address at Azul, in the catalog that it was found in; `place` its path below the download
    directory, "" for one in the store only.
    """

    uuid: str
    version: str = ""
    sha256: str = ""
    mirror_uri: str = ""
    azul_url: str = ""
    drs_uri: str = ""
    name: str = ""
    place: str = ""


class FileSource(NamedTuple):
    """The bytes of one file from the first of `kinds`; the others are asked in their order if that fails.

    A tuple, because there may be a million of them. No credential is in it.
    """

    service: Service
    file: FileKey
    kinds: tuple[str, ...]

    @property
    def origin(self) -> str:
        """Which of `KINDS` it is."""
        return "azul" if self._is_azul else self.kinds[0]

    @property
    def requests_each(self) -> int:
        """How many requests the service gets for the file; storage, mirror and repository don't count them."""
        return int(self._is_azul)

    def turn(self) -> float:
        """Return for how many seconds the file must wait until the service may be asked for it."""
        if not self._is_azul:
            return 0.0
        wait: float = self._azul.pacing.wait_for(self.file[:2])
        return wait

    def request(self, offset: int, *, anew: bool = False) -> Request:
        """Return the request for the bytes from `offset` on. Raises HCAError."""
        headers = {**_AS_IT_IS, **range_from(offset)}
        if self.kinds[0] == "mirror":
            if anew:  # it needs no login: what it refuses is not there (contract §0.15)
                raise NotFoundError(f"the mirror does not have {self.file.sha256}")
            return self._mirrored(headers)
        if self._is_azul:
            azul = self._azul
            return Request(self._address(), azul.session, headers, azul.carries_token())
        return self._signed(headers, anew=anew)

    def piece(self, offset: int, length: int) -> Request:
        """Return the request for `length` bytes from `offset` on, from storage itself. Raises HCAError."""
        headers = {**_AS_IT_IS, **range_from(offset, length)}
        return self._mirrored(headers) if self.kinds[0] == "mirror" else self._signed(headers)

    def elsewhere(self, error: HCAError) -> FileSource | None:
        """Return where else the file may be; None after the last place."""
        rest = self.kinds[1:]
        if rest[:1] == (_TODAY,) and not (isinstance(error, NotFoundError) and self._is_of_another_catalog()):
            rest = rest[1:]  # it is the same service, which has other troubles than its catalogs
        if not rest:
            return None
        other = self._replace(kinds=rest)
        # Nobody looks at the mirror's digests but us.
        if isinstance(error, IntegrityError) and next(self._azul.wrong_bytes) < _MOST_TOLD:
            text = "%s has other bytes than promised (%s); asking %s"
            log.logger().warning(text, PLACES[self.origin], error, PLACES[other.origin])
        else:
            log.logger("hca.azul").debug("%s: %s; asking %s", self.file.name or self.file.uuid, error, rest[0])
        return other

    def error(self, error: ServiceError) -> HCAError:
        """Return what an error of the service means."""
        if not self._is_azul:
            return error
        if not self._azul.is_own(error.response.url or ""):
            host = urlsplit(error.response.url).netloc
            text = f"Azul leads to storage that does not give it ({host}: HTTP {error.code}, {error.reason})"
            return AzulUnavailableError(text, error.code, error.reason, "try again later")
        found = told(error, authenticated=self._azul.is_authenticated)
        if isinstance(found, AzulNotFoundError):
            hidden = "" if self._azul.is_authenticated else "; if it is managed: hca azul login"
            found.message = f"Azul has no bytes for it: {found.message}{hidden}"
        return found

    def direct(self) -> str:
        """Return the `s3://` address of the file in the mirror. Raises NotFoundError."""
        if not self.file.mirror_uri:
            raise NotFoundError("it is not in the mirror")
        return self.file.mirror_uri

    def row(self) -> dict[str, Any]:
        """Return what a later run needs to ask for the file again."""
        return {"service": "azul", **self.file._asdict()}

    @property
    def _azul(self) -> AzulService:
        found: AzulService = self.service.client.service
        return found

    @property
    def _is_azul(self) -> bool:
        return self.kinds[0] in ("azul", _TODAY)

    def _address(self) -> str:
        """Return the address at Azul: as it was told, as parts of zarr stores can't be asked for otherwise (§13)."""
        azul, file = self._azul, self.file
        if self.kinds[0] == "azul" and azul.is_own(file.azul_url):
            return file.azul_url
        parameters = {"catalog": azul.catalog, "version": file.version or None}
        return azul.url_of("repository", "files", file.uuid, params=parameters)

    def _is_of_another_catalog(self) -> bool:
        """Tell whether the file was found in another catalog than the one that is asked today."""
        azul, told = self._azul, _catalog_of(self.file.azul_url)
        try:
            return azul.is_own(self.file.azul_url) and told != azul.catalog
        except HCAError:
            return False  # it does not even tell its catalogs

    def _mirrored(self, headers: dict[str, str]) -> Request:
        azul = self._azul
        bucket, key = _bucket_and_key(self.file.mirror_uri, self.file.sha256, azul.place.mirror_bucket)
        return Request(f"{azul.place.bucket_url(bucket)}/{quote(key, safe='/')}", azul.storage, headers)

    def _signed(self, headers: dict[str, str], *, anew: bool = False) -> Request:
        from hca_azul.resolve import drs, fetching

        azul, file = self._azul, self.file
        if self._is_azul:
            found = fetching.signed(azul, self._address(), anew=anew)
        else:
            found = drs.address(azul, file.drs_uri, anew=anew)
        return Request(found.url, azul.storage, {**headers, **found.headers})


def source_of(service: Service, row: Row, kinds: Sequence[str] = KINDS, *, place: str = "") -> FileSource | None:
    """Return where the bytes of a row are, in the order of `kinds`; None if nowhere.

    The mirror is asked for what it is told to have, and for what is known by its digest only.
    """
    has = {
        "mirror": ("mirror",) if row.mirror_uri or (row.sha256 and not row.uuid) else (),
        "azul": ("azul", _TODAY) if row.azul_url and row.uuid else (),
        "drs": ("drs",) if row.drs_uri else (),
    }
    found = tuple(one for kind in kinds for one in has[kind])
    if not found:
        return None
    key = FileKey(row.uuid, row.version, row.sha256, row.mirror_uri, row.azul_url, row.drs_uri, row.name, place)
    return FileSource(service, key, found)


def _catalog_of(address: str) -> str:
    return next((value for key, value in parse_qsl(urlsplit(address).query) if key == "catalog"), "")


def _bucket_and_key(uri: str, sha256: str, bucket: str) -> tuple[str, str]:
    """Return bucket and key of a mirror's object. Raises HCAError for a URI that can't be one."""
    if not uri:
        return bucket, f"file/{sha256}.sha256"
    match = _MIRROR_URI.fullmatch(uri)
    if match is None or any(part in ("", ".", "..") for part in match[2].split("/")):
        raise HCAError(f"{uri!r} is no address in a mirror")
    return match[1], match[2]
