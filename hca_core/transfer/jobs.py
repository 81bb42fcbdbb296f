"""One file on its way: what an answer means, what comes next, and when it is enough."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from hca_core import answers, http, log
from hca_core.content import Quota
from hca_core.errors import HCAError, IntegrityError, NetworkError, ServiceError, UsageError, service_error
from hca_core.transfer import curls, descriptors, replies
from hca_core.transfer.sinks import SMALL, Held, Kept, PartError
from hca_core.transfer.values import Result, origin_of

if TYPE_CHECKING:
    import threading

    from hca_core.transfer import parts
    from hca_core.transfer.curls import Exchange
    from hca_core.transfer.pace import Hosts
    from hca_core.transfer.pieces import Gathered, Split
    from hca_core.transfer.values import Request, Settings, Transfer

_NO_CONTENT = -1  # what comes is a problem, or nothing that matters
# A redirect may lead to another host: what else a source sends, a key perhaps, is for the one it asks.
_FOR_EVERYBODY = frozenset({"range", "accept", "accept-encoding", "if-range"})
_TOO_MANY = 429
_TOOK_TOO_LONG = 408  # what some servers answer when a request came too slowly
_ENOUGH = 3  # failures in a row of a source that knows another one


class Step(NamedTuple):
    """What to do next with a job: ask again after `wait` seconds, or nothing more if there is a `result`.

    `pause`: the service behind sources of `origin` has too much to do, and asks everybody to wait for so long, 0 if it
    does not say. `crowded`: fewer connections, please. `is_piece`: a piece of a file ended, badly if there is a
    `failure`.
    """

    wait: float = 0.0
    result: Result | None = None
    pause: float | None = None
    origin: str = ""
    crowded: bool = False
    is_piece: bool = False
    failure: Exception | None = None


class Job:
    """One transfer that is under way."""

    __slots__ = (
        "_afresh", "_asked", "_failing_since", "_farthest", "_full_up", "_hops", "_hosts", "_in_a_row", "_mixed",
        "_patience", "_quota", "_redirect", "_refused", "_request", "_token", "_total", "_validator", "fetched",
        "origin", "sink", "split", "terms", "transfer", "was_split",
    )  # fmt: skip

    def __init__(self, transfer: Transfer, settings: Settings, listing: parts.Listing, hosts: Hosts) -> None:
        self.transfer = transfer
        small = transfer.size is not None and transfer.size <= SMALL
        self.terms = (settings, listing, hosts)
        self.split: Split | None = None  # while it comes in pieces
        self.was_split = False
        self.sink: Held | Kept | Gathered = Held(transfer, listing) if small else Kept(transfer, listing)
        self.fetched = 0
        self._farthest = 0
        self._total: int | None = None  # how many bytes there are, where only the answer says
        self._validator = ""  # of what came, where there is no digest to find out by
        self._full_up = 0
        self._hosts = hosts
        self._mixed = False  # whether some of what is there is of an earlier run, or of another source
        self._begin_with_source()

    def _begin_with_source(self) -> None:
        """Be as patient with the source as if nothing had been tried yet."""
        settings = self.terms[0]
        self.origin = origin_of(self.transfer.source)
        self._quota = Quota(settings.retries, settings.min_delay)
        self._in_a_row = 0  # failures
        self._patience = 0.0  # seconds that the service asked us to wait
        self._redirect = ""
        self._hops = 0
        self._refused = False
        self._token = ""
        self._afresh = False
        self._failing_since = 0.0  # when nothing has come of what was tried; 0: something has

    @property
    def is_small(self) -> bool:
        """Whether it is held in memory."""
        return isinstance(self.sink, Held)

    def open(self, stopped: threading.Event) -> None:
        """Take up what an earlier run left of a large file. Raises OSError, KeyboardInterrupt."""
        sink = self.sink
        if isinstance(sink, Kept):
            descriptors.patiently(lambda: sink.open(stopped), stopped)
            self._mixed = sink.got > 0

    @property
    def is_whole(self) -> bool:
        """Whether nothing is missing: an empty file, or a part that was complete, costs no request."""
        return self.sink.got == self.transfer.size

    def turn(self) -> float:
        """Return for how many seconds the source must not be asked yet."""
        turn = None if self._redirect else getattr(self.transfer.source, "turn", None)
        return turn() if turn else 0.0

    def ready(self) -> tuple[http.Session, str, list[str]]:
        """Return what to ask next: session, URL, headers. Raises HCAError."""
        if not self._redirect:
            if self.transfer.digest is None and not self._validator and self.sink.got:
                self.sink.afresh()  # nobody could tell whether what comes now belongs to what came before
            self._asked = self.sink.got
            self._request = self._next_request()
            self._hops = 0
        request = self._request
        session = request.session
        url = self._redirect or curls.spelled_out(session, request.url)
        headers = [
            f"{name}: {value}"
            for name, value in request.headers.items()
            if not self._redirect or name.lower() in _FOR_EVERYBODY
        ]
        self._token = (request.authenticated and session.authorization(url)) or ""
        if self._token:
            headers.append(f"Authorization: {self._token}")
        if not all(header.isascii() and header.isprintable() for header in headers):
            raise UsageError("a header or a token has a character that can't be sent")
        return session, url, headers

    def _next_request(self) -> Request:
        return self.transfer.source.request(self._asked, anew=self._refused)

    def take(self, piece: bytes) -> None:
        """Take the next bytes of content. Raises IntegrityError, OSError."""
        self.sink.take(piece)
        size = self.transfer.size
        if size is not None and self.sink.got > size:
            raise IntegrityError(f"{self.transfer.name}: expected {size} bytes, received more")

    def answered(self, exchange: Exchange) -> int:
        """Look at the headers of an answer; return how many bytes of its body to skip, below 0 if it is no content.

        Raises IntegrityError, NetworkError if the body is of no use.
        """
        if exchange.status in (200, 206) and self.transfer.digest is None:
            self._compare(replies.validator(exchange))
        if exchange.status == 206:
            return self._asked - self._range_start(exchange)
        if exchange.status == 200:
            begins = self._request.begins
            told = replies.number(exchange.header("Content-Length"))
            if told is not None:
                self._check_total(told + begins, whole=not begins)
            return self._asked - begins
        return _NO_CONTENT

    def _compare(self, validator: str) -> None:
        """Raise IntegrityError if the object is another one than that whose beginning is here (RFC 9110 §8.8)."""
        if self._asked and validator != self._validator:
            raise IntegrityError(f"{self.transfer.name}: it was changed while it was fetched")
        self._validator = validator

    def _range_start(self, exchange: Exchange) -> int:
        told = exchange.header("Content-Range")
        begin, _, total = told.removeprefix("bytes ").partition("/")
        start = replies.number(begin.partition("-")[0].strip())
        if start is None or start > self._asked:
            what = repr(told) if told else "without a range"
            raise NetworkError(f"asked for content from byte {self._asked}, but the answer is {what}")
        if (told_total := replies.number(total.strip())) is not None:
            self._check_total(told_total)
        return start

    def _check_total(self, total: int, *, whole: bool = True) -> None:
        """Raise IntegrityError if there are more bytes than promised, or if there are less and this is the `whole`."""
        size = self.transfer.size
        if size is not None and (total > size or (whole and total != size)):
            raise IntegrityError(f"{self.transfer.name}: expected {size} bytes, but there are {total}")
        if size is None:
            self._total = total

    def ended(self, exchange: Exchange, error: curls.BrokenError | None) -> Step:
        """Return what comes next after a request ended; `error` is what libcurl reported. Raises OSError."""
        exchange.begin()  # an answer without a body has not been looked at
        self.fetched += exchange.content
        if exchange.status:
            self._hosts.answered(exchange.where)
            self._failing_since = 0.0
        if self.sink.got > self._farthest:  # bytes that had to be thrown away are no progress
            self._farthest = self.sink.got
            self._in_a_row = 0
            self._quota.good_block()
            self._refused = False
            self._full_up = 0
        try:
            return self._next(exchange, error)
        except HCAError as failure:
            return self.failed(failure)

    def broken_off(self, exchange: Exchange) -> None:
        """Note that a request was ended from here: the next one is for what is missing then."""
        self.fetched += exchange.content
        self._redirect = ""

    def failed(self, failure: Exception) -> Step:
        """Return what comes next after an error that waiting does not mend."""
        # Wrong bytes that may not be this source's own are no reason yet to leave it.
        may_be_good = isinstance(failure, PartError) or (isinstance(failure, IntegrityError) and self._mixed)
        if not may_be_good and self._goes_elsewhere(failure):
            return Step()
        if isinstance(failure, IntegrityError) and not self._afresh:
            # Bytes that were taken up from an earlier run, or a proxy's cache, may be to blame: once more, from zero.
            log.logger().warning("%s; fetching it once more from the beginning", failure.message)
            self._afresh = True
            self._mixed = False
            self._redirect = ""
            self.sink.afresh()
            return Step()
        return self._given_up(failure)

    def _given_up(self, failure: Exception) -> Step:
        """Return the last step of a transfer that failed."""
        if isinstance(failure, IntegrityError):
            self.sink.drop()
        else:
            self.sink.keep()
        # What led to it would keep the bytes of this file in memory, as long as somebody has the report.
        failure = failure.with_traceback(None)
        failure.__context__ = failure.__cause__ = None
        return Step(result=Result(self.transfer, "failed", self.fetched, error=self._as_told(failure)))

    def _goes_elsewhere(self, failure: Exception) -> bool:
        """Tell whether the source names another one; that is asked from now on, for what is not there or wrong."""
        elsewhere = getattr(self.transfer.source, "elsewhere", None)
        other = elsewhere(failure) if elsewhere else None
        if other is None:
            return False
        self.transfer = self.transfer._replace(source=other)
        if isinstance(failure, IntegrityError):
            self.sink.afresh()
        self._mixed = self.sink.got > 0
        self._begin_with_source()
        return True

    def _as_told(self, failure: Exception) -> Exception:
        """Return a failure in the words of the service's own plugin, if it has some."""
        words = getattr(self.transfer.source, "error", None)
        return words(failure) if words and isinstance(failure, ServiceError) else failure

    def _next(self, exchange: Exchange, error: curls.BrokenError | None) -> Step:
        status = exchange.status
        if isinstance(exchange.failure, NetworkError):
            return self._again(exchange.failure)
        if exchange.failure is not None:
            raise exchange.failure  # unless it is an HCAError it ends the run
        if error is not None and exchange.problem is None:
            return self._after_silence(exchange, error)
        if status in http.REDIRECTS and (location := exchange.header("Location")):
            return self._follow(exchange, location)
        if status in (200, 206):
            return self._came_to_an_end()
        if status < 400:
            return self._again(NetworkError(f"{replies.where(exchange)} answered {status}, which is no file"))
        return self._after_problem(exchange)

    def _after_silence(self, exchange: Exchange, error: curls.BrokenError) -> Step:
        """Return what comes next after a request that nothing came of, or not all."""
        if error.hopeless or self._hosts.are_given_up(exchange.where):
            raise error
        self._failing_since = self._failing_since or time.monotonic()
        try:
            return self._again(error)
        except HCAError:
            self._hosts.gave_up(exchange.where, self._failing_since)
            raise

    def _came_to_an_end(self) -> Step:
        self._redirect = ""
        size = self._total if self.transfer.size is None else self.transfer.size
        if size is not None and self.sink.got < size:
            return self._again(NetworkError(f"the content ended after {self.sink.got} of {size} bytes"))
        return self.complete()

    def complete(self) -> Step:
        """Check what came and put it into place. Raises OSError."""
        try:
            self.sink.commit()
        except IntegrityError as failure:
            return self.failed(failure)
        except HCAError as failure:
            return self._given_up(failure)  # of the place: from another source it would not fit there either
        return Step(result=Result(self.transfer, "fetched", self.fetched, origin=self.origin))

    def _follow(self, exchange: Exchange, location: str) -> Step:
        target = location
        # What is spelled out in full and leads from https to https, or from http to http, needs no more looking at.
        if not (http.is_plain(location) and location.startswith(exchange.url[:6]) and "[" not in location):
            found = http.redirect_target(exchange.url, location)
            if found is None:
                place = location.partition("?")[0]
                raise HCAError(f"{replies.where(exchange)} leads to {place!r}, which is no http address")
            target = curls.spelled_out(self._request.session, found)
        asked = answers.retry_after(replies.answer(exchange)) if exchange.header("Retry-After") else None
        # A wait of next to nothing is no wait: a service that asks for it again and again goes in a circle too.
        self._hops = 0 if asked and asked >= http.LEAST_WAIT else self._hops + 1
        if self._hops > http.MOST_HOPS:
            raise NetworkError(f"{replies.where(exchange)} redirects in a circle")
        self._redirect = target
        if asked:
            self._be_patient(asked, "the service is preparing the data")
        return Step(wait=asked or 0)

    def _be_patient(self, seconds: float, why: str) -> None:
        """Note that the service asks for a wait. Raises NetworkError if that is too much in all."""
        self._patience += seconds
        most = self._request.session.policy.patience
        if self._patience > most:
            raise NetworkError(f"{why}, and asks for more waiting than {most:g} s in all")

    def _after_problem(self, exchange: Exchange) -> Step:
        status = exchange.status
        self._redirect = ""
        answer = replies.answer(exchange)
        if status == 416:
            told = replies.number(exchange.header("Content-Range").rpartition("/")[2].strip())
            if told is not None:
                self._check_total(told)
            if self.transfer.size is None and told == self.sink.got and self.transfer.digest is not None:
                return self.complete()  # all that there is was there already
            raise IntegrityError(f"{self.transfer.name}: there is nothing from byte {self.sink.got} on")
        failure = service_error(answer, replies.problem(exchange, answer))
        if status in (401, 403) and not self._refused:
            self._refused = True
            if status == 401 and self._token and not self._has_another_token():
                raise failure
            return Step()  # a signed URL that expired, perhaps: what is asked for anew tells
        if status != _TOOK_TOO_LONG and status not in self._request.session.transient:
            raise failure
        wait = answers.retry_after(answer)
        asked = wait or 0.0
        self._be_patient(asked, f"the service answered {status}")
        if asked >= 1 and self._request.session.is_news((exchange.where, status)):
            log.logger().info("%s answered %d; waiting %.0f s", exchange.where, status, asked)
        # Who says when to come back is well: that is waited for, as long as there are tries left.
        origin = self.origin  # the next step may be to another one
        step = self._again(failure, is_asked_back=wait is not None or status == _TOO_MANY)
        return step._replace(pause=asked if status in (_TOO_MANY, 503) else None, origin=origin)

    def _has_another_token(self) -> bool:
        return self._request.session.renewed(self._token.removeprefix("Bearer "))

    def _again(self, error: HCAError, *, is_asked_back: bool = False) -> Step:
        """Return the next step after a failure that may pass. Raises `error` if there were too many."""
        self._redirect = ""
        wait = self._quota.failed(error)
        if not is_asked_back:
            self._in_a_row += 1
            if self._in_a_row >= _ENOUGH and self._goes_elsewhere(error):
                return Step()
        log.logger("hca.transfer").debug("%s: %s; trying again in %.2f s", self.transfer.name, error, wait)
        return Step(wait=wait)

    def crowded(self, error: Exception) -> Step:
        """Return the next step after this process had no file descriptor left; raise `error` if that does not end."""
        self._redirect = ""
        self._full_up += 1
        if self._full_up > descriptors.MOST_WAITS:
            raise error
        return Step(wait=descriptors.WAIT_SECONDS, crowded=True)
