"""The published names of errors."""

from hca_core.errors import HCAError as SwaggerClientException
from hca_core.errors import ServiceError as SwaggerAPIException

__all__ = ["SwaggerAPIException", "SwaggerClientException"]
