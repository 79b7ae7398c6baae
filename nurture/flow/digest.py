"""Once a day and fleet: what happened and what needs a person -> one mail to whoever operates this."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Final

from nurture.domain import calendar
from nurture.domain.digest import digest
from nurture.ports import Store, Unit

JOB: Final = "digest"
AT_MOST: Final = timedelta(days=7)  # told at once, after a pause
LATE: Final = timedelta(days=2)  # an open task that nobody has done


def run(*, store: Store, at: time, timezone: str, now: datetime, by: str) -> bool:
    """Write the digest of the day, if its hour has come and nobody in the fleet has; whether it was for us to do.

    It is handed over with the deliveries of the next pass. Which day it was is noted in the same transaction.
    """
    zone = calendar.zone(timezone)
    local = now.astimezone(zone)
    if local.time() < at:
        return False
    day = local.date().isoformat()
    with store.unit() as work:
        if not work.control.take_job(JOB, day, at=now, by=by):
            return False
        last = work.control.mark(JOB)
        since = max(last[1], now - AT_MOST) if last else now - timedelta(days=1)
        made = digest(work.reports.happened(since, now), needs(work, now), since=since, now=now, zone=zone)
        payload = {"subject": made.subject, "text": made.text}
        work.sales.deliver(key=f"{JOB}:{day}", kind="alert", to="", payload=payload, at=now)
        work.control.set_mark(JOB, day, now)
        work.commit()
    return True


def needs(work: Unit, now: datetime) -> list[str]:
    """What waits for a person, one sentence each, with the command that shows it."""
    found = work.reports.waiting(late_before=now - LATE)
    pauses = [one for one in work.control.switches().values() if one.holds(now)]
    said = [
        f"paused since {one.since:%Y-%m-%d}: {one.name.replace(':', ' ')}{f' ({one.reason})' if one.reason else ''}"
        for one in sorted(pauses, key=lambda one: one.name)
    ]
    said += [
        f"held since its first mails: {name} ({wave.held})"
        for name, wave in sorted(work.pacing.waves().items())
        if wave.held
    ]
    counted = (
        (found.in_doubt, "mails in doubt", "nurture touch list --state in_doubt"),
        (found.inbox, "entries that wait in the inbox", "nurture inbox list"),
        (found.late, f"open tasks that were due {LATE.days} days ago or longer", "nurture task list"),
        (sum(found.queued.values()), "ready leads that wait for a rep", "nurture handoff list --state queued"),
        (found.idle, "leads without a next thing", "nurture lead list --idle"),
    )
    return [*said, *(f"{words}: {count:,} ({command})" for count, words, command in counted if count)]
