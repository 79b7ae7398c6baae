"""APScheduler gives a daemon its rhythm; it stores nothing. The enrollment row is the schedule."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from nurture import log
from nurture.domain.errors import NurtureError

_log = log.get("ticker")


class Ticker:
    """Calls passes on their intervals, one run of each at a time, none ever dropped for being late."""

    def __init__(self) -> None:
        self._scheduler = BackgroundScheduler(
            timezone="UTC",
            executors={"default": ThreadPoolExecutor(4)},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )

    def every(self, span: timedelta, name: str, job: Callable[[], Any], *, now: datetime) -> None:
        """Run a job at once, and then at this interval."""
        self._scheduler.add_job(
            guarded(name, job), "interval", seconds=span.total_seconds(), id=name, name=name, next_run_time=now
        )

    def start(self) -> None:
        """Begin."""
        self._scheduler.start()

    def stop(self) -> None:
        """Let running jobs end, and begin no more."""
        self._scheduler.shutdown(wait=True)


def guarded(name: str, job: Callable[[], Any]) -> Callable[[], None]:
    """A job whose failure is logged and does not end the rhythm: the database may be away for a moment."""

    def run() -> None:
        try:
            job()
        except NurtureError as problem:
            _log.warning("job_refused", job=name, what=problem.what, hint=problem.hint)
        except Exception:  # noqa: BLE001  (the top of a pass: logged, and the next pass comes)
            _log.exception("job_failed", job=name)

    return run
