"""The published import path of the authorization service's Python API."""

from hca_auth.client import AuthClient as AuthClient

__all__ = ["AuthClient"]
