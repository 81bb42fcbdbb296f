"""ApiClient: every request that is sent to the Upload Service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote, urlsplit

from hca_core import answers, http, log
from hca_core.errors import NetworkError, ServiceError, UsageError
from hca_core.service import policy_from, retired_hint
from hca_upload.config import SECTION
from hca_upload.errors import (
    AreaNotWritableError,
    UploadApiException,
    UploadException,
    UploadNotFoundError,
    UploadRefusedError,
    UploadUnavailableError,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from requests import Response

    from hca_core.config import HCAConfig

T = TypeVar("T")

NAMES_A_REQUEST = 100  # how many files one request asks for
_TRIES = 3  # of an order that may be repeated
_LONGEST_WAIT = 60.0  # seconds between two of them, whatever the service asks for
_HOSTED = ".data.humancellatlas.org"


class ApiClient:
    """The Upload Service at `url`; may be used by several threads.

    `api_key` is sent with the requests that need one, and with no others. Unless told otherwise the methods raise
    UploadApiException for an answer that is an error (hca_upload.errors has its kinds), NetworkError, and UsageError
    for http to a foreign host.
    """

    def __init__(self, url: str, *, api_key: str | None, config: HCAConfig) -> None:
        self.url = url.rstrip("/")
        self._api_key = api_key
        log.hide(api_key or "")
        self.session = http.Session(
            policy_from(config, SECTION, {}),
            allow_http=bool(config.lookup(f"{SECTION}.allow_http", False)),
            hint=retired_hint(SECTION) if (urlsplit(self.url).hostname or "").endswith(_HOSTED) else http.Session.HINT,
            service=SECTION,
        )

    def close(self) -> None:
        """Close all connections."""
        self.session.close()

    def area_exists(self, area_uuid: str) -> bool:
        """Tell whether there is an area with this UUID."""
        try:
            self._send("HEAD", area_uuid)
        except UploadNotFoundError:
            return False
        return True

    def create_area(self, area_uuid: str) -> dict[str, Any]:
        """Make an area and return its address as `uri`; one that is there is no mistake."""
        return self._document(self._send("POST", area_uuid, secured=True), dict)

    def delete_area(self, area_uuid: str) -> None:
        """Queue the deletion of an area and of all that is in it."""
        self._send("DELETE", area_uuid, secured=True)

    def credentials(self, area_uuid: str) -> dict[str, Any]:
        """Return keys for the area in S3: AccessKeyId, SecretAccessKey, SessionToken, Expiration (ISO 8601).

        Raises AreaNotWritableError if the area takes no files now.
        """
        given = self._document(self._send_again(area_uuid, "credentials"), dict)
        missing = [
            name for name in ("AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration") if name not in given
        ]
        if missing:
            raise UploadException(f"the service gives credentials without {missing[0]}")
        log.hide(str(given["SecretAccessKey"]), str(given["SessionToken"]))
        return given

    def store_file(self, area_uuid: str, name: str, content: bytes, content_type: str) -> dict[str, Any]:
        """Store a small file through the service and return what it knows of it; `content_type` has a dcp-type."""
        headers = {"Content-Type": content_type}
        return self._document(self._send("PUT", area_uuid, name, secured=True, data=content, headers=headers), dict)

    def file_uploaded(self, area_uuid: str, name: str) -> None:
        """Tell the service that a file has come to S3; told again if that fails, which does no harm."""
        self._send_again(area_uuid, name)

    def files_info(self, area_uuid: str, names: Sequence[str]) -> list[dict[str, Any]]:
        """Return what the service knows of files, in the order of their `names`; at most 100 a call.

        Raises UploadNotFoundError if there is one that it does not know.
        """
        # The names as they are: the service does not decode them here (contract §5).
        found = self._document(self._send("PUT", area_uuid, "files_info", json=list(names), what=_file(*names)), list)
        if len(found) != len(names):
            raise UploadException(f"the service tells of {len(found)} files, but was asked for {len(names)}")
        return found

    def files_known(self, area_uuid: str, names: Sequence[str]) -> list[dict[str, Any] | None]:
        """Return the same, with None for a file that the service does not know.

        It refuses all names of a request if it misses one: then each half of them is asked for.
        """
        if not names:
            return []
        try:
            return list(self.files_info(area_uuid, names))
        except UploadNotFoundError:
            if len(names) == 1:
                return [None]
        half = len(names) // 2
        return self.files_known(area_uuid, names[:half]) + self.files_known(area_uuid, names[half:])

    def checksum_status(self, area_uuid: str, name: str) -> dict[str, Any]:
        """Return `checksum_status` and `checksums` (None until they are there) of a file."""
        return self._document(self._send("GET", area_uuid, name, "checksum", what=_file(name)), dict)

    def checksum_statuses(self, area_uuid: str) -> dict[str, Any]:
        """Return how many files of an area have which state of checksums, and TOTAL_NUM_FILES."""
        return self._document(self._send("GET", area_uuid, "checksums"), dict)

    def validate_files(
        self,
        area_uuid: str,
        names: Iterable[str],
        image: str,
        original_validation_id: str | None = None,
        environment: dict[str, str] | None = None,
    ) -> str:
        """Let the service run the Docker image `image` on files, and return the id of that validation.

        Parameters: `environment` are variables for it, `original_validation_id` is the validation that is repeated.
        """
        files = list(names)
        order: dict[str, Any] = {"environment": environment or {}, "files": files, "validator_image": image}
        if original_validation_id is not None:
            order["original_validation_id"] = original_validation_id
        answer = self._send("PUT", area_uuid, "validate", secured=True, json=order, what=_file(*files))
        return str(self._document(answer, dict).get("validation_id", ""))

    def validation_status(self, area_uuid: str, name: str) -> dict[str, Any]:
        """Return `validation_status` and `validation_results` of a file."""
        return self._document(self._send("GET", area_uuid, name, "validate", what=_file(name)), dict)

    def validation_statuses(self, area_uuid: str) -> dict[str, Any]:
        """Return how many files of an area have which state of validation."""
        return self._document(self._send("GET", area_uuid, "validations"), dict)

    def _send(
        self, method: str, area_uuid: str, *words: str, secured: bool = False, what: str = "", **settings: Any
    ) -> Response:
        """Send a request for an area; `words` are what follows its UUID, `what` else a 404 may be about."""
        if unusable := {"", ".", ".."}.intersection(words):
            raise UsageError(
                f"{unusable.pop()!r} can't be the name of a file"
            )  # as a part of a URL it is something else
        url = "/".join((self.url, "area", *(quote(word, safe="") for word in (area_uuid, *words))))
        headers = settings.pop("headers", {})
        if secured and self._api_key is not None:
            headers["Api-Key"] = self._api_key
        try:
            return self.session.request(method, url, headers=headers, **settings)
        except ServiceError as error:
            raise self._told(error, area_uuid, what, secured=secured) from error

    def _send_again(self, area_uuid: str, *words: str) -> Response:
        """Send a POST up to three times: one that does no harm when it is repeated, which the session can't know."""
        failures = 0
        while True:
            try:
                return self._send("POST", area_uuid, *words, tries=1)
            except NetworkError as error:
                failures += 1
                if failures == _TRIES:
                    raise
                asked = answers.retry_after(error.response) if isinstance(error, UploadApiException) else None
                wait = max(self.session.policy.wait(failures), min(asked or 0.0, _LONGEST_WAIT))
                if self.session.is_news(self.url):  # many threads give notices
                    log.logger().info("%s; trying again in %.1f s", error.message, wait)
                self.session.wait(wait)

    def _told(self, error: ServiceError, area_uuid: str, what: str, *, secured: bool) -> UploadApiException:
        """Return an error of the service as one that says what it means here."""
        if secured and (error.code in (401, 403) or (self._api_key is None and error.code == 400)):
            return self._refused(error)
        if error.code in (401, 403):
            return UploadRefusedError(error.message, error)
        if error.code in (404, 410):
            missing = f"there is no upload area {area_uuid} at {self.url}, or it was deleted"
            if what:
                missing = f"there is no {what} in upload area {area_uuid}, or no such area"
            return UploadNotFoundError(f"{missing} ({error.message})", error)
        if error.code in (409, 423):
            return AreaNotWritableError(
                f"upload area {area_uuid} takes no files now: it is locked, or is being deleted", error
            )
        kind = UploadUnavailableError if error.exit_status == NetworkError.exit_status else UploadApiException
        return kind(error.message, error, error.hint)

    def _refused(self, error: ServiceError) -> UploadRefusedError:
        sent = "refuses the Api-Key that is configured" if self._api_key else "wants an Api-Key, and none is configured"
        hint = (
            "hca config set upload.api_keys.STAGE KEY, with the stage of the area (upload.api_key if upload.url is set)"
        )
        return UploadRefusedError(f"the service {sent} ({error.message})", error, hint)

    def _document(self, response: Response, kind: type[T]) -> T:
        """Return the decoded answer. Raises UploadException if it is no JSON of that kind."""
        try:
            document = response.json()
        except ValueError as error:
            raise UploadException(f"{response.url} answers with something that is not JSON") from error
        if not isinstance(document, kind):
            raise UploadException(f"{response.url} answers with a document that is not as it should be")
        return document


def _file(*names: str) -> str:
    return f"file {names[0]!r}" if len(names) == 1 else f"file of one of these {len(names)} names"
