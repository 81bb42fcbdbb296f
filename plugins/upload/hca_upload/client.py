"""UploadService: the Upload Service of one deployment stage in Python."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hca_upload.config import UploadConfig
from hca_upload.errors import AreaChoiceError, UploadException
from hca_upload.uri import UploadAreaURI, check_stage, check_uuid

if TYPE_CHECKING:
    from hca_core.config import HCAConfig
    from hca_upload.api import ApiClient
    from hca_upload.area import UploadArea


class UploadService:
    """The Upload Service of a deployment stage.

        service = UploadService("staging")
        area = service.upload_area(area_uuid=...)
        area.upload_files(["reads.fastq.gz"])

    Parameters: `api_token` is the Api-Key of this stage, which making and deleting areas, storing and validating files
    need; the configured one (upload.api_keys.<stage>) if None. `config` is the one of the process if None.
    Raises AreaChoiceError for a stage that there can't be, ConfigError.
    """

    def __init__(
        self, deployment_stage: str = "prod", api_token: str | None = None, *, config: HCAConfig | None = None
    ) -> None:
        self.deployment_stage = check_stage(deployment_stage)
        self._config = UploadConfig(config)
        self._api_token = api_token
        self._api: ApiClient | None = None

    def config(self) -> UploadConfig:
        """Return the configuration of upload areas."""
        return self._config

    @property
    def api(self) -> ApiClient:
        """What sends the requests; made when the first one is due, because its libraries take long to load."""
        if self._api is None:
            from hca_upload.api import ApiClient

            url = self._config.api_url(self.deployment_stage)
            key = self._api_token or self._config.api_key(self.deployment_stage)
            self._api = ApiClient(url, api_key=key, config=self._config.hca)
        return self._api

    def close(self) -> None:
        """Close all connections."""
        if self._api is not None:
            self._api.close()

    def create_area(self, area_uuid: str) -> UploadArea:
        """Make an upload area with a UUID of the caller's choice and return it. Raises HCAError."""
        uri = self.api.create_area(check_uuid(area_uuid)).get("uri")
        try:
            return self._area(UploadAreaURI(str(uri)))
        except AreaChoiceError as error:
            raise UploadException(f"the service has made an area at {uri!r}, which can't be used") from error

    def upload_area(self, area_uri: UploadAreaURI | str | None = None, area_uuid: str | None = None) -> UploadArea:
        """Return the upload area with an address, or with a UUID. Nothing is asked of the service.

        Raises AreaChoiceError if it is of another stage, or neither is given.
        """
        if area_uri is not None:
            return self._area(UploadAreaURI(str(area_uri)))
        if area_uuid is not None:
            return self._area(self._config.uri_of(area_uuid, self.deployment_stage))
        raise AreaChoiceError("an upload area needs area_uri or area_uuid")

    def _area(self, uri: UploadAreaURI) -> UploadArea:
        from hca_upload.area import UploadArea

        return UploadArea(uri, self)
