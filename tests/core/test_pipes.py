"""`hca ... | head -1` in every format: quiet, and with the exit status that a shell shows for SIGPIPE."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from hca_core.commands import FORMATS

ROWS = """
import click
from hca_core import hookimpl
from hca_core.commands import Verb, output_options

@hookimpl
def hca_commands():
    return {"rows": __name__ + ":rows"}

@click.command(cls=Verb)
@output_options()
def rows(show):
    show([{"number": number, "text": "x" * 50} for number in range(5_000)])
"""
FULL = "hca: No space left on device\nnext: make room, then run the same command again\n"
HCA = [sys.executable, "-m", "hca_core"]


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("format_", FORMATS)
def test_a_reader_of_one_line(format_, unbuffered, plugin):
    """More than a pipe holds, so that the writer is still there when its reader has gone."""
    env = {**os.environ, "PYTHONPATH": str(plugin("rows", ROWS)), "PYTHONUNBUFFERED": unbuffered}
    with subprocess.Popen(
        [*HCA, "rows", "--output", format_], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env
    ) as process:
        head = subprocess.run(["head", "-1"], stdin=process.stdout, capture_output=True, check=True)
        process.stdout.close()
        assert head.stdout.count(b"\n") == 1
        assert process.stderr.read() == b""
    assert process.returncode == 141


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no disk that is always full")
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_full_disk_is_told(unbuffered, plugin):
    env = {**os.environ, "PYTHONPATH": str(plugin("rows", ROWS)), "PYTHONUNBUFFERED": unbuffered}
    with open("/dev/full", "wb") as full:
        done = subprocess.run([*HCA, "rows"], stdout=full, stderr=subprocess.PIPE, text=True, env=env)
    assert done.returncode == 1
    assert done.stderr == FULL


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no disk that is always full")
@pytest.mark.parametrize(
    "words", ["plugins", "config list", "config path", "--help", "help dss", "completion bash", "--version"]
)
def test_a_full_disk_is_told_of_a_short_answer(words):
    """What fits into a buffer is written at the end only."""
    with open("/dev/full", "wb") as full:
        done = subprocess.run([*HCA, *words.split()], stdout=full, stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (1, FULL)


def test_nobody_wants_the_version():
    """stdout may be closed by who starts it."""
    closing = ["sh", "-c", 'exec "$@" >&-', "sh"]
    done = subprocess.run([*closing, *HCA, "--version"], stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    "words",
    ["plugins", "plugins --output json", "config list", "config profiles", "config list --output yaml", "--help",
     "config --help", "help dss", "dss help", "completion bash"],
)  # fmt: skip
def test_nobody_reads(words):
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([*HCA, *words.split()], stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, b"")
