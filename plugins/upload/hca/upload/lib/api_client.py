"""The published import path of what sends the requests of `hca.upload`."""

from hca_upload.api import ApiClient as ApiClient
from hca_upload.errors import UploadApiException as UploadApiException

__all__ = ["ApiClient", "UploadApiException"]
