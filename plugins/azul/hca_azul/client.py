"""AzulClient: today's data of the Human Cell Atlas in Python."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from hca_azul import config as configuration
from hca_azul.download.downloading import Downloading
from hca_azul.lock.pinning import Pinning
from hca_azul.search.searching import Searching
from hca_azul.service import AzulService
from hca_core.config import HCAConfig, get_config

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import date
    from types import TracebackType

    from hca_azul.citing.citation import Citation
    from hca_azul.manifest.jobs import Jobs
    from hca_azul.manifest.manifest import Manifest
    from hca_azul.matrices.tree import MatrixFile
    from hca_azul.resolve.resolving import Resolved
    from hca_core.files import StrPath


class AzulClient(Searching, Downloading, Pinning):
    """An Azul service and its open-data mirror.

        with AzulClient(catalog="dcp46") as azul:
            azul.download({"organ": {"is": ["kidney"]}, "fileFormat": {"is": ["h5ad"]}}, "data")

    Parameters: `url` is where the service is, `catalog` the one to ask; else the configured ones, or the service's
    default catalog. `token` is an access token, else the credentials of `hca` are used; most data need none. `config`
    is the configuration of the process if None. Fields of `hca_core.http.Policy` are keywords too (`tries=3`). May be
    used by several threads. It can be pickled: another process gets a client of the same service and catalog, with the
    configuration and the login that it finds there; a token is never pickled.
    Raises UsageError, ConfigError.
    """

    def __init__(
        self,
        *,
        url: str | None = None,
        catalog: str | None = None,
        token: str | None = None,
        config: HCAConfig | None = None,
        **policy: Any,
    ) -> None:
        self.config = config if config is not None else get_config()
        self._given_catalog = catalog
        self._policy = policy
        self.service = AzulService(
            configuration.place(self.config, url), self.config, catalog=catalog, token=token, **policy
        )

    def close(self) -> None:
        """Close all connections."""
        self.service.close()

    def __repr__(self) -> str:
        named = f", catalog={self._given_catalog!r}" if self._given_catalog else ""
        return f"AzulClient(url={self.url!r}{named})"

    def __enter__(self) -> AzulClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __reduce__(self) -> tuple[Callable[..., AzulClient], tuple[dict[str, Any]]]:
        """Return what is pickled: which service and which catalog are asked, how patiently, and nobody's login."""
        return _unpickled, ({**self.arguments(), **self._policy},)

    @property
    def url(self) -> str:
        """Where the service is."""
        return self.service.url

    @property
    def catalog(self) -> str:
        """The catalog that is asked."""
        return self.service.catalog

    def manifest(
        self,
        filters: Any = None,
        *,
        format: str = "compact",
        to: StrPath | None = None,
        timeout: float = 1800.0,
        waiting: Callable[[], None] = lambda: None,
    ) -> Manifest:
        """Let the service make a manifest of the files that `filters` select, and return it when it is made.

        Parameters: `format` is one of those that the service offers, `to` a file that it is written to, `timeout` how
        many seconds the service may take. `waiting` is called before the first wait. Raises UsageError,
        AzulUnavailableError if it takes longer, AzulApiError, NetworkError, OSError.
        """
        from hca_azul.manifest import formats
        from hca_azul.manifest.jobs import Order
        from hca_azul.manifest.manifest import Manifest

        order = Order(self.filter(filters).to_json(), format, self.catalog)
        formats.check(self.service, format)
        made = Manifest(self._manifest_jobs, order, timeout, waiting)
        if to is not None:
            made.save(to)
        return made

    @cached_property
    def _manifest_jobs(self) -> Jobs:
        from hca_azul.manifest.jobs import Jobs

        return Jobs(self.service)

    def matrices(self, project: str, kind: str = "all") -> Iterator[MatrixFile]:
        """Yield the matrices of a project, each file once; of a zarr store the one that stands for it.

        Parameters: `project` is its UUID, its page at the data portal or its short name. `kind` is dcp (made by the
        atlas's own pipelines), contributed (by the project) or all. Raises NotFoundError, UsageError, AzulApiError.
        """
        from hca_azul.matrices.selecting import Selection, select

        return select(self.service, [project], Selection(kind))

    def cite(self, project: str, *, accessed: date | None = None) -> Citation:
        """Return what is to be cited of a project, named as for `matrices`; `accessed` is the day, today if None.

        Raises NotFoundError, UsageError, AzulApiError.
        """
        from hca_azul.citing.citation import cited

        return cited(self.service, project, accessed=accessed)

    def resolve(self, name: str, version: str | None = None) -> Resolved:
        """Return where the bytes of a file are now, asked of the mirror, else of Azul, else of the repository.

        Parameters: `name` is its UUID, its sha256, its address at Azul, a `drs://` or an `s3://` URI; without a
        `version` it is the newest one. Raises UsageError, NotFoundError, LoginError, AzulApiError, NetworkError.
        """
        from hca_azul.resolve.resolving import resolve

        return resolve(self.service, name, version)

    def sources(self) -> list[dict[str, Any]]:
        """Return the sources (`sourceId`, `sourceSpec`) that this user may read. Raises AzulApiError, NetworkError."""
        from hca_azul.account.logins import sources

        return sources(self.service)

    def arguments(self) -> dict[str, str]:
        """Return the arguments that make a client of the same service elsewhere; the token is not among them."""
        catalog = self.service.named_catalog
        return {"url": self.url, **({"catalog": catalog} if catalog else {})}


def _unpickled(arguments: dict[str, Any]) -> AzulClient:
    return AzulClient(**arguments)
