"""GET of a bundle: a page of its files, with URLs for them if they are asked for."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from hca_local.dss import paging, waiting
from hca_local.objects import signing
from hca_local.server.problems import ProblemError
from hca_local.store import reading

if TYPE_CHECKING:
    from collections.abc import Callable

    from hca_local.dss.calls import Call
    from hca_local.store.records import BundleFile, BundleHead


async def get(call: Call) -> Response:
    """Answer with a page of a bundle; with URLs, redirect to the same request later while they are not ready."""
    wanted = call.parameters
    if wanted["directurls"] and wanted["presignedurls"]:
        raise ProblemError(400, "only_one_urltype", "only enable one of `directurls` or `presignedurls`")
    bundle = reading.bundle(call.deployment.records, wanted["replica"], wanted["uuid"].lower(), wanted["version"])
    if bundle is None:
        raise ProblemError(404, "not_found", "Cannot find bundle!")
    token = wanted["token"]
    if wanted["directurls"] or wanted["presignedurls"]:
        token = waiting.next_token(token)
        if not call.deployment.checkouts.is_ready(wanted["replica"], f"bundles/{bundle.uuid}.{bundle.version}"):
            return waiting.wait(call, token)
    return _page(call, bundle, token)


def _page(call: Call, bundle: BundleHead, token: str | None) -> Response:
    start, count = max(call.parameters["start_at"] or 0, 0), call.parameters["per_page"]
    url_of = _url_maker(call, bundle)
    files = [
        _entry(file, url_of) for file in reading.bundle_files(call.deployment.records, bundle.number, start, count)
    ]
    body = {
        "bundle": {
            "uuid": call.parameters["uuid"],
            "version": bundle.version,
            "files": files,
            "creator_uid": bundle.creator_uid,
        }
    }
    following = None
    if bundle.file_count - start > count:
        following = call.url(start_at=start + count, version=bundle.version, token=token)
    return paging.response(json.dumps(body), "bundle.files", following)


def _entry(file: BundleFile, url_of: Callable[[BundleFile], str] | None) -> dict[str, Any]:
    entry = {
        "name": file.name,
        "content-type": file.content_type,
        "size": file.size,
        "uuid": file.uuid,
        "version": file.version,
        "crc32c": file.crc32c,
        "s3_etag": file.s3_etag,
        "sha1": file.sha1,
        "sha256": file.sha256,
        "indexed": bool(file.indexed),
    }
    if url_of is not None:
        entry["url"] = url_of(file)
    return entry


def _url_maker(call: Call, bundle: BundleHead) -> Callable[[BundleFile], str] | None:
    """Return the function that gives the URL of each file, None if no URLs are asked for."""
    replica = call.parameters["replica"]
    directory = f"bundles/{bundle.uuid}.{bundle.version}"
    if call.parameters["directurls"]:
        return lambda file: signing.direct_url(replica, f"{directory}/{file.name}")
    if call.parameters["presignedurls"]:
        signer = call.deployment.signer
        return lambda file: signer.url(call.base, replica, f"{directory}/{file.name}", file.content_type)
    return None
