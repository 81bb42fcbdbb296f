"""The import path of Azul's Python API."""

from hca_azul.client import AzulClient as AzulClient
from hca_azul.errors import AzulError as AzulError
from hca_azul.rows import Row as Row

__all__ = ["AzulClient", "AzulError", "Row"]
