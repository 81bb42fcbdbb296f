"""A scripted Upload Service and a bucket of its areas for the tests of the client and of the verbs."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode
from xml.sax.saxutils import escape

import pytest

from hca_core.testing import reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from hca_core.testing import LoopbackService, Reply, Request

AREA = "aaaaaaaa-1111-2222-3333-444444444444"
OTHER = "aaaabbbb-1111-2222-3333-444444444444"
BUCKET = "org-humancellatlas-upload-local"
URI = f"s3://{BUCKET}/{AREA}/"
KEYS = {
    "AccessKeyId": "ASIAEXAMPLE",
    "SecretAccessKey": "se/cr+et=of the area",
    "SessionToken": "session$(token)`of`'the'\"area\"",
    "Expiration": "2999-01-01T00:00:00+00:00",
}


@pytest.fixture
def upload(service: LoopbackService, monkeypatch: pytest.MonkeyPatch) -> LoopbackService:
    """A loopback service that `HCA_UPLOAD_URL` names as the Upload Service, and S3 too; all else is to be scripted."""
    monkeypatch.setenv("HCA_UPLOAD_URL", f"{service.url}/v1")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", service.url)
    return service


@pytest.fixture
def keys(upload: LoopbackService) -> LoopbackService:
    """The same, with an area that gives credentials."""
    upload.on("POST", f"/v1/area/{AREA}/credentials").reply(json=KEYS, status=201)
    return upload


@pytest.fixture
def selected(hca: Callable[..., object]) -> None:
    """The area is selected."""
    outcome = hca("upload", "select", URI)
    assert outcome.exit_status == 0, outcome.stderr


@pytest.fixture
def listed(keys: LoopbackService) -> Callable[..., None]:
    """A function that lets S3 list files of the area, by name and size, in pages of `most`."""

    def script(files: dict[str, int], most: int = 1000) -> None:
        def answer(request: Request) -> Reply:
            asked = dict(request.query)
            assert asked["prefix"] == f"{AREA}/", asked
            names = sorted(files)
            start = int(asked.get("continuation-token", "0"))
            page = names[start : start + most]
            more = start + most < len(names)
            contents = "".join(
                f"<Contents><Key>{_encoded(f'{AREA}/{name}', asked)}</Key><Size>{files[name]}</Size>"
                "<ETag>&quot;0&quot;</ETag><LastModified>2026-11-22T01:02:03.000Z</LastModified></Contents>"
                for name in page
            )
            token = f"<NextContinuationToken>{start + most}</NextContinuationToken>" if more else ""
            kind = "<EncodingType>url</EncodingType>" if "encoding-type" in asked else ""
            document = f"<IsTruncated>{str(more).lower()}</IsTruncated>{token}{kind}{contents}"
            return reply(
                body=f"<ListBucketResult>{document}</ListBucketResult>".encode(),
                headers={"Content-Type": "application/xml"},
            )

        keys.on("GET", f"/{BUCKET}").reply(answer)

    return script


def _encoded(key: str, asked: dict[str, str]) -> str:
    return urlencode({"k": key})[2:].replace("%2F", "/") if "encoding-type" in asked else escape(key)
