"""Labelled mails of our own, written as mail programs and people write them: what a judge of mail must not confuse."""

from __future__ import annotations

from collections.abc import Iterator
from email.message import EmailMessage

# What each mail program adds to an automatic answer; the last adds nothing but the subject.
EXCHANGE = {
    "Auto-Submitted": "auto-generated",
    "X-Auto-Response-Suppress": "All",
    "X-MS-Exchange-Inbox-Rules-Loop": "a",
}
GMAIL = {"Auto-Submitted": "auto-replied", "Precedence": "bulk", "X-Autoreply": "yes"}
SIEVE = {"Auto-Submitted": "auto-replied (vacation)"}
NOTES = {"Return-Path": "<>"}
BARE: dict[str, str] = {}

AWAY = [
    (
        "Automatic reply: A guide",
        EXCHANGE,
        "Thank you for your email. I am out of the office until Monday, 30 November.",
    ),
    ("Automatic reply: A guide", BARE, "I'm currently out of the office with limited access to email. Back on 12/07."),
    ("Out of Office: A guide", GMAIL, "Hi! I'm on vacation through December 4th. For urgent matters call +1 555 0100."),
    ("Out of office", BARE, "I am travelling this week and will be slow to answer. I return on Thursday."),
    ("Re: A guide", SIEVE, "I am on parental leave until 1 March 2027. Please write to team@company.example."),
    ("Auto: A guide", BARE, "I will be out of the office starting 11/20/2026 and will not return until 11/27/2026."),
    ("OOO Re: A guide", BARE, "I'm away from my desk this afternoon."),
    ("On leave", NOTES, "I am on annual leave and shall be back in the office on 7 December 2026."),
    ("I am out of the office", BARE, "I am out of office attending a trade fair. I will respond when I return."),
    (
        "Automatische Antwort: A guide",
        EXCHANGE,
        "Ich bin bis einschließlich 4.12.2026 nicht im Büro. Ihre E-Mail wird nicht weitergeleitet.",
    ),
    (
        "Abwesenheitsnotiz: A guide",
        BARE,
        "Vielen Dank für Ihre Nachricht. Ich befinde mich im Urlaub und bin ab dem 7. Dezember wieder erreichbar.",
    ),
    ("Automatische Abwesenheitsmeldung", SIEVE, "Ich bin derzeit in Elternzeit. In dringenden Fällen: Frau Kern."),
    ("Urlaub", BARE, "Guten Tag, ich bin vom 23.11. bis 27.11. im Urlaub und danach wieder für Sie da."),
    ("Re: A guide", GMAIL, "Ich bin heute nicht im Haus und ab morgen wieder erreichbar."),
    ("Réponse automatique : A guide", EXCHANGE, "Bonjour, je suis absent du bureau jusqu'au 4 décembre inclus."),
    ("Absence du bureau", BARE, "Je suis en congés et serai de retour le lundi 7 décembre."),
    (
        "Message d'absence",
        SIEVE,
        "Actuellement en déplacement, je prendrai connaissance de votre message à mon retour.",
    ),
    ("Re : A guide", NOTES, "Je suis en congé maternité jusqu'en mars 2027."),
    ("Respuesta automática: A guide", EXCHANGE, "Estoy fuera de la oficina hasta el 4 de diciembre."),
    ("Fuera de oficina", BARE, "Gracias por su mensaje. Estaré de vacaciones hasta el próximo lunes."),
    ("Ausencia", GMAIL, "Me encuentro de viaje con acceso limitado al correo. Regreso el 7 de diciembre."),
    ("Risposta automatica: A guide", EXCHANGE, "Sono fuori ufficio fino al 4 dicembre 2026."),
    ("Fuori sede", BARE, "Buongiorno, sono in ferie e rientrerò in ufficio lunedì 7 dicembre."),
    ("R: A guide", SIEVE, "Sarò assente dall'ufficio fino a venerdì. Per urgenze contattate il mio collega."),
    ("Automatisch antwoord: A guide", EXCHANGE, "Ik ben tot en met 4 december niet op kantoor."),
    ("Afwezig", BARE, "Bedankt voor uw bericht. Ik ben met vakantie en vanaf 7 december weer bereikbaar."),
    ("Re: A guide", GMAIL, "Wegens verlof ben ik deze week afwezig."),
    ("Resposta automática: A guide", EXCHANGE, "Estou de férias até 4 de dezembro."),
    ("Ausência temporária", BARE, "Estarei ausente do escritório até segunda-feira, com acesso limitado ao e-mail."),
    ("Re: A guide", SIEVE, "Encontro-me fora do escritório e regresso no dia 7 de dezembro."),
]
NOT_AWAY = [  # machines, but nobody is away
    (
        "[Ticket #4711] A guide",
        {"Auto-Submitted": "auto-generated"},
        "We have received your message. Your ticket number is 4711.",
    ),
    (
        "Thank you for contacting us",
        {"Precedence": "auto_reply"},
        "Thank you for your e-mail. We will answer within two days.",
    ),
    ("Ihre Anfrage", SIEVE, "Wir haben Ihre Nachricht erhalten und melden uns so bald wie möglich."),
    ("Accusé de réception", SIEVE, "Nous avons bien reçu votre message."),
    ("Automatic reply: A guide", EXCHANGE, "This mailbox is not monitored. Please use our web form."),
    (
        "Confirm your message",
        {"Auto-Submitted": "auto-replied"},
        "Please click the link to confirm that you are a human.",
    ),
]
LEFT = [
    (
        "Automatic reply: A guide",
        EXCHANGE,
        "Jane Doe is no longer with the company. Please contact bo@company.example.",
    ),
    (
        "Automatische Antwort",
        EXCHANGE,
        "Frau Doe ist nicht mehr im Unternehmen. Ihr Ansprechpartner ist bo@company.example.",
    ),
    ("Réponse automatique", EXCHANGE, "Jane Doe ne travaille plus chez nous. Merci d'écrire à bo@company.example."),
    ("Respuesta automática", EXCHANGE, "Jane Doe ya no trabaja en la empresa. Escriba a bo@company.example."),
    ("Risposta automatica", EXCHANGE, "Jane Doe non lavora più presso di noi."),
    ("Automatisch antwoord", EXCHANGE, "Jane Doe werkt niet meer bij ons bedrijf."),
    ("Resposta automática", EXCHANGE, "Jane Doe já não trabalha nesta empresa."),
]
PEOPLE = [
    "Thanks, this is useful. Could you send me the price list?",
    "I was out of the office last week, sorry for the late answer. Let's talk on Thursday.",
    "I'm out of the office next week, but I can do a call on 7 December.",
    "Please remove me from your list.",
    "Not interested, thanks.",
    "No longer relevant for us, we went with another vendor.",
    "My colleague Bo is responsible for this. Please write to bo@company.example.",
    "Who is this? I don't remember signing up.",
    "Sounds good.",
    "ok",
    "I will be back to you after our budget round in Q1.",
    "We received your guide, great work! How does it handle returns?",
    "Does it also send automatic replies?",
    "Ich bin nächste Woche nicht im Büro, können wir am 7. Dezember telefonieren?",
    "Danke, das klingt interessant. Was kostet es für 20 Plätze?",
    "Wir haben Ihre Unterlagen erhalten und prüfen sie gerade.",
    "Bitte nehmen Sie mich aus dem Verteiler.",
    "Kein Interesse.",
    "Merci, pouvez-vous nous rappeler en janvier ?",
    "Pas pour le moment, le budget est gelé.",
    "Gracias, ¿me puede llamar mañana?",
    "Grazie, ci risentiamo a settembre.",
    "Dank u, kunt u volgende week bellen?",
    "Obrigada, vou falar com o meu chefe e respondo-lhe.",
]
HEAD = "The mail server could not deliver your message to ada@company.example."
BOUNCES = [  # (action, status, diagnostic, hard)
    ("failed", "5.1.1", "550 5.1.1 User unknown", True),
    ("failed", "5.1.1", "550 5.1.1 The email account that you tried to reach does not exist", True),
    ("failed", "5.1.10", "550 5.1.10 RESOLVER.ADR.RecipientNotFound", True),
    ("failed", "5.1.2", "Host or domain name not found", True),
    ("failed", "5.1.3", "501 5.1.3 Bad recipient address syntax", True),
    ("failed", "5.2.2", "552 5.2.2 Mailbox full", False),
    ("failed", "4.2.2", "452 4.2.2 Over quota", False),
    ("failed", "5.7.1", "550 5.7.1 Message rejected due to content", False),
    ("failed", "5.7.26", "550 5.7.26 Unauthenticated email is not accepted", False),
    ("failed", "4.4.7", "Message expired", False),
    ("failed", "5.4.1", "550 5.4.1 Recipient address rejected: Access denied", False),
    ("delayed", "4.4.1", "Connection timed out", False),
    ("delivered", "2.0.0", "250 ok", False),
]


# People who speak of their leave: nothing but a person can tell them from an automatic answer.
UNCLEAR = [
    "We are on vacation in August, so September would be better for us.",
    "Je suis absente la semaine prochaine, parlons-en le 7 décembre.",
    "Estoy de vacaciones la semana que viene, hablemos después.",
]


def samples() -> Iterator[tuple[str, bytes]]:
    """(label, mail): away, left, automatic, human, unclear, hard, not_hard."""
    for label, group in (("away", AWAY), ("automatic", NOT_AWAY), ("left", LEFT)):
        for subject, headers, text in group:
            yield label, _mail(subject, headers, text)
    for label, texts in (("human", PEOPLE), ("unclear", UNCLEAR)):
        for text in texts:
            yield label, _mail("Re: A guide", {"X-Auto-Response-Suppress": "DR, OOF"}, text)
    for action, status, diagnostic, hard in BOUNCES:
        yield "hard" if hard else "not_hard", _report(action, status, diagnostic)


def _mail(subject: str, headers: dict[str, str], text: str) -> bytes:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "Ada Ek <ada@company.example>", "dana@acme.example", subject
    for name, value in headers.items():
        mail[name] = value
    mail.set_content(f"{text}\n\nOn Fri, 20 Nov 2026, Dana wrote:\n> Here is the guide. To stop: unsubscribe here.\n")
    return mail.as_bytes()


def _report(action: str, status: str, diagnostic: str) -> bytes:
    lines = [
        "From: MAILER-DAEMON@mx.company.example",
        "To: bounces@acme.example",
        "Subject: Mail delivery report",
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"',
        "",
        "--b",
        "Content-Type: text/plain",
        "",
        HEAD,
        "--b",
        "Content-Type: message/delivery-status",
        "",
        "Reporting-MTA: dns; mx.company.example",
        "",
        "Final-Recipient: rfc822; ada@company.example",
        f"Action: {action}",
        f"Status: {status}",
        f"Diagnostic-Code: smtp; {diagnostic}",
        "--b--",
        "",
    ]
    return "\r\n".join(lines).encode()
