"""Calls are made until they succeed or are given up, whatever happens to receivers and to the process."""

from __future__ import annotations

import itertools
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from waiting import until

from hca_core.testing import LoopbackService
from hca_local.store import database
from hca_local.subscriptions import errands, schedule, table
from hca_local.subscriptions.records import ELASTICSEARCH, JMESPATH

if TYPE_CHECKING:
    from collections.abc import Callable

    from hca_local.subscriptions.courier import Courier

    Start = Callable[..., Courier]

_HOUR = 3600
# Gaps of 0.1 s and then 2.4 s.
FAST = 9000


def gaps(kind: str) -> list[float]:
    found = (schedule.gap(kind, attempts, 1) for attempts in itertools.count(1))
    return list(itertools.takewhile(lambda gap: gap is not None, found))  # type: ignore[arg-type]


def test_the_schedules_are_those_of_the_service() -> None:
    jmespath = gaps(JMESPATH)
    assert jmespath[:3] == [15 * 60, 6 * _HOUR, 6 * _HOUR]
    assert sum(jmespath) <= 3 * 24 * _HOUR < sum(jmespath) + 6 * _HOUR
    elasticsearch = gaps(ELASTICSEARCH)
    assert len(elasticsearch) == 11, "which makes twelve attempts"
    assert elasticsearch[:7] == [60, 600, 3600, 21600, 60540, 24 * _HOUR, 24 * _HOUR]
    assert schedule.gap(JMESPATH, 1, 900) == 1
    assert schedule.gap(JMESPATH, 2, 900) == 24
    assert schedule.gap(JMESPATH, 1, 0) == 900


def test_a_call_that_fails_is_made_again_with_growing_gaps(
    store: Any, receiver: LoopbackService, courier: Start
) -> None:
    receiver.on("POST", "/hook").fail(500, times=2).reply()
    store.enqueue(store.subscribe(f"{receiver.url}/hook"), {"n": 1})
    courier(retry_speedup=FAST)
    until(lambda: not store.payloads())
    first, second, third = receiver.asked()
    assert [request.json() for request in (first, second, third)] == [{"n": 1}] * 3
    assert second.time - first.time >= 0.1
    assert third.time - second.time >= 2.4


def test_a_receiver_that_was_down_is_told_when_it_is_up(store: Any, courier: Start) -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
        store.enqueue(store.subscribe(f"http://127.0.0.1:{port}/hook"), {"n": 1})
        courier(retry_speedup=FAST)  # and not faster: nobody may give up before somebody listens
        until(lambda: store.connection.execute("SELECT attempts FROM deliveries").fetchone()[0] >= 2)
        reserved.listen()
        connection, _ = reserved.accept()
        with connection:
            assert connection.recv(65536).startswith(b"POST /hook HTTP/1.1\r\n")
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            until(lambda: not store.payloads())


def test_it_is_given_up_in_the_end(store: Any, receiver: LoopbackService, courier: Start) -> None:
    receiver.on("POST", "/hook").fail(503)
    store.enqueue(store.subscribe(f"{receiver.url}/hook"), {})
    store.enqueue(store.subscribe(f"{receiver.url}/hook", es_query={"query": {"match_all": {}}}), {})
    courier(retry_speedup=10**9)
    until(lambda: not store.payloads())
    numbers = [request.headers["X-dss-notify-attempt"] for request in receiver.asked()]
    assert numbers.count(None) == 13
    assert [int(number) for number in numbers if number] == list(range(1, 13))
    until(lambda: store.directory.log.read_text().count("given up") == 2)  # written after the call is off the list


@pytest.mark.parametrize("status", [301, 302, 307, 404, 500])
def test_only_2xx_is_success(store: Any, receiver: LoopbackService, courier: Start, status: int) -> None:
    receiver.on("POST", "/hook").reply(status=status, headers={"Location": "/elsewhere"}).reply(status=299)
    store.enqueue(store.subscribe(f"{receiver.url}/hook"), {})
    courier(retry_speedup=10**6)
    until(lambda: not store.payloads())
    assert [request.path for request in receiver.asked()] == ["/hook", "/hook"]


def test_a_slow_receiver_holds_up_nobody_else(
    store: Any, receiver: LoopbackService, courier: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hca_local.subscriptions.courier._LOOK_SECONDS", 600.0)  # it is woken, or does not look
    release = threading.Event()
    receiver.on("POST", "/slow").reply(lambda _: {"late": release.wait(90)})
    receiver.on("POST", "/fast").reply()
    slow, fast = (store.subscribe(f"{receiver.url}/{name}") for name in ("slow", "fast"))
    for number in range(2):
        store.enqueue(slow, {"n": number})
    began = courier()
    receiver.wait_for(1)
    store.enqueue(fast, {"n": 2})
    began.wake()
    receiver.wait_for(2)
    assert [request.path for request in receiver.asked()] == ["/slow", "/fast"], "and one at a time to the slow one"
    release.set()
    until(lambda: not store.payloads())
    assert [request.json() for request in receiver.asked(path="/slow")] == [{"n": 0}, {"n": 1}]


def test_a_subscriber_with_many_calls_lets_others_have_their_turn(
    store: Any, receiver: LoopbackService, courier: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hca_local.subscriptions.courier.MOST_ERRANDS", 1)
    monkeypatch.setattr(errands, "TURN_SECONDS", 0.0)
    receiver.on("POST", "*").reply()
    many, few = (store.subscribe(f"{receiver.url}/{name}") for name in ("many", "few"))
    for _ in range(5):
        store.enqueue(many, {}, due=2.0)
    store.enqueue(few, {}, due=3.0)
    courier()
    until(lambda: not store.payloads())
    assert [request.path for request in receiver.asked()] == ["/many", "/few", *["/many"] * 4]


def test_what_was_committed_before_a_kill_is_told_after_it(
    store: Any, receiver: LoopbackService, courier: Start
) -> None:
    receiver.on("POST", "/hook").reply()
    subscription = store.subscribe(f"{receiver.url}/hook")
    program = (
        "import os, signal, sys\n"
        "from hca_local.store import database\n"
        "from hca_local.subscriptions import queue\n"
        "connection = database.connect(sys.argv[1])\n"
        "with database.transaction(connection):\n"
        "    queue.add(connection, sys.argv[2], b'{\"n\": 1}', 0.0)\n"
        "connection.execute('BEGIN IMMEDIATE')\n"
        "queue.add(connection, sys.argv[2], b'{\"n\": 2}', 0.0)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    words = [sys.executable, "-c", program, str(store.directory.store), subscription.uuid]
    assert subprocess.run(words, check=False).returncode == -signal.SIGKILL
    courier()
    until(lambda: not store.payloads())
    assert [request.json() for request in receiver.asked()] == [{"n": 1}], "and not what was never committed"


def test_a_courier_that_is_stopped_in_a_call_makes_it_again_next_time(
    store: Any, receiver: LoopbackService, courier: Start
) -> None:
    import asyncio

    hung = threading.Event()
    receiver.on("POST", "/hook").reply(lambda _: {"late": hung.wait(90)}).reply()
    store.enqueue(store.subscribe(f"{receiver.url}/hook"), {"n": 1})
    first = courier()
    receiver.wait_for(1)
    began = time.monotonic()
    asyncio.run(first.stop())
    assert time.monotonic() - began < 60
    assert len(store.payloads()) == 1
    courier()
    receiver.wait_for(2)
    hung.set()
    until(lambda: not store.payloads())


def test_a_subscription_that_is_deleted_is_not_called_again(
    store: Any, receiver: LoopbackService, courier: Start
) -> None:
    receiver.on("POST", "/gone").fail(500)
    receiver.on("POST", "/stays").reply()
    gone, stays = (store.subscribe(f"{receiver.url}/{name}") for name in ("gone", "stays"))
    store.enqueue(gone, {})
    began = courier(retry_speedup=FAST)
    # The next call would come 2.4 s later, so none is under way now.
    until(lambda: store.connection.execute("SELECT attempts FROM deliveries").fetchone()[0] >= 2)
    with database.transaction(store.connection):
        table.remove(store.connection, gone.uuid)
    assert store.payloads() == []
    # A call that was under way is over when the next one has been made; and then one that is due after the next call of
    # the deleted one would have been.
    for number, seconds in enumerate((0, 2.6), 1):
        before = len(receiver.asked(path="/gone"))
        store.enqueue(stays, {}, due=time.time() + seconds)
        began.wake()
        until(lambda number=number: len(receiver.asked(path="/stays")) == number)
    assert len(receiver.asked(path="/gone")) == before


def test_calls_to_other_machines_are_dropped_and_the_log_says_how_to_change_that(store: Any, courier: Start) -> None:
    store.enqueue(store.subscribe("http://user:secret@192.0.2.1/secret-path?key=secret"), {})
    courier()
    until(lambda: not store.payloads())
    line = until(store.directory.log.read_text)  # it is written after the call is off the list
    assert "callbacks_anywhere" in line
    assert "192.0.2.1" in line
    assert "secret" not in line


def test_the_log_has_no_secrets(store: Any, receiver: LoopbackService, courier: Start) -> None:
    receiver.on("POST", "/secret-path").fail(500).drop().reply()
    url = receiver.url.replace("//", "//user:secret@") + "/secret-path?key=secret"
    store.enqueue(store.subscribe(url, hmac_secret_key="secret"), {})
    courier(retry_speedup=10**6)
    until(lambda: not store.payloads())
    until(lambda: store.directory.log.read_text().count("CALLBACK") == 3)
    log = store.directory.log.read_text()
    assert "secret" not in log


def test_an_error_of_our_own_does_not_end_the_calls_of_others(
    store: Any, receiver: LoopbackService, courier: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver.on("POST", "/hook").reply()
    broken = store.subscribe(f"{receiver.url}/broken")
    store.enqueue(broken, {})
    store.enqueue(store.subscribe(f"{receiver.url}/hook"), {}, due=1.0)
    store.connection.execute("UPDATE subscriptions SET document='[]' WHERE uuid=?", (broken.uuid,))
    courier()
    until(lambda: receiver.asked(path="/hook"))
    until(lambda: f"with subscription {broken.uuid}" in store.directory.log.read_text())
    assert len(store.payloads()) >= 1, "it is kept, for when the error is gone"


def test_it_looks_for_itself_what_another_process_has_put_there(
    store: Any, receiver: LoopbackService, courier: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hca_local.subscriptions.courier._LOOK_SECONDS", 0.05)
    receiver.on("POST", "/hook").reply()
    courier()
    store.enqueue(store.subscribe(f"{receiver.url}/hook"), {})
    receiver.wait_for(1)


def test_its_threads_do_not_keep_a_process_from_ending(store: Any, receiver: LoopbackService) -> None:
    receiver.on("POST", "/hook").slow(0.0)
    hung = threading.Event()
    receiver.on("POST", "/hook").reply(lambda _: {"late": hung.wait(90)})
    store.enqueue(store.subscribe(f"{receiver.url}/hook"), {})
    program = (
        "import sys, os\n"
        "from pathlib import Path\n"
        "from hca_local.server.log import ServiceLog\n"
        "from hca_local.settings import Settings\n"
        "from hca_local.subscriptions.courier import Courier\n"
        "Courier(Path(sys.argv[1]), Settings(), ServiceLog(Path(sys.argv[2]))).start()\n"
        "sys.stdin.read()\n"
    )
    words = [sys.executable, "-c", program, str(store.directory.store), os.devnull]
    with subprocess.Popen(words, stdin=subprocess.PIPE) as process:
        receiver.wait_for(1)
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(60) == 0
    hung.set()
