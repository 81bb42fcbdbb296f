"""Many files, fetched side by side: planned, resumed, verified while they arrive, renamed into place when complete.

    from hca_core.transfer import Address, Settings, Transfer, fetch

    wanted = [Transfer("reads", "data/reads.fastq", Address(url), size, sha256)]
    failed = [result.error for result in fetch(wanted, Settings(jobs=8)) if result.error]

`values` describes what goes in and comes out, `run` does all that the command line offers beside.
"""

from __future__ import annotations

from hca_core.transfer.engine import fetch
from hca_core.transfer.seal import is_complete
from hca_core.transfer.values import (
    Address,
    Elsewhere,
    Named,
    Paced,
    Ranged,
    Request,
    Result,
    Service,
    Settings,
    Source,
    Transfer,
    Wording,
    range_from,
    session_of,
)

__all__ = [
    "Address",
    "Elsewhere",
    "Named",
    "Paced",
    "Ranged",
    "Request",
    "Result",
    "Service",
    "Settings",
    "Source",
    "Transfer",
    "Wording",
    "fetch",
    "is_complete",
    "range_from",
    "session_of",
]
