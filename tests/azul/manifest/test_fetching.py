"""What a manifest has is fetched whole, whatever happens to connections, links and objects on the way."""

from __future__ import annotations

import hashlib
import os
import time
from dataclasses import replace
from pathlib import Path

import pytest
from neighbours import load

from hca_azul.errors import AzulApiError, AzulUnavailableError
from hca_core.errors import ExitStatus, IntegrityError, NetworkError, UsageError
from hca_core.testing import reply

scripted = load(Path(__file__).with_name("scripted.py"), "azul_scripted")
tables = load(Path(__file__).with_name("tables.py"), "azul_tables")
PUT, KEPT = scripted.PUT, scripted.KEPT
CONTENT = tables.table(*(tables.row(file_uuid=str(n)) for n in range(100)))


@pytest.fixture
def made(service, storage, azul):
    """A function that makes a manifest whose link has `query`; each order gives a link of its own."""

    def make(query="", **settings):
        counted = iter(range(1, 100))
        service.on(*PUT).reply(lambda _: scripted.done(f"{storage.url}{KEPT}/{next(counted)}{query}"))
        return azul.manifest(**settings)

    return make


def links(storage):
    """Return which link was asked for, and from which byte on."""
    return [
        (int(one.path.rpartition("/")[2]), int((one.headers["Range"] or "bytes=0-")[6:-1])) for one in storage.requests
    ]


def test_saved(made, storage, tmp_path):
    storage.on("GET", f"{KEPT}/1").reply(scripted.stored(CONTENT))
    saved = made().save(tmp_path / "m.tsv")
    assert (tmp_path / "m.tsv").read_bytes() == CONTENT
    assert saved == (str(tmp_path / "m.tsv"), len(CONTENT), hashlib.sha256(CONTENT).hexdigest())
    assert os.listdir(tmp_path) == ["m.tsv"]
    (asked,) = storage.requests
    assert asked.headers["Accept-Encoding"] == "identity"
    assert scripted.secrets_sent(storage.requests) == []


def test_to_a_file_at_once(made, storage, tmp_path):
    storage.on("GET", f"{KEPT}/1").reply(scripted.stored(CONTENT))
    made(to=tmp_path / "m.tsv")
    assert (tmp_path / "m.tsv").read_bytes() == CONTENT


def test_rows(made, storage):
    storage.on("GET", f"{KEPT}/1").reply(scripted.stored(CONTENT))
    with made().rows() as found:
        assert [row.uuid for row in found] == [row.uuid for row in found] == [str(n) for n in range(100)]
    assert len(storage.requests) == 1


@pytest.mark.parametrize("fault", ["truncate", "reset"])
def test_goes_on_where_it_broke_off(made, storage, tmp_path, fault):
    script = storage.on("GET", f"{KEPT}/1")
    whole = scripted.stored(CONTENT)
    getattr(script, fault)(5000, body=CONTENT, headers=whole.headers)
    script.reply(whole)
    made().save(tmp_path / "m.tsv")
    assert (tmp_path / "m.tsv").read_bytes() == CONTENT
    first, second = links(storage)
    assert first == (1, 0)
    assert second[0] == 1
    if fault == "truncate":  # after a reset the network may lose what came
        assert second == (1, 5000)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
def test_what_is_gone_is_ordered_again(made, service, storage, tmp_path, status):
    storage.on("GET", f"{KEPT}/1").fail(status, times=9)
    storage.on("GET", f"{KEPT}/2").reply(scripted.stored(CONTENT))
    manifest = made()
    manifest.save(tmp_path / "m.tsv")
    assert (tmp_path / "m.tsv").read_bytes() == CONTENT
    assert len(service.asked(*PUT)) == 2
    assert manifest.url.endswith("/2")


def test_what_is_gone_again(made, service, storage, tmp_path):
    storage.on("GET", f"{KEPT}*").fail(404, times=9)
    with pytest.raises(AzulUnavailableError, match="its storage answered 404") as caught:
        made().save(tmp_path / "m.tsv")
    assert caught.value.exit_status == ExitStatus.NETWORK
    assert KEPT not in caught.value.message
    assert len(service.asked(*PUT)) == 2
    assert os.listdir(tmp_path) == []


def test_link_that_has_ended_is_not_asked(made, service, storage):
    manifest = made("?X-Amz-Date=20200101T000000Z&X-Amz-Expires=3600")
    storage.on("GET", f"{KEPT}/2").reply(scripted.stored(CONTENT))
    assert manifest.has_ended
    with manifest.rows() as found:
        assert len(list(found)) == 100
    assert links(storage) == [(2, 0)]
    assert len(service.asked(*PUT)) == 2


def test_link_that_has_not_ended(made, storage):
    storage.on("GET", f"{KEPT}/1").reply(scripted.stored(CONTENT))
    manifest = made(f"?Expires={int(time.time()) + 3600}")
    assert not manifest.has_ended
    manifest.rows().close()
    assert links(storage) == [(1, 0)]


def test_link_that_ends_on_the_way(made, storage, tmp_path):
    storage.on("GET", f"{KEPT}/1").truncate(5000, body=CONTENT, headers={"ETag": '"1"'}).fail(403, times=9)
    storage.on("GET", f"{KEPT}/2").reply(scripted.stored(CONTENT))
    made().save(tmp_path / "m.tsv")
    assert (tmp_path / "m.tsv").read_bytes() == CONTENT
    assert links(storage)[0] == (1, 0)
    assert links(storage)[-1] == (2, 5000)


def test_link_that_ends_ever_again(made, storage, tmp_path):
    storage.on("GET", f"{KEPT}/1").truncate(5000, body=CONTENT, headers={"ETag": '"1"'}).fail(403, times=99)
    storage.on("GET", f"{KEPT}*").fail(403, times=99)
    with pytest.raises(AzulUnavailableError, match="its storage answered 403"):
        made().save(tmp_path / "m.tsv")
    assert os.listdir(tmp_path) == []


def test_links_that_end_before_anything_comes(made, service, storage, tmp_path):
    """Each is good for one answer, of which nothing arrives: that would go on for ever."""
    seen = []

    def answer(request):
        seen.append(request.path)
        if seen.count(request.path) > 1:
            return reply(status=403)
        return replace(scripted.stored(CONTENT), truncate_after=0)

    storage.on("GET", f"{KEPT}*").reply(answer)
    with pytest.raises(AzulUnavailableError, match="its storage answered 403"):
        made().save(tmp_path / "m.tsv")
    assert len(service.asked(*PUT)) == 2


@pytest.mark.parametrize("length", [1, 40])
def test_manifest_that_is_another_one_meanwhile(made, storage, tmp_path, length):
    other = tables.table(*[tables.row(file_uuid="other")] * length)
    storage.on("GET", f"{KEPT}/1").truncate(5000, body=CONTENT, headers={"ETag": '"1"'}).fail(404, times=9)
    storage.on("GET", f"{KEPT}/2").reply(scripted.stored(other, '"2"'))
    made().save(tmp_path / "m.tsv")
    assert (tmp_path / "m.tsv").read_bytes() == other


def test_storage_that_does_not_tell_whether_it_is_the_same(made, storage, tmp_path):
    whole = reply(body=CONTENT, ranges=True)
    storage.on("GET", f"{KEPT}/1").truncate(5000, body=CONTENT).reply(whole)
    made().save(tmp_path / "m.tsv")
    assert (tmp_path / "m.tsv").read_bytes() == CONTENT
    assert links(storage)[-1] == (1, 0)


def test_manifest_that_changes_ever_again(made, storage, tmp_path):
    counted = iter(range(100))

    def answer(_):
        return replace(scripted.stored(CONTENT, f'"{next(counted)}"'), truncate_after=5000)

    storage.on("GET", f"{KEPT}/1").reply(answer)
    with pytest.raises(IntegrityError, match="changes while it is fetched"):
        made().save(tmp_path / "m.tsv")


def test_storage_that_is_down(made, storage, tmp_path):
    storage.on("GET", f"{KEPT}*").fail(503, times=99)
    with pytest.raises(AzulUnavailableError, match="its storage answered 503"):
        made().save(tmp_path / "m.tsv")


def test_storage_that_is_busy(made, storage, tmp_path):
    storage.on("GET", f"{KEPT}/1").fail(503, retry_after=0).reply(scripted.stored(CONTENT))
    made().save(tmp_path / "m.tsv")
    assert (tmp_path / "m.tsv").read_bytes() == CONTENT


def test_storage_that_hangs_up(made, storage, tmp_path):
    storage.on("GET", f"{KEPT}*").drop(times=99)
    with pytest.raises(NetworkError):
        made().save(tmp_path / "m.tsv")


def test_errors_that_no_new_link_mends(made, service, storage, tmp_path):
    storage.on("GET", f"{KEPT}*").fail(406, times=9)
    with pytest.raises(AzulApiError, match="its storage answered 406"):
        made().save(tmp_path / "m.tsv")
    assert len(service.asked(*PUT)) == 1


def test_file_that_is_there_stays_until_the_end(made, storage, tmp_path):
    (tmp_path / "m.tsv").write_bytes(b"old")
    storage.on("GET", f"{KEPT}*").fail(404, times=99)
    with pytest.raises(AzulUnavailableError):
        made().save(tmp_path / "m.tsv")
    assert (tmp_path / "m.tsv").read_bytes() == b"old"


def test_key_of_a_manifest_for_curl(service, storage, azul):
    """The link is one of the service, which leads to storage; it must not see a login (contract §0.14)."""
    service.on("GET", "/openapi").reply(json={})
    service.on(*PUT).reply(json=scripted.done(f"{service.url}/manifest/files/k3y"))
    service.on("GET", "/manifest/files/k3y").redirect(f"{storage.url}{KEPT}")
    storage.on("GET", KEPT).reply(
        scripted.stored(b'--fail\nurl="https://a.example.org/repository/files/1"\noutput=x\n')
    )
    manifest = azul.manifest(format="curl")
    with manifest.rows() as found:
        assert [(row.uuid, row.name) for row in found] == [("1", "x")]
    assert manifest.expires is None
    assert scripted.secrets_sent(service.asked("GET", "/manifest/files/k3y")) == []
    assert scripted.secrets_sent(storage.requests) == []


def test_key_that_is_too_old(service, storage, azul, tmp_path):
    service.on("GET", "/openapi").reply(json={})
    service.on(*PUT).reply(json=scripted.done(f"{service.url}/manifest/files/old")).reply(
        json=scripted.done(f"{service.url}/manifest/files/new")
    )
    service.on("GET", "/manifest/files/old").fail(410, times=9, json={"Code": "GoneError", "Message": "expired"})
    service.on("GET", "/manifest/files/new").redirect(f"{storage.url}{KEPT}")
    storage.on("GET", KEPT).reply(scripted.stored(b"--fail\n"))
    azul.manifest(format="curl").save(tmp_path / "x")
    assert (tmp_path / "x").read_bytes() == b"--fail\n"


def test_formats_without_rows(made, service, storage):
    service.on("GET", "/openapi").reply(json={})
    with pytest.raises(UsageError, match=r"in the format terra\.pfb has no rows"):
        made(format="terra.pfb").rows()
    assert storage.requests == []


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("", ""),
        ("attachment", ""),
        ('attachment;filename="Pancreas 2024-10-01 12.30.tsv"', "Pancreas 2024-10-01 12.30.tsv"),
        ("attachment; filename=x.tsv; size=3", "x.tsv"),
        ("attachment;filename=Pancreas%202024-10-01%2012.30.tsv", "Pancreas 2024-10-01 12.30.tsv"),
        ("attachment;filename=Pancreas 2024-10-01 12.30.tsv", "Pancreas 2024-10-01 12.30.tsv"),
        ("attachment;filename=..%2F..%2Fx.tsv", "x.tsv"),
        ('attachment;filename="50%20 of it.tsv"', "50%20 of it.tsv"),
        (r'attachment; filename="a \"b\".tsv"', "a _b_.tsv"),
        ("attachment; filename=\"x.tsv\"; filename*=UTF-8''%C3%A4%20b.tsv", "ä b.tsv"),
        ('attachment; filename="../../etc/passwd"', "passwd"),
        (r'attachment; filename="..\\..\\x.tsv"', "x.tsv"),
        ("attachment; filename*=UTF-8''..%2F..%2F.bashrc", "bashrc"),
        ('attachment; filename=".."', ""),
        ('attachment; filename="a\x01.tsv"', ""),
        ('attachment; filename="a:b*.tsv"', "a_b_.tsv"),
        (f'attachment; filename="{"x" * 300}"', ""),
    ],
)
def test_names_of_the_service_are_harmless(header, name):
    from hca_azul.manifest.fetching import _name_in

    assert _name_in(header) == name
