"""The progress bar: drawn on a terminal, and nowhere else."""

from __future__ import annotations

import io
import sys
import threading
import time

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


@pytest.fixture
def bars(monkeypatch) -> list[tqdm.tqdm]:
    """The bars that were drawn, as they were at their end."""
    found: list[Bar] = []

    class Bar(tqdm.tqdm):
        def close(self) -> None:
            if self not in found:
                found.append(self)
                self.told = self.format_dict | {"text": str(self)}
            super().close()

    monkeypatch.setattr(tqdm, "tqdm", Bar)
    return found


def test_what_was_there_moves_the_bar_and_is_no_speed(terminal, bars):
    terminal()
    with progress.bytes_bar(None) as bar:
        bar.expect(3, 2_000_000_000)
        bar(500)
        bar.done(500, 500)  # fetched
        bar.done(1_500_000_000, 0)  # there
        bar(100)
        bar.done(300, 100)  # the other 200 were in a part
    (drawn,) = bars
    assert (drawn.n, drawn.total) == (1_500_000_800, 2_000_000_000)
    assert drawn.n - drawn.initial == 600
    assert "75%" in drawn.told["text"]
    assert "3/3 files" in drawn.told["text"]
    assert not drawn.told["rate"] or drawn.told["rate"] < 100_000_000


def test_a_failed_file_counts_and_does_not_move_the_bar(terminal, bars):
    terminal()
    with progress.bytes_bar(1000) as bar:
        bar(10)
        bar.done(500, 0, failed=True)
        bar.done(None, 40)
    assert bars[0].n == 10
    assert "2 files" in bars[0].told["text"]


def test_files_are_counted_against_their_number(terminal, bars):
    terminal()
    with progress.bytes_bar(10, files=2000) as bar:
        bar.file()
    assert "1/2,000 files" in bars[0].told["text"]


def test_it_is_drawn_while_nothing_is_counted(terminal):
    """A stall is seen: the clock goes on. What was drawn is taken away at the end."""
    stream = terminal()
    drawn = threading.Event()

    class Watched(Terminal):
        def write(self, text: str) -> int:
            if "5.00B" in text.replace(" ", "") or "5.00/" in text:
                drawn.set()
            return stream.write(text)

    sys.stderr = Watched()
    with progress.bytes_bar(10) as bar:
        bar(5)
        assert drawn.wait(60)
        drawn.clear()
        assert drawn.wait(60)
    assert stream.getvalue().endswith("\r")


def test_counting_many_small_files_takes_no_time(terminal):
    terminal()
    with progress.bytes_bar(10**9) as bar:
        began = time.process_time()
        for _ in range(100_000):
            bar(3)
            bar.done(3, 3)
        assert time.process_time() - began < 1.5


def test_an_error_ends_the_bar(terminal):
    terminal()
    with pytest.raises(KeyboardInterrupt), progress.bytes_bar(10):
        raise KeyboardInterrupt
    assert "progress" not in {thread.name for thread in threading.enumerate()}


def test_a_line_is_for_terminals_only(terminal, capsys):
    progress.say("in a pipe")
    stream = terminal()
    progress.say("done")
    assert (stream.getvalue(), capsys.readouterr().err) == ("done\n", "")
