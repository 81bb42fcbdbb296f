"""SIGTERM, which batch systems and `timeout` send, ends a command as Ctrl-C does, with a status of its own."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from hca_core import main

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there a process is ended without being told")

# Writes to a file what it still gets to do, as an engine does that keeps what has come.
SLEEPER = """
import sys
import time
import click
from hca_core import hookimpl, main

@hookimpl
def hca_commands():
    return {"sleeper": __name__ + ":sleeper"}

@click.command()
@click.option("--told", is_flag=True)
@click.option("--same-order", type=float, default=main._SAME_ORDER_SECONDS)
def sleeper(told, same_order):
    main._SAME_ORDER_SECONDS = same_order
    try:
        click.echo("ready")
        for _ in range(600):  # a signal on the very way into one sleep is heard at its end
            time.sleep(0.1)
    finally:
        click.echo("keeping")
        if told:
            sys.stdin.readline()
        click.echo("kept")
"""


@pytest.fixture
def sleeper(plugin, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(plugin("sleeper", SLEEPER)))

    def start(*words, before=None):
        process = subprocess.Popen(
            [sys.executable, "-m", "hca_core", "sleeper", *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=before,
        )
        assert process.stdout.readline() == "ready\n"
        return process

    return start


def test_it_ends_in_order(sleeper):
    process = sleeper()
    process.terminate()
    out, told = process.communicate(timeout=60)
    assert (process.returncode, out, told.strip()) == (143, "keeping\nkept\n", "hca: ended by SIGTERM")


def test_twice_at_once_is_one_order(sleeper):
    """As `timeout` does: once to the process, once to its group."""
    process = sleeper("--told", "--same-order", "600")
    process.terminate()
    assert process.stdout.readline() == "keeping\n"
    process.terminate()
    out, told = process.communicate("go on\n", timeout=60)
    assert (process.returncode, out, told.strip()) == (143, "kept\n", "hca: ended by SIGTERM")


def test_again_after_a_while_is_another(sleeper):
    process = sleeper("--told")
    process.terminate()
    assert process.stdout.readline() == "keeping\n"
    time.sleep(0.6)
    process.terminate()
    process.wait(60)
    out, told = process.communicate(timeout=60)
    assert (process.returncode, out, told.strip()) == (143, "", "hca: ended by SIGTERM")


def test_ctrl_c_keeps_its_status(sleeper):
    process = sleeper()
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert (process.returncode, told.strip()) == (130, "hca: interrupted")


def test_who_ignores_it_goes_on_doing_so(sleeper):
    process = sleeper(before=lambda: signal.signal(signal.SIGTERM, signal.SIG_IGN))
    process.terminate()
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert (process.returncode, told.strip()) == (130, "hca: interrupted")


WATCHED = """
import time
import click
from hca_core import hookimpl

@hookimpl
def hca_commands():
    return {"sleeper": __name__ + ":sleeper"}

@click.command()
def sleeper():
    from hca_core.transfer import events
    from hca_core.transfer.report import Report

    with events.opened("events.jsonl", Report("data")) as told:
        told.start("data", None)
        click.echo("ready")
        for _ in range(600):
            time.sleep(0.1)
"""


@pytest.mark.parametrize(
    ("number", "status", "told"), [(signal.SIGTERM, 143, "ended by SIGTERM"), (signal.SIGINT, 130, "interrupted")]
)
def test_the_events_of_a_run_tell_the_same_status(plugin, monkeypatch, number, status, told):
    monkeypatch.setenv("PYTHONPATH", str(plugin("sleeper", WATCHED)))
    process = subprocess.Popen([sys.executable, "-m", "hca_core", "sleeper"], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    process.send_signal(number)
    process.communicate(timeout=60)
    last = json.loads(Path("events.jsonl").read_text().splitlines()[-1])
    assert (process.returncode, last["event"], last["exit_status"], last["error"]) == (status, "end", status, told)


def test_a_program_that_calls_it_has_its_own_say(capsys):
    """A handler of its own stays, the default one comes back, and in a thread nothing is touched."""
    statuses = []
    before = signal.getsignal(signal.SIGTERM)
    try:
        for handler in (lambda *_: None, signal.SIG_DFL):
            signal.signal(signal.SIGTERM, handler)
            thread = threading.Thread(target=lambda: statuses.append(main.run(["config", "path"])))
            thread.start()
            thread.join()
            statuses.append(main.run(["config", "path"]))
            assert signal.getsignal(signal.SIGTERM) is handler
    finally:
        signal.signal(signal.SIGTERM, before)
    assert statuses == [0, 0, 0, 0]
    assert capsys.readouterr().err == ""
