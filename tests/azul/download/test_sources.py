"""Where bytes come from: the mirror, else Azul, else the repository; and what never goes where it should not."""

from __future__ import annotations

import hashlib
import pickle

import pytest

from hca_azul.download.sources import FileSource, source_of
from hca_azul.rows import Row
from hca_core.errors import HCAError
from hca_core.transfer import Service, Settings, Transfer, fetch

DATA = b"ACGT" * 5000
SHA = hashlib.sha256(DATA).hexdigest()
UUID = "0d5a0e5c-7a3f-4c3b-9a55-4c0f4c1d2e3f"
VERSION = "2024-01-01T00:00:00.000000Z"
MIRRORED = f"/mirror/open/file/{SHA}.sha256"
AZUL = f"/repository/files/{UUID}"


@pytest.fixture
def azul(scripted):
    return scripted(token="secret-token")


@pytest.fixture
def row(service):
    return Row(
        UUID,
        VERSION,
        "reads.fastq.gz",
        len(DATA),
        SHA,
        azul_url=f"{service.url}{AZUL}?catalog=new&version={VERSION}",
        mirror_uri=f"s3://open/file/{SHA}.sha256",
    )


@pytest.fixture
def get(azul, tmp_path):
    """A function that fetches a row and returns the result."""

    def fetched(row, kinds=("mirror", "azul", "drs")):
        source = source_of(Service("azul", azul.arguments(), azul), row, kinds)
        wanted = Transfer(row.name, str(tmp_path / "got"), source, row.size, row.sha256)
        (result,) = fetch([wanted], Settings(min_delay=0.001, retries=4))
        if result.error is None:
            assert (tmp_path / "got").read_bytes() == DATA
        return result

    return fetched


@pytest.fixture
def storage(service):
    """What a look-up at Azul leads to."""
    service.on("GET", AZUL).redirect("/signed/it?X-Goog-Signature=x")
    service.on("GET", "/signed/it").reply(body=DATA, ranges=True)


def asked(service) -> list[str]:
    return [one.path for one in service.asked() if one.path != "/index/catalogs"]


def test_the_mirror_is_asked_first_and_without_a_login(service, row, get):
    service.on("GET", MIRRORED).reply(body=DATA)
    assert get(row).error is None
    assert asked(service) == [MIRRORED]
    assert "Authorization" not in service.asked("GET", MIRRORED)[0].headers


@pytest.mark.parametrize("status", [403, 404])
@pytest.mark.usefixtures("storage")
def test_what_the_mirror_lacks_comes_from_azul_in_two_requests(service, row, get, status):
    service.on("GET", MIRRORED).fail(status, times=9)
    assert get(row).error is None
    assert asked(service) == [MIRRORED, AZUL, "/signed/it"]
    look_up = service.asked("GET", AZUL)[0]
    assert look_up.headers["Authorization"] == "Bearer secret-token"
    assert dict(look_up.query) == {"catalog": "new", "version": VERSION}
    assert look_up.headers["User-Agent"].startswith("hca/")


@pytest.mark.parametrize("status", [401, 403, 404])
def test_what_storage_refuses_is_not_said_of_azul(service, row, get, status):
    """No login helps there, and no firewall is meant; the token stays here, too."""
    elsewhere = service.url.replace("127.0.0.1", "localhost")
    service.on("GET", AZUL).redirect(f"{elsewhere}/signed/it?X-Goog-Signature=x")
    service.on("GET", "/signed/it").fail(status, times=9)
    error = get(row, ("azul",)).error
    assert "leads to storage that does not give it (localhost" in error.message
    assert error.exit_status == 5
    assert "Signature" not in error.message
    assert all("Authorization" not in one.headers for one in service.asked("GET", "/signed/it"))


@pytest.mark.usefixtures("storage")
def test_wrong_bytes_of_the_mirror_are_told_of(service, row, get, caplog):
    service.on("GET", MIRRORED).reply(body=bytes(len(DATA)))
    assert get(row).error is None
    assert asked(service) == [MIRRORED, AZUL, "/signed/it"]
    (said,) = [one.getMessage() for one in caplog.records if one.levelname == "WARNING"]
    assert "reads.fastq.gz" in said
    assert "the mirror has other bytes than promised" in said


@pytest.mark.usefixtures("storage")
def test_a_mirror_that_is_down_costs_three_tries(service, row, get):
    service.on("GET", MIRRORED).fail(503, times=9)
    assert get(row).error is None
    assert asked(service) == [MIRRORED] * 3 + [AZUL, "/signed/it"]


@pytest.mark.usefixtures("storage")
@pytest.mark.parametrize("uri", ["", "s3://open/../x", "s3:///x", "gs://open/x", "s3://o p/x", "http://elsewhere/x"])
def test_mirror_uris_that_are_none(service, row, get, uri):
    assert get(row._replace(mirror_uri=uri)).error is None
    assert asked(service) == [AZUL, "/signed/it"]


def test_a_digest_alone_is_asked_for_in_the_configured_bucket(service, get):
    service.on("GET", f"/mirror/humancellatlas/file/{SHA}.sha256").reply(body=DATA)
    assert get(Row("", name=SHA, size=len(DATA), sha256=SHA)).error is None
    assert len(asked(service)) == 1


def test_azul_may_ask_to_wait_before_it_leads_on(service, row, get):
    service.on("GET", AZUL).redirect(AZUL + "?requestIndex=1&token=t", 301, retry_after=0.01)
    service.on("GET", AZUL).redirect("/signed/it", 302)
    service.on("GET", "/signed/it").reply(body=DATA)
    assert get(row, ("azul",)).error is None
    second = service.asked("GET", AZUL)[1]
    assert dict(second.query) == {"requestIndex": "1", "token": "t"}


def test_an_expired_address_is_asked_for_anew(service, row, get):
    service.on("GET", AZUL).redirect("/signed/old", times=1)
    service.on("GET", AZUL).redirect("/signed/new")
    service.on("GET", "/signed/old").fail(403, body=b"<Error><Code>ExpiredToken</Code></Error>")
    service.on("GET", "/signed/new").reply(body=DATA)
    assert get(row, ("azul",)).error is None
    assert asked(service) == [AZUL, "/signed/old", AZUL, "/signed/new"]


def test_a_catalog_that_is_gone_is_no_reason_to_fail(service, row, get):
    old = row._replace(azul_url=row.azul_url.replace("catalog=new", "catalog=dcp1"))

    def answer(request):
        catalog = dict(request.query)["catalog"]
        if catalog == "new":
            return {"status": 302, "headers": {"Location": "/signed/it"}}
        return {"status": 404, "json": {"Code": "NotFoundError", "Message": "Catalog 'dcp1' does not exist."}}

    service.on("GET", AZUL).reply(lambda request: _reply(**answer(request)))
    service.on("GET", "/signed/it").reply(body=DATA)
    result = get(old, ("azul",))
    assert (result.error, result.origin) == (None, "azul")
    assert asked(service) == [AZUL, AZUL, "/signed/it"]


def test_what_nobody_has_is_told_in_azuls_words(service, row, get):
    service.on("GET", MIRRORED).fail(404, times=9)
    said = {"Code": "NotFoundError", "Message": "Unable to find file"}
    service.on("GET", AZUL).fail(404, times=9, json=said)
    error = get(row).error
    assert isinstance(error, HCAError)
    assert int(error.exit_status) == 4
    assert asked(service) == [MIRRORED, AZUL]  # today's catalog is the same: it is not asked again


def test_a_url_of_another_service_is_not_asked(service, row, get):
    """Manifests are files of anybody; the token is for the service that was configured, and so are the requests."""
    service.on("GET", AZUL).redirect("/signed/it")
    service.on("GET", "/signed/it").reply(body=DATA)
    evil = row._replace(azul_url="https://evil.example.org/repository/files/x?catalog=new", mirror_uri="")
    assert get(evil).error is None
    assert dict(service.asked("GET", AZUL)[0].query)["catalog"] == "new"


def test_pacing_is_for_azul_only(azul, row, monkeypatch):
    asked = []
    monkeypatch.setattr(azul.service.pacing, "wait_for", lambda who: asked.append(who) or 7.0)
    source = source_of(Service("azul", client=azul), row)
    assert (source.turn(), asked) == (0.0, [])
    assert source.elsewhere(HCAError("")).turn() == 7.0


def test_a_source_travels_without_its_token(azul, row):
    source = source_of(Service("azul", azul.arguments(), azul), row)
    packed = pickle.dumps(source)
    assert b"secret-token" not in packed
    assert "secret-token" not in repr(source)
    again = pickle.loads(packed)
    assert isinstance(again, FileSource)
    assert again.file == source.file


def test_rows_without_a_place(azul, row):
    service = Service("azul", client=azul)
    assert source_of(service, Row(UUID, name="phantom", sha256=SHA)) is None
    assert source_of(service, row, ("drs",)) is None
    assert source_of(service, row, ("azul", "mirror")).kinds[0] == "azul"


def _reply(**given):
    import json

    from hca_core.testing import Reply

    body = json.dumps(given["json"]).encode() if "json" in given else b""
    return Reply(given["status"], given.get("headers", {}), body)


def test_troubles_of_azul_are_no_reason_to_ask_another_catalog(azul, row):
    from hca_core.errors import IntegrityError, NetworkError, NotFoundError

    old = row._replace(azul_url=row.azul_url.replace("catalog=new", "catalog=gone"))
    source = source_of(Service("azul", client=azul), old, ("azul",))
    assert source.elsewhere(NetworkError("")) is None
    assert source.elsewhere(IntegrityError("")) is None
    assert source.elsewhere(NotFoundError("")) is not None
    same = source_of(Service("azul", client=azul), row, ("azul",))
    assert same.elsewhere(NotFoundError("")) is None
    both = source_of(Service("azul", client=azul), row._replace(drs_uri="drs://x/y"), ("azul", "drs"))
    assert both.elsewhere(NetworkError("")).kinds == ("drs",)
