"""doctor: what is wrong or will be, before the first real mail shows it."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from nurture.adapters.mail.names import MailNames
from nurture.daemon import doctor, room
from nurture.domain.touch import Channel, State
from nurture.moves.clock import LAST_PASS
from nurture.wiring import open_app
from tests.builders import a_sent_touch, a_touch
from tests.commands.conftest import Nurture
from tests.fakes import OutboxFake
from tests.mail.test_names import ZONE, a_name_server
from tests.web.house import PUBLIC

REAL = """
[mail]
provider = "sendgrid"
from = "Dana Reyes <dana@acme.com>"
reply_domain = "reply.acme.com"
postal_address = "Acme, 1 Street, City"
[web]
public_url = "https://n.acme.com"
"""


def findings(folder: Path, toml: str, zone: Mapping[tuple[str, str], list[str]]) -> dict[str, str]:
    """What doctor says of these settings, with the DNS of a zone: words -> severity."""
    (folder / "nurture.toml").write_text(toml)
    (folder / "nurture.toml").chmod(0o600)
    app = open_app(folder, mailer=OutboxFake())
    try:
        with a_name_server(zone) as server:
            app.__dict__["mail_names"] = MailNames(server)
            looks = (doctor.of_settings, doctor.of_keys, doctor.of_dns)
            return {one.what: one.severity for look in looks for one in look(app)}
    finally:
        app.close()


def test_a_domain_that_is_set_up_is_found_in_order(folder: Path) -> None:
    keys = f'[sendgrid]\nevent_public_key = "{PUBLIC}"\ninbound_public_key = "{PUBLIC}"\n'
    found = findings(folder, REAL + keys + '[alerts]\nemail = "otto@acme.com"\n', ZONE)
    assert set(found.values()) == {"ok"}
    assert "acme.com has a DKIM key (s1)." in found
    assert "Answers to reply.acme.com arrive at mx.sendgrid.net." in found


def test_a_domain_that_nobody_set_up_and_keys_that_are_missing_or_wrong(folder: Path) -> None:
    found = findings(folder, REAL + '[sendgrid]\nevent_public_key = "abc="\n', {("acme.com", "TXT"): ['"a=1"']})
    severities = {what.split(":")[0].split(" (")[0]: severity for what, severity in found.items()}
    assert severities["acme.com has no SPF record"] == "warning"
    assert severities["No DKIM key of acme.com was found"] == "warning"
    assert severities["acme.com has no DMARC record"] == "warning"
    assert severities["reply.acme.com has no MX record"] == "error"
    assert severities["sendgrid.inbound_public_key is not set"] == "warning"
    assert severities["sendgrid.event_public_key cannot be used"] == "error"
    assert severities["Nobody is told when mail pauses by itself."] == "warning"


@pytest.mark.parametrize("url", ["http://n.acme.com", "https://localhost", "https://n.acme.example"])
def test_links_that_nobody_could_follow_are_an_error(folder: Path, url: str) -> None:
    found = findings(folder, REAL.replace("https://n.acme.com", url), {})
    assert any(what.startswith("web.public_url") and severity == "error" for what, severity in found.items())


def test_an_old_schema_is_said_and_does_not_hide_the_rest(folder: Path, nurture: Nurture) -> None:
    with closing(sqlite3.connect(folder / "nurture.db")) as database:
        database.execute("UPDATE alembic_version SET version_num = '0000'")
        database.commit()
    ran = nurture("doctor")
    assert ran.code == 1
    assert "The schema is at step 0000" in ran.out
    assert "MB of disk are free" in ran.out
    assert "Traceback" not in ran.err


def test_a_workspace_as_init_makes_it_is_sound_and_asks_no_name_server(nurture: Nurture) -> None:
    ran = nurture("doctor", "--json")
    assert ran.code == 0
    assert {one["severity"] for one in ran.json} == {"ok"}
    assert not [one for one in ran.json if "DNS" in one["what"]]


def test_what_waits_for_a_person_is_listed(folder: Path, nurture: Nurture) -> None:
    assert nurture("lead", "import", "leads.csv", "--source", "website").code == 0
    app = open_app(folder)
    try:
        now = app.clock.now()
        with app.store.unit() as work:
            a_touch(work, lead=1, channel=Channel.CALL, state=State.OPEN, now=now - timedelta(days=3))
            made = work.sales.promote(1, at=now, why="ready", brief={}, value=1.0)
            queued = {"promotion_id": made, "lead_id": 1, "state": "queued", "reason": "no_rep", "created_at": now}
            work.sales.add_handoff(queued)
            a_touch(work, lead=2, channel=Channel.CALL, state=State.OPEN, now=now, assigned="old@acme.example")
            entry = {"kind": "reply", "at": now, "sender": "x@y.example", "why": "whose is it?", "key": "k"}
            work.notes.to_inbox(entry)
            work.commit()
    finally:
        app.close()
    said = nurture("doctor").out
    assert "Entries that wait in the inbox: 1" in said
    assert "Ready leads that wait for a rep: 1; nobody in people.yaml takes them." in said
    assert "nobody in people.yaml has: old@acme.example." in said
    assert "Open tasks that were due 2 days ago or longer: 1" in said


def test_a_full_disk_and_a_clock_that_is_behind_are_errors(
    folder: Path, nurture: Nurture, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = open_app(folder)
    try:
        with app.store.unit() as work:
            work.control.set_mark(LAST_PASS, "another", app.clock.now() + timedelta(hours=1))
            work.commit()
    finally:
        app.close()
    monkeypatch.setattr(room, "LITTLE", 2**60)
    ran = nurture("doctor")
    assert ran.code == 1
    assert "MB of disk are free" in ran.out
    assert "The clock is before the last pass" in ran.out
    assert "The clock is plausible" not in ran.out


def test_status_shows_every_daemon_and_doctor_those_that_fell_silent(nurture: Nurture, folder: Path) -> None:
    app = open_app(folder)
    now = app.clock.now()
    with app.store.unit() as work:
        work.control.beat("a-1", host="a", pid=1, now=now, sent=30, passed=now)
        work.control.beat("b-2", host="b", pid=2, now=now - timedelta(minutes=9), sent=10)
        work.commit()
    shown = nurture("status")
    assert re.search(r"working +a +1 +last pass \d s ago, sent 30 \(75%\)", shown.out)
    assert re.search(r"gone +b +2 +last seen .* UTC, sent 10 \(25%\)", shown.out)
    daemons = nurture("status", "--json").json["daemons"]
    assert [(one["id"], one["state"], one["share"]) for one in daemons] == [
        ("a-1", "working", 0.75),
        ("b-2", "gone", 0.25),
    ]
    assert "fell silent" not in nurture("doctor").out  # another one is at work
    with app.store.unit() as work:
        work.control.leave("a-1", now)
        work.commit()
    app.close()
    assert "b-2 on b fell silent" in nurture("doctor").out


def test_status_shows_few_of_the_daemons_that_are_no_more_and_sends_nobody_to_doctor_for_them(
    nurture: Nurture, folder: Path
) -> None:
    app = open_app(folder)
    now = app.clock.now()
    with app.store.unit() as work:
        for number in range(9):
            work.control.beat(f"a-{number}", host="a", pid=number, now=now - timedelta(hours=number + 1), sent=0)
        work.control.beat("b-1", host="b", pid=1, now=now, sent=0, passed=now)
        work.commit()
    shown = nurture("status").out
    assert "daemons       1 alive\n" in shown
    assert shown.count("  gone ") == 3
    assert "  and 6 more that were here in the last week: nurture status --json\n" in shown
    assert len(nurture("status", "--json").json["daemons"]) == 10


def test_a_daemon_that_makes_no_passes_is_said_with_when_it_was_last_seen(nurture: Nurture, folder: Path) -> None:
    app = open_app(folder)
    now = app.clock.now()
    with app.store.unit() as work:
        seen = now - timedelta(seconds=95)  # killed, or frozen: nobody knows yet
        work.control.beat("a-1", host="a", pid=1, now=seen - timedelta(minutes=4), sent=0, passed=seen)
        work.control.beat("a-1", host="a", pid=1, now=seen, sent=0)
        work.commit()
    assert "see: nurture doctor" in nurture("status").out
    assert re.search(r"a-1 on a has made no pass for \d+ s, and was last seen \d+ s ago.", nurture("doctor").out)


@pytest.mark.parametrize(("hours", "told"), [((3, 2, 1), True), ((3, 1, 2), False)])
def test_mails_that_another_machine_sends_by_another_mailer_are_noticed(
    nurture: Nurture, folder: Path, ada: str, *, hours: tuple[int, ...], told: bool
) -> None:
    app = open_app(folder)
    now = app.clock.now()
    with app.store.unit() as work:
        for mailer, ago in zip(("outbox", "smtp", "outbox"), hours, strict=True):
            at = now - timedelta(hours=ago)
            a_sent_touch(work, lead=int(ada), enrollment=None, mailer=mailer, now=at, step=f"{ago}")
        work.commit()
    counted = {one["name"]: one["sent_last_day"] for one in nurture("mailer", "list", "--json").json}
    assert counted == {"outbox": 2, "smtp": 1, "sendgrid": 0}
    said = "Of the mails of the last day 1 went by smtp, amid those by outbox. Has a daemon other settings?"
    assert (said in nurture("doctor").out) is told
