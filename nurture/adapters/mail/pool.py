"""Posts bodies to one address over long-lived connections (libcurl), many at once, each at most once.

libcurl repeats by itself what it sent on an old connection that turns out to be dead. Here it cannot: a body is read
once, just before its first byte leaves, and cannot be rewound. One connection carries one request at a time: with many
on one (HTTP/2), its end would leave all of them in doubt.
"""

from __future__ import annotations

import select
import selectors
import socket
import ssl
import threading
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pycurl

# Shorter than any server's patience: a connection that the server is just closing turns a mail into a maybe.
_KEEPALIVE_SECONDS: Final = 10
# libcurl's clock stands still while the machine sleeps: look at the boot-time clock this often.
_LOOK_SECONDS: Final = 1.0
_EXPLANATION_SECONDS: Final = 2.0
_EXPLANATION_BYTES: Final = 4000
_TOO_LATE: Final = "not begun: too little time was left before the deadline"
_PROBLEMS: Final = {
    getattr(pycurl, name): name.removeprefix("E_").replace("_", " ").lower()
    for name in sorted(dir(pycurl))
    if name.startswith("E_") and "MULTI" not in name
} | {pycurl.E_OPERATION_TIMEDOUT: "out of time", pycurl.E_ABORTED_BY_CALLBACK: _TOO_LATE}


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one body. `status` 0: no answer. `begun`: whether any of the body may have left."""

    status: int = 0
    headers: Sequence[bytes] = ()  # lines
    said: bytes = b""  # the beginning of the answer's content
    problem: str = ""  # what broke, in words without the address of any machine or person
    begun: bool = False


class Pool:
    """Connections to one address, for any number of callers at once."""

    def __init__(
        self,
        url: str,
        headers: Sequence[str],
        *,
        in_flight: int,
        boottime: Callable[[], float],
        trusted: Path | None = None,
    ) -> None:
        """`in_flight` of all callers together; `trusted` is a file of certificates, in the place of those that the
        machine trusts.
        """
        self._url, self._headers, self._in_flight = url, headers, in_flight
        self._boottime, self._trusted = boottime, trusted
        self._lock = threading.Lock()  # over who flies
        self._flyer: threading.Thread | None = None  # there as long as anybody waits
        self._coming: deque[_Batch] = deque()
        self._closing = threading.Event()
        self._finishes = False
        self._wire: _Wire | None = None
        self._idle: list[_Transfer] = []

    def post(self, bodies: Sequence[bytes], *, seconds: float, deadline: float) -> list[tuple[int, Answer]]:
        """The answer to each body, by its place, in the order in which they came.

        All is over by `deadline` (boot time), and each within so many seconds of its beginning. A body that would have
        less than those seconds does not begin any more; one whose answer is missing then has none.
        """
        if not bodies:
            return []
        batch = _Batch(enumerate(bodies), len(bodies), seconds, deadline)
        with self._lock:
            self._coming.append(batch)
            if self._flyer is None:
                self._flyer = threading.Thread(target=self._fly, name="pool", daemon=True)
                self._flyer.start()
            elif self._wire is not None:
                self._wire.wake()
        batch.over.wait()
        if batch.problem is not None:
            raise batch.problem
        return batch.answers

    def finish(self) -> None:
        """Begin nothing more. What is in the air comes to its end."""
        self._finishes = True

    def close(self) -> None:
        """End the connections. What is in the air has no answer any more, what has not begun never does."""
        self._closing.set()
        with self._lock:
            flyer = self._flyer
            if flyer is not None and self._wire is not None:
                self._wire.wake()
        if flyer is not None:
            flyer.join()
        with self._lock:
            idle, self._idle = self._idle, []
            wire, self._wire = self._wire, None
            self._closing.clear()
        for transfer in idle:
            transfer.handle.close()
        if wire is not None:
            wire.close()

    def _fly(self) -> None:
        """What the thread does, as long as there is a batch that is not over."""
        batches: list[_Batch] = []
        flying: dict[pycurl.Curl, _Transfer] = {}
        try:
            while self._has_more(batches, flying):
                assert self._wire is not None
                self._fill(self._wire, batches, flying)
                if flying:
                    self._hear(self._wire, batches, flying)
                batches = [one for one in batches if not one.is_over()]
        except BaseException as problem:  # noqa: BLE001  whoever waits must hear of it
            with self._lock:
                wire, self._wire, self._flyer = self._wire, None, None
                batches += self._coming
                self._coming.clear()
            if wire is not None:
                wire.close()
            for batch in batches:
                batch.problem = problem
                batch.over.set()

    def _has_more(self, batches: list[_Batch], flying: dict[pycurl.Curl, _Transfer]) -> bool:
        """Take what has come. Where there is nothing left, the thread ends, and the next batch starts another."""
        with self._lock:
            if self._coming:
                self._wire = self._fresh(self._wire, flying)
            batches += self._coming
            self._coming.clear()
            if not batches:
                self._flyer = None
            return bool(batches)

    def _fresh(self, wire: _Wire | None, flying: Collection[pycurl.Curl]) -> _Wire:
        """The connections, or new ones where one of them has ended or spoken since: libcurl looks once a second."""
        if wire is not None and not wire.is_quiet(flying):
            if flying:
                wire.is_wary = True
                return wire
            wire.close()
            wire = None
        return wire or _Wire(self._in_flight)

    def _fill(self, wire: _Wire, batches: Sequence[_Batch], flying: dict[pycurl.Curl, _Transfer]) -> None:
        """Begin as many as may be in the air, those first that came first."""
        for batch in batches:
            latest_start = batch.deadline - batch.seconds
            while len(flying) < self._in_flight:
                place, body = next(batch.waiting, (-1, b""))
                if place < 0:
                    break
                if self._boottime() > latest_start or self._closing.is_set() or self._finishes:
                    batch.answers.append((place, Answer(problem=_TOO_LATE)))
                    continue
                transfer = self._idle.pop() if self._idle else self._another()
                transfer.begin(batch, place, body, on_a_new_connection=wire.is_wary)
                flying[transfer.handle] = transfer
                wire.add(transfer.handle)

    def _hear(self, wire: _Wire, batches: Sequence[_Batch], flying: dict[pycurl.Curl, _Transfer]) -> None:
        """Wait until something happens, and end what is over."""
        nearest = min(batch.deadline for batch in batches)
        wire.wait(min(nearest - self._boottime(), _LOOK_SECONDS))
        over = wire.landed()
        now = self._boottime()
        if now >= min(wire.look_at, nearest) or self._closing.is_set():
            wire.look_at = now + _LOOK_SECONDS
            heard = {handle for handle, _ in over}
            given_up = [
                one for one, transfer in flying.items() if one not in heard and self._is_given_up(transfer, now)
            ]
            over += [(handle, pycurl.E_OPERATION_TIMEDOUT) for handle in given_up]
        for handle, error in over:
            transfer = flying.pop(handle)
            wire.remove(handle)
            transfer.batch.answers.append((transfer.place, transfer.answer(error)))
            self._idle.append(transfer)

    def _is_given_up(self, transfer: _Transfer, now: float) -> bool:
        """Whether it is not waited for any longer: after its deadline, or where it explains an answer for too long."""
        return now >= transfer.batch.deadline or self._closing.is_set() or transfer.is_explained(now)

    def _another(self) -> _Transfer:
        return _Transfer(self._url, self._headers, self._trusted, self._boottime)


@dataclass(slots=True, eq=False)
class _Batch:
    """The bodies of one call: those that wait, and what came of the others."""

    waiting: Iterator[tuple[int, bytes]]
    size: int
    seconds: float
    deadline: float
    answers: list[tuple[int, Answer]] = field(default_factory=list)
    problem: BaseException | None = None
    over: threading.Event = field(default_factory=threading.Event)

    def is_over(self) -> bool:
        """Whether every body has its answer. Whoever waits is told."""
        if len(self.answers) == self.size:
            self.over.set()
        return self.over.is_set()


class _Transfer:
    """One body at a time, on a handle that is used again and again."""

    __slots__ = (
        "_answered_at",
        "_begun",
        "_body",
        "_boottime",
        "_headers",
        "_said",
        "_status",
        "batch",
        "handle",
        "place",
    )

    def __init__(self, url: str, headers: Sequence[str], trusted: Path | None, boottime: Callable[[], float]) -> None:
        self._boottime = boottime
        self.handle = handle = pycurl.Curl()
        handle.setopt(pycurl.URL, url)
        handle.setopt(pycurl.POST, 1)
        # Nobody waits for "100 Continue": the body leaves with its headers.
        handle.setopt(pycurl.HTTPHEADER, [*headers, "Expect:"])
        handle.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1)
        handle.setopt(pycurl.MAXAGE_CONN, _KEEPALIVE_SECONDS)
        handle.setopt(pycurl.PROXY, "")  # the environment's is not for this
        handle.setopt(pycurl.NOSIGNAL, 1)
        handle.setopt(pycurl.READFUNCTION, self._read)
        handle.setopt(pycurl.SEEKFUNCTION, lambda *_: pycurl.SEEKFUNC_FAIL)
        handle.setopt(pycurl.HEADERFUNCTION, self._hear_header)
        handle.setopt(pycurl.WRITEFUNCTION, self._hear)
        _trust(handle, trusted)

    def begin(self, batch: _Batch, place: int, body: bytes, *, on_a_new_connection: bool) -> None:
        """Make ready for another body."""
        self.batch, self.place, self._body = batch, place, body
        self._begun, self._status, self._said = False, 0, b""
        self._headers: list[bytes] = []
        self._answered_at: float | None = None
        self.handle.setopt(pycurl.POSTFIELDSIZE, len(body))
        self.handle.setopt(pycurl.TIMEOUT_MS, max(round(batch.seconds * 1000), 1))
        self.handle.setopt(pycurl.FRESH_CONNECT, on_a_new_connection)

    def answer(self, error: int) -> Answer:
        """What is known now. The status decides: whatever happened after it changes nothing."""
        status = self._status if self._answered_at is not None else 0
        return Answer(status, self._headers, self._said, _PROBLEMS.get(error, f"error {error}"), self._begun)

    def is_explained(self, now: float) -> bool:
        """Whether whoever answered has been listened to for long enough."""
        return self._answered_at is not None and now > self._answered_at + _EXPLANATION_SECONDS

    def _read(self, size: int) -> bytes | int:
        """The next bytes of the body. It may not leave too late, and that is asked just before its first byte."""
        if not self._begun:
            if self._boottime() > self.batch.deadline - self.batch.seconds:
                return pycurl.READFUNC_ABORT
            self._begun = True
        part, self._body = self._body[:size], self._body[size:]
        return part

    def _hear_header(self, line: bytes) -> None:
        if line.startswith(b"HTTP/"):  # libcurl has refused a line whose status is no number
            self._headers, self._status = [], int(line.split(None, 2)[1])
        elif line != b"\r\n":
            self._headers.append(line)
        elif self._status >= 200:  # before it come those that only say "go on"
            self._answered_at = self._boottime()

    def _hear(self, part: bytes) -> int:
        self._said += part
        enough = len(self._said) >= _EXPLANATION_BYTES or self.is_explained(self._boottime())
        return -1 if enough else len(part)


class _Wire:
    """libcurl's connections, and what they wait for."""

    def __init__(self, connections: int) -> None:
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_MAXCONNECTS, connections)
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, self._watch)
        self._multi.setopt(pycurl.M_TIMERFUNCTION, self._alarm)
        self._selector = selectors.DefaultSelector()
        self._wake, self._woken = socket.socketpair()
        self._selector.register(self._woken, selectors.EVENT_READ)
        self._used: set[int] = set()  # sockets
        self._watched: dict[int, int] = {}  # by socket: what it is looked at for
        self._alarm_in = _LOOK_SECONDS
        self.look_at = 0.0  # boot time
        self.is_wary = False  # whether connections that are at rest may have ended, and are not used again

    def add(self, handle: pycurl.Curl) -> None:
        """Begin a transfer."""
        self._multi.add_handle(handle)

    def remove(self, handle: pycurl.Curl) -> None:
        """A transfer is over; where it was not, its connection ends."""
        self._used.add(int(handle.getinfo(pycurl.ACTIVESOCKET)))
        self._multi.remove_handle(handle)

    def is_quiet(self, flying: Collection[pycurl.Curl]) -> bool:
        """Whether nothing has come, and so no end either, on the connections that were used since this was asked, and
        are at rest now.
        """
        if not hasattr(select, "poll"):  # Windows: libcurl's look once a second must do
            return True
        looking = select.poll()
        busy = {int(handle.getinfo(pycurl.ACTIVESOCKET)) for handle in flying}
        for descriptor in self._used - busy - {-1}:
            looking.register(descriptor, select.POLLIN)
        self._used.clear()
        return all(event == select.POLLNVAL for _, event in looking.poll(0))  # libcurl has closed that one itself

    def wait(self, seconds: float) -> None:
        """Until something happens, at most so long."""
        events = self._selector.select(max(min(self._alarm_in, seconds), 0.0))
        for key, mask in events:
            if key.fileobj is self._woken:
                self._woken.recv(4096)
            else:
                self._multi.socket_action(key.fd, _SEEN[mask])
        if not events or self._alarm_in <= 0:
            self._alarm_in = _LOOK_SECONDS  # it rings once, and is set again by libcurl
            self._multi.socket_action(pycurl.SOCKET_TIMEOUT, 0)

    def landed(self) -> list[tuple[pycurl.Curl, int]]:
        """The transfers that are over, each with libcurl's error."""
        found: list[tuple[pycurl.Curl, int]] = []
        left = 1
        while left:
            left, well, badly = self._multi.info_read()
            found += [(handle, pycurl.E_OK) for handle in well]
            found += [(handle, error) for handle, error, _ in badly]
        return found

    def wake(self) -> None:
        """End a wait, from any thread."""
        with suppress(OSError):  # closed by another one meanwhile: nobody waits
            self._wake.send(b"!")

    def close(self) -> None:
        """End all connections."""
        self._multi.close()
        self._selector.close()
        self._wake.close()
        self._woken.close()

    def _watch(self, what: int, descriptor: int, *_: object) -> None:
        wanted, before = _WANTED.get(what, 0), self._watched.get(descriptor, 0)
        if wanted == before:
            return
        if not wanted:
            self._selector.unregister(descriptor)
        elif before:
            self._selector.modify(descriptor, wanted)
        else:
            self._selector.register(descriptor, wanted)
        self._watched[descriptor] = wanted

    def _alarm(self, milliseconds: int) -> None:
        self._alarm_in = _LOOK_SECONDS if milliseconds < 0 else milliseconds / 1000


_WANTED: Final = {
    pycurl.POLL_IN: selectors.EVENT_READ,
    pycurl.POLL_OUT: selectors.EVENT_WRITE,
    pycurl.POLL_INOUT: selectors.EVENT_READ | selectors.EVENT_WRITE,
}
_SEEN: Final = {
    selectors.EVENT_READ: pycurl.CSELECT_IN,
    selectors.EVENT_WRITE: pycurl.CSELECT_OUT,
    selectors.EVENT_READ | selectors.EVENT_WRITE: pycurl.CSELECT_IN | pycurl.CSELECT_OUT,
}


def _trust(handle: pycurl.Curl, trusted: Path | None) -> None:
    """Let a handle trust these certificates, or those that Python's own connections trust on this machine."""
    handle.setopt(pycurl.SSLVERSION, pycurl.SSLVERSION_TLSv1_2)
    paths = ssl.get_default_verify_paths()
    file = str(trusted) if trusted else paths.cafile
    if file:
        handle.setopt(pycurl.CAINFO, file)
    if not trusted and paths.capath:
        handle.setopt(pycurl.CAPATH, paths.capath)
    if not file and not paths.capath:
        handle.setopt(pycurl.SSL_OPTIONS, pycurl.SSLOPT_NATIVE_CA)
