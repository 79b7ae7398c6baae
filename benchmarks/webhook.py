"""Signed batches of 1,000 events of the mail provider, taken and recorded, beside checking, decoding, inserting them.

`python -m benchmarks.webhook [--size BATCHES] [--quick] [--database sqlite|postgresql]`. Both are measured in turn in
one run, and only their ratios mean anything.

taken      POST to the endpoint of the daemon's web, from the request to the answer: verified, stored as it came
recorded   and worked on by a pass: responses, grades, scores, touches proved sent
bare       the same check of the signature, `json.loads`, one INSERT of all rows into a table with the same indexes
replay     every batch again as it came, and again in another order: nothing is added
"""

from __future__ import annotations

import gc
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, Final

from sqlalchemy import func, insert, select, text

from benchmarks.result import Options, Result, alone
from benchmarks.scores import analyze, server
from nurture.adapters.mail.sendgrid_events import verify_event
from nurture.adapters.store.tables import leads, raw_events, responses, touches
from nurture.daemon import incoming
from nurture.settings import read_settings
from nurture.web.app import make_app
from nurture.wiring import App
from tests.fakes import A_TUESDAY, FixedClock, OutboxFake
from tests.web import house
from tests.web.house import PUBLIC, SENDGRID, TOML, apply, signed

EVENTS: Final = 1_000  # of a batch
STORED: Final = 0.6
ENDPOINT: Final = "/webhooks/sendgrid/events"
AGENT: Final = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
BARE: Final = (
    """CREATE TABLE bare (id {row_id}, lead_id INTEGER, touch_id TEXT, kind TEXT NOT NULL, grade TEXT NOT NULL,
    at TEXT NOT NULL, recorded_at TEXT NOT NULL, key TEXT NOT NULL UNIQUE, detail TEXT)""",
    "CREATE INDEX bare_lead ON bare (lead_id, at)",
    "CREATE INDEX bare_touch ON bare (touch_id)",
)
INTO_BARE: Final = text(
    "INSERT INTO bare (lead_id, touch_id, kind, grade, at, recorded_at, key, detail)"
    " VALUES (:lead, :touch, :kind, 'human', :at, :now, :key, :detail) ON CONFLICT DO NOTHING"
)
Signed = tuple[bytes, dict[str, str]]


@dataclass(slots=True)
class Bench:
    """A workspace whose mails went out an hour ago, and its web."""

    app: App
    clock: FixedClock
    client: house.TestClient

    def count(self) -> tuple[int, int]:
        """How many responses there are, and how many deliveries."""
        with self.app.sql.engine.connect() as db:
            one = [
                db.execute(select(func.count()).select_from(table)).scalar_one() for table in (responses, raw_events)
            ]
        return one[0], one[1]


@contextmanager
def bench(database: str, mails: int) -> Iterator[Bench]:
    """So many leads who were each sent a mail."""
    with tempfile.TemporaryDirectory() as name, server(database, Path(name)) as url:
        folder = Path(name) / "w"
        folder.mkdir()
        file = folder / "nurture.toml"
        file.write_text(f'{TOML}{SENDGRID}[database]\nurl = "{url}"\n', "utf-8")
        file.chmod(0o600)
        clock = FixedClock(A_TUESDAY)
        app = App(read_settings(folder), clock, "benchmark", OutboxFake())
        assert app.store is app.sql
        apply(app)
        sent = clock.now()
        people: list[dict[str, Any]] = [
            {"id": n, "email": f"p{n}@c{n}.example", "status": "nurturing", "stage": "unknown", "created_at": sent,
             "arrived_at": sent, "changed_at": sent} for n in range(1, mails + 1)
        ]  # fmt: skip
        out = [
            {"id": f"touch-{n}", "lead_id": n, "step": "one", "channel": "email", "template": "one", "state": "sent",
             "due_at": sent, "created_at": sent, "intent_at": sent, "sent_at": sent, "counted_at": sent, "attempt": 1,
             "address": f"p{n}@c{n}.example", "mailer": "sendgrid"} for n in range(1, mails + 1)
        ]  # fmt: skip
        row_id = "INTEGER PRIMARY KEY" if database == "sqlite" else "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY"
        with app.sql.engine.begin() as db:
            db.execute(insert(leads), people)
            db.execute(insert(touches), out)
            for statement in BARE:
                db.exec_driver_sql(statement.format(row_id=row_id))
        analyze(app.sql)
        clock.advance(hours=1)
        with house.TestClient(make_app(app), base_url="https://go.acme.example") as client:
            yield Bench(app, clock, client)
        app.close()


def batches(mails: Sequence[int], sent: datetime, seed: int) -> Iterator[list[dict[str, Any]]]:
    """What the provider tells of these mails: taken and delivered all, opened some, followed few, bounced fewer."""
    dice = Random(seed)
    events: list[dict[str, Any]] = []
    for n in mails:
        at = sent + timedelta(seconds=dice.randrange(60))
        common = {"email": f"p{n}@c{n}.example", "nurture_touch": f"touch-{n}", "sg_message_id": f"m{n}.recvd-1-2-3",
                  "smtp-id": f"<{n}@geopod-ismtpd-1>", "category": ["course"]}  # fmt: skip
        told: list[tuple[int, dict[str, Any]]] = [(0, {"event": "processed"})]
        if dice.random() < 0.02:
            told.append(
                (4, {"event": "bounce", "type": "blocked", "reason": "452 4.2.2 mailbox full", "status": "4.2.2"})
            )
        else:
            told.append((3, {"event": "delivered", "response": "250 2.0.0 OK", "ip": "198.51.100.7"}))
            person = {"ip": f"203.0.{n % 200}.{n // 200 % 200}", "useragent": AGENT}
            if dice.random() < 0.3:
                told.append((900, {"event": "open", "sg_machine_open": dice.random() < 0.6, **person}))
                if dice.random() < 0.15:
                    told.append((930, {"event": "click", "url": "https://acme.example/guide", **person}))
        for later, event in told:
            moment = int((at + timedelta(seconds=later)).timestamp())
            events.append({**common, **event, "timestamp": moment, "sg_event_id": f"e{len(events)}-{n}"})
    dice.shuffle(events)
    for start in range(0, len(events), EVENTS):
        yield events[start : start + EVENTS]


def body_of(batch: Sequence[dict[str, Any]]) -> Signed:
    """A batch as it travels."""
    body = json.dumps(batch).encode() + b"\r\n"
    return body, signed(body)


def taken(place: Bench, deliveries: Sequence[Signed]) -> float:
    """Seconds until the last answer."""
    began = time.perf_counter()
    for body, headers in deliveries:
        assert place.client.post(ENDPOINT, content=body, headers=headers).status_code == 200
    return time.perf_counter() - began


def recorded(place: Bench) -> float:
    """Seconds until everything is worked on, once it has settled."""
    place.clock.advance(minutes=2)
    began = time.perf_counter()
    incoming.process(place.app, place.app.store, place.clock.now())
    return time.perf_counter() - began


def bare(place: Bench, deliveries: Sequence[Signed], leads_of: dict[str, int]) -> float:
    """Seconds to verify, decode and insert, a transaction for each batch."""
    now = place.clock.now().isoformat()
    began = time.perf_counter()
    for body, headers in deliveries:
        signature, at = list(headers.values())[:2]
        assert verify_event(PUBLIC, signature, at, body)
        rows = [
            {"lead": leads_of[one["nurture_touch"]], "touch": one["nurture_touch"], "kind": one["event"], "now": now,
             "at": one["timestamp"], "key": f"{one['nurture_touch']}|{one['event']}|{one['timestamp']}",
             "detail": one.get("url")} for one in json.loads(body)
        ]  # fmt: skip
        for one in rows:
            one["at"] = str(one["at"])
        with place.app.sql.engine.begin() as db:
            db.execute(INTO_BARE, rows)
    return time.perf_counter() - began


def replayed(place: Bench, told: Sequence[list[dict[str, Any]]]) -> int:
    """How many responses and deliveries another round of the same events adds; other bodies are other deliveries."""
    before = place.count()
    again = [body_of(batch) for batch in told]
    taken(place, again)
    recorded(place)
    after = place.count()
    assert after[1] == before[1], "a delivery that was there already was stored again"
    shuffled = [body_of(Random(7).sample(batch, len(batch))) for batch in told]
    taken(place, shuffled)
    recorded(place)
    return place.count()[0] - before[0]


def rows(options: Options) -> Iterator[Result]:
    """How fast taking is, and taking and recording, beside bare; what a replay adds."""
    count, rounds = options.size(10, 2), options.pick(5, 1)
    for database in options.databases:
        each = count * EVENTS // 2  # mails, which have more than two events
        with bench(database, each * (rounds + 1)) as place:
            mails = list(range(1, each * (rounds + 1) + 1))
            Random(3).shuffle(mails)
            leads_of = {f"touch-{n}": n for n in mails}
            found = []
            added = 0
            for turn in range(rounds + 1):
                told = list(
                    batches(mails[turn * each : (turn + 1) * each], place.clock.now() - timedelta(hours=1), turn)
                )
                deliveries = [body_of(batch) for batch in told]
                gc.collect()
                there = taken(place, deliveries)
                gc.collect()
                worked = recorded(place)
                gc.collect()
                rival = bare(place, deliveries, leads_of)
                events = sum(map(len, told))
                print(
                    f"{database}: {events:,} events taken in {1e6 * there / events:.0f} us each, recorded in "
                    f"{1e6 * worked / events:.0f} us, bare {1e6 * rival / events:.0f} us",
                    flush=True,
                )
                if turn:  # the first one warms up
                    found.append((there, worked, rival))
                else:
                    added = replayed(place, told)
        path, beside = f"{count} signed batches of {EVENTS:,} events, {database}", "verify + decode + bare insert"
        quick = statistics.median(rival / there for there, _, rival in found)
        yield Result(f"{path}: taken durably and answered", beside, quick, at_least=STORED)
        whole = statistics.median(rival / (there + worked) for there, worked, rival in found)
        yield Result(f"{path}: taken and recorded with all that follows", beside, whole, at_least=STORED)
        yield Result(f"{path}: responses that a full replay adds", "", added, at_most=0)


if __name__ == "__main__":
    sys.exit(alone(__doc__, rows))
