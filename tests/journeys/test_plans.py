"""What a pass costs follows what is due: no statement of it, or of the queue, reads a whole table that grows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from nurture.adapters.store.tokens import Tokens
from nurture.commands.workspace import make
from nurture.daemon import housekeeping, lifecycle, tick
from nurture.domain.enrollment import State
from nurture.domain.fact import Fact, FactName
from nurture.domain.response import CallOutcome, Intent
from nurture.domain.touch import Channel, Reason
from nurture.domain.touch import State as Touch
from nurture.domain.wave import Wave
from nurture.flow import enroll, inbox, plan, tasks
from nurture.moves import rescoring
from nurture.ports.pacing import Slot
from nurture.web.app import make_app
from nurture.wiring import App, open_app
from tests import crowd
from tests.builders import a_company, a_lead, a_sent_touch, a_touch, an_enrollment
from tests.fakes import A_TUESDAY, FixedClock, OutboxFake
from tests.journeys.plans import looked_at
from tests.web.house import PUBLIC, TestClient, a_batch, signed

MANY = 2_000
NOON = A_TUESDAY + timedelta(days=1, hours=3)
LIMITS = "[limits]\ncompany_per_7_days = 3\ndomain_per_hour = 50\n"  # both ask who else was written to
HARD_BOUNCE = {"event": "bounce", "type": "bounce", "status": "5.1.1", "reason": "550 5.1.1 unknown user"}
REPLY = b"From: Ada <ada@example.com>\r\nMessage-ID: <r@example.com>\r\nSubject: Re: hello\r\n\r\nPlease call me.\r\n"
OWN_ID = "<touch-of-ours@reply.acme.example>"


@pytest.fixture
def app(tmp_path: Path, database_url: str) -> Iterator[App]:
    """The starter's files in force, and the night's job done."""
    make(tmp_path / "work")
    settings = tmp_path / "work" / "nurture.toml"
    text = (
        settings.read_text()
        .replace("[limits]", LIMITS)
        .replace('# url = "sqlite', f'url = "{database_url}"\n# "sqlite', 1)
        .replace('# event_public_key = ""', f'event_public_key = "{PUBLIC}"')
    )
    settings.write_text(text)
    app = open_app(tmp_path / "work", clock=FixedClock(), mailer=OutboxFake(), durable=False)
    sources, _ = app.read_files()
    now = A_TUESDAY
    common: dict[str, Any] = {"store": app.store, "policy": app.policy}
    made = plan.plan(sources, files=app.files, rules=app.rules.in_force(), now=now, **common)
    plan.apply(made, now=now, by="tester", **common)
    tick.run(app, now=NOON - timedelta(hours=1))  # what is counted once a night are whole tables
    yield app
    app.close()


def busy(app: App) -> None:
    """Something for every arrow of a pass to do."""
    ago = NOON - timedelta(days=1)
    with app.store.unit() as work:
        company = a_company(work, domain="acme.example")
        people = [a_lead(work, company=company, email=f"p{n}@acme.example", phone="+33123456789") for n in range(12)]
        ids = [one.id for one in people]
        work.leads.update_many([{"id": one, "enroll_check": True, "ready_check": True} for one in ids[:4]])
        work.leads.add_fact(ids[1], Fact(FactName.TIMELINE, "2026-05", "call", ago))
        ready = {"stage": "near_term", "fit": 60.0, "ready_check": True, "asked_for_sales": True}
        work.leads.update_many([{"id": one, **ready} for one in ids[2:4]])
        work.leads.update(ids[4], {"look_at": ago})
        work.leads.update(ids[5], {"returns_at": ago, "returns_into": "", "returns_because": "bad_timing"})
        for lead in ids[6:8]:
            an_enrollment(work, lead=lead, now=ago)
        paused = {"state": State.PAUSED, "pauses": {"operator": ago.isoformat()}, "next_at": ago, "paused_at": ago}
        an_enrollment(work, lead=ids[8], **paused)
        for state in (Touch.SENDING, Touch.IN_DOUBT):
            a_touch(work, lead=ids[9], state=state, attempt=1, intent_at=ago, lease_until=ago, counted_at=ago)
        answered = a_sent_touch(work, lead=ids[10], now=ago, message_id=OWN_ID)
        waits = a_touch(work, lead=ids[7], template="shared/overrides", reason=Reason.FIRST_WAVE)
        for template, first in (("shared/overrides", waits), ("shared/peer-story", answered)):
            work.pacing.put_waves([Wave(template, ago, (first.id,), watch_until=ago)])
        work.pacing.hold([Slot(waits.id, waits.lead, ago - timedelta(days=5), company.id, "acme.example", "mail")])
        work.notes.promise(
            {"lead_id": ids[11], "due_on": ago.date(), "due_at": ago, "text": "Call", "source": "call", "made_at": ago}
            | {"made_by": "Cal"}
        )
        for number, stands in enumerate(("queued", "offered", "accepted")):
            promotion = work.sales.promote(ids[9 + number], at=ago, why="", brief={}, value=1.0)
            rep = None if stands == "queued" else "lee@acme.example"
            given = {"lead_id": ids[9 + number], "promotion_id": promotion, "rep": rep, "state": stands, "due_at": ago}
            work.sales.add_handoff({**given, "created_at": ago, "offered_at": ago})
        work.sales.deliver(key="x", kind="alert", to="", payload={"subject": "x", "text": "x"}, at=ago)
        events = [{**HARD_BOUNCE, "email": "p10@acme.example", "timestamp": NOON.timestamp(), "sg_event_id": "1"}]
        events[0] |= {"nurture_touch": answered.id, "sg_message_id": "a.b"}
        work.responses.keep_raw("sendgrid", "1", json.dumps(events).encode(), NOON)
        click = {
            "event": "click",
            "email": answered.address,
            "url": "https://acme.example/",
            "timestamp": NOON.timestamp(),
        }
        waits_to_be_judged = json.dumps([click | {"nurture_touch": answered.id, "sg_message_id": "a.b"}])
        work.responses.keep_raw("sendgrid", "2", waits_to_be_judged.encode(), NOON)
        work.responses.keep_raw("eml", "1", REPLY + b"In-Reply-To: " + OWN_ID.encode(), NOON)
        rescoring.begin(work, now=ago)
        begun = [work.control.generation(), crowd.FIRST + MANY - 50]  # few are left, as if they were a batch of many
        work.control.set_mark(rescoring.MARK, json.dumps(begun), ago)
        work.commit()
    enroll.by_hand(
        ids[:1], "evergreen", store=app.store, rules=app.rules.in_force(), policy=app.policy, now=NOON, by="t"
    )


@pytest.mark.timeout(120)
def test_no_statement_of_a_pass_or_of_the_queue_reads_a_whole_table_that_grows(app: App) -> None:
    busy(app)
    with app.sql.engine.begin() as db:
        crowd.fill(db, MANY)
        db.exec_driver_sql("ANALYZE")
    with looked_at(app.sql.engine) as found:
        done = tick.run(app, now=NOON)
        tick.run(app, now=NOON + timedelta(seconds=30))
        tick.run(app, now=NOON + timedelta(hours=3))
        tick.run(app, now=NOON + timedelta(hours=9))
    did = (done.settled, done.crossed, done.returned, done.promised, done.enrolled, done.touches.sent, done.deadlines)
    assert all((*did, done.delivered, len(found) > 100)), done
    assert not wholes(found)
    assert any("raw_events.id NOT IN" in statement for statement in found)
    with app.sql.engine.begin() as db:  # most calls were made long ago
        db.exec_driver_sql("UPDATE touches SET state = 'done' WHERE lead_id > 1000000 AND mod(lead_id, 100) <> 0")
        db.exec_driver_sql("ANALYZE")
    with looked_at(app.sql.engine) as found, app.store.unit(write=False) as work:
        waiting = work.touches.waiting(["caller"], for_anybody=True, lowering=["unsubscribe"])
        assert (len(waiting), work.touches.taken_by("cal@acme.example")) == (3 + MANY // 100, None)
        assert len(work.touches.tasks_page(assigned="caller", after=None, limit=2)) == 2
    assert not wholes(found)


def wholes(found: dict[str, list[str]]) -> str:
    """The statements that read whole tables, and which."""
    lines = [f"{', '.join(read)}: {' '.join(statement.split())[-700:]}" for statement, read in found.items() if read]
    return "\n".join(lines)


@pytest.mark.timeout(120)
def test_no_statement_beside_the_passes_reads_a_whole_table_that_grows(app: App) -> None:
    """What comes in over HTTP, what a person does, heartbeats, housekeeping. The digest counts whatever waits."""
    app.clock.at = NOON  # type: ignore[attr-defined]
    ago = NOON - timedelta(days=1)
    with app.store.unit() as work:
        ada = a_lead(work, email="ada@acme.example", phone="+33123456789")
        place = an_enrollment(work, lead=ada, cadence="evergreen", now=ago)
        mail = a_sent_touch(work, enrollment=place, lead=ada, now=ago, address="ada@acme.example", message_id=OWN_ID)
        for kind in ("reply", "promise", "unsubscribe"):
            entry = {"kind": kind, "at": ago, "sender": "?", "text": "Try me in fall", "why": "?", "key": kind}
            work.notes.to_inbox({**entry, "lead_id": ada.id})
        entries = [one["id"] for one in work.notes.inbox()]
        called = a_touch(work, lead=ada, channel=Channel.CALL, state=Touch.OPEN, due_at=ago, now=ago)
        work.touches.add_links({"guide": "https://acme.example/guide"})
        work.commit()
    bearer = {"Authorization": f"Bearer {Tokens(app.sql.engine).create('website', at=NOON, by='test')}"}
    with app.sql.engine.begin() as db:
        crowd.fill(db, MANY)
        db.exec_driver_sql("ANALYZE")
    events = a_batch({"event": "click", "email": mail.address, "timestamp": NOON.timestamp(), "nurture_touch": mail.id})
    form = {"email": "new@acme.example", "form": "quote", "intent": "request"}
    common: dict[str, Any] = {"store": app.store, "rules": app.rules.in_force(), "policy": app.policy, "now": NOON}
    common |= {"by": "Cal", "new_id": app.clock.new_id}
    with looked_at(app.sql.engine) as found:
        kept = housekeeping.run(app, now=NOON)
        tasks.done(called.id, CallOutcome.NO_ANSWER, **common)
        inbox.settle(entries[0], lead=ada.id, intent=Intent.INTERESTED, **common)
        inbox.settle(entries[1], lead=ada.id, until=(NOON + timedelta(days=90)).date(), **common)
        inbox.settle(entries[2], lead=ada.id, **common)
        with TestClient(make_app(app), base_url="https://go.acme.example", follow_redirects=False) as web:
            answers = [
                web.post("/webhooks/sendgrid/events", content=events, headers=signed(events)),
                web.get("/c/" + app.links.token("c", [mail.id, "guide"])),
                web.post("/api/v1/forms", json=form, headers=bearer),
                web.post("/api/v1/visits", json={"email": "ada@acme.example", "page": "/pricing"}, headers=bearer),
                web.get("/p/" + app.links.token("p", mail.id)),
                web.post("/u/" + app.links.token("u", mail.id), data={"List-Unsubscribe": "One-Click"}),
                web.get("/readyz"),
            ]
        lifecycle.beat(app, sent=1, passed=NOON, is_serving=True)
    assert [one.status_code for one in answers] == [200, 302, 200, 200, 200, 200, 200]
    assert (kept.events > 0, len(found) > 50) == (True, True)
    assert not wholes(found)
