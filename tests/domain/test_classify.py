"""What a mail is judged to be, in seven languages; people's words are never taken for a machine's."""

from __future__ import annotations

from datetime import date

import pytest

from nurture.domain.classify import Judged, judge
from nurture.domain.classify.bounces import bounce_of
from nurture.domain.inbound import DeliveryStatus, Inbound
from nurture.domain.response import Bounce, Grade, Intent, Kind

TODAY = date(2026, 11, 24)


def said(text: str, *, subject: str = "Re: A guide", **over: object) -> Judged:
    """The verdict on a plain reply with this new text."""
    values: dict[str, object] = {"sender": "ada@company.example", "headers": {}, **over}
    return judge(Inbound(key="k", subject=subject, text=text, new_text=text, **values), TODAY)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("Please send me a quote for 20 seats.", Intent.REQUEST),
        ("Can we schedule a call on Thursday?", Intent.REQUEST),
        ("I'd like to book a demo.", Intent.REQUEST),
        ("Bitte schicken Sie uns ein Angebot.", Intent.REQUEST),
        ("Pouvez-vous m'envoyer un devis ?", Intent.REQUEST),
        ("¿Me puede enviar una cotización?", Intent.REQUEST),
        ("Potete mandarci un preventivo?", Intent.REQUEST),
        ("Kunt u mij terugbellen?", Intent.REQUEST),
        ("Gostaria de marcar uma reunião.", Intent.REQUEST),
        ("Sounds interesting, tell me more.", Intent.INTERESTED),
        ("Wir sind daran interessiert.", Intent.INTERESTED),
        ("J'aimerais en savoir plus.", Intent.INTERESTED),
        ("Nos interesa mucho.", Intent.INTERESTED),
        ("Siamo molto interessati.", Intent.INTERESTED),
        ("We hebben zeker interesse.", Intent.INTERESTED),
        ("Temos interesse em saber mais.", Intent.INTERESTED),
        ("Does it work with our older presses?", Intent.QUESTION),
        ("Läuft das auch unter Linux?", Intent.QUESTION),
        ("Does this work with the building management system we already have?", Intent.QUESTION),
        ("Geht das auch, wenn wir schon einen Anbieter haben?", Intent.QUESTION),
        ("How much does it cost for 20 people?", Intent.QUESTION),
        ("Was kostet das pro Jahr", Intent.QUESTION),
        ("Combien ça coûte ?", Intent.QUESTION),
        ("How much does it cost? Please send me a quote.", Intent.REQUEST),
        ("No thanks, why do you keep writing?", Intent.REFUSAL),
        ("Not right now, we have no budget.", Intent.NOT_NOW),
        ("Derzeit haben wir keinen Bedarf.", Intent.NOT_NOW),
        ("Pas pour le moment.", Intent.NOT_NOW),
        ("Por el momento no.", Intent.NOT_NOW),
        ("Al momento non ci serve.", Intent.NOT_NOW),
        ("Op dit moment niet.", Intent.NOT_NOW),
        ("De momento não.", Intent.NOT_NOW),
        ("No thanks, we are not interested.", Intent.REFUSAL),
        ("We already have a supplier.", Intent.REFUSAL),
        ("Kein Interesse.", Intent.REFUSAL),
        ("Non merci, pas intéressé.", Intent.REFUSAL),
        ("No nos interesa, gracias.", Intent.REFUSAL),
        ("Non siamo interessati.", Intent.REFUSAL),
        ("Wij hebben geen interesse.", Intent.REFUSAL),
        ("Não temos interesse.", Intent.REFUSAL),
        ("I am not the right person. Please contact my colleague Bo.", Intent.REFERRAL),
        ("Ich bin nicht zuständig, wenden Sie sich bitte an Frau Kern.", Intent.REFERRAL),
        ("Je ne suis pas la bonne personne, voyez avec ma collègue.", Intent.REFERRAL),
        ("No soy la persona adecuada.", Intent.REFERRAL),
        ("Non sono la persona giusta.", Intent.REFERRAL),
        ("Ik ben niet de juiste persoon.", Intent.REFERRAL),
        ("Não sou a pessoa certa.", Intent.REFERRAL),
        ("Please remove me from your list.", Intent.UNSUBSCRIBE),
        ("unsubscribe", Intent.UNSUBSCRIBE),
        ("Stop", Intent.UNSUBSCRIBE),
        ("Not interested, stop emailing me.", Intent.UNSUBSCRIBE),
        ("Bitte nehmen Sie mich aus dem Verteiler.", Intent.UNSUBSCRIBE),
        ("Merci de me désabonner.", Intent.UNSUBSCRIBE),
        ("Quiero darme de baja.", Intent.UNSUBSCRIBE),
        ("Cancellatemi dalla lista.", Intent.UNSUBSCRIBE),
        ("Graag uitschrijven.", Intent.UNSUBSCRIBE),
        ("Não quero receber mais e-mails.", Intent.UNSUBSCRIBE),
        ("Thanks for the note.", Intent.OTHER),
    ],
)
def test_a_reply_has_the_intent_of_its_words(text: str, intent: Intent) -> None:
    verdict = said(text)
    assert (verdict.kind, verdict.intent, verdict.review) == (Kind.REPLY, intent, None)
    assert verdict.grade is Grade.HUMAN
    assert verdict.why


@pytest.mark.parametrize(
    "text",
    [
        "Please don't remove me from the list, I like these.",
        "Stop by our booth next week!",
        "We had to stop the machines for maintenance.",
        "The unions were against it.",
    ],
)
def test_harmless_words_are_no_wish_to_be_left_alone(text: str) -> None:
    assert said(text).intent is not Intent.UNSUBSCRIBE


def test_not_now_with_a_date_is_a_promise_with_its_sentence() -> None:
    verdict = said("Thanks. Not interested at the moment, but try me again in September.")
    assert (verdict.intent, verdict.until) == (Intent.NOT_NOW, date(2027, 9, 1))
    assert "try me again in September" in verdict.sentence


def test_a_refusal_with_a_date_is_not_now() -> None:
    assert said("We already have a supplier. Contact us in Q3 next year.").until == date(2027, 7, 1)


def test_a_call_that_is_asked_for_far_ahead_is_not_now_and_a_near_one_a_request() -> None:
    assert said("Please call me in September.").intent is Intent.NOT_NOW
    near = said("Please call me on Thursday.")
    assert (near.intent, near.until) == (Intent.REQUEST, date(2026, 11, 26))


def test_a_vague_time_is_flagged_and_never_a_date() -> None:
    verdict = said("Not now, maybe some time later.")
    assert (verdict.intent, verdict.until, verdict.vague) == (Intent.NOT_NOW, None, True)


def test_the_day_of_a_fair_in_a_question_is_no_promise() -> None:
    assert said("Is your booth open on 12 January?").until is None


AWAY = [
    ("Automatic reply: A guide", "I am out of the office until 12 January.", date(2027, 1, 12)),
    ("Out of Office", "I'm on annual leave, returning on January 12, 2027.", date(2027, 1, 12)),
    ("Automatische Antwort", "Ich bin bis einschließlich 12.01.2027 nicht im Büro.", date(2027, 1, 12)),
    ("Abwesenheitsnotiz", "Ich bin ab dem 12. Januar wieder erreichbar.", date(2027, 1, 12)),
    ("Réponse automatique : guide", "Je suis absente du bureau jusqu'au 12 janvier.", date(2027, 1, 12)),
    ("Respuesta automática", "Estaré fuera de la oficina hasta el 12 de enero.", date(2027, 1, 12)),
    ("Risposta automatica", "Sono fuori ufficio fino al 12 gennaio.", date(2027, 1, 12)),
    ("Automatisch antwoord", "Ik ben afwezig tot en met 12 januari.", date(2027, 1, 12)),
    ("Resposta automática", "Estou de férias até 12 de janeiro.", date(2027, 1, 12)),
    ("Automatic reply", "I am away from 3 to 12 January 2027 with limited access to email.", date(2027, 1, 12)),
    ("Out of office", "I am out of the office from 12/24 until 1/4.", date(2027, 1, 4)),
    ("Out of office", "I am on vacation.", None),
]


@pytest.mark.parametrize(("subject", "text", "back"), AWAY)
def test_two_weak_signs_are_an_automatic_answer_with_its_return_date(
    subject: str, text: str, back: date | None
) -> None:
    verdict = said(text, subject=subject)
    assert (verdict.kind, verdict.until, verdict.away) == (Kind.AUTO_REPLY, back, True)
    assert verdict.grade is not Grade.HUMAN


@pytest.mark.parametrize(
    "headers",
    [
        {"auto-submitted": "auto-replied"},
        {"return-path": "<>"},
        {"x-autoreply": "yes"},
        {"precedence": "auto_reply"},
    ],
)
def test_one_strong_sign_is_enough(headers: dict[str, str]) -> None:
    assert said("Back on 12 January", headers=headers).kind is Kind.AUTO_REPLY


@pytest.mark.parametrize(
    ("subject", "headers", "text"),
    [
        ("Re: A guide", {"precedence": "bulk"}, "Thanks for the note"),
        ("Automatic reply: A guide", {}, "Thanks for the note"),
        ("Re: A guide", {}, "I am out of the office until 12 January."),
    ],
)
def test_one_weak_sign_is_left_to_a_person(subject: str, headers: dict[str, str], text: str) -> None:
    verdict = said(text, subject=subject, headers=headers)
    assert verdict.kind is Kind.REPLY
    assert verdict.review is not None


@pytest.mark.parametrize(
    ("headers", "text"),
    [
        ({"x-auto-response-suppress": "All"}, "Sounds good, tell me more."),
        ({"auto-submitted": "no"}, "Sounds good, tell me more."),
        ({}, "I am out of the office next week, can you send me a quote before?"),
    ],
)
def test_what_people_send_is_not_taken_for_a_machine(headers: dict[str, str], text: str) -> None:
    verdict = said(text, headers=headers)
    assert (verdict.kind, verdict.review) == (Kind.REPLY, None)


@pytest.mark.parametrize(
    "text",
    [
        "Jane Doe no longer works here. Please write to bo@company.example.",
        "Frau Doe ist nicht mehr bei uns tätig. Bitte wenden Sie sich an bo@company.example.",
        "Mme Doe a quitté l'entreprise. Contactez bo@company.example.",
        "La señora Doe ya no trabaja aquí: bo@company.example.",
        "La signora Doe non lavora più presso di noi: bo@company.example.",
        "Mevrouw Doe is niet meer werkzaam bij ons: bo@company.example.",
        "A senhora Doe já não trabalha aqui: bo@company.example.",
    ],
)
def test_who_left_the_company_is_said_with_the_successor(text: str) -> None:
    verdict = said(text, headers={"auto-submitted": "auto-replied"})
    assert (verdict.kind, verdict.left, verdict.successor) == (Kind.AUTO_REPLY, True, "bo@company.example")


def test_a_ticket_that_was_opened_says_that_nobody_is_away() -> None:
    verdict = said("We have received your message. Ticket number 4711.", headers={"auto-submitted": "auto-generated"})
    assert (verdict.kind, verdict.away, verdict.left) == (Kind.AUTO_REPLY, False, False)


@pytest.mark.parametrize(
    ("action", "status", "words", "bounce"),
    [
        ("failed", "5.1.1", "550 user unknown", Bounce.HARD),
        ("failed", "5.0.0", "550 5.1.1 no such user", Bounce.HARD),
        ("failed", "5.2.2", "mailbox full", Bounce.FULL),
        ("failed", "4.2.2", "", Bounce.FULL),
        ("failed", "4.4.7", "expired", Bounce.SOFT),
        ("failed", "5.7.1", "blocked by policy", Bounce.POLICY),
        ("failed", "5.0.0", "550 5.7.1 spam", Bounce.POLICY),
        ("failed", "5.0.0", "", Bounce.SOFT),
        ("delayed", "4.4.1", "", None),
    ],
)
def test_a_delivery_report_is_read_by_action_and_status(
    action: str, status: str, words: str, bounce: Bounce | None
) -> None:
    verdict = said("", dsn=(DeliveryStatus(action, status, "ada@company.example", words),))
    assert verdict.bounce is bounce
    assert verdict.kind is (Kind.BOUNCE if bounce else None)


def test_a_delivery_receipt_is_no_bounce() -> None:
    assert said("", dsn=(DeliveryStatus("relayed", "2.0.0", "a@b.example"),)).kind is Kind.DELIVERED


def test_an_undecided_failure_is_hard_only_where_the_reporter_judged_it_so() -> None:
    assert bounce_of("5.0.0", "rejected")[0] is Bounce.SOFT
    assert bounce_of("5.0.0", "rejected", hard_by_default=True)[0] is Bounce.HARD


def test_complaints_receipts_and_calendar_replies_are_told_apart() -> None:
    assert said("", is_arf=True).kind is Kind.COMPLAINT
    shown = said("", is_receipt=True, disposition="displayed")
    assert (shown.kind, shown.grade) == (Kind.OPEN, Grade.LIKELY_MACHINE)
    assert said("", is_receipt=True, disposition="deleted").kind is None
    assert said("", calendar_reply="accepted").kind is Kind.MEETING
    assert said("", calendar_reply="declined").intent is Intent.OTHER
