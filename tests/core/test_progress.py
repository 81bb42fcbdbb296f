"""The progress bar: drawn on a terminal, and nowhere else."""

from __future__ import annotations

import io
import sys
import threading

import pytest
import tqdm  # noqa: TID253 - the module whose class the bar looks up

from hca_core import progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch):
    """A function that makes stderr a terminal; it must be called by the test, as pytest sets stderr in between."""

    def make() -> Terminal:
        stream = Terminal()
        monkeypatch.setattr(sys, "stderr", stream)
        return stream

    return make


def test_nothing_is_drawn_in_a_pipe(capsys):
    with progress.bytes_bar(10) as count:
        count(10)
    assert capsys.readouterr() == ("", "")


def test_nothing_is_drawn_where_it_is_not_wanted(terminal):
    stream = terminal()
    with progress.bytes_bar(10, enabled=False) as count:
        count(10)
    assert stream.getvalue() == ""


@pytest.mark.parametrize("total", [4000, None])
def test_a_terminal_gets_a_bar_that_counts_from_any_thread(terminal, monkeypatch, total):
    bars: list[Bar] = []

    class Bar(tqdm.tqdm):
        def close(self) -> None:
            bars.append(self)
            self.refresh()  # otherwise drawn ten times a second at most
            super().close()

    monkeypatch.setattr(tqdm, "tqdm", Bar)
    stream = terminal()
    with progress.bytes_bar(total) as count:
        workers = [threading.Thread(target=lambda: [count(1) for _ in range(1000)]) for _ in range(4)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    assert bars[0].n == 4000
    assert "4.00k" in stream.getvalue()
    assert ("100%" in stream.getvalue()) == (total is not None)


def test_colour_is_left_out_on_request(terminal, monkeypatch):
    def drawn() -> str:
        stream = terminal()
        with progress.bytes_bar(1) as count:
            count(1)
        return stream.getvalue()

    green = "\x1b[32m"
    assert green in drawn()
    monkeypatch.setenv("NO_COLOR", "1")
    assert green not in drawn()
