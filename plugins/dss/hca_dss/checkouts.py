"""Checkouts: the service copies a bundle into a bucket, which takes a while; here its end is waited for."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from hca_core.errors import HCAError, NetworkError
from hca_dss.waiting import waits

if TYPE_CHECKING:
    from hca_dss.client import DSSClient


def wait(client: DSSClient, job: str, replica: str, timeout: float) -> dict[str, Any]:
    """Wait until the checkout `job` is done and return what the service tells about it.

    Raises HCAError with the cause if it failed, NetworkError if it is not done within `timeout` seconds.
    """
    deadline = time.monotonic() + timeout
    for seconds in waits():
        told = client.get_bundles_checkout(checkout_job_id=job, replica=replica)
        status = told.get("status") if isinstance(told, dict) else None
        if status == "SUCCEEDED":
            return {"checkout_job_id": job, **told}
        if status != "RUNNING":
            cause = told.get("cause") if isinstance(told, dict) else None
            raise HCAError(f"the checkout {job} ended with {status}: {cause or 'the service does not say why'}")
        left = deadline - time.monotonic()
        if left <= 0:
            break
        time.sleep(min(seconds, left))
    raise NetworkError(
        f"the checkout {job} is not done after {timeout:g} s",
        hint=f"hca dss get-bundles-checkout --replica {replica} --checkout-job-id {job}",
    )
