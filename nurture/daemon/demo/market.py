"""Between the people of the demo and the program: mails read, tasks done, offers answered, each through its real arrow.

What somebody will do is queued with its moment; `act` carries out what is due. All that a lead knows of the program
is the mail that the server on loopback received.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from hashlib import sha256
from itertools import count
from typing import Any, Final

from nurture.daemon.demo import mailbox
from nurture.daemon.demo.behavior import Act, Character, character
from nurture.daemon.demo.chance import Chance
from nurture.daemon.demo.mail_server import MailServer
from nurture.daemon.demo.people import Batch
from nurture.domain import calendar
from nurture.domain.calendar import WorkingHours
from nurture.domain.duration import Duration, Unit
from nurture.domain.errors import RefusedError
from nurture.domain.handoff import ON_DESK
from nurture.domain.handoff import State as Handoff
from nurture.domain.person import Person, Role
from nurture.domain.response import CallOutcome, Kind
from nurture.domain.touch import Channel, State, Touch
from nurture.flow import handoff, intake, respond
from nurture.flow.respond import Report
from nurture.wiring import App

# These come back as mail; the rest is told by links, forms and the web site.
BY_MAIL: Final = frozenset({Kind.REPLY, Kind.AUTO_REPLY, Kind.BOUNCE})
# A caller asks again for what is older than this, and writes the same answer down with its new date.
GETTING_OLD: Final = timedelta(days=90)
_MINUTE: Final = timedelta(minutes=1)


class Market:
    """Everybody outside the program, and its callers and reps."""

    def __init__(self, app: App, server: MailServer, chance: Chance, start: datetime, days: int) -> None:
        self._app = app
        self._server = server
        self._chance = chance
        self._start, self._days = start, days
        self._queue: list[tuple[datetime, str, bool, Callable[[datetime], None]]] = []
        self._numbers = count()
        self._people: dict[str, Character] = {}
        self._tasks: set[str] = set()
        self._offers: set[tuple[int, str]] = set()
        self._deals: dict[str, str] = {}  # company -> why another of its people is no new lead
        self._reports: list[Report] = []
        self._written: dict[tuple[str, str, str], datetime] = {}
        self.message_ids: Counter[str] = Counter()
        self.refused: list[tuple[str, int, str]] = []
        self.merged = 0

    # What is due -----------------------------------------------------------------------------------------------

    def expect(self, batches: list[Batch]) -> None:
        """Let lists and forms arrive at their moments."""
        for number, batch in enumerate(batches):
            self._plan(batch.at, f"a list {number:05}", partial(self._import, batch))

    def act(self, until: datetime) -> int:
        """Carry out what is due by then, in the order of its moments; how much that was."""
        done = 0
        while self._queue and self._queue[0][0] <= until:
            at, _, is_mail, do = heapq.heappop(self._queue)
            if not is_mail:
                self._flush(at)
            do(at)
            done += 1
        self._flush(until)
        return done

    @property
    def next_at(self) -> datetime | None:
        """When the next thing happens outside."""
        return self._queue[0][0] if self._queue else None

    def look(self, now: datetime) -> None:
        """See what the pass brought: new mail, new tasks, new offers."""
        for content in self._server.drain():
            self._read(mailbox.read(content), now)
        with self._app.store.unit(write=False) as work:
            tasks = [one for one in work.touches.open_tasks() if one.id not in self._tasks]
            emails = {one.id: one.email or "" for one in work.leads.get({task.lead for task in tasks}).values()}
            rows = work.sales.handoffs(states=ON_DESK)
            leads = work.leads.get({row["lead_id"] for row in rows})
        for task in tasks:
            self._tasks.add(task.id)
            self._take_task(task, emails[task.lead], now)
        for row in rows:
            if (row["id"], row["state"]) not in self._offers:
                self._offers.add((row["id"], row["state"]))
                self._take_offer(row, leads[row["lead_id"]].email or "", now)

    def _plan(self, at: datetime, key: str, do: Callable[[datetime], None], *, is_mail: bool = False) -> None:
        heapq.heappush(self._queue, (at, f"{key} {next(self._numbers):09}", is_mail, do))

    def _flush(self, now: datetime) -> None:
        """Record what was reported so far, together, as a provider's webhook delivers it."""
        if self._reports:
            reports, self._reports = self._reports, []
            self._record(reports, now=now, by="lead")

    # Lists and forms -------------------------------------------------------------------------------------------

    def _import(self, batch: Batch, at: datetime) -> None:
        for one in batch.people:
            if one.email:
                self._people[one.email.lower()] = character(self._chance, one, self._start, self._days)
        app = self._app
        done = intake.take(
            batch.rows(),
            file=batch.file,
            source=batch.source,
            store=app.store,
            rules=app.rules.in_force(),
            policy=app.policy,
            now=at,
            by="demo",
        )
        self.refused += [(batch.file, line, reason) for line, reason in done.refused]
        self.merged += len(batch.again)

    # Mail ------------------------------------------------------------------------------------------------------

    def _read(self, mail: mailbox.Received, now: datetime) -> None:
        self.message_ids[mail.message_id] += 1
        person = self._people.get(mail.to)
        touch = self._app.links.read_reply_to(mail.reply_to)
        if person is None or touch is None:
            return  # a brief for a rep
        for number, act in enumerate(person.after_mail(f"{mail.subject} {now:%Y-%m-%d}", now, len(mail.links))):
            self._plan(act.at, f"{mail.to} {number} {act.kind}", partial(self._does, act, mail, touch), is_mail=True)

    def _does(self, act: Act, mail: mailbox.Received, touch: str, at: datetime) -> None:
        """One thing that a recipient, or a machine on the way, does with a mail."""
        if act.kind in BY_MAIL:
            self._writes(act, mail, at)
            return
        detail = dict(act.detail)
        named: str | None = touch
        if act.kind is Kind.CLICK and act.link is not None:
            followed = self._follow(mail.links[act.link])
            if followed is None:
                return
            named, detail["url"] = followed
        if act.kind is Kind.UNSUBSCRIBE:
            token = self._app.links.read("u", mail.unsubscribe or "")
            if token is None:
                return  # a mail without its unsubscribe address would be a mistake that the numbers show
            named = str(token)
        self._reports.append(Report(act.kind, at, touch=named, grade=act.grade, detail=detail, why=act.why))

    def _writes(self, act: Act, mail: mailbox.Received, at: datetime) -> None:
        """A mail that comes back, into the folder in which the program looks for answers."""
        # The same mail whatever came before it: its name decides the order in which the folder is read.
        key = sha256(f"{mail.to} {mail.subject} {act.kind} {at.isoformat()}".encode()).hexdigest()[:24]
        if act.kind is Kind.BOUNCE:
            body = mailbox.not_delivered(mail, at=at, key=key)
        else:
            name = self._people[mail.to].name if act.kind is Kind.REPLY else ""
            automatic = act.kind is Kind.AUTO_REPLY
            text = str(act.detail["text"])
            body = mailbox.answer(mail, name=name, at=at, text=text, key=key, is_automatic=automatic)
        folder = self._app.settings.folder / self._app.settings.replies.folder
        (folder / f"{at:%Y%m%d-%H%M%S}-{key}.eml").write_bytes(body)

    def _follow(self, token: str) -> tuple[str, str] | None:
        """The touch and the target behind a tracked link."""
        value = self._app.links.read("c", token)
        if not isinstance(value, list):
            return None
        touch, link = (str(part) for part in value)
        with self._app.store.unit(write=False) as work:
            return touch, work.touches.link_target(link) or ""

    def _record(self, reports: list[Report], *, now: datetime, by: str) -> None:
        app = self._app
        respond.record(
            reports,
            store=app.store,
            rules=app.rules.in_force(),
            policy=app.policy,
            new_id=app.clock.new_id,
            now=now,
            by=by,
        )

    # Callers ---------------------------------------------------------------------------------------------------

    def _take_task(self, task: Touch, email: str, now: datetime) -> None:
        """A caller will do it within hours; the odd one is forgotten until it expires."""
        key = f"{task.cadence} {task.step} {task.occurrence} {now:%Y-%m-%d}"
        if self._chance.hits(0.03, "forgotten", email, key) and task.expires_at is not None:
            return
        working = self._hours(self._caller())
        hours = self._chance.between(0.3, 7.5, "works", email, key)
        at = _worked(max(now, task.due_at if task.step != respond.REPLY_STEP else now), hours, working)
        self._plan(at, f"task {email} {key}", partial(self._do_task, task.id, email, key))

    def _do_task(self, touch: str, email: str, key: str, at: datetime) -> None:
        with self._app.store.unit(write=False) as work:
            task = work.touches.get([touch]).get(touch)
        person = self._people.get(email)
        if task is None or task.state is not State.OPEN or person is None:
            return
        if task.step == respond.REPLY_STEP:
            ends = person.after_answer(key, at)
        else:
            ends = person.after_call(key, at, task.ask, task.channel.value)
        facts = {name: text for name, text in ends.facts.items() if self._is_news(email, name, text, at)}
        detail: dict[str, Any] = {"outcome": ends.outcome.value, "text": ends.note, "facts": facts}
        if ends.until:
            detail["until"] = ends.until
            detail["promise"] = "Call back"
        try:
            self._record([Report(Kind.CALL, at, touch=touch, detail=detail)], now=at, by=self._caller().email)
        except RefusedError:
            return  # it expired or was taken away meanwhile
        if ends.outcome is CallOutcome.REPLIED or task.channel is not Channel.CALL:
            return
        self._keeps_promise(task, at)

    def _is_news(self, email: str, name: str, text: str, at: datetime) -> bool:
        """Whether a caller writes it down: not what stands there already, unless that is getting old."""
        written = self._written.get((email, name, text))
        if written is not None and at - written < GETTING_OLD:
            return False
        self._written[email, name, text] = at
        return True

    def _keeps_promise(self, task: Touch, at: datetime) -> None:
        """A promise whose call was made is kept."""
        if task.step != "promise":
            return
        with self._app.store.unit() as work:
            for one in work.notes.promises(lead=task.lead):
                if one["touch_id"] == task.id and one["state"] == "called":
                    work.notes.save_promise(one["id"], {"state": "kept", "kept_at": at}, was="called")
            work.commit()

    def _caller(self) -> Person:
        return self._app.rules.in_force().workspace.with_role(Role.CALLER)[0]

    def _hours(self, person: Person) -> WorkingHours:
        policy = self._app.policy
        return person.working_hours(zone=policy.timezone, country=policy.country or None)

    # Sales -----------------------------------------------------------------------------------------------------

    def _take_offer(self, row: Mapping[str, Any], email: str, now: datetime) -> None:
        """A rep answers an offer within a day, then calls, and says much later how it ended."""
        rep = self._app.rules.in_force().workspace.person(str(row["rep"]))
        person = self._people.get(email)
        if rep is None or person is None:
            return
        working = self._hours(rep)
        number, key = int(row["id"]), f"{email} {row['rep']} {row['created_at']:%Y-%m-%d}"
        if row["state"] == Handoff.OFFERED.value:
            # Some offers take too long to answer: then the next rep gets them.
            at = _worked(now, self._chance.between(0.5, 8.6, "answers", key), working)
            self._plan(at, f"answer {key}", partial(self._answer, number, rep, person))
        else:
            at = _worked(now, self._chance.between(1, 14, "contacts", key), working)
            self._plan(at, f"contact {key}", partial(self._contact, number, rep, person))

    def _desk(self, rep: Person, at: datetime) -> handoff.Desk:
        app = self._app
        rules = app.rules.in_force()
        return handoff.Desk(app.store, rules, app.policy, app.clock.new_id, at, rep.email)

    def _answer(self, number: int, rep: Person, person: Character, at: datetime) -> None:
        says = self._deals.get(person.who.company) or person.offered(at)
        try:
            if says == "accept":  # colleagues wait until this one is decided
                handoff.accept(self._desk(rep, at), number, colleagues="pause")
                self._deals[person.who.company] = "already_working"
            else:
                handoff.reject(self._desk(rep, at), number, says)
        except RefusedError:
            return  # too late: it went to the next rep

    def _contact(self, number: int, rep: Person, person: Character, at: datetime) -> None:
        handoff.contacted(self._desk(rep, at), number)
        ends_at, how = person.sold(at)
        ends = partial(self._close, number, rep, person, how)
        self._plan(max(ends_at, at + _MINUTE), f"sale {person.who.email}", ends)

    def _close(self, number: int, rep: Person, person: Character, how: str, at: datetime) -> None:
        desk = self._desk(rep, at)
        if how == "won":
            handoff.won(desk, number, value=f"{person.worth():.0f} {person.currency}")
            self._deals[person.who.company] = "already_customer"
        else:
            self._deals.pop(person.who.company, None)
            handoff.lost(desk, number, reason=how)


def _worked(start: datetime, hours: float, working: WorkingHours) -> datetime:
    """The moment at which a person has worked so long since."""
    return calendar.business_hours_later(start, Duration(round(hours * 60), Unit.MINUTES), working)
