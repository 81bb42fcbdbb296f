"""`hca plugins new`: writes a complete plugin, with tests, from the packaged template."""

from __future__ import annotations

from hca_core.scaffold.writing import Written, write

__all__ = ["Written", "write"]
