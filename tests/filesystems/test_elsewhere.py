"""File systems in other processes and threads, and what of them travels there."""

import json
import multiprocessing
import os
import pickle
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import fsspec
import pytest

from hca_core.config import get_config

SECRET = "very-secret-token"


def test_a_token_does_not_travel(scripted, system):
    path = f"{scripted.serves({'a': b'abc'})}/a"
    fs = system(token=SECRET)
    assert fs.cat_file(path) == b"abc"
    stream = fs.open(path)
    for told in (pickle.dumps(fs), pickle.dumps(stream), pickle.dumps(fsspec.open(f"dss://{path}", token=SECRET).fs)):
        assert SECRET.encode() not in told
        assert b"signed=1" not in told
    assert SECRET not in fs.to_json() + repr(fs) + repr(fs.storage_options)
    assert pickle.loads(pickle.dumps(fs)).token is None


def test_a_token_goes_to_its_own_host_only(scripted, system, dss_description):
    from hca_core.testing import LoopbackService

    secured = json.loads(json.dumps(dss_description))
    for route in ("/bundles/{uuid}", "/files/{uuid}"):
        secured["paths"][route]["get"]["security"] = [{"dcpAuth": []}]
    scripted.anew("/v1/swagger.json")
    scripted.service.describe(secured)
    path = f"{scripted.holds({'a': b'abc'})}/a"
    with LoopbackService(host="localhost") as storage:
        storage.on("GET", "/blob").reply(body=b"abc", ranges=True)
        scripted.anew(scripted.entry("a")).redirect(f"{storage.url}/blob")
        fs = system(token=SECRET)
        assert fs.cat_file(path) == b"abc"
        assert fs.cat_file(path, 1, 2) == b"b"
        assert [one.headers["Authorization"] for one in scripted.look_ups()] == [f"Bearer {SECRET}"]
        assert len(storage.requests) == 2
        assert all("Authorization" not in one.headers for one in storage.requests)


def test_without_a_login_a_secured_file_is_refused(scripted, system, dss_description):
    secured = json.loads(json.dumps(dss_description))
    secured["paths"]["/files/{uuid}"]["get"]["security"] = [{"dcpAuth": []}]
    scripted.anew("/v1/swagger.json")
    scripted.service.describe(secured)
    path = f"{scripted.holds({'a': b'abc'})}/a"
    with pytest.raises(PermissionError, match="needs a login"):
        system().cat_file(path)
    assert scripted.look_ups() == []


def test_an_open_file_travels_with_its_place(scripted, system):
    path = f"{scripted.serves({'a': b'0123456789'})}/a"
    stream = system().open(path)
    assert stream.read(3) == b"012"
    assert pickle.loads(pickle.dumps(stream)).read() == b"3456789"


def test_the_version_that_was_read_travels(deployment, system):
    path = deployment.bundle({"a": b"old"})
    fs = system()
    assert fs.cat_file(f"{path}/a") == b"old"
    before = pickle.dumps(system(tries=5))
    deployment.bundle({"a": b"newer"}, path[4:], "2020-01-01T000000.000000Z")
    assert pickle.loads(pickle.dumps(fs)).cat_file(f"{path}/a") == b"old"
    assert pickle.loads(before).cat_file(f"{path}/a") == b"newer", "that one had read nothing"
    assert fs.storage_options["versions"] == {path: "2019-07-10T001103.121000Z"}
    again = fsspec.filesystem("dss", **fs.storage_options)
    assert again.cat_file(f"{path}/a") == b"old"


def test_equal_settings_are_one_object(system):
    assert system() is system()
    assert system() is pickle.loads(pickle.dumps(system()))
    assert system() is not system(tries=3)
    assert system() != system(profile="other")


def test_a_profile_is_for_this_file_system_only(system):
    fs = system(profile="lab")
    assert fs.process.clients("").need.profile == "lab"
    assert get_config().lookup("profile") != "lab"
    assert system().process.clients("").need.profile == "default"


def _read(fs, path):
    return os.getpid(), fs.cat_file(path)


@pytest.mark.parametrize("method", ["spawn", "fork"])
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_other_processes_read(deployment, system, method):
    path = f"{deployment.bundle({'a': b'abc' * 1000})}/a"
    fs = system()
    assert fs.cat_file(path)
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context(method)) as pool:
        found = list(pool.map(_read, [fs] * 4, [path] * 4))
    assert {content for _, content in found} == {b"abc" * 1000}
    assert os.getpid() not in {number for number, _ in found}


def test_a_fork_inherits_no_connection(scripted, system):
    """A connection that two processes use mixes up their answers."""
    path = f"{scripted.serves({'a': b'0123456789'})}/a"
    fs = system()
    stream = fs.open(path, cache_type="none")
    assert stream.read(1) == b"0"
    before = fs.process
    child = os.fork()
    if child == 0:
        right = stream.read(2) == b"12" and fs.process is not before and fs.process.clients("") is not None
        os._exit(0 if right else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert fs.process is before
    assert stream.read(2) == b"12"
    assert len(scripted.look_ups()) == 2


def test_sixteen_threads_read_one_file_system(deployment, system):
    contents = {f"f{number}": os.urandom(200_000) for number in range(4)}
    root = deployment.bundle(contents)
    fs = system()

    def read(number):
        name = f"f{number % 4}"
        with fs.open(f"{root}/{name}", block_size=30_000) as stream:
            pieces = [stream.read(50_000) for _ in range(5)]
        return b"".join(pieces) == contents[name]

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(read, range(64)))
