"""A lane: one thread that drives many connections with libcurl's event loop."""

from __future__ import annotations

import errno
import heapq
import itertools
import os
import socket
import threading
import time
from collections import deque
from typing import TYPE_CHECKING

import pycurl  # noqa: TID253 - loaded with the engine only

from hca_core.errors import HCAError, IntegrityError
from hca_core.transfer import curls, descriptors, pieces, sockets
from hca_core.transfer.jobs import Step

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hca_core.transfer.curls import Exchange
    from hca_core.transfer.jobs import Job
    from hca_core.transfer.pace import Pace, Rate
    from hca_core.transfer.values import Result

_TOLD_AT_ONCE = 64  # results
_TOLD_SECONDS = 0.02
_MOST_SPLIT = 2  # files: their pieces are in memory
_LONGEST_SLEEP = 1.0  # seconds; also how often silence is looked for, at least


class Lane:
    """Fetches the files that are put into it.

    `done` gets what became of them, or the OSError that ends everything; from this thread, several at a time: each
    time that another thread is woken takes longer than a small file.

    Parameters: `pace` and `rate` are shared by all lanes; `arrived` is told of bytes of content.
    """

    def __init__(
        self,
        name: str,
        pace: Pace,
        rate: Rate,
        stopped: threading.Event,
        done: Callable[[Sequence[Result | BaseException]], None],
        arrived: Callable[[int], None],
    ) -> None:
        self._pace, self._rate, self._stopped = pace, rate, stopped
        self._done = done
        self._tell = arrived
        self._inbox: deque[Job] = deque()
        self._ready: deque[Job] = deque()
        self._later: list[tuple[float, int, Job]] = []
        self._count = itertools.count()
        self._results: list[Result] = []
        self._jobs: set[Job] = set()  # all that have no result yet, but for those in the inbox
        self._idle: list[Exchange] = []
        self._busy: dict[pycurl.Curl, Exchange] = {}
        self._routes = curls.Routes()
        self._sleeps = False
        self._waker, self._wakes = socket.socketpair()
        self._waker.setblocking(False)
        self._wakes.setblocking(False)
        self._sockets = sockets.watcher()
        self._sockets.change(self._wakes.fileno(), sockets.READ)
        self._multi = _multi()
        self._due: float | None = None  # when libcurl wants to be called
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, self._watch)
        self._multi.setopt(pycurl.M_TIMERFUNCTION, self._set_timer)
        self._multi.setopt(pycurl.M_MAXCONNECTS, 512)
        self._looked = self._told = time.monotonic()
        self._look_every = _LONGEST_SLEEP
        # A daemon: a thread that waits for a silent server must not keep the process alive after Ctrl-C.
        self.thread = threading.Thread(target=self._run, daemon=True, name=name)
        self.thread.start()

    def put(self, job: Job) -> None:
        """Give a job to this lane."""
        self._inbox.append(job)
        self.wake()

    def wake(self) -> None:
        """Make the thread look around."""
        if self._sleeps and threading.current_thread() is not self.thread:  # which looks around by itself
            self._sleeps = False
            try:
                self._waker.send(b"x")
            except OSError:
                pass  # it is awake, or has ended

    def _run(self) -> None:
        try:
            while True:
                # From here on whoever has news for this lane leaves a byte, which ends the next sleep at once.
                self._sleeps = True
                if self._stopped.is_set():
                    break
                self._begin()
                self._turn()
                self._look_for_silence()
                self._tell_results()
        except BaseException as error:  # noqa: BLE001 - carried to who waits for the results
            self._done([*self._results, error])
        finally:
            self._end()

    def _tell_results(self) -> None:
        """Hand over results: many at once, as the thread that gets them and this one take Python's lock in turns."""
        if not self._results:
            return
        now = time.monotonic()
        if len(self._results) >= _TOLD_AT_ONCE or now - self._told >= _TOLD_SECONDS or not self._jobs:
            self._done(self._results)
            self._results, self._told = [], now

    def _begin(self) -> None:
        """Begin what may be begun."""
        inbox, ready = self._inbox, self._ready
        while inbox:
            job = inbox.popleft()
            self._jobs.add(job)
            ready.append(job)
        if self._later:
            now = time.monotonic()
            while self._later and self._later[0][0] <= now:
                ready.append(heapq.heappop(self._later)[2])
                self._pace.park(-1)
        if not ready:
            return
        self._pace.adapt()
        while ready and self._pace.take(self, self.wake):
            self._ask(ready.popleft())

    def _ask(self, job: Job) -> None:
        """Send the next request of a job, which has a connection to use."""
        try:
            if job.is_whole:
                self._after(job, _guarded(job, job.complete))
                return
            if wait := self._pace.paused(job.origin) or job.turn():
                self._after(job, Step(wait=wait))
                return
            session, url, headers = job.ready()
            route = self._routes.to(session, url)
        except HCAError as error:
            self._after(job, job.failed(error))
            return
        except ValueError as error:  # of libraries that can't read what a service told
            self._after(job, job.failed(HCAError(f"{job.transfer.name}: {error}")))
            return
        exchange = self._idle.pop() if self._idle else curls.Exchange(self._arrived, self._rate.is_ahead)
        if session.observers:
            headers = session.observers.lines("GET", url, headers)
        exchange.prepare(job, url, headers, route)
        exchange.observers = session.observers
        self._look_every = min(self._look_every, route.most_silent / 4)
        self._busy[exchange.curl] = exchange
        self._multi.add_handle(exchange.curl)

    def _after(self, job: Job, step: Step) -> None:
        """Do what follows from a step of a job that has a connection to use."""
        if step.pause is not None:
            self._pace.throttled(step.pause, step.origin)
        if step.crowded:
            self._pace.crowded()
        if step.result is None and not step.wait and not step.is_piece:
            self._ask(job)
            return
        self._pace.give()
        if isinstance(job, pieces.Piece) and step.is_piece:
            self._after_piece(job.whole, step.failure)
        elif step.result is not None:
            self._pace.arrived(0)
            self._jobs.discard(job)
            self._results.append(step.result)
        else:
            self._pace.park(1)
            self._put_down(job.sink.rest)
            heapq.heappush(self._later, (time.monotonic() + step.wait, next(self._count), job))

    def _turn(self) -> None:
        """Wait until something happens, and let libcurl work on it."""
        if not self._rate.is_free() and not self._rate.debt():
            for exchange in [one for one in self._busy.values() if one.paused]:
                if problem := exchange.go_on():
                    self._finish(exchange.curl, *problem)
        multi = self._multi
        is_due = self._due is not None and time.monotonic() >= self._due
        if is_due:
            self._due = None
            multi.socket_action(pycurl.SOCKET_TIMEOUT, 0)
            if self._due is None:
                # Called a moment too early it does nothing, and does not say again when it wants to be called.
                self._set_timer(multi.timeout())
        began = time.monotonic()
        # What was finished by that is to be gathered at once.
        events = self._sockets.wait(0 if is_due or self._inbox else self._patience())
        self._sleeps = False
        if self._ready:
            self._pace.idled(time.monotonic() - began)
        for descriptor, what in events:
            if descriptor == self._wakes.fileno():
                self._wakes.recv(4096)
            else:
                multi.socket_action(descriptor, what)
        if self._busy:
            self._gather()

    def _patience(self) -> float:
        """Return for how long nothing is to be done unless something happens."""
        moments = [self._due] if self._due is not None else []
        if self._later:
            moments.append(self._later[0][0])
        seconds = min(moments) - time.monotonic() if moments else _LONGEST_SLEEP
        if debt := self._rate.debt():
            seconds = min(seconds, debt)
        return max(0.0, min(seconds, _TOLD_SECONDS if self._results else self._look_every))

    def _gather(self) -> None:
        """Take what libcurl has finished."""
        multi = self._multi
        left = 1
        while left:
            left, good, bad = multi.info_read()
            for curl in good:
                self._finish(curl, 0, "")
            for curl, code, text in bad:
                self._finish(curl, code, text)

    def _finish(self, curl: pycurl.Curl, code: int, text: str) -> None:
        exchange = self._busy.pop(curl, None)
        if exchange is None:
            return  # a piece that was given up just now, together with one before it
        self._multi.remove_handle(curl)
        self._settle(exchange, curls.broken(exchange, code, text) if code else None)

    def _settle(self, exchange: Exchange, error: curls.BrokenError | None) -> None:
        job = exchange.job
        exchange.tell_observers(error)
        if error is not None and error.unsent and curls.has_too_many_files(exchange):
            step = job.crowded(error)
        else:
            step = _guarded(job, lambda: job.ended(exchange, error))
        exchange.forget()
        self._idle.append(exchange)
        self._after(job, step)

    def _look_for_silence(self) -> None:
        """Break off what nothing comes from any more."""
        now = time.monotonic()
        if not self._busy or now - self._looked < self._look_every:
            return
        self._looked = now
        for exchange in list(self._busy.values()):
            self._put_down(exchange.job.sink.settle)
            if not self._ready and self._pace.has_room() and self._rate.is_free():
                self._split(exchange, now - exchange.began)
        for exchange in [one for one in self._busy.values() if now - one.heard > one.most_silent and not one.paused]:
            if self._busy.pop(exchange.curl, None) is None:
                continue  # a piece that was given up together with one before it
            self._multi.remove_handle(exchange.curl)  # which closes the connection
            text = f"{exchange.where} sent nothing for {exchange.most_silent:g} s"
            self._settle(exchange, curls.BrokenError(text))

    def _put_down(self, write: Callable[[], None]) -> None:
        """Write what came of a file so far, as more of it comes slowly or later. Raises OSError."""
        try:
            write()
        except OSError as error:
            if not descriptors.are_used_up(error):
                raise
        except HCAError:
            pass  # told when more of it comes

    def _split(self, exchange: Exchange, seconds: float) -> None:
        """Let a large file come in pieces, over several connections, if one has shown to be slow."""
        job = exchange.job
        split = sum(one.split is not None for one in self._jobs)
        if split >= _MOST_SPLIT or not pieces.may_split(job, exchange, seconds):
            return
        job.was_split = True
        job.split = pieces.Split(job, exchange.content / seconds)
        job.broken_off(exchange)
        self._break_off(exchange)
        self._ask_for_pieces(job)

    def _break_off(self, exchange: Exchange) -> None:
        """End a request whose connection is given back."""
        exchange.tell_observers(None)
        del self._busy[exchange.curl]
        self._multi.remove_handle(exchange.curl)  # which closes the connection
        exchange.forget()
        self._idle.append(exchange)
        self._pace.give()

    def _ask_for_pieces(self, whole: Job) -> None:
        while whole.split and (piece := whole.split.wanted()):
            self._ready.append(piece)

    def _after_piece(self, whole: Job, failure: Exception | None) -> None:
        """Do what follows from the end of a piece: go on with others, or without pieces."""
        split = whole.split
        if split is None:
            return  # it was given up when another one failed
        if failure is None:
            try:
                split.arrived()
            except IntegrityError as error:
                self._unsplit(whole)
                if (result := whole.failed(error).result) is not None:
                    self._ready.remove(whole)
                    self._jobs.discard(whole)
                    self._results.append(result)
                return
            split.adapt()
            self._ask_for_pieces(whole)
        if failure is not None or split.is_done():
            self._unsplit(whole)

    def _unsplit(self, whole: Job) -> None:
        """Give up all pieces of a file that are under way, and go on with it as a whole."""
        given_up = set(whole.split.under_way()) if whole.split else set()
        whole.split = None
        for exchange in [one for one in self._busy.values() if one.job in given_up]:
            self._break_off(exchange)
        parked = len(self._later)
        self._later = [one for one in self._later if one[2] not in given_up]
        heapq.heapify(self._later)
        self._pace.park(len(self._later) - parked)
        self._ready = deque(job for job in self._ready if job not in given_up)
        self._ready.append(whole)

    def _arrived(self, size: int) -> None:
        self._rate.took(size)
        self._tell(size)

    def _watch(self, what: int, descriptor: int, multi: object, data: object) -> None:
        """Do as libcurl says which sockets it waits for."""
        self._sockets.change(descriptor, 0 if what == pycurl.POLL_REMOVE else what)

    def _set_timer(self, milliseconds: int) -> None:
        self._due = None if milliseconds < 0 else time.monotonic() + milliseconds / 1000

    def _end(self) -> None:
        """Keep what has arrived, and close everything."""
        for exchange in self._busy.values():
            self._multi.remove_handle(exchange.curl)
        for job in (*self._inbox, *self._jobs):
            job.sink.keep()
        for exchange in (*self._busy.values(), *self._idle):
            exchange.curl.close()
        self._multi.close()
        self._sockets.close()
        self._wakes.close()
        self._waker.close()


def _multi() -> pycurl.CurlMulti:
    """Return a new event loop of libcurl. Raises OSError if there is no file descriptor for it."""
    try:
        return pycurl.CurlMulti()
    except pycurl.error as error:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE)) from error


def _guarded(job: Job, work: Callable[[], Step]) -> Step:
    """Return the next step of a job: to wait, if there is no file descriptor left. Raises OSError."""
    try:
        return work()
    except OSError as error:
        if not descriptors.are_used_up(error):
            raise
        return job.crowded(error)
    except ValueError as error:  # of libraries that can't use what a transfer or a service says
        return job.failed(HCAError(f"{job.transfer.name}: {error}"))
