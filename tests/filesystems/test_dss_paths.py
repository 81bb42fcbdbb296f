"""What is at the paths of `dss://`."""

from datetime import UTC, datetime

import fsspec
import pytest

from hca_core.errors import HCAError, NotFoundError, UsageError
from hca_core.filesystem import FileMissingError, IsFolderError, ReadOnlyError

ODD = ["with space.txt", "per%20cent%.txt", "hash#1.txt", "what?.txt", "größe/ß[1].txt", "a+b&c=d;e.txt"]


@pytest.fixture(scope="module")
def bundle(served):
    contents = {"cells.csv": b"a,b\n1,2\n", "data/x.bin": b"x" * 100, "data/deep/y.bin": b"y" * 50, "m.json": b"{}"}
    return served.bundle(contents | {name: name.encode() for name in ODD})


def test_the_names_of_a_bundle_make_directories(deployment, bundle, system):
    fs = system()
    assert set(fs.ls(bundle, detail=False)) >= {f"{bundle}/cells.csv", f"{bundle}/data", f"{bundle}/größe"}
    assert sorted(fs.ls(f"dss://{bundle}/data/", detail=False)) == [f"{bundle}/data/deep", f"{bundle}/data/x.bin"]
    assert [one["type"] for one in fs.ls(f"{bundle}/data")] == [
        "directory" if one.endswith("deep") else "file" for one in fs.ls(f"{bundle}/data", detail=False)
    ]
    assert fs.ls(f"{bundle}/m.json", detail=False) == [f"{bundle}/m.json"]
    assert fs.find(f"{bundle}/data") == [f"{bundle}/data/deep/y.bin", f"{bundle}/data/x.bin"]
    assert fs.glob(f"{bundle}/**/*.bin") == fs.find(f"{bundle}/data")
    assert fs.du(f"{bundle}/data") == 150
    assert [folders for _, folders, _ in fs.walk(f"{bundle}/data")] == [["deep"], []]
    assert fs.isdir(f"{bundle}/data")
    assert not fs.isdir(f"{bundle}/m.json")
    assert fs.isfile(f"{bundle}/m.json")
    assert not fs.isfile(f"{bundle}/data")


def test_what_the_service_tells_of_a_file(deployment, bundle, system):
    fs = system()
    info = fs.info(f"{bundle}/m.json")
    assert info["name"] == f"{bundle}/m.json"
    assert (info["size"], info["type"], info["indexed"]) == (2, "file", True)
    assert info["sha256"] == "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    assert info["content-type"].startswith("application/json")
    assert info["version"] == "2019-07-10T001103.121000Z"
    assert fs.modified(f"{bundle}/m.json") == fs.created(f"{bundle}/m.json") == info["modified"]
    assert info["modified"] == datetime(2019, 7, 10, 0, 11, 3, 121000, UTC)
    assert fs.ukey(f"{bundle}/m.json") == f"sha256:{info['sha256']}"
    assert fs.checksum(f"{bundle}/m.json") == int(info["sha256"], 16)
    assert fs.info(bundle)["version"] == "2019-07-10T001103.121000Z"


@pytest.mark.parametrize("name", ODD)
def test_names_are_taken_as_they_are_written(deployment, bundle, system, name):
    assert system().cat_file(f"dss://{bundle}/{name}") == name.encode()
    with system().open(f"dss://{bundle}/{name}") as stream:
        assert stream.read() == name.encode()
    (found,) = fsspec.open_files([f"dss://{bundle}/{name.replace('[', '[[]')}"])  # which takes patterns
    with found as stream:
        assert stream.read() == name.encode()
    assert not system().exists(f"{bundle}/{name.replace('%20', ' ').replace(' ', '%20')}x")


def test_names_are_not_decoded(deployment, bundle, system):
    assert not system().exists(f"{bundle}/with%20space.txt")
    assert not system().exists(f"{bundle}/per cent%.txt")


@pytest.mark.parametrize(
    "path",
    [
        "aws/6b7f1f3c-54a7-4b4c-9a38-000000000000",
        "aws/6b7f1f3c-54a7-4b4c-9a38-000000000000/a",
        "aws/no-uuid/a",
        "aws/../a",
        "azure",
        "azure/6b7f1f3c-54a7-4b4c-9a38-000000000000/a",
    ],
)
def test_what_is_not_there_is_missing_for_python_and_for_hca(deployment, system, path):
    fs = system()
    assert not fs.exists(path)
    for look in (fs.info, fs.ls, fs.cat_file, fs.open):
        with pytest.raises(FileNotFoundError) as caught:
            look(path)
        assert isinstance(caught.value, NotFoundError)
        assert path in str(caught.value)


def test_a_missing_name_tells_which_there_are(deployment, bundle, system):
    with pytest.raises(FileMissingError, match=r"cells\.cvs does not exist") as caught:
        system().cat_file(f"{bundle}/cells.cvs")
    assert "'cells.csv'" in caught.value.hint
    with pytest.raises(FileMissingError):
        system().info(f"{bundle}/cells.csv/below")


def test_all_bundles_are_not_listed(deployment, system):
    fs = system()
    assert fs.ls("", detail=False) == fs.ls("dss://", detail=False) == ["aws", "gcp"]
    assert fs.isdir("aws")
    for look in (fs.ls, lambda path: fs.glob(f"{path}/*"), fs.find):
        with pytest.raises(UsageError, match="millions of bundles") as caught:
            look("aws")
        assert "get-bundles-all" in caught.value.hint


def test_nothing_is_written(deployment, bundle, system):
    fs, path = system(), f"{bundle}/new"
    for write in (
        fs.mkdir, fs.makedirs, fs.rmdir, fs.rm, fs.rm_file, fs.touch,
        lambda path: fs.pipe(path, b""), lambda path: fs.pipe_file(path, b""), lambda path: fs.open(path, "wb"),
        lambda path: fs.open(path, "a"), lambda path: fs.put(__file__, path), lambda path: fs.put_file(__file__, path),
        lambda path: fs.cp_file(path, path), lambda path: fs.copy(path, path), lambda path: fs.mv(path, path),
        lambda path: fs.delete(path), lambda path: fs.upload(__file__, path),
    ):  # fmt: skip
        with pytest.raises(ReadOnlyError, match="for reading only"):
            write(path)
    assert issubclass(ReadOnlyError, OSError)
    assert issubclass(ReadOnlyError, HCAError)


def test_a_directory_is_no_file(deployment, bundle, system):
    for path in (bundle, f"{bundle}/data", "aws", ""):
        with pytest.raises(IsFolderError) as caught:
            system().cat_file(path)
        assert isinstance(caught.value, IsADirectoryError)


def test_versions(deployment, system):
    path = deployment.bundle({"a": b"old"})
    fs = system()
    assert fs.cat_file(f"{path}/a") == b"old"
    newer = "2020-01-01T000000.000000Z"
    deployment.bundle({"a": b"newer", "b": b""}, path[4:], newer)
    assert fs.cat_file(f"{path}/a") == b"old"
    fs.process.containers.forget(lambda root: True)
    assert fs.cat_file(f"{path}/a") == b"old", "only the listing was forgotten"
    shouted = f"aws/{path[4:].upper()}"
    assert fs.cat_file(f"{shouted}/a") == b"old"
    assert fs.cat_file(f"{path}.{newer}/a") == b"newer"
    assert not fs.exists(f"{path}.2018-01-01T000000.000000Z/a")
    assert system(skip_instance_cache=True).cat_file(f"{path}/a") == b"newer"
    fs.invalidate_cache(f"{shouted}/b")
    assert fs.cat_file(f"{shouted}/a") == b"newer"
    fs.invalidate_cache()
    assert fs.cat_file(f"{path}/a") == b"newer"


def test_a_service_that_is_away_is_no_missing_file(dss, system):
    dss.on("GET", "/v1/bundles/*").fail(503, times=9, retry_after=0)
    for look in ("exists", "isfile", "isdir", "info"):
        with pytest.raises(HCAError) as caught:
            getattr(system(tries=2), look)("aws/6b7f1f3c-54a7-4b4c-9a38-000000000000/a")
        assert not isinstance(caught.value, FileNotFoundError)


@pytest.mark.parametrize("code", [401, 403])
def test_a_refusal_is_a_permission_error(dss, system, code):
    dss.on("GET", "/v1/bundles/*").fail(code, times=9)
    with pytest.raises(PermissionError) as caught:
        system().info("aws/6b7f1f3c-54a7-4b4c-9a38-000000000000/a")
    assert isinstance(caught.value, HCAError)
    assert int(caught.value.exit_status) == 3


def test_an_unknown_option_is_told(deployment, system):
    with pytest.raises(TypeError, match="swager_url"):
        system(swager_url="x").info("aws/6b7f1f3c-54a7-4b4c-9a38-000000000000")
