"""POST of a checkout and GET of its state (contract §8)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, Response

from hca_local import checking_out
from hca_local.server.problems import ProblemError, illegal_arguments
from hca_local.store import reading

if TYPE_CHECKING:
    from hca_local.dss.calls import Call


async def post(call: Call) -> Response:
    """Begin to copy a bundle to the checkout bucket, or to a bucket of the caller, and answer with the job's id."""
    destination, email = call.body.get("destination"), call.body.get("email")
    if destination is not None and "/" in destination:
        raise illegal_arguments("the destination is the name of a bucket, without a path")
    uuid, replica = call.parameters["uuid"].lower(), call.replica
    bundle = reading.bundle(call.deployment.records, replica, uuid, call.parameters["version"])
    if bundle is None:
        raise ProblemError(404, "not_found", "Cannot find bundle!")
    job = await call.deployment.checkout_jobs.start(replica, f"{uuid}.{bundle.version}", destination, email)
    return JSONResponse({"checkout_job_id": job})


async def get(call: Call) -> Response:
    """Answer with the state of a checkout: where the files are, or why they are not."""
    found = checking_out.state(call.deployment.records, call.replica, call.parameters["checkout_job_id"])
    if found is None:
        raise ProblemError(404, "not_found", "Cannot find checkout!")
    if found.status == "SUCCEEDED":
        return JSONResponse({"status": found.status, "location": found.told})
    if found.status == "FAILED":
        return JSONResponse({"status": found.status, "cause": found.told})
    return JSONResponse({"status": found.status})
