"""The real command line under a system clock that somebody sets: `python -m tests.journeys.clocked MOMENT daemon ...`.

Each line on stdin is a moment. The clock is set to it, the scheduler runs what is due then, and when that is over a
line answers. Nothing else is changed: the clock stands still in between, and nothing is ever due by itself.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime, tzinfo
from threading import Semaphore, Thread
from typing import Any, Self

import apscheduler.schedulers.base
from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_EXECUTED
from apscheduler.schedulers.background import BackgroundScheduler

import nurture.adapters.clock
from nurture import commands
from nurture.daemon import lifecycle, ticker


class Told(datetime):
    """A `datetime` whose `now` is what it was told."""

    moment = datetime(1970, 1, 1, tzinfo=UTC)

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Self:
        """The moment that was told last."""
        return cls.moment.astimezone(tz)  # type: ignore[return-value]


def tell(moment: datetime) -> None:
    """Set the clock of this process; the time since it started goes along, as if that much had passed."""
    Told.moment = moment
    nurture.adapters.clock.SystemClock.boottime = lambda self: moment.timestamp()  # type: ignore[method-assign]
    nurture.adapters.clock.datetime = Told  # type: ignore[attr-defined]


class Steered(BackgroundScheduler):  # type: ignore[misc]
    """The daemon's scheduler, which runs what is due when a line on stdin says so."""

    def start(self, *args: Any, **more: Any) -> None:
        """Begin, and obey."""
        self._over = Semaphore(0)
        self._first = self._due(Told.moment)
        self.add_listener(lambda event: self._over.release(), EVENT_JOB_EXECUTED | EVENT_JOB_ERROR)
        super().start(*args, **more)
        Thread(target=self._obey, daemon=True).start()

    def _due(self, moment: datetime) -> int:
        return sum(job.next_run_time <= moment for job in self.get_jobs())

    def _obey(self) -> None:
        for _ in range(self._first):
            self._over.acquire()
        _answer("ready")
        for line in sys.stdin:
            moment = datetime.fromisoformat(line.strip())
            due = self._due(moment)
            tell(moment)
            self.wakeup()
            for _ in range(due):
                self._over.acquire()
            _answer("done")


def _answer(word: str) -> None:
    sys.stdout.write(word + "\n")
    sys.stdout.flush()


def main() -> None:
    """Run a command at the moment of the first argument."""
    tell(datetime.fromisoformat(sys.argv.pop(1)))
    apscheduler.schedulers.base.datetime = Told
    vars(lifecycle)["hints_of"] = lambda _: None  # a hint would be a pass that no line on stdin has asked for
    ticker.BackgroundScheduler = Steered  # type: ignore[attr-defined]
    commands.main()


if __name__ == "__main__":
    main()
