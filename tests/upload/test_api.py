"""ApiClient: what is asked on the wire, and what the service's refusals mean."""

from __future__ import annotations

import logging

import pytest

from hca.upload import UploadException
from hca.upload.lib.api_client import ApiClient, UploadApiException
from hca_core.config import HCAConfig
from hca_core.errors import HCAError, LoginError, NetworkError, NotFoundError, UsageError
from hca_core.testing import reply
from hca_upload.errors import AreaNotWritableError

AREA = "aaaaaaaa-1111-2222-3333-444444444444"
BASE = f"/v1/area/{AREA}"
INFO = {"name": "a b", "size": 1, "checksums": None}
NAMES = {
    "a.txt": "a.txt",
    "a b/c#d?e%f.txt": "a%20b%2Fc%23d%3Fe%25f.txt",
    "é\n": "%C3%A9%0A",
    "e\u0301": "e%CC%81",
    "a+b&c=d;": "a%2Bb%26c%3Dd%3B",
    "...": "...",
}


@pytest.fixture
def settings():
    config = HCAConfig()
    config.assign("http.first_wait", 0.001)
    return config


@pytest.fixture
def client(service, settings):
    made = ApiClient(f"{service.url}/v1/", api_key="the-api-key", config=settings)
    yield made
    made.close()


@pytest.fixture
def keyless(service, settings):
    made = ApiClient(f"{service.url}/v1", api_key=None, config=settings)
    yield made
    made.close()


CALLS = {
    "area_exists": (lambda c: c.area_exists(AREA), "HEAD", BASE, None, False),
    "create_area": (lambda c: c.create_area(AREA), "POST", BASE, None, True),
    "delete_area": (lambda c: c.delete_area(AREA), "DELETE", BASE, None, True),
    "credentials": (lambda c: c.credentials(AREA), "POST", f"{BASE}/credentials", None, False),
    "store_file": (lambda c: c.store_file(AREA, "a/b", b"x", "t"), "PUT", f"{BASE}/a%2Fb", b"x", True),
    "file_uploaded": (lambda c: c.file_uploaded(AREA, "a/b"), "POST", f"{BASE}/a%2Fb", None, False),
    "files_info": (lambda c: c.files_info(AREA, ["a b"]), "PUT", f"{BASE}/files_info", ["a b"], False),
    "checksum_status": (lambda c: c.checksum_status(AREA, "a/b"), "GET", f"{BASE}/a%2Fb/checksum", None, False),
    "checksum_statuses": (lambda c: c.checksum_statuses(AREA), "GET", f"{BASE}/checksums", None, False),
    "validate_files": (
        lambda c: c.validate_files(AREA, ["a b"], "image", "id", {"A": "1"}),
        "PUT",
        f"{BASE}/validate",
        {"files": ["a b"], "validator_image": "image", "original_validation_id": "id", "environment": {"A": "1"}},
        True,
    ),
    "validation_status": (lambda c: c.validation_status(AREA, "a/b"), "GET", f"{BASE}/a%2Fb/validate", None, False),
    "validation_statuses": (lambda c: c.validation_statuses(AREA), "GET", f"{BASE}/validations", None, False),
}
KEYS = {
    "AccessKeyId": "A",
    "SecretAccessKey": "secret-of-the-area",
    "SessionToken": "token-of-the-area",
    "Expiration": "E",
}
ANSWERS = {"credentials": KEYS, "files_info": [INFO], "validate_files": {"validation_id": "v"}}


@pytest.mark.parametrize("name", CALLS)
def test_what_is_asked_and_what_is_returned(name, service, client):
    call, method, path, body, secured = CALLS[name]
    answer = ANSWERS.get(name, {"x": 1})
    service.on(method, path).reply(json=answer)
    returned = call(client)
    expected = {"area_exists": True, "delete_area": None, "file_uploaded": None, "validate_files": "v"}.get(
        name, answer
    )
    assert returned == expected
    (request,) = service.requests
    assert (request.method, request.path, request.query) == (method, path, [])
    assert request.headers.get("Api-Key") == ("the-api-key" if secured else None)
    assert "Authorization" not in request.headers
    if isinstance(body, bytes) or body is None:
        assert request.body == (body or b"")
    else:
        assert request.json() == body


@pytest.mark.parametrize(("name", "spelled"), NAMES.items())
def test_names_are_one_part_of_the_path_whatever_is_in_them(name, spelled, service, client):
    service.on("*", "/*").reply(json={"checksum_status": "SCHEDULED"})
    client.checksum_status(AREA, name)
    client.file_uploaded(AREA, name)
    assert [one.path for one in service.requests] == [f"{BASE}/{spelled}/checksum", f"{BASE}/{spelled}"]


@pytest.mark.parametrize("name", ["", ".", ".."])
def test_names_that_would_lead_to_another_route_are_sent_nowhere(name, service, client):
    for call in (client.checksum_status, client.file_uploaded, client.validation_status):
        with pytest.raises(UsageError, match="can't be the name of a file"):
            call(AREA, name)
    assert service.requests == []


def test_the_content_type_goes_along(service, client):
    service.on("PUT", f"{BASE}/a").reply(json={}, status=201)
    client.store_file(AREA, "a", b"\x00\xff", "application/json; dcp-type=x")
    (request,) = service.requests
    assert (request.headers["Content-Type"], request.body) == ("application/json; dcp-type=x", b"\x00\xff")


def test_an_order_without_extras(service, client):
    service.on("PUT", f"{BASE}/validate").reply(json={"validation_id": "v"})
    client.validate_files(AREA, iter(["a"]), "image")
    assert service.requests[0].json() == {"files": ["a"], "validator_image": "image", "environment": {}}


def problem(status: int, detail: str) -> dict[str, object]:
    return {"status": status, "json": {"status": status, "title": "A title", "detail": detail}}


REFUSALS = [
    (401, LoginError, 3, "refuses the Api-Key that is configured"),
    (403, LoginError, 3, "refuses the Api-Key that is configured"),
    (404, NotFoundError, 4, f"upload area {AREA}"),
    (410, NotFoundError, 4, f"upload area {AREA}"),
    (409, AreaNotWritableError, 1, "is locked, or is being deleted"),
    (423, AreaNotWritableError, 1, "is locked, or is being deleted"),
    (400, UploadApiException, 1, "what it says"),
    (500, NetworkError, 5, "what it says"),
]


@pytest.mark.parametrize(("status", "kind", "exit_status", "sentence"), REFUSALS)
@pytest.mark.parametrize("name", [one for one in CALLS if one != "area_exists"])
def test_a_refusal_is_a_sentence_with_its_kind(name, status, kind, exit_status, sentence, service, client):
    call, method, path, _, secured = CALLS[name]
    sentence = sentence if secured or kind is not LoginError else "what it says"
    service.on(method, path).reply(**problem(status, "what it says"))
    with pytest.raises(kind, match=sentence) as caught:
        call(client)
    error = caught.value
    assert isinstance(error, UploadApiException)
    assert isinstance(error, UploadException)
    assert isinstance(error, RuntimeError)
    assert (error.code, error.exit_status) == (status, exit_status)
    assert "what it says" in error.reason
    assert "\n" not in error.message


def test_an_area_that_is_not_there(service, client):
    service.on("HEAD", BASE).reply(status=404)
    assert client.area_exists(AREA) is False


def test_whether_an_area_is_there_is_not_guessed(service, client):
    service.on("HEAD", BASE).reply(status=500)
    with pytest.raises(UploadApiException):
        client.area_exists(AREA)


def test_what_is_missing_is_named(service, client):
    service.on("*", "/*").fail(404, times=9)
    with pytest.raises(NotFoundError, match=f"there is no file 'a b' in upload area {AREA}"):
        client.checksum_status(AREA, "a b")
    with pytest.raises(NotFoundError, match="there is no file of one of these 2 names"):
        client.files_info(AREA, ["a", "b"])
    with pytest.raises(NotFoundError, match=f"there is no upload area {AREA} at {client.url}"):
        client.checksum_statuses(AREA)


@pytest.mark.parametrize("status", [400, 401])
def test_who_has_no_key_is_told_where_it_goes(status, service, keyless):
    """Without the header the service answers 400, as it does to everything that its description does not allow."""
    service.on("POST", BASE).reply(**problem(status, "Missing header parameter 'Api-Key'"))
    with pytest.raises(LoginError, match="wants an Api-Key, and none is configured") as caught:
        keyless.create_area(AREA)
    assert caught.value.exit_status == 3
    assert "upload.api_keys.STAGE" in caught.value.hint
    assert "Api-Key" not in service.requests[0].headers


def test_questions_are_repeated_and_orders_that_are_not_are_not(service, client):
    service.on("GET", f"{BASE}/checksums").fail(503, times=2).drop().reply(json={"TOTAL_NUM_FILES": 0})
    assert client.checksum_statuses(AREA) == {"TOTAL_NUM_FILES": 0}
    service.on("POST", BASE).fail(503).reply(json={})
    with pytest.raises(NetworkError):
        client.create_area(AREA)
    assert len(service.asked("GET")) == 4
    assert len(service.asked("POST")) == 1


def test_a_notice_is_given_three_times(service, client):
    service.on("POST", f"{BASE}/a").drop().fail(500).reply(json=None, status=202)
    client.file_uploaded(AREA, "a")
    assert len(service.requests) == 3
    service.on("POST", f"{BASE}/b").fail(503, times=9, retry_after=0)
    with pytest.raises(NetworkError):
        client.file_uploaded(AREA, "b")
    assert len(service.asked("POST", f"{BASE}/b")) == 3
    service.on("POST", f"{BASE}/c").fail(404, times=9)
    with pytest.raises(NotFoundError):
        client.file_uploaded(AREA, "c")
    assert len(service.asked("POST", f"{BASE}/c")) == 1


def test_credentials_are_asked_for_three_times(service, client):
    service.on("POST", f"{BASE}/credentials").drop().fail(503).reply(json=KEYS)
    assert client.credentials(AREA) == KEYS
    assert len(service.requests) == 3


def test_a_notice_waits_as_long_as_the_service_asks(service, client):
    service.on("POST", f"{BASE}/a").fail(503, retry_after=1).reply(json=None, status=202)
    client.file_uploaded(AREA, "a")
    first, second = service.requests
    assert second.time - first.time >= 1.0


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("create_area", reply(body=b"<html>")),
        ("create_area", reply(json=["uri"])),
        ("credentials", reply(json={name: "x" for name in KEYS if name != "SessionToken"})),
        ("files_info", reply(json={})),
        ("files_info", reply(json=[])),
        ("checksum_status", reply(json=None)),
    ],
)
def test_an_answer_in_no_known_form_is_told(name, answer, service, client):
    call, method, path, _, _ = CALLS[name]
    service.on(method, path).reply(answer)
    with pytest.raises(UploadException):
        call(client)


def test_no_secret_gets_into_the_log(service, client, caplog):
    caplog.set_level(logging.DEBUG)
    service.on("POST", f"{BASE}/credentials").reply(json=KEYS)
    service.on("POST", BASE).reply(json={"uri": "u"})
    client.credentials(AREA)
    client.create_area(AREA)
    told = "\n".join(record.getMessage() for record in caplog.records)
    assert "POST" in told
    for secret in ("secret-of-the-area", "token-of-the-area", "the-api-key"):
        assert secret not in told


def test_the_keys_of_an_area_are_hidden_in_messages(service, client):
    from hca_core import log

    service.on("POST", f"{BASE}/credentials").reply(json=KEYS)
    client.credentials(AREA)
    assert log.redact("x secret-of-the-area y token-of-the-area the-api-key") == "x *** y *** ***"


def test_http_is_for_this_machine_only(settings):
    client = ApiClient("http://upload.example.org/v1", api_key="K", config=settings)
    with pytest.raises(UsageError, match="is not https"):
        client.create_area(AREA)


def test_a_key_does_not_follow_a_redirect(service, client):
    service.on("POST", BASE).redirect("https://elsewhere.example.org/v1/area/x", status=307)
    with pytest.raises(HCAError, match="that is not followed"):
        client.create_area(AREA)
    assert [request.path for request in service.requests] == [BASE]
