"""Real processes that are killed in the middle, or that do the same thing at the same time."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import shock_servers as servers
from waiting import until

from hca_shock import config
from hca_shock.forms import Form
from hca_shock.node import Node
from hca_shock.transfer import streaming

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hca_shock.client import ShockClient


faults = servers.faults
MEBIBYTE = servers.MEBIBYTE
DATA = servers.noise(8 * MEBIBYTE - 11)
RAW = {"download_raw": ""}


@pytest.fixture
def proxy() -> Iterator[Any]:
    """A proxy before a server with the faults of the real one."""
    with faults.Proxy(servers.shared(1).url) as made:
        yield made


@pytest.fixture
def shock() -> Iterator[ShockClient]:
    """A client that goes straight to that server."""
    with servers.quick(servers.shared(1).url) as made:
        yield made


@pytest.fixture
def env(isolated_home: Path, proxy: Any) -> dict[str, str]:
    """The environment of a user who goes through the proxy, and waits only shortly."""
    folder = isolated_home / ".config" / "hca"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"shock": {"first_wait": 0.01, "most_wait": 0.05}}))
    return dict(servers.environment(isolated_home, proxy.url))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file of sixteen parts of half a mebibyte, with a name that no other test has."""
    made = tmp_path / f"killed-{os.urandom(6).hex()}"
    made.write_bytes(DATA)
    return made


@pytest.fixture
def start(env: dict[str, str]) -> Iterator[Any]:
    """A function that starts `hca shock`; what still runs in the end is killed."""
    processes = []

    def call(*words: object, **settings: Any) -> Any:
        processes.append(servers.started({**env, **settings.pop("env", {})}, *words, **settings))
        return processes[-1]

    yield call
    for process in processes:
        if process.returncode is None:
            killed(process)


def killed(process: Any) -> None:
    """End a process with SIGKILL."""
    process.kill()
    process.communicate()


def interrupted(process: Any) -> bytes:
    """Press Ctrl-C and return what the process says; again if the system gives it to a thread that sleeps on."""
    for _ in range(4):
        process.send_signal(signal.SIGINT)
        try:
            # Long enough that the second one never meets a process that is just ending on a busy machine.
            err: bytes = process.communicate(timeout=20)[1]
        except subprocess.TimeoutExpired:
            continue
        return err
    raise AssertionError("it did not end")


def size(folder: Path) -> int:
    """Return how many bytes lie in a folder."""
    return sum(one.stat().st_size for one in folder.iterdir())


def uploading(shock: ShockClient, path: Path) -> list[Node]:
    """Return the nodes with this file name."""
    params = [("querynode", None), ("file.name", path.name), ("limit", "0")]
    return [Node.parse(one) for one in shock.server.call("GET", "node", params=params)]


def there(node: Node) -> int:
    """Return how many parts have arrived."""
    assert node.parts is not None
    return sum(part is not None for part in node.parts.parts)


def test_an_upload_that_is_killed_twice_is_finished(shock: ShockClient, proxy: Any, start: Any, path: Path) -> None:
    counts = [0]
    for _ in range(2):
        hold = faults.Hold()
        proxy.rule(hold, method="PUT", first=4, times=None)
        process = start("put", path, "--part-size", "512K")
        assert hold.came.wait(servers.PATIENCE), process.communicate()
        until(lambda: there(uploading(shock, path)[0]) >= counts[-1] + 2)
        killed(process)
        hold.go.set()
        # What was held may arrive now, and what was sent last may be seen now: neither is one of the next run.
        until(lambda: not proxy._connections)
        proxy.heal()
        counts.append(there(uploading(shock, path)[0]))
    assert 0 < counts[1] < counts[2] < 16
    status, out, err = servers.done(start("put", path, "--part-size", "512K", "--output", "json"))
    assert status == 0, err
    (node,) = uploading(shock, path)
    assert json.loads(out)[0] == {
        "id": node.id,
        "name": path.name,
        "size": len(DATA),
        "md5": servers.md5(DATA),
        "source": str(path),
    }
    assert node.file.md5 == servers.md5(DATA)
    assert len(proxy.of("PUT")) == 16 - counts[2]
    assert proxy.of("POST") == []


def test_a_download_that_is_killed_twice_is_finished(
    shock: ShockClient, proxy: Any, start: Any, path: Path, tmp_path: Path
) -> None:
    node = shock.put(path)
    folder = tmp_path / "got"
    folder.mkdir()
    arrived = 0
    for _ in range(2):
        proxy.rule(servers.stalls(3 * MEBIBYTE), query=RAW)
        process = start("get", node.id, "-d", folder)
        until(lambda: size(folder) >= arrived + 2 * MEBIBYTE)  # noqa: B023 - it is called at once
        killed(process)
        arrived = size(folder)
        assert not (folder / path.name).exists()
    proxy.heal()
    status, _, err = servers.done(start("get", node.id, "-d", folder))
    assert status == 0, err
    assert [one.name for one in folder.iterdir()] == [path.name]
    assert (folder / path.name).read_bytes() == DATA
    (asked,) = [one for one in proxy.of("GET") if "seek" in one.query]
    assert int(asked.query["seek"]) == arrived
    assert int(asked.query["length"]) == len(DATA) - arrived


def test_a_server_that_is_killed_in_the_middle(start: Any, path: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    hold = faults.Hold()
    with servers.deployed(data, shock_quirks=0) as deployment, faults.Proxy(deployment.url) as proxy:
        proxy.rule(hold, method="PUT", first=5, times=None)
        process = start("put", path, "--part-size", "512K", env={"HCA_SHOCK_URL": proxy.url})
        assert hold.came.wait(servers.PATIENCE), process.communicate()
        with servers.quick(deployment.url) as shock:
            until(lambda: there(uploading(shock, path)[0]) >= 3)
            before = uploading(shock, path)[0]
        deployment.kill()
        hold.go.set()
        status, _, err = servers.done(process)
        assert status == 5, err
        assert "Traceback" not in err
    with servers.deployed(data) as deployment:
        env = {"HCA_SHOCK_URL": deployment.url}
        status, out, err = servers.done(start("put", path, "--part-size", "512K", "--output", "json", env=env))
        assert status == 0, err
        assert (json.loads(out)[0]["id"], json.loads(out)[0]["md5"]) == (before.id, servers.md5(DATA))
        with servers.quick(deployment.url) as shock:
            assert b"".join(streaming.blocks(shock.server, shock.node(before.id))) == DATA


def test_six_grants_at_once(shock: ShockClient, start: Any) -> None:
    env = {"HCA_SHOCK_URL": shock.url, "HCA_SHOCK_TOKEN": config.basic("ann", "pw-of-ann")}
    with servers.quick(shock.url, user=("ann", "pw-of-ann")) as ann:
        made = ann.server.call("POST", "node", form=Form([("priority", "1")]))["id"]
    users = [f"user{number}-{os.urandom(3).hex()}" for number in range(6)]
    processes = [start("acl", "grant", made, "read", user, env=env) for user in users]
    for process in processes:
        status, _, err = servers.done(process)
        assert status == 0, err
    with servers.quick(shock.url, user=("ann", "pw-of-ann")) as ann:
        acl = ann.acl.show(made)
    assert [user for user in users if not acl.has("read", user)] == []


def test_a_reader_that_leaves_ends_it_quietly(shock: ShockClient, start: Any, path: Path) -> None:
    node = shock.put(path)
    process = start("cat", node.id)
    assert process.stdout is not None
    assert process.stdout.read(10) == DATA[:10]
    process.stdout.close()
    process.stdout = None
    _, err = process.communicate(timeout=servers.PATIENCE)
    assert (process.returncode, err) == (141, b"")


@pytest.mark.parametrize("words", [["cat", "ID"], ["put", "FILE", "--part-size", "512K"]])
def test_ctrl_c_ends_it_soon(shock: ShockClient, proxy: Any, start: Any, path: Path, words: list[str]) -> None:
    """In the midst of an answer that does not come, over one connection."""
    node = shock.put(path, name="interrupted")
    hold = faults.Hold()
    if words[0] == "put":
        proxy.rule(hold, method="PUT", first=2)
    else:
        proxy.rule(servers.stalls(MEBIBYTE, hold.came), query=RAW, times=None)
    places = {"ID": node.id, "FILE": str(path)}
    with open(os.devnull, "wb") as nowhere:
        process = start(*[places.get(word, word) for word in words], stdout=nowhere)
        assert hold.came.wait(servers.PATIENCE), process.communicate()
        err = interrupted(process)
    assert process.returncode == 130, err
    assert b"Traceback" not in err


def test_ctrl_c_after_a_break(shock: ShockClient, proxy: Any, start: Any, tmp_path: Path) -> None:
    big = tmp_path / "big"
    big.write_bytes(bytes(40 * MEBIBYTE))
    node = shock.put(big)
    came = threading.Event()
    proxy.rule(servers.faults.cut_answer(20 * MEBIBYTE), query=RAW)
    proxy.rule(servers.stalls(100, came), query=RAW, times=None)
    process = start("get", node.id, "-o", tmp_path / "copy")
    assert came.wait(servers.PATIENCE), process.communicate()
    err = interrupted(process)
    assert process.returncode == 130, err
    assert not (tmp_path / "copy").exists()
