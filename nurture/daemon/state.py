"""How a workspace is doing: what waits, who is at work, what a person must look at."""

from __future__ import annotations

import shutil
from datetime import datetime, timedelta
from typing import Any, Final

from nurture.daemon.tick import BACKWARDS, LAST_PASS
from nurture.domain.errors import NurtureError
from nurture.domain.lead import Status
from nurture.domain.touch import State
from nurture.wiring import App

# A daemon that was not seen for so long is taken for dead.
ALIVE: Final = timedelta(minutes=2)
LITTLE_DISK: Final = 200 * 1024 * 1024


def of(app: App) -> dict[str, Any]:
    """Queue depths, lateness, daemons, switches."""
    now = app.store.now(app.clock.now())
    with app.store.unit(write=False) as work:
        due = work.enrollments.count_due(now)
        first = work.enrollments.next_due()
        counts = work.touches.count_by_state()
        switches = work.control.switches()
        last = work.control.mark(LAST_PASS)
        daemons = [
            {
                "id": one["id"],
                "host": one["host"],
                "pid": one["pid"],
                "started_at": one["started_at"],
                "seen_at": one["seen_at"],
                "sent": one["sent"],
                "alive": one["stopped_at"] is None and now - one["seen_at"] < ALIVE,
            }
            for one in work.control.daemons()
        ]
    late = (now - first).total_seconds() if first is not None and first < now else 0.0
    paused = [name for name, switch in sorted(switches.items()) if switch.until is None or switch.until > now]
    return {
        "due": due,
        "late_seconds": round(late, 3),
        "sending": counts.get(State.SENDING, 0),
        "in_doubt": counts.get(State.IN_DOUBT, 0),
        "unknown": counts.get(State.UNKNOWN, 0),
        "open_tasks": counts.get(State.OPEN, 0),
        "planned": counts.get(State.PLANNED, 0),
        "daemons": daemons,
        "breaker": "open" if "breaker" in switches else "closed",
        "paused": paused,
        "last_pass": last[1] if last else None,
    }


def doctor(app: App) -> list[dict[str, Any]]:
    """What is wrong or will be: each with severity (ok, warning, error), words, and what to do."""
    findings: list[dict[str, Any]] = []

    def say(severity: str, what: str, hint: str = "") -> None:
        findings.append({"severity": severity, "what": what, "hint": hint})

    settings = app.settings
    for what, look in (("The mailer", lambda: app.mailer), ("The key that signs links", lambda: settings.secret_key)):
        try:
            look()
            say("ok", f"{what} is set up ({settings.mail.provider})." if what == "The mailer" else f"{what} is there.")
        except NurtureError as problem:
            say("error", problem.what, problem.hint)
    if settings.mail.provider != "outbox":
        for sender in settings.senders_by_name().values():
            if sender.email.endswith(".example"):
                say("error", f"The sender {sender.email} is a placeholder.", "Set mail.from in nurture.toml.")
    if settings.mail.provider == "sendgrid" and not settings.sendgrid.event_public_key:
        say("warning", "sendgrid.event_public_key is not set: events are refused.", "Copy it from the Event Webhook.")
    try:
        problems = app.check_database()
    except NurtureError as problem:
        say("error", problem.what, problem.hint)
        return findings
    for problem_text in problems:
        say("error", problem_text)
    if not problems:
        say("ok", "The database is sound and its schema is current.")
    errors = [one for one in app.check()[0] if one.severity == "error"]
    if errors:
        say("error", f"{len(errors)} problems in the files.", "Run: nurture check")
    else:
        say("ok", "The files have no problem.")
    _clock(app, say)
    free = shutil.disk_usage(settings.folder).free
    if free < LITTLE_DISK:
        say("error", f"Only {free // 1024 // 1024} MB of disk are free.", "Make room before mail is lost.")
    else:
        say("ok", f"{free // 1024 // 1024:,} MB of disk are free.")
    _people(app, say)
    return findings


def _clock(app: App, say: Any) -> None:
    now: datetime = app.store.now(app.clock.now())
    apart = abs((now - app.clock.now()).total_seconds())
    if apart > BACKWARDS.total_seconds():
        say("error", f"This machine's clock and the database's are {apart:.0f} s apart.", "Set the clock (NTP).")
    with app.store.unit(write=False) as work:
        last = work.control.mark(LAST_PASS)
    if last is not None and now < last[1] - BACKWARDS:
        say("error", f"The clock is before the last pass ({last[1]:%Y-%m-%d %H:%M}).", "Set the clock; sending waits.")
    else:
        say("ok", "The clock is plausible.")


def _people(app: App, say: Any) -> None:
    """What needs a person."""
    with app.store.unit(write=False) as work:
        idle = work.leads.idle()
        inbox = work.notes.inbox()
        counts = work.touches.count_by_state()
        no_zone = sum(
            1
            for lead in work.leads.search(None, now=app.clock.now())
            if lead.status is Status.NURTURING and not lead.timezone and not (lead.company and lead.company.timezone)
        )
    if idle:
        say("warning", f"{len(idle)} leads have no next thing.", "Run: nurture lead list --idle")
    if inbox:
        say("warning", f"{len(inbox)} entries wait in the inbox.", "Run: nurture inbox list")
    if counts.get(State.IN_DOUBT):
        say("warning", f"{counts[State.IN_DOUBT]} mails are in doubt.", "Run: nurture touch list --state in_doubt")
    if no_zone:
        say("ok", f"{no_zone} leads have no time zone of their own: the workspace's is used.")
