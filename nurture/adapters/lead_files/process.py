"""A second process that reads and checks the rows of a large file, while those before them are stored.

Where it cannot be had, or is lost, the rest is read here. It ends with the process that it belongs to, however that
ends: nobody takes what it has read.
"""

from __future__ import annotations

import gc
import multiprocessing
import pickle
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import islice
from multiprocessing.connection import Connection
from queue import Queue
from threading import Thread
from typing import Final

from nurture import log
from nurture.adapters.lead_files.rows import Rows
from nurture.domain.errors import RequestError
from nurture.domain.row import Refused, Row

LARGE: Final = 4_000_000  # bytes of a file that is worth it: starting takes as long as reading some of them
AT_ONCE: Final = 2_500  # rows on their way
AHEAD: Final = 8  # times these are read before anybody takes them
SELDOM: Final = (100_000, 20, 50)  # a batch has many objects, and nearly none of them is in a circle
TURNS: Final = 0.0005  # seconds: who hands rows over to a server should not let it wait for who makes more of them
PATIENCE: Final = 120.0  # seconds for these
_log = log.get("import")

Open = Callable[[], Rows]
Share = list[Row | Refused] | tuple[str, str] | None  # rows; what is wrong and what to do; that there are no more


def read_ahead(rows: Rows, again: Open, after: int) -> Iterator[Row | Refused]:
    """The rows behind a line. `again` opens the same file elsewhere: it is sent there. Raises what reading raises."""
    if rows.table.size < LARGE or multiprocessing.current_process().daemon:
        yield from rows.behind(after)
        return
    spawn = multiprocessing.get_context("spawn")
    pipe, theirs = spawn.Pipe(duplex=False)
    process = spawn.Process(target=_serve, args=(theirs, again, after), name="reading", daemon=True)
    process.start()
    theirs.close()
    lost, usual, turns = False, gc.get_threshold(), sys.getswitchinterval()
    gc.set_threshold(*SELDOM)
    sys.setswitchinterval(TURNS)
    try:
        while (share := _next(pipe)) is not None:
            if isinstance(share, tuple):
                raise RequestError(share[0], hint=share[1])
            yield from share
            after = share[-1].line
    except (EOFError, OSError) as problem:
        _log.warning("import_process_lost", because=type(problem).__name__)
        lost = True
    finally:
        gc.set_threshold(*usual)
        sys.setswitchinterval(turns)
        pipe.close()
        process.kill()
        process.join()
    if lost:
        yield from rows.behind(after)


def _next(pipe: Connection) -> Share:
    if not pipe.poll(PATIENCE):
        raise TimeoutError  # an OSError
    share: Share = pipe.recv()
    return share


def _serve(pipe: Connection, again: Open, after: int) -> None:
    """What the process does until the other end of its pipe is closed."""
    gc.disable()  # rows hold no circles, and there are many of them to search for some
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # from the keyboard: who stores the rows decides what becomes of it
    ready: Queue[bytes] = Queue(AHEAD)
    Thread(target=_read, args=(ready, again, after), daemon=True).start()
    with suppress(OSError):
        while share := ready.get():
            pipe.send_bytes(share)


def _read(ready: Queue[bytes], again: Open, after: int) -> None:
    """Read on while a batch is stored that takes longer than what a pipe holds; nothing comes after empty bytes."""
    try:
        rows = again().behind(after)
        while share := list(islice(rows, AT_ONCE)):
            ready.put(pickle.dumps(share, pickle.HIGHEST_PROTOCOL))
        ready.put(pickle.dumps(None))
    except RequestError as problem:
        ready.put(pickle.dumps((problem.what, problem.hint)))
    except OSError:
        pass  # it ends early: then the rest is read by whom it reads for
    finally:
        ready.put(b"")
