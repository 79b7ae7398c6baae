"""A demo in small: it adds up, it repeats, it comes back through the real arrows, and it leaves nothing behind."""

from __future__ import annotations

import json
import os
import tempfile
import threading
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from nurture.commands.workspace import make
from nurture.daemon import demo
from nurture.daemon.demo.behavior import character
from nurture.daemon.demo.chance import Chance
from nurture.daemon.demo.mailbox import answer, not_delivered, read
from nurture.daemon.demo.numbers import Accounting
from nurture.daemon.demo.people import batches
from nurture.daemon.demo.year import START
from nurture.domain.response import Kind
from nurture.domain.row import Refused, Row
from nurture.domain.touch import Channel, State
from nurture.wiring import open_app

LEADS, DAYS = 20, 26


def lived(folder: Path | None, *, seed: int = 3) -> demo.Demo:
    """A demo, without a word on the terminal."""
    return demo.run(seed=seed, leads=LEADS, days=DAYS, keep=folder, make_workspace=make, watch=lambda _: None)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> demo.Demo:
    """A demo whose workspace is there to be looked at."""
    return lived(tmp_path_factory.mktemp("demo") / "kept")


def test_every_touch_is_accounted_for_and_the_mail_server_agrees(kept: demo.Demo) -> None:
    assert kept.workspace is not None
    app = open_app(kept.workspace)
    with app.store.unit(write=False) as work:
        touches = work.touches.select()
    app.close()
    sent = sum(one.state is State.SENT and one.channel is Channel.EMAIL for one in touches)
    accounts = kept.numbers.accounting
    assert accounts.holds
    assert sent > LEADS / 2
    assert accounts.sent == accounts.received == sent
    assert accounts.created == sum(accounts.by_state.values()) == len(touches)
    made = sum(one.state in (State.SENT, State.DONE) for one in touches)
    assert sum(sum(values) for values in kept.numbers.touches.values()) == made


def test_the_same_seed_gives_the_same_numbers_and_another_seed_others(
    kept: demo.Demo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    again = lived(None)
    assert asdict(again.numbers) == asdict(kept.numbers)
    assert list(tmp_path.iterdir()) == [again.report], "the workspace is removed, the report stays"
    other = [one.people for one in batches(Chance(4), LEADS, START, DAYS)]
    assert other != [one.people for one in batches(Chance(3), LEADS, START, DAYS)]


def test_the_report_holds_the_funnel_and_the_accounts(kept: demo.Demo) -> None:
    page = kept.report.read_text(encoding="utf-8")
    assert "Leads by the furthest step they reached" in page
    assert kept.numbers.accounting.sentence in page
    assert page.count('role="img"') == 3


def test_answers_come_back_as_files_that_were_read(kept: demo.Demo) -> None:
    assert kept.workspace is not None
    folder = kept.workspace / "replies"
    assert not list(folder.glob("*.eml"))
    assert not list((folder / "failed").glob("*"))


def test_a_mismatch_is_said_and_never_passed_over() -> None:
    right = Accounting(3, {"sent": 2, "skipped": 1}, sent=2, received=2, twice=0, to_sales=0)
    assert right.holds
    for wrong in (replace(right, received=1), replace(right, twice=1), replace(right, created=4)):
        assert not wrong.holds
        assert "DOES NOT ADD UP" in wrong.sentence


def test_settings_of_the_environment_do_not_reach_the_demo(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NURTURE_MAIL__PROVIDER", "sendgrid")
    with demo._own_settings():
        assert "NURTURE_MAIL__PROVIDER" not in os.environ
    assert os.environ["NURTURE_MAIL__PROVIDER"] == "sendgrid"


def test_a_folder_that_is_in_use_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep me")
    with pytest.raises(Exception, match="is not empty"):
        lived(tmp_path)
    assert [one.name for one in tmp_path.iterdir()] == ["mine.txt"]


def test_nothing_runs_on_after_a_demo_that_was_interrupted(tmp_path: Path) -> None:
    def interrupt(_: demo.Progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        demo.run(seed=3, leads=20, days=30, keep=tmp_path / "kept", make_workspace=make, watch=interrupt)
    assert not [one.name for one in threading.enumerate() if one.name == "demo-mail-server"]


def test_lists_hold_what_real_lists_hold() -> None:
    every = batches(Chance(1), 400, START, 365)
    rows = [row for batch in every for row in batch.rows()]
    taken = [row for row in rows if isinstance(row, Row)]
    emails = [row.values["email"] for row in taken]
    assert len(set(emails)) == 400
    assert len(emails) > 405, "some are listed twice"
    assert sum(isinstance(row, Refused) for row in rows) == 3
    assert 5 < sum(row.consent is None for row in taken) < 60
    assert 0 < sum(row.opted_out for row in taken) < 20
    companies = {row.values["company"] for row in taken}
    assert 80 < len(companies) < 250
    assert [batch.at for batch in every] == sorted(batch.at for batch in every)


def test_chance_depends_on_what_is_decided_and_on_nothing_else() -> None:
    one = Chance(1)
    assert one.of("click", "a@b.example") == Chance(1).of("click", "a@b.example")
    assert one.of("click", "a@b.example") != Chance(2).of("click", "a@b.example")
    assert one.of("a", "b") != one.of("ab")
    hits = sum(one.hits(0.25, number) for number in range(4_000))
    assert 900 < hits < 1_100
    assert {one.weighted([("x", 1.0), ("never", 0.0)], number) for number in range(100)} == {"x"}


def test_people_with_a_project_do_more_than_the_others() -> None:
    people = [one for batch in batches(Chance(1), 400, START, 365) for one in batch.people if one.email]
    acts: dict[bool, list[int]] = {True: [], False: []}
    for one in people:
        who = character(Chance(1), one, START, 365)
        for day in range(0, 300, 30):
            at = START.replace(year=2027)
            done = who.after_mail(f"mail {day}", at, 2)
            acts[who.is_looking(at)].append(sum(act.kind in (Kind.CLICK, Kind.REPLY) and not act.why for act in done))
    near, far = (sum(acts[looking]) / len(acts[looking]) for looking in (True, False))
    assert near > 3 * far


def test_answers_and_bounces_name_the_mail_that_they_are_about() -> None:
    mail = read(
        b"Message-ID: <t1@reply.acme.example>\r\nFrom: Dana <dana@acme.example>\r\nTo: Ada <ADA@x.example>\r\n"
        b"Reply-To:\r\n replies+t1.tag@reply.acme.example\r\nSubject: Hello\r\n"
        b"List-Unsubscribe: <https://n.acme.example/u/tok.en>\r\nContent-Type: text/plain\r\n\r\n"
        b"See https://n.acme.example/c/one.two and https://n.acme.example/c/three, https://n.acme.example/c/one.two\r\n"
    )
    assert mail.to == "ada@x.example"
    assert mail.links == ("one.two", "three")
    assert mail.unsubscribe == "tok.en"
    reply = answer(mail, name="Ada", at=START, text="Yes", key="k1")
    assert b"In-Reply-To: <t1@reply.acme.example>" in reply
    assert b"To: replies+t1.tag@reply.acme.example" in reply
    assert b"Final-Recipient: rfc822; ada@x.example" in not_delivered(mail, at=START, key="k2")


def test_numbers_can_be_printed_as_json(kept: demo.Demo) -> None:
    from nurture.commands.demo import _as_json
    from nurture.commands.output import plain

    found = json.loads(json.dumps(plain(_as_json(kept))))
    assert found["accounting"]["holds"] is True
    assert found["funnel"][0] == {"step": "Leads", "leads": LEADS}
    assert found["report"] == str(kept.report)
