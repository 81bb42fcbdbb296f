"""What `hca doctor` tells of the Upload Service: of the stage of the selected area, which commands are for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hca_core.doctor import Check, reach
from hca_upload.api import ApiClient
from hca_upload.config import UploadConfig

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hca_core.config import HCAConfig


def checks(config: HCAConfig, timeout: float | None) -> Iterator[Check]:
    """Yield the checks of the service; without a `timeout` no request is sent. Raises HCAError."""
    settings = UploadConfig(config)
    if settings.current_area is None:
        yield Check("area", "skipped", "no upload area is selected", "hca upload select URI_OR_ALIAS")
        return
    area = settings.area_uri()
    yield Check("area", "ok", f"{area.uri} is selected")
    url = settings.api_url(area.deployment_stage)
    yield Check("address", "ok", f"{url} (stage {area.deployment_stage})")
    if timeout is None:
        return
    api = ApiClient(url, api_key=None, config=config)
    try:
        api.session.check(url)
        yield from reach(api.session, url, timeout=timeout)
    finally:
        api.close()
