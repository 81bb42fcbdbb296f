"""The published helpers of the Python API."""

from hca_core.service import ServiceClient as SwaggerClient

__all__ = ["SwaggerClient"]
