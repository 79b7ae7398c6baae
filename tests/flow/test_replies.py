"""Mail comes in, is matched and judged, and moves exactly the lead that wrote it; the rest is left to a person."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from nurture.adapters.links import SignedLinks
from nurture.adapters.mail.inbound import EmailReader
from nurture.adapters.mail.mail_folder import MailFolder
from nurture.adapters.store.unit import SqlStore
from nurture.domain.errors import RequestError
from nurture.domain.inbound import Inbound
from nurture.domain.lead import Lead
from nurture.domain.policy import Policy, Sender
from nurture.domain.response import Intent, Kind
from nurture.domain.touch import State, Touch
from nurture.flow import replies
from nurture.flow.inbox import settle
from nurture.flow.replies import Handled
from nurture.ports.incoming import MailReader
from tests.builders import a_company, a_lead, a_sent_touch, a_store, an_enrollment
from tests.fakes import A_TUESDAY, FixedClock
from tests.flow.loop import a_cadence, in_force

LINKS = SignedLinks("https://go.example.com", ["a key of the tests"])
RULES = in_force(
    {"course": a_cadence("- email: hello\n- wait: 3 months\n- email: again")},
    {"people.yaml": "- {name: Lee, email: lee@sales.example, roles: [rep]}\n"},
)
POLICY = Policy(senders={"mail": Sender("mail", "dana@acme.example", reply_domain="reply.acme.example")})
DICE = FixedClock()
NOW = A_TUESDAY + timedelta(days=2)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    with a_store(f"sqlite:///{tmp_path / 'nurture.db'}") as made:
        yield made


@pytest.fixture
def ada(store: SqlStore) -> Lead:
    company = a_company(store, name="Engines", domain="engines.example")
    return a_lead(store, email="ada@engines.example", company=company, timezone="UTC")


@pytest.fixture
def touch(store: SqlStore, ada: Lead) -> Touch:
    enrollment = an_enrollment(store, lead=ada, cadence="course")
    return a_sent_touch(
        store, enrollment=enrollment, id="touchaaa", address=ada.email, message_id="<touchaaa@acme.example>"
    )


def a_mail(text: str, *, to: str = "dana@acme.example", sender: str = "ada@engines.example", **headers: str) -> bytes:
    """The bytes of a plain mail. Header names are given with underscores."""
    mail = EmailMessage()
    mail["From"], mail["To"] = sender, to
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    number = abs(hash((text, sender, to)))
    for name, value in {"Subject": "Re: A guide", "Message-ID": f"<{number}@engines.example>", **named}.items():
        mail[name] = value
    mail["Date"] = (NOW - timedelta(hours=1)).strftime("%a, %d %b %Y %H:%M:%S +0000")
    mail.set_content(text)
    return mail.as_bytes()


def to_touch(touch: Touch) -> str:
    return LINKS.reply_to(touch.id, "reply.acme.example")


def take(store: SqlStore, *mails: bytes, now: datetime = NOW, reader: MailReader | None = None) -> list[Handled]:
    replies.take_mail([(str(number), mail) for number, mail in enumerate(mails)], store=store, now=now)
    reader = reader or EmailReader()
    return replies.process(store, reader=reader, tokens=LINKS, rules=RULES, policy=POLICY, new_id=DICE.new_id, now=now)


def inbox(store: SqlStore) -> list[dict[str, Any]]:
    with store.unit(write=False) as work:
        return work.notes.inbox()


def kinds(store: SqlStore, lead: Lead) -> list[Kind]:
    with store.unit(write=False) as work:
        return [one.kind for one in work.responses.of_leads([lead.id]).get(lead.id, [])]


def states(store: SqlStore, lead: Lead) -> list[str]:
    with store.unit(write=False) as work:
        return [one.state.value for one in work.enrollments.all_of([lead.id]).get(lead.id, [])]


def scopes(store: SqlStore, address: str) -> frozenset[str]:
    with store.unit(write=False) as work:
        return work.suppressions.scopes([address]).get(address, frozenset())


def test_a_reply_by_token_stops_its_enrollment_and_opens_a_task(store: SqlStore, ada: Lead, touch: Touch) -> None:
    (handled,) = take(store, a_mail("Sounds interesting, tell me more.", to=to_touch(touch)))
    assert (handled.what, handled.lead, handled.intent) == ("recorded", ada.id, Intent.INTERESTED)
    assert states(store, ada) == ["stopped"]
    with store.unit(write=False) as work:
        assert [one.step for one in work.touches.of_leads([ada.id])[ada.id] if one.state is State.OPEN] == ["reply"]


def test_the_same_mail_twice_is_one_response(store: SqlStore, ada: Lead, touch: Touch) -> None:
    mail = a_mail("Tell me more.", to=to_touch(touch))
    take(store, mail)
    assert take(store, mail) == []
    (again,) = take(store, b"Received: by another way\r\n" + mail)
    assert again.what == "repeated"
    assert kinds(store, ada) == [Kind.REPLY]


@pytest.mark.parametrize(
    "headers",
    [
        {"In_Reply_To": "<touchaaa@acme.example>"},
        {"References": "<else@where.example> <touchaaa@acme.example> <broken"},
    ],
)
def test_a_reply_is_matched_by_message_id(store: SqlStore, ada: Lead, touch: Touch, headers: dict[str, str]) -> None:
    (handled,) = take(store, a_mail("Tell me more.", **headers))
    assert (handled.what, handled.lead, handled.touch) == ("recorded", ada.id, touch.id)


def test_the_surest_sign_of_a_touch_wins_over_the_others(store: SqlStore, ada: Lead, touch: Touch) -> None:
    eve = a_lead(store, email="eve@else.example")
    a_sent_touch(store, id="touchbbb", lead=eve, enrollment=None, message_id="<touchbbb@acme.example>")
    eves, adas = "<touchbbb@acme.example>", "<touchaaa@acme.example>"
    mails = [
        a_mail("By token.", to=to_touch(touch).upper(), In_Reply_To=eves),  # some gateways change the case
        a_mail("By what it answers.", In_Reply_To=adas, References=eves),
        a_mail("By the last of the references.", References=f"{eves} {adas}"),
        a_mail("By a reference, and not by its sender.", References=adas, sender="eve@else.example"),
    ]
    assert [(one.what, one.touch) for one in take(store, *mails)] == [("recorded", touch.id)] * 3 + [
        ("inbox", touch.id)  # eve of another company answers ada's mail: whose answer is it?
    ]


def test_a_reply_matched_by_its_sender_alone_is_marked_weak(store: SqlStore, ada: Lead, touch: Touch) -> None:
    take(store, a_mail("Tell me more."))
    with store.unit(write=False) as work:
        (response,) = work.responses.of_leads([ada.id])[ada.id]
    assert response.detail["weak"] is True


def test_mail_that_matches_nobody_goes_to_the_inbox(store: SqlStore, ada: Lead, touch: Touch) -> None:
    (handled,) = take(store, a_mail("Who are you?", sender="stranger@else.example"))
    assert handled.what == "inbox"
    assert [(one["kind"], one["sender"], one["lead_id"]) for one in inbox(store)] == [
        ("reply", "stranger@else.example", None)
    ]
    assert kinds(store, ada) == []


def test_a_token_that_was_changed_moves_nobody(store: SqlStore, ada: Lead, touch: Touch) -> None:
    forged = to_touch(touch).replace("@", "a@")
    (handled,) = take(store, a_mail("Tell me more.", to=forged, sender="stranger@else.example"))
    assert handled.what == "inbox"
    assert kinds(store, ada) == []


def test_tokens_of_two_leads_are_never_guessed_between(store: SqlStore, ada: Lead, touch: Touch) -> None:
    other = a_sent_touch(store, id="touchbbb", lead=a_lead(store, email="eve@else.example"), enrollment=None)
    (handled,) = take(store, a_mail("Tell me more.", to=f"{to_touch(touch)}, {to_touch(other)}"))
    assert handled.what == "inbox"


def test_a_colleague_who_answers_becomes_a_lead_and_the_recipient_is_not_scored(
    store: SqlStore, ada: Lead, touch: Touch
) -> None:
    mail = a_mail("Please send us a quote.", to=to_touch(touch), sender="Bo Byron <bo@engines.example>")
    (handled,) = take(store, mail)
    with store.unit(write=False) as work:
        bo = work.leads.find("bo@engines.example")
    assert bo is not None
    assert (bo.first_name, bo.last_name, bo.asked_for_sales) == ("Bo", "Byron", True)
    assert bo.company == ada.company
    assert (handled.lead, kinds(store, ada), kinds(store, bo)) == (bo.id, [], [Kind.REPLY])
    assert states(store, ada) == ["active"]


def test_a_colleague_who_asks_for_no_more_mail_is_obeyed_and_asked_about_for_the_recipient(
    store: SqlStore, ada: Lead, touch: Touch
) -> None:
    take(store, a_mail("Please remove us from your list.", to=to_touch(touch), sender="bo@engines.example"))
    assert scopes(store, "bo@engines.example") == {"all"}
    assert scopes(store, "ada@engines.example") == frozenset()
    assert [(one["kind"], one["lead_id"]) for one in inbox(store)] == [("unsubscribe", ada.id)]


def test_a_lead_of_another_company_with_somebody_elses_token_is_quarantined(
    store: SqlStore, ada: Lead, touch: Touch
) -> None:
    eve = a_lead(store, email="eve@else.example")
    (handled,) = take(store, a_mail("Unsubscribe me", to=to_touch(touch), sender="eve@else.example"))
    assert handled.what == "inbox"
    assert (kinds(store, ada), kinds(store, eve), scopes(store, "ada@engines.example")) == ([], [], frozenset())


def test_an_unsubscribe_by_reply_suppresses_and_one_in_the_quote_does_not(
    store: SqlStore, ada: Lead, touch: Touch
) -> None:
    quoted = "Thanks!\n\nOn Tue, 3 Mar 2026 at 10:00, Dana <dana@acme.example> wrote:\n> Unsubscribe: click here\n"
    take(store, a_mail(quoted, to=to_touch(touch)))
    assert scopes(store, "ada@engines.example") == frozenset()
    take(store, a_mail("Please unsubscribe me.", to=to_touch(touch)))
    assert scopes(store, "ada@engines.example") == {"all"}


def test_a_stated_month_is_a_promise_and_a_vague_time_is_a_proposal(store: SqlStore, ada: Lead, touch: Touch) -> None:
    take(store, a_mail("Not now. Try me again in September.", to=to_touch(touch)))
    with store.unit(write=False) as work:
        (promise,) = work.notes.promises(lead=ada.id)
    assert (promise["due_on"], promise["sentence"]) == (date(2026, 9, 1), "Try me again in September.")
    take(store, a_mail("Not now, perhaps some time later.", to=to_touch(touch)))
    assert [(one["kind"], one["lead_id"]) for one in inbox(store)] == [("promise", ada.id)]


def test_an_entry_is_not_settled_for_a_day_that_has_passed(store: SqlStore, ada: Lead, touch: Touch) -> None:
    take(store, a_mail("Not now, perhaps some time later.", to=to_touch(touch)))
    ((number, kind),) = [(one["id"], one["kind"]) for one in inbox(store)]
    common: dict[str, Any] = {"lead": ada.id, "store": store, "rules": RULES, "policy": POLICY, "by": "Cal"}
    common |= {"new_id": DICE.new_id, "now": NOW}
    for days in (1, 400):
        with pytest.raises(RequestError, match="is past"):
            settle(number, until=NOW.date() - timedelta(days=days), **common)
    assert [(one["id"], one["kind"]) for one in inbox(store)] == [(number, kind)]
    settle(number, until=NOW.date(), **common)  # today is still to come
    with store.unit(write=False) as work:
        assert [one["due_on"] for one in work.notes.promises(lead=ada.id)] == [NOW.date()]
    assert inbox(store) == []


def test_out_of_office_pauses_and_is_no_reply(store: SqlStore, ada: Lead, touch: Touch) -> None:
    text = "I am out of the office until 20 March."
    (handled,) = take(store, a_mail(text, to=to_touch(touch), Auto_Submitted="auto-replied"))
    assert (handled.what, handled.kind) == ("recorded", Kind.AUTO_REPLY)
    assert states(store, ada) == ["paused"]
    with store.unit(write=False) as work:
        (one,) = work.enrollments.all_of([ada.id])[ada.id]
    assert list(one.pauses.values()) == ["2026-03-23T00:00:00+00:00"]  # Friday, and one business day


def test_who_left_is_written_to_no_more_and_the_successor_is_proposed(store: SqlStore, ada: Lead, touch: Touch) -> None:
    text = "Ada no longer works here. Please contact bo@engines.example."
    take(store, a_mail(text, to=to_touch(touch), Auto_Submitted="auto-replied"))
    assert states(store, ada) == ["stopped"]
    (entry,) = inbox(store)
    assert (entry["kind"], entry["detail"]) == ("successor", {"successor": "bo@engines.example"})


def a_report(status: str, original: str, *, recipient: str = "ada@engines.example", words: str = "") -> bytes:
    """A delivery report as mail servers write it."""
    return (
        "From: MAILER-DAEMON@mx.example\r\nTo: dana@acme.example\r\nSubject: Undelivered Mail\r\nReturn-Path: <>\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="x"\r\n\r\n'
        "--x\r\nContent-Type: text/plain\r\n\r\nIt failed.\r\n"
        "--x\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example\r\n\r\n"
        f"Final-Recipient: rfc822; {recipient}\r\nAction: failed\r\nStatus: {status}\r\n"
        f"Diagnostic-Code: smtp; {words}\r\n\r\n"
        f"--x\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: {original}\r\nTo: {recipient}\r\n\r\n--x--\r\n"
    ).encode()


def test_a_hard_bounce_of_our_mail_suppresses_the_address_for_mail(store: SqlStore, ada: Lead, touch: Touch) -> None:
    take(store, a_report("5.1.1", "<touchaaa@acme.example>", words="550 user unknown"))
    assert scopes(store, "ada@engines.example") == {"email"}
    assert states(store, ada) == ["active"]


@pytest.mark.parametrize("status", ["5.2.2", "5.7.1", "4.4.7"])
def test_other_bounces_suppress_nothing(store: SqlStore, ada: Lead, touch: Touch, status: str) -> None:
    take(store, a_report(status, "<touchaaa@acme.example>"))
    assert kinds(store, ada) == [Kind.BOUNCE]
    assert scopes(store, "ada@engines.example") == frozenset()


def test_a_report_that_names_no_mail_of_ours_changes_nothing(store: SqlStore, ada: Lead, touch: Touch) -> None:
    stranger = a_report("5.1.1", "<never@sent.example>", recipient="nobody@else.example")
    assert [one.what for one in take(store, stranger)] == ["noted"]
    assert [one.what for one in take(store, a_report("5.1.1", "<never@sent.example>"))] == ["inbox"]
    assert (kinds(store, ada), scopes(store, "ada@engines.example")) == ([], frozenset())


def test_a_bounce_of_an_address_it_was_forwarded_to_is_not_hard(store: SqlStore, ada: Lead, touch: Touch) -> None:
    take(store, a_report("5.1.1", "<touchaaa@acme.example>", recipient="ada.private@home.example"))
    assert scopes(store, "ada@engines.example") == frozenset()


def a_form(kind: str, *parts: tuple[str, str], to: str) -> bytes:
    """A mail whose parts say what it is, as programs write it."""
    body = "".join(f"--x\r\nContent-Type: {one}\r\n\r\n{text}\r\n" for one, text in parts)
    head = f"From: ada@engines.example\r\nTo: {to}\r\nSubject: A guide\r\nMessage-ID: <form@engines.example>\r\n"
    return f"{head}Content-Type: {kind}; boundary=x\r\n\r\n{body}--x--\r\n".encode()


ENCLOSED = ("message/rfc822", "From: dana@acme.example\r\nMessage-ID: <touchaaa@acme.example>\r\n\r\nA guide")
ABUSE = ("message/feedback-report", "Feedback-Type: abuse\r\nVersion: 1\r\n")
SHOWN = ("message/disposition-notification", "Disposition: manual-action/MDN-sent-manually; displayed\r\n")


def invited(answer: str) -> tuple[str, str]:
    """The part of a calendar reply."""
    return "text/calendar; method=REPLY", f"METHOD:REPLY\r\nATTENDEE;PARTSTAT={answer}:mailto:ada@engines.example"


@pytest.mark.parametrize(
    ("mail", "kind", "enrollment", "scope", "left_to_a_person"),
    [
        (("multipart/report; report-type=feedback-report", ABUSE, ENCLOSED), Kind.COMPLAINT, "stopped", {"all"}, []),
        (("multipart/report; report-type=disposition-notification", SHOWN), Kind.OPEN, "active", set(), []),
        (("multipart/alternative", invited("ACCEPTED")), Kind.MEETING, "active", set(), []),
        (("multipart/alternative", invited("DECLINED")), Kind.REPLY, "stopped", set(), []),
        (("multipart/mixed", ("text/plain", "Not interested.")), Kind.REPLY, "stopped", set(), []),
        (
            ("multipart/mixed", ("text/plain", "I am not the right person: bo@engines.example is.")),
            *(Kind.REPLY, "stopped", set(), [("successor", "bo@engines.example")]),
        ),
        (
            ("multipart/mixed", ("text/plain", "I am on holiday until 12 June.")),
            None,
            "active",
            set(),
            [("reply", None)],
        ),
    ],
)
def test_every_class_of_mail_has_its_effect_and_its_reason(
    store: SqlStore,
    ada: Lead,
    touch: Touch,
    mail: tuple[Any, ...],
    kind: Kind | None,
    enrollment: str,
    scope: set[str],
    left_to_a_person: list[tuple[str, str | None]],
) -> None:
    (handled,) = take(store, a_form(*mail, to=to_touch(touch)))
    assert (handled.lead, kinds(store, ada), states(store, ada)) == (ada.id, [kind] if kind else [], [enrollment])
    assert scopes(store, "ada@engines.example") == scope
    assert [(one["kind"], one["detail"].get("successor")) for one in inbox(store)] == left_to_a_person
    with store.unit(write=False) as work:
        reasons = [one.why for one in work.responses.of_leads([ada.id]).get(ada.id, [])]
    assert all(why.startswith("its reply address names the touch; ") for why in reasons)


def test_our_own_mail_that_comes_back_is_dropped(store: SqlStore, ada: Lead, touch: Touch) -> None:
    own = a_mail("A guide", sender="dana@acme.example", to=to_touch(touch))
    loop = a_mail("A guide", sender="x@y.example", to=to_touch(touch), Message_ID="<touchaaa@acme.example>")
    assert [one.what for one in take(store, own, loop)] == ["dropped", "dropped"]
    assert (kinds(store, ada), inbox(store)) == ([], [])


@pytest.mark.parametrize(
    ("sender", "what", "waits"),
    [
        ("Dana <DANA@Acme.Example>", "dropped", 0),  # our sender, in copy
        ("lee@sales.example", "dropped", 0),  # a person of people.yaml, at another domain
        ("The Boss <boss@acme.example>", "inbox", 1),  # nobody in people.yaml, and still no lead
    ],
)
def test_whoever_of_us_answers_is_no_lead_and_scores_nobody(
    store: SqlStore, ada: Lead, touch: Touch, sender: str, what: str, waits: int
) -> None:
    (handled,) = take(store, a_mail("Please send us a quote.", to=to_touch(touch), sender=sender))
    assert (handled.what, kinds(store, ada), len(inbox(store))) == (what, [], waits)
    assert states(store, ada) == ["active"]
    with store.unit(write=False) as work:
        assert len(work.leads.search(None, now=NOW)) == 1


def test_a_date_in_the_future_or_before_the_touch_is_not_believed(store: SqlStore, ada: Lead, touch: Touch) -> None:
    ahead = a_mail("Tell me more.", to=to_touch(touch)).replace(b"2026", b"2036")
    before = a_mail("And the price list, please send me a quote.", to=to_touch(touch)).replace(b"2026", b"2016")
    take(store, ahead, before)
    with store.unit(write=False) as work:
        assert [one.at for one in work.responses.of_leads([ada.id])[ada.id]] == [touch.intent_at, NOW]


@pytest.mark.parametrize(
    "junk", [b"\0", b"\xff\xfe\x00", b"From: \r\n\r\n", b"Content-Type: multipart/mixed\r\n\r\n--"]
)
def test_what_cannot_be_read_is_kept_for_a_person(store: SqlStore, junk: bytes) -> None:
    assert [one.what for one in take(store, junk)] == ["inbox"]


HALF = "\ud800"  # half a character, which no database takes


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Type: text/plain; charset=utf-7\r\n\r\nTell me more. +2AA-",
        b"Content-Type: text/plain; charset=unicode_escape\r\n\r\nTell me more. \\ud800\\u0000",
        b"Content-Type: text/plain\r\nSubject: =?utf-7?q?+2AA-?=\r\n\r\nTell me more.",
    ],
)
def test_half_characters_harm_neither_their_mail_nor_the_next(
    store: SqlStore, ada: Lead, touch: Touch, head: bytes
) -> None:
    broken = f"From: ada@engines.example\r\nTo: {to_touch(touch)}\r\n".encode() + head
    handled = take(store, broken, a_mail("And send me a quote.", to=to_touch(touch)))
    assert [(one.what, one.intent) for one in handled] == [
        ("recorded", Intent.INTERESTED),
        ("recorded", Intent.REQUEST),
    ]


def test_a_mail_that_cannot_even_be_shown_is_left_to_a_person_and_holds_up_no_other(
    store: SqlStore, ada: Lead, touch: Touch
) -> None:
    class Careless(EmailReader):
        def read(self, raw: bytes, *, envelope_to: Sequence[str] = ()) -> Inbound:
            mail = super().read(raw, envelope_to=envelope_to)
            return replace(mail, new_text=HALF, sender=HALF) if b"poison" in raw else mail

    mails = [a_mail(text, to=to_touch(touch)) for text in ("poison", "Tell me more.")]
    assert [one.what for one in take(store, *mails, reader=Careless())] == ["inbox", "recorded"]
    assert [(one["sender"], one["text"]) for one in inbox(store)] == [("", "")]
    assert take(store) == []


def test_a_folder_gives_each_file_once_and_puts_aside_what_it_cannot_read(tmp_path: Path) -> None:
    for name, body in (("a.eml", b"From: a@b.example\n\nHi"), ("empty.eml", b""), ("note.txt", b"no mail")):
        (tmp_path / name).write_bytes(body)
    folder = MailFolder(tmp_path)
    (found,) = folder.fetch()
    assert found == ("a.eml", b"From: a@b.example\n\nHi")
    folder.done("a.eml")
    folder.done("a.eml")  # somebody else was quicker
    assert list(folder.fetch()) == []
    assert (tmp_path / "done" / "a.eml").exists()
    assert (tmp_path / "failed" / "empty.eml.txt").read_text() == "it is empty\n"
