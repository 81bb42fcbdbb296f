"""The import path of Shock's Python API."""

from hca_shock.client import ShockClient as ShockClient
from hca_shock.errors import ShockError as ShockError
from hca_shock.node import Node as Node

__all__ = ["Node", "ShockClient", "ShockError"]
