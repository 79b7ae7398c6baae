"""A second process that renders, so that mails are made while others are decided, written down and sent.

It is started when there is first much to render, and until it is ready mails are rendered here; so they are when it
dies or hangs. It ends with the process that it belongs to, however that ends.

A pipe and no pool: a pool's own threads wait for the interpreter that is busy deciding, and starve its processes.
"""

from __future__ import annotations

import gc
import multiprocessing
import signal
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from queue import SimpleQueue
from threading import Thread
from typing import Final

from nurture import log
from nurture.adapters.links import SignedLinks
from nurture.adapters.rendering.templates import Templates
from nurture.domain.draft import Draft, Pack, Rendered, Unrendered
from nurture.moves.rendering import Here, tried
from nurture.ports import Templates as AnyTemplates
from nurture.ports.rules import Begun

MANY: Final = 32  # drafts at once for which the process is started
FEW: Final = 8  # drafts at once that are not worth the way
AHEAD: Final = 16  # shares that the process has before it: what it does while a group is sent and written down
PATIENCE: Final = 60.0  # seconds for one share; each of its mails takes a millisecond
Mails = list[Rendered | Unrendered]
_log = log.get("rendering")


@dataclass(slots=True, eq=False)
class _Share:
    """The drafts of one call, and their mails when they are there."""

    drafts: Sequence[Draft]
    templates: Templates
    mails: Mails = field(default_factory=list)


@dataclass(slots=True)
class _Worker:
    """The process, our end of the pipe to it, and what it has before it."""

    process: BaseProcess
    pipe: Connection
    templates: Templates | None = None  # those that it was given last
    ready: bool = False  # whether it has them
    given: deque[_Share] = field(default_factory=deque)


class RenderProcess:
    """Renders in one process of its own, and here as well while its mails are waited for. For one thread.

    `public_url` and `keys` are those of our signed links. `pack` makes the provider's requests in that process as well.
    """

    def __init__(self, public_url: str, keys: Sequence[str], pack: Pack | None = None) -> None:
        self._serving = (public_url, tuple(keys), pack)
        self._here = Here(SignedLinks(public_url, keys), pack)
        self._worker: _Worker | None = None
        self._waiting: deque[_Share] = deque()  # not given to the process yet

    def begin(self, drafts: Sequence[Draft], templates: AnyTemplates) -> Begun:
        """The mails of drafts in their order, which begin to be rendered now."""
        if len(drafts) < FEW or not isinstance(templates, Templates):
            return self._here.begin(drafts, templates)
        if len(drafts) >= MANY:
            self.start(templates)
        self._listen()
        if self._worker is None or not self._worker.ready or self._worker.templates is not templates:
            return self._here.begin(drafts, templates)
        share = _Share(drafts, templates)
        self._waiting.append(share)
        self._give()
        return _Coming(self, share)

    def start(self, templates: Templates, *, wait: bool = False) -> None:
        """Start the process, if it is not there, and give it these templates; `wait` until it has them."""
        if self._worker is None and not multiprocessing.current_process().daemon:
            spawn = multiprocessing.get_context("spawn")
            pipe, theirs = spawn.Pipe()
            process = spawn.Process(target=_serve, args=(theirs, *self._serving), name="rendering", daemon=True)
            process.start()
            theirs.close()
            self._worker = _Worker(process, pipe)
        worker = self._worker
        if worker is not None and worker.templates is not templates and not worker.given:
            worker.templates, worker.ready = templates, False
            self._waiting.clear()  # of earlier templates; whoever still asks for them has them made here
            with self._watched():
                worker.pipe.send(templates.sources.texts)
        while wait and self._worker is not None and not self._worker.ready:
            self._listen(PATIENCE)

    def close(self) -> None:
        """End the process; the next large batch starts another. What it had before it is rendered here."""
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.pipe.close()
            worker.process.kill()
            worker.process.join()
            self._waiting.extendleft(reversed(worker.given))

    def look(self) -> None:
        """Take what is made, without waiting, and let the process have more."""
        self._listen()
        self._give()

    def mails(self, share: _Share) -> Mails:
        """The mails of a share; others are rendered here while they are waited for."""
        while not share.mails:
            self._give()
            if self._waiting:
                self._render(self._waiting.pop())  # the one that the process would come to last
                self._listen()
            elif self._worker is not None and share in self._worker.given:
                self._listen(PATIENCE)
            else:
                self._render(share)
        return share.mails

    def _render(self, share: _Share) -> None:
        share.mails = list(self._here.begin(share.drafts, share.templates))

    def _give(self) -> None:
        """Let the process have enough before it."""
        worker = self._worker
        while worker is not None and self._waiting and len(worker.given) < AHEAD:
            share = self._waiting.popleft()
            worker.given.append(share)
            with self._watched():
                worker.pipe.send(share.drafts)
            worker = self._worker

    def _listen(self, seconds: float = 0.0) -> None:
        """Take what the process has made; wait so long for the first of it."""
        with self._watched():
            while (worker := self._worker) is not None:
                if not worker.pipe.poll(seconds):
                    if seconds:
                        raise TimeoutError
                    return
                answer: Mails | None = worker.pipe.recv()
                seconds = 0.0
                if answer is None:
                    worker.ready = True
                else:
                    worker.given.popleft().mails = answer

    @contextmanager
    def _watched(self) -> Iterator[None]:
        """Where the process does not answer any more, it is ended."""
        try:
            yield
        except (EOFError, OSError) as problem:  # a TimeoutError is an OSError
            _log.warning("render_process_lost", because=type(problem).__name__)
            self.close()


@dataclass(frozen=True, slots=True)
class _Coming:
    """The mails of a share, from whoever renders them."""

    renderer: RenderProcess
    share: _Share

    @property
    def is_ready(self) -> bool:
        if not self.share.mails:
            self.renderer.look()
        return bool(self.share.mails)

    def __iter__(self) -> Iterator[Rendered | Unrendered]:
        return iter(self.renderer.mails(self.share))


def _serve(pipe: Connection, public_url: str, keys: Sequence[str], pack: Pack | None) -> None:
    """What the process does until the other end of its pipe is closed: read templates, render drafts."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # from the keyboard: the daemon ends its pass first
    gc.set_threshold(50_000)
    links, templates = SignedLinks(public_url, keys), Templates({})
    asked: SimpleQueue[dict[str, str] | Sequence[Draft] | None] = SimpleQueue()
    made: SimpleQueue[Mails | None] = SimpleQueue()
    # Both ways have threads of their own: whoever asks must not wait until we read, and nobody may be reading yet.
    Thread(target=_read, args=(pipe, asked), daemon=True).start()
    Thread(target=_answer, args=(pipe, made), daemon=True).start()
    while (now := asked.get()) is not None:
        if isinstance(now, dict):
            templates = Templates(now)
            made.put(None)
        else:
            made.put([tried(draft, templates, links, pack) for draft in now])


def _read(pipe: Connection, asked: SimpleQueue[dict[str, str] | Sequence[Draft] | None]) -> None:
    with suppress(EOFError, OSError):
        while True:
            asked.put(pipe.recv())
    asked.put(None)


def _answer(pipe: Connection, made: SimpleQueue[Mails | None]) -> None:
    with suppress(OSError):
        while True:
            pipe.send(made.get())
