"""The session credentials of an upload area: fetched when they are needed, and again before S3 refuses them."""

from __future__ import annotations

import threading
import time
from datetime import datetime
from typing import TYPE_CHECKING, Any

from botocore.credentials import Credentials, ReadOnlyCredentials  # noqa: TID253 - loaded when S3 is to be asked

from hca_core import log
from hca_core.errors import HCAError
from hca_upload.errors import UploadException

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_EARLY_SECONDS = 15 * 60.0  # before the end, as botocore does; a quarter of the lifetime if that is less
_AGAIN_SECONDS = 30.0  # after the service could not give new ones while the old ones are still good
_UNUSABLE = frozenset({"ExpiredToken", "ExpiredTokenException", "InvalidToken", "InvalidAccessKeyId"})


class AreaKeys(Credentials):  # type: ignore[misc] # botocore has no types
    """Credentials for boto3 that `fetch` gets from the service (contract §4); may be used by several threads.

    What `fetch` raises comes out of the call to S3 that needed them.
    """

    def __init__(self, fetch: Callable[[], Mapping[str, Any]]) -> None:
        self._fetch = fetch
        self._renewing = threading.Lock()
        self._renew_at = 0.0
        self._usable_until = 0.0
        super().__init__("", "", "", method="upload-area")

    def get_frozen_credentials(self) -> ReadOnlyCredentials:
        """Return credentials that are good for a while. Raises HCAError."""
        with self._renewing:
            if time.monotonic() >= self._renew_at:
                self._renew()
            return ReadOnlyCredentials(self.access_key, self.secret_key, self.token)

    def another(self, refused: str) -> bool:
        """Tell whether there are other credentials than those with the access key id that was `refused`."""
        with self._renewing:
            if self.access_key == refused:
                self._usable_until = 0.0
                self._renew()
            return bool(self.access_key != refused)

    def _renew(self) -> None:
        try:
            found = self._fetch()
        except HCAError as error:
            if time.monotonic() >= self._usable_until:
                raise
            log.logger().debug("the old credentials are used on: %s", error)
            self._renew_at = time.monotonic() + _AGAIN_SECONDS
            return
        lifetime = max(1.0, _moment(found["Expiration"]) - time.time())
        self.access_key, self.secret_key = str(found["AccessKeyId"]), str(found["SecretAccessKey"])
        self.token = str(found["SessionToken"])
        log.hide(self.secret_key)
        log.hide(self.token)
        self._usable_until = time.monotonic() + lifetime
        self._renew_at = self._usable_until - min(_EARLY_SECONDS, lifetime / 4)


def watch(client: Any, keys: AreaKeys) -> None:
    """Let boto3's `client` ask for new credentials and try again when S3 refuses those that it has.

    They may end earlier than the service said (a clock that is wrong, keys that were revoked).
    """

    def before_sign(request: Any, **_: Any) -> None:
        request.context["hca_access_key"] = keys.access_key

    def needs_retry(response: Any, attempts: int, request_dict: Mapping[str, Any], **_: Any) -> float | None:
        code = response[1].get("Error", {}).get("Code") if response else None
        refused = request_dict["context"].get("hca_access_key", "")
        return 0.0 if code in _UNUSABLE and attempts < _MOST_TRIES and keys.another(refused) else None

    client.meta.events.register("before-sign.s3", before_sign)
    client.meta.events.register("needs-retry.s3", needs_retry)


_MOST_TRIES = 5


def _moment(told: object) -> float:
    """Return the end of credentials in seconds since 1970; RFC 3339 in the service's answer. Raises UploadException."""
    try:
        return datetime.fromisoformat(str(told).replace("Z", "+00:00")).timestamp()
    except (ValueError, OverflowError, OSError) as error:
        raise UploadException(f"the service gave credentials that end at {told!r}, which is no time") from error
