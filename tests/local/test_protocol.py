"""What holds for all routes: headers, errors, checks against the description, faults, pages outside the API."""

from __future__ import annotations

import json
import uuid
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from waiting import until

from hca_local.dss.service import HANDLERS

if TYPE_CHECKING:
    from collections.abc import Callable

    import requests

    from hca_local.launch import Launched

    Api = Callable[..., requests.Response]

UUID = "ffffaf55-f19c-40e3-aa81-a6c69d357265"
PACKAGED = json.loads(resources.files("hca_local.dss").joinpath("api.json").read_bytes())
OF_THE_CLIENT = Path(__file__).parents[2] / "plugins" / "dss" / "hca_dss" / "api.json"


def test_the_description_is_the_one_of_the_client() -> None:
    assert resources.files("hca_local.dss").joinpath("api.json").read_bytes() == OF_THE_CLIENT.read_bytes()


def test_the_description_names_this_server(api: Api, deployment: Launched) -> None:
    answer = api("GET", "/swagger.json")
    document = answer.json()
    assert f"{document['schemes'][0]}://{document['host']}" == deployment.url
    assert document == PACKAGED | {"host": document["host"], "schemes": ["http"]}
    assert answer.headers["Content-Type"] == "application/json"


def test_the_description_has_an_etag(api: Api) -> None:
    etag = api("GET", "/swagger.json").headers["ETag"]
    for known in (etag, f"W/{etag}", f'"x", {etag}', "*"):
        answer = api("GET", "/swagger.json", headers={"If-None-Match": known})
        assert (answer.status_code, answer.content, answer.headers["ETag"]) == (304, b"", etag)
    assert api("GET", "/swagger.json", headers={"If-None-Match": '"x"'}).status_code == 200


def test_addresses_are_those_that_the_host_header_says(api: Api) -> None:
    assert api("GET", "/swagger.json", headers={"Host": "localhost"}).json()["host"] == "localhost"
    location = api("GET", "/files/1330ef1a-7a21-40c6-84c5-5cec18204028", headers={"Host": "localhost"}, replica="aws")
    assert location.headers["Location"].startswith("http://localhost/")


@pytest.mark.parametrize("host", ["example.org", "127.0.0.1.example.org:80", 'evil"host'])
def test_a_foreign_name_for_this_machine_is_refused(api: Api, host: str) -> None:
    """DNS rebinding: a web site's own name may be made to point here."""
    for path in ("/swagger.json", "/bundles/all"):
        assert api("GET", path, headers={"Host": host}, replica="aws").status_code == 403


@pytest.mark.parametrize(
    ("method", "path", "query"),
    [
        ("GET", f"/bundles/{UUID}", {"replica": "aws"}),
        ("GET", f"/bundles/{UUID}", {}),
        ("GET", "/bundles/all", {"replica": "aws"}),
        ("HEAD", "/files/x", {"replica": "aws"}),
        ("GET", "/nowhere", {}),
        ("POST", f"/bundles/{UUID}", {}),
        ("GET", "/swagger.json", {}),
    ],
)
def test_headers_of_every_answer(api: Api, method: str, path: str, query: dict[str, str]) -> None:
    headers = api(method, path, **query).headers
    assert headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains; preload"
    assert headers["Access-Control-Allow-Origin"] == "*"
    assert headers["Access-Control-Allow-Headers"] == (
        "Authorization,Content-Type,X-Amz-Date,X-Amz-Security-Token,X-Api-Key"
    )
    assert uuid.UUID(headers["X-AWS-REQUEST-ID"])
    assert headers["Content-Length"]


@pytest.mark.parametrize(
    ("path", "query", "title"),
    [
        (f"/bundles/{UUID}", {}, "Missing query parameter 'replica'"),
        (f"/bundles/{UUID}", {"replica": "azure"}, "'azure' is not one of ['aws', 'gcp']"),
        (
            f"/bundles/{UUID}",
            {"replica": "aws", "per_page": "many"},
            "Wrong type, expected 'integer' for query parameter 'per_page'",
        ),
        (f"/bundles/{UUID}", {"replica": "aws", "per_page": "9"}, "9 is less than the minimum of 10"),
        (f"/bundles/{UUID}", {"replica": "aws", "per_page": "501"}, "501 is greater than the maximum of 500"),
        (
            f"/bundles/{UUID}",
            {"replica": "aws", "directurls": "perhaps"},
            "Wrong type, expected 'boolean' for query parameter 'directurls'",
        ),
        ("/bundles/all", {"replica": "aws", "prefix": "-x"}, "'-x' does not match '^[a-zA-Z0-9][a-zA-Z0-9-]*$'"),
        ("/files/x", {"replica": "aws"}, "'x' does not match "),
    ],
)
def test_requests_are_checked_against_the_description(api: Api, path: str, query: dict[str, str], title: str) -> None:
    answer = api("GET", path, **query)
    assert answer.status_code == 400
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem = answer.json()
    assert (problem["status"], problem["code"]) == (400, "illegal_arguments")
    assert problem["title"].startswith(title)
    assert isinstance(problem["stacktrace"], str)
    assert "Retry-After" not in answer.headers


def test_unknown_keys_are_ignored_and_of_double_keys_the_first_counts(api: Api) -> None:
    assert api("GET", f"/bundles/{UUID}", replica=["aws", "azure"], colour="red").status_code == 200
    assert api("GET", f"/bundles/{UUID}", replica=["azure", "aws"]).status_code == 400


def test_booleans_in_any_case(api: Api) -> None:
    bundle = api("GET", f"/bundles/{UUID}", replica="aws", directurls="False", presignedurls="TRUE").json()["bundle"]
    assert bundle["files"][0]["url"].startswith("http://")


def test_unknown_routes_and_wrong_methods(api: Api, deployment: Launched, http: requests.Session) -> None:
    for url in (f"{deployment.url}/v1/nowhere", f"{deployment.url}/nowhere", f"{deployment.url}/v1/bundles/a/b/c"):
        answer = http.get(url, timeout=30)
        assert (answer.status_code, answer.headers["Content-Type"]) == (404, "application/problem+json")
        assert answer.json()["code"] == "Not Found"
    wrong = api("POST", "/bundles/all", replica="aws")
    assert (wrong.status_code, wrong.json()["code"], wrong.headers["Allow"]) == (405, "Method Not Allowed", "GET")
    assert api("DELETE", "/swagger.json").status_code == 405


def test_everything_that_is_described_is_served() -> None:
    described = {(method.upper(), path) for path, item in PACKAGED["paths"].items() for method in item}
    assert set(HANDLERS) == described


@pytest.mark.parametrize(
    ("body", "title"),
    [
        ("", "None is not of type 'object'"),
        ("{}", "'es_query' is a required property"),
        ('{"es_query": 5}', "5 is not of type 'object'"),
        ("{", "The body is not valid JSON"),
    ],
)
def test_bodies_are_checked_too(http: requests.Session, deployment: Launched, body: str, title: str) -> None:
    answer = http.post(f"{deployment.url}/v1/search?replica=aws", data=body, timeout=30)
    assert (answer.status_code, answer.json()["code"]) == (400, "illegal_arguments")
    assert answer.json()["title"].startswith(title)


def test_references_in_body_schemas_are_followed(writing: Any) -> None:
    entry = {"uuid": UUID, "version": "2019-08-01T200147.836832Z", "name": "../up", "indexed": True}
    body = {"creator_uid": 0, "files": [entry]}
    answer = writing.send("PUT", f"/bundles/{UUID}", body, replica="aws", version="2019-08-01T200147.836832Z")
    assert (answer.status_code, answer.json()["title"].startswith("'../up' does not match")) == (400, True)
    assert answer.json()["title"].endswith("at ['files'][0]['name']")


def test_bodies_of_other_kinds_or_too_large(http: requests.Session, deployment: Launched) -> None:
    url = f"{deployment.url}/v1/search?replica=aws"
    assert http.post(url, data=b"<x/>", headers={"Content-Type": "text/xml"}, timeout=30).status_code == 415
    assert http.post(url, data=b" " * (10 * 1024 * 1024 + 1), timeout=30).status_code == 413


@pytest.mark.parametrize(("method", "retried"), [("GET", True), ("HEAD", True), ("PUT", True), ("PATCH", False)])
def test_faults_on_request(api: Api, method: str, retried: bool) -> None:
    answer = api(method, f"/bundles/{UUID}", headers={"DSS_FAKE_504_PROBABILITY": "1"}, replica="aws")
    assert answer.status_code == 504
    assert answer.headers.get("Retry-After") == ("10" if retried else None)
    if method != "HEAD":
        problem = answer.json()
        assert (problem["status"], problem["code"], problem["traces"]) == (504, "timed_out", {})
        assert "stacktrace" not in problem


def test_faults_of_searches_and_other_posts(http: requests.Session, deployment: Launched) -> None:
    headers = {"DSS_FAKE_504_PROBABILITY": "1.0"}
    search = http.post(f"{deployment.url}/v1/search?replica=aws", json={}, headers=headers, timeout=30)
    other = http.post(f"{deployment.url}/v1/bundles/{UUID}/checkout?replica=aws", json={}, headers=headers, timeout=30)
    assert (search.headers.get("Retry-After"), other.headers.get("Retry-After")) == ("10", None)


def test_faults_come_with_their_probability(api: Api) -> None:
    def failures(probability: str) -> int:
        headers = {"DSS_FAKE_504_PROBABILITY": probability}
        return sum(api("GET", "/swagger.json", headers=headers).status_code == 504 for _ in range(60))

    assert failures("0") == failures("nonsense") == 0
    assert 0 < failures("0.5") < 60


def test_pages_outside_the_description(http: requests.Session, deployment: Launched) -> None:
    assert http.get(f"{deployment.url}/internal/health", timeout=30).json() == {"Healthy": True}
    versions = {"version_info": {"version": "9.0.0"}, "upload_service_version": "9.0.0"}
    assert http.get(f"{deployment.url}/version", timeout=30).json() == versions
    index = http.get(f"{deployment.url}/", timeout=30)
    assert index.headers["Content-Type"].startswith("text/html")
    assert "/v1/swagger.json" in index.text


def test_it_listens_on_loopback_only(deployment: Launched) -> None:
    assert deployment.url.startswith("http://127.0.0.1:")
    hexadecimal_port = f"{int(deployment.url.rsplit(':', 1)[1]):04X}"
    table = Path("/proc/net/tcp")
    if not table.exists():
        pytest.skip("reads /proc/net/tcp")

    def addresses() -> list[str]:
        listening = [line.split()[1] for line in table.read_text().splitlines() if line.split()[3] == "0A"]
        return [address for address in listening if address.endswith(f":{hexadecimal_port}")]

    # What is read while others open and close sockets may lack a line, or have one twice.
    until(lambda: addresses() == [f"0100007F:{hexadecimal_port}"])


def test_the_log_has_a_line_per_request_without_secrets(api: Api, deployment: Launched, http: requests.Session) -> None:
    marker = uuid.uuid4()
    token = json.dumps({"attempts": 1, "execution_id": "very-secret"})
    answer = api("GET", "/files/1330ef1a-7a21-40c6-84c5-5cec18204028", replica="aws", token=token, marker=marker)
    location = f"{answer.headers['Location']}&marker={marker}"
    http.get(location, timeout=30)
    lines = [line for line in deployment.directory.log.read_text().splitlines() if str(marker) in line]
    assert len(lines) == 2
    assert f"GET /v1/files/1330ef1a-7a21-40c6-84c5-5cec18204028?replica=aws&token=...&marker={marker} 302 " in lines[0]
    assert lines[0].endswith("ms")
    assert "very-secret" not in lines[0]
    assert "Signature=..." in lines[1]
    assert location.split("Signature=")[1].split("&")[0] not in lines[1]


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [("http://localhost:8080", "*"), ("http://127.0.0.1:9", "*"), ("https://example.org", None), ("null", None)],
)
def test_only_pages_of_this_machine_may_read_answers(api: Api, origin: str, allowed: str | None) -> None:
    """A lab's own store must not be readable by any web site that its people visit."""
    answer = api("GET", "/bundles/all", headers={"Origin": origin}, replica="aws")
    assert answer.status_code == 200
    assert answer.headers.get("Access-Control-Allow-Origin") == allowed
