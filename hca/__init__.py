"""The published import path of the Python API; everything is re-exported from where it lives."""

from pkgutil import extend_path

from hca_core.config import HCAConfig as HCAConfig
from hca_core.config import get_config as get_config
from hca_core.log import logger as _logger
from hca_core.plugins import client as client

# Plugins add packages of their own below this one.
__path__ = extend_path(__path__, __name__)

logger = _logger()

__all__ = ["HCAConfig", "client", "get_config", "logger"]
