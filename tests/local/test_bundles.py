"""GET of bundles and of the list of all bundles against the service contract (§6, §7)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest

from hca_local.sample import dataset

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import requests

    from hca_local.launch import Launched
    from hca_local.sample.values import Dataset

    Api = Callable[..., requests.Response]
    Launch = Callable[..., Launched]

UUID = "ffffaf55-f19c-40e3-aa81-a6c69d357265"
VERSION = "2019-08-01T200147.836832Z"


@pytest.fixture(scope="module")
def sample() -> Dataset:
    return dataset.build()


@pytest.fixture(scope="module")
def largest(sample: Dataset) -> Any:
    return max(sample.bundles, key=lambda one: len(one.files))


@pytest.mark.parametrize("replica", ["aws", "gcp"])
def test_a_small_bundle_is_one_page(api: Api, sample: Dataset, replica: str) -> None:
    answer = api("GET", f"/bundles/{UUID}", replica=replica)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["X-OpenAPI-Pagination"] == "false"
    assert answer.headers["X-OpenAPI-Paginated-Content-Key"] == "bundle.files"
    assert "Link" not in answer.headers
    bundle = answer.json()["bundle"]
    assert {key: bundle[key] for key in bundle if key != "files"} == {
        "uuid": UUID,
        "version": VERSION,
        "creator_uid": 8008,
    }
    wanted = next(one for one in sample.bundles if one.uuid == UUID)
    assert [file["name"] for file in bundle["files"]] == [name for name, _ in wanted.files]
    assert set(bundle["files"][0]) == {
        "name", "content-type", "size", "uuid", "version", "crc32c", "s3_etag", "sha1", "sha256", "indexed",
    }  # fmt: skip
    assert bundle["files"][0]["indexed"] is True
    assert bundle["files"][-1]["indexed"] is False


def test_the_uuid_is_found_in_any_case_and_given_back_as_it_came(api: Api) -> None:
    answer = api("GET", f"/bundles/{UUID.upper()}", replica="aws")
    assert answer.json()["bundle"]["uuid"] == UUID.upper()


def test_pages_follow_links_to_the_end(api: Api, http: requests.Session, largest: Any) -> None:
    answer = api("GET", f"/bundles/{largest.uuid}", replica="aws")
    names, statuses = [], []
    while True:
        statuses.append((answer.status_code, answer.headers["X-OpenAPI-Pagination"]))
        names += [file["name"] for file in answer.json()["bundle"]["files"]]
        link = answer.headers.get("Link")
        if link is None:
            break
        assert link.startswith("<")
        assert link.endswith(">; rel='next'")
        url = link[1 : link.index(">")]
        assert parse_qs(urlsplit(url).query)["version"] == [largest.version]
        answer = http.get(url, timeout=30)
    assert statuses == [(206, "true"), (206, "true"), (200, "false")]
    assert names == [name for name, _ in largest.files]


def test_a_page_begins_where_it_is_told(api: Api, largest: Any) -> None:
    answer = api("GET", f"/bundles/{largest.uuid}", replica="aws", start_at=1195, per_page=10)
    assert answer.status_code == 200
    assert [file["name"] for file in answer.json()["bundle"]["files"]] == [name for name, _ in largest.files[1195:]]
    beyond = api("GET", f"/bundles/{largest.uuid}", replica="aws", start_at=10**17)
    assert (beyond.status_code, beyond.json()["bundle"]["files"]) == (200, [])


def test_a_page_that_ends_with_the_bundle_is_the_last(api: Api, largest: Any) -> None:
    assert api("GET", f"/bundles/{largest.uuid}", replica="aws", start_at=1190, per_page=10).status_code == 200
    assert api("GET", f"/bundles/{largest.uuid}", replica="aws", start_at=1189, per_page=10).status_code == 206


def test_of_keys_that_come_twice_the_first_counts(api: Api, http: requests.Session, largest: Any) -> None:
    link = api("GET", f"/bundles/{largest.uuid}", replica="aws").headers["Link"]
    query = {"replica": "aws", "per_page": "500", "start_at": "0"}
    again = http.get(link[1 : link.index(">")], params=query, timeout=30)
    assert again.json()["bundle"]["files"][0]["name"] == largest.files[500][0]


def test_versions_and_tombstones(api: Api, sample: Dataset) -> None:
    whole = next(stone for stone in sample.tombstones if stone.version is None)
    single = next(stone for stone in sample.tombstones if stone.version is not None)
    older = min(one.version for one in sample.bundles if one.uuid == single.uuid)
    assert api("GET", f"/bundles/{single.uuid}", replica="aws").json()["bundle"]["version"] == older
    versions = [one.version for one in sample.bundles if one.uuid == whole.uuid]
    gone = [
        api("GET", f"/bundles/{single.uuid}", replica="aws", version=single.version),
        api("GET", f"/bundles/{whole.uuid}", replica="gcp"),
        *(api("GET", f"/bundles/{whole.uuid}", replica="aws", version=version) for version in versions),
        api("GET", f"/bundles/{UUID}", replica="aws", version="2019-08-01T200147.836833Z"),
        api("GET", "/bundles/00000000-0000-0000-0000-000000000000", replica="aws"),
    ]
    for answer in gone:
        assert answer.status_code == 404
        assert (answer.json()["code"], answer.json()["title"]) == ("not_found", "Cannot find bundle!")


def test_only_one_kind_of_url(api: Api) -> None:
    answer = api("GET", f"/bundles/{UUID}", replica="aws", directurls="true", presignedurls="true")
    assert (answer.status_code, answer.json()["code"]) == (400, "only_one_urltype")


@pytest.mark.parametrize(("replica", "scheme"), [("aws", "s3"), ("gcp", "gs")])
def test_direct_urls(api: Api, replica: str, scheme: str) -> None:
    files = api("GET", f"/bundles/{UUID}", replica=replica, directurls="true").json()["bundle"]["files"]
    bucket = "org-humancellatlas-dss-checkout-local"
    assert [file["url"] for file in files] == [
        f"{scheme}://{bucket}/bundles/{UUID}.{VERSION}/{file['name']}" for file in files
    ]


def test_presigned_urls_give_the_files_whatever_their_names(api: Api, http: requests.Session, sample: Dataset) -> None:
    odd = next(one for one in sample.bundles if any(name == "empty.txt" for name, _ in one.files))
    files = api("GET", f"/bundles/{odd.uuid}", replica="aws", presignedurls="true").json()["bundle"]["files"]
    for file, (name, wanted) in zip(files, odd.files, strict=True):
        answer = http.get(file["url"], timeout=30)
        assert (name, answer.status_code) == (file["name"], 200)
        assert answer.content == wanted.content
        assert answer.headers["Content-Type"] == wanted.content_type


@pytest.mark.parametrize("redirects", [0, 2])
def test_urls_wait_for_the_checkout(
    launched: Launch, http: requests.Session, tmp_path: Path, largest: Any, redirects: int
) -> None:
    deployment = launched(tmp_path / "data", first_get_redirects=redirects, retry_after=3)
    url = f"{deployment.url}/v1/bundles/{largest.uuid}?replica=aws&presignedurls=true"
    for attempt in range(redirects):
        answer = http.get(url, allow_redirects=False, timeout=30)
        assert (answer.status_code, answer.headers["Retry-After"]) == (301, "3")
        url = answer.headers["Location"]
        assert json.loads(parse_qs(urlsplit(url).query)["token"][0])["attempts"] == attempt
    answer = http.get(url, allow_redirects=False, timeout=30)
    assert answer.status_code == 206
    link = answer.headers["Link"]
    assert "token=" + quote('{"execution_id"') in link
    second = http.get(link[1 : link.index(">")], allow_redirects=False, timeout=30)
    assert second.status_code == 206
    assert "url" in second.json()["bundle"]["files"][0]


def test_a_token_matters_only_with_urls(api: Api, largest: Any) -> None:
    refused = api("GET", f"/bundles/{UUID}", replica="aws", presignedurls="true", token="None")
    assert (refused.status_code, refused.json()["code"]) == (400, "illegal_token")
    plain = api("GET", f"/bundles/{largest.uuid}", replica="aws", token="None")
    assert plain.status_code == 206
    assert "token=None" in plain.headers["Link"]
    assert "token=None" in api("GET", f"/bundles/{largest.uuid}", replica="aws").headers["Link"]


def living(sample: Dataset) -> list[tuple[str, str]]:
    dead = {(stone.uuid, stone.version) for stone in sample.tombstones}
    return sorted(
        (one.uuid, one.version)
        for one in sample.bundles
        if (one.uuid, None) not in dead and (one.uuid, one.version) not in dead
    )


def listed(answer: requests.Response) -> list[tuple[str, str]]:
    return [(one["uuid"], one["version"]) for one in answer.json()["bundles"]]


def test_all_bundles_in_key_order_without_the_dead(api: Api, deployment: Launched, sample: Dataset) -> None:
    answer = api("GET", "/bundles/all", replica="aws", per_page=500)
    assert answer.status_code == 200
    assert listed(answer) == living(sample)
    body = answer.json()
    assert body["dss_api"] == deployment.url
    assert (body["object"], body["per_page"], body["search_prefix"]) == ("list", 500, "bundles/")
    assert (body["page_count"], body["has_more"]) == (len(living(sample)), False)
    assert not {"token", "search_after", "link"} & set(body)
    assert answer.headers["X-OpenAPI-Paginated-Content-Key"] == "bundles"
    assert answer.headers["X-OpenAPI-Pagination"] == "false"


def test_pages_of_all_bundles(api: Api, http: requests.Session, sample: Dataset) -> None:
    answer = api("GET", "/bundles/all", replica="gcp", per_page=10)
    found: list[tuple[str, str]] = []
    while answer.status_code == 206:
        body = answer.json()
        assert (body["page_count"], body["has_more"]) == (10, True)
        assert body["search_after"] == "bundles/{uuid}.{version}".format(**body["bundles"][-1])
        assert answer.headers["Link"] == f"<{body['link']}>; rel='next'"
        found += listed(answer)
        answer = http.get(body["link"], timeout=30)
    assert answer.status_code == 200
    assert found + listed(answer) == living(sample)


def test_a_full_last_page_is_followed_by_an_empty_one(api: Api, http: requests.Session, sample: Dataset) -> None:
    uuids = [uuid for uuid, _ in living(sample)]
    prefix = "fff"
    wanted = [uuid for uuid in uuids if uuid.startswith(prefix)]
    assert 0 < len(wanted) < 10, "the prefix no longer leaves one short page"
    assert api("GET", "/bundles/all", replica="aws", prefix=prefix, per_page=10).status_code == 200
    tail = living(sample)[-10:]
    before = living(sample)[-11]
    answer = api("GET", "/bundles/all", replica="aws", per_page=10, search_after="bundles/{}.{}".format(*before))
    assert (answer.status_code, listed(answer)) == (206, tail)
    last = http.get(answer.json()["link"], timeout=30)
    assert (last.status_code, last.json()["bundles"], last.json()["has_more"]) == (200, [], False)


def test_the_prefix_is_lower_cased(api: Api, sample: Dataset) -> None:
    answer = api("GET", "/bundles/all", replica="aws", prefix="FFF")
    assert answer.json()["search_prefix"] == "bundles/fff"
    assert {uuid for uuid, _ in listed(answer)} == {uuid for uuid, _ in living(sample) if uuid.startswith("fff")}


def test_the_token_alone_goes_on_too(api: Api, sample: Dataset) -> None:
    first = api("GET", "/bundles/all", replica="aws", per_page=10).json()
    second = api("GET", "/bundles/all", replica="aws", per_page=10, token=first["token"])
    assert listed(second) == living(sample)[10:20]
    assert api("GET", "/bundles/all", replica="aws", token="\x01\x02").json()["code"] == "illegal_token"
