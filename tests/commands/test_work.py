"""enroll to handoff: the commands of operators, callers and reps."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from pathlib import Path

import pytest

from nurture.domain.touch import Channel, Reason, State
from nurture.domain.verdict import Yes
from nurture.domain.wave import HINT, Wave
from nurture.flow import digest
from nurture.ports.store import Switch
from nurture.ports.world import PREVIEW, Delivery
from nurture.wiring import open_app
from tests.builders import a_sent_touch, a_touch
from tests.commands.conftest import Nurture
from tests.fakes import A_TUESDAY
from tests.mail.servers import SmtpServer


def _a_task(folder: Path, lead: str, **over: object) -> str:
    """An open call in the hours of everybody: an answer that is not by phone may be given at any time."""
    app = open_app(folder)
    try:
        now = datetime(2026, 3, 3, 9, tzinfo=UTC)
        given = {"channel": Channel.EMAIL, "state": State.OPEN, "assigned": "caller", "script": "Hello", **over}
        return a_touch(app.store, lead=int(lead), enrollment=None, step="reply", now=now, template="", **given).id
    finally:
        app.close()


def test_a_simulation_knows_the_answers_that_somebody_still_owes(nurture: Nurture, folder: Path, ada: str) -> None:
    _a_task(folder, ada)  # in mail, and on the copy without the words of its script
    until = (datetime.now(UTC) + timedelta(days=9)).date().isoformat()
    said = nurture("simulate", "--until", until, "--json")
    assert said.code == 0, said.err
    assert ("reply", "email") in {(row["step"], row["channel"]) for row in said.json}


def test_a_report_of_before_stays_where_a_simulation_is_refused(nurture: Nurture, folder: Path, ada: str) -> None:
    page = folder / "year.html"
    page.write_text("last week's")
    said = nurture("simulate", "--until", "2020-01-01", "--report", str(page))
    assert (said.code, page.read_text()) == (2, "last week's")
    until = (datetime.now(UTC) + timedelta(days=2)).date().isoformat()
    assert nurture("simulate", "--until", until, "--report", str(page)).code == 0
    assert "<svg" in page.read_text() or "<html" in page.read_text()
    assert [one.name for one in folder.glob("year*")] == ["year.html"]


def test_a_pass_on_a_copy_says_what_it_would_do_and_does_nothing(nurture: Nurture, folder: Path, ada: str) -> None:
    assert nurture("enroll", ada, "evergreen").code == 0
    before = nurture("enrollment", "list", "--json").json
    said = nurture("tick", "--dry-run", "--json")
    assert (said.code, said.json["touches"]["looked_at"] > 0) == (0, True)
    assert nurture("touch", "list", "--json").json == []
    assert nurture("enrollment", "list", "--json").json == before
    assert nurture("tick", "--json").json["touches"]["looked_at"] == said.json["touches"]["looked_at"]


def test_who_acts_and_where_is_also_understood_after_the_command(nurture: Nurture, folder: Path, ada: str) -> None:
    assert nurture("lead", "set", ada, "title=Head", "--as", "Cal", "--json").code == 0
    assert nurture("lead", "--as=Nobody", "set", ada, "title=Chief", "--as", "Mia", "--json").code == 0
    with closing(sqlite3.connect(folder / "nurture.db")) as database:
        assert [by for (by,) in database.execute("SELECT by FROM changes WHERE what = 'fields' ORDER BY id")] == [
            "Cal",
            "Mia",
        ]
    nowhere = nurture("status", "--workspace", str(folder / "nowhere"))
    assert (nowhere.code, nowhere.out) == (2, "")


def test_enrolling_pausing_resuming_and_stopping(nurture: Nurture, ada: str) -> None:
    assert nurture("enroll", ada, "evergreen").out == "1 enrolled in evergreen.\n"
    (row,) = nurture("enrollment", "list", "--lead", ada, "--json").json
    assert (row["lead"], row["cadence"], row["version"], row["state"]) == (ada, "evergreen", 1, "active")
    assert nurture("pause", ada, "--until", "2099-01-15", "--json").json[0]["state"] == "paused"
    assert nurture("resume", ada, "--json").json[0]["state"] == "active"
    assert nurture("stop", ada, "evergreen", "--json").json[0]["state"] == "stopped"
    assert nurture("stop", ada).code == 0


def test_a_callback_is_at_the_hour_of_the_lead_and_of_two_tasks_a_caller_means_the_one_they_have(
    folder: Path, nurture: Nurture, ada: str
) -> None:
    email = nurture("lead", "show", ada, "--json").json["email"]
    nurture("lead", "set", ada, "timezone=Asia/Tokyo")
    first, second = _a_task(folder, ada), _a_task(folder, ada)
    unclear = nurture("--as", "Cal", "task", "done", email, "--outcome", "no_answer").err
    assert f"{email} has 2 open tasks: " in unclear
    assert "Name one by its id. See: nurture task list" in unclear
    taken = nurture("--as", "Cal", "task", "next", "--json").json["id"]
    assert taken in (first, second)
    said = nurture("--as", "Cal", "task", "done", email, "--outcome", "callback", "--at", "2099-01-15T15:30", "--json")
    assert said.json["touch"] == taken
    (promise,) = nurture("promise", "list", "--json").json
    assert (promise["on"], promise["at"]) == ("2099-01-15", "2099-01-15T06:30:00Z")
    nurture("promise", "add", email, "--on", "2099-02-01T10:00", "--text", "call")
    assert nurture("promise", "list", "--json").json[-1]["at"] == "2099-02-01T01:00:00Z"


def test_enrolling_where_a_condition_holds(nurture: Nurture, ada: str) -> None:
    made = nurture("enroll", "evergreen", "--where", "industry == 'manufacturing'", "--json").json
    assert [(one["lead"], one["enrolled"]) for one in made] == [(ada, True)]


def test_a_second_cadence_is_refused_and_the_same_again_is_not(nurture: Nurture, ada: str) -> None:
    nurture("enroll", ada, "evergreen")
    assert nurture("enroll", ada, "evergreen").code == 0
    refused = nurture("enroll", ada, "not-now")
    assert refused.code == 1
    assert "one cadence at a time" in refused.err


def test_a_dry_run_changes_nothing(nurture: Nurture, ada: str) -> None:
    nurture("enroll", ada, "evergreen", "--dry-run")
    nurture("send", "pause", "--dry-run")
    nurture("promise", "add", ada, "--on", "2099-09-01", "--text", "call", "--dry-run")
    assert nurture("enrollment", "list", "--json").json == []
    assert nurture("status", "--json").json["paused"] == []
    assert nurture("promise", "list", "--json").json == []


def test_why_names_the_rule_its_place_and_what_is_missing(nurture: Nurture, ada: str) -> None:
    nurture("enroll", ada, "evergreen")
    answers = nurture("why", ada, "--json").json
    assert {"about", "code", "text", "place", "version", "cadence", "step", "touch", "missing", "clears_at"} <= set(
        answers[0]
    )
    mine = {one["cadence"]: one for one in answers if one["about"] == "enrollment"}
    assert mine["evergreen"]["code"] == "active"
    assert mine["manufacturing-long-term"]["code"] == "exclusive"
    assert mine["not-now"]["code"] == "not_matching"
    assert mine["not-now"]["place"].startswith("cadences/not-now.yaml:")
    assert {"stage", "no_human_evidence", "missing_facts"} == {
        one["code"] for one in answers if one["about"] == "promotion"
    }


def test_an_email_that_is_held_after_its_first_mails_is_told_until_somebody_lets_it_go_on(
    nurture: Nurture, folder: Path
) -> None:
    app = open_app(folder)
    now = app.clock.now()
    with app.store.unit() as work:
        held = Wave("shared/peer-story", now, held="2 unsubscribes among the first 20 mails")
        work.pacing.put_waves([held, Wave("shared/overrides", now)])
        assert digest.needs(work, now)[0] == f"held since its first mails: shared/peer-story ({held.held})"
        work.commit()
    app.close()
    said = nurture("status")
    assert "held          shared/peer-story: 2 unsubscribes among the first 20 mails. See: nurture doctor" in said.out
    assert list(nurture("status", "--json").json["held"]) == ["shared/peer-story"]
    assert f"shared/peer-story is held: {held.held}. {HINT}" in nurture("doctor").out


def test_a_mailer_that_is_refused_is_told_with_what_to_do_for_as_long_as_it_is_paused(
    nurture: Nurture, folder: Path
) -> None:
    app = open_app(folder)
    now = app.clock.now()

    def pause(until: datetime) -> None:
        with app.store.unit() as work:
            work.control.switch(Switch("mailer", "MAIL: 550: not you", now, until, by="outbox"))
            work.commit()

    pause(now + timedelta(minutes=15))
    said = f"since {now:%Y-%m-%d} until {now + timedelta(minutes=15):%H:%M} UTC: MAIL: 550: not you."
    assert f"paused        mailer {said} See: nurture doctor" in nurture("status").out
    assert nurture("status", "--json").json["paused"] == ["mailer"]
    told = f"All mail is paused {said} When that is put right: nurture mailer resume outbox"
    assert told in nurture("doctor").out
    assert nurture("mailer", "list", "--json").json[0]["paused"]
    pause(now - timedelta(minutes=1))
    assert "paused        nothing" in nurture("status").out
    assert "All mail" not in nurture("doctor").out
    assert not nurture("mailer", "list", "--json").json[0]["paused"]
    assert nurture("mailer", "resume", "outbox").out == "All mail is resumed.\n"
    app.close()


def test_the_status_says_that_the_breaker_holds_mail_back(nurture: Nurture, folder: Path, ada: str) -> None:
    assert nurture("status", "--json").json["breaker"] == "closed"
    app = open_app(folder)
    with app.store.unit() as work:
        a_touch(work, lead=int(ada), state=State.PLANNED, reason=Reason.BREAKER)
        work.commit()
    app.close()
    assert nurture("status", "--json").json["breaker"] == "open"
    assert "breaker       open   no clear answers from the mail provider" in nurture("status").out


def test_two_callers_never_get_the_same_task(nurture: Nurture, ada: str, folder: Path) -> None:
    first, second = _a_task(folder, ada), _a_task(folder, "2")
    cal = nurture("--as", "Cal", "task", "next", "--json").json
    mia = nurture("--as", "mia@acme.example", "task", "next", "--json").json
    assert {cal["id"], mia["id"]} == {first, second}
    assert nurture("--as", "Cal", "task", "next", "--json").json["id"] == cal["id"]
    assert nurture("task", "release", cal["id"]).code == 0
    assert nurture("--as", "Dana", "task", "next", "--json").json is None


def test_the_next_task_comes_with_what_was_said_and_what_to_ask(nurture: Nurture, ada: str, folder: Path) -> None:
    nurture("lead", "fact", ada, "budget=50k EUR")
    task = _a_task(folder, ada, ask=("budget", "timeline"))
    shown = nurture("--as", "Cal", "task", "next").out
    said = shown.index("So far:"), shown.index("budget: 50k EUR"), shown.index("Still to ask: timeline")
    assert list(said) == sorted(said)
    row = nurture("--as", "Cal", "task", "next", "--json").json
    assert (row["questions"][0], "budget" in row["questions"]) == ("timeline", False)
    assert [one for one in row["history"] if "50k EUR" in one["text"]]
    other = nurture("--as", "Mia", "task", "done", task, "--outcome", "replied")
    assert "Cal@acme.example had this task; it counts as done by mia@acme.example." in other.out
    assert nurture("--as", "Cal", "task", "done", task, "--outcome", "replied").code == 1


def test_an_outcome_is_a_response_and_writes_down_what_was_learned(nurture: Nurture, ada: str, folder: Path) -> None:
    task = _a_task(folder, ada)
    done = ["task", "done", task, "--outcome", "connected", "--fact", "budget=50k EUR", "--note", "kind"]
    assert nurture(*done).code == 0
    assert nurture(*done).code == 0
    shown = nurture("lead", "show", ada, "--json").json
    assert shown["budget"] is True
    assert shown["engagement"] > 0
    assert nurture("touch", "show", task, "--json").json["outcome"] == "connected"
    assert nurture("task", "done", task, "--outcome", "busy").code == 1


def test_a_request_for_sales_moves_the_stage_at_once(nurture: Nurture, ada: str) -> None:
    ran = nurture("respond", ada, "reply", "--intent", "request", "--note", "please send a quote")
    assert "near-term" in ran.out
    assert nurture("lead", "show", ada, "--json").json["asked_for_sales"] is True


def test_a_click_by_hand_counts_for_the_only_mail_that_a_lead_has_got_and_for_none_of_several(
    nurture: Nurture, ada: str, folder: Path
) -> None:
    assert nurture("respond", ada, "click", "--json").json["touch"] is None
    only = _a_task(folder, ada, state=State.SENT, sent_at=datetime(2026, 3, 4, tzinfo=UTC), occurrence=1)
    assert nurture("respond", ada, "visit", "--url", "/pricing", "--json").json["touch"] is None
    assert nurture("respond", ada, "click", "--at", "2026-03-03", "--json").json["touch"] is None  # before the mail
    assert nurture("respond", ada, "click", "--json").json["touch"] == only
    _a_task(folder, ada, state=State.SENT, sent_at=datetime(2026, 3, 5, tzinfo=UTC), occurrence=2)
    said = nurture("respond", ada, "click", "--url", "https://a.example")
    assert "--touch" in said.err
    assert nurture("respond", ada, "click", "--url", "https://b.example", "--json").json["touch"] is None


def test_a_ready_lead_is_offered_and_a_rejection_brings_it_back(nurture: Nurture, ada: str) -> None:
    nurture("respond", ada, "reply", "--intent", "interested")
    nurture("respond", ada, "meeting")
    nurture("lead", "fact", ada, "budget=50k", "timeline=in 4 months", "people=Ada decides", "pain_points=peaks")
    nurture("tick")
    (offer,) = nurture("handoff", "list", "--json").json
    assert (offer["lead"], offer["state"], offer["rep"]) == (ada, "offered", "lee@acme.example")
    brief = nurture("handoff", "brief", ada, "--json").json
    assert {"lead", "company", "expects_call", "why_now", "sections", "history"} <= set(brief)
    assert "unknown: ask" in nurture("handoff", "brief", ada).out.lower()
    assert nurture("handoff", "reject", offer["id"], "--reason", "no_bugdet").code == 2
    done = nurture("handoff", "reject", offer["id"], "--reason", "no_budget_yet", "--json").json
    assert (done["state"], done["email"]) == ("rejected", offer["email"])
    assert done["return_at"] is not None
    assert nurture("handoff", "accept", offer["id"]).code == 1
    funnel = {row["step"]: row["leads"] for row in nurture("report", "funnel", "--json").json}
    assert (funnel["leads"], funnel["near_term"], funnel["offered"], funnel["accepted"]) == (2, 1, 1, 0)
    website = next(row for row in nurture("report", "sources", "--json").json if row["source"] == "website")
    assert (website["leads"], website["rejected"], website["verdict"]) == (2, 1, "too few")
    assert website["cost_per_lead"] == 1200


def test_the_ledger_is_in_the_order_of_simulate(nurture: Nurture, ada: str, folder: Path) -> None:
    app = open_app(folder)
    try:
        a_sent_touch(app.store, lead=2, now=datetime(2026, 3, 3, 9, tzinfo=UTC), enrollment=None, step="b")
        a_sent_touch(app.store, lead=1, now=datetime(2026, 3, 3, 9, tzinfo=UTC), enrollment=None, step="a")
    finally:
        app.close()
    rows = nurture("touch", "ledger", "--from", "2026-03-01", "--until", "2026-04-01", "--json").json
    assert [(row["lead"], row["step"], row["outcome"]) for row in rows] == [("1", "a", "sent"), ("2", "b", "sent")]
    assert list(rows[0]) == ["at", "lead", "cadence", "step", "channel", "outcome"]
    assert nurture("touch", "ledger", "--from", "2026-04-01", "--until", "2026-05-01", "--json").json == []


def test_sending_and_a_cadence_are_paused_once_and_resumed(nurture: Nurture, ada: str) -> None:
    assert nurture("send", "pause").out == "All sending is paused.\n"
    assert "already" in nurture("send", "pause").out
    assert nurture("cadence", "pause", "evergreen").code == 0
    assert nurture("cadence", "resume", "evergreen").code == 0
    assert nurture("send", "resume", "--json").json == {"name": "send", "paused": False, "changed": True}


def test_a_preview_renders_a_mail_and_a_script_for_a_lead(nurture: Nurture, ada: str, folder: Path) -> None:
    mail = nurture("template", "preview", "evergreen", "shared/peer-story", ada, "--html", "mail.html")
    assert "Subject:" in mail.out
    assert "</html>" in (folder / "mail.html").read_text().lower()
    assert "Ada" in nurture("template", "preview", "qualification", "first-call", ada).out


def test_a_preview_is_from_whom_the_mail_will_be(nurture: Nurture, ada: str, folder: Path) -> None:
    person = nurture("lead", "set", ada, "owner=lee@acme.example")
    assert person.code == 0, person.err
    path = folder / "templates" / "shared" / "peer-story.html"
    path.write_text(path.read_text().replace("subject:", "from: owner\nsubject:", 1))
    assert nurture("apply").code == 0
    mail = nurture("template", "preview", "evergreen", "shared/peer-story", ada).out
    assert "lee@acme.example" in mail.partition("To:")[0]


def test_suppressions_are_taken_from_a_file_and_lifted(nurture: Nurture, ada: str, folder: Path) -> None:
    (folder / "stop.csv").write_text("address\nBob@Other.example\nnot an address\n")
    made = nurture("suppression", "import", "stop.csv", "--json").json
    assert (made["added"], [one["line"] for one in made["refused"]]) == (1, [3])
    (row,) = nurture("suppression", "list", "--json").json
    assert (row["lead"], row["email"]) == ("2", "bob@other.example")
    assert nurture("suppression", "remove", "bob@other.example", "--json").json["removed"] == 1


def test_what_waits_for_a_person_names_the_lead_by_id_and_address(nurture: Nurture, ada: str, folder: Path) -> None:
    app = open_app(folder)
    values = {"kind": "promise", "at": A_TUESDAY, "sender": "", "subject": "", "text": "in March", "why": "which day?"}
    with app.store.unit() as work:
        work.notes.to_inbox({**values, "lead_id": int(ada), "key": "a"})
        work.notes.to_inbox({**values, "lead_id": None, "key": "b"})
        work.commit()
    app.close()
    one, other = nurture("inbox", "list", "--json").json
    assert (one["lead"], one["email"], other["lead"], other["email"]) == (ada, "ada@acme-plants.example", None, None)
    assert nurture("inbox", "show", one["id"], "--json").json == one


def test_a_token_is_shown_once_and_a_name_is_taken_once(nurture: Nurture) -> None:
    assert len(nurture("token", "create", "crm").out.strip()) > 30
    assert nurture("token", "create", "crm").code == 1


def test_companies_are_set_and_known_by_another_domain(nurture: Nurture, ada: str) -> None:
    assert nurture("company", "set", "Acme Plants", "employees=1500", "fiscal_year_start=07-01").code == 0
    assert nurture("company", "alias", "Acme Plants", "acme-werke.example").code == 0
    assert nurture("company", "show", "acme-werke.example", "--json").json["employees"] == 1500
    assert nurture("company", "merge", "Other", "Acme Plants", "--json").json["moved"] == 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["enroll", "1", "evergren"], "Did you mean 'evergreen'"),
        (["enroll", "1"], "Which cadence"),
        (["pause", "1", "--until", "soon"], "'soon' is not a date"),
        (["pause", "1", "--until", "9999-12-31T23:59-10:00"], "--until: the year 9999 is out of reach"),
        (["pause"], "--where"),
        (["stop", "1", "nothing"], "No cadence is named 'nothing'"),
        (["why", "nobody"], "No lead is named 'nobody'"),
        (["touch", "list", "--state", "sended"], "sended"),
        (["touch", "show", "x"], "No touch is named 'x'"),
        (["touch", "resolve", "x"], "--sent"),
        (["touch", "ledger", "--from", "2026-01-01", "--until", "2025-01-01"], "not after"),
        (["task", "done", "x", "--outcome", "conected"], "Did you mean 'connected'"),
        (["task", "done", "x", "--outcome", "busy"], "No task is named 'x'"),
        (["task", "done", "x", "--outcome", "callback"], "--at"),
        (["respond", "1", "smile"], "smile"),
        (["respond", "1", "reply", "--intent", "buy"], "buy"),
        (["respond", "1", "click", "--touch", "x"], "No touch of this lead"),
        (["respond", "1", "visit", "--at", "2099-01-01"], "in the future"),
        (["respond", "1", "reply", "--until", "2020-01-01"], "2020-01-01 is past"),
        (["promise", "add", "1", "--on", "2020-01-01", "--text", "call"], "2020-01-01 is past"),
        (["respond", "1", "reply", "--file", "none.eml"], "none.eml"),
        (["inbox", "show", "7"], "'7'"),
        (["inbox", "settle", "7", "--lead", "1", "--until", "2020-01-01"], "2020-01-01 is past"),
        (["promise", "done", "7"], "'7'"),
        (["handoff", "accept", "7"], "7"),
        (["handoff", "accept", "x"], "'x'"),
        (["handoff", "won", "1", "--value", "much"], "'much'"),
        (["template", "preview", "evergreen", "nothing", "1"], "No step is named 'nothing'"),
        (["company", "show", "Acme Plant"], "Did you mean 'Acme Plants'"),
        (["company", "alias", "Acme Plants", "gmail.com"], "gmail.com"),
        (["link", "repair", "https://a.example", "javascript:x"], "no web address"),
        (["handoff", "import", "x.csv"], "There is no file x.csv"),
        (["scoring", "compare", "nothing.yaml"], "cannot be read"),
        (["response", "rejudge", "--since", "soon"], "'soon'"),
        (["report", "agreement", "--html", "nowhere/x.html"], "cannot be written"),
    ],
)
def test_a_wrong_request_is_one_message_and_exit_code_2(refused: Nurture, arguments: list[str], says: str) -> None:
    ran = refused(*arguments)
    assert ran.code == 2
    assert ran.out == ""
    assert says in ran.err
    assert "Traceback" not in ran.err


def test_a_test_mail_is_no_touch_that_an_event_could_name(nurture: Nurture, ada: str, folder: Path) -> None:
    assert nurture("template", "send", "not-now", "what-is-new", ada, "--to", "me@acme.example").code == 0
    (mail,) = (folder / "outbox").iterdir()
    assert mail.stem.startswith(PREVIEW)


@pytest.fixture
def over_smtp(monkeypatch: pytest.MonkeyPatch) -> None:
    """Mail goes by SMTP, and all else is as it comes; the test gives the port."""
    monkeypatch.setenv("NURTURE_WEB__PUBLIC_URL", "https://go.acme.example")
    monkeypatch.setenv("NURTURE_MAIL__PROVIDER", "smtp")
    monkeypatch.setenv("NURTURE_SMTP__HOST", "127.0.0.1")
    monkeypatch.setenv("NURTURE_SMTP__TLS", "none")


def test_a_test_mail_goes_over_smtp_to_the_address_named_and_to_nobody_else(
    nurture: Nurture, ada: str, monkeypatch: pytest.MonkeyPatch, over_smtp: None
) -> None:
    arguments = ("template", "send", "not-now", "what-is-new", ada, "--to", "me@acme.example")
    with SmtpServer() as server:
        monkeypatch.setenv("NURTURE_SMTP__PORT", str(server.port))
        assert nurture(*arguments, "--dry-run").code == 0
        assert server.mails == []
        assert nurture(*arguments).code == 0
        (taken,) = server.mails
    mail = message_from_bytes(taken.content, policy=policy.default)
    shown = nurture("template", "preview", "not-now", "what-is-new", ada, "--json").json
    assert (taken.recipient, mail["To"]) == ("me@acme.example", "me@acme.example")
    assert mail["Subject"] == f"[test] {shown['subject']}"
    assert b"ada@acme-plants.example" not in taken.content
    with SmtpServer(faults={"rcpt": "550 no such user"}) as server:
        monkeypatch.setenv("NURTURE_SMTP__PORT", str(server.port))
        refused = nurture(*arguments)
    assert (refused.code, "no such user" in refused.err) == (1, True)
    assert nurture("touch", "list", "--json").json == []


def test_what_goes_to_our_own_people_goes_over_smtp_with_the_settings_as_they_come(
    folder: Path, monkeypatch: pytest.MonkeyPatch, over_smtp: None
) -> None:
    alert = Delivery(1, "key", "alert", "lee@acme.example", {"subject": "Look", "text": "Now."}, A_TUESDAY, A_TUESDAY)
    with SmtpServer() as server:
        monkeypatch.setenv("NURTURE_SMTP__PORT", str(server.port))
        app = open_app(folder)
        try:
            assert isinstance(app.courier.deliver(alert), Yes)
        finally:
            app.close()
        assert [mail.recipient for mail in server.mails] == ["lee@acme.example"]
