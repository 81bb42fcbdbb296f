"""The published import path of the Upload Service's Python API."""

from hca_upload.area import UploadArea as UploadArea
from hca_upload.client import UploadService as UploadService
from hca_upload.config import UploadConfig as UploadConfig
from hca_upload.errors import UploadException as UploadException
from hca_upload.uri import UploadAreaURI as UploadAreaURI

__all__ = ["UploadArea", "UploadAreaURI", "UploadConfig", "UploadException", "UploadService"]
