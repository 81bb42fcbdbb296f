"""Logins that are no login: what is no token, and a password that nobody is there to type."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hca_core.testing import LoopbackService, Outcome


@pytest.mark.parametrize("text", ["one\ntwo", "", "a b", "tökén", "a\x00b"])
def test_what_is_no_token_is_not_sent(hca: Callable[..., Outcome], service: LoopbackService, text: str) -> None:
    outcome = hca("shock", "--url", service.url, "login", "--access-token", "-", input=text)
    assert outcome.exit_status == 2
    assert outcome.stderr.startswith("hca: what --access-token gives is no token\n")
    assert service.requests == []


@pytest.mark.skipif(sys.platform == "win32", reason="there a console is found otherwise")
@pytest.mark.parametrize("words", [["--user", "alice", "ls"], ["--user", "alice", "login"]])
def test_a_password_is_asked_for_at_a_terminal_only(isolated_home: Path, words: list[str]) -> None:
    # A session of its own has no terminal, whoever runs the tests.
    command = [sys.executable, "-m", "hca_core", "shock", "--url", "http://127.0.0.1:1", *words]
    done = subprocess.run(command, input=b"pw\n", capture_output=True, start_new_session=True, timeout=60, check=False)
    assert done.returncode == 2, done.stderr
    assert done.stderr.decode().splitlines() == [
        "hca: the password of alice can't be asked for without a terminal",
        "next: give NAME:PASSWORD, or a token (HCA_SHOCK_TOKEN)",
    ]
