"""UploadService and UploadArea: the published Python API."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from hca.upload import UploadArea, UploadAreaURI, UploadException, UploadService
from hca_core.config import HCAConfig, get_config
from hca_core.errors import NotFoundError, UsageError
from hca_upload.errors import AreaChoiceError

AREA = "aaaaaaaa-1111-2222-3333-444444444444"
BUCKET = "org-humancellatlas-upload-local"
URI = f"s3://{BUCKET}/{AREA}/"
BASE = f"/v1/area/{AREA}"


@pytest.fixture
def service_local(upload):
    made = UploadService("local")
    yield made
    made.close()


@pytest.fixture
def area(service_local):
    return UploadArea(UploadAreaURI(URI), service_local)


def test_an_area_knows_where_it_is(area, service_local):
    assert (area.uuid, area.deployment_stage, area.key_prefix) == (AREA, "local", f"{AREA}/")
    assert area.uri == UploadAreaURI(URI)
    assert area.upload_service is service_local
    assert area.config is service_local.config()
    assert area.api is service_local.api
    assert repr(area) == f"UploadArea({URI!r})"


def test_areas_of_a_service(service_local, upload):
    by_uri = service_local.upload_area(area_uri=UploadAreaURI(URI))
    assert by_uri.uri == service_local.upload_area(URI).uri == service_local.upload_area(area_uuid=AREA).uri
    for bad in (
        {},
        {"area_uuid": "x"},
        {"area_uri": "s3://bad"},
        {"area_uri": URI.replace("local", "dev")},
    ):
        with pytest.raises(UsageError) as caught:
            service_local.upload_area(**bad)
        assert isinstance(caught.value, UploadException)
    assert upload.requests == []


def test_an_area_of_its_own_stage_makes_its_service(upload):
    area = UploadArea(URI)
    assert area.upload_service.deployment_stage == "local"
    upload.on("HEAD", BASE).reply(json={})
    assert area.exists()
    area.upload_service.close()


@pytest.mark.parametrize("stage", ["", "a-b", "a.b", "DEV", "dev/", "x\n"])
def test_a_stage_that_would_change_the_address_is_refused(stage):
    with pytest.raises(UsageError, match="is not a deployment stage"):
        UploadService(stage)


def test_the_key_of_a_stage_is_for_that_stage(upload, monkeypatch):
    monkeypatch.delenv("HCA_UPLOAD_URL")
    config = HCAConfig()
    config.assign("upload.api_keys", {"local": "L", "dev": "D", "prod": "P"})
    config.assign("upload.preprod_api_url_template", f"{upload.url}/{{deployment_stage}}/v1")
    config.assign("upload.production_api_url", f"{upload.url}/v1")
    upload.on("*", "/*").reply(json={"uri": URI}, status=201)

    def deleted(stage, token=None):
        service = UploadService(stage, token, config=config)
        service.api.delete_area(AREA)
        service.close()
        return upload.requests[-1].path.split("/")[1], upload.requests[-1].headers.get("Api-Key")

    assert deleted("local") == ("local", "L")
    assert deleted("dev") == ("dev", "D")
    assert deleted("prod") == ("v1", "P")
    assert deleted("staging") == ("staging", None)
    assert deleted("dev", "given") == ("dev", "given")
    # The service that is named for all stages may be anybody's.
    config.assign("upload.url", f"{upload.url}/v1")
    assert deleted("dev") == ("v1", None)
    config.assign("upload.api_key", "U")
    assert deleted("dev") == ("v1", "U")


def test_the_deployment_on_this_machine_is_no_other_stage(upload, monkeypatch):
    monkeypatch.delenv("HCA_UPLOAD_URL")
    config = HCAConfig()
    config.assign("upload.preprod_api_url_template", f"{upload.url}/v1")
    assert UploadService("local", config=config).api.url == f"{upload.url}/v1"
    with pytest.raises(AreaChoiceError, match="has the stage local, not staging"):
        UploadService("staging", config=config).api  # noqa: B018
    config.assign("upload.preprod_api_url_template", "https://upload.example.org/v1")
    assert UploadService("staging", config=config).api.url == "https://upload.example.org/v1"


@pytest.mark.parametrize("paths", ["one", b"one", Path("one")])
def test_a_path_alone_is_one_path(keys, area, paths):
    with pytest.raises(UsageError, match="one does not exist"):
        area.upload_files(paths)
    with pytest.raises(UsageError, match="one does not exist"):
        next(area.check(paths))


def test_an_area_is_made(upload, service_local):
    upload.on("POST", BASE).reply(json={"uri": URI}, status=201)
    assert service_local.create_area(AREA).uri == UploadAreaURI(URI)
    with pytest.raises(UsageError):
        service_local.create_area(AREA[:-1])
    assert len(upload.requests) == 1


@pytest.mark.parametrize("answer", [{}, {"uri": "s3://bad"}, {"uri": URI.replace("local", "dev")}])
def test_an_area_that_was_made_elsewhere_is_the_services_mistake(upload, service_local, answer):
    upload.on("POST", BASE).reply(json=answer, status=201)
    with pytest.raises(UploadException, match="can't be used") as caught:
        service_local.create_area(AREA)
    assert caught.value.exit_status == 1


def test_who_asks_the_hosted_service_is_told_that_it_is_retired():
    service = UploadService("dev")
    assert "hca local up" in service.api.session.hint
    service.close()


def test_credentials(keys, area):
    assert area.get_credentials() == {
        "aws_access_key_id": "ASIAEXAMPLE",
        "aws_secret_access_key": "se/cr+et=of the area",
        "aws_session_token": "session$(token)`of`'the'\"area\"",
        "expiry_time": "2999-01-01T00:00:00+00:00",
    }


def test_names_sizes_and_dates_come_page_by_page(listed, area, keys):
    listed({"b c/d&e.txt": 2, "a": 1, "é%20": 3, "": 0}, most=2)
    files = area.list()
    assert next(files) == {"name": "a", "size": 1, "last_modified": "2026-11-22T01:02:03+00:00"}
    assert len(keys.asked("GET", f"/{BUCKET}")) == 1
    assert [file["name"] for file in files] == ["b c/d&e.txt", "é%20"]
    assert len(keys.asked("GET", f"/{BUCKET}")) == 2


def info(name: str) -> dict[str, object]:
    return {
        "upload_area_id": AREA,
        "name": name,
        "size": 5,
        "content_type": "t",
        "url": URI + name,
        "checksums": {"sha1": "0"},
    }


def test_details_are_asked_for_a_hundred_at_a_time_by_their_raw_names(listed, area, keys):
    names = [f"a b/{number:03}%.txt" for number in range(250)]
    listed(dict.fromkeys(names, 5))
    keys.on("PUT", f"{BASE}/files_info").reply(lambda request: [info(name) for name in request.json()])
    files = list(area.list(detail=True))
    asked = [request.json() for request in keys.asked("PUT")]
    assert [len(one) for one in asked] == [100, 100, 50]
    assert [name for one in asked for name in one] == names
    assert [file["name"] for file in files] == names
    assert files[0] == {**info(names[0]), "last_modified": "2026-11-22T01:02:03+00:00"}


def test_a_file_that_the_service_does_not_know_takes_no_other_with_it(listed, area, keys):
    names = [f"{number}" for number in range(9)]
    listed(dict.fromkeys(names, 5))

    def answer(request):
        from hca_core.testing import reply

        asked = request.json()
        return reply(status=404, json={}) if "3" in asked else [info(name) for name in asked]

    keys.on("PUT", f"{BASE}/files_info").reply(answer)
    files = list(area.list(detail=True))
    assert [file["name"] for file in files] == names
    assert [file["name"] for file in files if file["checksums"] is None] == ["3"]
    assert files[3]["url"] == f"{URI}3"


def test_an_empty_area(listed, area):
    listed({})
    assert list(area.list()) == list(area.list(detail=True)) == []


def test_small_files(area, upload):
    upload.on("PUT", f"{BASE}/a.json").reply(json=info("a.json"), status=201)
    assert area.store_file("a.json", '{"é": 1}', 'application/json; dcp-type="metadata/x"') == info("a.json")
    assert area.store_file("a.json", b"\xff", "x; dcp-type=y") == info("a.json")
    assert [one.body for one in upload.requests] == ['{"é": 1}'.encode(), b"\xff"]


def test_what_the_service_found_out(area, upload):
    answers = {
        "a%2Fb/checksum": {"checksum_status": "CHECKSUMMED", "checksums": {}},
        "checksums": {"TOTAL_NUM_FILES": 1},
        "a%2Fb/validate": {"validation_status": "VALIDATED", "validation_results": "r"},
        "validations": {"VALIDATED": 1},
    }
    for path, answer in answers.items():
        upload.on("GET", f"{BASE}/{path}").reply(json=answer)
    told = [
        area.checksum_status("a/b"),
        area.checksum_statuses(),
        area.validation_status("a/b"),
        area.validation_statuses(),
    ]
    assert told == list(answers.values())


def test_validation(area, upload):
    upload.on("PUT", f"{BASE}/validate").reply(json={"validation_id": "v"})
    assert area.validate_files(["a"], "image", "", {}) == {"validation_id": "v"}
    assert upload.requests[0].json() == {"files": ["a"], "validator_image": "image", "environment": {}}


def test_deletion_and_an_area_that_is_gone(area, upload):
    upload.on("DELETE", BASE).reply(json=None, status=202).fail(404)
    area.delete()
    with pytest.raises(NotFoundError):
        area.delete()


def test_the_published_signatures():
    assert list(inspect.signature(UploadService).parameters)[:2] == ["deployment_stage", "api_token"]
    assert list(inspect.signature(UploadArea).parameters) == ["uri", "upload_service"]
    parameters = inspect.signature(UploadArea.upload_files).parameters
    assert [(name, one.default) for name, one in parameters.items() if one.kind is one.POSITIONAL_OR_KEYWORD][1:] == [
        ("file_paths", inspect.Parameter.empty),
        ("file_size_sum", 0),
        ("dcp_type", "data"),
        ("target_filename", None),
        ("use_transfer_acceleration", True),
        ("report_progress", False),
        ("sync", True),
    ]


def test_the_client_by_its_services_name(upload):
    import hca_core

    made = hca_core.client("upload", config=get_config())
    assert isinstance(made, UploadService)
    assert made.deployment_stage == "prod"
