"""What is wrong or will be: settings, mail domains, keys, database, files, clock, disk, and what needs a person."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

from nurture.daemon import room
from nurture.domain.durability import judge_durability
from nurture.domain.errors import NurtureError, UnreachableError
from nurture.domain.fleet import Condition, fleet
from nurture.domain.mail_domain import (
    SELECTORS,
    Finding,
    above,
    is_reserved,
    judge_dkim,
    judge_dmarc,
    judge_mx,
    judge_spf,
)
from nurture.domain.person import Role
from nurture.domain.promotion import Code
from nurture.domain.wave import HINT as HOW_TO_LET_GO
from nurture.doors import durability_of
from nurture.flow.switches import spoken, way_out
from nurture.moves.clock import AHEAD, BACK, BACKWARDS, HINT, LAST_PASS
from nurture.wiring import App

LOCAL: Final = ("localhost", "127.0.0.1", "::1", "0.0.0.0")
NOBODY: Final = timedelta(days=2)  # after which an open task is one that nobody takes
_NO_REP_YET: Final = {
    Code.CAPACITY.value: "all reps are full or away",
    Code.NO_REP.value: "nobody in people.yaml takes them",
    Code.SAME_REP.value: "who could take them said no within 90 days",
}


def examine(app: App) -> list[Finding]:
    """Everything that can be looked at; what one look raises for a person to put right is a finding too."""
    looks: tuple[Callable[[App], Iterator[Finding]], ...] = (of_settings, of_keys, of_dns, _database, _files, _disk)
    found = [one for look in looks for one in _guarded(look, app)]
    if not any(one.severity == "error" for one in _guarded(_database, app)):
        looks = (_durability, _clock, _fleet, _mailers, _held, _backups, _people)
        found += [one for look in looks for one in _guarded(look, app)]
    return found


def _guarded(look: Callable[[App], Iterator[Finding]], app: App) -> list[Finding]:
    found: list[Finding] = []
    try:
        found.extend(look(app))  # what was found before a problem stays
    except NurtureError as problem:
        found.append(Finding("error", problem.what, problem.hint))
    return found


def of_settings(app: App) -> Iterator[Finding]:
    """The mailer, the key of the links, and what must be true before real mail goes out."""
    settings = app.settings
    try:
        _ = app.mailer
        yield Finding("ok", f"The mailer is set up ({settings.mail.provider}).")
    except NurtureError as problem:
        yield Finding("error", problem.what, problem.hint)
    try:
        _ = settings.secret_key
        yield Finding("ok", "The key that signs links is there.")
    except NurtureError as problem:
        yield Finding("error", problem.what, problem.hint)
    if settings.mail.provider == "outbox":
        return
    for sender in settings.senders_by_name().values():
        if is_reserved(_domain(sender.email)):
            yield Finding("error", f"The sender {sender.email} is a placeholder.", "Set mail.from in nurture.toml.")
    url = urlsplit(settings.public_url)
    if settings.web.public_url and url.scheme != "https":
        hint = "Set web.public_url to the address of your reverse proxy with TLS."
        yield Finding("error", "web.public_url is not https: one click to unsubscribe works only with TLS.", hint)
    if settings.web.public_url and (url.hostname in LOCAL or is_reserved(url.hostname or "")):
        yield Finding("error", f"web.public_url leads to {url.hostname}: no link in a mail would work.", "Set it.")
    if not settings.alerts.email and not settings.alerts.webhook:
        yield Finding("warning", "Nobody is told when mail pauses by itself.", "Set alerts.email or alerts.webhook.")


def of_keys(app: App) -> Iterator[Finding]:
    """The keys with which SendGrid signs what it posts."""
    if app.settings.mail.provider != "sendgrid":
        return
    keys = app.settings.sendgrid
    for name, key, without in (
        ("event_public_key", keys.event_public_key, "events are refused, and nothing settles a mail in doubt"),
        ("inbound_public_key", keys.inbound_public_key, "anybody who knows the address can post replies"),
    ):
        if not key:
            yield Finding("warning", f"sendgrid.{name} is not set: {without}.", "Copy it from SendGrid's settings.")
        elif problem := app.key_problem(key):
            yield Finding("error", f"sendgrid.{name} cannot be used: {problem}.", "Copy it from SendGrid's settings.")
        else:
            yield Finding("ok", f"sendgrid.{name} is a key.")


def of_dns(app: App) -> Iterator[Finding]:
    """SPF, DKIM, DMARC and MX. Names that are for examples are not looked up; the first without an answer ends it."""
    settings = app.settings
    senders = settings.senders_by_name().values()
    sending = sorted({_domain(one.email) for one in senders} - {""})
    answering = sorted({one.reply_domain for one in senders} - {""})
    try:
        for domain in sending:
            if not is_reserved(domain):
                yield from _sending(app, domain)
        for domain in answering:
            if not is_reserved(domain):
                sendgrid = settings.mail.provider == "sendgrid"
                yield judge_mx(domain, app.mail_names.mail_hosts(domain), sendgrid=sendgrid)
    except UnreachableError as problem:
        yield Finding("warning", f"{problem.what} SPF, DKIM, DMARC and MX were not all looked at.", problem.hint)


def _sending(app: App, domain: str) -> Iterator[Finding]:
    names, own = app.mail_names, app.settings.mail.dkim_selector
    yield judge_spf(domain, names.texts(domain))
    keys = []
    for selector in (own,) if own else SELECTORS:
        keys.append((selector, names.texts(f"{selector}._domainkey.{domain}")))
        if judge_dkim(domain, keys).severity == "ok":
            break
    yield judge_dkim(domain, keys)
    policies: list[str] = []
    for place in above(domain):
        policies = names.texts(f"_dmarc.{place}")
        if policies:
            break
    yield judge_dmarc(domain, policies)


def _database(app: App) -> Iterator[Finding]:
    problems = app.check_database()
    for problem in problems:
        yield Finding("error", problem)
    if not problems:
        yield Finding("ok", "The database is sound and its schema is current.")


def _durability(app: App) -> Iterator[Finding]:
    """Whether a crash or a failover of the database may lose what was committed."""
    found = durability_of(app)
    if found is not None:
        yield from judge_durability(found)


def _files(app: App) -> Iterator[Finding]:
    errors = [one for one in app.check().problems if one.severity == "error"]
    if errors:
        yield Finding("error", f"{len(errors)} problems in the files.", "Run: nurture check")
    else:
        yield Finding("ok", "The files have no problem.")


def _disk(app: App) -> Iterator[Finding]:
    found = [*room.troubles(app), *room.narrow(app)]
    if not found:
        free = shutil.disk_usage(app.settings.folder).free
        found = [Finding("ok", f"{free // 1024 // 1024:,} MB of disk are free, and it can be written.")]
    yield from found


def _clock(app: App) -> Iterator[Finding]:
    now: datetime = app.store.now(app.clock.now())
    apart = abs((now - app.clock.now()).total_seconds())
    if apart > BACKWARDS.total_seconds():
        what = f"This machine's clock and the database's are {apart:.0f} s apart."
        yield Finding("error", what, "Set the clock (NTP).")
    with app.store.unit(write=False) as work:
        last = work.control.mark(LAST_PASS)
        ahead = work.control.switches().get(AHEAD)
    if ahead is not None:
        yield Finding("error", ahead.reason, HINT)
    elif last is not None and now < last[1] - BACKWARDS:
        what = f"The clock is before the last pass ({last[1]:%Y-%m-%d %H:%M})."
        yield Finding("error", what, HINT)
    else:
        yield Finding("ok", "The clock is plausible.")


def _fleet(app: App) -> Iterator[Finding]:
    """Daemons that fell silent where nobody took their place, and those that live and make no passes."""
    now = app.store.now(app.clock.now())
    with app.store.unit(write=False) as work:
        every = fleet(work.control.daemons(), now=now, tick=app.policy.tick)
    for one in every:
        name = f"The daemon {one['id']} on {one['host']}"
        if one["state"] == Condition.LATE:
            seen = (now - one["seen_at"]).total_seconds()
            what = f"{name} has made no pass for {one['lag_seconds']:.0f} s, and was last seen {seen:.0f} s ago."
            yield Finding("error", what, "See its log.")
        elif one["state"] == Condition.GONE and not any(other["alive"] for other in every):
            what = f"{name} fell silent at {one['seen_at']:%Y-%m-%d %H:%M} UTC, and none is at work."
            yield Finding("warning", what, "Start one: nurture daemon")


def _mailers(app: App) -> Iterator[Finding]:
    """Whether mails go by another mailer beside ours: a machine of the fleet has other settings."""
    with app.store.unit(write=False) as work:
        carried = work.touches.carried(app.clock.now() - timedelta(days=1))
    ours = carried.pop(app.mailer.name, None)
    for name, other in sorted(carried.items()):
        if ours is not None and other.last > ours.first and other.first < ours.last:
            what = f"Of the mails of the last day {other.mails:,} went by {name}, amid those by {app.mailer.name}."
            yield Finding("warning", what, "Has a daemon other settings? See: nurture status, touch list")


def _held(app: App) -> Iterator[Finding]:
    """What is paused or held: a person did that, or must end it; a mailer that was refused is tried again by itself."""
    now = app.store.now(app.clock.now())
    with app.store.unit(write=False) as work:
        switches, waves = work.control.switches(), work.pacing.waves()
    for name, wave in sorted(waves.items()):
        if wave.held:
            yield Finding("warning", f"The e-mail {name} is held: {wave.held}.", HOW_TO_LET_GO)
    for name, switch in sorted(switches.items()):
        if switch.holds(now) and name not in (AHEAD, BACK):
            what = f"{spoken(name)} is paused {switch.span}"
            yield Finding("warning", f"{what}.", way_out(name, app.settings.mail.provider))


def _backups(app: App) -> Iterator[Finding]:
    """Whether somebody whose mail is real has a copy of the database."""
    settings = app.settings
    every, last, now = settings.backup.every, app.last_backup(), app.clock.now()
    if every is None:
        if settings.database_url.startswith("sqlite") and settings.mail.provider != "outbox":
            yield Finding(
                "warning", "No backup is made by itself.", 'Set backup.every = "1 day", or see to it yourself.'
            )
    elif last is None or now - last > 2 * every:
        when = f"the last is of {last:%Y-%m-%d %H:%M} UTC" if last is not None else "there is none"
        yield Finding("warning", f"A backup is overdue: {when}.", "Does the daemon run, and is there room?")
    else:
        yield Finding("ok", f"The last backup is of {last:%Y-%m-%d %H:%M} UTC.")


def _people(app: App) -> Iterator[Finding]:
    """What needs a person."""
    with app.store.unit(write=False) as work:
        found = work.reports.waiting(late_before=app.clock.now() - NOBODY)
    if found.idle:
        yield Finding("warning", f"Leads without a next thing: {found.idle:,}.", "Run: nurture lead list --idle")
    if found.inbox:
        yield Finding("warning", f"Entries that wait in the inbox: {found.inbox:,}.", "Run: nurture inbox list")
    for reason, count in found.queued.items():
        because = _NO_REP_YET.get(reason, "the next pass offers them")
        what = f"Ready leads that wait for a rep: {count:,}; {because}."
        yield Finding("warning", what, "See: nurture handoff list --state queued")
    if found.late:
        what = f"Open tasks that were due {NOBODY.days} days ago or longer: {found.late:,}. Nobody has done them."
        yield Finding("warning", what, "Run: nurture task list")
    workspace = app.rules.in_force().workspace
    roles = {role.value for role in Role if workspace.with_role(role)}
    nobody = sorted(who for who in found.doers if who not in roles and workspace.person(who) is None)
    if nobody:
        what = f"Open work is with a person or role that nobody in people.yaml has: {', '.join(nobody)}."
        hint = "Add somebody with this role, or put them back with a 'deputy'. See: nurture handoff list, task list"
        yield Finding("warning", what, hint)
    if found.in_doubt:
        yield Finding("warning", f"Mails in doubt: {found.in_doubt:,}.", "Run: nurture touch list --state in_doubt")
    if found.no_zone:
        yield Finding("ok", f"Leads without a time zone of their own: {found.no_zone:,}. The workspace's is used.")


def _domain(address: str) -> str:
    return address.rpartition("@")[2].lower()
