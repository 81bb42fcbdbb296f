"""The routes of manifests, each with a twin that tells redirects in the body (contract §7)."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from starlette.responses import PlainTextResponse, Response

from hca_local.azul.calls import AzulError, Route, answer, bad_request
from hca_local.azul.faults.script import hint
from hca_local.azul.index import selecting
from hca_local.azul.index.parameters import catalog_of, hoisted, validated
from hca_local.azul.manifests import commands, formats, tokens
from hca_local.azul.manifests.jobs import DONE, FAILED, Jobs, job_of
from hca_local.azul.manifests.paths import PathError
from hca_local.azul.manifests.rows import Selection
from hca_local.azul.manifests.tokens import Token
from hca_local.azul.storage import addresses, hosts

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from hca_local.azul.calls import Call
    from hca_local.azul.manifests.jobs import Job

_FETCH = "/fetch"
# Seconds: what is told with the first answer that it is not done, with the second, ...; the last goes on for ever.
_WAITS = (1, 1, 1, 4, 6, 10)


async def put(call: Call) -> ASGIApp:
    """Begin a manifest, join the job that makes it, or give the one that is there. Raises AzulError."""
    given = (await hoisted(call)).given
    validated(given, ("catalog", "filters", "format"))
    known = formats.names(call.azul.is_old)
    format_name = given.get("format", known[0])
    if format_name not in known:
        raise bad_request(f"Unknown manifest format `{format_name}`, must be one of {list(known)}")
    catalog = catalog_of(await call.azul.atlas(), given.get("catalog"))
    filters = selecting.parsed(given.get("filters"), catalog, call.caller, old=call.azul.is_old)
    files = tuple(selecting.select(catalog, filters, call.caller, old=call.azul.is_old))
    selection = Selection(files, catalog.name, call.base, call.azul.is_old)
    polls = hint("polls", call.azul.settings.azul_polls)
    sources = call.caller.sources(catalog)
    wanted = job_of(selection, format_name, selecting.canonical(filters), sources, polls)
    jobs = Jobs(call.azul)
    job = jobs.find(wanted.identity)
    if job is None or not jobs.has_object(job):  # one that failed has none
        job = await _begun(jobs, wanted, selection)
    return _told(call, jobs, job, 0)


async def _begun(jobs: Jobs, job: Job, selection: Selection) -> Job:
    """Make the manifest at once; that it takes a while is only told, or else every client would have to wait."""
    if hint("job", "") == FAILED:
        return jobs.keep(replace(job, state=FAILED))
    try:
        await asyncio.to_thread(jobs.make, job, selection)
    except PathError:
        return jobs.keep(replace(job, state=FAILED))
    return jobs.keep(job)


async def get(call: Call) -> ASGIApp:
    """Tell how far a job is, or where the manifest of a key is. Raises AzulError (400, 410, 500)."""
    validated(dict(call.query), ())
    text, jobs = call.ids["token"], Jobs(call.azul)
    identity = tokens.read_key(text, call.azul.signing_key)
    if identity is not None:
        return _of_key(call, jobs.find(identity), jobs)
    token = tokens.read_token(text)
    job = jobs.find(token.job) if token else None
    if token is None or job is None:
        raise bad_request("Invalid token")
    return _told(call, jobs, job, token.answers)


def _told(call: Call, jobs: Jobs, job: Job, answers: int) -> Response:
    """Answer how far a job is, after so many `answers` that it is not done. Raises AzulError (500)."""
    if job.state != DONE and answers < job.polls:
        return _not_yet(call, job, answers)
    if job.state == FAILED:
        raise AzulError(500, "ChaliceViewError", f"('Failed to generate manifest', {job.id!r})")
    return _done(call, jobs.finished(job))


def _of_key(call: Call, job: Job | None, jobs: Jobs) -> Response:
    """Redirect whoever has a key to the manifest: anybody may, without a login. Raises AzulError (400, 410)."""
    if "authorization" in call.headers:
        raise bad_request("A manifest key must be used without authentication")
    if call.path.startswith(_FETCH):
        raise bad_request("A manifest key can't be used with this endpoint")
    if job is None or not jobs.has_object(job):
        raise AzulError(410, "GoneError", "The requested manifest has expired, please request a new one")
    return Response(b"", 302, {"Location": _storage_url(call, job)})


def _not_yet(call: Call, job: Job, index: int) -> Response:
    """Answer that a job is not done, for the time after `index` such answers. Each has a new token."""
    told = _WAITS[min(index, len(_WAITS) - 1)] * call.azul.settings.azul_wait // 100
    start = _FETCH if call.path.startswith(_FETCH) else ""
    token = tokens.token(Token(job.identity, index + 1))
    location = f"{call.base}{start}/manifest/files/{token}"
    if start:
        return answer({"Status": 301, "Location": location, "Retry-After": told})
    return Response(b"", 301, {"Location": location, "Retry-After": str(told)})


def _done(call: Call, job: Job) -> Response:
    """Answer where the manifest of a job is, and how to get it with curl."""
    is_fetch = call.path.startswith(_FETCH)
    if is_fetch and job.format == formats.CURL:
        location = f"{hosts.beside(call.base)}/manifest/files/{tokens.key(job.identity, call.azul.signing_key)}"
    else:
        location = _storage_url(call, job)
    lines = commands.lines(job, location, is_known=bool(call.caller.email))
    if is_fetch:
        return answer({"Status": 302, "Location": location, "CommandLine": lines})
    return PlainTextResponse("".join(f"{line}\n" for line in lines.values()), 302, {"Location": location})


def _storage_url(call: Call, job: Job) -> str:
    return addresses.of_manifest(call.azul, call.base, job.object_name, job.name)


ROUTES = tuple(
    route
    for start in ("", _FETCH)
    for route in (
        Route(("PUT",), f"{start}/manifest/files", put),
        Route(("GET",), f"{start}/manifest/files/{{token}}", get),
    )
)
