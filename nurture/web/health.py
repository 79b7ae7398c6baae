"""GET /healthz, /readyz, /metrics and /: alive, able to work, and how much waits; never a person."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock
from typing import Any, Final

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, JSONResponse, Response
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from nurture.domain.errors import UnreachableError
from nurture.domain.fleet import TICKS, is_alive
from nurture.domain.touch import State
from nurture.doors import disk_trouble, folders_of
from nurture.web.site import Site, page

LAST_PASS: Final = "last_pass"  # the mark that each pass sets
# Counting costs a walk over the touches; several scrapers, or an impatient reader, share one.
AWAY: Final = "the database does not answer"
REMEMBERED: Final = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Counts:
    """What waits, as of `at`."""

    at: datetime
    due: int
    late_seconds: float
    touches: dict[State, int]
    last_pass: datetime | None
    daemons: int


class Counting:
    """Counts, at most once in ten seconds."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._lock = Lock()
        self._last: Counts | None = None

    def counts(self) -> Counts:
        """What waits now, or did a moment ago."""
        now = self._site.now()
        with self._lock:
            last = self._last
            if last is None or not timedelta() <= now - last.at < REMEMBERED:
                last = self._last = _count(self._site, now)
            return last


def _count(site: Site, now: datetime) -> Counts:
    with site.app.store.unit(write=False) as work:
        first = work.enrollments.next_due()
        mark = work.control.mark(LAST_PASS)
        return Counts(
            at=now,
            due=work.enrollments.count_due(now),
            late_seconds=max((now - first).total_seconds(), 0.0) if first is not None else 0.0,
            touches=work.touches.count_by_state(),
            last_pass=mark[1] if mark else None,
            daemons=sum(is_alive(one, now) for one in work.control.daemons()),
        )


def routes(site: Site) -> APIRouter:
    """Health."""
    router = APIRouter(include_in_schema=False)
    counting = Counting(site)
    registry = CollectorRegistry()
    registry.register(_Scrape(counting))

    @router.api_route("/healthz", methods=["GET", "HEAD"])
    def alive() -> JSONResponse:
        return JSONResponse({"alive": True})

    @router.api_route("/readyz", methods=["GET", "HEAD"])
    def ready() -> JSONResponse:
        reasons = _not_ready(site)
        return JSONResponse({"ready": not reasons, "reasons": reasons}, status_code=503 if reasons else 200)

    @router.api_route("/metrics", methods=["GET", "HEAD"])
    def metrics() -> Response:
        return Response(generate_latest(registry), media_type="text/plain; version=0.0.4; charset=utf-8")

    @router.api_route("/", methods=["GET", "HEAD"])
    def overview() -> HTMLResponse:
        one = counting.counts()
        touches = one.touches
        rows: list[tuple[str, Any]] = [
            ("Due now", one.due),
            ("Sent", touches.get(State.SENT, 0)),
            ("In doubt", touches.get(State.IN_DOUBT, 0)),
            ("Open tasks", touches.get(State.OPEN, 0)),
            ("Last pass", f"{one.last_pass:%Y-%m-%d %H:%M:%S} UTC" if one.last_pass else "none yet"),
        ]
        return page("overview.html", rows=rows)

    return router


def _not_ready(site: Site) -> list[str]:
    """Why this process cannot do its work now, in words."""
    # Words without the names of folders, each once: who asks may be a stranger.
    full = [said[0] for folder in folders_of(site.app) if (said := disk_trouble(folder)) is not None]
    problem = site.doors.schema_problem()
    if problem is not None:
        return [*dict.fromkeys(full), problem]
    try:
        return [*dict.fromkeys(full), *_no_pass(site)]
    except UnreachableError:
        return [*dict.fromkeys(full), AWAY]


def _no_pass(site: Site) -> list[str]:
    """Whether the daemons that run have had no pass for too long, or none of ours went through."""
    failing, patience = site.app.failing_since, TICKS * site.app.policy.tick
    began, booted = site.app.pass_began, site.app.clock.boottime()
    if began is not None and booted - began > patience.total_seconds() >= booted - site.app.moved_at:
        return []  # one that sends for an hour is a long one
    if failing is not None and (late := booted - failing) > patience.total_seconds():
        return [f"no pass went through for {late:.0f} s"]
    now = site.now()
    with site.app.store.unit(write=False) as work:
        mark = work.control.mark(LAST_PASS)
        running = [one for one in work.control.daemons() if one["stopped_at"] is None]
    if not running:
        return []  # nobody promised passes: the web alone can take in what comes
    # One that has just started has had no time yet.
    since = max([one["started_at"] for one in running] + ([mark[1]] if mark else []))
    return [f"no pass for {(now - since).total_seconds():.0f} s"] if now - since > patience else []


class _Scrape(Collector):
    """The metrics, computed when they are asked for."""

    def __init__(self, counting: Counting) -> None:
        self._counting = counting

    def describe(self) -> list[Metric]:
        """Nothing: registering must not ask the database."""
        return []

    def collect(self) -> Iterator[Metric]:
        """One family after the other."""
        one = self._counting.counts()
        touches = one.touches
        yield GaugeMetricFamily("nurture_due", "Enrollments that are due.", value=one.due)
        yield GaugeMetricFamily("nurture_late_seconds", "How late the oldest due one is.", value=one.late_seconds)
        yield GaugeMetricFamily("nurture_sent", "Touches sent, ever.", value=touches.get(State.SENT, 0))
        yield GaugeMetricFamily("nurture_in_doubt", "Touches in doubt.", value=touches.get(State.IN_DOUBT, 0))
        yield GaugeMetricFamily("nurture_open_tasks", "Open tasks.", value=touches.get(State.OPEN, 0))
        states = GaugeMetricFamily("nurture_touches", "Touches by state.", labels=["state"])
        for state in State:
            states.add_metric([state.value], touches.get(state, 0))
        yield states
        yield GaugeMetricFamily("nurture_daemons", "Daemons that are at work.", value=one.daemons)
        passed = one.last_pass.timestamp() if one.last_pass else 0.0
        yield GaugeMetricFamily("nurture_last_pass_timestamp_seconds", "When the last pass ran.", value=passed)
