"""What benchmarks/download.py runs beside what it measures: a service, children, a folder that does not stay."""

from __future__ import annotations

import json
import multiprocessing
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit


@contextmanager
def service(block: Path, *, delay: float = 0, bundles: int = 0) -> Iterator[str]:
    """Run the service in processes of its own and give its URL; see servers.py."""
    program = str(Path(__file__).with_name("servers.py"))
    command = [sys.executable, program, str(block), f"--delay={delay}", f"--bundles={bundles}"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        if not (url := process.stdout.readline().strip()):
            raise RuntimeError("the service can't be started")
        yield url  # closing its stdin, as `with` does, ends it


def counted(url: str) -> dict[str, float]:
    """Return what the service at `url` has been asked since the last call; http.client would cost memory here."""
    address = urlsplit(url)
    with socket.create_connection((address.hostname, address.port)) as connection:
        connection.sendall(b"GET /v1/counts HTTP/1.1\r\nConnection: close\r\n\r\n")
        with connection.makefile("rb") as stream:
            counts: dict[str, float] = json.loads(stream.read().rpartition(b"\r\n\r\n")[2])
    return counts


def in_child(function: Callable[..., None], *arguments: object) -> None:
    """Run `function` in a process of its own: what this one once used would count as memory of those it starts."""
    child = multiprocessing.get_context("spawn").Process(target=function, args=arguments)
    child.start()
    try:
        child.join()
    except BaseException:
        child.terminate()
        raise
    if child.exitcode:
        raise RuntimeError(f"{function.__name__} failed")


@contextmanager
def folder() -> Iterator[Path]:
    """Give a folder that is removed at the end, whichever that is."""
    memory = "/dev/shm" if os.path.isdir("/dev/shm") else None
    path = tempfile.mkdtemp(prefix="hca-benchmark-", dir=memory)
    try:
        yield Path(path)
    finally:
        os.chdir("/")
        subprocess.run(["rm", "-rf", path], check=False)  # many times as fast as shutil.rmtree
