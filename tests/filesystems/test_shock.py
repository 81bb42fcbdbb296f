"""`shock://`: files of nodes."""

import hashlib
import pickle

import fsspec
import pytest

from hca_core.errors import HCAError, IntegrityError, UsageError
from hca_core.testing import reply
from hca_shock.errors import ShockError

DATA = bytes(range(256)) * 2048


@pytest.fixture(scope="module")
def made(served, tmp_path_factory):
    name = tmp_path_factory.mktemp("node") / "table 1.csv"
    return served.node(DATA, str(name))


@pytest.fixture
def fs(deployment):
    return fsspec.filesystem("shock", first_wait=0.01, most_wait=0.02)


def test_a_node_is_a_file_with_or_without_its_name(fs, made):
    for path in (f"_/{made}", f"_/{made}/table 1.csv"):
        assert fs.cat_file(path) == DATA
        info = fs.info(path)
        assert (info["name"], info["size"], info["type"], info["id"]) == (path, len(DATA), "file", made)
        assert info["md5"] == hashlib.md5(DATA).hexdigest()
        assert fs.isfile(path)
    assert [one["name"] for one in fs.ls(f"shock://_/{made}")] == [f"_/{made}"]
    assert not fs.exists(f"_/{made}/other.csv")
    assert fs.modified(f"_/{made}") == fs.info(f"_/{made}")["modified"]
    assert fs.ukey(f"_/{made}") == f"md5:{hashlib.md5(DATA).hexdigest()}"


def test_ranges(fs, made):
    assert fs.cat_file(f"_/{made}", 70_000, 70_100) == DATA[70_000:70_100]
    assert fs.cat_file(f"_/{made}", 0, 100) == DATA[:100]
    assert fs.cat_file(f"_/{made}", -5) == DATA[-5:]
    assert fs.cat_ranges([f"_/{made}"] * 3, [0, 5, 9], [1, 7, 12]) == [DATA[:1], DATA[5:7], DATA[9:12]]
    with fs.open(f"_/{made}", block_size=10_000) as stream:
        assert stream.read() == DATA
        stream.seek(1234)
        assert stream.read(5) == DATA[1234:1239]
        assert pickle.loads(pickle.dumps(stream)).read(5) == DATA[1239:1244]


def test_a_file_is_fetched(fs, made, tmp_path):
    fs.get_file(f"_/{made}", tmp_path / "x")
    assert (tmp_path / "x").read_bytes() == DATA
    with open(tmp_path / "y", "wb") as target:
        fs.get_file(f"_/{made}", target)
    assert (tmp_path / "y").read_bytes() == DATA
    with pytest.raises(NotImplementedError):
        fs.sign(f"_/{made}")


def test_servers_have_names(deployment, made, monkeypatch, hca):
    monkeypatch.delenv("HCA_SHOCK_URL")
    address = deployment.shock_url.partition("://")[2]
    assert fsspec.filesystem("shock").cat_file(f"{address}/{made}", 0, 3) == DATA[:3]
    assert fsspec.filesystem("shock", url=deployment.shock_url).cat_file(f"_/{made}", 0, 3) == DATA[:3]
    assert hca("config", "set", "shock.servers.lab.url", deployment.shock_url).exit_status == 0
    fs = fsspec.filesystem("shock", tries=2)
    monkeypatch.setattr("hca_core.filesystem.system.get_config", lambda: __import__("hca_core").HCAConfig())
    assert fs.cat_file(f"lab/{made}", 0, 3) == DATA[:3]
    assert "lab" in fs.ls("", detail=False)
    with pytest.raises(UsageError, match="millions of nodes"):
        fs.ls("lab")


@pytest.mark.parametrize(
    "path", ["nowhere/x", "nowhere", "bad:port:x/y", "_/6b7f1f3c-54a7-4b4c-9a38-000000000000", "_/.."]
)
def test_what_is_not_there(fs, path):
    assert not fs.exists(path)
    with pytest.raises(FileNotFoundError):
        fs.cat_file(path)


def test_http_to_another_machine_is_refused(fs):
    with pytest.raises(UsageError, match="not https"):
        fs.info("shock.example.org/6b7f1f3c-54a7-4b4c-9a38-000000000000")


def _node(**file):
    told = {"name": "x", "size": len(DATA), "checksum": {"md5": hashlib.md5(DATA).hexdigest()}, **file}
    return {"status": 200, "error": None, "data": {"id": "n1", "version": "1", "type": "basic", "file": told}}


@pytest.fixture
def shock(service, monkeypatch):
    monkeypatch.setenv("HCA_SHOCK_URL", service.url)
    return service


def _answers(shock, node, content):
    """Answer for the node, and with `content(request)` for its bytes."""

    def answer(request):
        return content(request) if ("download_raw", "") in request.query else node

    shock.on("GET", "/node/n1").reply(answer)
    return fsspec.filesystem("shock", first_wait=0.01, most_wait=0.02, tries=3, skip_instance_cache=True)


def test_a_server_that_does_not_heed_seek_is_found_out(shock):
    fs = _answers(shock, _node(), lambda request: reply(body=DATA))
    with pytest.raises(IntegrityError):
        fs.cat_file("_/n1", 100, 200)


def test_wrong_bytes_are_found(shock):
    fs = _answers(shock, _node(), lambda request: reply(body=DATA[::-1]))
    with pytest.raises(IntegrityError, match="_/n1: expected md5"):
        fs.cat_file("_/n1")
    with fs.open("_/n1/x") as stream, pytest.raises(IntegrityError):
        stream.read()


def test_what_can_not_be_read_yet_is_told(shock):
    fs = _answers(shock, _node(checksum={}, size=0, locked={"created_on": "2026-01-01T00:00:00Z"}), None)
    with pytest.raises(ShockError, match="put together"):
        fs.info("_/n1")


def test_a_refused_node_is_a_permission_error(shock):
    shock.on("GET", "/node/n1").fail(401, times=99, json={"status": 401, "data": None, "error": ["User Unauthorized"]})
    with pytest.raises(PermissionError) as caught:
        fsspec.filesystem("shock", tries=1).info("_/n1")
    assert isinstance(caught.value, HCAError)


def test_a_subset_is_read_from_its_beginning(shock):
    node = _node(checksum={})
    node["data"]["type"] = "subset"

    def content(request):
        assert all(name == "download_raw" for name, _ in request.query)
        return reply(body=DATA)

    fs = _answers(shock, node, content)
    assert fs.cat_file("_/n1", 1000, 1010) == DATA[1000:1010]
    assert fs.cat_file("_/n1") == DATA
    assert fs.ukey("_/n1") == "_:n1:1"
    with pytest.raises(UsageError, match="no checksum"):
        fs.checksum("_/n1")


def test_errors_of_the_server_have_its_words(shock):
    gone = {"status": 500, "data": None, "error": ["err@node_Read: the disk is on fire"]}
    fs = _answers(shock, _node(), lambda request: reply(json=gone, status=500))
    with pytest.raises(ShockError, match="the disk is on fire"):
        fs.cat_file("_/n1", 3, 5)
