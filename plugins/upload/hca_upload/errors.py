"""What can go wrong with upload areas; each error has the exit status of its kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hca_core.errors import HCAError, LoginError, NetworkError, NotFoundError, UsageError

if TYPE_CHECKING:
    from hca_core.errors import ServiceError


class UploadException(HCAError, RuntimeError):  # noqa: N818 - the published name
    """Something went wrong with an upload area."""


class AreaChoiceError(UsageError, UploadException):
    """No upload area is chosen, or one that there can't be."""


class UnknownAreaError(NotFoundError, UploadException):
    """None of the user's upload areas is meant."""


class UploadApiException(UploadException):
    """The Upload Service answered with an error status; `code` is that status, `reason` what the service said."""

    def __init__(self, message: str, cause: ServiceError, hint: str | None = None) -> None:
        super().__init__(message, hint)
        self.code = cause.code
        self.reason = cause.message
        self.response = cause.response


class UploadRefusedError(UploadApiException, LoginError):
    """The service wants an Api-Key, or another one."""


class UploadNotFoundError(UploadApiException, NotFoundError):
    """The service has no such upload area, or no such file in it."""


class AreaNotWritableError(UploadApiException):
    """The upload area is locked, or is being deleted."""


class UploadUnavailableError(UploadApiException, NetworkError):
    """The service can't answer now (429, 5xx)."""
