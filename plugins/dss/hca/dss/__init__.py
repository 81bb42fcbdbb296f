"""The published import path of the Data Storage System's Python API."""

from hca_dss.client import DSSClient as DSSClient
from hca_dss.files import DSSFile as DSSFile
from hca_dss.tasks import TaskRunner as TaskRunner

__all__ = ["DSSClient", "DSSFile", "TaskRunner"]
